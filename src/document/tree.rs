//! A document's revisions (`couch_key_tree`).

use std::sync::Arc;

use crate::design::Revision;
use crate::json::{Map, Value};

/// What a revision holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Body {
    /// The members that do not start with an underscore, in stored order.
    pub(super) members: Map<String, Value>,
    /// Attachments by name, as stubs.
    pub(super) stubs: Map<String, Value>,
    /// The attachments' data in base64, beside the stubs.
    pub(super) data: Map<String, Value>,
}

#[derive(Debug, Clone)]
struct Node {
    revision: Revision,
    parent: Option<usize>,
    deleted: bool,
    /// `None` where only the id is known, from the history of a replicated revision.
    body: Option<Arc<Body>>,
}

/// All known revisions of one document.
#[derive(Debug, Clone, Default)]
pub(super) struct RevisionTree {
    nodes: Vec<Node>,
}

/// A revision without children.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Leaf {
    pub(super) revision: Revision,
    pub(super) deleted: bool,
    pub(super) body: Arc<Body>,
}

impl RevisionTree {
    /// Adds a revision on top of its history, given from the parent back to the oldest.
    pub(super) fn add(
        &mut self,
        revision: Revision,
        history: &[Revision],
        deleted: bool,
        body: Arc<Body>,
    ) {
        let mut parent = None;
        for known in history.iter().rev() {
            parent = Some(self.find(known).unwrap_or_else(|| {
                self.nodes.push(Node {
                    revision: known.clone(),
                    parent,
                    deleted: false,
                    body: None,
                });
                self.nodes.len() - 1
            }));
        }
        match self.find(&revision) {
            Some(index) if self.nodes[index].body.is_none() => {
                self.nodes[index].body = Some(body);
                self.nodes[index].deleted = deleted;
            }
            Some(_) => {}
            None => self.nodes.push(Node { revision, parent, deleted, body: Some(body) }),
        }
    }

    fn find(&self, revision: &Revision) -> Option<usize> {
        self.nodes.iter().position(|node| node.revision == *revision)
    }

    /// The leaves, the winner first: those that are not deleted before those that are, then by
    /// generation and the rest of the revision, descending (`couch_doc:to_doc_info`).
    pub(super) fn leaves(&self) -> Vec<Leaf> {
        let mut leaves: Vec<Leaf> = self
            .nodes
            .iter()
            .enumerate()
            .filter(|(index, _)| !self.nodes.iter().any(|node| node.parent == Some(*index)))
            .filter_map(|(_, node)| {
                Some(Leaf {
                    revision: node.revision.clone(),
                    deleted: node.deleted,
                    body: Arc::clone(node.body.as_ref()?),
                })
            })
            .collect();
        leaves.sort_by(|one, other| {
            let key =
                |leaf: &Leaf| (!leaf.deleted, leaf.revision.generation, leaf.revision.hash.clone());
            key(other).cmp(&key(one))
        });
        leaves
    }

    /// The revision with what it holds, if that is known.
    pub(super) fn get(&self, revision: &Revision) -> Option<Leaf> {
        let node = &self.nodes[self.find(revision)?];
        let body = Arc::clone(node.body.as_ref()?);
        Some(Leaf { revision: node.revision.clone(), deleted: node.deleted, body })
    }

    /// Takes a leaf and what only it leads to away.
    pub(super) fn purge(&mut self, revision: &Revision) -> bool {
        let Some(index) = self.find(revision) else { return false };
        if self.nodes.iter().any(|node| node.parent == Some(index)) {
            return false;
        }
        let mut gone = Some(index);
        while let Some(index) = gone {
            let parent = self.nodes[index].parent;
            self.nodes.remove(index);
            for node in &mut self.nodes {
                node.parent = node.parent.map(|parent| parent - usize::from(parent > index));
            }
            let parent = parent.map(|parent| parent - usize::from(parent > index));
            gone =
                parent.filter(|parent| !self.nodes.iter().any(|node| node.parent == Some(*parent)));
        }
        true
    }

    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}
