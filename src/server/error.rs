//! What can go wrong with a request.

use std::fmt;

use super::meaning::Meaning;

/// A request that failed: what was asked, and why it failed. No part of it holds a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{method} {url}: {failure}")]
pub struct ServerError {
    /// The method.
    pub method: String,
    /// The address, without user and password.
    pub url: String,
    /// Why.
    pub failure: Failure,
}

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// CouchDB refused it.
    #[error("{0}")]
    Refused(Refusal),
    /// An answer that is none of CouchDB's: a page of a gateway or of another server.
    #[error("{status} with {what} instead of an answer of CouchDB")]
    NotCouchDb {
        /// The HTTP status.
        status: u16,
        /// What came, in short.
        what: String,
    },
    /// A successful answer whose body is not the JSON it should be.
    #[error("the answer cannot be read: {0}")]
    Unreadable(String),
    /// An answer that ended before its end.
    #[error("the answer broke off: {0}")]
    BrokeOff(String),
    /// There is no connection; nothing was sent.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// The connection ended before there was an answer.
    #[error("the connection was lost: {0}")]
    Lost(String),
    /// Nothing came for so long.
    #[error("no answer within {0} s")]
    TimedOut(u64),
    /// The server wants to be asked elsewhere.
    #[error("the server redirects to `{0}`")]
    Redirected(String),
    /// A certificate file, an address or a user that no request can be made of; nothing was sent.
    #[error("{0}")]
    Configuration(String),
    /// Signing in failed before; nothing was sent, since CouchDB locks an account after five wrong
    /// passwords.
    #[error("not sent, because signing in failed before")]
    SignedOut,
}

/// CouchDB's refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status; that of the row in answers of `_bulk_docs`.
    pub status: u16,
    /// The short name.
    pub error: String,
    /// The sentence for people; may be empty.
    pub reason: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.status, self.error)?;
        if self.reason.is_empty() { Ok(()) } else { write!(out, ": {}", self.reason) }
    }
}

impl Refusal {
    /// What it means.
    #[must_use]
    pub fn meaning(&self) -> Meaning {
        Meaning::of(self.status, &self.error, &self.reason)
    }
}

impl ServerError {
    /// What CouchDB meant, if it refused.
    #[must_use]
    pub fn meaning(&self) -> Option<Meaning> {
        match &self.failure {
            Failure::Refused(refusal) => Some(refusal.meaning()),
            _ => None,
        }
    }

    /// Whether CouchDB refused with this meaning.
    #[must_use]
    pub fn means(&self, meaning: Meaning) -> bool {
        self.meaning() == Some(meaning)
    }

    /// Whether asking the same again soon may help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.failure.is_transient()
    }

    /// Whether a write may have been done all the same.
    #[must_use]
    pub fn leaves_open(&self) -> bool {
        self.failure.leaves_open()
    }

    /// The next step, where there is one to name.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        Some(match &self.failure {
            Failure::Refused(refusal) => return refusal.meaning().hint(),
            Failure::NotCouchDb { status: 404 | 200..300, .. } => {
                "is this the address of a CouchDB server, with the path a gateway serves it under?"
            }
            Failure::NotCouchDb { status: 401 | 403 | 407, .. } => {
                "something in front of the server wants credentials of its own"
            }
            Failure::NotCouchDb { .. } => {
                "a gateway answers for the server: look at its log and at the server's"
            }
            Failure::Unreadable(_) | Failure::BrokeOff(_) | Failure::Lost(_) => {
                "look at the log of the server, and at proxies on the way that cut answers"
            }
            Failure::Connect(_) => {
                "is the server up, and are address, port and certificates right?"
            }
            Failure::TimedOut(_) => "--timeout sets how long to wait",
            Failure::Redirected(_) => "set the URL to the address that the server names",
            Failure::Configuration(_) => return None,
            Failure::SignedOut => "check COUCHDB_USER and COUCHDB_PASSWORD",
        })
    }
}

impl Failure {
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Refused(refusal) => {
                matches!(refusal.status, 429 | 502 | 503 | 504)
                    && refusal.meaning() != Meaning::NoSearch
            }
            Self::NotCouchDb { status, .. } => matches!(status, 429 | 502 | 503 | 504),
            Self::Unreadable(_)
            | Self::BrokeOff(_)
            | Self::Connect(_)
            | Self::Lost(_)
            | Self::TimedOut(_) => true,
            Self::Redirected(_) | Self::Configuration(_) | Self::SignedOut => false,
        }
    }

    fn leaves_open(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.status >= 500 || refusal.status == 429,
            Self::NotCouchDb { status, .. } => *status >= 500 || *status < 300 || *status == 429,
            Self::Redirected(_) | Self::Configuration(_) | Self::SignedOut => false,
            _ => true,
        }
    }
}
