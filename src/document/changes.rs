//! What replication and clients with revisions in hand ask a database for: its changes, the leaves of
//! a document, which revisions are missing.

use std::sync::Arc;

use super::attachment::AttachmentData;
use super::body::normal;
use super::database::{Database, Stored};
use super::read::{Absent, ReadOptions};
use super::tree::Node;
use crate::design::Revision;
use crate::group::{GroupDefinition, GroupDocument};

/// A revision without children.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// Its revision.
    pub revision: Revision,
    /// Whether it is a tombstone.
    pub deleted: bool,
}

/// A document that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The sequence of its last change, counted over all shards.
    pub sequence: u64,
    /// Its id.
    pub id: Arc<str>,
    /// Its leaves, the winner first.
    pub leaves: Vec<Leaf>,
}

/// Which of some revisions a database lacks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RevisionDifference {
    /// Those it does not know.
    pub missing: Vec<Revision>,
    /// Leaves that may be ancestors of the missing ones.
    pub possible_ancestors: Vec<Revision>,
}

impl Database {
    /// The documents that changed after the sequence `since`, in the order of their last change.
    #[must_use]
    pub fn changes(&self, since: u64) -> Vec<Change> {
        let changed = self.documents.iter().filter(|(_, stored)| stored.update > since);
        let mut changed: Vec<(&Arc<str>, &Stored)> = changed.collect();
        changed.sort_unstable_by_key(|(_, stored)| stored.update);
        let change = |(id, stored): (&Arc<str>, &Stored)| Change {
            sequence: stored.update,
            id: Arc::clone(id),
            leaves: leaves(stored),
        };
        changed.into_iter().map(change).collect()
    }

    /// What an index that has seen all changes up to the sequence `since` has to take in: the
    /// documents that its map functions see now, by shard and sequence, and the ids and shards of
    /// those that they no longer see.
    #[must_use]
    pub fn changes_for(
        &self,
        group: &GroupDefinition,
        since: u64,
    ) -> (Vec<GroupDocument>, Vec<(Arc<str>, usize)>) {
        let mut changed: Vec<(&Arc<str>, &Stored)> = self
            .documents
            .iter()
            .filter(|(_, stored)| stored.update > since)
            .filter(|(id, _)| group.include_design || !id.starts_with("_design/"))
            .collect();
        changed.sort_unstable_by_key(|(_, stored)| (stored.shard, stored.sequence));
        let purged = self.purged.iter().filter(|(update, ..)| *update > since);
        let mut removed: Vec<(Arc<str>, usize)> =
            purged.map(|(_, id, shard)| (Arc::clone(id), *shard)).collect();
        let mut documents = Vec::with_capacity(changed.len());
        for (id, stored) in changed {
            let (id, shard) = (Arc::clone(id), stored.shard);
            match super::read::mapped(&id, stored, group.local_seq) {
                Some(text) => documents.push(GroupDocument { id, shard, text: text.into() }),
                None => removed.push((id, shard)),
            }
        }
        (documents, removed)
    }

    /// The leaves of a document, the winner first; none when there is no such document.
    #[must_use]
    pub fn leaves(&self, id: &str) -> Vec<Leaf> {
        self.documents.get(id).map(leaves).unwrap_or_default()
    }

    /// The leaves of a document in the order of `open_revs=all`: branch by branch, from the last one
    /// back to the first (`couch_key_tree:get_all_leafs`).
    #[must_use]
    pub fn leaves_by_branch(&self, id: &str) -> Vec<Revision> {
        let Some(stored) = self.documents.get(id) else { return Vec::new() };
        let branch = |node: &Node| {
            let mut path: Vec<Revision> =
                stored.tree.path(node).map(|node| node.revision().clone()).collect();
            path.reverse();
            path
        };
        let mut branches: Vec<Vec<Revision>> =
            stored.tree.leaves().into_iter().map(branch).collect();
        let place = |revision: &Revision| (revision.generation, revision.hash.clone());
        branches.sort_by_cached_key(|path| path.iter().map(place).collect::<Vec<_>>());
        branches.into_iter().rev().filter_map(|mut path| path.pop()).collect()
    }

    /// The number of documents whose winner is a tombstone.
    #[must_use]
    pub fn deleted_count(&self) -> usize {
        self.documents.len() - self.len()
    }

    /// A revision as CouchDB prints it back; `None` when it is none.
    #[must_use]
    pub fn parse_revision(text: &str) -> Option<Revision> {
        let given: Revision = text.parse().ok()?;
        normal(given.generation, &given.hash)
    }

    /// The ids and revisions of `_local` documents, in bytewise order.
    pub fn local_documents(&self) -> impl Iterator<Item = (&str, Revision)> {
        self.local.iter().map(|(id, local)| {
            (id.as_str(), Revision { generation: 0, hash: local.number.to_string() })
        })
    }

    /// Which of `revisions` are missing (`couch_db:get_missing_revs`).
    #[must_use]
    pub fn revision_difference(&self, id: &str, revisions: &[Revision]) -> RevisionDifference {
        let Some(stored) = self.documents.get(id) else {
            return RevisionDifference { missing: revisions.to_vec(), ..Default::default() };
        };
        let missing: Vec<Revision> =
            revisions.iter().filter(|revision| !stored.tree.contains(revision)).cloned().collect();
        let newest = missing.iter().map(|revision| revision.generation).max().unwrap_or(0);
        let older = stored.tree.leaves().into_iter().map(|leaf| leaf.revision().clone());
        let possible_ancestors = older.filter(|leaf| leaf.generation < newest).collect();
        RevisionDifference { missing, possible_ancestors }
    }

    /// An attachment of the winning revision, or of the given one. `Ok(None)`: the document has no
    /// such attachment.
    ///
    /// # Errors
    /// When there is no such document, or it is deleted and no revision was given.
    pub fn attachment(
        &self,
        id: &str,
        revision: Option<&Revision>,
        name: &str,
    ) -> Result<Option<AttachmentData>, Absent> {
        let stored = self.documents.get(id).ok_or(Absent::Missing)?;
        let node = match revision {
            Some(revision) => stored.tree.get(revision).ok_or(Absent::Missing)?,
            None => stored.tree.winner().ok_or(Absent::Missing)?,
        };
        if revision.is_none() && node.deleted {
            return Err(Absent::Deleted);
        }
        let attachment = node.body().attachments.iter().find(|one| one.name() == name);
        Ok(attachment.and_then(super::attachment::Attachment::to_data))
    }

    /// The attachments of a revision that came after the generation `after`, by their names; those of
    /// which there is only a stub are left out.
    #[must_use]
    pub fn attachments(
        &self,
        id: &str,
        revision: &Revision,
        after: u64,
    ) -> Vec<(String, AttachmentData)> {
        let node = self.documents.get(id).and_then(|stored| stored.tree.get(revision));
        let attachments = node.iter().flat_map(|node| &node.body().attachments);
        attachments
            .filter(|one| one.revpos() > after)
            .filter_map(|one| Some((one.name().to_owned(), one.to_data()?)))
            .collect()
    }

    /// The generation of the newest of the revisions `known` that a revision is, or comes after; 0 when
    /// it is none (`couch_db:find_ancestor_rev_pos`).
    #[must_use]
    pub fn known_generation(&self, id: &str, revision: &Revision, known: &[Revision]) -> u64 {
        let Some(stored) = self.documents.get(id) else { return 0 };
        let Some(node) = stored.tree.get(revision) else { return 0 };
        let mut path = stored.tree.path(node);
        path.find(|node| known.contains(node.revision()))
            .map_or(0, |node| node.revision().generation)
    }

    /// A leaf as filters and validation functions see it: with `_revisions`, of which `ancestors`
    /// are shown at most.
    ///
    /// # Errors
    /// When there is no such revision.
    pub fn read_with_history(
        &self,
        id: &str,
        revision: &Revision,
        ancestors: usize,
    ) -> Result<String, Absent> {
        let stored = self.documents.get(id).ok_or(Absent::Missing)?;
        let node = stored.tree.get(revision).ok_or(Absent::Missing)?;
        let options = ReadOptions { revs: true, ..ReadOptions::default() };
        Ok(super::read::text(id, stored, node, options, ancestors))
    }
}

fn leaves(stored: &Stored) -> Vec<Leaf> {
    let leaf = |node: &Node| Leaf { revision: node.revision().clone(), deleted: node.deleted };
    stored.tree.leaves().into_iter().map(leaf).collect()
}
