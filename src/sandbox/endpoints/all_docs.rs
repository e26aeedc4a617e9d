//! Lists of documents by id: `_all_docs`, `_design_docs`, `_local_docs` (`fabric_view_all_docs`).

use std::fmt::Write;
use std::sync::Arc;

use super::super::failure::Failure;
use super::super::response::Response;
use super::super::state::Call;
use super::super::store::Store;
use super::databases::store;
use crate::document::{Database, ReadOptions};
use crate::json::{self, Map, Value};
use crate::view::{Parameters, Query, ViewShape};

/// Which documents are listed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Namespace {
    All,
    Designs,
    Local,
    /// Those of a partition: the start of their ids.
    Partition(String),
}

/// `/db/_all_docs` and its kind, in a partition or not.
pub(in super::super) fn all_docs(
    call: &Call,
    partition: Option<&str>,
) -> Result<Response, Failure> {
    let store = store(call)?;
    let path = if partition.is_some() { &call.request.path[3..] } else { &call.request.path[1..] };
    let namespace = match (path[0].as_str(), partition) {
        ("_design_docs", _) => Namespace::Designs,
        ("_local_docs", _) => Namespace::Local,
        (_, Some(partition)) => Namespace::Partition(format!("{partition}:")),
        _ => Namespace::All,
    };
    let parameters = &call.request.query;
    let body = match (call.request.method.as_str(), path.len()) {
        ("POST", 2) => {
            let body = call.request.json()?;
            let queries = Parameters::queries(&body, parameters, &ViewShape::default())?;
            let mut out = String::from("{\"results\":[");
            for (position, query) in queries.iter().enumerate() {
                out.push_str(if position == 0 { "\r\n" } else { ",\r\n" });
                list(&store, &namespace, query, query.keys.as_deref(), &mut out);
            }
            out.push_str("\r\n]}\n");
            return Ok(Response::json_body(200, out));
        }
        (_, 2) => return Err(Failure::method("POST")),
        ("GET", _) => None,
        ("POST", _) => {
            call.request.expect_json()?;
            Some(call.request.json_object()?)
        }
        _ => return Err(Failure::method("GET,HEAD,POST")),
    };
    let out = answer(&store, &namespace, parameters, body)?;
    Ok(Response::json_body(200, out))
}

/// The answer to `_all_docs` for a list function.
pub(super) fn text(call: &Call, body: Option<&Value>) -> Result<String, Failure> {
    let store = store(call)?;
    let body = body.and_then(Value::as_object).cloned();
    answer(&store, &Namespace::All, &call.request.query, body)
}

/// The answer to one query.
fn answer(
    store: &Store,
    namespace: &Namespace,
    parameters: &[(String, String)],
    body: Option<Map<String, Value>>,
) -> Result<String, Failure> {
    // A list of keys stays one, however short.
    let (keys, parameters, body) = match body {
        None => {
            let keys = parameters.iter().find(|(name, _)| name == "keys");
            let keys = keys.map(|(_, text)| json::parse_str(text)).transpose();
            let keys = keys.map_err(|_| Failure::bad_request("invalid UTF-8 JSON"))?;
            let rest = parameters.iter().filter(|(name, _)| name != "keys").cloned().collect();
            (keys, rest, None)
        }
        Some(mut body) => {
            let keys = body.shift_remove("keys");
            (keys, parameters.to_vec(), Some(Value::Object(body)))
        }
    };
    let keys = match keys {
        None => None,
        Some(Value::Array(keys)) => Some(keys),
        Some(_) if body.is_some() => {
            return Err(Failure::bad_request("`keys` body member must be an array."));
        }
        Some(_) => return Err(Failure::bad_request("`keys` parameter must be an array.")),
    };
    let parameters: Vec<(String, String)> = parameters;
    let query = match &body {
        Some(body) => Parameters::from_body(body, &parameters)?,
        None => Parameters::from_url(&parameters)?,
    }
    .validate(&ViewShape::default())?;
    let mut out = String::new();
    list(store, namespace, &query, keys.as_deref(), &mut out);
    out.push('\n');
    Ok(out)
}

fn list(
    store: &Store,
    namespace: &Namespace,
    query: &Query,
    keys: Option<&[Value]>,
    out: &mut String,
) {
    let contents = store.read();
    let database = &contents.database;
    let ids: Arc<Vec<Arc<str>>> = match namespace {
        Namespace::Local => {
            Arc::new(database.local_documents().map(|(id, _)| Arc::from(id)).collect())
        }
        Namespace::Partition(prefix) => {
            // Only the shard of the partition is asked.
            let shard = database.shard_of(prefix);
            let ids = store.ids(database);
            Arc::new(ids.iter().filter(|id| database.shard_of(id) == shard).cloned().collect())
        }
        _ => store.ids(database),
    };
    let listed = |id: &str| match namespace {
        Namespace::All | Namespace::Local => true,
        Namespace::Designs => id.starts_with("_design/"),
        Namespace::Partition(prefix) => id.starts_with(prefix),
    };
    let total = match namespace {
        Namespace::Designs => ids.iter().filter(|id| listed(id)).count(),
        _ => ids.len(),
    };
    let mut rows: Vec<String> = Vec::new();
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let skip = usize::try_from(query.skip).unwrap_or(usize::MAX);
    let offset = if let Some(keys) = keys {
        let rows_of_keys = keys
            .iter()
            .filter(|key| match namespace {
                Namespace::Designs => key.as_str().is_some_and(|id| id.starts_with("_design/")),
                _ => true,
            })
            .map(|key| key_row(database, namespace, key, query));
        let in_order: Vec<String> = if query.descending {
            rows_of_keys.rev().skip(skip).take(limit).collect()
        } else {
            rows_of_keys.skip(skip).take(limit).collect()
        };
        rows.extend(in_order);
        None
    } else {
        let (low, high) = range(&ids, query);
        let range = &ids[low..high];
        let before = if query.descending { ids.len() - high } else { low };
        let wanted = |id: &&Arc<str>| listed(id);
        let row = |id: &Arc<str>| row(database, id, query);
        // Where only some ids are listed, the offset is that of the first of them.
        let skipped = if query.descending {
            range.iter().rev().take_while(|id| !listed(id)).count()
        } else {
            range.iter().take_while(|id| !listed(id)).count()
        };
        if query.descending {
            rows.extend(range.iter().rev().filter(wanted).skip(skip).take(limit).map(row));
        } else {
            rows.extend(range.iter().filter(wanted).skip(skip).take(limit).map(row));
        }
        match total {
            // Nothing is listed, whatever else there is.
            0 => Some(0),
            _ => Some((before + skipped).saturating_add(skip).min(ids.len())),
        }
    };
    let number = |number: Option<usize>| match number {
        Some(number) if *namespace != Namespace::Local => number.to_string(),
        _ => "null".to_owned(),
    };
    // Writing to memory cannot fail.
    let _ = write!(out, "{{\"total_rows\":{},\"offset\":{},", number(Some(total)), number(offset));
    if query.update_seq {
        let sequence = store.sequence_text(database.update_sequence());
        let _ = write!(out, "\"update_seq\":\"{sequence}\",");
    }
    out.push_str("\"rows\":[\r\n");
    out.reserve(rows.iter().map(|row| row.len() + 3).sum::<usize>() + 8);
    for (position, row) in rows.iter().enumerate() {
        if position > 0 {
            out.push_str(",\r\n");
        }
        out.push_str(row);
    }
    out.push_str("\r\n]}");
}

/// The ids that a query's range holds: keys that are no strings sort before all ids.
fn range(ids: &[Arc<str>], query: &Query) -> (usize, usize) {
    let (first, last) = if query.descending {
        (&query.end_key, &query.start_key)
    } else {
        (&query.start_key, &query.end_key)
    };
    let excludes = |is_end: bool| is_end && !query.inclusive_end;
    let low = match first {
        Some(Value::String(key)) if excludes(query.descending) => {
            ids.partition_point(|id| **id <= **key)
        }
        Some(Value::String(key)) => ids.partition_point(|id| **id < **key),
        _ => 0,
    };
    let high = match last {
        Some(Value::String(key)) if excludes(!query.descending) => {
            ids.partition_point(|id| **id < **key)
        }
        Some(Value::String(key)) => ids.partition_point(|id| **id <= **key),
        Some(_) => 0,
        None => ids.len(),
    };
    (low, high.max(low))
}

fn read_options(query: &Query) -> ReadOptions {
    ReadOptions {
        conflicts: query.conflicts,
        attachments: query.attachments,
        att_encoding_info: query.att_encoding_info,
        ..ReadOptions::default()
    }
}

/// The row of a document that is there.
fn row(database: &Database, id: &str, query: &Query) -> String {
    let revision = match database.revision(id) {
        Some(revision) => revision.to_string(),
        None => {
            let local = database.local_documents().find(|(local, _)| *local == id);
            local.map(|(_, revision)| revision.to_string()).unwrap_or_default()
        }
    };
    let mut out = String::from("{\"id\":");
    json::write_string(id, &mut out);
    out.push_str(",\"key\":");
    json::write_string(id, &mut out);
    out.push_str(",\"value\":{\"rev\":");
    json::write_string(&revision, &mut out);
    out.push('}');
    if query.include_docs {
        let text = database.read(id, None, read_options(query));
        out.push_str(",\"doc\":");
        out.push_str(text.as_deref().unwrap_or("null"));
    }
    out.push('}');
    out
}

/// The row of a key that was asked for.
fn key_row(database: &Database, namespace: &Namespace, key: &Value, query: &Query) -> String {
    let missing = || format!("{{\"key\":{},\"error\":\"not_found\"}}", json::to_string(key));
    let Some(id) = key.as_str() else { return missing() };
    if let Namespace::Partition(prefix) = namespace
        && !id.starts_with(prefix)
    {
        return missing();
    }
    if database.revision(id).is_some() || database.local_documents().any(|(local, _)| local == id) {
        return row(database, id, query);
    }
    match database.leaves(id).first() {
        None => missing(),
        Some(winner) => {
            let mut out = String::from("{\"id\":");
            json::write_string(id, &mut out);
            out.push_str(",\"key\":");
            json::write_string(id, &mut out);
            // Writing to memory cannot fail.
            let _ = write!(out, ",\"value\":{{\"rev\":\"{}\",\"deleted\":true}}", winner.revision);
            out.push_str(if query.include_docs { ",\"doc\":null}" } else { "}" });
            out
        }
    }
}
