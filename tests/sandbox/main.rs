//! The recorded transcripts of a real CouchDB, replayed over HTTP against a sandbox; and how it stands
//! up to difficult clients.

mod compare;
mod http;
mod limits;
mod replay;
mod serve;
#[path = "../support/mod.rs"]
mod support;
mod views;

use std::time::{Duration, Instant};

use couchctl::json::{self, Value};
use couchctl::sandbox::Options;

use self::http::{Answer, request};
use self::replay::{Known, Replay};
use self::support::conformance;

/// Steps whose answer is known to differ: transcript, step, reason.
const KNOWN: Known = &[
    ("root", 0, VENDOR),
    ("root", 9, VENDOR),
    ("root", 10, VENDOR),
    ("root", 11, VENDOR),
    ("database-names", 19, VENDOR),
    ("mango", 17, AUTOMATIC_NAME),
    ("mango", 25, AUTOMATIC_NAME),
    ("mango", 26, AUTOMATIC_NAME),
    (
        "bad-json-views",
        3,
        "a sandbox has the whole answer before it sends any of it, and so can tell the error",
    ),
];

const VENDOR: &str = "a sandbox says that it is one";
const AUTOMATIC_NAME: &str =
    "the server hashes what is in its memory, the name of its database too";

/// Design documents whose saving is known to differ, and why.
const KNOWN_SAVES: &[(&str, &str)] = &[
    ("language-coffeescript", "CoffeeScript is not supported"),
    ("language-coffeescript-bad", "CoffeeScript is not supported"),
    ("body-nested-2000", "JSON is read to a depth of 1,000"),
];

/// Replays the transcripts of a file, and tells how many steps there were.
fn replay(file: &str, options: &Options, wanted: impl Fn(&str) -> bool) {
    let recorded = conformance(file);
    let mut failures = Vec::new();
    let (mut steps, mut differing) = (0, 0);
    for case in recorded.as_array().expect("cases") {
        let name = case["name"].as_str().expect("a name");
        if !wanted(name) {
            continue;
        }
        let mut replay = Replay::new(options, KNOWN);
        replay.prepare(case);
        for (position, step) in case["steps"].as_array().expect("steps").iter().enumerate() {
            let mut answer = replay.ask(step, position);
            // Steps that wait for something say so.
            let waits = step["note"].as_str().is_some_and(|note| note.starts_with("wait until"))
                || step["path"]
                    .as_str()
                    .is_some_and(|path| path.starts_with("/_scheduler/docs/_replicator"));
            let deadline = Instant::now() + Duration::from_secs(15);
            let mut problem = replay.judge(step, &answer);
            while problem.is_some() && waits && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(100));
                answer = replay.ask(step, position);
                problem = replay.judge(step, &answer);
            }
            replay.learn(step, &answer, false);
            replay.note(name, position, step, problem);
        }
        failures.append(&mut replay.failures);
        steps += replay.steps;
        differing += replay.differing;
    }
    assert!(steps > 0, "nothing was replayed");
    assert!(
        failures.is_empty(),
        "{} of {steps} steps differ:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert!(differing * 20 <= steps, "{differing} of {steps} are known to differ: more than 5 %");
}

/// Transcripts whose view takes too long in a test, see [`builds`].
const BUILDS: [&str; 2] = ["build", "build-replaced"];

#[test]
fn http() {
    replay("http.json", &Options::default(), |name| !BUILDS.contains(&name));
}

#[test]
fn functions() {
    replay("functions.json", &Options::default(), |_| true);
}

/// What happens while an index is built. The map functions of these transcripts count to 60,000 for
/// each of 6,000 documents; here they count to 6, and the sandbox takes its time. Revisions and
/// signatures are others then.
#[test]
fn builds() {
    let options = Options { index_delay: Duration::from_micros(500), ..Options::default() };
    let text = json::to_string(&conformance("http.json")).replace("i < 60000", "i < 6");
    let recorded = json::parse_str(&text).expect("JSON");
    for case in recorded.as_array().expect("cases") {
        let name = case["name"].as_str().expect("a name");
        if !BUILDS.contains(&name) {
            continue;
        }
        let mut replay = Replay::new(&options, KNOWN);
        replay.prepare(case);
        let steps = case["steps"].as_array().expect("steps");
        std::thread::scope(|scope| {
            let mut waiting = Vec::new();
            for (position, step) in steps.iter().enumerate() {
                if step["background"] == true {
                    let (address, path) = (replay.address(), replay.path(step));
                    let headers = replay.headers(step);
                    let asked = scope.spawn(move || request(address, "GET", &path, &headers, b""));
                    waiting.push((position, step, asked));
                    std::thread::sleep(Duration::from_millis(200));
                    continue;
                }
                let answer = replay.ask(step, position);
                let masked = masked(step);
                let problem = replay.judge(&masked, &answer);
                replay.learn(step, &answer, true);
                replay.note(name, position, step, problem);
            }
            for (position, step, asked) in waiting {
                let answer = asked.join().expect("an answer");
                let problem = replay.judge(step, &answer);
                replay.note(name, position, step, problem);
            }
        });
        assert!(replay.failures.is_empty(), "{}", replay.failures.join("\n"));
    }
}

/// A step without revisions and signatures.
fn masked(step: &Value) -> Value {
    let mut step = step.clone();
    for name in ["rev", "signature"] {
        if let Some(value) = step.pointer_mut(&format!("/response/{name}")) {
            *value = "<any>".into();
        }
    }
    if let Some(value) = step.pointer_mut("/response/view_index/signature") {
        *value = "<any>".into();
    }
    if let Some(headers) = step.get_mut("response_headers").and_then(Value::as_object_mut) {
        headers.shift_remove("ETag");
    }
    step
}

#[test]
fn save_design() {
    let recorded = conformance("save_design.json");
    let replay = Replay::new(&Options::default(), KNOWN);
    let mut failures = Vec::new();
    let mut differing = Vec::new();
    for (number, case) in recorded.as_array().expect("cases").iter().enumerate() {
        let name = case["name"].as_str().expect("a name");
        // Each on a database of its own.
        let database = format!("case{number}");
        let query = if case["partitioned"] == true { "?partitioned=true" } else { "?q=1" };
        assert_eq!(replay.send("PUT", &format!("/{database}{query}"), "").status, 201);
        let path = replay.path(case).replace("onedbhere", &database);
        let headers = replay.headers(case);
        let body = replay.body(case, 0);
        let answer = request(replay.address(), "PUT", &path, &headers, &body);
        let renamed = Answer {
            body: answer.text().replace(&database, "DB").into_bytes(),
            headers: answer
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), value.replace(&database, "DB")))
                .collect(),
            ..answer
        };
        let mut fail = |problem: String| {
            if KNOWN_SAVES.iter().any(|(known, _)| *known == name) {
                differing.push(name);
            } else {
                failures.push(format!("{name}: {problem}"));
            }
        };
        if let Some(problem) = replay.judge(case, &renamed) {
            fail(problem);
            continue;
        }
        let (Some(view), Some(expected)) = (case["view_query"].as_str(), case.get("view_answer"))
        else {
            continue;
        };
        replay.send("PUT", &format!("/{database}/doc"), r#"{"k":"key","v":2}"#);
        let id = path.split('?').next().unwrap_or_default();
        let answer = replay.send("GET", &format!("{id}/_view/{view}"), "");
        if let Some(problem) = replay.judge(expected, &answer) {
            fail(format!("its view: {problem}"));
        }
    }
    let known: Vec<&str> = KNOWN_SAVES.iter().map(|(name, _)| *name).collect();
    assert_eq!(differing, known, "the known differences, and no others");
    assert!(failures.is_empty(), "{} cases differ:\n{}", failures.len(), failures.join("\n"));
}
