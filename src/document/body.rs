//! A document's JSON taken apart as CouchDB does when it is written (`couch_doc:from_json_obj`).

use super::attachment::{Attaching, Attachment};
use super::refusal::WriteError;
use crate::design::Revision;
use crate::design::revision::predict;
use crate::json::{self, Map, Value};

/// What a revision holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Body {
    /// The document's own members in stored order, as compact JSON without the braces.
    members: Box<str>,
    /// The attachments, in order.
    pub(super) attachments: Box<[Attachment]>,
}

/// Members that steer a write and are not stored.
const IGNORED: [&str; 6] =
    ["_id", "_rev", "_revs_info", "_conflicts", "_deleted_conflicts", "_local_seq"];

/// Members that are stored although they start with an underscore.
const KEPT: [&str; 6] = [
    "_access",
    "_replication_id",
    "_replication_state",
    "_replication_state_time",
    "_replication_state_reason",
    "_replication_stats",
];

impl Body {
    /// The body of document `id`.
    pub(super) fn new(
        id: &str,
        document: &Map<String, Value>,
        attaching: Attaching<'_>,
    ) -> Result<Self, WriteError> {
        let mut members = String::new();
        let mut attachments = Box::default();
        for (name, member) in document {
            match (name.as_str(), member) {
                ("_attachments", Value::Object(given)) => {
                    attachments = attaching.read(id, given)?;
                }
                ("_deleted", Value::Bool(_)) | ("_revisions", Value::Object(_)) => {}
                (name, _) if IGNORED.contains(&name) => {}
                (name, _) if name.starts_with('_') && !KEPT.contains(&name) => {
                    return Err(WriteError::bad_member(id, name));
                }
                (name, member) => {
                    if !members.is_empty() {
                        members.push(',');
                    }
                    json::write_string(name, &mut members);
                    members.push(':');
                    json::write(member, &mut members);
                }
            }
        }
        Ok(Self { members: members.into(), attachments })
    }

    /// The revision that this body, read from `document`, has on top of `parent`.
    pub(super) fn revision(
        &self,
        document: &Map<String, Value>,
        parent: Option<&Revision>,
        deleted: bool,
    ) -> Revision {
        let attachments: Vec<_> = self.attachments.iter().map(Attachment::digested).collect();
        predict(parent, deleted, document, &attachments)
    }

    /// The revision that this body has as the first one of its document.
    pub(super) fn first_revision(&self, deleted: bool) -> Revision {
        self.revision_on(None, deleted)
    }

    /// The revision that this body has on top of `parent`.
    pub(super) fn revision_on(&self, parent: Option<&Revision>, deleted: bool) -> Revision {
        let document = match json::parse_str(&format!("{{{}}}", self.members)) {
            Ok(Value::Object(members)) => members,
            _ => Map::new(),
        };
        self.revision(&document, parent, deleted)
    }

    /// Appends the members, each with a comma before it.
    pub(super) fn write(&self, out: &mut String) {
        if !self.members.is_empty() {
            out.push(',');
            out.push_str(&self.members);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }
}

/// Checks the members that CouchDB has a say in, before anything else is known of the document.
pub(super) fn check_members(id: &str, document: &Map<String, Value>) -> Result<(), WriteError> {
    for (name, member) in document {
        match (name.as_str(), member) {
            ("_attachments", Value::Object(given)) => Attachment::check(id, given)?,
            ("_deleted", Value::Bool(_)) | ("_revisions", Value::Object(_)) => {}
            (name, _) if IGNORED.contains(&name) || KEPT.contains(&name) => {}
            (name, _) if name.starts_with('_') => return Err(WriteError::bad_member(id, name)),
            _ => {}
        }
    }
    Ok(())
}

/// The id, checked as `couch_doc:validate_docid` and, in a partitioned database,
/// `couch_partition:validate_docid` do.
pub(super) fn checked_id(
    document: &Map<String, Value>,
    partitioned: bool,
) -> Result<&str, WriteError> {
    let id = match document.get("_id") {
        Some(Value::String(id)) => id.as_str(),
        Some(_) => return Err(WriteError::illegal_id("", "Document id must be a string")),
        None => return Err(WriteError::illegal_id("", "Document has no _id")),
    };
    check_id(id, id)?;
    if partitioned && !id.starts_with('_') {
        match id.split_once(':') {
            None => return Err(WriteError::illegal_id(id, "Doc id must be of form partition:id")),
            Some(("", _)) => {
                return Err(WriteError::illegal_partition(id, "Partition must not be empty"));
            }
            Some((_, rest)) => check_id(id, rest)?,
        }
    }
    Ok(id)
}

fn check_id(id: &str, checked: &str) -> Result<(), WriteError> {
    let reason = match checked {
        "" => "Document id must not be empty",
        "_design/" => "Illegal document id `_design/`",
        "_local/" => "Illegal document id `_local/`",
        _ if checked.starts_with("_design/") || checked.starts_with("_local/") => return Ok(()),
        _ if checked.starts_with('_') => "Only reserved document ids may start with underscore.",
        _ => return Ok(()),
    };
    Err(WriteError::illegal_id(id, reason))
}

/// Whether a document is written as deleted.
pub(super) fn is_deleted(document: &Map<String, Value>) -> bool {
    document.get("_deleted") == Some(&Value::Bool(true))
}

/// The revision that a document names, and its ancestors from the parent on. `_revisions` goes
/// before `_rev`.
pub(super) fn given_revisions(
    id: &str,
    document: &Map<String, Value>,
) -> Result<Vec<Revision>, WriteError> {
    if let Some(Value::Object(revisions)) = document.get("_revisions") {
        let Some(start) = revisions.get("start").and_then(Value::as_u64) else {
            return Err(WriteError::validation(id, "_revisions.start isn't an integer."));
        };
        let Some(hashes) = revisions.get("ids").and_then(Value::as_array) else {
            return Err(WriteError::validation(id, "_revisions.ids isn't a array."));
        };
        // More ids than generations would lead below the first one.
        return (0..=start)
            .rev()
            .zip(hashes)
            .map(|(generation, hash)| {
                let hash = hash.as_str();
                let hash =
                    hash.ok_or_else(|| WriteError::validation(id, "RevId isn't a string"))?;
                normal(generation, hash)
                    .ok_or_else(|| WriteError::validation(id, "RevId isn't a valid hexadecimal"))
            })
            .collect();
    }
    let Some(given) = document.get("_rev") else { return Ok(Vec::new()) };
    let given: Option<Revision> = given.as_str().and_then(|text| text.parse().ok());
    match given.and_then(|given| normal(given.generation, &given.hash)) {
        Some(revision) => Ok(vec![revision]),
        None => Err(WriteError::bad_revision(id)),
    }
}

/// A revision as CouchDB prints it back: 32 bytes must be hexadecimal digits, which it keeps as the
/// 16 bytes they stand for (`couch_doc:parse_revid`).
pub(super) fn normal(generation: u64, hash: &str) -> Option<Revision> {
    let hash = if generation > 0 && hash.len() == 32 {
        let is_hexadecimal = hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hexadecimal.then(|| hash.to_ascii_lowercase())?
    } else {
        hash.to_owned()
    };
    Some(Revision { generation, hash })
}
