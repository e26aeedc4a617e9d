//! Writing documents so that a lost answer does no harm.

use super::database::RemoteDatabase;
use super::error::{Failure, Refusal, ServerError};
use super::meaning::Meaning;
use super::model::Saved;
use super::request::Request;
use crate::design::Revision;
use crate::design::revision::{predict_deletion, predict_save};
use crate::json::{Map, Value};

/// How often a write is sent at most. Before each time after the first, the document was read and
/// found as it was before.
const ATTEMPTS: u32 = 3;

impl RemoteDatabase {
    /// `PUT /db/id`: saves a document on top of `parent`, or as a new one, and tells its revision.
    ///
    /// When the answer gets lost, the document is read: its revision tells whether the write was
    /// done, since revisions can be computed beforehand.
    ///
    /// # Errors
    /// When the server refuses; [`Meaning::Conflict`] when someone else changed the document.
    pub async fn save(
        &self,
        id: &str,
        parent: Option<&Revision>,
        body: &Map<String, Value>,
    ) -> Result<Revision, ServerError> {
        let mut request =
            Request::put(self.path(&[]).document(id)).body(&Value::Object(body.clone()));
        if let Some(parent) = parent {
            request = request.query("rev", parent.to_string());
        }
        self.write(id, parent, &request, |found| is_outcome(found, parent, body)).await
    }

    /// `DELETE /db/id`: deletes a revision of a document, and tells that of its tombstone. A
    /// document that is gone already is as good.
    ///
    /// # Errors
    /// When the server refuses; [`Meaning::Conflict`] when someone else changed the document.
    pub async fn remove(&self, id: &str, revision: &Revision) -> Result<Revision, ServerError> {
        let request =
            Request::delete(self.path(&[]).document(id)).query("rev", revision.to_string());
        let tombstone = predict_deletion(revision);
        match self.write(id, Some(revision), &request, |found| found.is_none()).await {
            Err(error)
                if matches!(error.meaning(), Some(Meaning::NoDocument | Meaning::Deleted)) =>
            {
                Ok(tombstone)
            }
            outcome => outcome,
        }
    }

    /// Deletes a conflicting revision of a document, beside which the winner stays.
    ///
    /// # Errors
    /// When the server refuses; [`Meaning::Conflict`] when it is no leaf any more.
    pub async fn remove_conflict(
        &self,
        id: &str,
        revision: &Revision,
    ) -> Result<Revision, ServerError> {
        let request =
            Request::delete(self.path(&[]).document(id)).query("rev", revision.to_string());
        let text = revision.to_string();
        let is_done = |found: Option<&Value>| {
            found.is_none_or(|found| {
                let conflicts = found.get("_conflicts").and_then(Value::as_array);
                found.get("_rev").and_then(Value::as_str) != Some(&text)
                    && !conflicts
                        .is_some_and(|conflicts| conflicts.iter().any(|other| *other == *text))
            })
        };
        self.write(id, Some(revision), &request, is_done).await.map(|_| predict_deletion(revision))
    }

    /// Sends a write; when its outcome is open, reads the document before anything is sent again.
    async fn write(
        &self,
        id: &str,
        parent: Option<&Revision>,
        request: &Request,
        is_done: impl Fn(Option<&Value>) -> bool,
    ) -> Result<Revision, ServerError> {
        let mut attempt = 1;
        let mut open = false;
        loop {
            let error = match self.server.model::<Saved>(request).await {
                Ok(saved) => match saved.rev.parse() {
                    Ok(revision) => return Ok(revision),
                    // `batch=ok` and local documents answer revisions of their own kind.
                    Err(_) => return Ok(Revision { generation: 0, hash: saved.rev }),
                },
                // A conflict with our own earlier attempt looks the same as one with others.
                Err(error) if error.leaves_open() || (open && error.means(Meaning::Conflict)) => {
                    error
                }
                Err(error) => return Err(error),
            };
            open = true;
            // If even that fails, the first failure says more than the one of looking after it.
            let Ok(found) = self.document(id).await else { return Err(error) };
            let revision: Option<Revision> =
                found.as_ref().and_then(|found| found.get("_rev")?.as_str()?.parse().ok());
            if is_done(found.as_ref()) {
                return Ok(match (revision, parent) {
                    (Some(revision), _) => revision,
                    (None, Some(deleted)) => predict_deletion(deleted),
                    (None, None) => return Err(error),
                });
            }
            if revision.as_ref() != parent {
                let conflict = Refusal {
                    status: 409,
                    error: "conflict".into(),
                    reason: "Document update conflict.".into(),
                };
                return Err(self.server.error(request, Failure::Refused(conflict)));
            }
            if attempt == ATTEMPTS {
                return Err(error);
            }
            self.server.pause(attempt, None).await;
            attempt += 1;
        }
    }
}

/// Whether a document is what saving `body` on top of `parent` leaves.
fn is_outcome(found: Option<&Value>, parent: Option<&Revision>, body: &Map<String, Value>) -> bool {
    let Some(found) = found.and_then(Value::as_object) else { return false };
    let revision = found.get("_rev").and_then(Value::as_str);
    if let Some(predicted) = predict_save(parent, body) {
        return revision == Some(predicted.to_string().as_str());
    }
    // Attachments that the server compresses leave the revision open: the contents decide.
    let revision = revision.and_then(|revision| revision.parse::<Revision>().ok());
    let next = parent.map_or(0, |parent| parent.generation) + 1;
    revision.is_some_and(|revision| revision.generation == next)
        && content(found) == content(body)
        && names(found) == names(body)
}

/// The members of a document that are its own.
fn content(document: &Map<String, Value>) -> Vec<(&String, &Value)> {
    document.iter().filter(|(name, _)| !name.starts_with('_')).collect()
}

/// The names of its attachments, sorted.
fn names(document: &Map<String, Value>) -> Vec<&String> {
    let attachments = document.get("_attachments").and_then(Value::as_object);
    let mut names: Vec<&String> = attachments.into_iter().flat_map(Map::keys).collect();
    names.sort();
    names
}
