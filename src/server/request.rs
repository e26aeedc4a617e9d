//! One request, before it is sent.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;

use super::path::{Path, encoded};
use crate::json::{self, Value};

/// A request.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) path: Path,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) body: Option<Bytes>,
    /// Whether it changes nothing, so that it may be repeated.
    pub(super) safe: bool,
    /// How long to wait for the answer and for each further part of it, if not as long as usual.
    pub(super) patience: Option<Duration>,
}

impl Request {
    pub(super) fn new(method: Method, path: Path, safe: bool) -> Self {
        Self { method, path, query: Vec::new(), body: None, safe, patience: None }
    }

    /// A request that only reads.
    pub(super) fn get(path: Path) -> Self {
        Self::new(Method::GET, path, true)
    }

    /// A request that writes.
    pub(super) fn put(path: Path) -> Self {
        Self::new(Method::PUT, path, false)
    }

    /// A request that deletes.
    pub(super) fn delete(path: Path) -> Self {
        Self::new(Method::DELETE, path, false)
    }

    /// A request whose effect the path tells.
    pub(super) fn post(path: Path) -> Self {
        Self::new(Method::POST, path, false).body(&Value::Object(json::Map::new()))
    }

    /// Says that a POST only reads.
    pub(super) fn safe(mut self) -> Self {
        self.safe = true;
        self
    }

    /// Adds a parameter.
    pub(super) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// Sets a JSON body.
    pub(super) fn body(mut self, body: &Value) -> Self {
        self.body = Some(Bytes::from(json::to_string(body)));
        self
    }

    /// Waits so long for the answer.
    pub(super) fn patience(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// Path and query, as sent.
    pub(super) fn target(&self) -> String {
        let mut target = self.path.as_str().to_owned();
        for (index, (name, value)) in self.query.iter().enumerate() {
            target.push(if index == 0 { '?' } else { '&' });
            target.push_str(name);
            target.push('=');
            target.push_str(&encoded(value));
        }
        target
    }
}
