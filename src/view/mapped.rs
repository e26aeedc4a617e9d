//! Queries of rows.

use std::ops::Range;

use super::answer::{Context, MapAnswer, MapRow};
use super::documents;
use super::error::QueryError;
use super::index::Index;
use super::query::{Bounds, Query};
use super::row::Row;

impl Index {
    /// Answers a query that does not reduce.
    ///
    /// # Errors
    /// When the range ends before it starts, or `sorted=false` meets a partition, which CouchDB
    /// fails at.
    pub fn map<'a>(
        &'a self,
        query: &Query,
        context: &Context<'a>,
    ) -> Result<MapAnswer<'a>, QueryError> {
        query.check_range(self.collation())?;
        let shards = self.asked(query, context);
        let mut ranges = query.bounds(self.collation());
        if query.descending {
            // Keys are read from the last to the first.
            ranges.reverse();
        }
        let total: usize = shards.iter().map(|rows| rows.len()).sum();
        // In a partition the one shard skips, otherwise the coordinating node does.
        let (shard_skip, skip) =
            if query.partition.is_some() { (count(query.skip), 0) } else { (0, count(query.skip)) };
        let before: usize =
            shards.iter().map(|rows| offset(rows, &ranges, query.descending, shard_skip)).sum();
        let offset = before.saturating_add(skip).min(total);

        let limit = count(query.limit);
        let rows: Vec<&Row> = if query.sorted {
            let mut rows = Vec::new();
            let mut skip = count(query.skip);
            for range in &ranges {
                if rows.len() == limit {
                    break;
                }
                let cursors =
                    shards.iter().map(|rows| Cursor::new(rows, range, query.descending)).collect();
                take(cursors, query.descending, &mut skip, limit, &mut rows);
            }
            rows
        } else {
            self.unsorted(&shards, &ranges, query)?
        };

        let totals_first = query.sorted || shards.len() == 1 || rows.is_empty();
        Ok(MapAnswer {
            totals: totals_first.then_some((total as u64, offset as u64)),
            update_seq: (query.update_seq && totals_first).then_some(context.update_seq),
            rows: rows
                .into_iter()
                .map(|row| MapRow {
                    row,
                    document: query.include_docs.then(|| documents::of_row(row, query, context)),
                })
                .collect(),
        })
    }

    /// The rows of the shards that the query reaches.
    fn asked(&self, query: &Query, context: &Context<'_>) -> Vec<&[Row]> {
        if query.partition.is_some() {
            self.shards()
                .get(context.partition_shard)
                .map(|rows| vec![rows.as_slice()])
                .unwrap_or_default()
        } else {
            self.shards().iter().map(Vec::as_slice).collect()
        }
    }

    /// The rows with `sorted=false`: one shard after the other here, in any order in CouchDB.
    /// Nothing is skipped, since only the merging would (`fabric_view_map:handle_non_sorted`).
    fn unsorted<'a>(
        &self,
        shards: &[&'a [Row]],
        ranges: &[Bounds],
        query: &Query,
    ) -> Result<Vec<&'a Row>, QueryError> {
        let limit = count(query.limit);
        let mut result = Vec::new();
        for rows in shards {
            for range in ranges {
                let cursor = vec![Cursor::new(rows, range, query.descending)];
                take(cursor, query.descending, &mut 0, limit, &mut result);
            }
        }
        match (&query.partition, result.first()) {
            (Some(partition), Some(row)) if self.is_partitioned() => {
                let key = super::erlang::pretty(&super::row::parse(&row.key), 0);
                let partition = super::erlang::pretty(&partition.as_str().into(), 0);
                Err(QueryError::new(500, "invalid_ejson", format!("{{p,{partition},{key}}}"))
                    .logged())
            }
            _ => Ok(result),
        }
    }
}

/// The number of rows before the first one that a shard sends: those before the first range that is
/// not skipped whole, and those skipped in it; otherwise those before the place where reading
/// stopped. Without any range it is 0 (`couch_mrview:map_fold/3`, `finish_fold/2`).
fn offset(rows: &[Row], ranges: &[Bounds], descending: bool, skip: usize) -> usize {
    let mut skip = skip;
    let mut stopped = 0;
    for range in ranges {
        let (low, high) = range.span(rows);
        let start = if descending { rows.len() - high } else { low };
        if high - low > skip {
            return start + skip;
        }
        skip -= high - low;
        stopped = start + (high - low);
    }
    stopped
}

fn count(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Reads rows of one shard entry by entry.
struct Cursor<'a> {
    rows: &'a [Row],
    /// What is left of the range.
    left: Range<usize>,
    /// What is left of the entry being read, always in ascending order.
    entry: Range<usize>,
    descending: bool,
}

impl<'a> Cursor<'a> {
    fn new(rows: &'a [Row], range: &Bounds, descending: bool) -> Self {
        let (low, high) = range.span(rows);
        let mut cursor = Self { rows, left: low..high, entry: 0..0, descending };
        cursor.fill();
        cursor
    }

    /// Takes the next entry out of the range when the last one was read.
    fn fill(&mut self) {
        if !self.entry.is_empty() || self.left.is_empty() {
            return;
        }
        if !self.descending {
            self.entry = std::mem::replace(&mut self.left, 0..0);
            return;
        }
        let end = self.left.end;
        let last = &self.rows[end - 1];
        let same = self.rows[self.left.clone()]
            .iter()
            .rev()
            .take_while(|row| last.same_entry(row))
            .count();
        self.entry = end - same..end;
        self.left.end = end - same;
    }

    fn peek(&self) -> Option<&'a Row> {
        if self.entry.is_empty() { None } else { self.rows.get(self.entry.start) }
    }

    fn advance(&mut self) {
        self.entry.start += 1;
        self.fill();
    }

    /// Skips up to so many rows without looking at each, and tells how many.
    fn skip(&mut self, number: usize) -> usize {
        let mut left = number;
        // Whole entries from the end of the range; only the entry that is cut must be found.
        if self.descending && left >= self.entry.len() {
            left -= self.entry.len();
            self.entry = 0..0;
            let cut = self.left.end - left.min(self.left.len());
            if cut == self.left.start {
                left -= self.left.len();
                self.left.end = cut;
                return number - left;
            }
            let last = &self.rows[cut];
            let after =
                self.rows[cut..self.left.end].iter().take_while(|row| last.same_entry(row)).count();
            left -= self.left.end - cut - after.min(self.left.end - cut);
            self.left.end = cut + after;
            self.fill();
        }
        let step = left.min(self.entry.len());
        self.entry.start += step;
        left -= step;
        self.fill();
        number - left
    }
}

/// Merges the rows of the cursors into `rows`, up to `limit` in all, after skipping some.
fn take<'a>(
    mut cursors: Vec<Cursor<'a>>,
    descending: bool,
    skip: &mut usize,
    limit: usize,
    rows: &mut Vec<&'a Row>,
) {
    if let [cursor] = cursors.as_mut_slice() {
        *skip -= cursor.skip(*skip);
        while rows.len() < limit
            && let Some(row) = cursor.peek()
        {
            rows.push(row);
            cursor.advance();
        }
        return;
    }
    while rows.len() < limit {
        let mut next: Option<(usize, &Row)> = None;
        for (at, cursor) in cursors.iter().enumerate() {
            let Some(row) = cursor.peek() else { continue };
            let sooner = next.is_none_or(|(_, best)| {
                if descending { row.place() > best.place() } else { row.place() < best.place() }
            });
            if sooner {
                next = Some((at, row));
            }
        }
        let Some((at, row)) = next else { return };
        cursors[at].advance();
        if *skip > 0 {
            *skip -= 1;
        } else {
            rows.push(row);
        }
    }
}
