//! Putting the real design documents, and making sure that they answer from warm indexes.

use super::error::DeployError;
use super::event::{Event, Observer};
use super::plan::{DesignPlan, IndexEffect, Seen};
use super::stage::register;
use super::warm::{WarmTarget, warm};
use crate::design::{Revision, view_groups};
use crate::json::{Map, Value};
use crate::server::RemoteDatabase;

/// How many changes a warm index may be behind: those that were written during the swap.
const BEHIND: u64 = 5_000;

/// Puts a design document with the revision that the plan saw, and deletes its conflicting revisions.
pub(super) async fn put(
    database: &RemoteDatabase,
    design: &DesignPlan,
    body: &Map<String, Value>,
    observer: &dyn Observer,
) -> Result<Revision, DeployError> {
    let failed = |error| DeployError::of(database.name(), &design.id, error);
    let seen = design.seen.as_ref();
    let parent = seen.map(|seen| &seen.rev);
    let revision = database.save(&design.id, parent, body).await.map_err(failed)?;
    let event = Event::Saved { id: design.id.clone(), revision: revision.clone() };
    observer.event(database.name(), event);
    if let Some(seen) = seen {
        remove_conflicts(database, &design.id, seen, observer).await?;
    }
    Ok(revision)
}

/// Deletes a design document. Its conflicting revisions go first: one of them would take its place, and
/// with it an index nobody asked for.
pub(super) async fn delete(
    database: &RemoteDatabase,
    id: &str,
    seen: &Seen,
    observer: &dyn Observer,
) -> Result<(), DeployError> {
    remove_conflicts(database, id, seen, observer).await?;
    let failed = |error| DeployError::of(database.name(), id, error);
    let revision = database.remove(id, &seen.rev).await.map_err(failed)?;
    observer.event(database.name(), Event::Removed { id: id.to_owned(), revision });
    Ok(())
}

async fn remove_conflicts(
    database: &RemoteDatabase,
    id: &str,
    seen: &Seen,
    observer: &dyn Observer,
) -> Result<(), DeployError> {
    for conflict in &seen.conflicts {
        let failed = |error| DeployError::of(database.name(), id, error);
        let revision = database.remove_conflict(id, conflict).await.map_err(failed)?;
        observer.event(database.name(), Event::Removed { id: id.to_owned(), revision });
    }
    Ok(())
}

/// Makes sure that the live views answer, each from the index that was built for it.
pub(super) async fn verify(
    database: &RemoteDatabase,
    design: &DesignPlan,
    body: &Map<String, Value>,
    jobs: usize,
    observer: &dyn Observer,
) -> Result<(), DeployError> {
    let Some(expected) = &design.index.after else { return Ok(()) };
    if design.index.effect == IndexEffect::Kept {
        return Ok(());
    }
    let failed = |error| DeployError::of(database.name(), &design.id, error);
    let Some(info) = register(database, &design.id, body).await? else { return Ok(()) };
    if info.signature != *expected {
        return Err(DeployError::Changed {
            database: database.name().to_owned(),
            what: format!("`{}` has the index {}, not {expected}", design.id, info.signature),
        });
    }
    if info.updates_pending.minimum > BEHIND {
        let message = format!("the index of `{}` was lost and is built again", design.id);
        observer.event(database.name(), Event::Notice(message));
        let view = view_groups(body).first().map(|group| group.name().to_owned());
        let target = WarmTarget {
            id: design.id.clone(),
            designs: vec![design.id.clone()],
            view,
            search: Vec::new(),
        };
        warm(database, &[target], jobs, observer).await?;
    }
    let patience = database.server().options().patience;
    let groups = view_groups(body);
    let views: Vec<&str> = groups
        .iter()
        .flat_map(|group| group.names.iter().chain(group.reduces.iter().map(|(name, _)| name)))
        .copied()
        .collect();
    for view in &views {
        database.touch_view(&design.id, view, false, patience).await.map_err(failed)?;
    }
    let views = views.len();
    observer.event(database.name(), Event::Verified { id: design.id.clone(), views });
    Ok(())
}
