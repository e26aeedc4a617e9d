//! Going back to the versions that a push kept.

use super::error::DeployError;
use super::event::Observer;
use super::keep::{keep, version_of, whole};
use super::plan::{DesignPlan, IndexPlan, Owner, Provenance, Seen, ServerDesign, Status};
use super::record::{Revisions, record};
use super::site::Site;
use super::stage::{Own, hold, remove};
use super::swap::{put, verify};
use super::warm::{WarmTarget, warm_site};
use crate::design::{Revision, signature, view_groups};
use crate::json::{Map, Value};
use crate::server::RemoteDatabase;

/// Puts back every version that the last push with `keep_previous` replaced, and keeps the replaced ones in
/// turn: a second rollback undoes the first. Indexes are brought up to date before.
///
/// # Errors
/// When no version is kept, somebody else changes something meanwhile, or the server cannot be asked.
pub async fn rollback(
    database: &RemoteDatabase,
    jobs: usize,
    observer: &dyn Observer,
) -> Result<(), DeployError> {
    let site = &Site::new(database, observer).await?;
    let documents = database.design_documents().await?;
    let designs: Vec<ServerDesign> = documents
        .into_iter()
        .filter_map(|document| ServerDesign::from_document(document).ok())
        .collect();
    let kept: Vec<&ServerDesign> =
        designs.iter().filter(|design| design.owner() == Owner::Previous).collect();
    if kept.is_empty() {
        return Err(DeployError::NothingKept { database: database.name().to_owned() });
    }
    let mut versions = Vec::new();
    for design in kept {
        let body = whole(site, &design.id, &design.rev).await?;
        if let Some((id, body)) = version_of(&body) {
            let live = designs.iter().find(|live| live.id == id);
            versions.push(Version { kept: design, plan: plan(&id, &body, live), body });
        }
    }
    let targets: Vec<WarmTarget> = versions
        .iter()
        .map(|version| WarmTarget {
            designs: vec![version.plan.id.clone()],
            ..WarmTarget::of(&version.kept.id, &version.kept.body)
        })
        .collect();
    warm_site(site, &targets, jobs).await?;
    let held = hold(site, versions.iter().map(|version| &version.plan)).await?;
    let mut revisions = Revisions::new();
    for version in &versions {
        let revision = back(site, version, jobs).await?;
        revisions.insert(version.plan.id.clone(), revision.to_string());
    }
    record(database, observer, &|mut noted| {
        noted.extend(revisions.clone());
        noted
    })
    .await;
    let held: Vec<Own> = held.into_iter().map(|held| held.own).collect();
    remove(site, &held).await
}

/// A version to go back to.
struct Version<'a> {
    kept: &'a ServerDesign,
    plan: DesignPlan,
    body: Map<String, Value>,
}

/// Goes back to a version; its new revision.
async fn back(
    site: &Site<'_>,
    version: &Version<'_>,
    jobs: usize,
) -> Result<Revision, DeployError> {
    let Version { kept, plan, body } = version;
    let replaced = match &plan.seen {
        Some(seen) => Some((&seen.rev, whole(site, &plan.id, &seen.rev).await?)),
        None => None,
    };
    let current = put(site, plan, body).await?;
    verify(site, plan, body, jobs).await?;
    site.settle(&[&plan.id]).await?;
    match replaced {
        Some((revision, old)) => keep(site, &plan.id, revision, &old).await?,
        None => {
            // It had been deleted, and there is nothing to keep in its place.
            let own = Own { id: kept.id.clone(), revision: kept.rev.clone() };
            remove(site, &[own]).await?;
        }
    }
    Ok(current)
}

/// The plan of going back to a version.
fn plan(id: &str, body: &Map<String, Value>, live: Option<&ServerDesign>) -> DesignPlan {
    let signature_of = |body| (!view_groups(body).is_empty()).then(|| signature(body));
    let before = live.and_then(|live| signature_of(&live.body));
    let after = signature_of(body);
    let drops = before.is_some() && before != after;
    DesignPlan {
        id: id.to_owned(),
        status: if live.is_some() { Status::Changed } else { Status::New },
        seen: live.map(|live| Seen { rev: live.rev.clone(), conflicts: live.conflicts.clone() }),
        provenance: Provenance::Unrecorded,
        members: Vec::new(),
        index: IndexPlan {
            effect: super::plan::IndexEffect::Shared,
            before,
            after,
            drops,
            ..IndexPlan::default()
        },
        search: Vec::new(),
        body: Some(body.clone()),
        attachments_open: false,
    }
}
