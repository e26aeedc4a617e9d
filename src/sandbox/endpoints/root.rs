//! The server itself: `/`, `_up`, `_uuids`, `_all_dbs`, `_dbs_info`, `_active_tasks`.

use super::super::failure::Failure;
use super::super::response::Response;
use super::super::state::Call;
use super::super::store::Store;
use super::object;
use crate::engine::Profile;
use crate::json::{Map, Value};
use crate::view::{Parameters, ViewShape};

/// `GET /`: as CouchDB says it, but with the truth in `vendor`.
pub(in super::super) fn welcome(call: &Call) -> Result<Response, Failure> {
    require_get(call)?;
    let mut features = vec!["access-ready", "partitioned", "pluggable-storage-engines"];
    if call.server.engines.profile() == Profile::QuickJs {
        features.push("quickjs");
    }
    features.extend(["reshard", "scheduler"]);
    let vendor = object([
        ("name", "couchctl sandbox".into()),
        ("version", env!("CARGO_PKG_VERSION").into()),
    ]);
    Ok(Response::json(
        200,
        &object([
            ("couchdb", "Welcome".into()),
            ("version", "3.5.0".into()),
            ("git_sha", "11f0d36".into()),
            ("uuid", call.server.uuid.clone().into()),
            ("features", features.into()),
            ("vendor", vendor),
        ]),
    ))
}

fn require_get(call: &Call) -> Result<(), Failure> {
    if call.request.method == "GET" { Ok(()) } else { Err(Failure::method("GET,HEAD")) }
}

/// `GET /_up`.
pub(in super::super) fn up(call: &Call) -> Result<Response, Failure> {
    require_get(call)?;
    let status = [("status", "ok".into()), ("seeds", Value::Object(Map::new()))];
    Ok(Response::json(200, &object(status)))
}

/// `GET /_uuids`.
pub(in super::super) fn uuids(call: &Call) -> Result<Response, Failure> {
    if call.request.method != "GET" {
        return Err(Failure::method("GET"));
    }
    let count = match call.request.parameter("count") {
        None => 1,
        Some(text) => text.parse().map_err(|_| Failure::stumbling("badarg"))?,
    };
    if count > 1000_usize {
        return Err(Failure::bad_request("count parameter too large"));
    }
    let uuids: Vec<String> = (0..count).map(|_| call.server.new_uuid()).collect();
    let response = Response::json(200, &object([("uuids", uuids.into())]));
    Ok(response.with("Cache-Control", "no-cache").with("Pragma", "no-cache"))
}

/// `GET /_all_dbs`.
pub(in super::super) fn all_databases(call: &Call) -> Result<Response, Failure> {
    require_get(call)?;
    let names: Vec<String> = selected(call)?.iter().map(|store| store.name.clone()).collect();
    Ok(Response::json(200, &names.into()))
}

/// The databases that `startkey`, `limit` and the like ask for.
fn selected(call: &Call) -> Result<Vec<std::sync::Arc<Store>>, Failure> {
    let query = Parameters::from_url(&call.request.query)?.validate(&ViewShape::default())?;
    let mut stores = call.server.stores();
    if query.descending {
        stores.reverse();
    }
    let text = |key: &Option<Value>| key.as_ref().map(|key| key.as_str().unwrap_or("").to_owned());
    let (start, end) = (text(&query.start_key), text(&query.end_key));
    stores.retain(|store| {
        let order = |bound: &str| {
            let order = store.name.as_str().cmp(bound);
            if query.descending { order.reverse() } else { order }
        };
        start.as_deref().is_none_or(|start| order(start).is_ge())
            && end.as_deref().is_none_or(|end| match order(end) {
                std::cmp::Ordering::Equal => query.inclusive_end,
                order => order.is_lt(),
            })
    });
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let skip = usize::try_from(query.skip).unwrap_or(usize::MAX);
    Ok(stores.into_iter().skip(skip).take(limit).collect())
}

/// `GET` and `POST /_dbs_info`.
pub(in super::super) fn databases_info(call: &Call) -> Result<Response, Failure> {
    let keys: Vec<Value> = match call.request.method.as_str() {
        "GET" => selected(call)?.iter().map(|store| store.name.clone().into()).collect(),
        "POST" => {
            call.request.expect_json()?;
            match call.request.json_object()?.get("keys") {
                Some(Value::Array(keys)) if keys.len() <= 100 => keys.clone(),
                Some(Value::Array(_)) => {
                    let reason = "`keys` array size exceeds the maximum of 100 databases";
                    return Err(Failure::bad_request(reason));
                }
                Some(_) => return Err(Failure::bad_request("`keys` member must be an array.")),
                None => return Err(Failure::bad_request("`keys` member must exist.")),
            }
        }
        _ => return Err(Failure::method("GET,HEAD,POST")),
    };
    let infos: Vec<Value> = keys
        .into_iter()
        .map(|key| match key.as_str().and_then(|name| call.server.store(name).ok()) {
            Some(store) => object([("key", key), ("info", super::databases::info(&store))]),
            None => object([("key", key), ("error", "not_found".into())]),
        })
        .collect();
    Ok(Response::json(200, &infos.into()))
}

/// `GET /_active_tasks`: the builds under way, one for each shard.
pub(in super::super) fn active_tasks(call: &Call) -> Result<Response, Failure> {
    require_get(call)?;
    call.user.require_server_admin()?;
    let mut tasks = Vec::new();
    for store in call.server.stores() {
        let shards = store.read().database.shards() as u64;
        let ranges = super::databases::shard_ranges(&store);
        for build in store.indexes.builds() {
            for range in &ranges {
                let number = tasks.len() + 1;
                let share = |count: u64| count / shards;
                let progress = (build.done * 100).checked_div(build.total).unwrap_or(100);
                tasks.push(object([
                    ("node", super::node::NAME.into()),
                    ("pid", format!("<0.{number}.0>").into()),
                    ("process_status", "waiting".into()),
                    ("changes_done", share(build.done).into()),
                    ("database", format!("shards/{range}/{}.{}", store.name, store.created).into()),
                    ("design_document", build.design.clone().into()),
                    ("indexer_pid", format!("<0.{number}.1>").into()),
                    ("progress", progress.into()),
                    ("started_on", build.started.into()),
                    ("total_changes", share(build.total).into()),
                    ("type", "indexer".into()),
                    ("updated_on", build.updated.into()),
                ]));
            }
        }
    }
    Ok(Response::json(200, &tasks.into()))
}
