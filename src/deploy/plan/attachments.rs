//! Comparing attachments, of which a server shows no more than stubs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};

use super::compare::{Change, MemberChange};
use crate::design::revision::is_compressed;
use crate::json::{Map, Value};

const MEMBER: &str = "_attachments";

/// How an attachment of the project compares with the server's of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Same,
    Different,
    /// Type and length are equal, but the digest is that of compressed bytes.
    Open,
}

/// Adds the attachments that differ. One that only its content could tell counts as changed.
pub(super) fn changes(
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    changes: &mut Vec<MemberChange>,
) {
    let (old, new) = (of(before), of(after));
    let mut note = |name: &str, change, before: Option<&Value>, after: Option<&Value>| {
        changes.push(MemberChange {
            path: vec![MEMBER.to_owned(), name.to_owned()],
            change,
            before: before.map(shown),
            after: after.map(shown),
        });
    };
    for (name, attachment) in new.into_iter().flatten() {
        match old.and_then(|old| old.get(name)) {
            None => note(name, Change::Added, None, Some(attachment)),
            Some(stored) if compare(stored, attachment) != Comparison::Same => {
                note(name, Change::Changed, Some(stored), Some(attachment));
            }
            Some(_) => {}
        }
    }
    for (name, attachment) in old.into_iter().flatten() {
        if new.is_none_or(|new| !new.contains_key(name)) {
            note(name, Change::Removed, Some(attachment), None);
        }
    }
}

/// Whether some attachment can only be compared by its content: fetch the design document with
/// `attachments=true` then.
pub(super) fn are_open(before: &Map<String, Value>, after: &Map<String, Value>) -> bool {
    of(after).into_iter().flatten().any(|(name, attachment)| {
        let stored = of(before).and_then(|old| old.get(name));
        stored.is_some_and(|stored| compare(stored, attachment) == Comparison::Open)
    })
}

/// Replaces attachments that the server has already by stubs, so that their bytes are not sent again.
/// A stub says nothing but that: of what else it could say, a `revpos` may be refused.
pub(super) fn stub_unchanged(before: &Map<String, Value>, body: &mut Map<String, Value>) {
    let Some(old) = of(before) else { return };
    let Some(Value::Object(attachments)) = body.get_mut(MEMBER) else { return };
    for (name, attachment) in attachments {
        if old.get(name).is_some_and(|stored| compare(stored, attachment) == Comparison::Same) {
            let stub = [("stub".to_owned(), Value::Bool(true))];
            *attachment = Value::Object(stub.into_iter().collect());
        }
    }
}

fn of(body: &Map<String, Value>) -> Option<&Map<String, Value>> {
    body.get(MEMBER).and_then(Value::as_object)
}

fn compare(stored: &Value, attachment: &Value) -> Comparison {
    let (kind, new_kind) = (content_type(stored), content_type(attachment));
    let Some(bytes) = data(attachment) else { return Comparison::Different };
    if kind != new_kind {
        return Comparison::Different;
    }
    if let Some(stored) = data(stored) {
        return if stored == bytes { Comparison::Same } else { Comparison::Different };
    }
    if stored.get("length").and_then(Value::as_u64) != u64::try_from(bytes.len()).ok() {
        return Comparison::Different;
    }
    let digest = stored.get("digest").and_then(Value::as_str);
    let digest = digest.and_then(|digest| STANDARD.decode(digest.strip_prefix("md5-")?).ok());
    if digest.is_some_and(|digest| digest == Md5::digest(&bytes).as_slice()) {
        Comparison::Same
    } else if is_compressed(kind) {
        Comparison::Open
    } else {
        Comparison::Different
    }
}

fn content_type(attachment: &Value) -> &str {
    attachment.get("content_type").and_then(Value::as_str).unwrap_or("application/octet-stream")
}

fn data(attachment: &Value) -> Option<Vec<u8>> {
    STANDARD.decode(attachment.get("data")?.as_str()?).ok()
}

/// What a plan shows of an attachment.
fn shown(attachment: &Value) -> Value {
    let length = data(attachment)
        .map(|bytes| bytes.len() as u64)
        .or_else(|| attachment.get("length").and_then(Value::as_u64));
    serde_json::json!({ "content_type": content_type(attachment), "length": length })
}
