//! Errors as CouchDB answers them over HTTP (`chttpd:error_info`).

use super::Response;
use crate::engine::EngineError;
use crate::json::{self, Map, Value};
use crate::view::{QueryError, erlang};

/// A request that is answered with an error.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{error}: {}", text(reason))]
pub struct Failure {
    /// HTTP status.
    pub status: u16,
    /// The `error` member of the body.
    pub error: String,
    /// The `reason` member of the body; nearly always a text.
    pub reason: Value,
    /// Whether the server logs a stack trace and adds the number of the log entry as `ref`.
    pub logged: bool,
    /// Name and reason as a query server gave them.
    raw: Option<Box<(String, Value)>>,
}

fn text(reason: &Value) -> String {
    match reason {
        Value::String(text) => text.clone(),
        other => json::to_string(other),
    }
}

/// Erlang's `~p`, for what is no text (`couch_util:to_binary`).
fn printed(value: &Value) -> Value {
    match value {
        Value::String(text) => text.clone().into(),
        Value::Array(items) => match bytes_of(items) {
            Some(bytes) => String::from_utf8_lossy(&bytes).into_owned().into(),
            None => erlang::pretty(value, 0).into(),
        },
        other => erlang::pretty(other, 0).into(),
    }
}

/// The bytes of an I/O list: texts, numbers of bytes, and lists of them.
pub(super) fn bytes_of(items: &[Value]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for item in items {
        match item {
            Value::String(text) => bytes.extend_from_slice(text.as_bytes()),
            Value::Array(items) => bytes.extend(bytes_of(items)?),
            Value::Number(number) => bytes.push(number.as_str().parse().ok()?),
            _ => return None,
        }
    }
    Some(bytes)
}

impl Failure {
    /// An error with a status of its own.
    pub fn new(status: u16, error: impl Into<String>, reason: impl Into<Value>) -> Self {
        Self { status, error: error.into(), reason: reason.into(), logged: false, raw: None }
    }

    /// 404 `not_found`.
    pub fn not_found(reason: impl Into<Value>) -> Self {
        Self::new(404, "not_found", reason)
    }

    /// 500, logged: what CouchDB's own code was not written for.
    pub fn crash(error: impl Into<String>, reason: impl Into<Value>) -> Self {
        Self { logged: true, ..Self::new(500, error, reason) }
    }

    /// The failure of a request for which `{error, reason}` is thrown inside the server, as it is for
    /// every `["error", error, reason]` of a query server.
    #[must_use]
    pub fn thrown(error: &str, reason: &Value) -> Self {
        let raw = Some(Box::new((error.to_owned(), reason.clone())));
        Self { raw, ..Self::info(error, reason) }
    }

    fn info(error: &str, reason: &Value) -> Self {
        let reason = match reason {
            Value::Array(_) => printed(reason),
            other => other.clone(),
        };
        let status = match error {
            "bad_request" | "query_parse_error" | "illegal_docid" | "illegal_partition"
            | "doc_validation" => 400,
            "unauthorized" => 401,
            "forbidden" => 403,
            "not_found" => 404,
            "method_not_allowed" => 405,
            "not_acceptable" => 406,
            "gone" => 410,
            "missing_stub" => 412,
            "expectation_failed" => 417,
            "internal_server_error" => 500,
            "filter_fetch_error" => return Self::not_found(reason),
            "conflict" => return Self::new(409, "conflict", "Document update conflict."),
            "maintenance_mode" => return Self::new(412, "nodedown", reason),
            "request_entity_too_large" => return Self::new(413, "document_too_large", reason),
            "bad_ctype" => return Self::new(415, "bad_content_type", reason),
            "w_quorum_not_met" => return Self::new(500, "write_quorum_not_met", reason),
            "timeout" => {
                let reason = "The request could not be processed in a reasonable amount of time.";
                return Self::new(500, "timeout", reason);
            }
            "service_unavailable" => return Self::new(503, "service unavailable", reason),
            // The server's own spelling.
            "insufficient_storage" => return Self::new(507, "insufficent_storage", reason),
            _ if reason.is_null() => return Self::new(500, "unknown_error", error),
            _ => return Self::new(500, error, printed(&reason)),
        };
        Self::new(status, error, reason)
    }

    /// The same failure where it ends a changes feed at its first change: with an Erlang stack
    /// trace, of which this has only the beginning (`fabric_view_changes`).
    #[must_use]
    pub fn at_first_change(&self) -> Self {
        let Some(raw) = &self.raw else { return self.clone() };
        let (error, reason) = raw.as_ref();
        // Names that the server knows become atoms.
        let error = if matches!(error.as_str(), "compilation_error" | "not_found") {
            error.clone()
        } else {
            erlang::pretty(&error.clone().into(), 0)
        };
        Self::new(500, "error", format!("{{{error},{},[]}}", erlang::pretty(reason, 0)))
    }

    /// The members of the body.
    #[must_use]
    pub fn members(&self) -> Map<String, Value> {
        let mut members = Map::new();
        members.insert("error".into(), self.error.clone().into());
        members.insert("reason".into(), self.reason.clone());
        if self.logged {
            members.insert("ref".into(), 1.into());
        }
        members
    }

    /// The response to the request.
    #[must_use]
    pub fn response(&self) -> Response {
        let mut body = json::to_string(&Value::Object(self.members())).into_bytes();
        body.push(b'\n');
        let headers = vec![
            ("Content-Type".to_owned(), "application/json".to_owned()),
            ("Cache-Control".to_owned(), "must-revalidate".to_owned()),
        ];
        Response { status: self.status, headers, body }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let (error, reason) = error.to_response();
        Self::thrown(&error, &reason)
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        let QueryError { status, error, reason, logged } = error;
        Self { logged, ..Self::new(status, error, reason) }
    }
}
