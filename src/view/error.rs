//! Errors of queries and of index builds.

use crate::json::{self, Value};

/// A query that is answered with an error: the HTTP status and the two members of the body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {}", plain(reason))]
pub struct QueryError {
    /// HTTP status.
    pub status: u16,
    /// The short name, such as `query_parse_error`.
    pub error: String,
    /// What is wrong; nearly always a string.
    pub reason: Value,
    /// Whether the server logs the error and adds the number of the log entry as `ref`. It does so
    /// for errors that reach it from the process reading the index.
    pub logged: bool,
}

impl QueryError {
    /// An error of the given status, not logged.
    pub fn new(status: u16, error: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { status, error: error.into(), reason: Value::String(reason.into()), logged: false }
    }

    /// 400 `query_parse_error`, the error of nearly every wrong parameter.
    pub fn parse(reason: impl Into<String>) -> Self {
        Self::new(400, "query_parse_error", reason)
    }

    /// 400 `bad_request`.
    pub fn bad_request(reason: impl Into<String>) -> Self {
        Self::new(400, "bad_request", reason)
    }

    /// 404 for a name that is no view of the design document.
    #[must_use]
    pub fn missing_view() -> Self {
        Self::new(404, "not_found", "missing_named_view")
    }

    pub(super) fn logged(mut self) -> Self {
        self.logged = true;
        self
    }

    /// The body CouchDB sends, with the line feed it ends with. `reference` becomes `ref` when the
    /// error is a logged one.
    #[must_use]
    pub fn body(&self, reference: Option<u64>) -> String {
        let mut body = String::from("{\"error\":");
        json::write_string(&self.error, &mut body);
        body.push_str(",\"reason\":");
        json::write(&self.reason, &mut body);
        if let Some(reference) = reference.filter(|_| self.logged) {
            body.push_str(",\"ref\":");
            body.push_str(&reference.to_string());
        }
        body.push_str("}\n");
        body
    }
}

fn plain(reason: &Value) -> String {
    match reason {
        Value::String(text) => text.clone(),
        other => json::to_string(other),
    }
}

/// A failed index build or reduction. It makes every query of the design document's views fail
/// with status 500.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {reason}")]
pub struct ViewFailure {
    /// The short name, such as `badarith` or `map_runtime_error`.
    pub error: String,
    /// The details. Where CouchDB prints an Erlang stack trace, this is only its first entry.
    pub reason: String,
}

impl ViewFailure {
    /// A failure with the given name and details.
    pub fn new(error: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { error: error.into(), reason: reason.into() }
    }
}

impl From<ViewFailure> for QueryError {
    fn from(failure: ViewFailure) -> Self {
        Self::new(500, failure.error, failure.reason).logged()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_and_display() {
        let error = QueryError::parse("say \"x\"");
        assert_eq!(
            error.body(Some(1)),
            "{\"error\":\"query_parse_error\",\"reason\":\"say \\\"x\\\"\"}\n"
        );
        assert_eq!(error.to_string(), "query_parse_error: say \"x\"");
        let error = QueryError::from(ViewFailure::new("badarith", "+"));
        assert_eq!(error.body(Some(7)), "{\"error\":\"badarith\",\"reason\":\"+\",\"ref\":7}\n");
        assert_eq!(error.body(None), "{\"error\":\"badarith\",\"reason\":\"+\"}\n");
    }
}
