//! Indexes as a server keeps them: by signature, built when asked, lost when nobody is known to use
//! them (`couch_index_server`, `couch_index`).
//!
//! An index is open while design documents are known to use it, which the server learns when they are
//! queried. When the last of them changes to another signature, whoever waits is told so, and what
//! was not yet committed is gone. What is committed stays, like a file, until it is cleaned up.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::failure::Failure;
use super::state::{Server, unix_time};
use super::store::{Design, Store};
use crate::engine::Engine;
use crate::group::{BuildFailure, GroupDefinition, MappedDocuments, ViewGroup};
use crate::json::Value;

/// Documents that are mapped before progress is told.
const CHUNK: usize = 500;

/// Views as they were built.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) group: ViewGroup,
    /// The update sequence up to which they were built.
    pub(super) sequence: u64,
}

/// A build under way.
#[derive(Debug, Clone)]
pub(super) struct Build {
    /// The design document it was started for.
    pub(super) design: String,
    pub(super) done: u64,
    pub(super) total: u64,
    pub(super) started: u64,
    pub(super) updated: u64,
}

#[derive(Debug, Default)]
struct State {
    current: Option<Arc<Built>>,
    committed: Option<Arc<Built>>,
    /// When `current` first differed from `committed`.
    uncommitted: Option<Instant>,
    users: BTreeSet<String>,
    build: Option<Build>,
    /// How many builds were started, and the last one that failed.
    builds: u64,
    failed: Option<(u64, BuildFailure)>,
    waiting: u64,
    closed: bool,
}

/// An open index.
#[derive(Debug)]
pub(super) struct Index {
    signature: String,
    definition: GroupDefinition,
    commit_delay: Duration,
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Files {
    open: HashMap<String, Arc<Index>>,
    closed: HashMap<String, Arc<Built>>,
}

/// The indexes of a database.
#[derive(Debug)]
pub(super) struct Indexes {
    /// How long a fresh index stays uncommitted.
    commit_delay: Duration,
    files: Mutex<Files>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    /// Commits what is old enough.
    fn commit(&mut self, delay: Duration) {
        if self.uncommitted.is_some_and(|since| since.elapsed() >= delay) {
            self.committed.clone_from(&self.current);
            self.uncommitted = None;
        }
    }
}

impl Indexes {
    pub(super) fn new(commit_delay: Duration) -> Self {
        Self { commit_delay, files: Mutex::default() }
    }

    /// The index of a design document, which is known to use it from now on.
    pub(super) fn open(&self, design: &Design) -> Arc<Index> {
        let mut files = lock(&self.files);
        let closed = files.closed.remove(&design.signature);
        let index = files.open.entry(design.signature.clone()).or_insert_with(|| {
            let state = State { current: closed.clone(), committed: closed, ..State::default() };
            Arc::new(Index {
                signature: design.signature.clone(),
                definition: design.group.clone(),
                commit_delay: self.commit_delay,
                state: Mutex::new(state),
                changed: watch::Sender::new(()),
            })
        });
        lock(&index.state).users.insert(design.id.clone());
        Arc::clone(index)
    }

    /// Closes the indexes that a design document used, unless another one does.
    pub(super) fn design_changed(&self, id: &str, signature: Option<&str>) {
        let mut files = lock(&self.files);
        let Files { open, closed } = &mut *files;
        open.retain(|known, index| {
            if Some(known.as_str()) == signature {
                return true;
            }
            let mut state = lock(&index.state);
            if !state.users.remove(id) || !state.users.is_empty() {
                return true;
            }
            state.closed = true;
            state.commit(self.commit_delay);
            if let Some(built) = state.committed.take() {
                closed.insert(known.clone(), built);
            }
            drop(state);
            index.changed.send_replace(());
            false
        });
    }

    /// Drops the indexes with other signatures.
    pub(super) fn clean_up(&self, signatures: &HashSet<String>) {
        let mut files = lock(&self.files);
        files.closed.retain(|signature, _| signatures.contains(signature));
        files.open.retain(|signature, index| {
            let stays = signatures.contains(signature);
            if !stays {
                index.close();
            }
            stays
        });
    }

    /// Ends everything.
    pub(super) fn close(&self) {
        self.clean_up(&HashSet::new());
    }

    /// The builds under way.
    pub(super) fn builds(&self) -> Vec<Build> {
        lock(&self.files)
            .open
            .values()
            .filter_map(|index| lock(&index.state).build.clone())
            .collect()
    }
}

/// Languages that indexes are built for in the background (`couch_proc_manager:allowed_languages`).
const AUTOBUILT: [&str; 3] = ["javascript", "javascript_quickjs", "query"];

/// Starts the builds of a database that `ken` would start on a server.
pub(super) fn autobuild(server: &Arc<Server>, store: &Arc<Store>) {
    for design in store.designs() {
        let wanted = match design.document.body.get("autoupdate") {
            Some(Value::Bool(wanted)) => *wanted,
            Some(kinds) => kinds.get("views") != Some(&Value::Bool(false)),
            None => true,
        };
        if wanted && AUTOBUILT.contains(&design.document.language()) {
            store.indexes.open(&design).start(server, store, &design.id);
        }
    }
}

/// What `_info` tells of an index.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) signature: String,
    pub(super) language: String,
    pub(super) sequence: u64,
    pub(super) updating: bool,
    pub(super) waiting: u64,
    pub(super) waiting_commit: bool,
    pub(super) rows_size: usize,
}

impl Index {
    fn close(&self) {
        lock(&self.state).closed = true;
        self.changed.send_replace(());
    }

    /// What is built now, up to date or not.
    pub(super) fn current(&self) -> Option<Arc<Built>> {
        lock(&self.state).current.clone()
    }

    pub(super) fn report(&self) -> Report {
        let mut state = lock(&self.state);
        state.commit(self.commit_delay);
        let rows_size = state.current.as_ref().map_or(0, |built| {
            let maps = 0..built.group.definition().maps.len();
            let rows = maps.flat_map(|map| built.group.index_of(map).shards().iter().flatten());
            rows.map(|row| row.id.len() + row.key.len() + row.value.len()).sum()
        });
        let done = state.build.as_ref().map_or(0, |build| build.done);
        let sequence = state.current.as_ref().map_or(0, |built| built.sequence);
        Report {
            signature: self.signature.clone(),
            language: self.definition.language.clone(),
            sequence: sequence + done,
            updating: state.build.is_some(),
            // A build that nobody waits for was asked for all the same.
            waiting: state.waiting.max(u64::from(state.build.is_some())),
            waiting_commit: state.uncommitted.is_some(),
            rows_size,
        }
    }

    /// Starts a build unless one is under way or there is nothing to do.
    pub(super) fn start(self: &Arc<Self>, server: &Arc<Server>, store: &Arc<Store>, design: &str) {
        let sequence = store.sequence();
        let mut state = lock(&self.state);
        let built = state.current.as_ref().map_or(0, |built| built.sequence);
        if state.closed || state.build.is_some() || (built >= sequence && state.current.is_some()) {
            return;
        }
        state.builds += 1;
        let now = unix_time();
        state.build = Some(Build {
            design: design.to_owned(),
            done: 0,
            total: sequence - built.min(sequence),
            started: now,
            updated: now,
        });
        drop(state);
        let (index, server, store) = (Arc::clone(self), Arc::clone(server), Arc::clone(store));
        let design = design.to_owned();
        let work = move || {
            let succeeded = index.build(&server, &store);
            // What changed meanwhile is not left to the next query.
            if succeeded && server.options.autobuild {
                index.start(&server, &store, &design);
            }
        };
        let started = std::thread::Builder::new().name("couchctl-index".into()).spawn(work);
        if started.is_err() {
            lock(&self.state).build = None;
            self.changed.send_replace(());
        }
    }

    /// Waits until the index has taken in everything up to the update sequence `wanted`.
    pub(super) async fn wait(
        self: &Arc<Self>,
        server: &Arc<Server>,
        store: &Arc<Store>,
        design: &str,
        wanted: u64,
    ) -> Result<Arc<Built>, Failure> {
        let mut changes = self.changed.subscribe();
        let waiting = Waiting::new(self);
        let seen = lock(&self.state).failed.as_ref().map_or(0, |(build, _)| *build);
        loop {
            {
                let state = lock(&self.state);
                if let Some(built) = &state.current
                    && built.sequence >= wanted
                {
                    return Ok(Arc::clone(built));
                }
                if state.closed {
                    let reason = "Design document was updated or deleted.";
                    return Err(Failure::not_found(reason));
                }
                if let Some((build, failure)) = &state.failed
                    && *build > seen
                {
                    return Err(failure.to_query_error().into());
                }
            }
            self.start(server, store, design);
            if changes.changed().await.is_err() {
                drop(waiting);
                return Err(Failure::internal("the index is gone"));
            }
        }
    }

    /// Brings the index up to date; tells whether that went well.
    fn build(&self, server: &Server, store: &Store) -> bool {
        let outcome = server.engines.with(|engine| self.update(engine, server, store));
        let mut state = lock(&self.state);
        let number = state.builds;
        state.build = None;
        let succeeded = matches!(outcome, Ok(Some(_)));
        match outcome {
            Ok(Some(built)) => {
                state.commit(self.commit_delay);
                state.current = Some(Arc::new(built));
                state.uncommitted.get_or_insert_with(Instant::now);
                state.failed = None;
            }
            Ok(None) => {}
            Err(failure) => state.failed = Some((number, failure)),
        }
        drop(state);
        self.changed.send_replace(());
        succeeded
    }

    /// Takes in what changed. `None`: the index was closed meanwhile.
    fn update(
        &self,
        engine: &mut Engine,
        server: &Server,
        store: &Store,
    ) -> Result<Option<Built>, BuildFailure> {
        let current = self.current();
        let since = current.as_ref().map_or(0, |built| built.sequence);
        let (documents, removed, sequence, mut group) = {
            let contents = store.read();
            let database = &contents.database;
            let (documents, removed) = database.changes_for(&self.definition, since);
            let group = current.map_or_else(
                || {
                    let (shards, partitioned) = (database.shards(), database.is_partitioned());
                    ViewGroup::empty(self.definition.clone(), shards, partitioned)
                },
                |built| built.group.clone(),
            );
            (documents, removed, database.update_sequence(), group)
        };
        group.log.clear();
        group.thrown.clear();
        let total = documents.len().max(1) as u64;
        let changes = sequence - since;
        let mut done = 0;
        let mut mapped = MappedDocuments::default();
        let mut documents = documents.into_iter().peekable();
        while documents.peek().is_some() {
            let chunk: Vec<_> = documents.by_ref().take(Self::chunk(server)).collect();
            done += chunk.len() as u64;
            if !self.delay(server, chunk.len()) {
                return Ok(None);
            }
            mapped.append(group.map(engine, chunk)?);
            if let Some(build) = &mut lock(&self.state).build {
                build.total = changes;
                build.done = changes * done / total;
                build.updated = unix_time();
            }
        }
        if self.is_closed() {
            return Ok(None);
        }
        group.write(engine, mapped, removed)?;
        Ok(Some(Built { group, sequence }))
    }

    fn is_closed(&self) -> bool {
        lock(&self.state).closed
    }

    /// How many documents are mapped at a time: few where each takes long.
    fn chunk(server: &Server) -> usize {
        let delay = server.options.index_delay;
        if delay.is_zero() {
            return CHUNK;
        }
        let in_time = Duration::from_millis(50).as_nanos() / delay.as_nanos().max(1);
        usize::try_from(in_time).unwrap_or(CHUNK).clamp(1, CHUNK)
    }

    /// Waits as long as mapping so many documents is to take; `false` when the index was closed.
    fn delay(&self, server: &Server, documents: usize) -> bool {
        let each = server.options.index_delay;
        let until = Instant::now() + each * u32::try_from(documents).unwrap_or(u32::MAX);
        loop {
            if self.is_closed() {
                return false;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(Duration::from_millis(20)));
        }
    }
}

/// Somebody who waits for an index, as long as this lives.
struct Waiting(Arc<Index>);

impl Waiting {
    fn new(index: &Arc<Index>) -> Self {
        lock(&index.state).waiting += 1;
        Self(Arc::clone(index))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        lock(&self.0.state).waiting -= 1;
    }
}
