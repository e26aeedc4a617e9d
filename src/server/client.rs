//! Sending requests and understanding answers.

use std::error::Error as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use rand::Rng as _;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER,
};
use reqwest::{Method, Url, redirect};
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use super::authentication::{Signer, cookie, is_fresh};
use super::error::{Failure, Refusal, ServerError};
use super::meaning::Meaning;
use super::path::Path;
use super::request::Request;
use crate::json::{self, Value};
use crate::project::{Connection, Secret};

/// How often a request that only reads is sent at most.
const ATTEMPTS: u32 = 4;

/// The longest time between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The largest answer that is read.
const LARGEST_ANSWER: usize = 512 << 20;

/// How patient the client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How long to wait for an answer, and for each further part of it.
    pub patience: Duration,
    /// How long to wait for a connection.
    pub connect: Duration,
    /// The pause before a request is repeated the first time; it doubles each time, and a part of
    /// it is left to chance.
    pub pause: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            patience: Duration::from_mins(1),
            connect: Duration::from_secs(10),
            pause: Duration::from_millis(250),
        }
    }
}

/// A CouchDB server. Copies share their connections.
#[derive(Debug, Clone)]
pub struct Server(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: reqwest::Client,
    base: String,
    user: Option<String>,
    signer: Signer,
    secrets: Vec<String>,
    options: Options,
    /// Held by the first request that is signed: with a wrong password, requests in parallel would
    /// lock the account.
    gate: Mutex<()>,
    accepted: AtomicBool,
    signed_out: AtomicBool,
}

/// An answer, whatever its status.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Server {
    /// A client for the server of a connection. Nothing is sent yet.
    ///
    /// # Errors
    /// When the file of certificates cannot be read, or user or token cannot be sent.
    pub fn new(connection: &Connection, options: Options) -> Result<Self, ServerError> {
        let failed = |failure| ServerError {
            method: "connect".into(),
            url: connection.url.clone(),
            failure,
        };
        let http = http_client(connection, options).map_err(failed)?;
        Ok(Self(Arc::new(Inner {
            http,
            base: connection.url.clone(),
            user: connection.user.clone(),
            signer: Signer::new(connection).map_err(failed)?,
            secrets: Signer::secrets(connection),
            options,
            gate: Mutex::new(()),
            accepted: AtomicBool::new(false),
            signed_out: AtomicBool::new(false),
        })))
    }

    /// Its address, without user and password.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.0.base
    }

    /// The user that requests are signed for, where one is named.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.0.user.as_deref()
    }

    /// How patient it is.
    #[must_use]
    pub fn options(&self) -> Options {
        self.0.options
    }

    /// Sends a request and reads its answer as JSON.
    pub(super) async fn json(&self, request: &Request) -> Result<Value, ServerError> {
        self.repeat(request, |answer| parsed(&answer)).await
    }

    /// Sends a request and reads its answer as what it should be.
    pub(super) async fn model<T: DeserializeOwned>(
        &self,
        request: &Request,
    ) -> Result<T, ServerError> {
        self.repeat(request, |answer| {
            serde_json::from_value(parsed(&answer)?)
                .map_err(|error| Failure::Unreadable(error.to_string()))
        })
        .await
    }

    /// Sends a request and reads its answer as bytes.
    pub(super) async fn bytes(&self, request: &Request) -> Result<Bytes, ServerError> {
        self.repeat(request, |answer| Ok(answer.body)).await
    }

    /// Sends a request once, not signed and with headers of its own, and gives the status and the body
    /// of the answer, whatever they are. `target` is the encoded path below the address, and a query.
    pub(crate) async fn exchange(
        &self,
        method: &str,
        target: &str,
        headers: HeaderMap,
        body: Option<&Value>,
    ) -> Result<(u16, Bytes), ServerError> {
        let method = Method::from_bytes(method.as_bytes()).unwrap_or_default();
        let request = Request::new(method, Path::encoded(target), false);
        let request = match body {
            Some(body) => request.body(body),
            None => request,
        };
        match self.send(&request, headers).await {
            Ok(answer) => Ok((answer.status, answer.body)),
            Err(failure) => Err(self.error(&request, failure)),
        }
    }

    /// The error of a request.
    pub(super) fn error(&self, request: &Request, failure: Failure) -> ServerError {
        ServerError {
            method: request.method.to_string(),
            url: self.concealed(&format!("{}{}", self.0.base, request.target())),
            failure: self.conceal(failure),
        }
    }

    /// A pause before attempt `attempt`, counted from 1: longer each time, and partly left to chance.
    pub(super) async fn pause(&self, attempt: u32, asked: Option<Duration>) {
        let full = self.0.options.pause.saturating_mul(1 << attempt.saturating_sub(1).min(10));
        let full = asked.unwrap_or(full).min(LONGEST_PAUSE);
        let pause = full.mul_f64(rand::rng().random_range(0.5..1.0));
        tokio::time::sleep(pause).await;
    }

    /// Sends a request, more than once when it only reads and the failure may pass.
    async fn repeat<T>(
        &self,
        request: &Request,
        read: impl Fn(Answer) -> Result<T, Failure>,
    ) -> Result<T, ServerError> {
        let mut attempt = 1;
        loop {
            let mut asked = None;
            let outcome = match self.signed(request).await {
                Ok(answer) => {
                    asked = retry_after(&answer.headers);
                    understood(answer).and_then(&read)
                }
                Err(failure) => Err(failure),
            };
            match outcome {
                Ok(value) => return Ok(value),
                Err(failure)
                    if request.safe
                        && attempt < ATTEMPTS
                        && failure.is_transient()
                        && !self.0.signed_out.load(Ordering::Acquire) =>
                {
                    self.pause(attempt, asked).await;
                    attempt += 1;
                }
                Err(failure) => return Err(self.error(request, failure)),
            }
        }
    }

    /// Sends a request once, signed.
    async fn signed(&self, request: &Request) -> Result<Answer, Failure> {
        let inner = &*self.0;
        if matches!(inner.signer, Signer::Anonymous) {
            return self.send(request, HeaderMap::new()).await;
        }
        let _first = if inner.accepted.load(Ordering::Acquire) {
            None
        } else {
            Some(inner.gate.lock().await)
        };
        if inner.signed_out.load(Ordering::Acquire) {
            return Err(Failure::SignedOut);
        }
        let mut headers = HeaderMap::new();
        match &inner.signer {
            Signer::Anonymous => {}
            Signer::Header(value) => {
                headers.insert(AUTHORIZATION, value.clone());
            }
            Signer::Cookie { user, password, jar } => {
                let mut jar = jar.lock().await;
                if jar.as_ref().is_none_or(|(_, received)| !is_fresh(*received)) {
                    *jar = self.login(user, password).await?;
                }
                if let Some((cookie, _)) = &*jar {
                    headers.insert(COOKIE, cookie.clone());
                }
            }
        }
        let answer = self.checked(self.send(request, headers).await)?;
        if let (Signer::Cookie { jar, .. }, Some(renewed)) =
            (&inner.signer, cookie(&answer.headers))
        {
            *jar.lock().await = Some(renewed);
        }
        inner.accepted.store(true, Ordering::Release);
        Ok(answer)
    }

    /// Sends user and password for a cookie, once: whatever goes wrong, no login follows.
    async fn login(
        &self,
        user: &str,
        password: &Secret,
    ) -> Result<Option<(HeaderValue, Instant)>, Failure> {
        let login = Request::post(Path::of(&["_session"]))
            .body(&serde_json::json!({ "name": user, "password": password.reveal() }));
        let outcome = self.send(&login, HeaderMap::new()).await.and_then(understood);
        self.0.signed_out.store(outcome.is_err(), Ordering::Release);
        outcome.map(|answer| cookie(&answer.headers))
    }

    /// Notes a refusal of user and password, after which nothing more is sent.
    fn checked(&self, answer: Result<Answer, Failure>) -> Result<Answer, Failure> {
        let answer = answer?;
        if matches!(answer.status, 401 | 403)
            && let Err(Failure::Refused(refusal)) = refused(&answer)
            && matches!(refusal.meaning(), Meaning::WrongPassword | Meaning::AccountLocked)
        {
            self.0.signed_out.store(true, Ordering::Release);
            return Err(Failure::Refused(refusal));
        }
        Ok(answer)
    }

    /// Sends a request once.
    async fn send(&self, request: &Request, headers: HeaderMap) -> Result<Answer, Failure> {
        let inner = &*self.0;
        let target = request.target();
        let url = Url::parse(&format!("{}{target}", inner.base))
            .ok()
            // Segments `.` and `..` would be resolved away.
            .filter(|url| url.as_str().ends_with(&target))
            .ok_or_else(|| {
                Failure::Configuration(format!("`{target}` cannot be part of an address"))
            })?;
        let patience = request.patience.unwrap_or(inner.options.patience);
        let mut builder = inner.http.request(request.method.clone(), url).headers(headers);
        builder = builder.header(ACCEPT, "application/json");
        if let Some(body) = &request.body {
            builder = builder.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        let late = |_| Failure::TimedOut(patience.as_secs().max(1));
        let answer = tokio::time::timeout(patience, builder.send()).await.map_err(late)?;
        let mut answer = answer.map_err(transport)?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let mut body = BytesMut::new();
        loop {
            let part = tokio::time::timeout(patience, answer.chunk()).await.map_err(late)?;
            match part.map_err(|error| Failure::BrokeOff(cause(&error)))? {
                Some(part) if body.len() + part.len() > LARGEST_ANSWER => {
                    return Err(Failure::Unreadable("it is too large".into()));
                }
                Some(part) => body.extend_from_slice(&part),
                None => return Ok(Answer { status, headers, body: body.freeze() }),
            }
        }
    }

    /// Hides what must not be shown, should the server have sent it back.
    fn concealed(&self, text: &str) -> String {
        self.0.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }

    fn conceal(&self, failure: Failure) -> Failure {
        let hide = |text: String| self.concealed(&text);
        match failure {
            Failure::Refused(Refusal { status, error, reason }) => {
                Failure::Refused(Refusal { status, error: hide(error), reason: hide(reason) })
            }
            Failure::NotCouchDb { status, what } => {
                Failure::NotCouchDb { status, what: hide(what) }
            }
            Failure::Unreadable(text) => Failure::Unreadable(hide(text)),
            Failure::Redirected(text) => Failure::Redirected(hide(text)),
            other => other,
        }
    }
}

/// The transport, with certificates, proxies and limits.
fn http_client(connection: &Connection, options: Options) -> Result<reqwest::Client, Failure> {
    static PROVIDER: OnceLock<()> = OnceLock::new();
    PROVIDER.get_or_init(|| {
        // It fails only when one is installed already, which does as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("couchctl/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(options.connect)
        .redirect(redirect::Policy::none())
        .tcp_nodelay(true);
    if let Some(file) = &connection.ca_file {
        let refuse = |error: String| {
            Failure::Configuration(format!("certificates of `{}`: {error}", file.display()))
        };
        let text = std::fs::read(file).map_err(|error| refuse(error.to_string()))?;
        let certificates =
            reqwest::Certificate::from_pem_bundle(&text).map_err(|error| refuse(cause(&error)))?;
        if certificates.is_empty() {
            return Err(refuse("there is none in it".into()));
        }
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().map_err(|error| Failure::Configuration(cause(&error)))
}

/// The innermost cause of a failure, without the address: that stands in the error already.
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = match error.source() {
        Some(source) => source,
        None => return "the request could not be completed".into(),
    };
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

fn transport(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let cause = cause(&error);
    if error.is_builder() {
        Failure::Configuration(cause)
    } else if error.is_connect() {
        Failure::Connect(cause)
    } else {
        Failure::Lost(cause)
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// A successful answer; else what CouchDB, or whoever answered, wants to say.
fn understood(answer: Answer) -> Result<Answer, Failure> {
    match answer.status {
        200..=299 => Ok(answer),
        300..=399 => {
            let location = answer.headers.get(LOCATION).and_then(|location| location.to_str().ok());
            let mut location = location.unwrap_or("nowhere").to_owned();
            if let Ok(mut url) = Url::parse(&location) {
                // Both fail only for addresses without a host, which hold no password.
                let _ = url.set_password(None);
                let _ = url.set_username("");
                location = url.into();
            }
            Err(Failure::Redirected(location))
        }
        _ => refused(&answer).map(|()| answer),
    }
}

/// The body of a successful answer.
fn parsed(answer: &Answer) -> Result<Value, Failure> {
    json::parse(&answer.body).map_err(|error| match refused(answer) {
        Err(page @ Failure::NotCouchDb { .. }) if is_page(&answer.body) => page,
        _ => Failure::Unreadable(error.to_string()),
    })
}

/// Whether a body is a page for people.
fn is_page(body: &[u8]) -> bool {
    body.trim_ascii_start().first() == Some(&b'<')
}

/// Reads an error, which CouchDB answers as an object with `error` and `reason`.
fn refused(answer: &Answer) -> Result<(), Failure> {
    let status = answer.status;
    let foreign = |what: String| Err(Failure::NotCouchDb { status, what });
    if answer.body.trim_ascii().is_empty() {
        return foreign("an empty body".into());
    }
    if is_page(&answer.body) {
        let text = String::from_utf8_lossy(&answer.body);
        let title = text
            .split_once("<title>")
            .and_then(|(_, rest)| rest.split_once("</title>"))
            .map(|(title, _)| title.split_whitespace().collect::<Vec<_>>().join(" "))
            .filter(|title| !title.is_empty());
        return foreign(match title {
            Some(title) => format!("an HTML page (\"{}\")", shortened(&title)),
            None => "an HTML page".into(),
        });
    }
    let Ok(Value::Object(members)) = json::parse(&answer.body) else {
        let text = String::from_utf8_lossy(&answer.body);
        let line = text.trim().lines().next().unwrap_or_default();
        return foreign(format!("the text \"{}\"", shortened(line)));
    };
    let text = |name: &str| match members.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => json::to_string(other),
    };
    let (error, reason) = (text("error"), text("reason"));
    if error.is_empty() && reason.is_empty() {
        // `_up` answers `{"status":"maintenance_mode"}`.
        let status_text = text("status");
        if status_text.is_empty() {
            return foreign("a JSON object without `error`".into());
        }
        return Err(Failure::Refused(Refusal { status, error: status_text, reason }));
    }
    Err(Failure::Refused(Refusal { status, error, reason }))
}

fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(80).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
