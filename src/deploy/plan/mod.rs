//! The plan of a push: what would happen to each design document and to its index.
//!
//! A plan is a function of data: of the project's design documents ([`Target`]) and of what a server
//! has ([`ServerDatabase`]). It is exact about indexes, because the signature that names an index is computed
//! here as the server computes it. A [`PlanFile`] is a plan on disk: it says what was seen, so that it
//! can be refused when the server or the project moved.

mod attachments;
mod compare;
mod design;
mod file;
mod fingerprint;
mod index;
mod reserved;
mod search;
mod server;
mod stage;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use compare::{Change, MemberChange, changes};
pub use design::{DesignPlan, Provenance, Seen, Status};
pub use file::{
    DatabaseEntry, DesignEntry, IndexEntry, LeftoverEntry, MemberEntry, Moved, PlanFile,
    PlanFileError, ProblemEntry, SearchEntry, StagingEntry, Summary,
};
pub use fingerprint::fingerprint;
pub use index::{IndexEffect, IndexPlan, SearchPlan};
pub use reserved::{Owner, PREVIOUS_PREFIX, STAGING_PREFIX, owner, staging_key};
pub use search::{SearchIndex, SearchKind, search_indexes};
pub use server::{PushRecord, RECORD_ID, ServerDatabase, ServerDesign};
pub use stage::{Leftover, Staging, views_of};

use crate::design::{DesignDocument, Revision, SaveError};
use crate::json::Value;
use crate::project::Database;

/// What a plan is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// Whether design documents that the project does not have are to be deleted.
    #[serde(default)]
    pub prune: bool,
    /// Whether differences that mean nothing (white space, comments, the order of members) are to be pushed too.
    #[serde(default)]
    pub exact: bool,
}

/// What one database of a project is to be like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target<'a> {
    /// The database of the project.
    pub database: &'a Database,
    /// The content of its `security` file, where it has one.
    pub security: Option<&'a Value>,
}

/// A plan for one server.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What it was asked for.
    pub options: Options,
    /// The [`fingerprint`] of the project's content.
    pub fingerprint: String,
    /// The plans of its databases.
    pub databases: Vec<DatabasePlan>,
}

impl Plan {
    /// Whether a push would change nothing on the server.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.databases.iter().all(DatabasePlan::is_empty)
    }
}

/// The plan of one database.
#[derive(Debug, Clone, PartialEq)]
pub struct DatabasePlan {
    /// Its name on the server.
    pub name: String,
    /// Its key in the project.
    pub key: String,
    /// Whether the server has it.
    pub exists: bool,
    /// Whether push creates it.
    pub create: bool,
    /// Whether it is, or will be created as, a partitioned database.
    pub partitioned: bool,
    /// How many documents it has, where that was asked.
    pub doc_count: Option<u64>,
    /// What becomes of its `_security` object.
    pub security: SecurityChange,
    /// Its design documents by id: the project's and the server's.
    pub designs: Vec<DesignPlan>,
    /// The staging design documents that hold the indexes to be built.
    pub staging: Vec<Staging>,
    /// Staging design documents of interrupted pushes that no index of this plan needs.
    pub leftovers: Vec<Leftover>,
    /// Versions that an earlier push kept for a rollback.
    pub kept: Vec<Leftover>,
    /// Why a push must not begin.
    pub problems: Vec<PlanProblem>,
}

/// What becomes of a `_security` object.
#[derive(Debug, Clone, PartialEq)]
pub enum SecurityChange {
    /// The project says nothing about it.
    Unmanaged,
    /// It is as the project wants it.
    Unchanged,
    /// It is written.
    Change {
        /// What the server has.
        before: Option<Value>,
        /// What the project wants.
        after: Value,
    },
}

/// Why a push must not begin.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanProblem {
    /// The server has no such database, and the project does not say to create it.
    #[error("the database `{0}` does not exist")]
    MissingDatabase(String),
    /// Partitioning cannot be changed.
    #[error("the database `{name}` is {}partitioned, but the project says otherwise", if *.server { "" } else { "not " })]
    Partitioned {
        /// The database.
        name: String,
        /// Whether the server's is partitioned.
        server: bool,
    },
    /// The server would refuse a design document.
    #[error("`{id}` would be refused: {error}")]
    Refused {
        /// The design document.
        id: String,
        /// The server's answer.
        error: SaveError,
    },
    /// The project has a design document under an id that couchctl keeps for itself.
    #[error("`{0}` is an id that couchctl keeps for itself")]
    Reserved(String),
}

impl PlanProblem {
    /// A stable name for the kind of problem.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::MissingDatabase(_) => "missing-database",
            Self::Partitioned { .. } => "partitioned-differs",
            Self::Refused { .. } => "refused-design",
            Self::Reserved(_) => "reserved-id",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::MissingDatabase(_) => "create it, or set `create = true` in couchctl.toml",
            Self::Partitioned { .. } => {
                "partitioning is decided when a database is created; set `partitioned` as it is"
            }
            Self::Refused { .. } => "`couchctl check` says where",
            Self::Reserved(_) => "rename the design document",
        }
    }
}

impl DatabasePlan {
    /// Plans one database.
    #[must_use]
    pub fn new(target: Target<'_>, server: &ServerDatabase, options: Options) -> Self {
        let database = target.database;
        let mut designs = design::plan_all(&database.designs, server, options);
        index::decide(&mut designs, server);
        let (staging, leftovers) = stage::plan(&designs, server);
        let security = match target.security {
            None => SecurityChange::Unmanaged,
            Some(after) if server.security.as_ref() == Some(after) => SecurityChange::Unchanged,
            Some(after) => {
                SecurityChange::Change { before: server.security.clone(), after: after.clone() }
            }
        };
        Self {
            name: server.name.clone(),
            key: database.key.clone(),
            exists: server.exists,
            create: !server.exists && database.config.create,
            partitioned: server.partitioned.unwrap_or(database.config.partitioned),
            doc_count: server.doc_count,
            security,
            problems: problems(database, server, &designs),
            designs,
            staging,
            leftovers,
            kept: stage::kept(server),
        }
    }

    /// Whether a push would change nothing in this database.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
            && !self.create
            && !matches!(self.security, SecurityChange::Change { .. })
            && self.leftovers.is_empty()
            && self.staging.is_empty()
            && self.designs.iter().all(|design| !design.status.is_action())
    }

    /// The plan of the design document with this id.
    #[must_use]
    pub fn design(&self, id: &str) -> Option<&DesignPlan> {
        self.designs.iter().find(|design| design.id == id)
    }

    /// The design documents to put, with the revision each replaces.
    pub fn puts(&self) -> impl Iterator<Item = (&DesignPlan, Option<&Revision>)> {
        let put = |design: &&DesignPlan| design.body.is_some();
        self.designs
            .iter()
            .filter(put)
            .map(|design| (design, design.seen.as_ref().map(|seen| &seen.rev)))
    }

    /// The design documents to delete, with everything that has to go.
    pub fn deletions(&self) -> impl Iterator<Item = (&DesignPlan, &Seen)> {
        self.designs
            .iter()
            .filter(|design| design.status == Status::Prune)
            .filter_map(|design| Some((design, design.seen.as_ref()?)))
    }

    /// The ids of design documents whose index is replaced or dropped: those whose `_info` tells what
    /// that costs. Set [`ServerDesign::index`] and plan again.
    pub fn indexes_at_stake(&self) -> impl Iterator<Item = &str> {
        self.designs
            .iter()
            .filter(|design| design.index.drops || design.index.effect == IndexEffect::Rebuilt)
            .filter(|design| design.seen.is_some())
            .map(|design| design.id.as_str())
    }

    /// The ids of design documents with attachments that only their content can compare: fetch those
    /// with `attachments=true` and plan again.
    pub fn open_attachments(&self) -> impl Iterator<Item = &str> {
        self.designs
            .iter()
            .filter(|design| design.attachments_open)
            .map(|design| design.id.as_str())
    }
}

fn problems(
    database: &Database,
    server: &ServerDatabase,
    designs: &[DesignPlan],
) -> Vec<PlanProblem> {
    let mut problems = Vec::new();
    if !server.exists && !database.config.create {
        problems.push(PlanProblem::MissingDatabase(server.name.clone()));
    }
    let partitioned = server.partitioned.unwrap_or(database.config.partitioned);
    if partitioned != database.config.partitioned {
        problems.push(PlanProblem::Partitioned { name: server.name.clone(), server: partitioned });
    }
    for design in &database.designs {
        let reserved = [STAGING_PREFIX, PREVIOUS_PREFIX];
        if reserved.iter().any(|prefix| design.id.starts_with(prefix)) {
            problems.push(PlanProblem::Reserved(design.id.clone()));
        }
        let put = designs.iter().any(|plan| plan.id == design.id && plan.body.is_some());
        if put && let Err(error) = checked(design).validate(partitioned) {
            problems.push(PlanProblem::Refused { id: design.id.clone(), error });
        }
    }
    problems
}

/// What can be checked here. Attachments are no concern: the project holds their bytes. Whether a selector
/// may stand in the place of a validation function is for the server to say, which may be a newer one.
fn checked(design: &DesignDocument) -> DesignDocument {
    let mut design = design.clone().without_selector();
    design.body.shift_remove("_attachments");
    design
}
