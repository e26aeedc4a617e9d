//! Databases: making, describing and deleting them, their security objects and what else belongs to
//! one as a whole.

use std::collections::HashSet;
use std::sync::Arc;

use super::super::failure::Failure;
use super::super::request::quote;
use super::super::response::Response;
use super::super::security::is_valid_security;
use super::super::state::{Call, SYSTEM_DATABASES};
use super::super::store::{Edit, Store, check_size};
use super::{object, saved};
use crate::json::{Map, Value, to_string};

/// The most shards that a database here may have: more make no sense in memory.
const MAX_SHARDS: usize = 256;

/// The database of a request.
pub(in super::super) fn store(call: &Call) -> Result<Arc<Store>, Failure> {
    call.server.store(call.request.path.first().map_or("", String::as_str))
}

/// `/db`.
pub(in super::super) fn database(call: &Call) -> Result<Response, Failure> {
    match call.request.method.as_str() {
        "PUT" => create(call),
        "DELETE" => {
            if call.request.parameter("rev").is_some() {
                return Err(Failure::bad_request(
                    "You tried to DELETE a database with a ?=rev parameter. Did you mean to DELETE a document instead?",
                ));
            }
            call.server.remove(&call.request.path[0])?;
            Ok(Response::ok(200))
        }
        "GET" => Ok(Response::json(200, &info(&*store(call)?))),
        "POST" => {
            store(call)?;
            post(call)
        }
        _ => {
            store(call)?;
            Err(Failure::method("DELETE,GET,HEAD,POST"))
        }
    }
}

pub(in super::super) fn illegal_name(name: &str) -> Failure {
    Failure::new(
        400,
        "illegal_database_name",
        format!(
            "Name: '{name}'. Only lowercase characters (a-z), digits (0-9), and any of the characters _, $, (, ), +, -, and / are allowed. Must begin with a letter."
        ),
    )
}

/// Makes a database of the given name (`mem3`, `couch_db:validate_dbname`).
pub(in super::super) fn check_name(name: &str) -> Result<(), Failure> {
    let legal =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_$()+-/".contains(&byte);
    let is_legal = name.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
        && name.bytes().all(legal);
    if !is_legal && !SYSTEM_DATABASES.contains(&name) {
        return Err(illegal_name(name));
    }
    if name.split('/').any(|segment| segment.len() > 238) {
        return Err(Failure::new(
            400,
            "database_name_too_long",
            format!("At least one path segment of `{name}` is too long."),
        ));
    }
    Ok(())
}

fn create(call: &Call) -> Result<Response, Failure> {
    let name = &call.request.path[0];
    let positive = |parameter: &str, default: usize| match call.request.parameter(parameter) {
        None => Ok(default),
        Some(text) => text.parse::<usize>().ok().filter(|number| *number > 0).ok_or_else(|| {
            let reason = format!("The `{parameter}` value should be a positive integer.");
            Failure::bad_request(reason)
        }),
    };
    positive("n", 1)?;
    let shards = positive("q", 2)?.min(MAX_SHARDS);
    let partitioned = match call.request.parameter("partitioned") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Failure::bad_request("Invalid `partitioned` parameter")),
    };
    check_name(name)?;
    if !call.server.insert(Store::new(name, shards, partitioned, &call.server.options)) {
        let reason = "The database could not be created, the file already exists.";
        return Err(Failure::new(412, "file_exists", reason));
    }
    let location = format!("{}/{}", call.request.base(), quote(name));
    Ok(Response::ok(201).with("Location", location))
}

/// What `GET /db` tells.
pub(in super::super) fn info(store: &Store) -> Value {
    let contents = store.read();
    let database = &contents.database;
    let mut props = Map::new();
    if database.is_partitioned() {
        props.insert("partitioned".into(), true.into());
    }
    let size = database.len() * 100;
    let sequence = database.update_sequence();
    object([
        ("instance_start_time", store.created.to_string().into()),
        ("db_name", store.name.clone().into()),
        ("purge_seq", store.sequence_text(0).into()),
        ("update_seq", store.sequence_text(sequence).into()),
        (
            "sizes",
            object([
                ("file", (size + 4096).into()),
                ("external", size.into()),
                ("active", size.into()),
            ]),
        ),
        ("props", Value::Object(props)),
        ("doc_del_count", database.deleted_count().into()),
        ("doc_count", database.len().into()),
        ("disk_format_version", 8.into()),
        ("compact_running", false.into()),
        (
            "cluster",
            object([
                ("q", database.shards().into()),
                ("n", 1.into()),
                ("w", 1.into()),
                ("r", 1.into()),
            ]),
        ),
    ])
}

/// `POST /db`: a document whose id may be made up.
fn post(call: &Call) -> Result<Response, Failure> {
    let store = store(call)?;
    call.request.expect_json()?;
    let Value::Object(mut document) = call.request.json()? else {
        return Err(Failure::bad_request("Document must be a JSON object"));
    };
    let id = match document.get("_id") {
        Some(Value::String(id)) => id.clone(),
        _ => String::new(),
    };
    if call.request.body.len() > 8_000_000 {
        check_size(&document, &id)?;
    }
    if !document.contains_key("_id") {
        document.shift_insert(0, "_id".into(), call.server.new_uuid().into());
    }
    let id = document.get("_id").and_then(Value::as_str).unwrap_or_default().to_owned();
    super::documents::before_save(call, &store, &mut document)?;
    if call.request.parameter("batch") == Some("ok") {
        let saved = store.save(&call.server, &call.user, &document, Edit::Interactive);
        drop(saved);
        return Ok(Response::json(202, &object([("ok", true.into()), ("id", id.into())])));
    }
    let revision = store.save(&call.server, &call.user, &document, Edit::Interactive)?;
    let location = format!("{}/{}/{}", call.request.base(), quote(&store.name), quote(&id));
    Ok(Response::json(201, &saved(&id, &revision)).with("Location", location))
}

/// `/db/_security`.
pub(in super::super) fn security(call: &Call) -> Result<Response, Failure> {
    let store = store(call)?;
    match call.request.method.as_str() {
        "GET" => Ok(Response::json(200, &store.security())),
        "PUT" => {
            if store.name == "_users" {
                let reason = "You can't edit the security object of the user database.";
                return Err(Failure::forbidden(reason));
            }
            let security = call.request.json()?;
            // The coordinating node only learns that no shard agreed.
            if !call.user.is_database_admin(&store.security()) || !is_valid_security(&security) {
                return Err(Failure::new(500, "error", "no_majority"));
            }
            store.write().security = security;
            Ok(Response::ok(200))
        }
        _ => Err(Failure::method("PUT,GET")),
    }
}

/// `/db/_revs_limit`.
pub(in super::super) fn revs_limit(call: &Call) -> Result<Response, Failure> {
    let store = store(call)?;
    match call.request.method.as_str() {
        "GET" => {
            let limit = store.read().database.revs_limit();
            Ok(Response::json_text(200, limit.to_string()))
        }
        "PUT" => {
            let limit = call.request.json()?.as_u64().filter(|limit| *limit > 0);
            let limit = limit.ok_or_else(|| Failure::stumbling("function_clause"))?;
            call.user.require_database_admin(&store.security())?;
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            store.write().database.set_revs_limit(limit);
            Ok(Response::ok(200))
        }
        _ => Err(Failure::method("PUT,GET")),
    }
}

/// `/db/_view_cleanup`.
pub(in super::super) fn view_cleanup(call: &Call) -> Result<Response, Failure> {
    let store = store(call)?;
    if call.request.method != "POST" {
        return Err(Failure::method("POST"));
    }
    let signatures: HashSet<String> =
        store.designs().iter().map(|design| design.signature.clone()).collect();
    store.indexes.clean_up(&signatures);
    Ok(Response::ok(202))
}

/// `/db/_compact` and `/db/_compact/design`: nothing to compact in memory.
pub(in super::super) fn compact(call: &Call) -> Result<Response, Failure> {
    let store = store(call)?;
    if call.request.method != "POST" {
        return Err(Failure::method("POST"));
    }
    call.request.expect_json()?;
    if let Some(design) = call.request.path.get(2) {
        store.design(&format!("_design/{design}"))?;
    }
    Ok(Response::ok(202))
}

/// `/db/_ensure_full_commit`.
pub(in super::super) fn ensure_full_commit(call: &Call) -> Result<Response, Failure> {
    let store = store(call)?;
    if call.request.method != "POST" {
        return Err(Failure::method("POST"));
    }
    call.request.expect_json()?;
    let time = store.created.to_string();
    Ok(Response::json(201, &object([("ok", true.into()), ("instance_start_time", time.into())])))
}

/// The ranges of the shards: equal parts of 32 bits.
pub(super) fn shard_ranges(store: &Store) -> Vec<String> {
    let shards = store.read().database.shards() as u64;
    let width = (1_u64 << 32) / shards;
    (0..shards)
        .map(|shard| {
            let end = if shard + 1 == shards { 1 << 32 } else { (shard + 1) * width };
            format!("{:08x}-{:08x}", shard * width, end - 1)
        })
        .collect()
}

/// `/db/_shards` and `/db/_shards/doc`.
pub(in super::super) fn shards(call: &Call) -> Result<Response, Failure> {
    let store = store(call)?;
    if call.request.method != "GET" {
        return Err(Failure::method("GET"));
    }
    let ranges = shard_ranges(&store);
    let nodes = || Value::Array(vec![super::node::NAME.into()]);
    let body = match call.request.path.get(2) {
        Some(id) => {
            let shard = store.read().database.shard_of(id);
            object([("range", ranges[shard].clone().into()), ("nodes", nodes())])
        }
        None => {
            let shards = ranges.into_iter().map(|range| (range, nodes())).collect();
            object([("shards", Value::Object(shards))])
        }
    };
    Ok(Response::json(200, &body))
}

/// `GET /db/_partition/name`.
pub(in super::super) fn partition(call: &Call) -> Result<Response, Failure> {
    let store = store(call)?;
    if call.request.method != "GET" {
        return Err(Failure::method("GET"));
    }
    let name = &call.request.path[2];
    require_partitions(&store)?;
    crate::view::with_partition(&[], name)?;
    let contents = store.read();
    let prefix = format!("{name}:");
    let ids = store.ids(&contents.database);
    let documents = ids.iter().filter(|id| id.starts_with(&prefix)).count();
    let size = documents * 100;
    let sizes = object([("active", size.into()), ("external", size.into())]);
    Ok(Response::json_text(
        200,
        to_string(&object([
            ("db_name", store.name.clone().into()),
            ("sizes", sizes),
            ("partition", name.clone().into()),
            ("doc_count", documents.into()),
            ("doc_del_count", 0.into()),
        ])),
    ))
}

/// Refuses partitions where there are none.
pub(in super::super) fn require_partitions(store: &Store) -> Result<(), Failure> {
    if store.read().database.is_partitioned() {
        return Ok(());
    }
    Err(Failure::bad_request("database is not partitioned"))
}

/// `/db/_search_cleanup`, `_nouveau_cleanup` and `_sync_shards`: there is nothing to do.
pub(in super::super) fn search_cleanup(call: &Call) -> Result<Response, Failure> {
    store(call)?;
    if call.request.method != "POST" {
        return Err(Failure::method("POST"));
    }
    Ok(Response::ok(202))
}
