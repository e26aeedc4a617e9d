//! Tests of reading files of documents and of the database in memory.

mod database;
mod forms;
mod reading;
mod streams;

use std::io::Read;

use super::DocumentFile;
use crate::json::{self, Map, Value};

/// Gives its bytes in pieces of the given sizes, over and over.
struct Pieces<'a> {
    rest: &'a [u8],
    sizes: Vec<usize>,
    next: usize,
}

impl<'a> Pieces<'a> {
    fn new(bytes: &'a [u8], sizes: &[usize]) -> Self {
        Self { rest: bytes, sizes: sizes.to_vec(), next: 0 }
    }
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let size = self.sizes[self.next % self.sizes.len()].max(1);
        self.next += 1;
        let size = size.min(buffer.len()).min(self.rest.len());
        buffer[..size].copy_from_slice(&self.rest[..size]);
        self.rest = &self.rest[size..];
        Ok(size)
    }
}

/// What a stream gives: documents with their lines, and the error that ended it.
fn given(input: impl Read) -> Vec<String> {
    DocumentFile::new(input, "test")
        .map(|document| {
            document.map_or_else(
                |error| error.to_string(),
                |found| format!("{} {}", found.line, found.text),
            )
        })
        .collect()
}

fn members(text: &str) -> Map<String, Value> {
    match json::parse_str(text) {
        Ok(Value::Object(members)) => members,
        other => panic!("not an object: {other:?}"),
    }
}
