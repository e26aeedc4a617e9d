//! One document as it stands in a file.

use std::sync::Arc;

use super::problem::{DocumentError, DocumentProblem};
use crate::json::{self, JsonError, Kind, Map, Scanner, Value};

/// One document's JSON text, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawDocument {
    /// The JSON text of the document; an object, but not checked further.
    pub text: String,
    /// The line it starts on, counted from 1.
    pub line: usize,
    /// The file, or `stdin`.
    pub source: Arc<str>,
}

impl RawDocument {
    /// The document's `_id`. All of the text is checked on the way.
    ///
    /// # Errors
    /// When the text is no JSON object, or has no `_id` that is a string.
    pub fn id(&self) -> Result<Arc<str>, DocumentError> {
        match self.scan_id() {
            Ok(Some(id)) => Ok(id),
            Ok(None) => Err(self.error(DocumentProblem::NoId)),
            Err(error) => Err(self.json_error(error)),
        }
    }

    fn scan_id(&self) -> Result<Option<Arc<str>>, JsonError> {
        let mut scanner = Scanner::new(&self.text);
        let mut id = None;
        if scanner.kind()? != Kind::Object {
            return Ok(None);
        }
        let mut more = scanner.enter()?;
        while more {
            // An escaped name is rare, but `\u005fid` is `_id` all the same.
            if scanner.name()?.unescape() == "_id" {
                // Of several members with one name the last counts.
                id = if scanner.kind()? == Kind::String {
                    Some(scanner.string()?.unescape().into())
                } else {
                    scanner.skip().map(|_| None)?
                };
            } else {
                scanner.skip()?;
            }
            more = scanner.more(b'}')?;
        }
        scanner.end()?;
        Ok(id)
    }

    /// The document's members.
    ///
    /// # Errors
    /// When the text is not a JSON object that CouchDB accepts.
    pub fn members(&self) -> Result<Map<String, Value>, DocumentError> {
        match json::parse_str(&self.text).map_err(|error| self.json_error(error))? {
            Value::Object(members) => Ok(members),
            _ => Err(self.error(DocumentProblem::NotAnObject)),
        }
    }

    /// An error about this document.
    #[must_use]
    pub fn error(&self, problem: DocumentProblem) -> DocumentError {
        DocumentError::new(Arc::clone(&self.source), self.line, problem)
    }

    /// A JSON error in this document, at its line in the file.
    #[must_use]
    pub fn json_error(&self, error: JsonError) -> DocumentError {
        let line = self.line + error.line.saturating_sub(1);
        DocumentError::new(Arc::clone(&self.source), line, DocumentProblem::Json(error.message))
    }
}
