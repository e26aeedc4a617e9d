//! Design documents that hold an index without being live: staging ones for indexes that are built, and
//! ones that keep the index of a replaced design document open until its last readers are done.

use super::error::DeployError;
use super::event::Event;
use super::plan::{DesignPlan, Owner, STAGING_PREFIX, Staging, owner, staging_key, views_of};
use super::site::Site;
use crate::design::Revision;
use crate::json::{Map, Value};
use crate::server::Meaning;

/// A design document of couchctl's own on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Own {
    pub(super) id: String,
    pub(super) revision: Revision,
}

/// Puts staging design documents, or finds those that are there.
pub(super) async fn stage(site: &Site<'_>, staging: &[&Staging]) -> Result<Vec<Own>, DeployError> {
    let mut staged = Vec::new();
    for document in staging {
        let own = match &document.present {
            Some(revision) => Own { id: document.id.clone(), revision: revision.clone() },
            None => put(site, &document.id, &document.body, &document.designs).await?,
        };
        staged.push(own);
        let event = Event::Staged {
            id: document.id.clone(),
            designs: document.designs.clone(),
            resumed: document.present.is_some(),
        };
        site.event(event);
    }
    Ok(staged)
}

/// Holds the indexes that design documents lose in a swap. When the last design document of an index changes, the
/// server closes the index under its readers and refuses those that wait for it (`couch_index_server.erl`,
/// `handle_db_event`); with another design document that has the same index it does neither.
pub(super) async fn hold(
    site: &Site<'_>,
    replaced: impl Iterator<Item = &DesignPlan>,
) -> Result<Vec<Own>, DeployError> {
    let mut held: Vec<Own> = Vec::new();
    let goes = |design: &&DesignPlan| {
        design.index.before.is_some() && design.index.before != design.index.after
    };
    for design in replaced.filter(goes) {
        let Some(body) = seen_body(site, design).await? else { continue };
        let body = views_of(&body);
        let id = format!("{STAGING_PREFIX}{}", staging_key(&body));
        if held.iter().any(|own| own.id == id) {
            continue;
        }
        let own = put(site, &id, &body, std::slice::from_ref(&design.id)).await?;
        site.register(&id, &body).await?;
        held.push(own);
    }
    Ok(held)
}

/// The body of a design document that is to be replaced, if it is still the one that the plan saw.
pub(super) async fn seen_body(
    site: &Site<'_>,
    design: &DesignPlan,
) -> Result<Option<Map<String, Value>>, DeployError> {
    let Some(seen) = &design.seen else { return Ok(None) };
    match site.database.document(&design.id).await? {
        Some(Value::Object(mut body))
            if body.get("_rev").and_then(Value::as_str) == Some(&seen.rev.to_string()) =>
        {
            for name in ["_id", "_rev", "_conflicts"] {
                body.shift_remove(name);
            }
            Ok(Some(body))
        }
        _ => Err(site.changed(&design.id)),
    }
}

/// Puts a design document of couchctl's own. Where somebody stages the same, theirs is as good.
async fn put(
    site: &Site<'_>,
    id: &str,
    body: &Map<String, Value>,
    designs: &[String],
) -> Result<Own, DeployError> {
    let own = |revision| Own { id: id.to_owned(), revision };
    match site.database.save(id, None, body).await {
        Ok(revision) => Ok(own(revision)),
        Err(error) if error.means(Meaning::Conflict) => {
            let Some(Value::Object(mut found)) = site.database.document(id).await? else {
                return Err(site.failed(id, error));
            };
            let revision =
                found.get("_rev").and_then(Value::as_str).and_then(|rev| rev.parse().ok());
            for name in ["_id", "_rev", "_conflicts"] {
                found.shift_remove(name);
            }
            match revision {
                Some(revision) if owner(id, &found) == Owner::Staging => Ok(own(revision)),
                _ => Err(site.failed(id, error)),
            }
        }
        Err(error)
            if matches!(error.meaning(), Some(Meaning::Compilation | Meaning::InvalidDesign)) =>
        {
            Err(DeployError::Build {
                database: site.name().to_owned(),
                designs: format!("`{}`", designs.join("`, `")),
                error,
            })
        }
        Err(error) => Err(error.into()),
    }
}

/// Deletes design documents of couchctl's own; those that are gone already, or that somebody else has
/// changed, are theirs.
pub(super) async fn remove(site: &Site<'_>, documents: &[Own]) -> Result<(), DeployError> {
    for Own { id, revision } in documents {
        match site.database.remove(id, revision).await {
            Ok(revision) => {
                site.event(Event::Removed { id: id.clone(), revision });
            }
            Err(error) if error.means(Meaning::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
