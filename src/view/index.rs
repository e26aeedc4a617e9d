//! The index of a view: its rows, in order, on each shard of the database.

use std::collections::HashSet;
use std::sync::Arc;

use super::collation::Collation;
use super::error::ViewFailure;
use super::reduce::{Reducer, Reduction};
use super::row::{Row, document_rows};
use super::tree::Tree;

/// What one document contributes to a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentRows {
    /// The document's id.
    pub id: Arc<str>,
    /// The shard the document lives on, counted from 0.
    pub shard: usize,
    /// Keys and values emitted, as JSON texts in CouchDB's spelling.
    pub emitted: Vec<(Box<str>, Box<str>)>,
}

/// The rows of one view.
#[derive(Debug, Clone)]
pub struct Index {
    shards: Vec<Vec<Row>>,
    collation: Collation,
    partitioned: bool,
}

impl Index {
    /// An empty index over so many shards (at least one). In a `partitioned` view rows are kept by
    /// partition, which is the part of a document's id before its colon.
    #[must_use]
    pub fn new(shards: usize, collation: Collation, partitioned: bool) -> Self {
        Self { shards: vec![Vec::new(); shards.max(1)], collation, partitioned }
    }

    /// Replaces the rows of the given documents; a deleted document comes with no rows. Many
    /// documents at once cost less than one by one. A shard that does not exist counts as the last.
    pub fn update(&mut self, documents: Vec<DocumentRows>) {
        let last = self.shards.len() - 1;
        let mut added: Vec<Vec<Row>> = vec![Vec::new(); self.shards.len()];
        let mut changed = HashSet::new();
        let empty = self.shards.iter().all(Vec::is_empty);
        for document in documents {
            let rows =
                document_rows(&document.id, document.emitted, self.collation, self.partitioned);
            added[document.shard.min(last)].extend(rows);
            if !empty {
                changed.insert(document.id);
            }
        }
        for (shard, mut added) in self.shards.iter_mut().zip(added) {
            if !shard.is_empty() {
                shard.retain(|row| !changed.contains(&row.id));
            }
            if !added.is_empty() {
                added = sorted(added);
                *shard =
                    if shard.is_empty() { added } else { merged(std::mem::take(shard), added) };
            }
        }
    }

    /// The number of rows on all shards.
    #[must_use]
    pub fn total_rows(&self) -> usize {
        self.shards.iter().map(Vec::len).sum()
    }

    /// The rows of each shard, ascending.
    #[must_use]
    pub fn shards(&self) -> &[Vec<Row>] {
        &self.shards
    }

    /// The view's collation.
    #[must_use]
    pub fn collation(&self) -> Collation {
        self.collation
    }

    /// Whether rows are kept by partition.
    #[must_use]
    pub fn is_partitioned(&self) -> bool {
        self.partitioned
    }

    /// Computes what CouchDB stores of a reduce function while it writes the index. It must be
    /// computed anew when the rows change.
    ///
    /// # Errors
    /// With the failure of the reduce function. CouchDB then fails every query of every view of
    /// the design document, also one that does not reduce.
    pub fn reductions(&self, reducer: &mut dyn Reducer) -> Result<Reductions, ViewFailure> {
        let trees = self.shards.iter().map(|rows| Tree::build(rows, self.partitioned, reducer));
        trees.collect::<Result<_, _>>().map(|shards| Reductions { shards }).map_err(in_build)
    }
}

/// A failure in the process that writes the index reaches the client less taken apart than one in a
/// query.
fn in_build(failure: ViewFailure) -> ViewFailure {
    match failure.error.as_str() {
        "case_clause" => {
            let error = format!("{{case_clause,{}}}", failure.reason);
            ViewFailure::new(error, "[{couch_query_servers,sum_values,2}]")
        }
        _ => failure,
    }
}

/// What an index stores of a reduce function.
#[derive(Debug, Clone)]
pub struct Reductions {
    pub(super) shards: Vec<Tree>,
}

impl Reductions {
    /// The reduction of all rows of each shard that has any.
    pub fn roots(&self) -> impl Iterator<Item = &Reduction> {
        self.shards.iter().filter_map(Tree::root)
    }
}

/// Sorts rows by place. Rows of one place keep their order.
fn sorted(rows: Vec<Row>) -> Vec<Row> {
    // The first bytes decide nearly always, and can be compared without a look at the row.
    let prefix = |row: &Row| {
        row.sort_key
            .iter()
            .chain(std::iter::repeat(&0))
            .take(8)
            .fold(0, |bytes, byte| bytes << 8 | u64::from(*byte))
    };
    let mut order: Vec<(u64, usize)> =
        rows.iter().map(prefix).enumerate().map(|(at, bytes)| (bytes, at)).collect();
    order.sort_by(|(one, at), (other, other_at)| {
        one.cmp(other).then_with(|| rows[*at].place().cmp(&rows[*other_at].place()))
    });
    let mut rows: Vec<Option<Row>> = rows.into_iter().map(Some).collect();
    order.into_iter().filter_map(|(_, at)| rows[at].take()).collect()
}

fn merged(rows: Vec<Row>, added: Vec<Row>) -> Vec<Row> {
    let mut merged = Vec::with_capacity(rows.len() + added.len());
    let mut added = added.into_iter().peekable();
    for row in rows {
        while let Some(next) = added.next_if(|next| next.place() < row.place()) {
            merged.push(next);
        }
        merged.push(row);
    }
    merged.extend(added);
    merged
}
