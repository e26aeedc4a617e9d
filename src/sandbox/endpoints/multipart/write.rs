//! Answers of several parts: `multipart/related`, a document with its attachments, and
//! `multipart/mixed`, several of these (`chttpd_db:send_docs_multipart`,
//! `couch_httpd_multipart:encode_multipart_stream`).

use super::super::super::response::Response;
use super::super::super::state::random_hex;
use crate::document::AttachmentData;

/// A document, or what is said in its place, and the attachments that follow it.
pub(in super::super) enum Following {
    /// The JSON of a document, and its attachments by name.
    Document(String, Vec<(String, AttachmentData)>),
    /// The JSON that tells of a revision that is not there.
    Missing(String),
}

/// An answer of one document and its attachments; plain JSON where none follow.
pub(in super::super) fn related(text: &str, attachments: &[(String, AttachmentData)]) -> Response {
    let (content_type, body) = encode(&random_hex(), text, attachments);
    Response::bytes(200, &content_type, body)
}

/// An answer of several documents, each with its attachments.
pub(in super::super) fn mixed(parts: &[Following]) -> Response {
    let (outer, inner) = (random_hex(), random_hex());
    let mut body = format!("--{outer}").into_bytes();
    for part in parts {
        let (content_type, content) = match part {
            Following::Document(text, attachments) => encode(&inner, text, attachments),
            Following::Missing(text) => {
                ("application/json; error=\"true\"".to_owned(), text.clone().into_bytes())
            }
        };
        body.extend(format!("\r\nContent-Type: {content_type}\r\n\r\n").bytes());
        body.extend(content);
        body.extend(format!("\r\n--{outer}").bytes());
    }
    body.extend(b"--");
    Response::bytes(200, &format!("multipart/mixed; boundary=\"{outer}\""), body)
}

/// The type and the bytes of a document and its attachments, which are sent as they are stored.
fn encode(
    boundary: &str,
    text: &str,
    attachments: &[(String, AttachmentData)],
) -> (String, Vec<u8>) {
    if attachments.is_empty() {
        return ("application/json".to_owned(), text.as_bytes().to_vec());
    }
    let head =
        format!("--{boundary}\r\nContent-Type: application/json\r\n\r\n{text}\r\n--{boundary}");
    let mut body = head.into_bytes();
    for (name, attachment) in attachments {
        let data = attachment.stored();
        let encoding = if attachment.compressed { "\r\nContent-Encoding: gzip" } else { "" };
        let head = format!(
            "\r\nContent-Disposition: attachment; filename=\"{name}\"\r\nContent-Type: {}\r\n\
             Content-Length: {}{encoding}\r\n\r\n",
            attachment.content_type,
            data.len()
        );
        body.extend(head.bytes());
        body.extend_from_slice(&data);
        body.extend(format!("\r\n--{boundary}").bytes());
    }
    body.extend(b"--");
    (format!("multipart/related; boundary=\"{boundary}\""), body)
}
