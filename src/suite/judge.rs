//! Whether an answer is what a case expects.

use super::answer::{Answer, Answered, Refusal, Response};
use super::{Failure, compare};
use crate::json::{self, Value};
use crate::project::suite::{Expectation, Text};

/// Everything in which `answer` is not what `expect` says; nothing when it is.
pub(super) fn judge(expect: &Expectation, answer: &Answer) -> Vec<Failure> {
    let mut failures = match &answer.result {
        Ok(answered) => answer_failures(expect, answered),
        Err(refusal) => refusal_failures(expect, refusal),
    };
    if let Some(expected) = &expect.log {
        failures.extend(log_failure(expected, &answer.log));
    }
    failures
}

/// A failure that a line says all about.
pub(super) fn plain(message: impl Into<String>) -> Failure {
    Failure { message: message.into(), diff: None, hint: None }
}

fn answer_failures(expect: &Expectation, answered: &Answered) -> Vec<Failure> {
    let verdict = [("forbidden", &expect.forbidden), ("unauthorized", &expect.unauthorized)];
    if verdict.iter().any(|(_, text)| text.is_some()) {
        return vec![plain("the write was accepted")];
    }
    match answered {
        Answered::Response(response) => return response_failures(expect, response),
        _ if expect.error.is_some() || expect.reason.is_some() => {
            return vec![plain("the request was answered, but an error was expected")];
        }
        _ => {}
    }
    let mut failures = status_failure(expect, 200).into_iter().collect();
    match answered {
        Answered::View(body) => view_failures(expect, body, &mut failures),
        Answered::Passed(ids) => filter_failures(expect, ids, &mut failures),
        Answered::Fields(fields) => {
            if let Some(expected) = &expect.fields {
                failures.extend(compare::rows("field", expected, fields, expect.exact));
            }
            failures.extend(count_failure(expect, fields.len(), "field"));
        }
        Answered::Accepted | Answered::Response(_) => {}
    }
    failures
}

fn view_failures(expect: &Expectation, body: &Value, failures: &mut Vec<Failure>) {
    let rows = body.get("rows").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if let Some(expected) = &expect.rows {
        failures.extend(compare::rows("row", expected, rows, expect.exact));
    }
    failures.extend(count_failure(expect, rows.len(), "row"));
    for (name, expected) in [("total_rows", expect.total_rows), ("offset", expect.offset)] {
        let Some(expected) = expected else { continue };
        let actual = body.get(name).cloned().unwrap_or_default();
        if !compare::equal(&expected.into(), &actual) {
            failures.push(plain(format!("expected {name} {expected}, got {actual}")));
        }
    }
}

fn filter_failures(expect: &Expectation, ids: &[String], failures: &mut Vec<Failure>) {
    if let Some(expected) = &expect.passes {
        let mut expected = expected.clone();
        expected.sort();
        if expected != ids {
            failures.push(Failure {
                message: "other documents pass the filter".into(),
                diff: Some(compare::diff(&expected, ids)),
                hint: None,
            });
        }
    }
    failures.extend(count_failure(expect, ids.len(), "document"));
}

fn count_failure(expect: &Expectation, actual: usize, what: &str) -> Option<Failure> {
    let actual = actual as u64;
    let expected = expect.count.filter(|count| *count != actual)?;
    let counted = |count| compare::counted(count, what);
    Some(plain(format!("expected {}, got {}", counted(expected), counted(actual))))
}

fn status_failure(expect: &Expectation, actual: u16) -> Option<Failure> {
    let expected = expect.status.filter(|status| *status != actual)?;
    Some(plain(format!("expected status {expected}, got {actual}")))
}

fn response_failures(expect: &Expectation, response: &Response) -> Vec<Failure> {
    let mut failures: Vec<Failure> = status_failure(expect, response.status).into_iter().collect();
    if let Some(expected) = &expect.doc {
        failures.extend(compare::document("the document", expected, &response.doc, expect.exact));
    }
    if let Some(expected) = &expect.body {
        failures.extend(body_failure(expected, &response.body, expect.exact));
    }
    for (name, expected) in expect.headers.iter().flatten() {
        let found = response.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
        let expected = text_of(expected);
        match found {
            Some((_, value)) if *value == expected => {}
            Some((_, value)) => {
                failures.push(plain(format!("expected header {name} `{expected}`, got `{value}`")));
            }
            None => failures.push(plain(format!("there is no header {name}"))),
        }
    }
    // CouchDB's own errors come as JSON in the body.
    let body = json::parse_str(&response.body).unwrap_or_default();
    for (name, expected) in [("error", &expect.error), ("reason", &expect.reason)] {
        let Some(expected) = expected else { continue };
        match body.get(name).map(text_of) {
            Some(actual) if expected.matches(&actual) => {}
            Some(actual) => failures.push(mismatch(name, expected, &actual)),
            None => failures.push(plain(format!("the response has no `{name}`"))),
        }
    }
    failures
}

/// A body is compared as text where text is expected, and as JSON where JSON is.
fn body_failure(expected: &Value, body: &str, exact: bool) -> Option<Failure> {
    if let Value::String(text) = expected {
        // What is no valid pattern was refused when the suite was read.
        let wanted = Text::parse(text).unwrap_or_else(|_| Text::Part(text.clone()));
        let matches = if exact { body == text } else { wanted.matches(body) };
        return (!matches).then(|| {
            let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
            Failure {
                message: "the body differs".into(),
                diff: Some(compare::diff(&lines(text), &lines(body))),
                hint: None,
            }
        });
    }
    match json::parse_str(body) {
        Ok(body) => compare::document("the body", expected, &body, exact),
        Err(_) => Some(plain(format!("the body is no JSON: {body}"))),
    }
}

fn refusal_failures(expect: &Expectation, refusal: &Refusal) -> Vec<Failure> {
    let reason = refusal.reason_text();
    let verdict = match (&expect.forbidden, &expect.unauthorized) {
        (Some(text), _) => Some((403, text)),
        (_, Some(text)) => Some((401, text)),
        _ => None,
    };
    let told = || format!("{} {}: {reason}", refusal.status, refusal.error);
    if let Some((status, text)) = verdict {
        return match refusal.status == status {
            true if text.matches(&reason) => Vec::new(),
            true => vec![mismatch("reason", text, &reason)],
            false => vec![plain(format!("expected status {status}, got {}", told()))],
        };
    }
    let is_expected = expect.status.is_some() || expect.error.is_some() || expect.reason.is_some();
    if !is_expected {
        // A snapshot says itself what it expects.
        return if expect.is_only_snapshot() {
            Vec::new()
        } else {
            vec![plain(format!("the answer is {}", told()))]
        };
    }
    let mut failures: Vec<Failure> = status_failure(expect, refusal.status).into_iter().collect();
    for (name, expected, actual) in
        [("error", &expect.error, &refusal.error), ("reason", &expect.reason, &reason)]
    {
        if let Some(expected) = expected.as_ref().filter(|expected| !expected.matches(actual)) {
            failures.push(mismatch(name, expected, actual));
        }
    }
    failures
}

fn mismatch(what: &str, expected: &Text, actual: &str) -> Failure {
    let verb = match expected {
        Text::Part(_) => "with",
        Text::Pattern(_) => "like",
    };
    plain(format!("expected {what} {verb} {expected}, got: {actual}"))
}

/// Expected messages must come in order; others may come between them.
fn log_failure(expected: &[Text], log: &[String]) -> Option<Failure> {
    let mut messages = log.iter();
    let missing = expected.iter().find(|text| !messages.any(|message| text.matches(message)))?;
    Some(Failure {
        message: format!("nothing was logged that has {missing}"),
        diff: Some(compare::diff(
            &expected.iter().map(ToString::to_string).collect::<Vec<_>>(),
            log,
        )),
        hint: None,
    })
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => json::to_string(other),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::project::suite::Suite;

    /// What `case`, given as YAML, makes of `answer`.
    fn messages(case: &str, answer: Result<Answered, Refusal>, log: &[&str]) -> Vec<String> {
        let text = format!("tests:\n  - name: x\n    {case}\n");
        let suite = Suite::parse(&text, Path::new("d/x.test.yaml")).expect(case);
        let log = log.iter().map(ToString::to_string).collect();
        let failures = judge(&suite.cases[0].expect, &Answer { result: answer, log });
        failures.into_iter().map(|failure| failure.message).collect()
    }

    fn refused(status: u16, error: &str, reason: &str) -> Result<Answered, Refusal> {
        Err(Refusal { status, error: error.into(), reason: reason.into() })
    }

    const NONE: [&str; 0] = [];

    #[test]
    fn writes() {
        let forbids = "validate: { new: {} }\n    expect: { forbidden: status }";
        let status = || refused(403, "forbidden", "no such status");
        assert_eq!(messages(forbids, status(), &[]), NONE);
        assert_eq!(messages(forbids, Ok(Answered::Accepted), &[]), ["the write was accepted"]);
        assert_eq!(
            messages(forbids, refused(403, "forbidden", "no"), &[]),
            ["expected reason with `status`, got: no"]
        );
        assert_eq!(
            messages(forbids, refused(401, "unauthorized", "status"), &[]),
            ["expected status 403, got 401 unauthorized: status"]
        );
        let accepts = "validate: { new: {} }\n    expect: { ok: true }";
        assert_eq!(messages(accepts, Ok(Answered::Accepted), &[]), NONE);
        assert_eq!(
            messages(accepts, status(), &[]),
            ["the answer is 403 forbidden: no such status"]
        );
        let pattern = "validate: { new: {} }\n    expect: { forbidden: '/^no .*tus$/' }";
        assert_eq!(messages(pattern, status(), &[]), NONE);
    }

    #[test]
    fn refusals_of_queries() {
        let error = || refused(400, "query_parse_error", "No rows can match");
        let case = |expect: &str| format!("view: v\n    expect: {{ {expect} }}");
        for fits in ["status: 400", "error: query_parse_error", "reason: /^No rows/, status: 400"] {
            assert_eq!(messages(&case(fits), error(), &[]), NONE, "{fits}");
        }
        for fails in ["status: 404", "error: not_found", "reason: none", "count: 0", "rows: []"] {
            assert_eq!(messages(&case(fails), error(), &[]).len(), 1, "{fails}");
        }
        let answered = || Ok(Answered::View(json::parse_str(r#"{"rows":[]}"#).expect("JSON")));
        assert_eq!(messages(&case("error: x"), answered(), &[]).len(), 1);
        assert_eq!(messages(&case("status: 200, count: 0"), answered(), &[]), NONE);
    }

    #[test]
    fn responses() {
        let response = |body: &str| {
            Ok(Answered::Response(Response {
                status: 201,
                headers: vec![("Content-Type".into(), "text/html".into())],
                body: body.into(),
                doc: json::parse_str(r#"{"_id":"a","n":1}"#).expect("JSON"),
            }))
        };
        let case = |expect: &str| format!("update: u\n    expect: {{ {expect} }}");
        for fits in [
            "status: 201, headers: { content-type: text/html }",
            "doc: { n: 1 }",
            "doc: { n: 1.0, _id: a }, exact: true",
            "body: { b: [1] }",
            "body: b",
            "body: '/^.{3}/'",
        ] {
            assert_eq!(messages(&case(fits), response(r#"{"b":[1],"c":2}"#), &[]), NONE, "{fits}");
        }
        for fails in [
            "status: 200",
            "headers: { Content-Type: text/plain }",
            "headers: { Location: x }",
            "doc: { n: 2 }",
            "doc: { n: 1 }, exact: true",
            "doc: null",
            "body: { b: [1, 2] }",
            "body: { b: [1] }, exact: true",
            "body: d",
            "error: x",
        ] {
            let told = messages(&case(fails), response(r#"{"b":[1],"c":2}"#), &[]);
            assert_eq!(told.len(), 1, "{fails}: {told:?}");
        }
        let error = response(r#"{"error":"render_error","reason":"function raised error"}"#);
        assert_eq!(messages(&case("error: render_error, reason: raised"), error, &[]), NONE);
    }

    #[test]
    fn logged_messages_come_in_order() {
        let case = "validate: { new: {} }\n    expect: { ok: true, log: [one, /^t.o$/] }";
        let accepted = || Ok(Answered::Accepted);
        assert_eq!(messages(case, accepted(), &["one", "between", "two"]), NONE);
        assert_eq!(messages(case, accepted(), &["two", "one"]).len(), 1);
        assert_eq!(messages(case, accepted(), &[]).len(), 1);
    }
}
