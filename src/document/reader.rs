//! Documents from files and standard input, in any of the forms that CouchDB and its tools write.

use std::io::Read;
use std::sync::Arc;

use super::splitter::{SplitError, Splitter};
use crate::json::{Kind, Scanner};

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

/// Why a document cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{source_name}:{line}: {problem}")]
pub struct DocumentError {
    /// The file, or `stdin`.
    pub source_name: Arc<str>,
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong.
    pub problem: String,
}

/// How the values of the stream hold documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Between values at the top: documents one after another, or the start of something else.
    Top,
    /// In an array of documents. The flag tells whether a wrapping object has to be closed.
    Array { wrapped: bool },
    /// In the `rows` of a view or of `_all_docs`, or in the `results` of `_changes`.
    Rows,
    /// Behind the last one.
    End,
}

/// The documents of one file, one after the other; memory is bounded by the largest.
///
/// Understood are: one document, documents one per line or one after the other, an array of
/// documents, the output of `_all_docs`, of a view or of `_changes` with `include_docs=true`, of
/// `_find`, the input of `_bulk_docs`, and couchbackup's files. The content decides, not the name.
pub struct DocumentFile<R> {
    splitter: Splitter<R>,
    source: Arc<str>,
    place: Place,
}

/// The largest document read, in bytes, unless told otherwise.
const MAXIMUM: usize = 100 << 20;

/// Members that may come before the documents of a wrapping object.
const BEFORE: [&str; 10] = [
    "total_rows",
    "offset",
    "update_seq",
    "bookmark",
    "warning",
    "new_edits",
    "last_seq",
    "pending",
    "execution_stats",
    "sum",
];

impl<R: Read> DocumentFile<R> {
    /// Reads documents from `input`; `source` names it in errors.
    pub fn new(input: R, source: impl Into<Arc<str>>) -> Self {
        Self::with_maximum(input, source, MAXIMUM)
    }

    /// As [`DocumentFile::new`], refusing documents beyond `maximum` bytes.
    pub fn with_maximum(input: R, source: impl Into<Arc<str>>, maximum: usize) -> Self {
        Self { splitter: Splitter::new(input, maximum), source: source.into(), place: Place::Top }
    }

    fn error(&self, line: usize, problem: impl Into<String>) -> DocumentError {
        DocumentError { source_name: Arc::clone(&self.source), line, problem: problem.into() }
    }

    fn split_error(&self, error: &SplitError) -> DocumentError {
        let problem = match error {
            SplitError::Io(error) => format!("cannot be read: {error}"),
            SplitError::TooLarge => "a document is too large".into(),
            SplitError::Truncated => "ends in the middle of a JSON value".into(),
            SplitError::Unexpected(byte) => {
                format!("expected a document, found `{}`", char::from(*byte).escape_default())
            }
        };
        self.error(self.splitter.line(), problem)
    }

    fn step(&mut self) -> Result<Option<RawDocument>, DocumentError> {
        loop {
            self.splitter.mark();
            let found = match self.place {
                Place::End => return Ok(None),
                Place::Top => self.top()?,
                Place::Array { wrapped } => {
                    if self.closes(b']')? {
                        self.leave(wrapped)?;
                        None
                    } else {
                        Some(self.take()?)
                    }
                }
                Place::Rows => {
                    if self.closes(b']')? {
                        self.leave(true)?;
                        None
                    } else {
                        let row = self.take()?;
                        self.document_of(row)?
                    }
                }
            };
            match found {
                Some(document) if is_backup_header(&document.text) => {}
                Some(document) => return Ok(Some(document)),
                None => {}
            }
        }
    }

    fn top(&mut self) -> Result<Option<RawDocument>, DocumentError> {
        match self.splitter.peek().map_err(|error| self.split_error(&error))? {
            None => {
                self.place = Place::End;
                Ok(None)
            }
            Some(b'[') => {
                let _ = self.splitter.take_if(b'[');
                self.place = Place::Array { wrapped: false };
                Ok(None)
            }
            // Lines cut out of a longer listing end in a comma.
            Some(b',') => {
                let _ = self.splitter.take_if(b',');
                Ok(None)
            }
            Some(b'{') if self.wrapper()? => Ok(None),
            _ => self.take().map(Some),
        }
    }

    /// Looks whether an object wraps documents; if so, goes to the first of them.
    fn wrapper(&mut self) -> Result<bool, DocumentError> {
        let start = self.splitter.position();
        let mut look = || -> Result<Option<Place>, SplitError> {
            self.splitter.expect(b'{')?;
            loop {
                if self.splitter.peek()? != Some(b'"') {
                    return Ok(None);
                }
                let name = String::from_utf8_lossy(self.splitter.value()?).into_owned();
                let name = name.trim_matches('"');
                self.splitter.expect(b':')?;
                let place = match name {
                    "docs" => Place::Array { wrapped: true },
                    "rows" | "results" => Place::Rows,
                    _ if BEFORE.contains(&name) => {
                        self.splitter.value()?;
                        if !self.splitter.take_if(b',')? {
                            return Ok(None);
                        }
                        continue;
                    }
                    _ => return Ok(None),
                };
                return Ok(self.splitter.take_if(b'[')?.then_some(place));
            }
        };
        match look() {
            Ok(Some(place)) => {
                self.place = place;
                Ok(true)
            }
            // What is wrong with it is found again, and reported, when it is taken as a document.
            Ok(None) | Err(_) => {
                self.splitter.rewind(start);
                Ok(false)
            }
        }
    }

    fn closes(&mut self, bracket: u8) -> Result<bool, DocumentError> {
        let closes = self.splitter.take_if(b',').and_then(|_| self.splitter.take_if(bracket));
        closes.map_err(|error| self.split_error(&error))
    }

    fn leave(&mut self, wrapped: bool) -> Result<(), DocumentError> {
        self.place = Place::Top;
        if !wrapped {
            return Ok(());
        }
        let mut rest = || -> Result<(), SplitError> {
            while self.splitter.take_if(b',')? {
                self.splitter.value()?;
                self.splitter.expect(b':')?;
                self.splitter.value()?;
            }
            self.splitter.expect(b'}')
        };
        rest().map_err(|error| self.split_error(&error))
    }

    fn take(&mut self) -> Result<RawDocument, DocumentError> {
        let first = self.splitter.peek().map_err(|error| self.split_error(&error))?;
        let line = self.splitter.line();
        match first {
            Some(b'{') => {}
            Some(_) => return Err(self.error(line, "expected a document, which is a JSON object")),
            None => return Err(self.error(line, "ends where a document was expected")),
        }
        match self.splitter.value() {
            Ok(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => {
                    let text = text.to_owned();
                    Ok(RawDocument { text, line, source: Arc::clone(&self.source) })
                }
                Err(_) => Err(self.error(line, "is not valid UTF-8")),
            },
            Err(error) => Err(self.split_error(&error)),
        }
    }

    /// The `doc` of a row; rows of deleted documents have none.
    fn document_of(&self, row: RawDocument) -> Result<Option<RawDocument>, DocumentError> {
        let invalid =
            |error: crate::json::JsonError| self.error(row.line + error.line - 1, error.message);
        let mut scanner = Scanner::new(&row.text);
        let mut document = None;
        let mut deleted = false;
        scanner.kind().map_err(invalid)?;
        let mut more = scanner.enter().map_err(invalid)?;
        while more {
            let name = scanner.name().map_err(invalid)?;
            let value = scanner.skip().map_err(invalid)?;
            match name.raw {
                "doc" => document = Some(value),
                "deleted" => deleted |= value == "true",
                "value" => deleted |= value.contains("\"deleted\":true"),
                // A row for a key that does not exist.
                "error" => deleted = true,
                _ => {}
            }
            more = scanner.more(b'}').map_err(invalid)?;
        }
        match document {
            Some(text) if text.starts_with('{') => {
                Ok(Some(RawDocument { text: text.to_owned(), ..row }))
            }
            Some(_) => Ok(None),
            None if deleted => Ok(None),
            None => Err(self.error(
                row.line,
                "the row holds no document: ask for the listing with include_docs=true",
            )),
        }
    }
}

/// couchbackup's files start with a line that tells their format.
fn is_backup_header(text: &str) -> bool {
    text.len() < 1000 && text.contains("\"@cloudant/couchbackup\"") && !text.contains("\"_id\"")
}

impl<R: Read> Iterator for DocumentFile<R> {
    type Item = Result<RawDocument, DocumentError>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step();
        if step.is_err() {
            // The stream cannot be trusted any more.
            self.place = Place::End;
        }
        step.transpose()
    }
}

impl RawDocument {
    /// The document's `_id`.
    ///
    /// # Errors
    /// When the text is no JSON object, or has no `_id` that is a string.
    pub fn id(&self) -> Result<Arc<str>, DocumentError> {
        let invalid = |error: crate::json::JsonError| DocumentError {
            source_name: Arc::clone(&self.source),
            line: self.line + error.line - 1,
            problem: error.message,
        };
        let mut scanner = Scanner::new(&self.text);
        let mut id = None;
        scanner.kind().map_err(invalid)?;
        let mut more = scanner.enter().map_err(invalid)?;
        while more {
            let name = scanner.name().map_err(invalid)?;
            if name.raw == "_id" && scanner.kind().map_err(invalid)? == Kind::String {
                id = Some(scanner.string().map_err(invalid)?.unescape().into());
            } else {
                scanner.skip().map_err(invalid)?;
            }
            more = scanner.more(b'}').map_err(invalid)?;
        }
        id.ok_or_else(|| DocumentError {
            source_name: Arc::clone(&self.source),
            line: self.line,
            problem: "the document has no `_id`".into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(input: &str) -> Vec<String> {
        DocumentFile::new(input.as_bytes(), "test")
            .map(|document| document.map_or_else(|error| error.to_string(), |found| found.text))
            .collect()
    }

    #[test]
    fn every_form_gives_the_same_documents() {
        let (a, b) = (r#"{"_id":"a","n":[1,"]}"]}"#, r#"{"_id":"b"}"#);
        for input in [
            format!("{a}\n{b}\n"),
            format!("\u{feff}{a}\r\n\r\n{b}"),
            format!("{a}{b}"),
            format!("[{a},\n{b}]"),
            format!("{{\"docs\":[{a},{b}]}}"),
            format!("{{\"new_edits\":false,\"docs\":[{a},{b}],\"x\":{{}}}}"),
            format!(
                "{{\"total_rows\":2,\"offset\":0,\"rows\":[\r\n{{\"id\":\"a\",\"doc\":{a}}},\r\n{{\"id\":\"b\",\"doc\":{b}}}\r\n]}}\n"
            ),
            format!(
                "{{\"results\":[{{\"seq\":1,\"id\":\"a\",\"doc\":{a}}},{{\"id\":\"x\",\"deleted\":true}},{{\"doc\":{b}}}],\"last_seq\":3}}"
            ),
            format!("{{\"name\":\"@cloudant/couchbackup\",\"version\":\"2\"}}\n[{a}]\n[{b}]\n"),
        ] {
            assert_eq!(texts(&input), [a, b], "{input}");
        }
    }

    #[test]
    fn errors_name_the_line() {
        assert_eq!(
            texts("{\"_id\":\"a\"}\n{\"_id\":"),
            ["{\"_id\":\"a\"}", "test:2: ends in the middle of a JSON value"]
        );
        assert_eq!(texts("\n\n5"), ["test:3: expected a document, which is a JSON object"]);
        assert!(texts("{\"rows\":[{\"id\":\"a\",\"value\":1}]}")[0].contains("include_docs=true"));
        assert_eq!(
            DocumentFile::with_maximum("{\"a\":\"".repeat(100_000).as_bytes(), "big", 1000)
                .next()
                .expect("an item")
                .expect_err("too large")
                .problem,
            "a document is too large"
        );
    }

    proptest::proptest! {
        #[test]
        fn garbage_never_panics(input: Vec<u8>) {
            for document in DocumentFile::new(input.as_slice(), "garbage").take(1000) {
                if document.is_err() {
                    break;
                }
            }
        }
    }
}
