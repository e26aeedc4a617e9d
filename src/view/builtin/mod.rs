//! The reduce functions that are part of CouchDB (`couch_query_servers`).

mod bias;
mod distinct;
pub(crate) mod number;
mod pick;
mod stats;
mod sum;

use std::sync::Arc;

use self::distinct::Registers;
use self::number::Number;
use self::pick::Entry;
use self::stats::Stats;
use super::collation::Collation;
use super::error::{QueryError, ViewFailure};
use super::reduce::{Reducer, Reduction};
use super::row::Row;
use super::{row, size};
use crate::json::{self, Value};

/// The largest number of values `_top_N` and `_bottom_N` keep.
const MAX_RANK: i64 = 100;

/// One of CouchDB's own reduce functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Builtin {
    /// `_sum`
    Sum,
    /// `_count`
    Count,
    /// `_stats`
    Stats,
    /// `_approx_count_distinct`
    ApproxCountDistinct,
    /// `_first`
    First,
    /// `_last`
    Last,
    /// `_top_N`, with the number of values it keeps
    Top(usize),
    /// `_bottom_N`, with the number of values it keeps
    Bottom(usize),
}

impl Builtin {
    /// Recognises the source of a reduce function. `None`: it is not a built-in one, since it does
    /// not start with an underscore. Like CouchDB it looks at the beginning only: `_sum2` is `_sum`.
    ///
    /// # Errors
    /// With the answer to saving such a design document, when the source starts with an underscore
    /// but names nothing.
    pub fn recognise(source: &str) -> Result<Option<Self>, QueryError> {
        let invalid = |reason: String| Err(QueryError::new(400, "invalid_design_doc", reason));
        if !source.starts_with('_') {
            return Ok(None);
        }
        for (name, builtin) in [
            ("_sum", Self::Sum),
            ("_count", Self::Count),
            ("_stats", Self::Stats),
            ("_approx_count_distinct", Self::ApproxCountDistinct),
            ("_first", Self::First),
            ("_last", Self::Last),
        ] {
            if source.starts_with(name) {
                return Ok(Some(builtin));
            }
        }
        let (rank, top) = match (source.strip_prefix("_top_"), source.strip_prefix("_bottom_")) {
            (Some(rank), _) => (rank, true),
            (_, Some(rank)) => (rank, false),
            _ => return invalid(format!("`{source}` is not a supported reduce function.")),
        };
        let Some(rank) = super::parameters::integer(rank) else {
            return invalid(String::from("invalid rank reducer"));
        };
        match usize::try_from(rank) {
            Ok(rank @ 1..) if i64::try_from(rank).is_ok_and(|rank| rank <= MAX_RANK) => {
                Ok(Some(if top { Self::Top(rank) } else { Self::Bottom(rank) }))
            }
            _ => invalid(format!("rank value must be between 1 and {MAX_RANK}")),
        }
    }
}

/// What a built-in function keeps between its steps, where that is not a JSON value.
#[derive(Debug, Clone, PartialEq)]
pub struct Partial(Kept);

#[derive(Debug, Clone, PartialEq)]
enum Kept {
    Stats(Stats),
    Distinct(Registers),
    Entry(Entry),
}

impl Partial {
    pub(super) fn size(&self) -> usize {
        match &self.0 {
            Kept::Stats(stats) => stats.size(),
            Kept::Distinct(registers) => registers.size(),
            Kept::Entry(entry) => entry.size(),
        }
    }

    /// The JSON text shown for it.
    pub(super) fn finish(&self) -> String {
        match &self.0 {
            Kept::Stats(stats) => json::to_string(&stats.value()),
            Kept::Distinct(registers) => registers.estimate().to_string(),
            Kept::Entry(entry) => entry.value.to_string(),
        }
    }
}

/// Runs a built-in function over an index.
#[derive(Debug, Clone, Copy)]
pub struct BuiltinReducer {
    builtin: Builtin,
    collation: Collation,
}

impl BuiltinReducer {
    /// The function over an index with the given collation.
    #[must_use]
    pub fn new(builtin: Builtin, collation: Collation) -> Self {
        Self { builtin, collation }
    }
}

impl Reducer for BuiltinReducer {
    fn reduce(&mut self, rows: &[&Row]) -> Result<Reduction, ViewFailure> {
        Ok(match self.builtin {
            Builtin::Sum => sum::rows(rows)?,
            Builtin::Count => Reduction::json(rows.len().to_string()),
            Builtin::Stats => kept(Kept::Stats(stats::rows(rows)?)),
            Builtin::ApproxCountDistinct => kept(Kept::Distinct(Registers::of(rows))),
            Builtin::First | Builtin::Last => {
                let entries = rows.iter().map(|row| Entry::of(row, self.collation));
                pick(self.builtin, entries)
            }
            Builtin::Top(rank) => {
                pick::ranked(rows.iter().map(|row| row::parse(&row.value)), rank, true)
            }
            Builtin::Bottom(rank) => {
                pick::ranked(rows.iter().map(|row| row::parse(&row.value)), rank, false)
            }
        })
    }

    fn rereduce(&mut self, parts: &[&Reduction]) -> Result<Reduction, ViewFailure> {
        Ok(match self.builtin {
            Builtin::Sum => sum::parts(parts)?,
            Builtin::Count => count(parts)?,
            Builtin::Stats => {
                kept(Kept::Stats(stats::parts(parts.iter().filter_map(|part| match part {
                    Reduction::Partial(Partial(Kept::Stats(stats))) => Some(stats),
                    _ => None,
                }))?))
            }
            Builtin::ApproxCountDistinct => {
                kept(Kept::Distinct(Registers::union(parts.iter().filter_map(|part| match part {
                    Reduction::Partial(Partial(Kept::Distinct(registers))) => Some(registers),
                    _ => None,
                }))))
            }
            Builtin::First | Builtin::Last => {
                let entries = parts.iter().filter_map(|part| match part {
                    Reduction::Partial(Partial(Kept::Entry(entry))) => Some(entry.clone()),
                    _ => None,
                });
                pick(self.builtin, entries)
            }
            Builtin::Top(rank) => pick::ranked(values(parts), rank, true),
            Builtin::Bottom(rank) => pick::ranked(values(parts), rank, false),
        })
    }
}

fn kept(kept: Kept) -> Reduction {
    Reduction::Partial(Partial(kept))
}

fn pick(builtin: Builtin, entries: impl Iterator<Item = Entry>) -> Reduction {
    pick::entry(entries, builtin == Builtin::First)
        .map_or_else(|| Reduction::json("[]"), |entry| kept(Kept::Entry(entry)))
}

fn count(parts: &[&Reduction]) -> Result<Reduction, ViewFailure> {
    let mut count = Number::Small(0);
    for part in parts {
        if let Some(number) = text(part).and_then(|text| Number::read(text)) {
            count = count.add(&number)?;
        }
    }
    Ok(Reduction::json(count.text()))
}

fn text(part: &Reduction) -> Option<&Arc<str>> {
    match part {
        Reduction::Json(text) => Some(text),
        _ => None,
    }
}

/// The elements of all parts, each of which is an array.
fn values<'a>(parts: &'a [&Reduction]) -> impl Iterator<Item = Value> + 'a {
    parts.iter().filter_map(|part| text(part)).flat_map(|text| match row::parse(text) {
        Value::Array(values) => values,
        _ => Vec::new(),
    })
}

#[cfg(test)]
mod tests;
