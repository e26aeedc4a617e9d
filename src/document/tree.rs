//! A document's revisions (`couch_key_tree`).

use std::sync::{Arc, OnceLock};

use super::body::Body;
use crate::design::Revision;

/// One revision.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Computed when it is first asked for, where a document was created without being read back.
    revision: OnceLock<Revision>,
    parent: Option<usize>,
    pub(super) deleted: bool,
    /// `None` where only the id is known, from the history of a replicated revision.
    body: Option<Arc<Body>>,
}

impl Node {
    /// The revision's id.
    pub(super) fn revision(&self) -> &Revision {
        self.revision.get_or_init(|| self.body().first_revision(self.deleted))
    }

    /// What the revision holds; nothing where that is not known.
    pub(super) fn body(&self) -> &Body {
        static NOTHING: OnceLock<Body> = OnceLock::new();
        self.body.as_deref().unwrap_or_else(|| NOTHING.get_or_init(Body::default))
    }

    pub(super) fn is_known(&self) -> bool {
        self.body.is_some()
    }
}

/// All known revisions of one document.
#[derive(Debug, Clone, Default)]
pub(super) struct RevisionTree {
    nodes: Vec<Node>,
}

impl RevisionTree {
    /// The tree of a new document, whose revision follows from its body.
    pub(super) fn first(deleted: bool, body: Body) -> Self {
        let (revision, parent) = (OnceLock::new(), None);
        Self { nodes: vec![Node { revision, parent, deleted, body: Some(Arc::new(body)) }] }
    }

    /// Adds a revision on top of its history, given from the parent back to the oldest. `false` when
    /// nothing was new.
    pub(super) fn add(
        &mut self,
        revision: &Revision,
        history: &[Revision],
        deleted: bool,
        body: Body,
    ) -> bool {
        let mut changed = false;
        let mut parent = None;
        for ancestor in history.iter().rev() {
            parent = Some(self.link(ancestor, parent, &mut changed));
        }
        let index = self.link(revision, parent, &mut changed);
        let node = &mut self.nodes[index];
        if node.body.is_none() {
            node.body = Some(Arc::new(body));
            node.deleted = deleted;
            changed = true;
        }
        changed
    }

    /// Finds or makes the node of a revision. A longer history may tell a known root's parent.
    fn link(&mut self, revision: &Revision, parent: Option<usize>, changed: &mut bool) -> usize {
        if let Some(index) = self.find(revision) {
            if self.nodes[index].parent.is_none() && parent.is_some() {
                self.nodes[index].parent = parent;
                *changed = true;
            }
            return index;
        }
        let revision = OnceLock::from(revision.clone());
        self.nodes.push(Node { revision, parent, deleted: false, body: None });
        *changed = true;
        self.nodes.len() - 1
    }

    fn find(&self, revision: &Revision) -> Option<usize> {
        self.nodes.iter().position(|node| node.revision() == revision)
    }

    /// The revisions without children, the winner first: those that are not deleted before those
    /// that are, then by generation and the rest of the revision, descending
    /// (`couch_doc:to_doc_info`).
    pub(super) fn leaves(&self) -> Vec<&Node> {
        if let [only] = self.nodes.as_slice() {
            return vec![only];
        }
        let mut is_parent = vec![false; self.nodes.len()];
        for parent in self.nodes.iter().filter_map(|node| node.parent) {
            is_parent[parent] = true;
        }
        // Histories that contradict each other leave ancestors behind that nothing leads from.
        let is_leaf = |(node, is_parent): &(&Node, bool)| !is_parent && node.is_known();
        let nodes = self.nodes.iter().zip(is_parent).filter(is_leaf);
        let mut leaves: Vec<&Node> = nodes.map(|(node, _)| node).collect();
        if leaves.len() > 1 {
            leaves.sort_by_cached_key(|leaf| {
                let revision = leaf.revision();
                (!leaf.deleted, revision.generation, stored_hash(revision))
            });
            leaves.reverse();
        }
        leaves
    }

    /// The leaf that the document shows, deleted or not.
    pub(super) fn winner(&self) -> Option<&Node> {
        self.leaves().first().copied()
    }

    /// Whether the revision is known, be it only by its id.
    pub(super) fn contains(&self, revision: &Revision) -> bool {
        self.find(revision).is_some()
    }

    /// The revision, if what it holds is known.
    pub(super) fn get(&self, revision: &Revision) -> Option<&Node> {
        self.find(revision).map(|index| &self.nodes[index]).filter(|node| node.is_known())
    }

    /// A revision of the tree and its known ancestors, back to the oldest.
    pub(super) fn path<'a>(&'a self, node: &'a Node) -> impl Iterator<Item = &'a Node> {
        // A tree cannot have a longer path than nodes, whatever histories claimed.
        std::iter::successors(Some(node), |node| Some(&self.nodes[node.parent?]))
            .take(self.nodes.len())
    }

    /// Takes a leaf and what only it leads to away; `false` when there is no such leaf
    /// (`couch_key_tree:remove_leafs`).
    pub(super) fn purge(&mut self, revision: &Revision) -> bool {
        let Some(index) = self.find(revision) else { return false };
        if self.has_child(index) {
            return false;
        }
        let mut gone = Some(index);
        while let Some(index) = gone {
            let parent = self.nodes.remove(index).parent;
            let moved = |parent: usize| parent - usize::from(parent > index);
            for node in &mut self.nodes {
                node.parent = node.parent.map(moved);
            }
            gone = parent.map(moved).filter(|parent| !self.has_child(*parent));
        }
        true
    }

    /// Forgets what lies more than `limit` revisions below every leaf (`couch_key_tree:stem`).
    pub(super) fn shorten(&mut self, limit: usize) {
        if self.nodes.len() <= limit {
            return;
        }
        let mut is_parent = vec![false; self.nodes.len()];
        for parent in self.nodes.iter().filter_map(|node| node.parent) {
            is_parent[parent] = true;
        }
        let mut kept = vec![false; self.nodes.len()];
        for leaf in (0..self.nodes.len()).filter(|index| !is_parent[*index]) {
            let path = std::iter::successors(Some(leaf), |index| self.nodes[*index].parent);
            path.take(limit.min(self.nodes.len())).for_each(|index| kept[index] = true);
        }
        if kept.iter().all(|kept| *kept) {
            return;
        }
        let mut place = 0;
        let places: Vec<Option<usize>> = kept
            .iter()
            .map(|kept| {
                place += usize::from(*kept);
                kept.then(|| place - 1)
            })
            .collect();
        let mut kept = kept.into_iter();
        self.nodes.retain(|_| kept.next().unwrap_or(false));
        for node in &mut self.nodes {
            node.parent = node.parent.and_then(|parent| places[parent]);
        }
    }

    fn has_child(&self, index: usize) -> bool {
        self.nodes.iter().any(|node| node.parent == Some(index))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}

/// The part of a revision behind the dash as CouchDB stores and compares it: 32 hexadecimal digits as
/// the bytes they stand for.
fn stored_hash(revision: &Revision) -> Vec<u8> {
    let digits = revision.hash.as_bytes();
    if digits.len() != 32 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return digits.to_vec();
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    digits
        .chunks(2)
        .map(|pair| digit(pair[0]).unwrap_or(0) << 4 | digit(pair[1]).unwrap_or(0))
        .collect()
}
