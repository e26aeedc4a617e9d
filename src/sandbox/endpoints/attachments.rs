//! Attachments by their names (`chttpd_db:db_attachment_req`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::failure::Failure;
use super::super::request::quote;
use super::super::response::{Content, Response};
use super::super::state::Call;
use super::super::store::{Edit, Store};
use super::databases::store;
use super::documents::{named_revision, query_revision};
use super::{object, saved};
use crate::design::Revision;
use crate::document::ReadOptions;
use crate::json::{self, Map, Value};

/// Everything about one attachment.
pub(in super::super) fn attachment(call: &Call, id: &str, name: &str) -> Result<Response, Failure> {
    let store = store(call)?;
    match call.request.method.as_str() {
        "GET" => get(call, &store, id, name),
        "PUT" | "DELETE" => edit(call, &store, id, name),
        _ => Err(Failure::method("DELETE,GET,HEAD,PUT")),
    }
}

fn missing() -> Failure {
    Failure::not_found("Document is missing attachment")
}

fn get(call: &Call, store: &Store, id: &str, name: &str) -> Result<Response, Failure> {
    let revision = query_revision(call)?;
    let attachment = store
        .read()
        .database
        .attachment(id, revision.as_ref(), name)
        .map_err(|absent| Failure::not_found(absent.to_string()))?
        .ok_or_else(missing)?;
    let etag = format!("\"{}\"", attachment.md5);
    if call.request.header("If-None-Match") == Some(&etag) {
        return Ok(Response::empty(304).with("ETag", etag));
    }
    // Who takes it packed gets it as it is stored.
    let is_packed = attachment.compressed
        && call.request.header("Accept-Encoding").is_some_and(|accepted| accepted.contains("gzip"));
    if is_packed {
        let response =
            Response::bytes(200, &attachment.content_type, attachment.stored().into_owned());
        return Ok(with_headers(response, etag, true).with("Content-Encoding", "gzip"));
    }
    let data = bytes::Bytes::from_owner(attachment.data);
    // What is stored compressed has no ranges.
    let range = call.request.header("Range").filter(|_| !attachment.compressed);
    let (status, data, content_range) = match range.and_then(|range| single(range, data.len())) {
        Some((from, to)) if from > to || from >= data.len() => {
            let reason = "Requested range not satisfiable";
            return Err(Failure::new(416, "requested_range_not_satisfiable", reason));
        }
        Some((from, to)) => {
            let content_range = format!("bytes {from}-{to}/{}", data.len());
            (206, data.slice(from..=to), Some(content_range))
        }
        None => (200, data, None),
    };
    let response = Response::bytes(status, &attachment.content_type, bytes::Bytes::new());
    let response = Response { content: Content::Stored(data), ..response };
    let response = with_headers(response, etag, attachment.compressed);
    Ok(match content_range {
        Some(range) => response.with("Content-Range", range),
        None => response,
    })
}

fn with_headers(response: Response, etag: String, compressed: bool) -> Response {
    response
        .with("ETag", etag)
        .with("Cache-Control", "must-revalidate")
        .with("Accept-Ranges", if compressed { "none" } else { "bytes" })
        .with("Content-Security-Policy", "sandbox")
}

/// The one range that a `Range` header asks for, first and last byte. Several are answered whole.
fn single(header: &str, length: usize) -> Option<(usize, usize)> {
    let range = header.strip_prefix("bytes=").filter(|ranges| !ranges.contains(','))?;
    let (from, to) = range.split_once('-')?;
    let last = length.checked_sub(1)?;
    match (from.trim(), to.trim()) {
        ("" | "0", "") => None,
        ("", count) => Some((length.saturating_sub(count.parse().ok()?), last)),
        (from, "") => Some((from.parse().ok()?, last)),
        (from, to) => Some((from.parse().ok()?, to.parse::<usize>().ok()?.min(last))),
    }
}

fn edit(call: &Call, store: &Store, id: &str, name: &str) -> Result<Response, Failure> {
    if name.starts_with('_') {
        let reason = format!("Attachment name '{name}' starts with prohibited character '_'");
        return Err(Failure::bad_request(reason));
    }
    let request = &call.request;
    let named = named_revision(call, query_revision(call)?)?;
    let mut document = current(store, id, named.as_ref())?;
    let Some(Value::Object(mut kept)) =
        document.shift_remove("_attachments").or_else(|| Some(Value::Object(Map::new())))
    else {
        return Err(Failure::stumbling("function_clause"));
    };
    let was_there = kept.shift_remove(name).is_some();
    let mut attachments = Map::new();
    if request.method == "PUT" {
        let content_type = request.header("Content-Type").unwrap_or("application/octet-stream");
        let new = object([
            ("content_type", content_type.into()),
            ("data", STANDARD.encode(&request.body).into()),
        ]);
        // What is new comes first.
        attachments.insert(name.to_owned(), new);
    } else if !was_there && named.is_some() {
        return Err(missing());
    }
    attachments.extend(kept);
    if !attachments.is_empty() {
        document.insert("_attachments".into(), Value::Object(attachments));
    }
    let revision = store.save(&call.server, &call.user, &document, Edit::Interactive)?;
    let body = saved(id, &revision);
    if request.method == "DELETE" {
        return Ok(Response::json(200, &body));
    }
    let location =
        format!("{}/{}/{}/{}", request.base(), quote(&store.name), quote(id), quote(name));
    Ok(Response::json(201, &body).with("Location", location))
}

/// The document that an attachment is put to: a new one where no revision is named.
fn current(
    store: &Store,
    id: &str,
    named: Option<&Revision>,
) -> Result<Map<String, Value>, Failure> {
    let Some(named) = named else {
        let mut document = Map::new();
        document.insert("_id".into(), id.into());
        return Ok(document);
    };
    let text = store.read().database.read(id, Some(named), ReadOptions::default());
    // The server tells apart a revision that is not there.
    let text = text.map_err(|_| Failure::new(409, "not_found", "missing_rev"))?;
    match json::parse_str(&text) {
        Ok(Value::Object(members)) => Ok(members),
        _ => Err(Failure::stumbling("function_clause")),
    }
}
