//! Staging design documents: they hold what an index is built from and nothing else, so that it can be
//! built while the live design document still answers from the old one.

use super::design::DesignPlan;
use super::reserved::{Owner, STAGING_PREFIX, staging_key};
use super::search::{SearchKind, search_indexes};
use super::server::ServerDatabase;
use crate::design::{Revision, signature, view_groups};
use crate::json::{Map, Value};

/// A staging design document that a push needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Staging {
    /// Its id: [`STAGING_PREFIX`] and [`staging_key`]. Equal indexes share one.
    pub id: String,
    /// Its members: `language`, `options` and `views`, or the search indexes to build, in the order they will
    /// have, and `autoupdate: false`.
    pub body: Map<String, Value>,
    /// The signature of the views' index; `None` where only search indexes are built.
    pub signature: Option<String>,
    /// The search indexes to build.
    pub search: Vec<(SearchKind, String)>,
    /// The design documents that it is for.
    pub designs: Vec<String>,
    /// Its revision where an interrupted push left it: then it needs no put.
    pub present: Option<Revision>,
}

impl Staging {
    /// A view to query to build the index; any one builds all of the design document's.
    #[must_use]
    pub fn view(&self) -> Option<&str> {
        let group = view_groups(&self.body).into_iter().next()?;
        group.names.first().copied().or_else(|| group.reduces.first().map(|(name, _)| *name))
    }
}

/// A design document of couchctl's own that is to go: a staging one that no index needs any more, or a
/// kept version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// Its id.
    pub id: String,
    /// Its revision.
    pub rev: Revision,
    /// Its conflicting revisions, which have to be deleted first.
    pub conflicts: Vec<Revision>,
}

/// The staging design documents to put, and those to delete.
///
/// Views and search indexes get staging documents of their own: each may be there already when the other is
/// not. None of them has `autoupdate` on, so that what builds, and how much at a time, is for
/// the push to say, and what an interrupted push leaves costs nothing.
pub(super) fn plan(plans: &[DesignPlan], server: &ServerDatabase) -> (Vec<Staging>, Vec<Leftover>) {
    let mut staging: Vec<Staging> = Vec::new();
    for plan in plans {
        let Some(body) = &plan.body else { continue };
        let views = plan.index.effect.builds().then(|| views_of(body));
        let search = search_of(plan, body);
        for staged in views.into_iter().chain(search) {
            let id = format!("{STAGING_PREFIX}{}", staging_key(&staged));
            match staging.iter_mut().find(|other| other.id == id) {
                Some(other) => other.designs.push(plan.id.clone()),
                None => staging.push(Staging {
                    signature: (!view_groups(&staged).is_empty()).then(|| signature(&staged)),
                    search: search_indexes(&staged)
                        .iter()
                        .map(|index| (index.kind, index.name.to_owned()))
                        .collect(),
                    designs: vec![plan.id.clone()],
                    present: server
                        .design(&id)
                        .filter(|design| design.owner() == Owner::Staging)
                        .map(|design| design.rev.clone()),
                    body: staged,
                    id,
                }),
            }
        }
    }
    let leftovers = owned(server, Owner::Staging)
        .filter(|design| !staging.iter().any(|staging| staging.id == design.id))
        .collect();
    (staging, leftovers)
}

/// The versions that are kept for a rollback.
pub(super) fn kept(server: &ServerDatabase) -> Vec<Leftover> {
    owned(server, Owner::Previous).collect()
}

fn owned(server: &ServerDatabase, owner: Owner) -> impl Iterator<Item = Leftover> {
    server.designs.iter().filter(move |design| design.owner() == owner).map(|design| Leftover {
        id: design.id.clone(),
        rev: design.rev.clone(),
        conflicts: design.conflicts.clone(),
    })
}

/// What the signature of a design document's views covers, and `autoupdate: false`: the body of its staging
/// design document.
#[must_use]
pub fn views_of(body: &Map<String, Value>) -> Map<String, Value> {
    let members = ["language", "options", "views"].into_iter();
    members
        .filter_map(|name| Some((name.to_owned(), body.get(name)?.clone())))
        .chain([autoupdate()])
        .collect()
}

/// The search indexes that have to be built.
fn search_of(plan: &DesignPlan, body: &Map<String, Value>) -> Option<Map<String, Value>> {
    let mut staged: Map<String, Value> = body
        .get("language")
        .map(|language| ("language".to_owned(), language.clone()))
        .into_iter()
        .collect();
    let mut any = false;
    for kind in SearchKind::ALL {
        let builds = |name: &str| {
            plan.search
                .iter()
                .any(|search| search.kind == kind && search.name == name && search.effect.builds())
        };
        let members = body.get(kind.member()).and_then(Value::as_object);
        let members: Map<String, Value> = members
            .into_iter()
            .flatten()
            .filter(|(name, _)| builds(name))
            .map(|(name, definition)| (name.clone(), definition.clone()))
            .collect();
        if !members.is_empty() {
            any = true;
            staged.insert(kind.member().to_owned(), Value::Object(members));
        }
    }
    staged.extend([autoupdate()]);
    any.then_some(staged)
}

fn autoupdate() -> (String, Value) {
    ("autoupdate".to_owned(), Value::Bool(false))
}
