//! Comparing what a case expects with what it got.

use std::cmp::Ordering;

use similar::{ChangeTag, TextDiff};

use super::{DiffLine, Failure};
use crate::json::{self, Map, Value};
use crate::view::collation::{self, Collation};

/// Rows shown around a difference.
const CONTEXT: usize = 3;

/// Compares rows, or other objects (`what` they are), in order. Members that an expected row leaves
/// out are not compared unless `exact`, nor are those that an expected `doc` leaves out; keys and
/// values are compared whole.
#[must_use]
pub(super) fn rows(
    what: &str,
    expected: &[Value],
    actual: &[Value],
    exact: bool,
) -> Option<Failure> {
    let row_matches = |expected: &Value, actual: &Value| {
        if exact { equal(expected, actual) } else { row_matches(expected, actual) }
    };
    let matches = expected.len() == actual.len()
        && expected.iter().zip(actual).all(|(expected, actual)| row_matches(expected, actual));
    if matches {
        return None;
    }
    let message = if expected.len() == actual.len() {
        format!("the {what}s differ")
    } else {
        let counted = |rows: &[Value]| counted(rows.len() as u64, what);
        format!("expected {}, got {}", counted(expected), counted(actual))
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
                None if exact => json::to_string(actual),
                None => json::to_string(&like_expected(actual, like)),
            }
        })
        .collect();
    Some(Failure { message, diff: Some(diff(&expected_lines, &actual_lines)), hint: None })
}

/// `1 row`, `2 rows`.
pub(super) fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn row_matches(expected: &Value, actual: &Value) -> bool {
    let (Value::Object(expected), Value::Object(actual)) = (expected, actual) else {
        return equal(expected, actual);
    };
    expected.iter().all(|(name, expected)| {
        let Some(actual) = actual.get(name) else { return false };
        if name == "doc" { has_members(expected, actual) } else { equal(expected, actual) }
    })
}

/// Whether `actual` has the members of `expected`, where both are objects; otherwise whether they
/// are equal.
fn has_members(expected: &Value, actual: &Value) -> bool {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => expected
            .iter()
            .all(|(name, member)| actual.get(name).is_some_and(|found| equal(member, found))),
        _ => equal(expected, actual),
    }
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

/// Compares a whole value.
#[must_use]
pub(super) fn value(what: &str, expected: &Value, actual: &Value) -> Option<Failure> {
    document(what, expected, actual, true)
}

/// Compares a document or another object: members that `expected` leaves out are not compared unless
/// `exact`.
#[must_use]
pub(super) fn document(
    what: &str,
    expected: &Value,
    actual: &Value,
    exact: bool,
) -> Option<Failure> {
    let is_same = if exact { equal(expected, actual) } else { has_members(expected, actual) };
    if is_same {
        return None;
    }
    let lines = |value: &Value| -> Vec<String> {
        let pretty = serde_json::to_string_pretty(value).unwrap_or_default();
        pretty.lines().map(str::to_owned).collect()
    };
    let shown = match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) if !exact => Value::Object(
            expected
                .keys()
                .filter_map(|name| Some((name.clone(), actual.get(name)?.clone())))
                .collect(),
        ),
        _ => actual.clone(),
    };
    Some(Failure {
        message: format!("{what} differs"),
        diff: Some(diff(&lines(expected), &lines(&shown))),
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
            assert_eq!(rows("row", &values(expected), &actual, false), None, "{expected}");
        }
        for expected in [r"[]", r#"[{"id":"b"}]"#, r#"[{"value":{}}]"#, r#"[{"doc":{"n":3}}]"#] {
            assert!(rows("row", &values(expected), &actual, false).is_some(), "{expected}");
        }
    }

    #[test]
    fn the_diff_shows_only_what_was_asked_about() {
        let actual = values(r#"[{"id":"a","key":1,"value":null},{"id":"b","key":2,"value":null}]"#);
        let failure =
            rows("row", &values(r#"[{"id":"a"},{"id":"c"}]"#), &actual, false).expect("differs");
        let text: Vec<String> = failure
            .diff
            .expect("a diff")
            .iter()
            .map(|line| format!("{}{}", line.sign, line.text))
            .collect();
        assert_eq!(text, [r#" {"id":"a"}"#, r#"-{"id":"c"}"#, r#"+{"id":"b"}"#]);
    }
}
