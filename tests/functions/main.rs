//! `conformance/functions.json`: validation, filter, update, show, list and rewrite functions, run
//! by the engine in both profiles. Where a step is about documents they are those of a
//! [`Database`](couchctl::document::Database); HTTP is a small interpreter of paths in `server.rs`.

mod compare;
mod server;
#[path = "../support/mod.rs"]
mod support;

use couchctl::engine::Profile;
use couchctl::functions::{Request, RequestBody, Response};
use couchctl::json::{self, Value};
use server::{Server, User};
use support::conformance;

/// Cases that run no function, and why they cannot be replayed without a server.
const SERVER_ONLY: &[(&str, &str)] =
    &[("filter-builtin", "the filters are the server's own: no function runs")];

/// Steps whose answer is known to differ: case, step, profile (`None`: both), reason.
const KNOWN: &[(&str, usize, Option<Profile>, &str)] = &[];

fn user(step: &Value) -> User {
    let (name, roles): (Option<&str>, &[&str]) = match step.get("as").and_then(Value::as_str) {
        None => (Some("admin"), &["_admin"]),
        Some("anonymous") => (None, &[]),
        Some(name @ "c7_alice") => (Some(name), &["editor", "reader"]),
        Some(name @ "c7_carol") => (Some(name), &["dbadm"]),
        Some(name) => (Some(name), &[]),
    };
    User {
        name: name.map(str::to_owned),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
    }
}

fn request(step: &Value) -> Request {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let headers = step.get("headers").and_then(Value::as_object).into_iter().flatten();
    let mut headers: Vec<(String, String)> =
        headers.map(|(name, value)| (name.clone(), text(value))).collect();
    let body = match step.get("body") {
        None => RequestBody::Absent,
        Some(Value::String(body)) => RequestBody::Bytes(body.clone().into_bytes()),
        Some(body) => {
            headers.push(("Content-Type".into(), "application/json".into()));
            RequestBody::Bytes(json::to_string(body).into_bytes())
        }
    };
    let peer = "127.0.0.1".to_owned();
    Request { method: text(&step["method"]), path: text(&step["path"]), headers, body, peer }
}

fn check(case: &Value, profile: Profile, failures: &mut Vec<String>) -> usize {
    let name = case["name"].as_str().expect("name");
    let mut server = Server::new(case, profile);
    let steps = case["steps"].as_array().expect("steps");
    for (number, step) in steps.iter().enumerate() {
        let answer: Response = server.answer(&request(step), &user(step));
        let expected = match (profile, step.get("quickjs").and_then(Value::as_object)) {
            (Profile::QuickJs, Some(other)) => {
                let mut expected = step.as_object().expect("a step").clone();
                expected.extend(other.clone());
                Value::Object(expected)
            }
            _ => step.clone(),
        };
        let wrong = compare::difference(&expected, &answer);
        let known = KNOWN.iter().any(|(case, at, on, _)| {
            *case == name && *at == number && on.is_none_or(|on| on == profile)
        });
        match (wrong, known) {
            (Some(wrong), false) => failures.push(format!(
                "{name} ({profile:?}) step {number} {} {}: {wrong}",
                step["method"], step["path"]
            )),
            (None, true) => failures
                .push(format!("{name} ({profile:?}) step {number}: known, but does not differ")),
            _ => {}
        }
    }
    steps.len()
}

#[test]
fn functions_answer_as_on_a_server() {
    let recorded = conformance("functions.json");
    let mut failures = Vec::new();
    let mut steps = 0;
    for case in recorded.as_array().expect("cases") {
        if SERVER_ONLY.iter().any(|(name, _)| case["name"] == *name) {
            continue;
        }
        for profile in [Profile::SpiderMonkey, Profile::QuickJs] {
            steps += check(case, profile, &mut failures);
        }
    }
    assert!(steps > 0, "no step was run");
    assert!(KNOWN.len() * 50 <= steps, "more than 2 % known differences");
    assert!(failures.is_empty(), "{} of {steps}:\n{}", failures.len(), failures.join("\n"));
}
