//! `include_docs`: the document of a row, or the one its value points at.

use std::sync::Arc;

use super::row::{self, Row};
use super::{Context, Query};
use crate::json::Value;

/// Reads documents of the database for `include_docs`.
pub trait DocumentReader {
    /// The document with the given id as JSON text, members in CouchDB's order: the winning
    /// revision, or the given one. `None` when it is missing or, without `revision`, deleted.
    fn document(
        &self,
        id: &str,
        revision: Option<&str>,
        options: DocumentOptions,
    ) -> Option<Arc<str>>;
}

/// What a document shows besides its own members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DocumentOptions {
    /// `_conflicts`, when there are any.
    pub conflicts: bool,
    /// The data of attachments instead of stubs.
    pub attachments: bool,
    /// `encoding` and `encoded_length` of compressed attachments.
    pub att_encoding_info: bool,
}

/// The document shown with a row. A value with an `_id` points at another document, which the
/// coordinating node reads without any of the options (`fabric_view:possibly_embed_doc`); a value
/// with a `_rev` alone points at another revision of the row's own.
pub(super) fn of_row(row: &Row, query: &Query, context: &Context<'_>) -> Arc<str> {
    let own = DocumentOptions {
        conflicts: query.conflicts,
        attachments: query.attachments,
        att_encoding_info: query.att_encoding_info,
    };
    let read = |id: &str, revision: Option<&str>, options| {
        context.documents.and_then(|documents| documents.document(id, revision, options))
    };
    let value = if row.value.starts_with('{') { row::parse(&row.value) } else { Value::Null };
    let revision = match value.get("_rev") {
        None | Some(Value::Null) => None,
        Some(Value::String(revision)) => Some(revision.as_str()),
        Some(_) => return missing(),
    };
    // With sorted=false the coordinating node hands on what the shard read, with its options.
    let linked = if query.sorted { DocumentOptions::default() } else { own };
    let document = match value.get("_id") {
        None => read(&row.id, revision, own),
        Some(Value::String(id)) => read(id, revision, linked),
        Some(_) => None,
    };
    document.unwrap_or_else(missing)
}

fn missing() -> Arc<str> {
    Arc::from("null")
}
