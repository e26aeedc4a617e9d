//! The push of one database.
//!
//! 1. The database and its `_security` are written where they differ.
//! 2. A staging design document is put for each index that has to be built, and warmed.
//! 3. The indexes that go are held open for those who still read from them.
//! 4. The real design documents are put with the revisions that the plan saw.
//! 5. Their views are asked, so that the indexes know them and are known to be warm.
//! 6. All design documents are read again: whoever changed something meanwhile is found.
//! 7. The files of unused indexes are removed, then the staging design documents.
//!
//! The order of 7 is for those who are killed: as long as staging design documents are there, the next push
//! knows that there is something to finish.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use rand::Rng as _;

use super::cleanup::remove_files;
use super::error::DeployError;
use super::event::{Event, Observer};
use super::keep::{keep, previous_id, whole};
use super::plan::{
    DatabasePlan, DesignPlan, IndexEffect, Options, Owner, STAGING_PREFIX, SearchKind,
    SecurityChange, ServerDesign, Staging, Status, Target,
};
use super::record::{Revisions, record};
use super::site::{Site, is_global};
use super::stage::{Own, hold, remove, stage};
use super::survey::survey;
use super::swap::{delete, put, verify};
use super::warm::{WarmTarget, warm_site};
use crate::design::{Revision, view_groups};
use crate::json::{Map, Value};
use crate::server::RemoteDatabase;

/// How often a push makes a new plan because somebody else changed something.
const ROUNDS: u32 = 8;

/// By then the server has mostly heard of its own deletions.
const LATE: Duration = Duration::from_millis(200);

/// How indexes are replaced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Strategy {
    /// All new indexes are built beside the old ones, then all design documents are put.
    #[default]
    Staged,
    /// The same for one index after the other: the disk holds one more index at a time.
    Serial,
    /// Design documents are put at once, and their indexes built afterwards: queries wait until then,
    /// and the disk never holds two.
    InPlace,
}

/// How to push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PushOptions {
    /// What the plan is asked for.
    pub plan: Options,
    /// How indexes are replaced.
    pub strategy: Strategy,
    /// Whether the versions that are replaced are kept for a rollback.
    pub keep_previous: bool,
    /// Indexes built at a time.
    pub jobs: usize,
    /// How long readers of a replaced index have until it is closed.
    pub readers: Duration,
    /// Whether to make a new plan when somebody else changed something; otherwise that is an error.
    pub replan: bool,
}

/// Pushes one database. `plan` is what [`survey`] made with the same target and options; when it is out of
/// date, a new one is made.
///
/// # Errors
/// When the project and the server do not go together, an index cannot be built, or the server cannot be
/// asked. Live views go on answering then, and the next push goes on from there.
pub async fn push(
    database: &RemoteDatabase,
    target: Target<'_>,
    mut plan: DatabasePlan,
    options: PushOptions,
    observer: &dyn Observer,
) -> Result<(), DeployError> {
    let mut round = 1;
    loop {
        if let Some(problem) = plan.problems.first() {
            let database = plan.name.clone();
            return Err(DeployError::Problem { database, problem: problem.clone() });
        }
        if plan.is_empty() {
            return Ok(());
        }
        let push = Push { database, plan: &plan, options, observer, saved: Mutex::default() };
        match push.run().await {
            Err(DeployError::Changed { what, .. }) if options.replan && round < ROUNDS => {
                observer.event(database.name(), Event::Replanned { reason: what });
                // Two that push at once would go on disturbing each other in step.
                let pause = rand::rng().random_range(0..200 * round);
                tokio::time::sleep(Duration::from_millis(u64::from(pause))).await;
                round += 1;
            }
            outcome => return outcome,
        }
        plan = survey(database, target, options.plan).await?.plan;
    }
}

struct Push<'a> {
    database: &'a RemoteDatabase,
    plan: &'a DatabasePlan,
    options: PushOptions,
    observer: &'a dyn Observer,
    saved: Mutex<BTreeMap<String, Revision>>,
}

/// What is swapped together.
struct Batch<'a> {
    staging: Vec<&'a Staging>,
    designs: Vec<&'a DesignPlan>,
}

impl Batch<'_> {
    /// The live design documents that get another index.
    fn moved(&self) -> Vec<&str> {
        let moved = self.designs.iter().filter(|design| {
            design.index.after.is_some() && design.index.after != design.index.before
        });
        moved.map(|design| design.id.as_str()).collect()
    }
}

impl Push<'_> {
    async fn run(&self) -> Result<(), DeployError> {
        self.prepare().await?;
        let site = &Site::new(self.database, self.observer).await?;
        let mut own = Vec::new();
        let batches = self.batches();
        let last = batches.len().saturating_sub(1);
        for (number, batch) in batches.iter().enumerate() {
            own.extend(self.batch(site, batch).await?);
            site.settle(&batch.moved()).await?;
            if number < last {
                self.finish(site, &mut own, &[], None).await?;
            }
        }
        self.drop_kept(site).await?;
        let live = self.check(site).await?;
        let leftovers = self.leftovers(site, &own).await?;
        self.finish(site, &mut own, &leftovers, self.freed()).await?;
        self.touch(site, &batches).await;
        self.record(&live).await;
        Ok(())
    }

    /// Brings the live indexes up to date once more: a small one may have been closed with the design
    /// document that it was built through, and that can still happen a moment later.
    async fn touch(&self, site: &Site<'_>, batches: &[Batch<'_>]) {
        let mut moved: Vec<(&str, &Map<String, Value>)> = Vec::new();
        for batch in batches {
            let ids = batch.moved();
            let designs = batch.designs.iter().filter(|design| ids.contains(&design.id.as_str()));
            moved.extend(
                designs.filter_map(|design| Some((design.id.as_str(), design.body.as_ref()?))),
            );
        }
        if moved.is_empty() || site.is_empty() {
            return;
        }
        for last in [false, true] {
            stream::iter(&moved)
                .for_each_concurrent(self.options.jobs, |(id, body)| async move {
                    if let Some(group) = view_groups(body).first() {
                        // Somebody else may have changed it since, or it takes its time: nothing is lost.
                        let _ = site.touch(id, group.name(), is_global(body), true).await;
                    }
                })
                .await;
            if !last {
                tokio::time::sleep(LATE).await;
            }
        }
    }

    /// Creates the database and writes its `_security`.
    async fn prepare(&self) -> Result<(), DeployError> {
        let name = self.database.name();
        if self.plan.create {
            self.database.create(self.plan.partitioned).await?;
            self.observer.event(name, Event::Created);
        }
        if let SecurityChange::Change { after, .. } = &self.plan.security {
            self.database.set_security(after).await?;
            self.observer.event(name, Event::Secured);
        }
        Ok(())
    }

    /// All at once, or one for each index that is built and one for the rest.
    fn batches(&self) -> Vec<Batch<'_>> {
        let acts = |design: &&DesignPlan| design.status.is_action();
        let designs: Vec<&DesignPlan> = self.plan.designs.iter().filter(acts).collect();
        let staging = &self.plan.staging;
        match self.options.strategy {
            Strategy::Staged => vec![Batch { staging: staging.iter().collect(), designs }],
            Strategy::InPlace => vec![Batch { staging: Vec::new(), designs }],
            Strategy::Serial => {
                let (built, rest): (Vec<&DesignPlan>, Vec<&DesignPlan>) = designs
                    .into_iter()
                    .partition(|design| staging.iter().any(|one| one.designs.contains(&design.id)));
                let batch = |design: &'_ DesignPlan| {
                    staging.iter().filter(|one| one.designs.contains(&design.id)).collect()
                };
                let single = |design| Batch { staging: batch(design), designs: vec![design] };
                let rest = Batch { staging: Vec::new(), designs: rest };
                built.into_iter().map(single).chain([rest]).collect()
            }
        }
    }

    /// Stages, warms and swaps; what is left of it to be removed.
    async fn batch(&self, site: &Site<'_>, batch: &Batch<'_>) -> Result<Vec<Own>, DeployError> {
        let in_place = self.options.strategy == Strategy::InPlace;
        let mut own = stage(site, &batch.staging).await?;
        let held = if self.options.keep_previous || in_place {
            Vec::new()
        } else {
            hold(site, batch.designs.iter().copied()).await?
        };
        warm_site(site, &self.warm_targets(batch), self.options.jobs).await?;
        if self.options.keep_previous {
            for design in &batch.designs {
                if let Some(seen) = &design.seen {
                    let body = whole(site, &design.id, &seen.rev).await?;
                    keep(site, &design.id, &seen.rev, &body).await?;
                }
            }
        }
        // Once more, right before the swap: see `Site::settle` for events that come late.
        for held in &held {
            site.register(&held.own.id, &held.body).await?;
        }
        for design in &batch.designs {
            match (&design.body, &design.seen) {
                (Some(body), _) => {
                    let revision = put(site, design, body).await?;
                    self.saved().insert(design.id.clone(), revision);
                }
                (None, Some(seen)) => delete(site, &design.id, seen).await?,
                (None, None) => {}
            }
        }
        let puts: Vec<(&DesignPlan, &Map<String, Value>)> = batch
            .designs
            .iter()
            .filter_map(|design| Some((*design, design.body.as_ref()?)))
            .collect();
        if in_place {
            let targets: Vec<WarmTarget> =
                puts.iter().map(|(design, body)| WarmTarget::of(&design.id, body)).collect();
            warm_site(site, &targets, self.options.jobs).await?;
        }
        let jobs = self.options.jobs;
        stream::iter(puts.into_iter().map(Ok))
            .try_for_each_concurrent(jobs, |(design, body)| async move {
                match verify(site, design, body, jobs).await {
                    // Whoever has overwritten it by now came later: `check` tells.
                    Err(DeployError::Changed { .. }) => Ok(()),
                    outcome => outcome,
                }
            })
            .await?;
        if !held.is_empty() {
            tokio::time::sleep(self.options.readers).await;
        }
        own.extend(held.into_iter().map(|held| held.own));
        Ok(own)
    }

    /// The indexes to be built: the staged ones, and those that design documents will share with others.
    fn warm_targets(&self, batch: &Batch<'_>) -> Vec<WarmTarget> {
        let staged = batch.staging.iter().map(|staging| WarmTarget {
            designs: staging.designs.clone(),
            ..WarmTarget::of(&staging.id, &staging.body)
        });
        let shared =
            batch.designs.iter().filter(|design| design.index.effect == IndexEffect::Shared);
        let shared = shared.filter_map(|design| {
            // One that only this push gives the index is staged.
            let has_it = |id: &&String| {
                self.plan.design(id).is_none_or(|other| other.index.before == design.index.after)
            };
            let id = design.index.shared_with.iter().find(has_it)?;
            let designs = vec![design.id.clone()];
            Some(WarmTarget { designs, ..WarmTarget::of_views(id, design.body.as_ref()?) })
        });
        staged.chain(shared).collect()
    }

    /// Versions that an earlier push kept are no use once something else is pushed: going back to them
    /// would skip this one.
    async fn drop_kept(&self, site: &Site<'_>) -> Result<(), DeployError> {
        let replaced = |id: &str| {
            self.options.keep_previous
                && self.plan.designs.iter().any(|design| {
                    design.status.is_action()
                        && design.seen.is_some()
                        && previous_id(&design.id) == id
                })
        };
        if !self.plan.designs.iter().any(|design| design.status.is_action()) {
            return Ok(());
        }
        let kept: Vec<Own> = self
            .plan
            .kept
            .iter()
            .filter(|kept| !replaced(&kept.id))
            .map(|kept| Own { id: kept.id.clone(), revision: kept.rev.clone() })
            .collect();
        remove(site, &kept).await
    }

    /// Reads what is there now. Of what this push did not put, everything must be as the plan saw it, or
    /// the database would be neither as this project nor as another one wants it. Who overwrote something that this
    /// push did put came later, and has it.
    async fn check(&self, site: &Site<'_>) -> Result<Vec<ServerDesign>, DeployError> {
        let documents = site.database.design_documents().await?;
        let live: Vec<ServerDesign> = documents
            .into_iter()
            .filter_map(|document| ServerDesign::from_document(document).ok())
            .filter(|design| design.owner() == Owner::Project)
            .collect();
        for design in &self.plan.designs {
            let now = live.iter().find(|now| now.id == design.id).map(|now| &now.rev);
            match design.status {
                Status::Foreign => {}
                Status::Unchanged | Status::Formatting => {
                    if now != design.seen.as_ref().map(|seen| &seen.rev) {
                        return Err(site.changed(&design.id));
                    }
                }
                Status::New | Status::Changed | Status::Prune => {
                    if now != self.saved().get(&design.id) {
                        let message = format!("somebody else has changed `{}` since", design.id);
                        site.event(Event::Notice(message));
                    }
                }
            }
        }
        Ok(live)
    }

    /// The revisions of what this push has put.
    fn saved(&self) -> MutexGuard<'_, BTreeMap<String, Revision>> {
        self.saved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The staging design documents of interrupted pushes, ready to be deleted.
    async fn leftovers(&self, site: &Site<'_>, own: &[Own]) -> Result<Vec<Own>, DeployError> {
        let mut leftovers = Vec::new();
        for leftover in &self.plan.leftovers {
            if own.iter().any(|own| own.id == leftover.id) {
                continue;
            }
            for conflict in &leftover.conflicts {
                site.database.remove_conflict(&leftover.id, conflict).await?;
            }
            // An index that is only open through the leftover would be closed with it, and what was
            // not written yet be lost: opening it through the live design document keeps it.
            let key = leftover.id.strip_prefix(STAGING_PREFIX);
            for design in &self.plan.designs {
                if design.index.after.is_some() && design.index.after.as_deref() == key {
                    let info = site.database.index_info(&design.id).await;
                    info.map_err(|error| site.failed(&design.id, error))?;
                    site.settle(&[&design.id]).await?;
                }
            }
            leftovers.push(Own { id: leftover.id.clone(), revision: leftover.rev.clone() });
        }
        Ok(leftovers)
    }

    /// Removes the files of unused indexes, then the design documents that held indexes.
    async fn finish(
        &self,
        site: &Site<'_>,
        own: &mut Vec<Own>,
        leftovers: &[Own],
        freed: Option<u64>,
    ) -> Result<(), DeployError> {
        let staged = |own: &Own| self.plan.staging.iter().any(|staging| staging.id == own.id);
        let (staging, held): (Vec<Own>, Vec<Own>) = own.drain(..).partition(staged);
        remove(site, &held).await?;
        remove(site, leftovers).await?;
        if self.changes_indexes() || !leftovers.is_empty() {
            match remove_files(site, self.search_kinds(), freed).await {
                // 3.5.1 and later answer when all nodes are done: a gateway may not wait for that.
                Err(DeployError::Server(error)) if error.leaves_open() => {
                    let message =
                        format!("unused indexes may be left, see `couchctl cleanup`: {error}");
                    site.event(Event::Notice(message));
                }
                outcome => outcome?,
            }
        }
        remove(site, &staging).await
    }

    fn changes_indexes(&self) -> bool {
        self.plan.designs.iter().any(|design| {
            design.index.drops
                || design.search.iter().any(|search| {
                    matches!(search.effect, IndexEffect::Dropped | IndexEffect::Rebuilt)
                })
        })
    }

    fn search_kinds(&self) -> Vec<SearchKind> {
        let searches = self.plan.designs.iter().flat_map(|design| &design.search);
        let mut kinds: Vec<SearchKind> = searches.map(|search| search.kind).collect();
        kinds.sort();
        kinds.dedup();
        kinds
    }

    /// Bytes of the indexes that go, where the server told them.
    fn freed(&self) -> Option<u64> {
        let mut counted: Vec<&str> = Vec::new();
        let mut freed = None;
        for index in
            self.plan.designs.iter().map(|design| &design.index).filter(|index| index.drops)
        {
            let (Some(before), Some(info)) = (index.before.as_deref(), &index.info) else {
                continue;
            };
            if !counted.contains(&before) {
                counted.push(before);
                freed = Some(freed.unwrap_or(0) + info.sizes.file);
            }
        }
        freed
    }

    /// Notes what was pushed.
    async fn record(&self, live: &[ServerDesign]) {
        let pushed = |design: &&ServerDesign| {
            self.plan.design(&design.id).is_some_and(|plan| plan.status != Status::Foreign)
        };
        let designs = live.iter().filter(pushed);
        let designs: Revisions =
            designs.map(|design| (design.id.clone(), design.rev.to_string())).collect();
        record(self.database, self.observer, &|_| designs.clone()).await;
    }
}
