//! Documents whose attachments follow them in a request (`couch_doc:doc_from_multi_part_stream`).

use std::borrow::Cow;
use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::super::failure::Failure;
use super::super::super::request::{MAX_BODY, too_large};
use super::super::super::state::Call;
use crate::json::{self, Value};

/// The document of a request with a body of several parts; attachments that follow become inline.
pub(in super::super) fn document(call: &Call) -> Result<Value, Failure> {
    let broken = |reason: &str| Failure::bad_request(reason);
    let boundary = call.request.header("Content-Type").and_then(boundary);
    let boundary = boundary.ok_or_else(|| broken("Missing boundary in Content-Type"))?;
    let mut parts = parts(&call.request.body, &boundary).into_iter();
    let first = parts.next().ok_or_else(|| broken("the body has no parts"))?;
    let mut document = json::parse(first.data).map_err(|_| broken("invalid UTF-8 JSON"))?;
    let attachments = document.get_mut("_attachments").and_then(Value::as_object_mut);
    let mut following: Vec<(&String, &mut Value)> = attachments
        .into_iter()
        .flatten()
        .filter(|(_, attachment)| attachment.get("follows") == Some(&Value::Bool(true)))
        .collect();
    for part in parts {
        // Parts may say which attachment they are; otherwise they come in order.
        let named =
            part.name.and_then(|name| following.iter().position(|(known, _)| **known == name));
        let place = named.unwrap_or(0);
        if place >= following.len() {
            break;
        }
        let (_, attachment) = following.remove(place);
        if let Some(members) = attachment.as_object_mut() {
            let is_packed = members.get("encoding").and_then(Value::as_str) == Some("gzip");
            let data = if is_packed { gunzip(part.data)? } else { Cow::Borrowed(part.data) };
            for member in ["follows", "length", "encoding", "encoded_length", "digest"] {
                members.shift_remove(member);
            }
            members.insert("data".into(), STANDARD.encode(data).into());
        }
    }
    if following.is_empty() { Ok(document) } else { Err(broken("expected more data")) }
}

/// Attachments are replicated as they are stored; what is stored here is what they are made from.
fn gunzip(data: &[u8]) -> Result<Cow<'_, [u8]>, Failure> {
    let mut unpacked = Vec::new();
    let mut reader = flate2::read::GzDecoder::new(data).take(MAX_BODY as u64 + 1);
    reader
        .read_to_end(&mut unpacked)
        .map_err(|_| Failure::bad_request("an attachment is not properly gzipped"))?;
    if unpacked.len() > MAX_BODY { Err(too_large()) } else { Ok(unpacked.into()) }
}

struct Part<'a> {
    name: Option<String>,
    data: &'a [u8],
}

/// A parameter of a header, with or without quotes.
fn parameter(header: &str, name: &str) -> Option<String> {
    header.split(';').skip(1).find_map(|parameter| {
        let (known, value) = parameter.split_once('=')?;
        known.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"').to_owned())
    })
}

fn boundary(content_type: &str) -> Option<String> {
    parameter(content_type, "boundary").filter(|boundary| !boundary.is_empty())
}

/// The parts of a body between its boundaries.
fn parts<'a>(body: &'a [u8], boundary: &str) -> Vec<Part<'a>> {
    let mark = format!("--{boundary}");
    let places: Vec<usize> = memchr::memmem::find_iter(body, &mark).collect();
    let between = places.windows(2).filter_map(|pair| body.get(pair[0] + mark.len()..pair[1]));
    between
        .filter_map(|part| {
            let part = part.strip_prefix(b"\r\n")?;
            let (head, data) = match part.strip_prefix(b"\r\n") {
                Some(data) => (&part[..0], data),
                None => {
                    let end = memchr::memmem::find(part, b"\r\n\r\n")?;
                    (&part[..end], &part[end + 4..])
                }
            };
            let head = String::from_utf8_lossy(head);
            let name = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                let is_it = name.trim().eq_ignore_ascii_case("Content-Disposition");
                // A name is written as it is, whatever is in it.
                let (_, name) = value.split_once("filename=\"").filter(|_| is_it)?;
                name.trim_end().strip_suffix('"').map(str::to_owned)
            });
            Some(Part { name, data: data.strip_suffix(b"\r\n").unwrap_or(data) })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_names_and_data() {
        let body = b"--b\r\nContent-Type: application/json\r\n\r\n{}\r\n--b\r\nContent-Disposition: attachment; filename=\"x y\"\r\n\r\nhi\r\n\r\n--b\r\n\r\nplain\r\n--b--";
        let parts = parts(body, "b");
        let found: Vec<_> = parts.iter().map(|part| (part.name.as_deref(), part.data)).collect();
        assert_eq!(found, [(None, &b"{}"[..]), (Some("x y"), b"hi\r\n"), (None, b"plain")]);
        assert_eq!(boundary("multipart/related; boundary=\"a b\"").as_deref(), Some("a b"));
        assert_eq!(boundary("multipart/related"), None);
    }
}
