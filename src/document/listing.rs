//! Telling the listings that CouchDB and its tools write from the documents in them.

use std::io::Read;
use std::ops::Range;

use super::reader::Place;
use super::splitter::{SplitError, Splitter};
use crate::json::{JsonError, Scanner};

/// Members that may come before the documents of a wrapping object.
const BEFORE: [&[u8]; 10] = [
    b"\"total_rows\"",
    b"\"offset\"",
    b"\"update_seq\"",
    b"\"bookmark\"",
    b"\"warning\"",
    b"\"new_edits\"",
    b"\"last_seq\"",
    b"\"pending\"",
    b"\"execution_stats\"",
    b"\"sum\"",
];

/// How far a wrapping object is searched for an `_id`, which would make it a document.
const LOOK: usize = 64 << 10;

/// Looks whether the object that starts here wraps documents; if so, goes to the first of them.
/// What is wrong with it is found again, and reported, when it is taken as a document.
pub(super) fn place_of<R: Read>(splitter: &mut Splitter<R>) -> Option<Place> {
    let place = wrapping(splitter).unwrap_or(None);
    if place.is_none() {
        splitter.rewind();
    }
    place
}

fn wrapping<R: Read>(splitter: &mut Splitter<R>) -> Result<Option<Place>, SplitError> {
    splitter.expect(b'{')?;
    loop {
        if splitter.peek()? != Some(b'"') {
            return Ok(None);
        }
        let place = match splitter.value()? {
            b"\"docs\"" => Some(Place::Array { wrapped: true }),
            b"\"rows\"" | b"\"results\"" => Some(Place::Rows),
            name if BEFORE.contains(&name) => None,
            _ => return Ok(None),
        };
        splitter.expect(b':')?;
        if place.is_none() {
            splitter.value()?;
            if splitter.take_if(b',')? {
                continue;
            }
            return Ok(None);
        }
        // Only objects, or nothing at all, can be documents.
        let is_list = splitter.take_if(b'[')? && matches!(splitter.peek()?, Some(b'{' | b']'));
        return Ok(if is_list && !has_id(splitter.ahead(LOOK)?) { place } else { None });
    }
}

/// Whether an object, of which this is the beginning, has an `_id`.
fn has_id(object: &[u8]) -> bool {
    let mut members = Splitter::new(object, LOOK);
    let mut look = || -> Result<bool, SplitError> {
        members.expect(b'{')?;
        loop {
            members.mark();
            if members.value()? == b"\"_id\"" {
                return Ok(true);
            }
            members.expect(b':')?;
            members.value()?;
            if !members.take_if(b',')? {
                return Ok(false);
            }
        }
    };
    look().unwrap_or(false)
}

/// Takes a member of a row. `true`: it is the document, whose object comes next and is not taken.
/// `excused` is set where a row rightly has no document.
pub(super) fn ends_in_a_document<R: Read>(
    splitter: &mut Splitter<R>,
    excused: &mut bool,
) -> Result<bool, SplitError> {
    if splitter.peek()? != Some(b'"') {
        splitter.expect(b'"')?;
    }
    let name = splitter.value()?.to_vec();
    splitter.expect(b':')?;
    match name.as_slice() {
        b"\"doc\"" if splitter.peek()? == Some(b'{') => {
            splitter.mark();
            return Ok(true);
        }
        // `null` where the document is deleted or missing.
        b"\"doc\"" => *excused |= splitter.value()? == b"null",
        b"\"deleted\"" => *excused |= splitter.value()? == b"true",
        // A row for a key that does not exist.
        b"\"error\"" => {
            splitter.value()?;
            *excused = true;
        }
        // `_all_docs` with keys tells of deleted documents.
        b"\"value\"" => {
            let value = splitter.value()?;
            *excused |= memchr::memmem::find(value, b"\"deleted\":true").is_some();
        }
        _ => {
            splitter.value()?;
        }
    }
    Ok(false)
}

/// What an object is that no listing surrounds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Alone {
    /// A document.
    Document,
    /// A row of a listing; where its document stands.
    Row(Range<usize>),
    /// A row of a listing whose document is deleted or missing.
    EmptyRow,
}

/// Looks whether an object is a row cut out of a listing, as of `_changes?feed=continuous`. Only an
/// object without `_id` can be one, and what has no `_id` cannot be a document.
pub(super) fn alone(text: &str) -> Alone {
    let start = text[1..].trim_start();
    if !["\"id\"", "\"seq\"", "\"key\""].iter().any(|name| start.starts_with(name)) {
        return Alone::Document;
    }
    row(text).unwrap_or(Alone::Document)
}

fn row(text: &str) -> Result<Alone, JsonError> {
    let mut scanner = Scanner::new(text);
    let mut found = Alone::Document;
    scanner.kind()?;
    let mut more = scanner.enter()?;
    while more {
        let name = scanner.name()?.raw;
        let value = scanner.skip()?;
        match name {
            "_id" => return Ok(Alone::Document),
            "doc" if value.starts_with('{') => {
                let end = scanner.position();
                found = Alone::Row(end - value.len()..end);
            }
            "doc" if value == "null" => found = Alone::EmptyRow,
            _ => {}
        }
        more = scanner.more(b'}')?;
    }
    Ok(found)
}

/// couchbackup's files start with an object that tells their format.
pub(super) fn is_backup_header(text: &str) -> bool {
    let start = text.trim_start_matches(['{', ' ', '\t', '\r', '\n']);
    start.strip_prefix("\"name\"").is_some_and(|rest| {
        let rest = rest.trim_start_matches([' ', ':', '\t']);
        rest.starts_with("\"@cloudant/couchbackup\"") && !text.contains("\"_id\"")
    })
}
