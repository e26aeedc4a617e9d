//! Replication: `_replicate`, the documents of `_replicator`, and `_scheduler`
//! (`couch_replicator_httpd`, `couch_replicator_docs`).

mod documents;
mod peer;
mod run;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::task::AbortHandle;

use self::documents::Job;
pub(super) use self::documents::{check_document, saved};
use self::run::Replication;
use super::super::failure::Failure;
use super::super::response::Response;
use super::super::state::Call;
use super::object;
use crate::json::Value;

/// Replications that go on by themselves.
#[derive(Debug, Default)]
pub(in super::super) struct Replications {
    /// Continuous ones of `_replicate`, by their id.
    continuous: Mutex<HashMap<String, AbortHandle>>,
    /// Those of documents, by the document's id.
    jobs: Mutex<BTreeMap<String, Job>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `POST /_replicate`.
pub(in super::super) async fn replicate(call: Call) -> Result<Response, Failure> {
    if call.request.method != "POST" {
        return Err(Failure::method("POST"));
    }
    call.request.expect_json()?;
    let body = call.request.json_object()?;
    let replication =
        Replication::new(&call, &body).map_err(|reason| Failure::new(500, "error", reason))?;
    let id = replication.id().to_owned();
    let answer = |status| {
        Response::json(status, &object([("ok", true.into()), ("_local_id", id.clone().into())]))
    };
    if body.get("cancel") == Some(&Value::Bool(true)) {
        let running = lock(&call.server.replications.continuous).remove(&id);
        let running = running.ok_or_else(|| Failure::not_found("missing"))?;
        running.abort();
        return Ok(answer(200));
    }
    if body.get("continuous") == Some(&Value::Bool(true)) {
        let running = tokio::spawn(async move { replication.keep_running(|_| {}).await });
        let earlier =
            lock(&call.server.replications.continuous).insert(id.clone(), running.abort_handle());
        if let Some(earlier) = earlier {
            earlier.abort();
        }
        return Ok(answer(202));
    }
    Ok(Response::json(200, &replication.run().await?))
}

/// Everything below `/_scheduler`.
pub(in super::super) fn scheduler(call: &Call) -> Result<Response, Failure> {
    if call.request.method != "GET" {
        return Err(Failure::method("GET,HEAD"));
    }
    let path: Vec<&str> = call.request.path.iter().map(String::as_str).collect();
    let jobs = lock(&call.server.replications.jobs);
    let listed = |name: &str, items: Vec<Value>| {
        let members =
            [("total_rows", items.len().into()), ("offset", 0.into()), (name, items.into())];
        Response::json(200, &object(members))
    };
    match path.as_slice() {
        [_, "docs"] | [_, "docs", "_replicator"] => {
            Ok(listed("docs", jobs.iter().map(|(id, job)| job.to_value(id)).collect()))
        }
        [_, "docs", "_replicator", id] => {
            let job = jobs.get(*id).ok_or_else(|| Failure::not_found("missing"))?;
            Ok(Response::json(200, &job.to_value(id)))
        }
        [_, "jobs"] => {
            let running = jobs.iter().filter(|(_, job)| job.is_running());
            Ok(listed("jobs", running.map(|(id, job)| job.to_value(id)).collect()))
        }
        [_, "docs", ..] => Err(Failure::bad_request("Invalid path")),
        _ => Err(Failure::not_found("missing")),
    }
}
