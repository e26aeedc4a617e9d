//! A database that is deployed to, and how its views are asked.

use std::time::{Duration, Instant};

use super::error::DeployError;
use super::event::{Event, Observer};
use crate::design::view_groups;
use crate::document::Database;
use crate::json::{Map, Value};
use crate::server::{IndexInfo, RemoteDatabase, ServerError};

/// A database with fewer documents has small indexes.
const SMALL: u64 = 1_000;

/// By then what was built is written even if changes go on arriving: `commit_freq` is 5 s, and a commit can
/// be put off once.
const COMMITTED: Duration = Duration::from_secs(11);

/// How often is looked whether an index is written.
const LOOK: Duration = Duration::from_millis(200);

/// Names that are tried to find a partition in every shard: many more than a database has shards.
const NAMES: usize = 100_000;

/// A database that is deployed to, with somebody who is told what happens there.
pub(super) struct Site<'a> {
    pub(super) database: &'a RemoteDatabase,
    pub(super) observer: &'a dyn Observer,
    /// Copies of each shard.
    pub(super) copies: u64,
    documents: u64,
    /// In a partitioned database one partition of each shard.
    partitions: Vec<String>,
}

impl<'a> Site<'a> {
    /// Asks how the database is spread.
    pub(super) async fn new(
        database: &'a RemoteDatabase,
        observer: &'a dyn Observer,
    ) -> Result<Self, ServerError> {
        let info = database.info().await?;
        let shards = usize::try_from(info.cluster.q).unwrap_or(1).max(1);
        let partitions = if info.props.partitioned { one_of_each(shards) } else { Vec::new() };
        let copies = info.cluster.n.max(1);
        Ok(Self { database, observer, copies, documents: info.doc_count, partitions })
    }

    pub(super) fn name(&self) -> &str {
        self.database.name()
    }

    /// Whether the database had no document, and so has nothing to build an index of.
    pub(super) fn is_empty(&self) -> bool {
        self.documents == 0
    }

    /// Tells what happened.
    pub(super) fn event(&self, event: Event) {
        self.observer.event(self.database.name(), event);
    }

    /// A failure at a design document.
    pub(super) fn failed(&self, id: &str, error: ServerError) -> DeployError {
        DeployError::of(self.name(), id, error)
    }

    /// Somebody else changed a design document.
    pub(super) fn changed(&self, id: &str) -> DeployError {
        DeployError::Changed {
            database: self.name().to_owned(),
            what: format!("somebody else changed `{id}` meanwhile"),
        }
    }

    /// How long to wait for an answer.
    pub(super) fn patience(&self) -> Duration {
        self.database.server().options().patience
    }

    /// Asks a view on all shards, for nothing. `global` is what [`is_global`] says of its design document.
    pub(super) async fn touch(
        &self,
        id: &str,
        view: &str,
        global: bool,
        update: bool,
    ) -> Result<(), ServerError> {
        let patience = self.patience();
        if global || self.partitions.is_empty() {
            return self.database.touch_view(id, view, None, update, patience).await;
        }
        let touched = self
            .partitions
            .iter()
            .map(|partition| self.database.touch_view(id, view, Some(partition), update, patience));
        futures_util::future::try_join_all(touched).await.map(|_| ())
    }

    /// Makes every copy of an index know that this design document uses it, so that it outlives the others:
    /// saving the document does not (`couch_index_server.erl`, `get_index`), opening its index does. What
    /// the index is like is answered; nothing where there are no views.
    pub(super) async fn register(
        &self,
        id: &str,
        body: &Map<String, Value>,
    ) -> Result<Option<IndexInfo>, DeployError> {
        let groups = view_groups(body);
        let Some(group) = groups.first() else { return Ok(None) };
        let failed = |error| self.failed(id, error);
        let info = self.database.index_info(id).await.map_err(failed)?;
        self.touch(id, group.name(), is_global(body), false).await.map_err(failed)?;
        Ok(Some(info))
    }

    /// Waits until the indexes of live design documents are on disk.
    ///
    /// The server writes the state of an index some seconds after it was built (`couch_index.erl`, `commit`), and
    /// forgets what it has not written when it closes the index, which it does when the last design document
    /// known to use it goes. Asking makes a design document known, but an event that comes late can undo that
    /// (`couch_index_server.erl`, `handle_db_event`): only what is written is safe. A small index is built
    /// again faster than it is waited for.
    pub(super) async fn settle(&self, ids: &[&str]) -> Result<(), DeployError> {
        if self.documents < SMALL {
            return Ok(());
        }
        let started = Instant::now();
        for id in ids {
            loop {
                match self.database.index_info(id).await {
                    Ok(info) if info.waiting_commit && started.elapsed() < COMMITTED => {}
                    Ok(_) => break,
                    Err(error) => match self.failed(id, error) {
                        // Somebody else has changed it since, and takes care of it.
                        DeployError::Changed { .. } => break,
                        error => return Err(error),
                    },
                }
                tokio::time::sleep(LOOK).await;
            }
        }
        Ok(())
    }
}

/// Whether the views of a design document are over the whole database in any case. In a partitioned
/// database they are over partitions unless it says otherwise (`couch_mrview_index.erl`).
pub(super) fn is_global(body: &Map<String, Value>) -> bool {
    let option = body.get("options").and_then(|options| options.get("partitioned"));
    option == Some(&Value::Bool(false))
}

/// The name of a partition in each of so many shards.
fn one_of_each(shards: usize) -> Vec<String> {
    let database = Database::new(shards, true);
    let mut names: Vec<Option<String>> = vec![None; shards];
    let mut missing = shards;
    for number in 0..NAMES {
        let name = format!("couchctl{number}");
        let place = &mut names[database.shard_of_partition(&name)];
        if place.is_none() {
            *place = Some(name);
            missing -= 1;
            if missing == 0 {
                break;
            }
        }
    }
    names.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shard_has_its_partition() {
        for shards in [1, 2, 3, 8, 64] {
            let database = Database::new(shards, true);
            let names = one_of_each(shards);
            let found: Vec<usize> =
                names.iter().map(|name| database.shard_of_partition(name)).collect();
            assert_eq!(found, (0..shards).collect::<Vec<_>>());
        }
    }
}
