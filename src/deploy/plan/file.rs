//! A plan as JSON: what `diff --format json` prints and `diff --out` saves.
//!
//! It tells everything a plan shows, and what was seen on the server, but not what would be put: that is the
//! project, and a push of a saved plan plans again and refuses when anything differs.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::compare::Change;
use super::design::{DesignPlan, Provenance, Status};
use super::index::{IndexEffect, IndexPlan};
use super::search::SearchKind;
use super::{DatabasePlan, Options, Plan, SecurityChange};
use crate::json::Value;

/// The version of the shape; it changes when a member changes its meaning or goes away.
const VERSION: u32 = 1;

/// A plan as it is saved. Members are documented in `docs/src/diff.md`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the members are those of the plan, described there and in the manual"
)]
pub struct PlanFile {
    pub version: u32,
    pub command: String,
    /// The server's address, without user and password.
    pub server: String,
    pub options: Options,
    pub fingerprint: String,
    pub summary: Summary,
    pub databases: Vec<DatabaseEntry>,
}

/// How many of each there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "named after the statuses and effects")]
pub struct Summary {
    pub new: usize,
    pub changed: usize,
    pub formatting: usize,
    pub unchanged: usize,
    pub foreign: usize,
    pub prune: usize,
    pub indexes_built: usize,
    pub indexes_dropped: usize,
    pub problems: usize,
}

/// A database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "see `DatabasePlan`")]
pub struct DatabaseEntry {
    pub name: String,
    pub key: String,
    pub exists: bool,
    pub create: bool,
    pub partitioned: bool,
    pub doc_count: Option<u64>,
    /// `null` when the project says nothing, `"unchanged"`, or what changes.
    pub security: Value,
    pub designs: Vec<DesignEntry>,
    pub staging: Vec<StagingEntry>,
    pub leftovers: Vec<LeftoverEntry>,
    pub problems: Vec<ProblemEntry>,
}

/// A design document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "see `DesignPlan`")]
pub struct DesignEntry {
    pub id: String,
    pub status: Status,
    pub rev: Option<String>,
    pub conflicts: Vec<String>,
    /// The revision that the last push left, where somebody changed or deleted it since.
    pub changed_since: Option<String>,
    pub members: Vec<MemberEntry>,
    pub index: IndexEntry,
    pub search: Vec<SearchEntry>,
}

/// A member that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "see `MemberChange`")]
pub struct MemberEntry {
    pub path: Vec<String>,
    pub change: Change,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

/// An index of views.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "see `IndexPlan`")]
pub struct IndexEntry {
    pub effect: IndexEffect,
    pub before: Option<String>,
    pub after: Option<String>,
    pub shared_with: Vec<String>,
    pub drops: bool,
    /// Bytes of the files of the index `before`, on all copies.
    pub size: Option<u64>,
}

/// A search index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "see `SearchPlan`")]
pub struct SearchEntry {
    pub kind: SearchKind,
    pub name: String,
    pub effect: IndexEffect,
}

/// A staging design document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "see `Staging`")]
pub struct StagingEntry {
    pub id: String,
    pub signature: Option<String>,
    pub designs: Vec<String>,
    /// Whether an interrupted push put it already.
    pub present: bool,
}

/// A staging design document to delete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "see `Leftover`")]
pub struct LeftoverEntry {
    pub id: String,
    pub rev: String,
}

/// Why a push must not begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "see `PlanProblem`")]
pub struct ProblemEntry {
    pub code: String,
    pub message: String,
}

/// A text that is no saved plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanFileError {
    /// Not the JSON of a plan.
    #[error("not a saved plan: {0}")]
    NotAPlan(String),
    /// Written by a later version of couchctl.
    #[error("the plan has version {0}, this couchctl reads version {VERSION}")]
    Version(u64),
}

/// Why a saved plan no longer holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// What moved, one line each; never empty.
    pub reasons: Vec<String>,
}

impl fmt::Display for Moved {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the plan no longer holds: {}", self.reasons.join("; "))
    }
}

impl std::error::Error for Moved {}

impl PlanFile {
    /// The plan for the server at this address, which must hold no password.
    #[must_use]
    pub fn new(plan: &Plan, server: &str) -> Self {
        let databases: Vec<DatabaseEntry> = plan.databases.iter().map(database).collect();
        Self {
            version: VERSION,
            command: "diff".to_owned(),
            server: server.to_owned(),
            options: plan.options,
            fingerprint: plan.fingerprint.clone(),
            summary: Summary::of(&plan.databases),
            databases,
        }
    }

    /// Reads a saved plan.
    ///
    /// # Errors
    /// When the text is none, or one of a later version.
    pub fn parse(text: &str) -> Result<Self, PlanFileError> {
        let not_a_plan = |error: serde_json::Error| PlanFileError::NotAPlan(error.to_string());
        let value: Value = serde_json::from_str(text).map_err(not_a_plan)?;
        match value.get("version").and_then(Value::as_u64) {
            Some(version) if version != u64::from(VERSION) => Err(PlanFileError::Version(version)),
            _ => serde_json::from_value(value).map_err(not_a_plan),
        }
    }

    /// Its JSON, pretty-printed, with a line feed at its end.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Every member has a JSON form, so that only a lack of memory could fail here.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Checks that a plan made now is the saved one: the same project, and for each of its databases the same
    /// design documents at the same revisions. Databases that the saved plan does not name are left out.
    ///
    /// # Errors
    /// With everything that moved.
    pub fn still_holds(&self, now: &Plan) -> Result<(), Moved> {
        let mut reasons = Vec::new();
        if self.fingerprint != now.fingerprint {
            reasons.push("the project changed".to_owned());
        }
        if self.options != now.options {
            reasons.push("it was made with other options".to_owned());
        }
        for saved in &self.databases {
            match now.databases.iter().find(|database| database.name == saved.name) {
                None => reasons.push(format!("the database `{}` is not planned now", saved.name)),
                Some(now) => saved.moved(&database(now), &mut reasons),
            }
        }
        if reasons.is_empty() { Ok(()) } else { Err(Moved { reasons }) }
    }
}

impl DatabaseEntry {
    fn moved(&self, now: &Self, reasons: &mut Vec<String>) {
        let name = &self.name;
        if (self.exists, self.partitioned) != (now.exists, now.partitioned) {
            reasons.push(format!("the database `{name}` was created, deleted or replaced"));
        }
        if self.security != now.security {
            reasons.push(format!("the `_security` of `{name}` changed"));
        }
        for design in &self.designs {
            let id = &design.id;
            match now.designs.iter().find(|now| now.id == *id) {
                None => reasons.push(format!("`{id}` of `{name}` is gone")),
                Some(now) if (&now.rev, &now.conflicts) != (&design.rev, &design.conflicts) => {
                    let rev =
                        |rev: &Option<String>| rev.clone().unwrap_or_else(|| "none".to_owned());
                    reasons.push(format!(
                        "`{id}` of `{name}` is at revision {}, not {}",
                        rev(&now.rev),
                        rev(&design.rev)
                    ));
                }
                Some(now)
                    if (now.status, &now.index.after) != (design.status, &design.index.after) =>
                {
                    reasons.push(format!("`{id}` of `{name}` is planned otherwise now"));
                }
                Some(_) => {}
            }
        }
        for design in &now.designs {
            if !self.designs.iter().any(|saved| saved.id == design.id) {
                reasons.push(format!("`{}` of `{name}` is there now", design.id));
            }
        }
    }
}

impl Summary {
    /// The counts of some databases.
    #[must_use]
    pub fn of(databases: &[DatabasePlan]) -> Self {
        let mut summary = Self::default();
        for database in databases {
            summary.problems += database.problems.len();
            summary.indexes_built += database.staging.len();
            // Design documents that share an index drop it together.
            let dropped: std::collections::BTreeSet<_> = database
                .designs
                .iter()
                .filter(|design| design.index.drops)
                .filter_map(|design| design.index.before.as_ref())
                .collect();
            summary.indexes_dropped += dropped.len();
            for design in &database.designs {
                *match design.status {
                    Status::New => &mut summary.new,
                    Status::Changed => &mut summary.changed,
                    Status::Formatting => &mut summary.formatting,
                    Status::Unchanged => &mut summary.unchanged,
                    Status::Foreign => &mut summary.foreign,
                    Status::Prune => &mut summary.prune,
                } += 1;
            }
        }
        summary
    }
}

fn database(plan: &DatabasePlan) -> DatabaseEntry {
    DatabaseEntry {
        name: plan.name.clone(),
        key: plan.key.clone(),
        exists: plan.exists,
        create: plan.create,
        partitioned: plan.partitioned,
        doc_count: plan.doc_count,
        security: match &plan.security {
            SecurityChange::Unmanaged => Value::Null,
            SecurityChange::Unchanged => Value::from("unchanged"),
            SecurityChange::Change { before, after } => {
                serde_json::json!({ "before": before, "after": after })
            }
        },
        designs: plan.designs.iter().map(design).collect(),
        staging: plan
            .staging
            .iter()
            .map(|staging| StagingEntry {
                id: staging.id.clone(),
                signature: staging.signature.clone(),
                designs: staging.designs.clone(),
                present: staging.present.is_some(),
            })
            .collect(),
        leftovers: plan
            .leftovers
            .iter()
            .map(|leftover| LeftoverEntry {
                id: leftover.id.clone(),
                rev: leftover.rev.to_string(),
            })
            .collect(),
        problems: plan
            .problems
            .iter()
            .map(|problem| ProblemEntry {
                code: problem.code().to_owned(),
                message: problem.to_string(),
            })
            .collect(),
    }
}

fn design(plan: &DesignPlan) -> DesignEntry {
    let seen = plan.seen.as_ref();
    DesignEntry {
        id: plan.id.clone(),
        status: plan.status,
        rev: seen.map(|seen| seen.rev.to_string()),
        conflicts: seen
            .map(|seen| seen.conflicts.iter().map(ToString::to_string).collect())
            .unwrap_or_default(),
        changed_since: match &plan.provenance {
            Provenance::ChangedSince(rev) | Provenance::DeletedSince(rev) => Some(rev.clone()),
            Provenance::Unrecorded | Provenance::AsPushed => None,
        },
        members: plan
            .members
            .iter()
            .map(|member| MemberEntry {
                path: member.path.clone(),
                change: member.change,
                before: member.before.clone(),
                after: member.after.clone(),
            })
            .collect(),
        index: index(&plan.index),
        search: plan
            .search
            .iter()
            .map(|search| SearchEntry {
                kind: search.kind,
                name: search.name.clone(),
                effect: search.effect,
            })
            .collect(),
    }
}

fn index(plan: &IndexPlan) -> IndexEntry {
    IndexEntry {
        effect: plan.effect,
        before: plan.before.clone(),
        after: plan.after.clone(),
        shared_with: plan.shared_with.clone(),
        drops: plan.drops,
        size: plan.info.as_ref().map(|info| info.sizes.file),
    }
}
