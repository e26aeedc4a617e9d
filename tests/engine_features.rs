//! The snippets of `conformance/engine_features.json`, run in both profiles.

mod support;

use couchctl::engine::{Engine, EngineError, Limits, MapOutcome, Profile};
use couchctl::json::{self, Value};
use support::conformance;

/// Snippets whose answer boa cannot give, and why.
const KNOWN: &[(&str, Profile, &str)] = &[
    ("function-caller", Profile::SpiderMonkey, "boa keeps no list of callers"),
    ("date-locale-args", Profile::SpiderMonkey, "boa is built without Intl"),
    ("to-locale-string-args", Profile::SpiderMonkey, "boa is built without Intl"),
    ("intl", Profile::SpiderMonkey, "boa is built without Intl"),
    (
        "error-messages",
        Profile::SpiderMonkey,
        "what `catch` receives has boa's message until it becomes text",
    ),
    (
        "error-messages",
        Profile::QuickJs,
        "what `catch` receives has boa's message until it becomes text",
    ),
    ("math-methods", Profile::QuickJs, "the engine takes Math.cbrt from an inexact C library"),
];

struct Answer {
    rows: Option<Vec<Value>>,
    log: Vec<String>,
    error: Option<EngineError>,
}

fn run(engine: &mut Engine, source: &str, document: &str) -> Answer {
    let (source, document) = (source.to_owned(), document.to_owned());
    let outcome = engine.run(move |vm| -> Result<MapOutcome, EngineError> {
        let functions = vm.compile_maps(&[&source], None).map_err(|(_, error)| error)?;
        vm.map_document(&functions, &document).map_err(|failure| failure.error)
    });
    match outcome.and_then(|outcome| outcome) {
        Ok(outcome) => Answer {
            rows: Some(
                outcome
                    .rows
                    .iter()
                    .map(|row| {
                        json::parse_str(&format!("[{},{}]", row.key, row.value))
                            .expect("row is JSON")
                    })
                    .collect(),
            ),
            log: outcome.log,
            error: None,
        },
        Err(error) => Answer { rows: None, log: Vec::new(), error: Some(error) },
    }
}

/// What differs from the recorded answer, if anything.
fn difference(answer: &Answer, recorded: &Value, source: &str) -> Option<String> {
    let text = |error: &EngineError| error.to_string();
    if let Some(expected) = recorded.get("compile_error").and_then(Value::as_str) {
        return match &answer.error {
            Some(EngineError::Compilation { message, .. }) if message == expected => None,
            // The place and text of errors that the engine itself reports are boa's own.
            Some(EngineError::Compilation { message, .. }) if engine_text(expected) => {
                let _ = message;
                None
            }
            other => Some(format!(
                "expected compile error {expected}, got {:?}",
                other.as_ref().map(text)
            )),
        };
    }
    if let Some(expected) = recorded.get("map_error") {
        let Some(error) = &answer.error else {
            return Some(format!("expected {expected}, got rows {:?}", answer.rows));
        };
        let (key, reason) = error.to_response();
        let got = Value::Array(vec!["error".into(), key.into(), reason]);
        return (&got != expected).then(|| format!("expected {expected}, got {got}"));
    }
    if recorded.get("exit").is_some() {
        return match &answer.error {
            Some(EngineError::Exit { .. }) => None,
            other => Some(format!(
                "expected a crash, got {:?} {:?}",
                other.as_ref().map(text),
                answer.rows
            )),
        };
    }
    let Some(rows) = &answer.rows else {
        return Some(format!(
            "expected rows, got {:?} for {source}",
            answer.error.as_ref().map(text)
        ));
    };
    let expected: Vec<Value> =
        recorded.get("rows").and_then(Value::as_array).cloned().unwrap_or_default();
    if rows != &expected {
        return Some(format!(
            "expected rows {}\n      got rows      {}",
            Value::Array(expected),
            Value::Array(rows.clone())
        ));
    }
    let expected: Vec<&str> = recorded
        .get("log")
        .and_then(Value::as_array)
        .map(|log| log.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let got: Vec<&str> = answer.log.iter().map(String::as_str).collect();
    (expected != got).then(|| format!("expected log {expected:?}, got {got:?}"))
}

/// Whether the text of a compile error comes from the engine, not from CouchDB or Esprima.
fn engine_text(message: &str) -> bool {
    message.starts_with("(new SyntaxError(") || message.starts_with("SyntaxError: ")
}

#[test]
fn snippets_answer_as_the_engines_do() {
    let recorded = conformance("engine_features.json");
    let document = json::to_string(&recorded["document"]);
    let mut failures = Vec::new();
    let mut checked = 0;
    for (profile, name) in [(Profile::SpiderMonkey, "sm78"), (Profile::QuickJs, "qjs-3.5.0")] {
        let mut engine = Engine::new(profile, Limits::default());
        for snippet in recorded["snippets"].as_array().expect("snippets") {
            let title = snippet["name"].as_str().expect("name");
            let source = snippet["source"].as_str().expect("source");
            let result = snippet["results"].as_array().expect("results").iter().find(|result| {
                result["engines"].as_array().expect("engines").contains(&name.into())
            });
            let Some(result) = result else { continue };
            checked += 1;
            let difference = difference(&run(&mut engine, source, &document), result, source);
            let known = KNOWN.iter().any(|(known, on, _)| *known == title && *on == profile);
            match (difference, known) {
                (Some(difference), false) => {
                    failures.push(format!("{title} ({name}): {difference}"));
                }
                (None, true) => {
                    failures.push(format!("{title} ({name}): is a known difference, but passes"));
                }
                _ => {}
            }
        }
    }
    assert!(checked > 0, "no snippet was run");
    assert!(KNOWN.len() * 50 <= checked, "more than 2 % known differences");
    assert!(
        failures.is_empty(),
        "{} of {checked} differ:\n{}",
        failures.len(),
        failures.join("\n")
    );
}
