//! JSON as CouchDB reads, stores and prints it.
//!
//! CouchDB decodes JSON with jiffy into Erlang terms and encodes terms back, which differs from a
//! plain JSON library in ways that users see and index signatures depend on:
//!
//! * integers keep every digit; a number with a fraction or an exponent is a float and is printed
//!   as the shortest decimal that reads back the same (`1e3` becomes `1000.0`);
//! * of duplicate members the last one wins, at the place of that last one;
//! * a lone surrogate escape, a number beyond the range of a double and any malformed UTF-8 are
//!   errors.
//!
//! A parsed [`Value`] therefore holds numbers in CouchDB's own spelling: two values are equal
//! exactly when CouchDB would store the same term.

mod number;
mod parse;
mod scan;
mod write;

pub use number::{canonical_number, double_to_stored, is_integer, number, number_to_double};
pub use parse::{parse, parse_str};
pub(crate) use scan::plain_run;
pub use scan::{Kind, RawString, Scanner};
pub use serde_json::{Map, Number, Value};
pub use write::{to_string, write, write_string};

/// The deepest nesting of arrays and objects that is read: far beyond any document in practice, and
/// far below what would overflow the stack of the code that walks a value recursively.
pub const MAX_DEPTH: usize = 1000;

/// Why a text is not JSON for CouchDB, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at line {line} column {column}")]
pub struct JsonError {
    /// What is wrong, without the place.
    pub message: String,
    /// Byte offset from the start of the text.
    pub offset: usize,
    /// Line, counted from 1.
    pub line: usize,
    /// Column in bytes, counted from 1.
    pub column: usize,
}

impl JsonError {
    fn new(text: &[u8], offset: usize, message: impl Into<String>) -> Self {
        let offset = offset.min(text.len());
        let before = &text[..offset];
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        let start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
        Self { message: message.into(), offset, line, column: offset - start + 1 }
    }
}
