//! Documents as CouchDB shows them: to map functions, to `include_docs` and to clients.

use std::fmt::Write;
use std::sync::Arc;

use super::database::{Database, Stored};
use super::tree::Node;
use crate::design::Revision;
use crate::group::{GroupDefinition, GroupDocument};
use crate::json::{self, Value};
use crate::view::{DocumentOptions, DocumentReader};

/// What a document shows besides its own members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "they are CouchDB's query parameters")]
pub struct ReadOptions {
    /// `_revisions`: the ids of the revision and its ancestors.
    pub revs: bool,
    /// `_revs_info`: the same, with what is left of each.
    pub revs_info: bool,
    /// `_conflicts`, when there are any.
    pub conflicts: bool,
    /// `_deleted_conflicts`, when there are any.
    pub deleted_conflicts: bool,
    /// `_local_seq`.
    pub local_seq: bool,
    /// The data of attachments instead of stubs.
    pub attachments: bool,
    /// Of attachments, only those that came after this generation: the others stay stubs.
    pub attachments_after: u64,
    /// Attachments are sent behind the document instead of in it.
    pub follows: bool,
    /// `encoding` and `encoded_length` of compressed attachments.
    pub att_encoding_info: bool,
}

impl From<DocumentOptions> for ReadOptions {
    fn from(options: DocumentOptions) -> Self {
        Self {
            conflicts: options.conflicts,
            attachments: options.attachments,
            att_encoding_info: options.att_encoding_info,
            ..Self::default()
        }
    }
}

/// Why there is no document to show; the text is CouchDB's reason for its 404.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Absent {
    /// There is no such document or revision.
    #[error("missing")]
    Missing,
    /// The document is deleted.
    #[error("deleted")]
    Deleted,
}

impl Database {
    /// The winning revision of a document, unless it is deleted.
    #[must_use]
    pub fn revision(&self, id: &str) -> Option<Revision> {
        let winner = self.documents.get(id)?.tree.winner()?;
        (!winner.deleted).then(|| winner.revision().clone())
    }

    /// The ids of the documents that are not deleted, in bytewise order.
    #[must_use]
    pub fn ids(&self) -> Vec<Arc<str>> {
        let live = |stored: &Stored| stored.tree.winner().is_some_and(|winner| !winner.deleted);
        let documents = self.documents.iter().filter(|(_, stored)| live(stored));
        let mut ids: Vec<Arc<str>> = documents.map(|(id, _)| Arc::clone(id)).collect();
        ids.sort();
        ids
    }

    /// The JSON text of a document, numbers as they are stored: the winning revision, or the given
    /// one, which may be deleted. `_local` documents have no other.
    ///
    /// # Errors
    /// When there is no such document, or it is deleted and no revision was given.
    pub fn read(
        &self,
        id: &str,
        revision: Option<&Revision>,
        options: ReadOptions,
    ) -> Result<String, Absent> {
        if let Some(local) = self.local.get(id) {
            let mut out = head(id, &format!("0-{}", local.number), local.body.len());
            local.body.write(&mut out);
            out.push('}');
            return Ok(out);
        }
        let stored = self.documents.get(id).ok_or(Absent::Missing)?;
        let node = match revision {
            Some(revision) => stored.tree.get(revision).ok_or(Absent::Missing)?,
            None => stored.tree.winner().ok_or(Absent::Missing)?,
        };
        if revision.is_none() && node.deleted {
            return Err(Absent::Deleted);
        }
        // A revision that was asked for is not shown beside its conflicts.
        let mut options = options;
        if revision.is_some() {
            (options.conflicts, options.deleted_conflicts) = (false, false);
        }
        Ok(text(id, stored, node, options, usize::MAX))
    }

    /// A document exactly as map functions see it (`couch_index_updater`); `None` when it is deleted
    /// or not there.
    #[must_use]
    pub fn map_document(&self, id: &str, local_seq: bool) -> Option<String> {
        mapped(id, self.documents.get(id)?, local_seq)
    }

    /// The documents that the map functions of a group see, by shard and update sequence: none that
    /// are deleted or local, and design documents only with `include_design`.
    #[must_use]
    pub fn documents_for(&self, group: &GroupDefinition) -> Vec<GroupDocument> {
        self.changes_for(group, 0).0
    }

    /// The documents as a filter of the changes feed sees them, in the order of their last change:
    /// winning revisions, deleted documents as tombstones. Their `_revisions` name no ancestor.
    #[must_use]
    pub fn changed_documents(&self) -> Vec<Value> {
        let mut changed: Vec<(&Arc<str>, &Stored)> = self.documents.iter().collect();
        changed.sort_unstable_by_key(|(_, stored)| (stored.shard, stored.sequence));
        let options = ReadOptions { revs: true, ..ReadOptions::default() };
        changed
            .into_iter()
            .filter_map(|(id, stored)| {
                let text = text(id, stored, stored.tree.winner()?, options, 0);
                json::parse_str(&text).ok()
            })
            .collect()
    }
}

impl DocumentReader for Database {
    fn document(
        &self,
        id: &str,
        revision: Option<&str>,
        options: DocumentOptions,
    ) -> Option<Arc<str>> {
        let revision = match revision {
            Some(text) => Some(text.parse::<Revision>().ok()?),
            None => None,
        };
        let revision = match revision {
            Some(given) => Some(super::body::normal(given.generation, &given.hash)?),
            None => None,
        };
        self.read(id, revision.as_ref(), options.into()).ok().map(Into::into)
    }
}

pub(super) fn mapped(id: &str, stored: &Stored, local_seq: bool) -> Option<String> {
    let winner = stored.tree.winner().filter(|winner| !winner.deleted)?;
    let options = ReadOptions {
        conflicts: true,
        deleted_conflicts: true,
        local_seq,
        ..ReadOptions::default()
    };
    Some(text(id, stored, winner, options, 0))
}

fn head(id: &str, revision: &str, members: usize) -> String {
    let mut out = String::with_capacity(id.len() + revision.len() + members + 32);
    out.push_str("{\"_id\":");
    json::write_string(id, &mut out);
    out.push_str(",\"_rev\":");
    json::write_string(revision, &mut out);
    out
}

/// A document's text, its members in the order of `couch_doc:to_json_obj`. `_revisions` goes back
/// `ancestors` revisions at most.
pub(super) fn text(
    id: &str,
    stored: &Stored,
    node: &Node,
    options: ReadOptions,
    ancestors: usize,
) -> String {
    let body = node.body();
    let mut out = head(id, &node.revision().to_string(), body.len());
    body.write(&mut out);
    if node.deleted {
        out.push_str(",\"_deleted\":true");
    }
    if options.revs {
        // Writing to memory cannot fail, here and below.
        let _ = write!(out, ",\"_revisions\":{{\"start\":{},\"ids\":", node.revision().generation);
        let hashes = stored
            .tree
            .path(node)
            .map(|node| node.revision().hash.clone())
            .take(ancestors.saturating_add(1));
        list(hashes, &mut out);
        out.push('}');
    }
    if options.revs_info {
        out.push_str(",\"_revs_info\":[");
        for (position, node) in stored.tree.path(node).enumerate() {
            out.push_str(if position > 0 { ",{\"rev\":" } else { "{\"rev\":" });
            json::write_string(&node.revision().to_string(), &mut out);
            let status = match node {
                node if !node.is_known() => "missing",
                node if node.deleted => "deleted",
                _ => "available",
            };
            let _ = write!(out, ",\"status\":\"{status}\"}}");
        }
        out.push(']');
    }
    let wanted = [
        ("_conflicts", options.conflicts, false),
        ("_deleted_conflicts", options.deleted_conflicts, true),
    ];
    if options.conflicts || options.deleted_conflicts {
        let leaves = stored.tree.leaves();
        for (name, _, deleted) in wanted.into_iter().filter(|(_, wanted, _)| *wanted) {
            let others = leaves.iter().skip(1).filter(|leaf| leaf.deleted == deleted);
            let mut others = others.map(|leaf| leaf.revision().to_string()).peekable();
            if others.peek().is_some() {
                let _ = write!(out, ",\"{name}\":");
                list(others, &mut out);
            }
        }
    }
    if options.local_seq {
        let _ = write!(out, ",\"_local_seq\":{}", stored.sequence);
    }
    if !body.attachments.is_empty() {
        out.push_str(",\"_attachments\":{");
        for (position, attachment) in body.attachments.iter().enumerate() {
            if position > 0 {
                out.push(',');
            }
            attachment.write(options, &mut out);
        }
        out.push('}');
    }
    out.push('}');
    out
}

fn list(texts: impl Iterator<Item = String>, out: &mut String) {
    out.push('[');
    for (position, text) in texts.enumerate() {
        if position > 0 {
            out.push(',');
        }
        json::write_string(&text, out);
    }
    out.push(']');
}
