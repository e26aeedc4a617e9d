//! Answers, with the headers that CouchDB sends.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::stream::StreamExt;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use tokio::sync::mpsc::Receiver;

use super::failure::Failure;
use crate::json::{self, Map, Value};

/// How the server names itself.
const SERVER: &str = concat!("CouchDB/3.5.0 (couchctl sandbox ", env!("CARGO_PKG_VERSION"), ")");

/// The body of an answer as hyper sends it.
pub(super) type Body = UnsyncBoxBody<Bytes, std::convert::Infallible>;

/// What an answer holds.
#[derive(Debug)]
pub(super) enum Content {
    /// All of it at once.
    Whole(Bytes),
    /// All of it at once, and kept by the database anyway.
    Stored(Bytes),
    /// Piece by piece, until the sender is dropped.
    Feed(Receiver<Bytes>),
}

/// An answer.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) content: Content,
}

impl Response {
    /// An answer of JSON text, without the line feed that CouchDB ends it with.
    pub(super) fn json_text(status: u16, text: String) -> Self {
        let mut text = text;
        text.push('\n');
        Self::json_body(status, text)
    }

    /// An answer whose body is complete.
    pub(super) fn json_body(status: u16, body: String) -> Self {
        let headers = vec![
            ("Cache-Control".to_owned(), "must-revalidate".to_owned()),
            ("Content-Type".to_owned(), "application/json".to_owned()),
        ];
        Self { status, headers, content: Content::Whole(body.into()) }
    }

    /// An answer of a JSON value.
    pub(super) fn json(status: u16, value: &Value) -> Self {
        Self::json_text(status, json::to_string(value))
    }

    /// `{"ok":true}`.
    pub(super) fn ok(status: u16) -> Self {
        Self::json_text(status, String::from("{\"ok\":true}"))
    }

    /// An answer of bytes of the given type.
    pub(super) fn bytes(status: u16, content_type: &str, bytes: impl Into<Bytes>) -> Self {
        let headers = vec![("Content-Type".to_owned(), content_type.to_owned())];
        Self { status, headers, content: Content::Whole(bytes.into()) }
    }

    /// An answer whose body is made piece by piece by a task.
    pub(super) fn feed(content_type: &str, pieces: Receiver<Bytes>) -> Self {
        let headers = vec![("Content-Type".to_owned(), content_type.to_owned())];
        Self { status: 200, headers, content: Content::Feed(pieces) }
    }

    /// An answer without a body.
    pub(super) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), content: Content::Whole(Bytes::new()) }
    }

    /// The same with a header set.
    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// All of the body, however long it takes to come.
    pub(super) async fn into_bytes(self) -> Bytes {
        match self.content {
            Content::Whole(bytes) | Content::Stored(bytes) => bytes,
            Content::Feed(mut pieces) => {
                let mut all = Vec::new();
                while let Some(piece) = pieces.recv().await {
                    all.extend_from_slice(&piece);
                }
                all.into()
            }
        }
    }

    /// What hyper sends. Headers that a function of a design document made up and that cannot be
    /// sent are left out.
    pub(super) fn into_http(self) -> hyper::Response<Body> {
        let body = match self.content {
            Content::Whole(bytes) | Content::Stored(bytes) => Full::new(bytes).boxed_unsync(),
            Content::Feed(pieces) => {
                let frames = futures_util::stream::unfold(pieces, |mut pieces| async move {
                    pieces.recv().await.map(|piece| (piece, pieces))
                });
                let frames = frames.map(|piece| Ok(Frame::data(piece)));
                StreamBody::new(frames).boxed_unsync()
            }
        };
        let mut response = hyper::Response::new(body);
        *response.status_mut() =
            hyper::StatusCode::from_u16(self.status).unwrap_or(hyper::StatusCode::OK);
        let standard = [
            ("Server".to_owned(), SERVER.to_owned()),
            ("X-Couch-Request-ID".to_owned(), request_id()),
            ("X-CouchDB-Body-Time".to_owned(), "0".to_owned()),
        ];
        for (name, value) in self.headers.into_iter().chain(standard) {
            let name = hyper::header::HeaderName::from_bytes(name.as_bytes());
            let value = hyper::header::HeaderValue::from_bytes(value.as_bytes());
            if let (Ok(name), Ok(value)) = (name, value) {
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}

impl From<Failure> for Response {
    fn from(failure: Failure) -> Self {
        let mut body = Map::new();
        body.insert("error".into(), failure.error.into());
        body.insert("reason".into(), failure.reason);
        if failure.logged {
            body.insert("ref".into(), reference().into());
        }
        let mut response = Self::json(failure.status, &Value::Object(body));
        if let Some(header) = failure.header {
            let (name, value) = *header;
            response = response.with(name, value);
        }
        response
    }
}

/// The number of a log entry.
fn reference() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(1_000_000);
    LAST.fetch_add(1, Ordering::Relaxed)
}

fn request_id() -> String {
    static LAST: AtomicU64 = AtomicU64::new(0);
    format!("{:010x}", LAST.fetch_add(1, Ordering::Relaxed))
}
