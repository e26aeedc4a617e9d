//! Rows of a view and their order.

use std::cmp::Ordering;
use std::sync::Arc;

use super::collation::{self, Collation};
use crate::json::{self, Value};

/// One row: what a map function emitted for one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Id of the emitting document.
    pub id: Arc<str>,
    /// The key, as JSON text in CouchDB's spelling.
    pub key: Box<str>,
    /// The value, as JSON text in CouchDB's spelling.
    pub value: Box<str>,
    /// Orders rows by key bytewise; see [`collation`]. In a partitioned view it starts with the
    /// partition.
    pub(super) sort_key: Box<[u8]>,
}

impl Row {
    /// Whether two neighbouring rows are one entry of CouchDB's index: the same document emitted
    /// the very same key several times. The values of an entry are read in ascending order in
    /// both directions (`couch_mrview_util:expand_dups`).
    pub(super) fn same_entry(&self, other: &Self) -> bool {
        self.key == other.key && self.id == other.id && self.sort_key == other.sort_key
    }

    /// The place of the row's entry in the index.
    pub(super) fn place(&self) -> (&[u8], &[u8]) {
        (&self.sort_key, self.id.as_bytes())
    }
}

/// The bytes that put the rows of one partition together, in front of those of a later one.
pub(super) fn partition_prefix(partition: &str) -> Vec<u8> {
    let mut prefix = Vec::with_capacity(partition.len() + 2);
    for byte in partition.bytes() {
        prefix.push(byte);
        if byte == 0 {
            prefix.push(1);
        }
    }
    prefix.extend([0, 0]);
    prefix
}

/// The partition of a document id: what stands before the first colon.
pub(super) fn partition_of(id: &str) -> &str {
    id.split_once(':').map_or("", |(partition, _)| partition)
}

/// The rows of one document, sorted. `emitted` holds keys and values as JSON texts in CouchDB's
/// spelling.
pub(super) fn document_rows(
    id: &Arc<str>,
    emitted: Vec<(Box<str>, Box<str>)>,
    collation: Collation,
    partitioned: bool,
) -> Vec<Row> {
    let prefix = if partitioned { partition_prefix(partition_of(id)) } else { Vec::new() };
    let mut rows: Vec<Row> = emitted
        .into_iter()
        .map(|(key, value)| {
            let mut sort_key = prefix.clone();
            collation::write_sort_key(&parse(&key), collation, &mut sort_key);
            Row { id: Arc::clone(id), key, value, sort_key: sort_key.into_boxed_slice() }
        })
        .collect();
    if rows.len() > 1 {
        rows.sort_by(|one, other| {
            one.sort_key.cmp(&other.sort_key).then_with(|| within_document(one, other))
        });
    }
    rows
}

/// The order of rows of one document whose keys collate equal. CouchDB sorts all pairs of key and
/// value of a document as Erlang terms before it writes them (`couch_mrview_updater`), and its tree
/// keeps the order of what it calls equal.
fn within_document(one: &Row, other: &Row) -> Ordering {
    let by_text = |one: &str, other: &str| {
        if one == other {
            Ordering::Equal
        } else {
            collation::compare(&parse(one), &parse(other), Collation::Raw)
        }
    };
    by_text(&one.key, &other.key).then_with(|| by_text(&one.value, &other.value))
}

/// Reads JSON text of a row. The text was written by this program; anything else counts as null.
pub(super) fn parse(text: &str) -> Value {
    json::parse_str(text).unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(emitted: &[(&str, &str)]) -> Vec<(String, String)> {
        let emitted = emitted.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        document_rows(&"d".into(), emitted, Collation::Icu, false)
            .into_iter()
            .map(|row| (row.key.into_string(), row.value.into_string()))
            .collect()
    }

    #[test]
    fn values_of_one_key_are_in_erlang_order() {
        let order = [
            "-1",
            "1.5",
            "2",
            "10",
            "false",
            "null",
            "true",
            "{\"a\":2}",
            "[0,5]",
            "[1]",
            "\"\"",
            "\"a\"",
        ];
        let mut emitted: Vec<_> = order.iter().map(|value| ("\"k\"", *value)).collect();
        emitted.reverse();
        let sorted: Vec<_> = rows(&emitted).into_iter().map(|(_, value)| value).collect();
        assert_eq!(sorted, order);
    }

    #[test]
    fn equal_keys_are_ordered_by_bytes() {
        let sorted = rows(&[("\"\u{e9}\"", "1"), ("\"e\u{301}\"", "2")]);
        assert_eq!(sorted[0].1, "2");
    }

    #[test]
    fn partitions_do_not_mix() {
        let mut prefixes: Vec<_> = ["a", "a!", "a\0", "a\0b", "b"].map(partition_prefix).to_vec();
        prefixes.sort();
        assert_eq!(prefixes, ["a", "a\0", "a\0b", "a!", "b"].map(partition_prefix));
    }
}
