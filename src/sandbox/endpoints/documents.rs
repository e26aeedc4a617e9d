//! Documents: reading, writing, deleting and copying them (`chttpd_db:db_doc_req`).

use std::sync::Arc;

use super::super::failure::Failure;
use super::super::request::{quote, unquote};
use super::super::response::Response;
use super::super::state::Call;
use super::super::store::{Edit, Store, check_size};
use super::databases::store;
use super::multipart::{self, Following};
use super::{etag, object, saved};
use crate::design::Revision;
use crate::document::{Database, ReadOptions};
use crate::json::{self, Map, Value};

/// Bodies smaller than this cannot hold a document that is too large.
const SMALL: usize = 8_000_000;

/// Everything about one document.
pub(in super::super) fn document(call: &Call, id: &str) -> Result<Response, Failure> {
    let store = store(call)?;
    match call.request.method.as_str() {
        "GET" => get(call, &store, id),
        "PUT" => put(call, &store, id),
        "DELETE" => delete(call, &store, id),
        "COPY" => copy(call, &store, id),
        "POST" => Err(if call.request.header("Referer").is_none() {
            Failure::bad_request("Referer header required.")
        } else {
            let reason = "Content-Type must be multipart/form-data";
            Failure::bad_content_type(reason)
        }),
        _ => Err(Failure::method("DELETE,GET,HEAD,POST,PUT,COPY")),
    }
}

pub(super) fn revision(text: &str) -> Result<Revision, Failure> {
    Database::parse_revision(text).ok_or_else(|| Failure::bad_request("Invalid rev format"))
}

/// The revision of the query string.
pub(super) fn query_revision(call: &Call) -> Result<Option<Revision>, Failure> {
    call.request.parameter("rev").map(revision).transpose()
}

fn match_revision(call: &Call) -> Result<Option<Revision>, Failure> {
    call.request.header("If-Match").map(|text| revision(text.trim_matches('"'))).transpose()
}

/// The revision that `explicit` or `If-Match` names (`chttpd_db:extract_header_rev`).
pub(super) fn named_revision(
    call: &Call,
    explicit: Option<Revision>,
) -> Result<Option<Revision>, Failure> {
    match (explicit, match_revision(call)?) {
        (Some(explicit), Some(given)) if explicit != given => {
            Err(Failure::bad_request("Document rev and etag have different values"))
        }
        (explicit, given) => Ok(explicit.or(given)),
    }
}

/// What a document shows, as the query string asks.
pub(super) fn read_options(call: &Call) -> ReadOptions {
    let flag = |name: &str| call.request.flag(name);
    let meta = flag("meta");
    ReadOptions {
        revs: flag("revs"),
        revs_info: flag("revs_info") || meta,
        conflicts: flag("conflicts") || meta,
        deleted_conflicts: flag("deleted_conflicts") || meta,
        local_seq: flag("local_seq"),
        attachments: flag("attachments") || call.request.parameter("atts_since").is_some(),
        att_encoding_info: flag("att_encoding_info"),
        ..ReadOptions::default()
    }
}

/// The revisions of `atts_since`: who asks has their attachments already.
fn known_attachments(call: &Call) -> Result<Vec<Revision>, Failure> {
    let Some(text) = call.request.parameter("atts_since") else { return Ok(Vec::new()) };
    let list = json::parse_str(text).map_err(|_| Failure::bad_request("invalid UTF-8 JSON"))?;
    let list = list.as_array().ok_or_else(|| Failure::stumbling("function_clause"))?;
    list.iter().map(|item| revision(item.as_str().unwrap_or_default())).collect()
}

fn get(call: &Call, store: &Store, id: &str) -> Result<Response, Failure> {
    let explicit = query_revision(call)?;
    let mut options = read_options(call);
    // None at all are as if nothing was said of them.
    if let Some(wanted) = call.request.parameter("open_revs").filter(|wanted| *wanted != "[]") {
        return open_revisions(call, store, id, wanted, options);
    }
    let explicit = explicit.filter(|_| !call.request.flag("latest"));
    let known = known_attachments(call)?;
    let contents = store.read();
    let database = &contents.database;
    let shown = explicit.clone().or_else(|| database.revision(id));
    options.attachments_after =
        shown.as_ref().map_or(0, |shown| database.known_generation(id, shown, &known));
    let has_attachments = |shown: &Revision| !database.attachments(id, shown, 0).is_empty();
    let is_related = options.attachments
        && call.request.accepts("multipart/related")
        && shown.as_ref().is_some_and(has_attachments);
    if is_related {
        (options.follows, options.att_encoding_info) = (true, true);
    }
    let text = match database.read(id, explicit.as_ref(), options) {
        Ok(text) => text,
        Err(_) if call.request.flag("deleted") => {
            let leaves = database.leaves(id);
            let winner = leaves.first().ok_or_else(|| Failure::not_found("missing"))?;
            let read = database.read(id, Some(&winner.revision), options);
            read.map_err(|absent| Failure::not_found(absent.to_string()))?
        }
        Err(absent) => return Err(Failure::not_found(absent.to_string())),
    };
    let leaves = database.leaves(id);
    let others = |deleted: bool| leaves.iter().skip(1).any(|leaf| leaf.deleted == deleted);
    // What is shown beside the document itself changes without its revision.
    let shows_more = options.revs_info
        || options.local_seq
        || explicit.is_none()
            && (options.conflicts && others(false) || options.deleted_conflicts && others(true));
    let revision = explicit.or_else(|| leaves.first().map(|leaf| leaf.revision.clone()));
    let revision = revision.filter(|_| !shows_more);
    if let Some(revision) = &revision
        && call.request.header("If-None-Match") == Some(&etag(revision))
    {
        return Ok(Response::empty(304).with("ETag", etag(revision)));
    }
    let response = match shown.filter(|_| is_related) {
        Some(shown) => {
            let attachments = database.attachments(id, &shown, options.attachments_after);
            drop(contents);
            multipart::related(&text, &attachments)
        }
        None => Response::json_text(200, text),
    };
    Ok(match revision {
        Some(revision) => response.with("ETag", etag(&revision)),
        None => response,
    })
}

/// `open_revs`: some or all leaves.
fn open_revisions(
    call: &Call,
    store: &Store,
    id: &str,
    wanted: &str,
    options: ReadOptions,
) -> Result<Response, Failure> {
    let contents = store.read();
    let database = &contents.database;
    let revisions: Vec<Revision> = if wanted == "all" {
        database.leaves_by_branch(id)
    } else {
        let list =
            json::parse_str(wanted).map_err(|_| Failure::bad_request("invalid UTF-8 JSON"))?;
        let list = list.as_array().ok_or_else(|| Failure::stumbling("function_clause"))?;
        list.iter()
            .map(|item| revision(item.as_str().unwrap_or_default()))
            .collect::<Result<_, _>>()?
    };
    if wanted == "all" && revisions.is_empty() {
        return Err(Failure::not_found("missing"));
    }
    let known = known_attachments(call)?;
    let is_latest = call.request.flag("latest");
    let revisions: Vec<Revision> = revisions
        .into_iter()
        .flat_map(
            |revision| {
                if is_latest { latest(database, id, &revision) } else { vec![revision] }
            },
        )
        .collect();
    let is_mixed = call.request.accepts("multipart/mixed");
    let read = |revision: &Revision| {
        let attachments_after = database.known_generation(id, revision, &known);
        let mut options = ReadOptions { attachments_after, ..options };
        if is_mixed {
            let all = (true, true, true);
            (options.attachments, options.follows, options.att_encoding_info) = all;
        }
        let missing = json::to_string(&object([("missing", revision.to_string().into())]));
        (database.read(id, Some(revision), options).map_err(|_| missing), attachments_after)
    };
    if is_mixed {
        let parts = revisions.iter().map(|revision| match read(revision) {
            (Ok(text), after) => {
                Following::Document(text, database.attachments(id, revision, after))
            }
            (Err(missing), _) => Following::Missing(missing),
        });
        return Ok(multipart::mixed(&parts.collect::<Vec<_>>()));
    }
    let parts: Vec<String> = revisions
        .iter()
        .map(|revision| match read(revision).0 {
            Ok(text) => format!("{{\"ok\":{text}}}"),
            Err(missing) => missing,
        })
        .collect();
    Ok(Response::json_text(200, format!("[{}]", parts.join(","))))
}

/// The leaves that come after a revision, or the revision itself where it is one or is not known.
pub(super) fn latest(database: &Database, id: &str, revision: &Revision) -> Vec<Revision> {
    let descends = |leaf: &Revision| {
        let options = ReadOptions { revs: true, ..ReadOptions::default() };
        let text = database.read(id, Some(leaf), options).unwrap_or_default();
        let document = json::parse_str(&text).unwrap_or_default();
        let history = &document["_revisions"];
        let place = leaf.generation.checked_sub(revision.generation);
        let place = place.and_then(|place| usize::try_from(place).ok()).unwrap_or(usize::MAX);
        history["ids"].get(place).and_then(Value::as_str) == Some(&revision.hash)
    };
    let leaves = database.leaves(id).into_iter().map(|leaf| leaf.revision);
    let mut found: Vec<Revision> = leaves.filter(descends).collect();
    found.reverse();
    if found.is_empty() { vec![revision.clone()] } else { found }
}

fn put(call: &Call, store: &Arc<Store>, id: &str) -> Result<Response, Failure> {
    let request = &call.request;
    let explicit = query_revision(call)?;
    let edit = match request.parameter("new_edits") {
        Some("false") => Edit::Replicated,
        _ => Edit::Interactive,
    };
    check_id(call, store, id)?;
    let body = match request.content_type() {
        "multipart/related" if request.header("Content-Type").is_some_and(has_parameter) => {
            multipart::document(call)?
        }
        _ => request.json()?,
    };
    let Value::Object(mut document) = body else {
        return Err(Failure::bad_request("Document must be a JSON object"));
    };
    if request.body.len() > SMALL {
        check_size(&document, "")?;
    }
    if document.contains_key("_id") {
        // The path says which document it is, but the body must be one.
        store.read().database.check_form(&document)?;
    }
    document.shift_remove("_id");
    document.shift_insert(0, "_id".into(), id.into());
    store.read().database.check_form(&document)?;
    let inside = body_revision(&document)?;
    if let (Some(explicit), Some(inside)) = (&explicit, &inside)
        && explicit != inside
    {
        return Err(Failure::bad_request(
            "Document rev from request body and query string have different values",
        ));
    }
    let named = named_revision(call, inside.clone().or(explicit))?;
    if let (None, Some(named)) = (&inside, &named) {
        document.insert("_rev".into(), named.to_string().into());
    }
    if edit == Edit::Replicated && named.is_none() {
        return Err(no_revision());
    }
    super::system::before_save(call, store, &mut document)?;
    if request.parameter("batch") == Some("ok") {
        // Nobody learns what becomes of it.
        let saved = store.save(&call.server, &call.user, &document, edit);
        drop(saved);
        return Ok(Response::json(202, &object([("ok", true.into()), ("id", id.into())])));
    }
    let revision = store.save(&call.server, &call.user, &document, edit)?;
    super::replicate::saved(call, store, id);
    let deleted = document.get("_deleted") == Some(&Value::Bool(true));
    let status = if more_copies_wanted(call) {
        202
    } else if deleted {
        200
    } else {
        201
    };
    let location = format!("{}/{}/{}", request.base(), quote(&store.name), quote(id));
    let response = Response::json(status, &saved(id, &revision)).with("Location", location);
    Ok(response.with("ETag", etag(&revision)))
}

/// Without a parameter CouchDB does not take a body for one of several parts.
fn has_parameter(content_type: &str) -> bool {
    content_type.contains(';')
}

/// Whether a write is to reach more nodes than there are.
fn more_copies_wanted(call: &Call) -> bool {
    let wanted = call.request.parameter("w").and_then(|text| text.parse::<u64>().ok());
    wanted.is_some_and(|wanted| wanted > 1)
}

pub(super) fn no_revision() -> Failure {
    Failure::bad_request(
        "When `new_edits: false`, the document needs `_rev` or `_revisions` specified",
    )
}

/// The revision that a document's body names.
fn body_revision(document: &Map<String, Value>) -> Result<Option<Revision>, Failure> {
    if let Some(revisions) = document.get("_revisions").filter(|revisions| revisions.is_object()) {
        let (start, first) = (revisions["start"].as_u64(), revisions["ids"][0].as_str());
        return Ok(start
            .zip(first)
            .and_then(|(start, first)| Database::parse_revision(&format!("{start}-{first}"))));
    }
    match document.get("_rev") {
        None => Ok(None),
        Some(text) => revision(text.as_str().unwrap_or_default()).map(Some),
    }
}

fn check_id(call: &Call, store: &Store, id: &str) -> Result<(), Failure> {
    if call.request.invalid_utf8 {
        return Err(Failure::new(400, "illegal_docid", "Document id must be valid UTF-8"));
    }
    let mut document = Map::new();
    document.insert("_id".into(), id.into());
    Ok(store.read().database.check_form(&document)?)
}

fn delete(call: &Call, store: &Arc<Store>, id: &str) -> Result<Response, Failure> {
    let absent = store.read().database.read(id, None, ReadOptions::default());
    absent.map_err(|absent| Failure::not_found(absent.to_string()))?;
    let named = named_revision(call, query_revision(call)?)?;
    let mut document = Map::new();
    document.insert("_id".into(), id.into());
    if let Some(named) = named {
        document.insert("_rev".into(), named.to_string().into());
    }
    document.insert("_deleted".into(), true.into());
    let revision = store.save(&call.server, &call.user, &document, Edit::Interactive)?;
    super::replicate::saved(call, store, id);
    Ok(Response::json(200, &saved(id, &revision)).with("ETag", etag(&revision)))
}

fn copy(call: &Call, store: &Store, id: &str) -> Result<Response, Failure> {
    let source = named_revision(call, query_revision(call)?)?;
    let (target, target_revision) = destination(call)?;
    let mut document = Map::new();
    document.insert("_id".into(), target.clone().into());
    store.read().database.check_form(&document)?;
    let text = store.read().database.read(id, source.as_ref(), ReadOptions::default());
    let text = text.map_err(|absent| Failure::not_found(absent.to_string()))?;
    if let Ok(Value::Object(members)) = json::parse_str(&text) {
        let own = members.into_iter().filter(|(name, _)| name != "_id" && name != "_rev");
        document.extend(own);
    }
    if let Some(revision) = target_revision {
        document.insert("_rev".into(), revision.to_string().into());
    }
    // Attachments go along as they are, which their stubs do not say.
    let attachments = document.shift_remove("_attachments");
    super::validation::check(store, &call.server, &call.user, &document, Edit::Interactive)?;
    drop(attachments);
    let revision = store.write().database.copy(id, source.as_ref(), &document)?;
    store.changed(&target);
    let location = format!("{}/{}/{}", call.request.base(), quote(&store.name), quote(&target));
    let response = Response::json(201, &saved(&target, &revision)).with("Location", location);
    Ok(response.with("ETag", etag(&revision)))
}

/// The `Destination` of a COPY: an id, and perhaps a revision.
fn destination(call: &Call) -> Result<(String, Option<Revision>), Failure> {
    let Some(given) = call.request.header("Destination") else {
        return Err(Failure::bad_request("Destination header is mandatory for COPY."));
    };
    if given.starts_with("http://") || given.starts_with("https://") {
        return Err(Failure::bad_request("Destination URL must be relative."));
    }
    let (id, explicit) = match given.split_once("?rev=") {
        Some((id, text)) => (id, Some(revision(text)?)),
        None => (given.split('?').next().unwrap_or_default(), None),
    };
    let id = unquote(id).and_then(|bytes| String::from_utf8(bytes).ok());
    let id =
        id.ok_or_else(|| Failure::new(400, "illegal_docid", "Document id must be valid UTF-8"))?;
    Ok((id, explicit))
}
