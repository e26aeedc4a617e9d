//! Mango: selectors, and indexes declared as fields instead of written as map functions.
//!
//! Design documents with `language: query` hold such declarations where others hold functions
//! (`mango_native_proc`).

mod definition;
mod error;
mod matching;
mod path;
mod selector;

pub use definition::Definition;
pub use error::MangoError;
pub use path::FieldPath;
pub use selector::Selector;
