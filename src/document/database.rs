//! A database in memory, as far as views, suites and local queries need one.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::attachment::Attaching;
use super::body::{Body, check_members, checked_id, given_revisions, is_deleted};
use super::read::Absent;
use super::refusal::WriteError;
use super::tree::{Node, RevisionTree};
use crate::design::Revision;
use crate::json::{Map, Value};

/// A document.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) shard: usize,
    /// Of its last change, on its shard.
    pub(super) sequence: u64,
    /// Of its last change, counted over all shards.
    pub(super) update: u64,
    pub(super) tree: RevisionTree,
}

/// A `_local` document: the number behind the `0-` of its revision, and its body.
#[derive(Debug, Clone)]
pub(super) struct Local {
    pub(super) number: u64,
    pub(super) body: Body,
}

/// Documents by id, spread over shards.
#[derive(Debug, Clone)]
pub struct Database {
    shards: usize,
    partitioned: bool,
    pub(super) documents: HashMap<Arc<str>, Stored>,
    sequences: Vec<u64>,
    revs_limit: usize,
    /// Documents of which nothing is left: when they were purged, and their shards.
    pub(super) purged: Vec<(u64, Arc<str>, usize)>,
    pub(super) local: BTreeMap<String, Local>,
}

/// How many revisions of a branch are remembered (`couch_db_engine`, `DEFAULT_REVS_LIMIT`).
const REVS_LIMIT: usize = 1000;

/// More shards than any server has, and few enough to count sequences for.
const MAX_SHARDS: usize = 1 << 16;

impl Database {
    /// An empty database with `shards` shards: CouchDB's `q`, at least 1 and at most 65,536.
    #[must_use]
    pub fn new(shards: usize, partitioned: bool) -> Self {
        let shards = shards.clamp(1, MAX_SHARDS);
        Self {
            shards,
            partitioned,
            documents: HashMap::new(),
            sequences: vec![0; shards],
            revs_limit: REVS_LIMIT,
            purged: Vec::new(),
            local: BTreeMap::new(),
        }
    }

    /// The number of shards.
    #[must_use]
    pub fn shards(&self) -> usize {
        self.shards
    }

    /// Whether the database is partitioned.
    #[must_use]
    pub fn is_partitioned(&self) -> bool {
        self.partitioned
    }

    /// The number of documents that are not deleted, design documents included.
    #[must_use]
    pub fn len(&self) -> usize {
        let live = |stored: &&Stored| stored.tree.winner().is_some_and(|winner| !winner.deleted);
        self.documents.values().filter(live).count()
    }

    /// Whether there is no document.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The last update sequence of each shard.
    #[must_use]
    pub fn update_sequences(&self) -> &[u64] {
        &self.sequences
    }

    /// The update sequence of the database: how many changes it has seen.
    #[must_use]
    pub fn update_sequence(&self) -> u64 {
        self.sequences.iter().sum()
    }

    /// How many revisions of a branch are remembered.
    #[must_use]
    pub fn revs_limit(&self) -> usize {
        self.revs_limit
    }

    /// Sets how many revisions of a branch are remembered, at least one. Branches are shortened when
    /// they are next written.
    pub fn set_revs_limit(&mut self, limit: usize) {
        self.revs_limit = limit.max(1);
    }

    /// The shard of a document: equal ranges of the CRC-32 of its id, or of its partition in a
    /// partitioned database; the last range takes the rest (`mem3_util:create_partition_map`,
    /// `mem3_hash`, `couch_partition:hash`).
    #[must_use]
    pub fn shard_of(&self, id: &str) -> usize {
        let hashed = match id.split_once(':') {
            Some((partition, _)) if self.partitioned && !id.starts_with('_') => partition,
            _ => id,
        };
        let hash = u64::from(crc32fast::hash(hashed.as_bytes()));
        let width = (1_u64 << 32) / self.shards as u64;
        usize::try_from(hash / width).unwrap_or(usize::MAX).min(self.shards - 1)
    }

    /// The shard of a partition.
    #[must_use]
    pub fn shard_of_partition(&self, partition: &str) -> usize {
        self.shard_of(&format!("{partition}:"))
    }

    /// Saves a document as a client does: `_rev` must name the current revision, if there is one
    /// (`couch_db:prep_and_validate_update`, `couch_db_updater:merge_rev_tree`).
    ///
    /// # Errors
    /// A conflict, an id or members that CouchDB refuses.
    pub fn put(&mut self, document: &Map<String, Value>) -> Result<Revision, WriteError> {
        let id = checked_id(document, self.partitioned)?;
        if id.starts_with("_local/") {
            return self.put_local(id, document);
        }
        let deleted = is_deleted(document);
        let (given, parent) = self.parent(id, document)?;
        let attaching = Attaching::Edit {
            revpos: given.as_ref().map_or(0, |given| given.generation).saturating_add(1),
            parent: match (&given, parent) {
                (Some(_), Some(parent)) => &parent.body().attachments,
                _ => &[],
            },
        };
        let body = Body::new(id, document, attaching)?;
        let parent = parent.map(|parent| parent.revision().clone());
        let revision = body.revision(document, parent.as_ref(), deleted);
        self.store(id, &revision, parent.as_slice(), deleted, body);
        Ok(revision)
    }

    /// The revision that a write names, and the leaf it goes on top of.
    fn parent(
        &self,
        id: &str,
        document: &Map<String, Value>,
    ) -> Result<(Option<Revision>, Option<&Node>), WriteError> {
        let given = given_revisions(id, document)?.into_iter().next();
        let leaves = self.documents.get(id).map(|stored| stored.tree.leaves()).unwrap_or_default();
        let is_gone = leaves.first().is_some_and(|winner| winner.deleted);
        let parent = match &given {
            // Nothing can be put on top of the tombstone of a document that is gone.
            Some(_) if is_gone => return Err(WriteError::conflict(id)),
            Some(given) => match leaves.iter().find(|leaf| leaf.revision() == given) {
                Some(leaf) => Some(*leaf),
                None => return Err(WriteError::conflict(id)),
            },
            None if !leaves.is_empty() && (!is_gone || is_deleted(document)) => {
                return Err(WriteError::conflict(id));
            }
            // A deleted document is created again on top of its tombstone.
            None => leaves.first().copied(),
        };
        Ok((given, parent))
    }

    /// Saves what a revision of another document holds, attachments included, as `target`, whose
    /// `_id` and `_rev` say where.
    ///
    /// # Errors
    /// When there is no such document or revision, or as [`Database::put`].
    pub fn copy(
        &mut self,
        source: &str,
        revision: Option<&Revision>,
        target: &Map<String, Value>,
    ) -> Result<Revision, WriteError> {
        let id = checked_id(target, self.partitioned)?;
        let tree = self.documents.get(source).map(|stored| &stored.tree);
        let node = match revision {
            Some(revision) => tree.and_then(|tree| tree.get(revision)),
            None => tree.and_then(RevisionTree::winner).filter(|winner| !winner.deleted),
        };
        let node = node.ok_or_else(|| WriteError::absent(source, Absent::Missing))?;
        let (body, deleted) = (node.body().clone(), node.deleted);
        let (_, parent) = self.parent(id, target)?;
        let parent = parent.map(|parent| parent.revision().clone());
        let revision = body.revision_on(parent.as_ref(), deleted);
        self.store(id, &revision, parent.as_slice(), deleted, body);
        Ok(revision)
    }

    /// Checks a write as [`Database::put`] does, without doing it, and tells which revision it names.
    ///
    /// # Errors
    /// A conflict, an id or members that CouchDB refuses.
    pub fn check(&self, document: &Map<String, Value>) -> Result<Option<Revision>, WriteError> {
        let id = checked_id(document, self.partitioned)?;
        check_members(id, document)?;
        self.parent(id, document).map(|(given, _)| given)
    }

    /// Checks a document as the server does when it reads a request: its id and its own members.
    ///
    /// # Errors
    /// With the answer of the server.
    pub fn check_form(&self, document: &Map<String, Value>) -> Result<(), WriteError> {
        let id = checked_id(document, self.partitioned)?;
        check_members(id, document)?;
        given_revisions(id, document).map(drop)
    }

    /// Saves documents as one `_bulk_docs` request does: each for itself, in the order of their ids.
    /// The answers come in the order of `documents`.
    pub fn put_all(
        &mut self,
        documents: &[Map<String, Value>],
    ) -> Vec<Result<Revision, WriteError>> {
        let mut order: Vec<usize> = (0..documents.len()).collect();
        order.sort_by_key(|index| documents[*index].get("_id").and_then(Value::as_str));
        let mut answers: Vec<(usize, _)> =
            order.into_iter().map(|index| (index, self.put(&documents[index]))).collect();
        answers.sort_by_key(|(index, _)| *index);
        answers.into_iter().map(|(_, answer)| answer).collect()
    }

    /// Saves a revision as replication does (`new_edits=false`): `_rev` and `_revisions` are taken
    /// as they are.
    ///
    /// # Errors
    /// An id, a revision or members that CouchDB refuses.
    pub fn replicate(&mut self, document: &Map<String, Value>) -> Result<Revision, WriteError> {
        let id = checked_id(document, self.partitioned)?;
        let revisions = given_revisions(id, document)?;
        let Some((revision, history)) = revisions.split_first() else {
            let reason =
                "When `new_edits: false`, the document needs `_rev` or `_revisions` specified";
            return Err(WriteError::bad_request(id, reason));
        };
        if id.starts_with("_local/") {
            return self.put_local(id, document);
        }
        let stored = self.documents.get(id);
        let ancestor =
            stored.and_then(|stored| history.iter().find_map(|earlier| stored.tree.get(earlier)));
        let ancestor = ancestor.map_or(&[][..], |node| &node.body().attachments);
        let body = Body::new(id, document, Attaching::AsGiven { ancestor })?;
        self.store(id, revision, history, is_deleted(document), body);
        Ok(revision.clone())
    }

    /// Loads a document from a file: one with a revision keeps it, as in a restored backup; one
    /// without is created. Attachments may be stubs. The revision of a created document is computed
    /// only when something reads it.
    ///
    /// # Errors
    /// As [`Database::put`] and [`Database::replicate`]; a second document with the same id is a
    /// conflict.
    pub fn load(&mut self, document: &Map<String, Value>) -> Result<(), WriteError> {
        if document.contains_key("_rev") || document.contains_key("_revisions") {
            return self.replicate(document).map(drop);
        }
        let id = checked_id(document, self.partitioned)?;
        if id.starts_with("_local/") || self.documents.contains_key(id) {
            return self.put(document).map(drop);
        }
        let body = Body::new(id, document, Attaching::AsGiven { ancestor: &[] })?;
        let shard = self.shard_of(id);
        let sequence = self.advance(shard, 1);
        let update = self.update_sequence();
        let tree = RevisionTree::first(is_deleted(document), body);
        self.documents.insert(Arc::from(id), Stored { shard, sequence, update, tree });
        Ok(())
    }

    /// Deletes the winning revision of a document, or a `_local` document.
    ///
    /// # Errors
    /// When there is none.
    pub fn delete(&mut self, id: &str) -> Result<Revision, WriteError> {
        if id.starts_with("_local/") {
            let removed =
                self.local.remove(id).map(|_| Revision { generation: 0, hash: "0".into() });
            return removed.ok_or_else(|| WriteError::absent(id, Absent::Missing));
        }
        let stored = self.documents.get(id);
        let Some(revision) = self.revision(id) else {
            let absent = if stored.is_some() { Absent::Deleted } else { Absent::Missing };
            return Err(WriteError::absent(id, absent));
        };
        let mut tombstone = Map::new();
        tombstone.insert("_id".into(), id.into());
        tombstone.insert("_rev".into(), revision.to_string().into());
        tombstone.insert("_deleted".into(), true.into());
        self.put(&tombstone)
    }

    /// Removes a leaf revision without a trace; tells whether it was there
    /// (`couch_db_updater:apply_purge_reqs`).
    pub fn purge(&mut self, id: &str, revision: &Revision) -> bool {
        let Some(stored) = self.documents.get_mut(id) else { return false };
        if !stored.tree.purge(revision) {
            return false;
        }
        // Every remaining leaf takes a new sequence; a document that is gone takes one too.
        let leaves = stored.tree.leaves().len() as u64;
        let (shard, is_gone) = (stored.shard, stored.tree.is_empty());
        let sequence = self.advance(shard, leaves.max(1));
        let update = self.update_sequence();
        if is_gone {
            if let Some((id, _)) = self.documents.remove_entry(id) {
                self.purged.push((update, id, shard));
            }
        } else if let Some(stored) = self.documents.get_mut(id) {
            stored.sequence = sequence;
            stored.update = update;
        }
        true
    }

    /// `_local` documents know no conflicts: a write counts on from whatever number it names
    /// (`couch_db_updater:increment_local_doc_revs`).
    fn put_local(
        &mut self,
        id: &str,
        document: &Map<String, Value>,
    ) -> Result<Revision, WriteError> {
        let number = match given_revisions(id, document)?.first() {
            None => 0,
            Some(Revision { generation: 0, hash }) => {
                hash.parse().map_err(|_| WriteError::bad_revision(id))?
            }
            Some(_) => return Err(WriteError::bad_revision(id)),
        };
        if is_deleted(document) {
            return self.delete(id);
        }
        let number = u64::saturating_add(number, 1);
        // Local documents keep no attachments.
        let attaching = Attaching::Edit { revpos: 0, parent: &[] };
        let mut body = Body::new(id, document, attaching)?;
        body.attachments = Box::default();
        self.local.insert(id.to_owned(), Local { number, body });
        Ok(Revision { generation: 0, hash: number.to_string() })
    }

    fn advance(&mut self, shard: usize, by: u64) -> u64 {
        self.sequences[shard] += by;
        self.sequences[shard]
    }

    fn store(
        &mut self,
        id: &str,
        revision: &Revision,
        history: &[Revision],
        deleted: bool,
        body: Body,
    ) {
        let shard = self.shard_of(id);
        if !self.documents.contains_key(id) {
            let (sequence, update, tree) = (0, 0, RevisionTree::default());
            self.documents.insert(Arc::from(id), Stored { shard, sequence, update, tree });
        }
        let Some(stored) = self.documents.get_mut(id) else { return };
        if stored.tree.add(revision, history, deleted, body) {
            stored.tree.shorten(self.revs_limit);
            self.sequences[shard] += 1;
            stored.sequence = self.sequences[shard];
            stored.update = self.sequences.iter().sum();
        }
    }
}
