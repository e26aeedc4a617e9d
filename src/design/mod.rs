//! Design documents as data: their members, what the server checks when one is saved, the signature
//! of their index and the revision a save will get.
//!
//! Nothing here reads files, runs JavaScript or talks to a server.

mod document;
pub mod revision;
mod signature;
pub mod term;
mod validate;

pub use document::{DesignDocument, Source, Sources, View};
pub use revision::Revision;
pub use signature::{ViewGroup, signature, view_groups};
pub use validate::{FunctionKind, SaveError, SourceFunction, has_query_server};
