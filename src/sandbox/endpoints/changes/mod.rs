//! `_changes` in all its feeds (`chttpd_db:handle_changes_req`, `fabric_view_changes`).

mod filter;
mod parameters;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc;

use self::filter::Filter;
use self::parameters::{Feed, Parameters};
use super::super::failure::Failure;
use super::super::response::Response;
use super::super::state::Call;
use super::super::store::Store;
use super::databases::store;
use crate::document::{Change, ReadOptions};
use crate::json;

/// Changes that are filtered and sent at a time.
const BATCH: usize = 200;

/// The limit of a request that names none.
const DEFAULT_LIMIT: u64 = 1_000_000_000_000_000;

/// Pieces of a feed that wait for a slow reader; further ones are not made before it reads.
const WAITING: usize = 8;

/// What one look at the changes gave.
#[derive(Debug, Default)]
struct Batch {
    /// The rows, as JSON.
    rows: Vec<String>,
    /// The sequence of the last change that was looked at.
    last: u64,
    /// How many changes were not looked at.
    pending: u64,
    /// Whether the limit is reached.
    full: bool,
}

/// A request for changes.
#[derive(Debug)]
struct Asked {
    call: Call,
    store: Arc<Store>,
    parameters: Parameters,
    filter: Filter,
}

/// `/db/_changes`.
pub(in super::super) async fn changes(call: Call) -> Result<Response, Failure> {
    let store = store(&call)?;
    match call.request.method.as_str() {
        "GET" => {}
        "POST" => call.request.expect_json()?,
        _ => return Err(Failure::method("GET,POST,HEAD")),
    }
    let parameters = Parameters::new(&call, &store)?;
    let filter = Filter::new(&call, &store)?;
    let feed = parameters.feed()?;
    let asked = Arc::new(Asked { call, store, parameters, filter });
    match feed {
        Feed::Normal => normal(asked).await,
        Feed::Longpoll => {
            let first = asked.look(asked.parameters.since, 0).await?;
            Ok(longpoll(asked, first))
        }
        Feed::Continuous | Feed::EventSource => {
            let first = asked.look(asked.parameters.since, 0).await?;
            Ok(continuous(asked, feed, first))
        }
    }
}

impl Asked {
    /// Looks at the changes after `since`. `sent`: how many rows there were before.
    async fn look(self: &Arc<Self>, since: u64, sent: u64) -> Result<Batch, Failure> {
        let asked = Arc::clone(self);
        let call = self.call.clone();
        call.reading(move |_| asked.look_now(since, sent)).await
    }

    fn look_now(&self, since: u64, sent: u64) -> Result<Batch, Failure> {
        let changes = self.store.read().database.changes(since);
        let newest = changes.last().map_or(since, |change| change.sequence);
        let total = changes.len() as u64;
        let mut ordered: Vec<Change> = changes;
        if self.parameters.descending {
            ordered.reverse();
        }
        let limit = self.parameters.limit.map_or(u64::MAX, |limit| limit.saturating_sub(sent));
        let mut found = Batch { last: since, pending: total, ..Batch::default() };
        if limit == 0 {
            found.full = true;
            return Ok(found);
        }
        let mut looked_at = 0;
        for batch in ordered.chunks(BATCH) {
            let passes = self.filter.passes(&self.store, batch, looked_at == 0 && sent == 0)?;
            for (change, passes) in batch.iter().zip(passes) {
                looked_at += 1;
                found.last = change.sequence;
                if passes {
                    let number = sent + found.rows.len() as u64;
                    found.rows.push(self.row(change, number));
                }
                if found.rows.len() as u64 >= limit {
                    found.full = true;
                    found.pending = self.filter.pending(total, looked_at, found.rows.len() as u64);
                    return Ok(found);
                }
            }
        }
        found.pending = self.filter.pending(total, looked_at, found.rows.len() as u64);
        if !self.parameters.descending {
            found.last = newest;
        }
        Ok(found)
    }

    /// One change as JSON.
    fn row(&self, change: &Change, number: u64) -> String {
        let parameters = &self.parameters;
        let mut out = String::from("{\"seq\":");
        // Counted down from the limit (`fabric_view_changes`).
        let left = parameters.limit.unwrap_or(DEFAULT_LIMIT).saturating_sub(number);
        if left.is_multiple_of(parameters.sequence_interval) {
            json::write_string(&self.store.sequence_text(change.sequence), &mut out);
        } else {
            out.push_str("null");
        }
        out.push_str(",\"id\":");
        json::write_string(&change.id, &mut out);
        out.push_str(",\"changes\":[");
        let shown = if parameters.all_leaves { change.leaves.len() } else { 1 };
        for (position, leaf) in change.leaves.iter().take(shown).enumerate() {
            out.push_str(if position > 0 { ",{\"rev\":" } else { "{\"rev\":" });
            json::write_string(&leaf.revision.to_string(), &mut out);
            out.push('}');
        }
        out.push(']');
        let winner = change.leaves.first();
        if winner.is_some_and(|winner| winner.deleted) {
            out.push_str(",\"deleted\":true");
        }
        if parameters.include_docs {
            let options = ReadOptions {
                conflicts: parameters.conflicts,
                attachments: parameters.attachments,
                att_encoding_info: parameters.att_encoding_info,
                ..ReadOptions::default()
            };
            let revision = winner.filter(|winner| winner.deleted).map(|winner| &winner.revision);
            let text = self.store.read().database.read(&change.id, revision, options);
            out.push_str(",\"doc\":");
            out.push_str(text.as_deref().unwrap_or("null"));
        }
        out.push('}');
        out
    }

    /// The end of a normal or longpoll feed.
    fn end(&self, last: u64, pending: u64) -> String {
        let last = self.store.sequence_text(last);
        format!("\n],\n\"last_seq\":\"{last}\",\"pending\":{pending}}}\n\n")
    }

    /// Waits for a change after the sequence `seen`; `false` when time is up or the database gone.
    /// Meanwhile, `beat` keeps the connection alive; it tells whether somebody still listens.
    async fn wait(&self, seen: u64, until: Option<Instant>, pieces: &mpsc::Sender<Bytes>) -> bool {
        let mut updates = self.store.subscribe();
        loop {
            if self.store.is_closed() || pieces.is_closed() {
                return false;
            }
            if self.store.sequence() > seen {
                return true;
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return false;
            }
            let beat = self.parameters.heartbeat;
            let pause = beat.into_iter().chain(left).min().unwrap_or(Duration::from_mins(1));
            tokio::select! {
                _ = updates.changed() => {}
                () = pieces.closed() => return false,
                () = tokio::time::sleep(pause) => {
                    if beat == Some(pause) && pieces.send(self.parameters.beat()).await.is_err() {
                        return false;
                    }
                }
            }
        }
    }

    /// When the feed ends, if nothing happens.
    fn until(&self) -> Option<Instant> {
        let parameters = &self.parameters;
        parameters.heartbeat.is_none().then(|| Instant::now() + parameters.timeout)
    }
}

fn etag_of(asked: &Asked) -> String {
    format!("\"{}\"", asked.store.sequence_text(asked.store.sequence()))
}

async fn normal(asked: Arc<Asked>) -> Result<Response, Failure> {
    let etag = etag_of(&asked);
    let rows = asked.look(asked.parameters.since, 0).await?;
    let mut body = String::from("{\"results\":[\n");
    body.push_str(&rows.rows.join(",\r\n"));
    body.push_str(&asked.end(rows.last, rows.pending));
    Ok(Response::json_body(200, body).with("ETag", etag))
}

/// The first changes are known before the answer starts: a filter that fails can still be told.
fn longpoll(asked: Arc<Asked>, first: Batch) -> Response {
    let (pieces, receiver) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        let _ = pieces.send("{\"results\":[\n".into()).await;
        let until = asked.until();
        let mut rows = first;
        if rows.rows.is_empty() && !rows.full {
            // Whoever waits is told at once that the answer has begun.
            let _ = pieces.send("\n".into()).await;
        }
        loop {
            let is_done =
                !rows.rows.is_empty() || rows.full || !asked.wait(rows.last, until, &pieces).await;
            if is_done {
                let mut body = rows.rows.join(",\r\n");
                body.push_str(&asked.end(rows.last, rows.pending));
                let _ = pieces.send(body.into()).await;
                return;
            }
            match asked.look(rows.last, 0).await {
                Ok(next) => rows = next,
                Err(_) => return,
            }
        }
    });
    Response::feed("application/json", receiver).with("Cache-Control", "must-revalidate")
}

fn continuous(asked: Arc<Asked>, kind: Feed, first: Batch) -> Response {
    let (pieces, receiver) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        let mut rows = first;
        let (mut sent, mut begun) = (0, false);
        loop {
            let until = asked.until();
            sent += rows.rows.len() as u64;
            let text: String = rows.rows.iter().map(|row| line(row, kind)).collect();
            let begins = sent == 0 && text.is_empty() && kind == Feed::Continuous && !begun;
            let text = if begins { String::from("\n") } else { text };
            begun = true;
            if !text.is_empty() && pieces.send(text.into()).await.is_err() {
                return;
            }
            if rows.full || !asked.wait(rows.last, until, &pieces).await {
                let end = if kind == Feed::Continuous {
                    let last = asked.store.sequence_text(rows.last);
                    format!("{{\"last_seq\":\"{last}\",\"pending\":{}}}\n\n", rows.pending)
                } else {
                    String::from("\n")
                };
                let _ = pieces.send(end.into()).await;
                return;
            }
            match asked.look(rows.last, sent).await {
                Ok(next) => rows = next,
                Err(_) => return,
            }
        }
    });
    match kind {
        Feed::EventSource => {
            Response::feed("text/event-stream", receiver).with("Cache-Control", "no-cache")
        }
        _ => Response::feed("application/json", receiver).with("Cache-Control", "must-revalidate"),
    }
}

/// A row as a feed without an end sends it.
fn line(row: &str, kind: Feed) -> String {
    if kind != Feed::EventSource {
        return format!("{row}\n");
    }
    let sequence = row.strip_prefix("{\"seq\":").and_then(|rest| rest.split(",\"id\"").next());
    format!("data: {row}\nid: {}\n\n", sequence.unwrap_or("null"))
}
