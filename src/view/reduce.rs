//! Reducing rows: what a reduce function is for an index, and what it yields.

use std::sync::Arc;

use super::builtin::Partial;
use super::error::ViewFailure;
use super::row::Row;
use super::size;

/// A reduce function: one of CouchDB's own ([`BuiltinReducer`](super::BuiltinReducer)), or a
/// JavaScript function run by an engine.
pub trait Reducer {
    /// Reduces rows, in the order in which CouchDB passes them: never empty.
    ///
    /// A JavaScript reduce is called with the keys `[[key, id], …]` and the values of the rows. A
    /// result beyond the limit of reduce output is [`Reduction::Overflow`].
    ///
    /// # Errors
    /// When CouchDB would answer the query, or the build, with a status of 500.
    fn reduce(&mut self, rows: &[&Row]) -> Result<Reduction, ViewFailure>;

    /// Reduces the results of earlier calls, in the order in which CouchDB passes them: never
    /// empty, and never with an overflow among them.
    ///
    /// # Errors
    /// When CouchDB would answer the query, or the build, with a status of 500.
    fn rereduce(&mut self, parts: &[&Reduction]) -> Result<Reduction, ViewFailure>;
}

/// A reduced set of rows.
#[derive(Debug, Clone, PartialEq)]
pub enum Reduction {
    /// A JSON value, as text in CouchDB's spelling.
    Json(Arc<str>),
    /// A JavaScript function returned too much; this is the reason shown in the row.
    Overflow(Arc<str>),
    /// What a built-in function keeps until the last step.
    Partial(Partial),
}

impl Reduction {
    /// The reduction with the value that stands in `text`: JSON in CouchDB's spelling.
    pub fn json(text: impl Into<Arc<str>>) -> Self {
        Self::Json(text.into())
    }

    /// Size as an Erlang term; see [`size`].
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Json(text) => size::of_json(text),
            Self::Overflow(reason) => {
                size::TUPLE
                    + size::LIST
                    + size::TUPLE
                    + size::atom("reduce_overflow_error".len())
                    + size::binary(reason.len())
            }
            Self::Partial(partial) => partial.size(),
        }
    }
}

/// Rereduces like CouchDB: `parts` come in the order of its lists, which it reverses on the way
/// (`couch_query_servers:group_reductions_results`), and an overflow among them is the result.
pub(super) fn rereduce(
    reducer: &mut dyn Reducer,
    parts: &[&Reduction],
) -> Result<Reduction, ViewFailure> {
    let parts: Vec<&Reduction> = parts.iter().rev().copied().collect();
    if let Some(overflow) = parts.iter().find(|part| matches!(part, Reduction::Overflow(_))) {
        return Ok((*overflow).clone());
    }
    reducer.rereduce(&parts)
}
