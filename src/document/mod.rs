//! Documents: read from files, and kept in memory as a database keeps them.

mod database;
mod reader;
mod splitter;
mod tree;

pub use database::{Database, ReadOptions, WriteError};
pub use reader::{DocumentError, DocumentFile, RawDocument};
