//! Requests that are answered with an error (`chttpd:error_info`).

use crate::design::SaveError;
use crate::document::WriteError;
use crate::engine::EngineError;
use crate::json::Value;
use crate::mango::MangoError;
use crate::view::{QueryError, term_text};

/// The answer to a request that fails.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Failure {
    /// HTTP status.
    pub(super) status: u16,
    /// CouchDB's short name for it.
    pub(super) error: String,
    /// What is wrong; nearly always a string.
    pub(super) reason: Value,
    /// Whether the server logs it, and adds the number of the entry as `ref`.
    pub(super) logged: bool,
    /// A header of the answer, if it has one of its own.
    pub(super) header: Option<Box<(&'static str, String)>>,
}

impl Failure {
    pub(super) fn new(status: u16, error: impl Into<String>, reason: impl Into<Value>) -> Self {
        let (error, reason) = (error.into(), reason.into());
        Self { status, error, reason, logged: false, header: None }
    }

    pub(super) fn bad_request(reason: impl Into<Value>) -> Self {
        Self::new(400, "bad_request", reason)
    }

    pub(super) fn not_found(reason: impl Into<Value>) -> Self {
        Self::new(404, "not_found", reason)
    }

    pub(super) fn no_database() -> Self {
        Self::not_found("Database does not exist.")
    }

    pub(super) fn unauthorized(reason: &str) -> Self {
        Self::new(401, "unauthorized", reason)
    }

    pub(super) fn forbidden(reason: impl Into<Value>) -> Self {
        Self::new(403, "forbidden", reason)
    }

    pub(super) fn bad_content_type(reason: impl Into<Value>) -> Self {
        Self::new(415, "bad_content_type", reason)
    }

    pub(super) fn method(allow: &'static str) -> Self {
        let failure = Self::new(405, "method_not_allowed", format!("Only {allow} allowed"));
        failure.with("Allow", allow.to_owned())
    }

    /// The same with a header of its own.
    pub(super) fn with(self, name: &'static str, value: String) -> Self {
        Self { header: Some(Box::new((name, value))), ..self }
    }

    /// What the server answers where its code meets a kind of value it was not written for.
    pub(super) fn stumbling(what: &str) -> Self {
        Self { logged: true, ..Self::new(500, "unknown_error", what) }
    }

    /// A panic in a handler, or something else that should not be.
    pub(super) fn internal(reason: &str) -> Self {
        Self { logged: true, ..Self::new(500, "internal_server_error", reason) }
    }
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        let logged = error.status == 500;
        Self { logged, ..Self::new(error.status, error.error, error.reason) }
    }
}

impl From<SaveError> for Failure {
    fn from(error: SaveError) -> Self {
        let logged = error.status == 500;
        Self { logged, ..Self::new(error.status, error.error, error.reason) }
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        let logged = error.logged;
        Self { logged, ..Self::new(error.status, error.error, error.reason) }
    }
}

impl From<MangoError> for Failure {
    fn from(error: MangoError) -> Self {
        Self::new(400, error.name(), error.to_string())
    }
}

/// A function that fails a request: what is no text is printed as an Erlang term.
impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let status = match &error {
            EngineError::MissingFunction => 404,
            EngineError::Thrown { error, .. } if error == "not_found" => 404,
            _ => 500,
        };
        let (error, reason) = error.to_response();
        let reason = match reason {
            Value::String(text) => text,
            other => term_text(&other),
        };
        Self::new(status, error, reason)
    }
}
