//! Documents: read from files, and kept in memory as a database keeps them.

mod attachment;
mod body;
mod changes;
mod compressed;
mod database;
mod listing;
mod load;
mod problem;
mod raw;
mod read;
mod reader;
mod refusal;
mod splitter;
#[cfg(test)]
mod tests;
mod tree;

pub use attachment::AttachmentData;
pub use changes::{Change, Leaf, RevisionDifference};
pub use database::Database;
pub use problem::{DocumentError, DocumentProblem};
pub use raw::RawDocument;
pub use read::{Absent, ReadOptions};
pub use reader::DocumentFile;
pub use refusal::WriteError;
