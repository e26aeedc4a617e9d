//! Replications that documents of `_replicator` ask for.

use std::sync::Arc;

use tokio::task::AbortHandle;

use super::super::super::failure::Failure;
use super::super::super::state::{Call, unix_time};
use super::super::super::store::Store;
use super::super::object;
use super::lock;
use super::run::{Progress, Replication};
use crate::document::ReadOptions;
use crate::json::{self, Map, Value};

/// A replication of a document.
#[derive(Debug)]
pub(super) struct Job {
    source: String,
    target: String,
    state: &'static str,
    info: Value,
    started: u64,
    updated: u64,
    running: Option<AbortHandle>,
}

impl Job {
    pub(super) fn is_running(&self) -> bool {
        self.state == "running"
    }

    /// As `_scheduler` shows it.
    pub(super) fn to_value(&self, id: &str) -> Value {
        object([
            ("database", "_replicator".into()),
            ("doc_id", id.into()),
            ("id", Value::Null),
            ("source", self.source.clone().into()),
            ("target", self.target.clone().into()),
            ("state", self.state.into()),
            ("error_count", 0.into()),
            ("info", self.info.clone()),
            ("start_time", timestamp(self.started).into()),
            ("last_updated", timestamp(self.updated).into()),
        ])
    }
}

/// Seconds since 1970 as `2025-01-31T12:00:00Z`.
fn timestamp(seconds: u64) -> String {
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    // Howard Hinnant's days-to-civil, for days after 1970.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_shifted + 2) / 5 + 1;
    let month = if month_shifted < 10 { month_shifted + 3 } else { month_shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Refuses documents that ask for what cannot be.
pub(in super::super) fn check_document(document: &mut Map<String, Value>) -> Result<(), Failure> {
    let id = document.get("_id").and_then(Value::as_str).unwrap_or_default();
    if id.starts_with('_') || document.get("_deleted") == Some(&Value::Bool(true)) {
        return Ok(());
    }
    for name in ["source", "target"] {
        let given = document.get(name);
        let url = given.and_then(|given| given.as_str().or_else(|| given.get("url")?.as_str()));
        let Some(url) = url else {
            return Err(Failure::forbidden("Missing replicator database"));
        };
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(Failure::forbidden("local_endpoints_not_supported"));
        }
    }
    Ok(())
}

/// Takes note of a document of `_replicator`: starts what it asks for, or stops it.
pub(in super::super) fn saved(call: &Call, store: &Arc<Store>, id: &str) {
    if store.name != "_replicator" || id.starts_with('_') {
        return;
    }
    let earlier = lock(&call.server.replications.jobs).remove(id);
    if let Some(running) = earlier.and_then(|job| job.running) {
        running.abort();
    }
    let text = store.read().database.read(id, None, ReadOptions::default());
    let Some(Value::Object(document)) = text.ok().and_then(|text| json::parse_str(&text).ok())
    else {
        return;
    };
    let Ok(replication) = Replication::new(call, &document) else { return };
    let now = unix_time();
    let mut job = Job {
        source: replication.source.shown(),
        target: replication.target.shown(),
        state: "running",
        info: Value::Null,
        started: now,
        updated: now,
        running: None,
    };
    let is_continuous = document.get("continuous") == Some(&Value::Bool(true));
    let (id, store, server) = (id.to_owned(), Arc::clone(store), Arc::clone(&call.server));
    let mut jobs = lock(&call.server.replications.jobs);
    let name = id.clone();
    let running = tokio::runtime::Handle::current().spawn(async move {
        let note = |state: &'static str, info: Value| {
            if let Some(job) = lock(&server.replications.jobs).get_mut(&id) {
                (job.state, job.info, job.updated) = (state, info, unix_time());
            }
        };
        if is_continuous {
            let told = replication.keep_running(|progress| note("running", statistics(progress)));
            if let Err(failure) = told.await {
                note("failed", object([("error", failure.reason)]));
            }
            return;
        }
        let (state, info) = match replication.run().await {
            Ok(result) => ("completed", statistics(&progress_of(&result))),
            Err(failure) => ("failed", object([("error", failure.reason)])),
        };
        write_back(&store, &id, state, &info, now);
        note(state, info);
    });
    job.running = Some(running.abort_handle());
    jobs.insert(name, job);
}

/// What a replication that ran once has done.
fn progress_of(result: &Value) -> Progress {
    let entry = &result["history"][0];
    let number = |name: &str| entry[name].as_u64().unwrap_or(0);
    let own = |name: &str| result[name].as_u64().unwrap_or_else(|| number(name));
    Progress {
        checked: number("missing_checked"),
        found: number("missing_found"),
        read: own("docs_read"),
        written: own("docs_written"),
        failures: own("doc_write_failures"),
        gets: number("bulk_get_attempts"),
        last: result["source_last_seq"].clone(),
    }
}

fn statistics(progress: &Progress) -> Value {
    object([
        ("revisions_checked", progress.checked.into()),
        ("missing_revisions_found", progress.found.into()),
        ("docs_read", progress.read.into()),
        ("docs_written", progress.written.into()),
        ("changes_pending", Value::Null),
        ("doc_write_failures", progress.failures.into()),
        ("bulk_get_docs", progress.read.into()),
        ("bulk_get_attempts", progress.gets.into()),
        ("checkpointed_source_seq", progress.last.clone()),
    ])
}

/// Writes the outcome into the document (`couch_replicator_docs:update_doc_completed`).
fn write_back(store: &Store, id: &str, state: &str, info: &Value, started: u64) {
    let mut contents = store.write();
    let text = contents.database.read(id, None, ReadOptions::default());
    let Some(Value::Object(mut document)) = text.ok().and_then(|text| json::parse_str(&text).ok())
    else {
        return;
    };
    document.insert("_replication_state".into(), state.into());
    document.insert("_replication_state_time".into(), timestamp(unix_time()).into());
    if let Value::Object(mut info) = info.clone() {
        let member = if state == "completed" {
            info.insert("start_time".into(), timestamp(started).into());
            "_replication_stats"
        } else {
            "_replication_state_reason"
        };
        document.insert(member.into(), Value::Object(info));
    }
    // Who changed it meanwhile has the last word.
    let written = contents.database.put(&document);
    drop(contents);
    if written.is_ok() {
        store.changed(id);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn timestamps() {
        assert_eq!(super::timestamp(0), "1970-01-01T00:00:00Z");
        assert_eq!(super::timestamp(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(super::timestamp(1_767_225_599), "2025-12-31T23:59:59Z");
    }
}
