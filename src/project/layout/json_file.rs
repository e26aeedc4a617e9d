//! `<ddoc>.json`: a design document as JSON, functions as strings or as arrays of lines.

use std::path::Path;

use super::place::holds_function;
use super::{Reader, design_id};
use crate::design::{DesignDocument, Source, Sources};
use crate::json::{Kind, Map, Scanner, Value, parse_str};
use crate::project::files;
use crate::project::problem::{Fault, Problem};

/// Members nested deeper than this have no line of their own in messages.
const MAX_DEPTH: usize = 4;

pub(super) fn read(
    reader: &Reader<'_>,
    path: &Path,
    stem: &str,
) -> Result<DesignDocument, Problem> {
    let text = files::read_text(path)?;
    let value = parse_str(&text).map_err(|error| Problem::json(path, &error))?;
    let Value::Object(mut body) = value else {
        return Err(Problem::new(path, Fault::NotAnObject));
    };
    let own = take_meta(&mut body);
    // Somebody who wrote no more than an id meant it: CouchDB takes such a design document.
    let empty = body.is_empty() && own.is_none();
    let id = design_id(own, stem, path)?;
    if empty {
        return Err(Problem::new(path, Fault::EmptyDesign));
    }
    join_lines(&mut body, &mut Vec::new());
    let sources = sources(&text, &reader.shown(path));
    Ok(DesignDocument { id, body, sources })
}

/// Takes out what is no member of the body: the id, which is answered, and the revision, which push
/// decides.
pub(super) fn take_meta(body: &mut Map<String, Value>) -> Option<Value> {
    body.shift_remove("_rev");
    body.shift_remove("_id")
}

/// Joins the lines of functions that are written as arrays; `rewrites` as an array is no function.
fn join_lines(members: &mut Map<String, Value>, path: &mut Vec<String>) {
    for (name, member) in members {
        path.push(name.clone());
        match member {
            Value::Array(lines) if holds_function(path) && path[0] != "rewrites" => {
                let lines: Option<Vec<&str>> = lines.iter().map(Value::as_str).collect();
                if let Some(lines) = lines {
                    *member = Value::String(lines.join("\n"));
                }
            }
            Value::Object(inner) if path.len() < MAX_DEPTH => join_lines(inner, path),
            _ => {}
        }
        path.pop();
    }
}

/// The lines that members start at.
fn sources(text: &str, path: &Path) -> Sources {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = Lines { text, path, offset: 0, line: 1, sources: Sources::default() };
    lines.note(&[], 0);
    // The text was parsed before, so that the scanner cannot fail.
    let _ = lines.members(&mut Scanner::new(text), &mut Vec::new());
    lines.sources
}

struct Lines<'a> {
    text: &'a str,
    path: &'a Path,
    /// Where counting stands.
    offset: usize,
    line: usize,
    sources: Sources,
}

impl Lines<'_> {
    fn note(&mut self, member: &[String], offset: usize) {
        let passed = self.text.get(self.offset..offset).unwrap_or_default();
        self.line += passed.bytes().filter(|byte| *byte == b'\n').count();
        self.offset = offset;
        self.sources
            .insert(member.to_vec(), Source { path: self.path.to_owned(), line: self.line });
    }

    fn members(
        &mut self,
        scanner: &mut Scanner<'_>,
        path: &mut Vec<String>,
    ) -> Result<(), crate::json::JsonError> {
        if scanner.kind()? != Kind::Object || path.len() >= MAX_DEPTH {
            scanner.skip()?;
            return Ok(());
        }
        let mut more = scanner.enter()?;
        while more {
            path.push(scanner.name()?.unescape().into_owned());
            scanner.space();
            self.note(path, scanner.position());
            self.members(scanner, path)?;
            path.pop();
            more = scanner.more(b'}')?;
        }
        Ok(())
    }
}
