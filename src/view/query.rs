//! A query whose parameters were checked, and the ranges of rows it asks for.

use super::collation::{self, Collation};
use super::error::QueryError;
use super::row::{Row, partition_prefix};
use crate::json::{self, Value};

/// The bounds of document ids when none are given: no id sorts before the one or after the other.
const LOWEST_ID: &[u8] = b"";
const HIGHEST_ID: &[u8] = &[0xFF];

/// How rows with different keys are reduced together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    /// By the first so many elements of keys that are arrays, and by other keys whole. 0: all rows
    /// make one group.
    Level(u64),
    /// By the key.
    Exact,
}

/// Whether a query brings the index up to date first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Update {
    /// Before it is answered.
    #[default]
    True,
    /// Not at all.
    False,
    /// After it is answered.
    Lazy,
}

/// A query with checked parameters, made by [`Parameters::validate`](super::Parameters::validate).
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "they are CouchDB's parameters")]
pub struct Query {
    /// Whether rows are reduced.
    pub reduce: bool,
    /// How they are grouped when reduced.
    pub grouping: Grouping,
    /// Where to start, in the direction of the query.
    pub start_key: Option<Value>,
    /// Where to end, in the direction of the query.
    pub end_key: Option<Value>,
    /// The document id to start with among rows with the start key.
    pub start_key_docid: Option<String>,
    /// The document id to end with among rows with the end key.
    pub end_key_docid: Option<String>,
    /// The keys to look up, instead of a range.
    pub keys: Option<Vec<Value>>,
    /// The largest number of rows returned.
    pub limit: u64,
    /// The number of rows left out first.
    pub skip: u64,
    /// From the last row to the first.
    pub descending: bool,
    /// Whether rows with the end key belong to the range.
    pub inclusive_end: bool,
    /// Whether rows come with documents.
    pub include_docs: bool,
    /// Whether these documents show `_conflicts`.
    pub conflicts: bool,
    /// Whether these documents hold the data of their attachments.
    pub attachments: bool,
    /// Whether attachments tell how they are stored.
    pub att_encoding_info: bool,
    /// Whether the response tells the sequence number of the view.
    pub update_seq: bool,
    /// Whether the rows of all shards are merged in order.
    pub sorted: bool,
    /// Whether the same copies of the shards answer every time.
    pub stable: bool,
    /// Whether the index is brought up to date.
    pub update: Update,
    /// The partition asked, in a partitioned view.
    pub partition: Option<String>,
}

/// A place between rows: a sort key and a document id.
type Place = (Vec<u8>, Vec<u8>);

/// The rows asked for, in terms of the index.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    start: Option<Place>,
    end: Option<Place>,
    inclusive: bool,
    descending: bool,
}

impl Query {
    /// The ranges asked for: one, or one for each of the keys, in the order in which they are read.
    pub(super) fn bounds(&self, collation: Collation) -> Vec<Bounds> {
        match &self.keys {
            None => vec![self.range(self.start_key.as_ref(), self.end_key.as_ref(), collation)],
            Some(keys) => {
                keys.iter().map(|key| self.range(Some(key), Some(key), collation)).collect()
            }
        }
    }

    fn range(&self, start: Option<&Value>, end: Option<&Value>, collation: Collation) -> Bounds {
        let (low, high) =
            if self.descending { (HIGHEST_ID, LOWEST_ID) } else { (LOWEST_ID, HIGHEST_ID) };
        let id = |given: &Option<String>, default: &[u8]| {
            given.as_ref().map_or_else(|| default.to_vec(), |id| id.clone().into_bytes())
        };
        let end_id = match id(&self.end_key_docid, high) {
            // Without its id the end key itself is left out (couch_mrview_util:reverse_key_default).
            id if self.inclusive_end => id,
            id if id == LOWEST_ID => HIGHEST_ID.to_vec(),
            id if id == HIGHEST_ID => LOWEST_ID.to_vec(),
            id => id,
        };
        Bounds {
            start: self.place(start, id(&self.start_key_docid, low), self.descending, collation),
            end: self.place(end, end_id, !self.descending, collation),
            inclusive: self.inclusive_end,
            descending: self.descending,
        }
    }

    /// The place of a key. In a partition a missing key means its first or last one, for which
    /// CouchDB takes `null` and an object that sorts after all JSON, also with raw collation, where
    /// that leaves rows out.
    fn place(
        &self,
        key: Option<&Value>,
        id: Vec<u8>,
        last: bool,
        collation: Collation,
    ) -> Option<Place> {
        let mut sort_key = self.partition.as_deref().map(partition_prefix).unwrap_or_default();
        let id = match (key, &self.partition) {
            (Some(key), _) => {
                collation::write_sort_key(key, collation, &mut sort_key);
                id
            }
            (None, None) => return None,
            (None, Some(_)) if !last => {
                collation::write_sort_key(&Value::Null, collation, &mut sort_key);
                id
            }
            (None, Some(_)) if collation == Collation::Raw => {
                collation::write_sort_key(&Value::Array(Vec::new()), collation, &mut sort_key);
                Vec::new()
            }
            (None, Some(_)) => {
                sort_key.extend([0xFF; 8]);
                id
            }
        };
        Some((sort_key, id))
    }

    /// Refuses a range whose start comes after its end.
    pub(super) fn check_range(&self, collation: Collation) -> Result<(), QueryError> {
        if self.keys.is_some() {
            return Ok(());
        }
        if let (Some(start), Some(end)) = (&self.start_key, &self.end_key)
            && json::to_string(start) == json::to_string(end)
        {
            return Ok(());
        }
        // The id of an excluded end is not turned around here.
        let whole = Self { inclusive_end: true, ..self.clone() };
        let bounds = whole.range(self.start_key.as_ref(), self.end_key.as_ref(), collation);
        let (Some(start), Some(end)) = (bounds.start, bounds.end) else {
            return Ok(());
        };
        if (start < end) == self.descending {
            let other = !self.descending;
            return Err(QueryError::parse(format!(
                "No rows can match your key range, reverse your start_key and end_key or set descending={other}"
            ))
            .logged());
        }
        Ok(())
    }
}

impl Bounds {
    /// Whether the row comes before the start.
    pub(super) fn is_before(&self, row: &Row) -> bool {
        let Some((key, id)) = &self.start else {
            return false;
        };
        let start = (&**key, &**id);
        if self.descending { row.place() > start } else { row.place() < start }
    }

    /// Whether the row does not come after the end.
    pub(super) fn reaches(&self, row: &Row) -> bool {
        let Some((key, id)) = &self.end else {
            return true;
        };
        match row.place().cmp(&(&**key, &**id)) {
            std::cmp::Ordering::Equal => self.inclusive,
            order => (order == std::cmp::Ordering::Less) != self.descending,
        }
    }

    /// Whether the row sorts before the start, whatever the direction.
    pub(super) fn start_is_after(&self, row: &Row) -> bool {
        self.start.as_ref().is_some_and(|(key, id)| row.place() < (&**key, &**id))
    }

    /// Whether there is a start.
    pub(super) fn has_start(&self) -> bool {
        self.start.is_some()
    }

    /// The indexes of the first row of the range and behind the last one, in ascending order. Where
    /// no row is in the range both are the place where reading stops.
    pub(super) fn span(&self, rows: &[Row]) -> (usize, usize) {
        if self.descending {
            let high = rows.partition_point(|row| !self.is_before(row));
            let low = rows.partition_point(|row| !self.reaches(row));
            (low.min(high), high)
        } else {
            let low = rows.partition_point(|row| self.is_before(row));
            let high = rows.partition_point(|row| self.reaches(row));
            (low, high.max(low))
        }
    }
}
