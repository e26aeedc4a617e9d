//! From what a function answers to an HTTP response (`chttpd_external:send_external_response`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Failure;
use super::failure::bytes_of;
use crate::json::{self, Map, Value};
use crate::view::erlang;

/// A response over HTTP.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Names and values of the headers that matter; the server adds its own.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// The value of a header, whatever the case of its name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// The response object of a function, read.
pub(super) struct External {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    content_type: &'static str,
    json: Option<Value>,
}

impl External {
    /// Reads a response object. Of a member that comes twice the later one counts.
    pub(super) fn read<'a>(
        members: impl Iterator<Item = (&'a str, &'a Value)>,
    ) -> Result<Self, Failure> {
        let mut external = Self {
            status: 200,
            headers: Vec::new(),
            body: Vec::new(),
            content_type: "application/json",
            json: None,
        };
        for (name, value) in members {
            match (name, value) {
                ("code", value) => external.status = status(value)?,
                ("stop", Value::Bool(true)) => {}
                ("json", value) => {
                    external.json = Some(value.clone());
                    external.content_type = "application/json";
                }
                ("body", value) => {
                    external.body = match value {
                        Value::String(text) => text.clone().into_bytes(),
                        Value::Array(items) => bytes_of(items).ok_or_else(badarg)?,
                        _ => return Err(badarg()),
                    };
                    external.content_type = "text/html; charset=utf-8";
                }
                ("base64", value) => {
                    let data =
                        value.as_str().map(dense).and_then(|text| STANDARD.decode(text).ok());
                    external.body =
                        data.ok_or_else(|| Failure::crash("unknown_error", "function_clause"))?;
                    external.content_type = "application/binary";
                }
                ("headers", Value::Object(headers)) => {
                    let pair = |(name, value): (&String, &Value)| (name.clone(), shown(value));
                    external.headers = headers.iter().map(pair).collect();
                }
                (name, value) => {
                    let pair = [(name.to_owned(), value.clone())].into_iter().collect();
                    let pair = erlang::pretty_members(&pair, 0);
                    let pair = pair.trim_start_matches('[').trim_end_matches(']');
                    let reason = format!("Invalid data from external server: {pair}");
                    return Err(Failure::new(500, "external_response_error", reason));
                }
            }
        }
        Ok(external)
    }

    /// The headers of the response with a content type and, unless it is JSON, the policy that keeps
    /// scripts out (`chttpd_util:maybe_add_csp_header`). Headers that come twice are joined.
    pub(super) fn headers(&self, policy: bool) -> Vec<(String, String)> {
        let mut given = self.headers.clone();
        if !given.iter().any(|(name, _)| name.eq_ignore_ascii_case("Content-Type")) {
            given.insert(0, ("Content-Type".into(), self.content_type.into()));
        }
        if policy {
            given.insert(0, ("Content-Security-Policy".into(), "sandbox".into()));
        } else if !given.iter().any(|(name, _)| name.eq_ignore_ascii_case("Cache-Control")) {
            // As with everything that is sent as JSON (`chttpd:send_json`).
            given.push(("Cache-Control".into(), "must-revalidate".into()));
        }
        let mut headers: Vec<(String, String)> = Vec::with_capacity(given.len());
        for (name, value) in given {
            match headers.iter_mut().find(|(other, _)| other.eq_ignore_ascii_case(&name)) {
                Some((_, joined)) => {
                    joined.push_str(", ");
                    joined.push_str(&value);
                }
                None => headers.push((name, value)),
            }
        }
        headers
    }

    /// The whole response.
    pub(super) fn response(self) -> Response {
        let headers = self.headers(self.json.is_none());
        let body = match self.json {
            Some(value) => {
                let mut body = json::to_string(&value).into_bytes();
                body.push(b'\n');
                body
            }
            None => self.body,
        };
        Response { status: self.status, headers, body }
    }
}

fn badarg() -> Failure {
    Failure::crash("unknown_error", "badarg")
}

fn dense(text: &str) -> String {
    text.split_ascii_whitespace().collect()
}

/// A header's value: a text as it is, everything else as Erlang prints it.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => bytes_of(items)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default(),
        other => erlang::pretty(other, 0),
    }
}

/// A status: a whole number, or the text of a status line.
fn status(value: &Value) -> Result<u16, Failure> {
    let text = match value {
        Value::String(text) => text.split(' ').next(),
        Value::Number(number) => Some(number.as_str()),
        _ => None,
    };
    text.and_then(|text| text.parse().ok())
        .filter(|status| (100..1000).contains(status))
        .ok_or_else(|| Failure::crash("unknown_error", "function_clause"))
}

/// Sets headers of a response object, in place of those of the same name
/// (`chttpd_show:apply_headers`).
pub(super) fn apply_headers(
    response: &mut Map<String, Value>,
    added: &[(&str, &str)],
) -> Result<(), Failure> {
    let mut headers = match response.get("headers") {
        Some(Value::Object(headers)) => headers.clone(),
        None => Map::new(),
        Some(_) => return Err(Failure::crash("unknown_error", "function_clause")),
    };
    for (name, value) in added {
        headers.shift_remove(*name);
        headers.shift_insert(0, (*name).to_owned(), (*value).into());
    }
    response.insert("headers".to_owned(), Value::Object(headers));
    Ok(())
}
