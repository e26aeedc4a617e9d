//! Who the client is: how requests are signed.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{HeaderMap, HeaderValue, SET_COOKIE};
use tokio::sync::Mutex;

use super::error::Failure;
use crate::project::{Authentication, Connection, Secret};

/// A cookie is renewed before it can be too old: CouchDB's `[chttpd_auth] timeout` is 600 s.
const COOKIE_AGE: Duration = Duration::from_mins(8);

/// How requests are signed.
#[derive(Debug)]
pub(super) enum Signer {
    /// Not at all.
    Anonymous,
    /// With this `Authorization`.
    Header(HeaderValue),
    /// With a cookie, for which user and password were sent once.
    Cookie { user: String, password: Secret, jar: Mutex<Option<(HeaderValue, Instant)>> },
}

impl Signer {
    /// What the connection says: a token, else user and password, else nobody.
    pub(super) fn new(connection: &Connection) -> Result<Self, Failure> {
        if let Some(token) = &connection.token {
            return header(&format!("Bearer {}", token.reveal())).map(Self::Header).ok_or_else(
                || {
                    Failure::Configuration(
                        "COUCHDB_TOKEN holds characters that no token has".into(),
                    )
                },
            );
        }
        let Some(user) = &connection.user else { return Ok(Self::Anonymous) };
        let password = connection.password.clone().unwrap_or_else(|| Secret::new(""));
        if connection.authentication == Authentication::Cookie {
            return Ok(Self::Cookie { user: user.clone(), password, jar: Mutex::new(None) });
        }
        if user.contains(':') {
            let message = "a user with a colon cannot sign in this way; use `--auth cookie`";
            return Err(Failure::Configuration(message.into()));
        }
        let credentials = STANDARD.encode(format!("{user}:{}", password.reveal()));
        header(&format!("Basic {credentials}")).map(Self::Header).ok_or(Failure::SignedOut)
    }

    /// Texts that must not be shown, even when a server sends them back.
    pub(super) fn secrets(connection: &Connection) -> Vec<String> {
        let password = connection.password.as_ref().map(Secret::reveal);
        let mut secrets: Vec<String> = Vec::new();
        for secret in password.into_iter().chain(connection.token.as_ref().map(Secret::reveal)) {
            secrets.push(secret.to_owned());
            secrets.push(
                percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC)
                    .to_string(),
            );
        }
        if let (Some(user), Some(password)) = (&connection.user, password) {
            secrets.push(STANDARD.encode(format!("{user}:{password}")));
        }
        secrets.retain(|secret| !secret.is_empty());
        // The longest first: one may be part of another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        secrets
    }
}

/// A header that is never logged.
pub(super) fn header(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The cookie of an answer, ready to be sent back.
pub(super) fn cookie(headers: &HeaderMap) -> Option<(HeaderValue, Instant)> {
    headers
        .get_all(SET_COOKIE)
        .iter()
        .filter_map(|cookie| cookie.to_str().ok()?.split(';').next())
        .find(|pair| pair.starts_with("AuthSession=") && *pair != "AuthSession=")
        .and_then(|pair| Some((header(pair)?, Instant::now())))
}

/// Whether a cookie can still be sent.
pub(super) fn is_fresh(received: Instant) -> bool {
    received.elapsed() < COOKIE_AGE
}
