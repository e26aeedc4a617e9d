//! What design documents answer by functions: updates, shows, lists, rewrites (`chttpd_show`,
//! `chttpd_rewrite`).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};

use super::super::external;
use super::super::failure::Failure;
use super::super::request::Request;
use super::super::response::Response;
use super::super::router;
use super::super::state::Call;
use super::super::store::{Design, Edit, Store};
use super::databases::store;
use super::{all_docs, views};
use crate::functions::{self, Functions, REWRITE_LIMIT, RequestBody, Rewritten};
use crate::group;
use crate::json::{self, Map, Value};

/// Ancestors that documents show to functions.
const ANCESTORS: usize = 19;

fn invalid_path(error: &str) -> Failure {
    Failure::new(404, error, "Invalid path.")
}

/// A document as functions see it; null where there is none.
fn document(store: &Store, id: Option<&str>) -> Value {
    let contents = store.read();
    let read = |id: &str| {
        let winner = contents.database.revision(id)?;
        let text = contents.database.read_with_history(id, &winner, ANCESTORS).ok()?;
        json::parse_str(&text).ok()
    };
    id.and_then(read).unwrap_or_default()
}

/// The name of a function and the id of a document, which may have slashes in it.
fn name_and_id(rest: &[String]) -> Option<(&str, Option<String>)> {
    let (name, id) = rest.split_first()?;
    Some((name.as_str(), (!id.is_empty()).then(|| id.join("/"))))
}

/// `/db/_design/name/_update/…`.
pub(in super::super) fn update(
    call: &Call,
    design: &Design,
    rest: &[String],
) -> Result<Response, Failure> {
    let store = store(call)?;
    let (name, id) = name_and_id(rest).ok_or_else(|| invalid_path("update_error"))?;
    let document = document(&store, id.as_deref());
    let request = external::object(call, &store, id.as_deref(), None)?;
    let update = store
        .processes
        .with(|functions| functions.update(&design.value, name, &document, &request))?;
    let Some(mut document) = update.document.clone() else {
        return Ok(update.unsaved()?.into());
    };
    let id = document.get("_id").and_then(Value::as_str).unwrap_or_default().to_owned();
    if id.is_empty() {
        return Err(Failure::new(400, "illegal_docid", "Document id must not be empty"));
    }
    super::documents::before_save(call, &store, &mut document)?;
    let revision = store.save(&call.server, &call.user, &document, Edit::Interactive)?;
    Ok(update.saved(&id, &revision, false)?.into())
}

/// `/db/_design/name/_show/…`.
pub(in super::super) fn show(
    call: &Call,
    design: &Design,
    rest: &[String],
) -> Result<Response, Failure> {
    let store = store(call)?;
    let (name, id) = name_and_id(rest).ok_or_else(|| invalid_path("show_error"))?;
    let document = document(&store, id.as_deref());
    let etag = show_etag(call, design, &document);
    if call.request.header("If-None-Match") == Some(&etag) {
        return Ok(Response::empty(304).with("ETag", etag));
    }
    let request = external::object(call, &store, id.as_deref(), None)?;
    let shown = store
        .processes
        .with(|functions| functions.show(&design.value, name, &document, &request, &etag))?;
    Ok(shown.into())
}

/// What a show depends on, as an `ETag`.
fn show_etag(call: &Call, design: &Design, document: &Value) -> String {
    let revision = |value: &Value| value["_rev"].as_str().unwrap_or_default().to_owned();
    let mut hash = Md5::new();
    for part in [
        revision(&design.value),
        revision(document),
        call.request.header("Accept").unwrap_or_default().to_owned(),
        call.request.target.clone(),
        format!("{:?}{:?}", call.user.name, call.user.roles),
    ] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    format!("\"{}\"", STANDARD.encode(hash.finalize()))
}

/// `/db/_design/name/_list/…`.
pub(in super::super) async fn list(
    call: Call,
    design: Arc<Design>,
    rest: Vec<String>,
) -> Result<Response, Failure> {
    let store = store(&call)?;
    if !matches!(call.request.method.as_str(), "GET" | "POST") {
        return Err(Failure::method("GET,POST,HEAD"));
    }
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    let (name, source, view) = match rest.as_slice() {
        [name, view] => (*name, Arc::clone(&design), *view),
        [name, other, view] => {
            let other = store.design(&format!("_design/{other}")).map_err(|failure| {
                let reason = failure.reason.as_str().unwrap_or_default();
                let reason = format!("{{not_found,{reason}}}");
                Failure { logged: true, ..Failure::new(500, "badmatch", reason) }
            })?;
            (*name, other, *view)
        }
        _ => return Err(invalid_path("list_error")),
    };
    let body = if call.request.method == "POST" {
        call.request.expect_json()?;
        Some(call.request.json_object()?)
    } else {
        None
    };
    if body.as_ref().and_then(|body| body.get("keys")).is_some_and(|keys| !keys.is_array()) {
        let reason = "`keys` must be an array of strings.";
        return Err(Failure::new(400, "query_parse_error", reason));
    }
    Functions::check_list(&design.value, name)?;
    let body = body.map(Value::Object);
    let answer = if view == "_all_docs" {
        let body = body.clone();
        let listed = call.clone();
        listed.blocking(move |call| all_docs::text(call, body.as_ref())).await?
    } else {
        let request = group::Request {
            view: view.to_owned(),
            parameters: call.request.query.clone(),
            body: body.clone(),
            queries: false,
            partition: None,
        };
        views::answer(&call, &store, &source, request).await.map_err(in_list)?
    };
    let (head, rows) = head_and_rows(&answer);
    let name = name.to_owned();
    call.blocking(move |call| {
        let request = external::object(call, &store, None, body)?;
        let listed = store
            .processes
            .with(|functions| functions.list(&design.value, &name, &head, &request, &rows))?;
        Ok(listed.into())
    })
    .await
}

/// Where the rows of a view end a list, the server's code was not written for it.
fn in_list(failure: Failure) -> Failure {
    let is_late = failure
        .reason
        .as_str()
        .is_some_and(|reason| reason.starts_with("No rows can match your key range"));
    if is_late { Failure::stumbling("function_clause") } else { failure }
}

/// The answer of a view as a list function gets it.
fn head_and_rows(answer: &str) -> (Value, Vec<Value>) {
    let Ok(Value::Object(mut head)) = json::parse_str(answer) else {
        return (Value::Object(Map::new()), Vec::new());
    };
    let rows = match head.shift_remove("rows") {
        Some(Value::Array(rows)) => rows,
        _ => Vec::new(),
    };
    (Value::Object(head), rows)
}

/// `/db/_design/name/_rewrite/…`.
pub(in super::super) async fn rewrite(
    call: Call,
    design: Arc<Design>,
) -> Result<Response, Failure> {
    if call.rewrites >= REWRITE_LIMIT {
        return Err(functions::too_many().into());
    }
    let store = store(&call)?;
    let rewritten = call.clone().blocking(move |call| {
        let (request, context) = (external::request(call, None), external::context(call, &store));
        let rewritten =
            store.processes.with(|functions| functions.rewrite(&design.value, &request, &context));
        Ok(rewritten?)
    });
    match rewritten.await? {
        Rewritten::Response(response) => Ok(response.into()),
        Rewritten::Request(request) => {
            let body = match request.body {
                RequestBody::Absent => Vec::new(),
                RequestBody::Bytes(bytes) => bytes,
                RequestBody::Json(value) => json::to_string(&value).into_bytes(),
            };
            let headers = request.headers.iter().filter_map(|(name, value)| {
                let name = hyper::header::HeaderName::from_bytes(name.as_bytes()).ok()?;
                // The body is unpacked by now.
                let value = hyper::header::HeaderValue::from_str(value).ok()?;
                (name != hyper::header::CONTENT_ENCODING).then_some((name, value))
            });
            let (headers, peer) = (headers.collect(), call.request.peer);
            let request = Request::new(&request.method, &request.path, headers, body.into(), peer)?;
            let rewrites = call.rewrites + 1;
            router::route(Call { rewrites, ..call.with_request(request) }).await
        }
    }
}
