//! One replication, from the checkpoint of the last one on (`couch_replicator_scheduler_job`).

use md5::{Digest, Md5};

use super::super::super::failure::Failure;
use super::super::super::request::quote;
use super::super::super::state::{Call, hexadecimal, random_hex};
use super::super::object;
use super::peer::Peer;
use crate::json::{self, Map, Value};

/// Changes that are taken over at a time.
const BATCH: usize = 500;

/// How many sessions a checkpoint remembers.
const HISTORY: usize = 50;

/// A replication that is asked for.
#[derive(Debug)]
pub(super) struct Replication {
    pub(super) source: Peer,
    pub(super) target: Peer,
    id: String,
    create_target: bool,
    /// What is asked of the source's changes, besides where they start.
    query: String,
    body: Option<Value>,
}

/// What was done.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    pub(super) checked: u64,
    pub(super) found: u64,
    pub(super) read: u64,
    pub(super) written: u64,
    pub(super) failures: u64,
    pub(super) gets: u64,
    pub(super) last: Value,
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

/// Now, as the history of checkpoints has it.
fn now() -> Value {
    httpdate::fmt_http_date(std::time::SystemTime::now()).into()
}

impl Replication {
    /// Reads a request or a document; an error is CouchDB's reason.
    pub(super) fn new(call: &Call, given: &Map<String, Value>) -> Result<Self, &'static str> {
        let peer = |name: &str| given.get(name).and_then(|given| Peer::new(call, given));
        let missing = "Missing replicator database";
        let (source, target) = (peer("source").ok_or(missing)?, peer("target").ok_or(missing)?);
        let mut query = format!("style=all_docs&limit={BATCH}");
        let mut body = None;
        if let Some(ids) = given.get("doc_ids").filter(|ids| ids.is_array()) {
            query.push_str("&filter=_doc_ids");
            body = Some(object([("doc_ids", ids.clone())]));
        } else if let Some(selector) = given.get("selector").filter(|selector| selector.is_object())
        {
            query.push_str("&filter=_selector");
            body = Some(object([("selector", selector.clone())]));
        } else if let Some(filter) = given.get("filter").and_then(Value::as_str) {
            query.extend(["&filter=", &quote(filter)]);
            for (name, value) in
                given.get("query_params").and_then(Value::as_object).into_iter().flatten()
            {
                let text = value.as_str().map_or_else(|| json::to_string(value), str::to_owned);
                query.extend(["&", &quote(name), "=", &quote(&text)]);
            }
        }
        let mut hash = Md5::new();
        let filter = body.as_ref().map(json::to_string).unwrap_or_default();
        for part in [&call.server.uuid, &source.shown(), &target.shown(), &query, &filter] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        let id = hexadecimal(&hash.finalize());
        let create_target = given.get("create_target") == Some(&Value::Bool(true));
        Ok(Self { source, target, id, create_target, query, body })
    }

    /// What tells it from other replications.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    fn by_ids(&self) -> bool {
        self.query.contains("&filter=_doc_ids")
    }

    /// Runs it once. Answers as `_replicate` does.
    pub(super) async fn run(&self) -> Result<Value, Failure> {
        self.open().await?;
        let checkpoint = self.checkpoint().await;
        let since = checkpoint.as_ref().map_or_else(|| Value::from(0), |(since, _)| since.clone());
        let start = now();
        let session = random_hex();
        let mut progress = Progress { last: since.clone(), ..Progress::default() };
        while self.step(&mut progress, "").await? {}
        if self.by_ids() {
            return Ok(object([
                ("ok", true.into()),
                ("start_time", start),
                ("end_time", now()),
                ("docs_read", progress.read.into()),
                ("docs_written", progress.written.into()),
                ("doc_write_failures", progress.failures.into()),
            ]));
        }
        let mut result = Map::new();
        result.insert("ok".into(), true.into());
        if let Some((_, known)) = checkpoint.filter(|(since, _)| *since == progress.last) {
            result.insert("no_changes".into(), true.into());
            result.extend(known);
            return Ok(Value::Object(result));
        }
        let entry = object([
            ("session_id", session.clone().into()),
            ("start_time", start),
            ("end_time", now()),
            ("start_last_seq", since),
            ("end_last_seq", progress.last.clone()),
            ("recorded_seq", progress.last.clone()),
            ("missing_checked", progress.checked.into()),
            ("missing_found", progress.found.into()),
            ("docs_read", progress.read.into()),
            ("docs_written", progress.written.into()),
            ("doc_write_failures", progress.failures.into()),
            ("bulk_get_docs", progress.read.into()),
            ("bulk_get_attempts", progress.gets.into()),
        ]);
        let record = self.record(&session, &progress.last, entry).await?;
        result.extend(record);
        Ok(Value::Object(result))
    }

    /// Runs it until it is stopped, telling of every batch.
    pub(super) async fn keep_running(&self, tell: impl Fn(&Progress)) -> Result<(), Failure> {
        self.open().await?;
        let checkpoint = self.checkpoint().await;
        let last = checkpoint.map_or_else(|| Value::from(0), |(since, _)| since);
        let mut progress = Progress { last, ..Progress::default() };
        loop {
            while self.step(&mut progress, "").await? {}
            tell(&progress);
            self.step(&mut progress, "&feed=longpoll&timeout=30000").await?;
            tell(&progress);
        }
    }

    /// Makes sure that both databases are there.
    async fn open(&self) -> Result<(), Failure> {
        let absent = |peer: &Peer| {
            Failure::new(500, "db_not_found", format!("could not open {}", peer.shown()))
        };
        let (status, _) = self.source.ask("GET", "", None).await?;
        if status != 200 {
            return Err(absent(&self.source));
        }
        let (status, _) = self.target.ask("GET", "", None).await?;
        if status == 404 && self.create_target {
            let (status, _) = self.target.ask("PUT", "", None).await?;
            if status < 300 {
                return Ok(());
            }
        }
        if status == 200 { Ok(()) } else { Err(absent(&self.target)) }
    }

    fn checkpoint_path(&self) -> String {
        format!("_local/{}", self.id)
    }

    /// Where an earlier replication ended, if both sides agree, and what it recorded.
    async fn checkpoint(&self) -> Option<(Value, Map<String, Value>)> {
        if self.by_ids() {
            return None;
        }
        let path = self.checkpoint_path();
        let (_, source) = self.source.ask("GET", &path, None).await.ok()?;
        let (_, target) = self.target.ask("GET", &path, None).await.ok()?;
        let Value::Object(mut record) = source else { return None };
        let since = record.get("source_last_seq")?.clone();
        if record.get("session_id")? != target.get("session_id")? {
            return None;
        }
        record.retain(|name, _| !name.starts_with('_'));
        Some((since, record))
    }

    /// Records where this replication ended, on both sides.
    async fn record(
        &self,
        session: &str,
        last: &Value,
        entry: Value,
    ) -> Result<Map<String, Value>, Failure> {
        let path = self.checkpoint_path();
        let mut record = Map::new();
        record.insert("session_id".into(), session.into());
        record.insert("source_last_seq".into(), last.clone());
        record.insert("replication_id_version".into(), 4.into());
        for peer in [&self.source, &self.target] {
            let (_, known) = peer.ask("GET", &path, None).await?;
            let mut history = vec![entry.clone()];
            history.extend(known["history"].as_array().into_iter().flatten().cloned());
            history.truncate(HISTORY);
            let mut document = record.clone();
            document.insert("history".into(), history.into());
            if let Some(revision) = known.get("_rev") {
                document.insert("_rev".into(), revision.clone());
            }
            let (status, _) = peer.ask("PUT", &path, Some(&Value::Object(document))).await?;
            if status >= 300 {
                let reason = format!("the checkpoint cannot be saved on {}", peer.shown());
                return Err(Failure::new(500, "checkpoint_commit_failure", reason));
            }
        }
        record.insert("history".into(), Value::Array(vec![entry]));
        Ok(record)
    }

    /// Takes over the next changes; `false` when there were none.
    async fn step(&self, progress: &mut Progress, feed: &str) -> Result<bool, Failure> {
        let since = match &progress.last {
            Value::String(text) => quote(text),
            other => json::to_string(other),
        };
        let path = format!("_changes?since={since}&{}{feed}", self.query);
        let method = if self.body.is_some() { "POST" } else { "GET" };
        let (status, changes) = self.source.ask(method, &path, self.body.as_ref()).await?;
        if status != 200 {
            let reason = format!("the changes of {} cannot be read", self.source.shown());
            return Err(Failure::new(500, "changes_reader_error", reason));
        }
        progress.last = changes["last_seq"].clone();
        let mut leaves = Map::new();
        for row in changes["results"].as_array().into_iter().flatten() {
            let revisions = row["changes"].as_array().into_iter().flatten();
            let revisions: Vec<Value> = revisions.map(|change| change["rev"].clone()).collect();
            progress.checked += revisions.len() as u64;
            if let Some(id) = row["id"].as_str() {
                leaves.insert(id.to_owned(), revisions.into());
            }
        }
        if leaves.is_empty() {
            return Ok(false);
        }
        let (_, missing) = self.target.ask("POST", "_revs_diff", Some(&leaves.into())).await?;
        let wanted: Vec<Value> = missing
            .as_object()
            .into_iter()
            .flatten()
            .flat_map(|(id, difference)| {
                let revisions = difference["missing"].as_array().cloned().unwrap_or_default();
                let wanted = |revision| object([("id", id.clone().into()), ("rev", revision)]);
                revisions.into_iter().map(wanted).collect::<Vec<_>>()
            })
            .collect();
        progress.found += wanted.len() as u64;
        if !wanted.is_empty() {
            self.take_over(wanted, progress).await?;
        }
        Ok(number(&changes["pending"]) > 0)
    }

    /// Reads revisions and writes them.
    async fn take_over(&self, wanted: Vec<Value>, progress: &mut Progress) -> Result<(), Failure> {
        let path = "_bulk_get?revs=true&latest=true&attachments=true";
        let body = object([("docs", wanted.into())]);
        let (_, got) = self.source.ask("POST", path, Some(&body)).await?;
        progress.gets += 1;
        let results = got["results"].as_array().into_iter().flatten();
        let documents: Vec<Value> = results
            .flat_map(|result| result["docs"].as_array().into_iter().flatten())
            .filter_map(|document| document.get("ok").cloned())
            .collect();
        let count = documents.len() as u64;
        progress.read += count;
        let body = object([("new_edits", false.into()), ("docs", documents.into())]);
        let (status, refused) = self.target.ask("POST", "_bulk_docs", Some(&body)).await?;
        let refused = match status {
            200..300 => refused.as_array().map_or(0, Vec::len) as u64,
            _ => count,
        };
        progress.failures += refused;
        progress.written += count - refused.min(count);
        Ok(())
    }
}
