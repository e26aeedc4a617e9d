//! Removing indexes that no design document needs, and what interrupted pushes left.

use super::error::DeployError;
use super::event::{Event, Observer};
use super::plan::{Owner, SearchKind, ServerDesign, search_indexes};
use super::site::Site;
use super::stage::{Own, remove};
use crate::server::{Meaning, RemoteDatabase, ServerError};

/// What to remove besides unused indexes and staging design documents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CleanupOptions {
    /// The versions that were kept for a rollback.
    pub previous: bool,
}

/// Deletes the staging design documents of interrupted pushes, and has the server remove the files of all
/// indexes that no design document of the database has.
///
/// # Errors
/// When the server cannot be asked, or refuses.
pub async fn cleanup(
    database: &RemoteDatabase,
    options: CleanupOptions,
    observer: &dyn Observer,
) -> Result<(), DeployError> {
    let site = &Site::new(database, observer).await?;
    let documents = database.design_documents().await?;
    let designs: Vec<ServerDesign> = documents
        .into_iter()
        .filter_map(|document| ServerDesign::from_document(document).ok())
        .collect();
    let goes = |design: &&ServerDesign| match design.owner() {
        Owner::Staging => true,
        Owner::Previous => options.previous,
        Owner::Project => false,
    };
    let (leftovers, kept): (Vec<&ServerDesign>, Vec<&ServerDesign>) =
        designs.iter().partition(goes);
    let freed = measure(site, &leftovers, &kept).await?;
    let own: Vec<Own> = leftovers
        .iter()
        .map(|design| Own { id: design.id.clone(), revision: design.rev.clone() })
        .collect();
    for design in &leftovers {
        for conflict in &design.conflicts {
            database.remove_conflict(&design.id, conflict).await?;
        }
    }
    keep_open(site, &leftovers, &kept).await?;
    remove(site, &own).await?;
    remove_files(site, kinds(&designs), freed).await
}

/// Bytes of the indexes that only these design documents have.
async fn measure(
    site: &Site<'_>,
    leftovers: &[&ServerDesign],
    kept: &[&ServerDesign],
) -> Result<Option<u64>, ServerError> {
    let mut freed = None;
    for design in leftovers {
        let signature = design.signature();
        if !design.has_views() || kept.iter().any(|kept| kept.signature() == signature) {
            continue;
        }
        match site.database.index_info(&design.id).await {
            Ok(info) => freed = Some(freed.unwrap_or(0) + info.sizes.file),
            Err(error)
                if matches!(error.meaning(), Some(Meaning::NoDocument | Meaning::Deleted)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(freed)
}

/// An index that is only open through a design document that goes is closed with it, and what was not
/// written yet gets lost: the others are made known to it first.
async fn keep_open(
    site: &Site<'_>,
    leftovers: &[&ServerDesign],
    kept: &[&ServerDesign],
) -> Result<(), DeployError> {
    for design in kept {
        let signature = design.signature();
        if design.has_views() && leftovers.iter().any(|other| other.signature() == signature) {
            site.register(&design.id, &design.body).await?;
        }
    }
    Ok(())
}

/// The kinds of search indexes that design documents have.
pub(super) fn kinds<'a>(designs: impl IntoIterator<Item = &'a ServerDesign>) -> Vec<SearchKind> {
    let mut kinds: Vec<SearchKind> = designs
        .into_iter()
        .flat_map(|design| search_indexes(&design.body))
        .map(|index| index.kind)
        .collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

/// Has the server remove the files of indexes that no design document has. CouchDB 3.5.1 and later remove
/// those of search indexes with the others; asking for them again does no harm.
pub(super) async fn remove_files(
    site: &Site<'_>,
    kinds: Vec<SearchKind>,
    freed: Option<u64>,
) -> Result<(), DeployError> {
    site.database.view_cleanup().await?;
    for kind in kinds {
        let outcome = match kind {
            SearchKind::Clouseau => site.database.search_cleanup().await,
            SearchKind::Nouveau => site.database.nouveau_cleanup().await,
        };
        match outcome {
            Ok(()) => {}
            Err(error)
                if matches!(error.meaning(), Some(Meaning::NoSearch | Meaning::NotFound)) =>
            {
                let message = format!("the server has no {kind} to clean up");
                site.event(Event::Notice(message));
            }
            Err(error) => return Err(error.into()),
        }
    }
    site.event(Event::CleanedUp { freed });
    Ok(())
}
