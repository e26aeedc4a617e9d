//! A request, taken apart as `chttpd` does.

use std::io::Read;
use std::net::IpAddr;

use bytes::Bytes;
use hyper::HeaderMap;

use super::failure::Failure;
use crate::json::{self, Map, Value};

/// The largest request body, unpacked. CouchDB's own limit is 4 GiB, which is no limit for a server
/// that keeps everything in memory.
pub(super) const MAX_BODY: usize = 64 << 20;

/// A request whose body has been read.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// The method, after `X-HTTP-Method-Override`; `HEAD` is answered as `GET`.
    pub(super) method: String,
    /// Path and query as they came.
    pub(super) target: String,
    /// The segments of the path, decoded. Empty ones do not count.
    pub(super) path: Vec<String>,
    /// Whether a segment is not UTF-8; it is then shown with replacement characters.
    pub(super) invalid_utf8: bool,
    /// Names and values of the query string, decoded.
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) peer: IpAddr,
}

impl Request {
    /// Takes a request apart.
    pub(super) fn new(
        method: &str,
        target: &str,
        headers: HeaderMap,
        body: Bytes,
        peer: IpAddr,
    ) -> Result<Self, Failure> {
        let method = match headers.get("X-HTTP-Method-Override").and_then(|to| to.to_str().ok()) {
            Some(other) if method == "POST" => other.to_ascii_uppercase(),
            _ if method == "HEAD" => "GET".to_owned(),
            _ => method.to_owned(),
        };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut invalid_utf8 = false;
        let path = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| {
                let bytes =
                    unquote(segment).ok_or_else(|| Failure::bad_request("invalid_url_encoding"))?;
                invalid_utf8 |= std::str::from_utf8(&bytes).is_err();
                Ok(String::from_utf8_lossy(&bytes).into_owned())
            })
            .collect::<Result<_, Failure>>()?;
        let query = parse_query(query);
        let body = unpacked(&headers, body)?;
        let target = target.to_owned();
        Ok(Self { method, target, path, invalid_utf8, query, headers, body, peer })
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.parameter(name) == Some("true")
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The address that the client used, for `Location`.
    pub(super) fn base(&self) -> String {
        format!("http://{}", self.header("Host").unwrap_or("127.0.0.1"))
    }

    /// The media type of the body, without its parameters.
    pub(super) fn content_type(&self) -> &str {
        let given = self.header("Content-Type").unwrap_or_default();
        given.split(';').next().unwrap_or_default().trim()
    }

    /// Whether an answer of this type may be sent (`mochiweb_request:accepts_content_type`): everything
    /// is welcome where nothing is said.
    pub(super) fn accepts(&self, content_type: &str) -> bool {
        let any = format!("{}/*", content_type.split('/').next().unwrap_or_default());
        let accept = self.header("Accept").unwrap_or("*/*").to_ascii_lowercase();
        let listed: Vec<(&str, bool)> = accept
            .split(',')
            .map(|entry| {
                let (kind, parameters) = entry.split_once(';').unwrap_or((entry, ""));
                let quality = parameters.split(';').find_map(|one| one.trim().strip_prefix("q="));
                let quality = quality.and_then(|quality| quality.trim().parse().ok());
                (kind.trim(), quality.unwrap_or(1.0) > 0.0)
            })
            .collect();
        let is_it = |kind: &str| kind == content_type || kind == any;
        listed.iter().any(|(kind, wanted)| *wanted && (*kind == "*/*" || is_it(kind)))
            && !listed.iter().any(|(kind, wanted)| !wanted && is_it(kind))
    }

    /// Refuses a body that is not said to be JSON.
    pub(super) fn expect_json(&self) -> Result<(), Failure> {
        if self.content_type() == "application/json" {
            return Ok(());
        }
        Err(Failure::bad_content_type("Content-Type must be application/json"))
    }

    /// The body as JSON.
    pub(super) fn json(&self) -> Result<Value, Failure> {
        let invalid = || Failure::bad_request("invalid UTF-8 JSON");
        // Files may begin with a byte order mark, requests may not.
        if self.body.starts_with("\u{feff}".as_bytes()) {
            return Err(invalid());
        }
        json::parse(&self.body).map_err(|_| invalid())
    }

    /// The body as a JSON object.
    pub(super) fn json_object(&self) -> Result<Map<String, Value>, Failure> {
        match self.json()? {
            Value::Object(members) => Ok(members),
            _ => Err(Failure::bad_request("Request body must be a JSON object")),
        }
    }
}

/// Names and values of a query string or a form.
pub(super) fn parse_query(text: &str) -> Vec<(String, String)> {
    let decoded = |text: &str| {
        // What is not properly encoded is taken as it stands.
        let bytes = unquote(text).unwrap_or_else(|| text.as_bytes().to_vec());
        String::from_utf8_lossy(&bytes).into_owned()
    };
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        })
        .collect()
}

/// Undoes percent-encoding; a plus stands for a space (`[chttpd] decode_plus_to_space`).
pub(super) fn unquote(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high << 4 | low).ok()?
            }
            other => other,
        });
    }
    Some(out)
}

/// `couch_util:url_encode`: letters, digits and a few marks stay.
pub(super) fn quote(text: &str) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to memory cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Undoes the body's `Content-Encoding`.
fn unpacked(headers: &HeaderMap, body: Bytes) -> Result<Bytes, Failure> {
    let encoding = headers.get("Content-Encoding").and_then(|value| value.to_str().ok());
    match encoding.unwrap_or("identity") {
        "identity" | "" => Ok(body),
        "gzip" => {
            let mut unpacked = Vec::new();
            let mut reader = flate2::read::GzDecoder::new(body.as_ref()).take(MAX_BODY as u64 + 1);
            reader
                .read_to_end(&mut unpacked)
                .map_err(|_| Failure::bad_request("Request body is not properly gzipped."))?;
            if unpacked.len() > MAX_BODY { Err(too_large()) } else { Ok(unpacked.into()) }
        }
        other => {
            Err(Failure::bad_content_type(format!("{other} is not a supported content encoding.")))
        }
    }
}

pub(super) fn too_large() -> Failure {
    Failure::new(413, "too_large", "the request entity is too large")
}
