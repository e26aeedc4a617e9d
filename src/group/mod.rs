//! View groups: the views of one design document, built together over documents and queried.
//!
//! CouchDB builds all views of a design document as one group (`couch_mrview_index`): one document
//! that cannot be mapped makes all of them unavailable. This module joins the pure core in
//! [`view`](crate::view) with the [`engine`](crate::engine).

mod build;
mod definition;
mod query;
mod reducer;

pub use build::{BuildFailure, GroupDocument, LogLine, MappedDocuments, ThrownAt, ViewGroup};
pub use definition::{GroupDefinition, MapDefinition, MapSource, ViewDefinition};
pub use query::Request;
pub use reducer::{JavaScriptReducer, ReduceCall};
