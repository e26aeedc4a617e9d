//! Comparing answers with recorded ones, in which masks stand for what differs from run to run.

use couchctl::json::Value;

/// Masks inside a text.
const INSIDE: [&str; 7] =
    ["<seq>", "<cookie>", "<date>", "<js stack>", "<timestamp>", "<x>", "<ref>"];

/// Whether a text is a mask as a whole.
fn is_mask(text: &str) -> bool {
    let inner = text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    inner.is_some_and(|name| {
        name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte == b' ')
    })
}

/// Whether a text is the recorded one, whatever stands for its masks.
pub(crate) fn same_text(recorded: &str, text: &str) -> bool {
    if is_mask(recorded) || recorded.starts_with("<stack trace>") {
        return true;
    }
    let mask = INSIDE.iter().filter_map(|mask| Some((recorded.find(mask)?, *mask))).min();
    let Some((place, mask)) = mask else { return recorded == text };
    let (before, after) = (&recorded[..place], &recorded[place + mask.len()..]);
    let Some(rest) = text.strip_prefix(before) else { return false };
    rest.char_indices()
        .map(|(at, _)| at)
        .chain([rest.len()])
        .any(|at| same_text_from(after, &rest[at..]))
}

/// The rest of a text whose masks are found one after the other.
fn same_text_from(recorded: &str, text: &str) -> bool {
    let next = INSIDE.iter().filter_map(|mask| recorded.find(mask)).min().unwrap_or(recorded.len());
    if next == recorded.len() {
        return recorded == text;
    }
    text.starts_with(&recorded[..next]) && same_text(recorded, text)
}

/// Whether a value is the recorded one, member by member in order.
pub(crate) fn same(recorded: &Value, value: &Value) -> bool {
    match (recorded, value) {
        (Value::String(mask), _) if is_mask(mask) => true,
        (Value::String(recorded), Value::String(text)) => same_text(recorded, text),
        (Value::Array(recorded), Value::Array(items)) => {
            recorded.len() == items.len()
                && recorded.iter().zip(items).all(|(recorded, item)| same(recorded, item))
        }
        (Value::Object(recorded), Value::Object(members)) => {
            recorded.len() == members.len()
                && recorded.iter().zip(members).all(|((name, recorded), (other, member))| {
                    name == other && same(recorded, member)
                })
        }
        _ => recorded == value,
    }
}

/// Whether an answer holds what was picked of the recorded one: some members, at some depth; the
/// names of an object; the ids of rows; the ids and the beginnings of the revisions of rows.
pub(crate) fn holds(picked: &Value, value: &Value) -> bool {
    if same(picked, value) {
        return true;
    }
    let here = match (picked, value) {
        (Value::Object(picked), Value::Object(members)) => {
            !picked.is_empty()
                && picked
                    .iter()
                    .all(|(name, picked)| same(picked, members.get(name).unwrap_or(&Value::Null)))
        }
        (Value::Array(picked), Value::Object(members)) => {
            let mut names: Vec<&str> = members.keys().map(String::as_str).collect();
            let in_order =
                picked.iter().map(Value::as_str).eq(names.iter().map(|name| Some(*name)));
            names.sort_unstable();
            in_order || picked.iter().map(Value::as_str).eq(names.iter().map(|name| Some(*name)))
        }
        (Value::Array(picked), Value::Array(rows)) => {
            picked.len() == rows.len()
                && picked.iter().zip(rows).all(|(picked, row)| match picked {
                    Value::String(_) => *picked == row["id"],
                    Value::Array(pair) => {
                        let revision = row["value"]["rev"].as_str().unwrap_or_default();
                        pair[0] == row["id"]
                            && revision.starts_with(pair[1].as_str().unwrap_or("?"))
                    }
                    _ => false,
                })
        }
        (Value::Null, Value::Object(members)) => !members.contains_key("_attachments"),
        _ => false,
    };
    here || match value {
        Value::Object(members) => members.values().any(|member| holds(picked, member)),
        Value::Array(items) => {
            // Rows of `_dbs_info`.
            let information = |items: &[Value]| {
                picked.as_array().is_some_and(|picked| {
                    picked.len() == items.len()
                        && picked
                            .iter()
                            .zip(items)
                            .all(|(picked, item)| is_information(picked, item))
                })
            };
            information(items) || items.iter().any(|item| holds(picked, item))
        }
        _ => false,
    }
}

/// Whether a row of `_dbs_info` has the error and the members recorded.
fn is_information(picked: &Value, item: &Value) -> bool {
    let Some(has) = picked.get("has_info") else { return false };
    let info = item.get("info");
    picked["key"] == item["key"]
        && picked["error"] == *item.get("error").unwrap_or(&Value::Null)
        && match (has, info) {
            (Value::Array(_), Some(info)) => holds(has, info),
            (has, info) => *has == Value::Bool(info.is_some()),
        }
}
