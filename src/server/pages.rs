//! The documents of a database, a page at a time.

use rand::Rng;
use serde::{Deserialize, Serialize};

use super::database::RemoteDatabase;
use super::error::{Failure, ServerError};
use super::request::Request;
use crate::json::Value;

/// How many ids are asked for at a time.
const IDS: usize = 10_000;

/// How far the documents of a database were read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    /// By their ids: behind this one, or at the beginning.
    Id(Option<String>),
    /// By their changes: after this sequence.
    Sequence(Value),
}

/// Some documents, and where the next ones start.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The documents; deleted ones are left out.
    pub documents: Vec<Value>,
    /// Behind the last of them.
    pub next: Position,
    /// Whether there are no more.
    pub is_last: bool,
}

impl RemoteDatabase {
    /// At most `limit` documents from a position on, design documents included.
    ///
    /// # Errors
    /// When the server cannot be asked, or there is no such database.
    pub async fn page(&self, from: &Position, limit: usize) -> Result<Page, ServerError> {
        match from {
            Position::Id(after) => {
                let (rows, is_last) = self.rows(after.as_deref(), limit, true).await?;
                let last = rows.last().and_then(|row| row["id"].as_str()).map(str::to_owned);
                let documents = rows.into_iter().filter_map(document).collect();
                let next = Position::Id(last.or_else(|| after.clone()));
                Ok(Page { documents, next, is_last })
            }
            Position::Sequence(since) => {
                let request = Request::get(self.path(&["_changes"]))
                    .query("include_docs", "true")
                    .query("since", sequence(since))
                    .query("limit", limit.to_string());
                let mut answer = self.server.json(&request).await?;
                let Value::Array(rows) = answer["results"].take() else {
                    return Err(self.unreadable(&request, "it has no `results`"));
                };
                let is_last = rows.len() < limit;
                let documents = rows.into_iter().filter_map(document).collect();
                Ok(Page { documents, next: Position::Sequence(answer["last_seq"].take()), is_last })
            }
        }
    }

    /// At most `limit` ids behind the given one, design documents left out, and whether they are the last.
    ///
    /// # Errors
    /// As [`RemoteDatabase::page`].
    pub async fn ids_after(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<String>, bool), ServerError> {
        let (rows, is_last) = self.rows(after, limit, false).await?;
        let ids = rows.iter().filter_map(|row| row["id"].as_str().map(str::to_owned));
        Ok((ids.collect(), is_last))
    }

    /// So many ids of documents, chosen at random, all as likely, and sorted: every id is looked at, but no
    /// document. Design documents are left out.
    ///
    /// # Errors
    /// As [`RemoteDatabase::page`].
    pub async fn sample(&self, count: usize) -> Result<Vec<String>, ServerError> {
        let mut chosen: Vec<String> = Vec::new();
        let (mut seen, mut after) = (0_usize, None::<String>);
        loop {
            let (ids, is_last) = self.ids_after(after.as_deref(), IDS).await?;
            after = ids.last().cloned().or(after);
            let mut random = rand::rng();
            for id in ids.into_iter().filter(|id| !id.starts_with("_design/")) {
                seen += 1;
                if chosen.len() < count {
                    chosen.push(id);
                } else if let Some(other) = chosen.get_mut(random.random_range(0..seen)) {
                    *other = id;
                }
            }
            if is_last {
                chosen.sort();
                return Ok(chosen);
            }
        }
    }

    /// The documents of these ids that are there.
    ///
    /// # Errors
    /// As [`RemoteDatabase::page`].
    pub async fn documents_of(&self, ids: &[String]) -> Result<Vec<Value>, ServerError> {
        let mut body = crate::json::Map::new();
        body.insert("keys".to_owned(), ids.to_vec().into());
        let request = Request::post(self.path(&["_all_docs"]))
            .safe()
            .query("include_docs", "true")
            .body(&Value::Object(body));
        let mut answer = self.server.json(&request).await?;
        match answer["rows"].take() {
            Value::Array(rows) => Ok(rows.into_iter().filter_map(document).collect()),
            _ => Err(self.unreadable(&request, "it has no `rows`")),
        }
    }

    async fn rows(
        &self,
        after: Option<&str>,
        limit: usize,
        include_docs: bool,
    ) -> Result<(Vec<Value>, bool), ServerError> {
        let mut request =
            Request::get(self.path(&["_all_docs"])).query("include_docs", include_docs.to_string());
        // The last one of the page before comes again: `skip` by one is cheap, and it may be gone.
        let wanted = match after {
            Some(id) => {
                request = request.query("startkey", Value::from(id).to_string());
                limit + 1
            }
            None => limit,
        };
        let request = request.query("limit", wanted.to_string());
        let mut answer = self.server.json(&request).await?;
        let Value::Array(mut rows) = answer["rows"].take() else {
            return Err(self.unreadable(&request, "it has no `rows`"));
        };
        let is_last = rows.len() < wanted;
        if after.is_some() && rows.first().and_then(|row| row["id"].as_str()) == after {
            rows.remove(0);
        }
        rows.truncate(limit);
        Ok((rows, is_last))
    }

    fn unreadable(&self, request: &Request, why: &str) -> ServerError {
        self.server.error(request, Failure::Unreadable(why.to_owned()))
    }
}

/// A row's document, if it has one.
fn document(mut row: Value) -> Option<Value> {
    let document = row.get_mut("doc")?.take();
    document.is_object().then_some(document)
}

/// A sequence as it stands in a URL: text as it is, and numbers of old servers too.
fn sequence(sequence: &Value) -> String {
    match sequence {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
