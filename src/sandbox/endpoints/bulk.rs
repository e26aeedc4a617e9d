//! Many documents at once: `_bulk_docs` and `_bulk_get`.

use super::super::failure::Failure;
use super::super::response::Response;
use super::super::state::Call;
use super::super::store::{Edit, Store, check_size};
use super::databases::store;
use super::documents::{latest, no_revision, read_options, revision};
use super::system::before_save;
use super::{object, saved};
use crate::json::{self, Map, Value};

/// `POST /db/_bulk_docs`.
pub(in super::super) fn bulk_docs(call: &Call) -> Result<Response, Failure> {
    let store = store(call)?;
    if call.request.method != "POST" {
        return Err(Failure::method("POST"));
    }
    call.request.expect_json()?;
    let mut body = call.request.json_object()?;
    let documents = match body.shift_remove("docs") {
        None => {
            return Err(Failure::bad_request("POST body must include `docs` parameter."));
        }
        Some(Value::Array(documents)) => documents,
        Some(_) => return Err(Failure::bad_request("`docs` parameter must be an array.")),
    };
    let edit = match body.get("new_edits") {
        None | Some(Value::Bool(true)) => Edit::Interactive,
        Some(Value::Bool(false)) => Edit::Replicated,
        // The server stumbles at the first document.
        Some(_) if !documents.is_empty() => return Err(Failure::stumbling("function_clause")),
        Some(_) => {
            return Err(Failure::bad_request("`new_edits` parameter must be a boolean."));
        }
    };
    let large = call.request.body.len() > 8_000_000;
    let documents = documents
        .into_iter()
        .map(|document| checked(call, &store, document, edit, large))
        .collect::<Result<Vec<_>, _>>()?;
    if body.get("all_or_nothing") == Some(&Value::Bool(true)) && edit == Edit::Interactive {
        let refused: Vec<Value> = documents.iter().map(not_all_or_nothing).collect();
        return Ok(Response::json(417, &refused.into()));
    }
    // The server writes them in the order of their ids, and answers in that of the request.
    let mut order: Vec<usize> = (0..documents.len()).collect();
    order.sort_by_key(|index| id(&documents[*index]));
    let mut answers: Vec<Value> = vec![Value::Null; documents.len()];
    for index in order {
        let document = &documents[index];
        answers[index] = match store.save(&call.server, &call.user, document, edit) {
            Ok(_) if edit == Edit::Replicated => Value::Null,
            Ok(revision) => saved(id(document), &revision),
            Err(failure) => refused(document, edit, failure),
        };
    }
    answers.retain(|answer| !answer.is_null());
    Ok(Response::json(201, &answers.into()))
}

fn id(document: &Map<String, Value>) -> &str {
    document.get("_id").and_then(Value::as_str).unwrap_or_default()
}

/// A document of a request; one that cannot be read fails all of it.
fn checked(
    call: &Call,
    store: &Store,
    document: Value,
    edit: Edit,
    large: bool,
) -> Result<Map<String, Value>, Failure> {
    let Value::Object(mut document) = document else {
        return Err(Failure::bad_request("Document must be a JSON object"));
    };
    if !document.contains_key("_id") {
        document.shift_insert(0, "_id".into(), call.server.new_uuid().into());
    }
    store.read().database.check_form(&document)?;
    if large {
        check_size(&document, id(&document))?;
    }
    let named = document.contains_key("_rev") || document.contains_key("_revisions");
    if edit == Edit::Replicated && !named {
        return Err(no_revision());
    }
    before_save(call, store, &mut document)?;
    Ok(document)
}

fn not_all_or_nothing(document: &Map<String, Value>) -> Value {
    object([
        ("id", id(document).into()),
        ("rev", "0-".into()),
        ("error", "not_implemented".into()),
        ("reason", "all_or_nothing is not supported".into()),
    ])
}

fn refused(document: &Map<String, Value>, edit: Edit, failure: Failure) -> Value {
    let mut answer = Map::new();
    answer.insert("id".into(), id(document).into());
    if edit == Edit::Replicated {
        let history = document.get("_revisions").and_then(|revisions| {
            Some(format!("{}-{}", revisions["start"].as_u64()?, revisions["ids"][0].as_str()?))
        });
        let given = document.get("_rev").cloned();
        answer.insert("rev".into(), history.map(Value::String).or(given).unwrap_or_default());
    }
    answer.insert("error".into(), failure.error.into());
    answer.insert("reason".into(), failure.reason);
    Value::Object(answer)
}

/// `POST /db/_bulk_get`.
pub(in super::super) fn bulk_get(call: &Call) -> Result<Response, Failure> {
    let store = store(call)?;
    if call.request.method != "POST" {
        return Err(Failure::method("POST"));
    }
    call.request.expect_json()?;
    let body = call.request.json_object()?;
    let Some(wanted) = body.get("docs") else {
        return Err(Failure::bad_request("Missing JSON list of 'docs'."));
    };
    let wanted = wanted.as_array().ok_or_else(|| Failure::stumbling("function_clause"))?;
    let results: Vec<String> = wanted.iter().map(|wanted| one(call, &store, wanted)).collect();
    Ok(Response::json_text(200, format!("{{\"results\":[{}]}}", results.join(","))))
}

/// The answer to one document of `_bulk_get`, as JSON.
fn one(call: &Call, store: &Store, wanted: &Value) -> String {
    let error = |id: Value, rev: &str, error: &str, reason: &str| {
        let error = object([
            ("rev", rev.into()),
            ("reason", reason.into()),
            ("id", id),
            ("error", error.into()),
        ]);
        json::to_string(&object([("error", error)]))
    };
    let id = wanted.get("id").cloned().unwrap_or_default();
    let shown = json::to_string(&id);
    let answer = |parts: Vec<String>| format!("{{\"id\":{shown},\"docs\":[{}]}}", parts.join(","));
    let Some(name) = id.as_str() else {
        let error = object([
            ("rev", Value::Null),
            ("reason", "document must be a JSON object".into()),
            ("id", Value::Null),
            ("error", "bad_request".into()),
        ]);
        return answer(vec![json::to_string(&object([("error", error)]))]);
    };
    let options = read_options(call);
    let contents = store.read();
    let database = &contents.database;
    let revisions = match wanted.get("rev") {
        None => Some(database.leaves_by_branch(name)).filter(|leaves| !leaves.is_empty()),
        Some(text) => match revision(text.as_str().unwrap_or_default()) {
            Ok(revision) if call.request.flag("latest") => Some(latest(database, name, &revision)),
            Ok(revision) => Some(vec![revision]),
            Err(_) => {
                let text = text.as_str().unwrap_or("undefined");
                let part = error(id.clone(), text, "bad_request", "Invalid rev format");
                return answer(vec![part]);
            }
        },
    };
    let parts = match revisions {
        None => vec![error(id.clone(), "undefined", "not_found", "missing")],
        Some(revisions) => revisions
            .iter()
            .map(|revision| match database.read(name, Some(revision), options) {
                Ok(text) => format!("{{\"ok\":{text}}}"),
                Err(_) => error(id.clone(), &revision.to_string(), "not_found", "missing"),
            })
            .collect(),
    };
    answer(parts)
}
