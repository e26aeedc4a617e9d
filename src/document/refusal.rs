//! Writes that CouchDB refuses, in its own words.

use super::read::Absent;

/// A write that the server would refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("document `{id}`: {error}: {reason}")]
pub struct WriteError {
    /// The document.
    pub id: String,
    /// HTTP status.
    pub status: u16,
    /// CouchDB's `error`.
    pub error: &'static str,
    /// CouchDB's `reason`.
    pub reason: String,
}

impl WriteError {
    fn new(id: &str, status: u16, error: &'static str, reason: impl Into<String>) -> Self {
        Self { id: id.to_owned(), status, error, reason: reason.into() }
    }

    pub(super) fn illegal_id(id: &str, reason: &str) -> Self {
        Self::new(id, 400, "illegal_docid", reason)
    }

    pub(super) fn illegal_partition(id: &str, reason: &str) -> Self {
        Self::new(id, 400, "illegal_partition", reason)
    }

    pub(super) fn bad_request(id: &str, reason: impl Into<String>) -> Self {
        Self::new(id, 400, "bad_request", reason)
    }

    pub(super) fn bad_revision(id: &str) -> Self {
        Self::bad_request(id, "Invalid rev format")
    }

    pub(super) fn bad_member(id: &str, name: &str) -> Self {
        Self::validation(id, format!("Bad special document member: {name}"))
    }

    pub(super) fn validation(id: &str, reason: impl Into<String>) -> Self {
        Self::new(id, 400, "doc_validation", reason)
    }

    pub(super) fn conflict(id: &str) -> Self {
        Self::new(id, 409, "conflict", "Document update conflict.")
    }

    pub(super) fn absent(id: &str, absent: Absent) -> Self {
        Self::new(id, 404, "not_found", absent.to_string())
    }

    /// The server's code meets a kind of value that it was not written for.
    pub(super) fn stumbling(id: &str) -> Self {
        Self::new(id, 500, "unknown_error", "function_clause")
    }

    pub(super) fn missing_stub(id: &str, attachment: &str) -> Self {
        Self::new(
            id,
            412,
            "missing_stub",
            format!("Invalid attachment stub in {id} for {attachment}"),
        )
    }
}
