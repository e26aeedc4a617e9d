//! JSON Schemas of a database: one file for each type of document.
//!
//! [`Schemas::load`] compiles the files `schemas/<database>/<type>.schema.json`. A document is routed to
//! its schema by the discriminator of `couchctl.toml` (see [`Schemas::route`]) and checked by
//! [`Schemas::check`]; [`stream::check`] does so for any number of documents, on all processors and in
//! constant memory.
//!
//! Schemas may be of any draft from 4 to 2020-12 and refer to each other by file name or `$id`. Nothing
//! is ever fetched: an address elsewhere must be mapped to a file.
//!
//! A document's own members are what a schema is about. Those of CouchDB (`_id`, `_rev`, `_attachments`,
//! …) are shown to a schema only when it speaks of them (see [`members`]).

mod check;
pub mod compare;
mod compile;
mod files;
mod impact;
mod instance;
pub mod members;
mod place;
mod route;
pub(crate) mod scope;
pub mod stream;
mod summary;
pub mod views;
pub mod words;

pub use check::{Outcome, Violation};
pub use compile::{Schema, Schemas};
pub use impact::{Counted, Impact};
pub use place::line_of;
pub use route::{Route, Routes, Source};
pub use scope::ReferenceError;
pub use summary::{Cause, Summary};
