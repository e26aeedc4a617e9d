//! Building indexes, and waiting until they are as new as their database.
//!
//! A query builds the index of its whole design document on all shards (`fabric_view.erl`), and goes on waiting
//! until it is done; `_info` and `_active_tasks` tell how far it is. A request that is cut on the way harms
//! nothing: the server goes on building, and the request is repeated as long as there is progress.

use std::time::{Duration, Instant};

use futures_util::stream::{self, TryStreamExt as _};

use super::error::DeployError;
use super::event::{Building, Event, Observer};
use super::plan::{SearchKind, ServerDesign, search_indexes};
use super::progress::Tasks;
use super::site::{Site, is_global};
use crate::design::view_groups;
use crate::json::{Map, Value};
use crate::server::{IndexInfo, Meaning, RemoteDatabase, ServerError};

/// How long between two looks at the progress, at first and later on.
const LOOKS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// How often a request may fail in a row while nothing is built.
const FAILURES: u32 = 3;

/// How long copies of an index may stay behind without anything being built before they are left alone.
const IDLE: Duration = Duration::from_secs(30);

/// Indexes to be built through one design document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WarmTarget {
    /// The design document to query, `_design/` included.
    pub id: String,
    /// The design documents that it is for.
    pub designs: Vec<String>,
    /// A view of it; `None` when it has none.
    pub view: Option<String>,
    /// Whether its views are over the whole database even if that is a partitioned one.
    pub global: bool,
    /// Its search indexes.
    pub search: Vec<(SearchKind, String)>,
}

impl WarmTarget {
    /// All indexes of a design document with this body.
    #[must_use]
    pub fn of(id: &str, body: &Map<String, Value>) -> Self {
        let search = search_indexes(body);
        let search = search.iter().map(|index| (index.kind, index.name.to_owned())).collect();
        Self { search, ..Self::of_views(id, body) }
    }

    /// The index of the views of a design document with this body.
    #[must_use]
    pub fn of_views(id: &str, body: &Map<String, Value>) -> Self {
        Self {
            id: id.to_owned(),
            designs: vec![id.to_owned()],
            view: view_groups(body).first().map(|group| group.name().to_owned()),
            global: is_global(body),
            search: Vec::new(),
        }
    }

    /// One target for each index: design documents with equal signatures share theirs. Design documents
    /// without indexes have none.
    #[must_use]
    pub fn each_once<'a>(designs: impl IntoIterator<Item = &'a ServerDesign>) -> Vec<Self> {
        let mut targets: Vec<Self> = Vec::new();
        let mut signatures: Vec<(String, usize)> = Vec::new();
        for design in designs {
            let mut target = Self::of(&design.id, &design.body);
            if target.view.is_some() {
                let signature = design.signature();
                match signatures.iter().find(|(known, _)| *known == signature) {
                    Some((_, place)) => {
                        targets[*place].designs.push(design.id.clone());
                        target.view = None;
                    }
                    None => signatures.push((signature, targets.len())),
                }
            }
            if target.view.is_some() || !target.search.is_empty() {
                targets.push(target);
            }
        }
        targets
    }
}

/// Builds the indexes of all targets, at most `jobs` at a time.
///
/// # Errors
/// When an index cannot be built, or its design document changes meanwhile. Builds that have begun go on.
pub async fn warm(
    database: &RemoteDatabase,
    targets: &[WarmTarget],
    jobs: usize,
    observer: &dyn Observer,
) -> Result<(), DeployError> {
    warm_site(&Site::new(database, observer).await?, targets, jobs).await
}

pub(super) async fn warm_site(
    site: &Site<'_>,
    targets: &[WarmTarget],
    jobs: usize,
) -> Result<(), DeployError> {
    let warmer = Warmer { site, tasks: Tasks::new(site.database) };
    stream::iter(targets.iter().map(Ok))
        .try_for_each_concurrent(jobs.max(1), |target| warmer.target(target))
        .await
}

struct Warmer<'a> {
    site: &'a Site<'a>,
    tasks: Tasks,
}

/// What is known of a build.
struct Build {
    building: Building,
    pending: Option<u64>,
    started: Instant,
}

impl Warmer<'_> {
    async fn target(&self, target: &WarmTarget) -> Result<(), DeployError> {
        if let Some(view) = &target.view {
            self.views(target, view).await?;
        }
        for (kind, name) in &target.search {
            self.search(target, *kind, name).await?;
        }
        Ok(())
    }

    fn build(target: &WarmTarget, designs: Vec<String>) -> Build {
        let building = Building { id: target.id.clone(), designs, done: 0, total: 0 };
        Build { building, pending: None, started: Instant::now() }
    }

    async fn views(&self, target: &WarmTarget, view: &str) -> Result<(), DeployError> {
        let mut build = Self::build(target, target.designs.clone());
        let info = self.site.database.index_info(&target.id).await;
        let info = info.map_err(|error| self.failed(&build, error))?;
        self.look(&mut build, &info).await;
        if info.updates_pending.total > 0 {
            self.until_answered(&mut build, || {
                self.site.touch(&target.id, view, target.global, true)
            })
            .await?;
            self.until_all_copies(&mut build, target, view).await?;
        }
        self.built(build);
        Ok(())
    }

    async fn search(
        &self,
        target: &WarmTarget,
        kind: SearchKind,
        name: &str,
    ) -> Result<(), DeployError> {
        let mut build = Self::build(target, vec![format!("{kind} index {name}")]);
        let outcome = self
            .until_answered(&mut build, || {
                self.site.database.touch_search(
                    &target.id,
                    kind.endpoint(),
                    name,
                    self.site.patience(),
                )
            })
            .await;
        let without = |error: &ServerError| {
            error.means(Meaning::NoSearch)
                // A server without Nouveau does not know the endpoint.
                || kind == SearchKind::Nouveau && error.means(Meaning::NoDocument)
        };
        match outcome {
            Err(DeployError::Server(error) | DeployError::Build { error, .. })
                if without(&error) =>
            {
                let message = format!("the server has no {kind}: `{name}` is not built");
                self.site.event(Event::Notice(message));
                Ok(())
            }
            Ok(()) => {
                self.built(build);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn built(&self, mut build: Build) {
        build.building.done = build.building.total;
        let elapsed = build.started.elapsed();
        self.site.event(Event::Built { building: build.building, elapsed });
    }

    /// Repeats a request until it is answered, as long as there is progress in between.
    async fn until_answered<F: Future<Output = Result<(), ServerError>>>(
        &self,
        build: &mut Build,
        request: impl Fn() -> F,
    ) -> Result<(), DeployError> {
        let (mut failures, mut before) = (0, build.pending);
        loop {
            let error = match self.while_looking(build, request()).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if !error.is_transient() && !error.means(Meaning::FunctionDied) {
                return Err(self.failed(build, error));
            }
            failures = if build.pending < before { 1 } else { failures + 1 };
            before = build.pending;
            if failures >= FAILURES {
                return Err(self.failed(build, error));
            }
            tokio::time::sleep(LOOKS.1).await;
        }
    }

    /// Waits for a request and looks at the progress meanwhile.
    async fn while_looking(
        &self,
        build: &mut Build,
        request: impl Future<Output = Result<(), ServerError>>,
    ) -> Result<(), ServerError> {
        let mut request = std::pin::pin!(request);
        let mut pause = LOOKS.0;
        loop {
            match tokio::time::timeout(pause, &mut request).await {
                Ok(outcome) => return outcome,
                Err(_) => pause = (pause * 2).min(LOOKS.1),
            }
            // Of a design document with search indexes only, `_info` tells nothing.
            if build.building.total > 0
                && let Ok(info) = self.site.database.index_info(&build.building.id).await
            {
                self.look(build, &info).await;
            }
        }
    }

    /// A query is answered by one copy of each shard; the others are waited for.
    async fn until_all_copies(
        &self,
        build: &mut Build,
        target: &WarmTarget,
        view: &str,
    ) -> Result<(), DeployError> {
        let mut progress = Instant::now();
        let mut least = u64::MAX;
        loop {
            let info = self.site.database.index_info(&build.building.id).await;
            let info = info.map_err(|error| self.failed(build, error))?;
            let pending = info.updates_pending;
            // What the best copy lacks was written meanwhile, and lacks on every copy.
            if pending.total <= pending.minimum.saturating_mul(self.site.copies) {
                return Ok(());
            }
            self.look(build, &info).await;
            if pending.total < least || info.updater_running {
                (progress, least) = (Instant::now(), pending.total.min(least));
            } else if progress.elapsed() > IDLE {
                let message = format!("copies of the index of `{}` stay behind", build.building.id);
                self.site.event(Event::Notice(message));
                return Ok(());
            }
            tokio::time::sleep(LOOKS.1).await;
            // Starts builds that were not started.
            let touched = self.site.touch(&target.id, view, target.global, true).await;
            if let Err(error) = touched
                && !error.is_transient()
            {
                return Err(self.failed(build, error));
            }
        }
    }

    /// Notes and tells how far a build is.
    async fn look(&self, build: &mut Build, info: &IndexInfo) {
        let counted =
            info.updates_pending.minimum.max(info.updates_pending.total / self.site.copies);
        let pending = self.tasks.pending(&build.building.id, counted).await.unwrap_or(counted);
        build.pending = Some(pending);
        build.building.total = build.building.total.max(pending);
        build.building.done = build.building.total - pending;
        if pending > 0 {
            self.site.event(Event::Building(build.building.clone()));
        }
    }

    fn failed(&self, build: &Build, error: ServerError) -> DeployError {
        let database = self.site.name();
        let designs: Vec<String> =
            build.building.designs.iter().map(|design| format!("`{design}`")).collect();
        match error.meaning() {
            Some(
                Meaning::FunctionFailed
                | Meaning::FunctionDied
                | Meaning::NoLanguage
                | Meaning::Internal
                | Meaning::NoSearch
                | Meaning::Compilation,
            ) => DeployError::Build {
                database: database.to_owned(),
                designs: designs.join(", "),
                error,
            },
            _ => DeployError::of(database, &build.building.id, error),
        }
    }
}
