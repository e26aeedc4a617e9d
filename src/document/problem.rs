//! Why documents cannot be read, and what to do about it.

use std::sync::Arc;

use super::refusal::WriteError;

/// What is wrong with a file of documents, and where.
#[derive(Debug, thiserror::Error)]
#[error("{source_name}:{line}: {problem}")]
pub struct DocumentError {
    /// The file, or `stdin`.
    pub source_name: Arc<str>,
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong, in words.
    pub problem: String,
    /// What is wrong.
    pub kind: DocumentProblem,
}

impl DocumentError {
    pub(super) fn new(source_name: Arc<str>, line: usize, kind: DocumentProblem) -> Self {
        Self { source_name, line, problem: kind.to_string(), kind }
    }

    /// A file that cannot be opened.
    #[must_use]
    pub fn unreadable(source_name: impl Into<Arc<str>>, error: std::io::Error) -> Self {
        Self::new(source_name.into(), 1, DocumentProblem::Unreadable(error))
    }

    /// What to do about it, where that is not plain from the problem.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        self.kind.hint()
    }
}

/// What can be wrong with a file of documents.
#[derive(Debug, thiserror::Error)]
pub enum DocumentProblem {
    /// The operating system says no.
    #[error("cannot be read: {0}")]
    Unreadable(std::io::Error),
    /// Not text at all.
    #[error("holds {0}, not JSON text")]
    Binary(&'static str),
    /// Bytes that are no UTF-8.
    #[error("is not valid UTF-8")]
    NotUtf8,
    /// A NUL byte.
    #[error("holds a NUL byte")]
    Nul,
    /// A document beyond the limit.
    #[error("a document is larger than {maximum} bytes")]
    TooLarge {
        /// The limit.
        maximum: usize,
    },
    /// The file ends in the middle of a value.
    #[error("ends in the middle of the JSON value that starts on line {start}")]
    Truncated {
        /// Where the value starts.
        start: usize,
    },
    /// A string that its line does not close.
    #[error("a string is not closed on its line, in the JSON value that starts on line {start}")]
    OpenString {
        /// Where the value starts.
        start: usize,
    },
    /// A character where another was due.
    #[error("unexpected `{found}` in the JSON value that starts on line {start}")]
    Unexpected {
        /// The character, escaped if it does not print.
        found: String,
        /// Where the value starts.
        start: usize,
    },
    /// A JSON value that is no object.
    #[error("expected a document, which is a JSON object")]
    NotAnObject,
    /// A row of a listing without its document.
    #[error("the row holds no document")]
    NoDocument,
    /// The document is not JSON that CouchDB accepts.
    #[error("{0}")]
    Json(String),
    /// The document has no `_id`.
    #[error("the document has no `_id`")]
    NoId,
    /// Another document had the same `_id` already.
    #[error("a second document `{0}`")]
    Repeated(String),
    /// CouchDB would not save the document.
    #[error("{0}")]
    Refused(WriteError),
}

impl DocumentProblem {
    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Binary("UTF-16") | Self::NotUtf8 | Self::Nul => Some("convert the file to UTF-8"),
            Self::Binary(_) => Some("decompress it first"),
            Self::TooLarge { .. } => {
                Some("a closing bracket may be missing; otherwise raise the limit")
            }
            Self::Truncated { .. } => Some("the file may have been cut off"),
            Self::Unexpected { .. } => {
                Some("a comma or a closing bracket may be missing before it")
            }
            Self::NotAnObject => {
                Some("documents come one per line, in an array, or as CouchDB lists them")
            }
            Self::NoDocument => Some("ask for the listing with include_docs=true"),
            Self::NoId => Some("give the document an `_id`: nothing makes one up here"),
            Self::Refused(error) if error.status == 409 => {
                Some("another document has the same `_id`")
            }
            _ => None,
        }
    }
}
