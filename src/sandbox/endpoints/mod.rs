//! What the server answers, by subject.

pub(super) mod all_docs;
pub(super) mod attachments;
pub(super) mod bulk;
pub(super) mod changes;
pub(super) mod databases;
pub(super) mod design;
pub(super) mod documents;
pub(super) mod find;
pub(super) mod functions;
mod multipart;
pub(super) mod node;
pub(super) mod replicate;
pub(super) mod revisions;
pub(super) mod root;
pub(super) mod session;
mod system;
pub(super) mod utils;
pub(super) mod validation;
pub(super) mod views;

use crate::design::Revision;
use crate::json::{Map, Value};

/// `{"ok":true,"id":…,"rev":…}`.
fn saved(id: &str, revision: &Revision) -> Value {
    let mut members = Map::new();
    members.insert("ok".into(), true.into());
    members.insert("id".into(), id.into());
    members.insert("rev".into(), revision.to_string().into());
    Value::Object(members)
}

/// A revision as an `ETag` shows it.
fn etag(revision: &Revision) -> String {
    format!("\"{revision}\"")
}

/// An object of the given members.
fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}
