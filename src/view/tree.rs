//! The tree of stored reductions above the rows of a shard, as CouchDB would have written it in
//! one go (`couch_btree`).
//!
//! Where nodes end decides which rows reach a reduce function together, and with it what users see
//! of a function that is not associative, of `_sum`'s limit and of the last digits of float sums.
//! Nodes are cut by the sizes of their contents, so a view built in one batch has the very same
//! nodes here. Larger views grow batch by batch in CouchDB; theirs only resemble these.

use std::ops::Range;

use super::error::ViewFailure;
use super::reduce::{self, Reducer, Reduction};
use super::row::{Row, partition_of};
use super::size;

/// The size nodes are cut to, in bytes.
const CHUNK_SIZE: usize = 1279;
/// The size of a number above 255, such as the position of a node in the file.
const LARGE: usize = 5;

/// All nodes above the rows of one shard.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    pub(super) root: Option<Node>,
}

/// A leaf, which holds rows, or an inner node, which has children.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) rows: Range<usize>,
    pub(super) children: Vec<Node>,
    pub(super) reduction: Reduction,
}

impl Tree {
    /// The tree above sorted rows.
    pub(super) fn build(
        rows: &[Row],
        partitioned: bool,
        reducer: &mut dyn Reducer,
    ) -> Result<Self, ViewFailure> {
        if rows.is_empty() {
            return Ok(Self::default());
        }
        let entries: Vec<Range<usize>> = entries(rows).collect();
        let sizes: Vec<usize> =
            entries.iter().map(|entry| entry_size(&rows[entry.clone()], partitioned)).collect();
        let mut nodes = Vec::new();
        for chunk in chunks(&sizes) {
            let rows_of_node = entries[chunk.start].start..entries[chunk.end - 1].end;
            let given: Vec<&Row> = rows[rows_of_node.clone()].iter().collect();
            let reduction = reducer.reduce(&given)?;
            nodes.push(Node { rows: rows_of_node, children: Vec::new(), reduction });
        }
        while nodes.len() > 1 {
            let sizes: Vec<usize> = nodes.iter().map(|node| node.size(rows, partitioned)).collect();
            let chunks = chunks(&sizes);
            let mut rest = nodes.into_iter();
            nodes = Vec::with_capacity(chunks.len());
            for chunk in chunks {
                let children: Vec<Node> = rest.by_ref().take(chunk.len()).collect();
                let parts: Vec<&Reduction> =
                    children.iter().map(|child| &child.reduction).collect();
                let reduction = reduce::rereduce(reducer, &parts)?;
                let start = children.first().map_or(0, |child| child.rows.start);
                let end = children.last().map_or(0, |child| child.rows.end);
                nodes.push(Node { rows: start..end, children, reduction });
            }
        }
        Ok(Self { root: nodes.pop() })
    }

    pub(super) fn root(&self) -> Option<&Reduction> {
        self.root.as_ref().map(|root| &root.reduction)
    }
}

impl Node {
    /// The last row below the node: its key in the parent.
    pub(super) fn last<'a>(&self, rows: &'a [Row]) -> Option<&'a Row> {
        self.rows.end.checked_sub(1).and_then(|last| rows.get(last))
    }

    /// The size of what its parent holds of it: key, position, reduction with the number and the
    /// size of the rows, and size of the subtree.
    fn size(&self, rows: &[Row], partitioned: bool) -> usize {
        let key = self.last(rows).map_or(0, |row| key_size(row, partitioned));
        let reduction = match &self.reduction {
            // A list of one small number is written like a string of one byte.
            Reduction::Json(text) if is_byte(text) => 4,
            other => size::LIST + other.size(),
        };
        let count = size::integer(self.rows.len() as u64);
        size::TUPLE + key + size::TUPLE + LARGE + size::TUPLE + count + reduction + LARGE + LARGE
    }
}

/// The entries of the index: neighbouring rows of one document with the very same key.
pub(super) fn entries(rows: &[Row]) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let first = rows.get(start)?;
        let end = rows[start..]
            .iter()
            .position(|row| !first.same_entry(row))
            .map_or(rows.len(), |count| start + count);
        let entry = start..end;
        start = end;
        Some(entry)
    })
}

fn entry_size(rows: &[Row], partitioned: bool) -> usize {
    let value = match rows {
        [row] => size::of_json(&row.value),
        rows => {
            let values = if rows.iter().all(|row| is_byte(&row.value)) {
                3 + rows.len()
            } else {
                size::LIST + rows.iter().map(|row| size::of_json(&row.value)).sum::<usize>()
            };
            size::TUPLE + size::atom("dups".len()) + values
        }
    };
    size::TUPLE + rows.first().map_or(0, |row| key_size(row, partitioned)) + value
}

fn key_size(row: &Row, partitioned: bool) -> usize {
    let partition = if partitioned {
        size::TUPLE + size::atom("p".len()) + size::binary(partition_of(&row.id).len())
    } else {
        0
    };
    size::TUPLE + partition + size::of_json(&row.key) + size::binary(row.id.len())
}

fn is_byte(text: &str) -> bool {
    text.parse::<u8>().is_ok()
}

/// Cuts a list of so large elements into nodes, as `couch_btree:chunkify/1` does.
fn chunks(sizes: &[usize]) -> Vec<Range<usize>> {
    let total = size::VERSION + size::LIST + sizes.iter().sum::<usize>();
    let threshold = match total / CHUNK_SIZE {
        _ if total <= CHUNK_SIZE => usize::MAX,
        likely => total / (likely + 1),
    };
    let mut chunks: Vec<Range<usize>> = Vec::new();
    let (mut start, mut filled) = (0, 0);
    for (at, size) in sizes.iter().enumerate() {
        let size = size + size::VERSION;
        if filled + size > threshold && start < at {
            chunks.push(start..at + 1);
            (start, filled) = (at + 1, 0);
        } else {
            filled += size;
        }
    }
    match (sizes.len() - start, chunks.last_mut()) {
        (0, _) => {}
        (1, Some(last)) => last.end = sizes.len(),
        _ => chunks.push(start..sizes.len()),
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_cut_by_size() {
        let ends =
            |sizes: &[usize]| chunks(sizes).iter().map(|chunk| chunk.end).collect::<Vec<_>>();
        assert_eq!(ends(&[10; 3]), [3]);
        assert_eq!(ends(&[572; 10]), [2, 4, 6, 8, 10]);
        assert_eq!(ends(&[1130; 5]), [2, 5]);
        assert_eq!(ends(&[2300, 3400]), [2]);
        assert_eq!(ends(&[5000]), [1]);
    }
}
