//! Comparing a response with a recorded one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use couchctl::functions::Response;
use couchctl::json::{self, Value};

/// What differs from the recorded response, if anything.
pub(crate) fn difference(expected: &Value, answer: &Response) -> Option<String> {
    let status = expected["status"].as_u64();
    let body = String::from_utf8_lossy(&answer.body);
    if status != Some(answer.status.into()) {
        return Some(format!("status {} instead of {status:?}: {body}", answer.status));
    }
    // The mini server sets no headers of its own but those of functions.
    let headers = expected.get("response_headers").and_then(Value::as_object);
    for (name, value) in headers.into_iter().flatten() {
        if matches!(name.as_str(), "ETag" | "Location") {
            continue;
        }
        if answer.header(name) != value.as_str() {
            let got = answer.header(name);
            return Some(format!("header {name} is {got:?} instead of {value}"));
        }
    }
    if let Some(recorded) = expected.get("response_base64").and_then(Value::as_str) {
        let got = STANDARD.encode(&answer.body);
        return (got != recorded).then(|| format!("body {got} instead of {recorded}"));
    }
    if let Some(recorded) = expected.get("response_text").and_then(Value::as_str) {
        return (!text_matches(recorded, &body))
            .then(|| format!("\n      expected {recorded}\n      got      {body}"));
    }
    let Some(recorded) = expected.get("response") else {
        return (!body.is_empty()).then(|| format!("a body that was not recorded: {body}"));
    };
    let got = match json::parse_str(&body) {
        Ok(got) => got,
        Err(error) => return Some(format!("no JSON ({error}): {body}")),
    };
    let picked = expected["picked"] == Value::Bool(true);
    (!matches(recorded, &got, picked))
        .then(|| format!("\n      expected {recorded}\n      got      {got}"))
}

/// Masked values match anything; where members were picked, others may be there.
fn matches(recorded: &Value, got: &Value, picked: bool) -> bool {
    match (recorded, got) {
        (Value::String(mask), _) if matches!(mask.as_str(), "<ref>" | "<seq>") => true,
        (Value::String(recorded), Value::String(got)) => text_matches(recorded, got),
        (Value::Array(recorded), Value::Array(got)) => {
            recorded.len() == got.len()
                && recorded.iter().zip(got).all(|(recorded, got)| matches(recorded, got, false))
        }
        (Value::Object(recorded), Value::Object(got)) => {
            (picked || recorded.len() == got.len())
                && recorded.iter().all(|(name, recorded)| {
                    got.get(name).is_some_and(|got| matches(recorded, got, false))
                })
                && (picked || recorded.keys().eq(got.keys()))
        }
        (recorded, got) => recorded == got,
    }
}

/// Stack traces of JavaScript are the engine's own; of those of Erlang only the beginning can be
/// known, as it was recorded without its line breaks.
fn text_matches(recorded: &str, got: &str) -> bool {
    if let Some(recorded) = recorded.strip_prefix("<stack trace> ") {
        let dense = |text: &str| text.split_whitespace().collect::<String>();
        let recorded = recorded.split(", [{").next().unwrap_or(recorded);
        let recorded = recorded.split(",[{").next().unwrap_or(recorded);
        return dense(got).starts_with(&dense(recorded));
    }
    match recorded.split_once("<js stack>") {
        None => recorded == got,
        Some((start, end)) => {
            got.starts_with(start) && got.ends_with(end) && got.len() > start.len() + end.len()
        }
    }
}
