//! Mango: `_index`, `_find` and `_explain` (`mango_httpd`). A query looks at every document; which index
//! it would use decides, as on a server, what it may sort by, in which order documents come, and
//! whether there is a warning.

mod index;
mod query;

use self::index::Index;
use self::query::Query;
use super::super::failure::Failure;
use super::super::response::Response;
use super::super::state::Call;
use super::super::store::{Edit, Store};
use super::databases::store;
use super::object;
use crate::document::ReadOptions;
use crate::json::{self, Map, Value};

/// Everything below `/db/_index`.
pub(in super::super) fn index(call: &Call) -> Result<Response, Failure> {
    let store = store(call)?;
    let path: Vec<&str> = call.request.path[2..].iter().map(String::as_str).collect();
    match (call.request.method.as_str(), path.as_slice()) {
        ("GET", []) => list(call, &store),
        ("POST", []) => create(call, &store),
        (_, []) => Err(Failure::method("GET,POST")),
        ("POST", ["_bulk_delete"]) => bulk_delete(call, &store),
        (_, ["_bulk_delete"]) => Err(Failure::method("POST")),
        ("DELETE", ["_design", design, kind, name] | [design, kind, name]) => {
            if *kind != "json" || !remove(call, &store, design, Some(name))? {
                return Err(Failure::not_found("missing"));
            }
            Ok(Response::ok(200))
        }
        (_, [_, _, _] | ["_design", _, _, _]) => Err(Failure::method("DELETE")),
        _ => Err(Failure::not_found("missing")),
    }
}

fn list(call: &Call, store: &Store) -> Result<Response, Failure> {
    let number = |name: &str| {
        let wrong = || Failure::new(500, "invalid_list_index_params", "Invalid parameter.");
        call.request.parameter(name).map(str::parse::<usize>).transpose().map_err(|_| wrong())
    };
    let indexes = Index::all(store);
    let shown = indexes.iter().map(Index::to_value);
    let (skip, limit) = (number("skip")?.unwrap_or(0), number("limit")?.unwrap_or(usize::MAX));
    let shown: Vec<Value> = shown.skip(skip).take(limit).collect();
    let body = [("total_rows", indexes.len().into()), ("indexes", shown.into())];
    Ok(Response::json(200, &object(body)))
}

fn create(call: &Call, store: &Store) -> Result<Response, Failure> {
    call.request.expect_json()?;
    let body = call.request.json_object()?;
    let (design, name, view) = index::definition(&body)?;
    let mut document = current(store, &design);
    let views = document
        .entry("views")
        .or_insert_with(|| Value::Object(Map::new()))
        .as_object_mut()
        .ok_or_else(|| Failure::stumbling("function_clause"))?;
    let answer = |result: &str| {
        let members = [
            ("result", result.into()),
            ("id", design.clone().into()),
            ("name", name.clone().into()),
        ];
        Response::json(200, &object(members))
    };
    if views.get(&name).is_some_and(|known| known["map"] == view["map"]) {
        return Ok(answer("exists"));
    }
    views.insert(name.clone(), view);
    save(call, store, &document)?;
    Ok(answer("created"))
}

/// A design document for indexes, or the beginning of one.
fn current(store: &Store, id: &str) -> Map<String, Value> {
    match store.design(id).map(|design| design.value.clone()) {
        Ok(Value::Object(members)) => members,
        _ => {
            let mut members = Map::new();
            members.insert("_id".into(), id.into());
            members.insert("language".into(), "query".into());
            members
        }
    }
}

fn save(call: &Call, store: &Store, document: &Map<String, Value>) -> Result<(), Failure> {
    let saved = store.save(&call.server, &call.user, document, Edit::Interactive);
    saved.map(drop).map_err(|failure| {
        let reason = format!("Unknown error while saving the design document: {}", failure.error);
        Failure { logged: true, ..Failure::new(500, "error_saving_ddoc", reason) }
    })
}

/// Takes an index, or all of a design document, away; `false` when there is none.
fn remove(call: &Call, store: &Store, design: &str, name: Option<&str>) -> Result<bool, Failure> {
    let id = index::design_id(design);
    let mut document = current(store, &id);
    let is_index = document.get("language").and_then(Value::as_str) == Some("query");
    let Some(Value::Object(views)) = document.get_mut("views") else { return Ok(false) };
    if !is_index || name.is_some_and(|name| views.shift_remove(name).is_none()) {
        return Ok(false);
    }
    if views.is_empty() || name.is_none() {
        document.retain(|member, _| member == "_id" || member == "_rev");
        document.insert("_deleted".into(), true.into());
    }
    save(call, store, &document)?;
    Ok(true)
}

fn bulk_delete(call: &Call, store: &Store) -> Result<Response, Failure> {
    call.request.expect_json()?;
    let body = call.request.json_object()?;
    let (mut success, mut fail) = (Vec::new(), Vec::new());
    for design in body.get("docids").and_then(Value::as_array).into_iter().flatten() {
        let id = index::design_id(design.as_str().unwrap_or_default());
        match remove(call, store, &id, None) {
            Ok(true) => success.push(object([("id", id.into()), ("ok", true.into())])),
            _ => fail.push(object([("id", id.into()), ("error", "not_found".into())])),
        }
    }
    Ok(Response::json(200, &object([("success", success.into()), ("fail", fail.into())])))
}

/// The query of a request.
fn asked(call: &Call, partition: Option<&str>) -> Result<Query, Failure> {
    if call.request.method != "POST" {
        return Err(Failure::method("POST"));
    }
    call.request.expect_json()?;
    Query::new(&call.request.json_object()?, partition)
}

/// `/db/_find`, in a partition or not.
pub(in super::super) fn find(call: &Call, partition: Option<&str>) -> Result<Response, Failure> {
    let store = store(call)?;
    let query = asked(call, partition)?;
    let choice = query.choose(Index::all(&store))?;
    let mut found = Vec::new();
    let mut examined = 0_usize;
    let contents = store.read();
    let ids = store.ids(&contents.database);
    for id in ids.iter().filter(|id| !id.starts_with("_design/")) {
        if query.partition.as_ref().is_some_and(|prefix| !id.starts_with(prefix)) {
            continue;
        }
        let options = ReadOptions { conflicts: query.conflicts, ..ReadOptions::default() };
        let Ok(text) = contents.database.read(id, None, options) else { continue };
        let document = json::parse_str(&text).unwrap_or_default();
        examined += 1;
        if query.selector.matches(&document) && choice.index.holds(&document) {
            found.push(document);
        }
    }
    drop(contents);
    let results = found.len();
    query.sort(&choice.index, &mut found);
    let page: Vec<Value> = found.into_iter().skip(query.start()).take(query.limit).collect();
    let documents: Vec<String> =
        page.iter().map(|document| json::to_string(&query.shown(document))).collect();
    let mut body = format!("{{\"docs\":[\r\n{}\r\n],\r\n\"bookmark\": ", documents.join(",\r\n"));
    json::write_string(&query.bookmark(page.len()), &mut body);
    if query.execution_stats {
        let stats = object([
            ("total_keys_examined", 0.into()),
            ("total_docs_examined", examined.into()),
            ("total_quorum_docs_examined", 0.into()),
            ("results_returned", page.len().min(results).into()),
            ("execution_time_ms", json::parse_str("0.1").unwrap_or_default()),
        ]);
        body.push_str(",\r\n\"execution_stats\": ");
        json::write(&stats, &mut body);
    }
    if let Some(warning) = &choice.warning {
        body.push_str(",\r\n\"warning\": ");
        json::write_string(warning, &mut body);
    }
    body.push_str("}\r\n");
    Ok(Response::json_body(200, body))
}

/// `/db/_explain`.
pub(in super::super) fn explain(call: &Call) -> Result<Response, Failure> {
    let store = store(call)?;
    let query = asked(call, None)?;
    let choice = query.choose(Index::all(&store))?;
    let partitioned = store.read().database.is_partitioned();
    let limit = query.limit;
    Ok(Response::json(
        200,
        &object([
            ("dbname", store.name.clone().into()),
            ("index", choice.index.to_value()),
            ("partitioned", partitioned.into()),
            ("selector", query.given_selector.clone()),
            ("limit", limit.into()),
            ("skip", query.skip.into()),
            ("fields", query.fields.clone().unwrap_or_default().into()),
        ]),
    ))
}
