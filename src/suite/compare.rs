//! Comparing what a case expects with what it got.

use std::cmp::Ordering;

use similar::{ChangeTag, TextDiff};

use super::{DiffLine, Failure};
use crate::json::{self, Map, Value};
use crate::view::collation::{self, Collation};

/// Rows shown around a difference.
const CONTEXT: usize = 3;

/// Compares rows in order. Members that an expected row leaves out are not compared, nor are those
/// that an expected `doc` leaves out; keys and values are compared whole.
#[must_use]
pub(super) fn rows(expected: &[Value], actual: &[Value]) -> Option<Failure> {
    let matches = expected.len() == actual.len()
        && expected.iter().zip(actual).all(|(expected, actual)| row_matches(expected, actual));
    if matches {
        return None;
    }
    let message = if expected.len() == actual.len() {
        "the rows differ".to_owned()
    } else {
        format!("expected {}, got {}", row_count(expected.len()), row_count(actual.len()))
    };
    let expected_lines: Vec<String> = expected.iter().map(json::to_string).collect();
    let actual_lines: Vec<String> = actual
        .iter()
        .enumerate()
        .map(|(position, actual)| {
            // A row that fits is shown as it was expected, so that only real differences stand out.
            let fits = expected.iter().find(|expected| row_matches(expected, actual));
            let like = fits.or_else(|| expected.get(position)).or_else(|| expected.last());
            match fits {
                Some(expected) => json::to_string(expected),
                None => json::to_string(&like_expected(actual, like)),
            }
        })
        .collect();
    Some(Failure { message, diff: Some(diff(&expected_lines, &actual_lines)), hint: None })
}

fn row_count(count: usize) -> String {
    format!("{count} row{}", if count == 1 { "" } else { "s" })
}

fn row_matches(expected: &Value, actual: &Value) -> bool {
    let (Value::Object(expected), Value::Object(actual)) = (expected, actual) else {
        return equal(expected, actual);
    };
    expected.iter().all(|(name, expected)| {
        let Some(actual) = actual.get(name) else { return false };
        match (name.as_str(), expected, actual) {
            ("doc", Value::Object(expected), Value::Object(actual)) => {
                expected.iter().all(|(name, expected)| {
                    actual.get(name).is_some_and(|actual| equal(expected, actual))
                })
            }
            _ => equal(expected, actual),
        }
    })
}

/// The members of an actual row that an expected one like it names; all when there is none.
fn like_expected(actual: &Value, expected: Option<&Value>) -> Value {
    let (Value::Object(members), Some(Value::Object(like))) = (actual, expected) else {
        return actual.clone();
    };
    let mut shown = Map::new();
    for (name, expected) in like {
        let Some(member) = members.get(name) else { continue };
        let member = match (name.as_str(), expected, member) {
            ("doc", Value::Object(_), Value::Object(_)) => like_expected(member, Some(expected)),
            _ => member.clone(),
        };
        shown.insert(name.clone(), member);
    }
    if !shown.contains_key("id")
        && let Some(id) = members.get("id")
    {
        shown.shift_insert(0, "id".into(), id.clone());
    }
    Value::Object(shown)
}

/// Equality of JSON values: numbers by value (`1` is `1.0`), members in any order.
#[must_use]
pub(super) fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(_), Value::Number(_)) => {
            collation::compare(one, other, Collation::Raw) == Ordering::Equal
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(name, member)| other.get(name).is_some_and(|found| equal(member, found)))
        }
        _ => one == other,
    }
}

/// Compares two values, member by member when they are objects: what `expected` leaves out is not
/// compared.
#[must_use]
pub(super) fn value(what: &str, expected: &Value, actual: &Value) -> Option<Failure> {
    if equal(expected, actual) {
        return None;
    }
    let lines = |value: &Value| -> Vec<String> {
        let pretty = serde_json::to_string_pretty(value).unwrap_or_default();
        pretty.lines().map(str::to_owned).collect()
    };
    Some(Failure {
        message: format!("{what} differs"),
        diff: Some(diff(&lines(expected), &lines(actual))),
        hint: None,
    })
}

/// A diff of lines, long runs of equal ones cut.
#[must_use]
pub(super) fn diff(expected: &[String], actual: &[String]) -> Vec<DiffLine> {
    let old: Vec<&str> = expected.iter().map(String::as_str).collect();
    let new: Vec<&str> = actual.iter().map(String::as_str).collect();
    let diff = TextDiff::from_slices(&old, &new);
    let mut lines = Vec::new();
    for (index, group) in diff.grouped_ops(CONTEXT).iter().enumerate() {
        if index > 0 {
            lines.push(DiffLine { sign: ' ', text: "…".into() });
        }
        for operation in group {
            for change in diff.iter_changes(operation) {
                let sign = match change.tag() {
                    ChangeTag::Delete => '-',
                    ChangeTag::Insert => '+',
                    ChangeTag::Equal => ' ',
                };
                lines.push(DiffLine { sign, text: change.value().to_owned() });
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<Value> {
        match json::parse_str(text) {
            Ok(Value::Array(values)) => values,
            other => panic!("{other:?} is no array"),
        }
    }

    #[test]
    fn members_left_out_are_not_compared() {
        let actual = values(r#"[{"id":"a","key":1,"value":{"x":1},"doc":{"_id":"a","n":2}}]"#);
        for expected in [r"[{}]", r#"[{"id":"a"}]"#, r#"[{"key":1.0}]"#, r#"[{"doc":{"n":2}}]"#] {
            assert_eq!(rows(&values(expected), &actual), None, "{expected}");
        }
        for expected in [r"[]", r#"[{"id":"b"}]"#, r#"[{"value":{}}]"#, r#"[{"doc":{"n":3}}]"#] {
            assert!(rows(&values(expected), &actual).is_some(), "{expected}");
        }
    }

    #[test]
    fn the_diff_shows_only_what_was_asked_about() {
        let actual = values(r#"[{"id":"a","key":1,"value":null},{"id":"b","key":2,"value":null}]"#);
        let failure = rows(&values(r#"[{"id":"a"},{"id":"c"}]"#), &actual).expect("differs");
        let text: Vec<String> = failure
            .diff
            .expect("a diff")
            .iter()
            .map(|line| format!("{}{}", line.sign, line.text))
            .collect();
        assert_eq!(text, [r#" {"id":"a"}"#, r#"-{"id":"c"}"#, r#"+{"id":"b"}"#]);
    }
}
