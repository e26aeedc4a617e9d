//! One pass over the tree of a shard: which rows and which stored reductions meet in a reduce
//! function, in the order in which CouchDB brings them together (`couch_btree:fold_reduce/4`).

use std::collections::VecDeque;
use std::ops::Range;

use super::super::collation::{self, Collation};
use super::super::error::ViewFailure;
use super::super::index::Index;
use super::super::query::{Bounds, Grouping, Query};
use super::super::reduce::{self, Reducer, Reduction};
use super::super::row::{self, Row, partition_of};
use super::super::tree::{self, Node, Tree};
use crate::json::Scanner;

/// Sort key and, with raw collation, text: there keys must be identical to meet.
pub(super) type Order = (Vec<u8>, Option<String>);

/// The reduced rows of one group on one shard.
pub(super) struct Group {
    pub(super) key: String,
    pub(super) reduction: Reduction,
    order: Option<Order>,
}

impl Group {
    pub(super) fn order(&mut self, collation: Collation) -> Order {
        let order = self.order.get_or_insert_with(|| {
            let sort_key = collation::sort_key(&row::parse(&self.key), collation);
            (sort_key, (collation == Collation::Raw).then(|| self.key.clone()))
        });
        order.clone()
    }
}

/// The group being collected. Rows and reductions are kept in the order in which they are read.
struct Open<'a> {
    first: &'a Row,
    /// The elements of the first row's key that the group is made by, when it is an array.
    prefix: Option<&'a str>,
    prefix_key: Option<Vec<u8>>,
    entries: Vec<Range<usize>>,
    reductions: Vec<&'a Reduction>,
}

/// One pass over the tree of a shard.
pub(super) struct Fold<'a, 'r> {
    rows: &'a [Row],
    bounds: &'a Bounds,
    descending: bool,
    grouping: Grouping,
    collation: Collation,
    partitioned: bool,
    reducer: &'r mut dyn Reducer,
    limit: usize,
    open: Option<Open<'a>>,
    groups: VecDeque<Group>,
}

impl<'a, 'r> Fold<'a, 'r> {
    /// A pass over the rows of one of the index's shards.
    pub(super) fn new(
        index: &Index,
        rows: &'a [Row],
        query: &Query,
        bounds: &'a Bounds,
        reducer: &'r mut dyn Reducer,
    ) -> Self {
        Self {
            rows,
            bounds,
            descending: query.descending,
            grouping: query.grouping,
            collation: index.collation(),
            partitioned: index.is_partitioned(),
            reducer,
            limit: 0,
            open: None,
            groups: VecDeque::new(),
        }
    }

    /// Reduces the groups of the range, up to `limit`.
    pub(super) fn run(
        mut self,
        tree: &'a Tree,
        limit: usize,
    ) -> Result<VecDeque<Group>, ViewFailure> {
        self.limit = limit;
        if let Some(root) = &tree.root {
            self.node(root)?;
        }
        self.close()?;
        Ok(self.groups)
    }

    fn is_full(&self) -> bool {
        self.groups.len() >= self.limit
    }

    fn node(&mut self, node: &'a Node) -> Result<(), ViewFailure> {
        if self.is_full() {
            return Ok(());
        }
        if node.children.is_empty() { self.leaf(node) } else { self.inner(node) }
    }

    fn leaf(&mut self, node: &'a Node) -> Result<(), ViewFailure> {
        // Rows that are not there would mean that the tree belongs to other rows.
        let rows = self.rows.get(node.rows.clone()).unwrap_or_default();
        let mut entries: Vec<Range<usize>> = tree::entries(rows)
            .map(|entry| entry.start + node.rows.start..entry.end + node.rows.start)
            .collect();
        if self.descending {
            entries.reverse();
        }
        for entry in entries {
            let row = &self.rows[entry.start];
            if self.bounds.is_before(row) {
                continue;
            }
            if !self.bounds.reaches(row) {
                break;
            }
            if !self.belongs(row) {
                self.close()?;
                if self.is_full() {
                    break;
                }
                let prefix = self.prefix(row);
                self.open = Some(Open {
                    first: row,
                    prefix,
                    prefix_key: None,
                    entries: Vec::new(),
                    reductions: Vec::new(),
                });
            }
            if let Some(open) = &mut self.open {
                open.entries.push(entry);
            }
        }
        Ok(())
    }

    fn inner(&mut self, node: &'a Node) -> Result<(), ViewFailure> {
        let mut left: VecDeque<&'a Node> = self.in_range(node).into();
        while let Some(next) = left.pop_front() {
            if self.is_full() {
                break;
            }
            if self.open.is_none() {
                self.node(next)?;
                continue;
            }
            // All nodes that end within the group are within it, and so give their stored
            // reductions; the last of them is read nevertheless, since it may be cut by the range.
            left.push_front(next);
            let rows = self.rows;
            let grouped = left
                .iter()
                .take_while(|node| node.last(rows).is_some_and(|last| self.belongs(last)))
                .count();
            for node in left.drain(..grouped.saturating_sub(1)) {
                if let Some(open) = &mut self.open {
                    open.reductions.push(&node.reduction);
                }
            }
            if let Some(next) = left.pop_front() {
                self.node(next)?;
            }
        }
        Ok(())
    }

    /// The children that may hold rows of the range, in the direction of the query.
    fn in_range(&self, node: &'a Node) -> Vec<&'a Node> {
        let mut nodes: Vec<&Node> = node.children.iter().collect();
        let last = |node: &&Node| node.last(self.rows);
        let before = nodes
            .iter()
            .filter_map(last)
            .take_while(|last| self.bounds.start_is_after(last))
            .count();
        if self.descending {
            if self.bounds.has_start() {
                nodes.truncate(before + 1);
            }
            nodes.reverse();
        } else {
            nodes.drain(..before);
        }
        let reached =
            nodes.iter().filter_map(last).take_while(|last| self.bounds.reaches(last)).count();
        // A node is known by its last row: ascending, the first node that ends behind the range
        // may begin within it.
        nodes.truncate(if self.descending { reached } else { reached + 1 });
        nodes
    }

    /// Whether the row belongs to the open group. (Remembers the sort key of the group's prefix.)
    fn belongs(&mut self, row: &Row) -> bool {
        let (grouping, collation, partitioned) = (self.grouping, self.collation, self.partitioned);
        let prefix = self.prefix(row);
        let Some(open) = &mut self.open else {
            return false;
        };
        if grouping == Grouping::Level(0) {
            return true;
        }
        if open.first.sort_key == row.sort_key {
            return true;
        }
        if partitioned && partition_of(&open.first.id) != partition_of(&row.id) {
            return false;
        }
        match (open.prefix, prefix) {
            (Some(one), Some(other)) if one == other => true,
            (Some(one), Some(other)) => {
                let sort_key =
                    |prefix: &str| collation::sort_key(&row::parse(&closed(prefix)), collation);
                *open.prefix_key.get_or_insert_with(|| sort_key(one)) == sort_key(other)
            }
            _ => false,
        }
    }

    fn prefix<'k>(&self, row: &'k Row) -> Option<&'k str> {
        match self.grouping {
            Grouping::Level(level @ 1..) => elements(&row.key, level),
            _ => None,
        }
    }

    /// Reduces the open group.
    fn close(&mut self) -> Result<(), ViewFailure> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        if self.is_full() {
            return Ok(());
        }
        // CouchDB collects on lists, which grow at the front: the rows read last come first.
        let rows: Vec<&Row> =
            open.entries.iter().rev().flat_map(|entry| &self.rows[entry.clone()]).collect();
        let reduced = if rows.is_empty() { None } else { Some(self.reducer.reduce(&rows)?) };
        let parts: Vec<&Reduction> =
            reduced.iter().chain(open.reductions.iter().rev().copied()).collect();
        let reduction = match parts.as_slice() {
            [one] => (*one).clone(),
            parts => reduce::rereduce(self.reducer, parts)?,
        };
        let key = match (self.grouping, open.prefix) {
            (Grouping::Level(0), _) => String::from("null"),
            (_, Some(prefix)) => closed(prefix),
            (_, None) => open.first.key.to_string(),
        };
        self.groups.push_back(Group { key, reduction, order: None });
        Ok(())
    }
}

/// The text of an array with its first elements, without the closing bracket; `None` for anything
/// but an array of at least one element.
fn elements(key: &str, number: u64) -> Option<&str> {
    if !key.starts_with('[') {
        return None;
    }
    let mut scanner = Scanner::new(key);
    if !scanner.enter().ok()? {
        return None;
    }
    for _ in 1..number {
        scanner.skip().ok()?;
        let end = scanner.position();
        if !scanner.more(b']').ok()? {
            return key.get(..end);
        }
    }
    scanner.skip().ok()?;
    key.get(..scanner.position())
}

fn closed(prefix: &str) -> String {
    format!("{prefix}]")
}
