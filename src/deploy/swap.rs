//! Putting the real design documents, and making sure that they answer from warm indexes.

use super::error::DeployError;
use super::event::Event;
use super::plan::{DesignPlan, IndexEffect, Seen};
use super::site::{Site, is_global};
use super::warm::{WarmTarget, warm_site};
use crate::design::{Revision, view_groups};
use crate::json::{Map, Value};

/// How many changes a warm index may be behind: those that were written during the swap.
const BEHIND: u64 = 5_000;

/// Puts a design document with the revision that the plan saw, and deletes its conflicting revisions.
pub(super) async fn put(
    site: &Site<'_>,
    design: &DesignPlan,
    body: &Map<String, Value>,
) -> Result<Revision, DeployError> {
    let failed = |error| site.failed(&design.id, error);
    let seen = design.seen.as_ref();
    let parent = seen.map(|seen| &seen.rev);
    let revision = site.database.save(&design.id, parent, body).await.map_err(failed)?;
    let event = Event::Saved { id: design.id.clone(), revision: revision.clone() };
    site.event(event);
    if let Some(seen) = seen {
        remove_conflicts(site, &design.id, seen).await?;
    }
    Ok(revision)
}

/// Deletes a design document. Its conflicting revisions go first: one of them would take its place, and
/// with it an index nobody asked for.
pub(super) async fn delete(site: &Site<'_>, id: &str, seen: &Seen) -> Result<(), DeployError> {
    remove_conflicts(site, id, seen).await?;
    let failed = |error| site.failed(id, error);
    let revision = site.database.remove(id, &seen.rev).await.map_err(failed)?;
    site.event(Event::Removed { id: id.to_owned(), revision });
    Ok(())
}

async fn remove_conflicts(site: &Site<'_>, id: &str, seen: &Seen) -> Result<(), DeployError> {
    for conflict in &seen.conflicts {
        let failed = |error| site.failed(id, error);
        let revision = site.database.remove_conflict(id, conflict).await.map_err(failed)?;
        site.event(Event::Removed { id: id.to_owned(), revision });
    }
    Ok(())
}

/// Makes sure that the live views answer, each from the index that was built for it.
pub(super) async fn verify(
    site: &Site<'_>,
    design: &DesignPlan,
    body: &Map<String, Value>,
    jobs: usize,
) -> Result<(), DeployError> {
    let Some(expected) = &design.index.after else { return Ok(()) };
    if design.index.effect == IndexEffect::Kept {
        return Ok(());
    }
    let failed = |error| site.failed(&design.id, error);
    let Some(info) = site.register(&design.id, body).await? else { return Ok(()) };
    if info.signature != *expected {
        return Err(DeployError::Changed {
            database: site.name().to_owned(),
            what: format!("`{}` has the index {}, not {expected}", design.id, info.signature),
        });
    }
    if info.updates_pending.minimum > BEHIND {
        let message = format!("the index of `{}` was lost and is built again", design.id);
        site.event(Event::Notice(message));
        let target = WarmTarget::of_views(&design.id, body);
        warm_site(site, &[target], jobs).await?;
    }
    let groups = view_groups(body);
    let views: Vec<&str> = groups
        .iter()
        .flat_map(|group| group.names.iter().chain(group.reduces.iter().map(|(name, _)| name)))
        .copied()
        .collect();
    for view in &views {
        site.touch(&design.id, view, is_global(body), false).await.map_err(failed)?;
    }
    let views = views.len();
    site.event(Event::Verified { id: design.id.clone(), views });
    Ok(())
}
