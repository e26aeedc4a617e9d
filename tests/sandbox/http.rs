//! A plain HTTP client: requests exactly as they are written down, answers exactly as they come.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// The header of basic authentication.
pub(crate) fn basic(name: &str, password: &str) -> (String, String) {
    let encoded = STANDARD.encode(format!("{name}:{password}"));
    ("Authorization".into(), format!("Basic {encoded}"))
}

/// Makes a request on a connection of its own.
pub(crate) fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(String, String)],
    body: &[u8],
) -> Answer {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_mins(2))).expect("a time-out");
    let has = |name: &str| headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\n");
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    if !has("Content-Length") && !has("Transfer-Encoding") {
        head.extend(["Content-Length: ", &body.len().to_string(), "\r\n"]);
    }
    if !has("Connection") {
        head.push_str("Connection: close\r\n");
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).expect("the head is sent");
    // A server may answer before it has read everything.
    let _ = stream.write_all(body);
    let mut bytes = Vec::new();
    // What came before a reset still counts.
    let _ = stream.read_to_end(&mut bytes);
    parse(&bytes, method == "HEAD")
}

fn parse(bytes: &[u8], is_head: bool) -> Answer {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(bytes)));
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status");
    let status: u16 = status.parse().expect("a number");
    if status == 100 {
        return parse(&bytes[end + 4..], is_head);
    }
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut answer = Answer { status, headers, body: bytes[end + 4..].to_vec() };
    let is_chunked = answer.header("Transfer-Encoding") == Some("chunked");
    if is_chunked && !is_head {
        answer.body = unchunked(&answer.body);
    }
    answer
}

/// The data of a chunked body, as far as it goes.
pub(crate) fn unchunked(bytes: &[u8]) -> Vec<u8> {
    let mut data = Vec::new();
    let mut rest = bytes;
    while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = String::from_utf8_lossy(&rest[..end]).into_owned();
        let Ok(size) = usize::from_str_radix(size.trim(), 16) else { break };
        if size == 0 {
            break;
        }
        let from = end + 2;
        let to = (from + size).min(rest.len());
        data.extend(&rest[from..to]);
        rest = rest.get(to + 2..).unwrap_or_default();
    }
    data
}
