//! A database to replicate from or to: one of this server, or one behind a URL.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use url::Url;

use super::super::super::failure::Failure;
use super::super::super::request::{Request, quote};
use super::super::super::router;
use super::super::super::state::Call;
use crate::json::{self, Value};
use crate::project::Connection;
use crate::server::{Options, Server};

/// How long a server may take to answer: longer than a feed waits.
const PATIENCE: Duration = Duration::from_mins(2);

/// A database.
#[derive(Debug, Clone)]
pub(super) enum Peer {
    /// Of this server, as the user who asked for the replication.
    Local { call: Call, database: String },
    /// Behind a URL.
    Remote { server: Server, headers: HeaderMap },
}

impl Peer {
    /// The database that a replication names: by its URL, by an object with one, or by its name.
    pub(super) fn new(call: &Call, given: &Value) -> Option<Self> {
        let text = given.as_str().or_else(|| given.get("url")?.as_str())?;
        if !text.starts_with("http://") && !text.starts_with("https://") {
            return Some(Self::Local { call: call.clone(), database: text.to_owned() });
        }
        let mut url = Url::parse(text).ok()?;
        let mut headers = HeaderMap::new();
        for (name, value) in given.get("headers").and_then(Value::as_object).into_iter().flatten() {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            headers.insert(name, HeaderValue::from_str(value.as_str()?).ok()?);
        }
        let basic = given.pointer("/auth/basic");
        let decoded = |text: &str| {
            super::super::super::request::unquote(text)
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .unwrap_or_default()
        };
        let credentials = match basic {
            Some(basic) => {
                Some((basic["username"].as_str()?.into(), basic["password"].as_str()?.into()))
            }
            None if url.username().is_empty() => None,
            None => Some((decoded(url.username()), decoded(url.password().unwrap_or_default()))),
        };
        if let Some((name, password)) = credentials {
            let encoded = STANDARD.encode(format!("{name}:{password}"));
            let value = HeaderValue::from_str(&format!("Basic {encoded}")).ok()?;
            headers.insert(hyper::header::AUTHORIZATION, value);
        }
        // What is shown, and what is asked, has no password in it.
        url.set_username("").ok()?;
        url.set_password(None).ok()?;
        url.set_query(None);
        let connection = Connection {
            url: url.as_str().trim_end_matches('/').to_owned(),
            ..Connection::default()
        };
        let options = Options { patience: PATIENCE, ..Options::default() };
        Some(Self::Remote { server: Server::new(&connection, options).ok()?, headers })
    }

    /// Its URL, or its name.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Local { database, .. } => database.clone(),
            Self::Remote { server, .. } => format!("{}/", server.url()),
        }
    }

    /// Asks for something below the database.
    pub(super) async fn ask(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(u16, Value), Failure> {
        let (status, bytes) = match self {
            Self::Local { call, database } => {
                let target = format!("/{}/{path}", quote(database));
                let mut headers = HeaderMap::new();
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                let body = body.map(json::to_string).unwrap_or_default();
                let request =
                    Request::new(method, &target, headers, body.into(), call.request.peer)?;
                match router::route(call.with_request(request)).await {
                    Ok(response) => (response.status, response.into_bytes().await),
                    Err(failure) => {
                        let status = failure.status;
                        return Ok((status, Value::String(failure.error)));
                    }
                }
            }
            Self::Remote { server, headers } => {
                let target = format!("/{path}");
                let answer = server.exchange(method, &target, headers.clone(), body).await;
                answer.map_err(|error| {
                    let reason = format!("{}: {}", self.shown(), error.failure);
                    Failure::new(500, "connection_error", reason)
                })?
            }
        };
        Ok((status, json::parse(&bytes).unwrap_or_default()))
    }
}
