//! What queries need besides the index, and what they yield.

use std::sync::Arc;

use super::documents::DocumentReader;
use super::row::Row;

/// What a query needs to know of the database.
#[derive(Clone, Copy, Default)]
pub struct Context<'a> {
    /// The documents, for `include_docs`. Without them every document is missing.
    pub documents: Option<&'a dyn DocumentReader>,
    /// The view's sequence number, shown when the query asks for it.
    pub update_seq: &'a str,
    /// The shard that holds the partition the query asks for.
    pub partition_shard: usize,
}

/// The answer to a query of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct MapAnswer<'a> {
    /// Number of rows of the whole view, however few were asked for; and the number of rows before
    /// the first one. `None` when rows were sent before these were known, as in a query of several
    /// shards with `sorted=false`.
    pub totals: Option<(u64, u64)>,
    /// The sequence number, when asked for.
    pub update_seq: Option<&'a str>,
    /// The rows.
    pub rows: Vec<MapRow<'a>>,
}

/// A row of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct MapRow<'a> {
    /// The row of the index.
    pub row: &'a Row,
    /// The document, as JSON text (`null` when missing), when asked for.
    pub document: Option<Arc<str>>,
}

/// The answer to a query of reduced rows.
#[derive(Debug, Clone, PartialEq)]
pub struct ReduceAnswer<'a> {
    /// The sequence number, when asked for.
    pub update_seq: Option<&'a str>,
    /// The rows: none when no row of the view is in the range.
    pub rows: Vec<ReduceRow>,
}

/// A reduced row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReduceRow {
    /// The key of the group, as JSON text.
    pub key: String,
    /// What the rows were reduced to.
    pub value: ReduceValue,
}

/// The value of a reduced row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReduceValue {
    /// JSON text.
    Json(Arc<str>),
    /// The function returned too much: the row shows `reduce_overflow_error` with this reason
    /// instead of a value, and no key.
    Overflow(Arc<str>),
}
