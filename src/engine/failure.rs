//! What goes wrong in the engine, told as CouchDB tells it.

use crate::json::Value;

/// A failure that CouchDB answers with an error instead of going on with the next document.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EngineError {
    /// The source is empty, or no string.
    #[error("missing function")]
    MissingFunction,
    /// The source does not compile to a function. Holds CouchDB's reason: the engine's message
    /// followed by the source in parentheses.
    #[error("{reason}")]
    Compilation {
        /// CouchDB's `reason`.
        reason: String,
        /// The engine's message alone.
        message: String,
        /// Line in the source, counted from 1, where known.
        line: Option<u32>,
        /// Column, counted from 1, where known.
        column: Option<u32>,
    },
    /// A thrown value that fails the whole request (`share/server/loop.js`, `handleError`).
    #[error("{error}: {}", crate::json::to_string(.reason))]
    Thrown {
        /// CouchDB's `error`.
        error: String,
        /// CouchDB's `reason`.
        reason: Value,
    },
    /// One call took longer than the limit.
    #[error("OS process timed out.")]
    Timeout,
    /// The function would have killed the server's process: endless recursion, a promise callback.
    #[error("{{exit_status,{status}}}")]
    Exit {
        /// The exit status that CouchDB reports.
        status: u8,
        /// Why, in our words.
        cause: &'static str,
    },
    /// The engine itself failed; a defect of couchctl or of boa.
    #[error("the JavaScript engine failed: {0}")]
    Internal(String),
}

impl EngineError {
    /// Endless recursion overflows the native stack of couchjs (exit status 139, SIGSEGV).
    pub(super) const RECURSION: Self = Self::Exit { status: 139, cause: "too much recursion" };
    /// A promise callback crashes couchjs on SpiderMonkey.
    pub(super) const PROMISE: Self = Self::Exit { status: 139, cause: "a promise callback ran" };
    /// More memory than the limit; couchjs dies when its heap is full.
    pub(super) const MEMORY: Self = Self::Exit { status: 1, cause: "out of memory" };

    /// CouchDB's `error` and `reason` for this failure.
    #[must_use]
    pub fn to_response(&self) -> (String, Value) {
        match self {
            Self::MissingFunction => ("not_found".into(), self.to_string().into()),
            Self::Compilation { reason, .. } => ("compilation_error".into(), reason.clone().into()),
            Self::Thrown { error, reason } => (error.clone(), reason.clone()),
            Self::Timeout | Self::Exit { .. } => {
                ("os_process_error".into(), self.to_string().into())
            }
            Self::Internal(message) => ("internal_error".into(), message.clone().into()),
        }
    }
}
