//! Views: rows in CouchDB's order, built-in reduce functions, queries and responses.
//!
//! Nothing here runs JavaScript or reads a file. Map functions are run elsewhere and hand over what
//! they emitted; the way of a query is
//!
//! ```text
//! Parameters ─ validate(ViewShape) ─▶ Query ─ Index::map / Index::reduce ─▶ Answer ─▶ body()
//! ```
//!
//! An [`Index`] keeps the rows of one view by shard. A reduce function is a [`Reducer`]; its stored
//! [`Reductions`] are computed from the index, as CouchDB computes them while writing it. Functions
//! named in comments such as `couch_btree:chunkify/1` are those of CouchDB's source that decide the
//! behaviour described.

mod answer;
mod builtin;
pub mod collation;
mod documents;
pub(crate) mod erlang;
mod error;
mod index;
mod mapped;
mod parameters;
mod query;
mod reduce;
mod reduced;
pub mod response;
mod row;
mod size;
mod tree;

pub use answer::{Context, MapAnswer, MapRow, ReduceAnswer, ReduceRow, ReduceValue};
pub use builtin::{Builtin, BuiltinReducer, Partial};
pub use documents::{DocumentOptions, DocumentReader};
pub use error::{QueryError, ViewFailure};
pub use index::{DocumentRows, Index, Reductions};
pub use parameters::{Parameters, ViewShape, with_partition};
pub use query::{Grouping, Query, Update};
pub use reduce::{Reducer, Reduction};
pub use row::Row;

/// A value printed as an Erlang term, as error messages of the server show it.
pub(crate) fn erlang_term(value: &crate::json::Value) -> String {
    erlang::plain(value)
}

/// A value as CouchDB prints it into an error's reason where it is no text: as an Erlang term.
#[must_use]
pub fn term_text(value: &crate::json::Value) -> String {
    erlang::pretty(value, 1)
}

#[cfg(test)]
mod tests;
