//! What can stop a deployment.

use super::plan::{Moved, PlanProblem};
use crate::server::{Failure, Meaning, ServerError};

/// Why a deployment ended early. What was done by then stays done, and nothing of it harms: a push
/// that is run again goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The server could not be asked, or refused.
    #[error("{0}")]
    Server(#[from] ServerError),
    /// The project and the server do not go together.
    #[error("{database}: {problem}")]
    Problem {
        /// The database.
        database: String,
        /// Why.
        problem: PlanProblem,
    },
    /// An index cannot be built.
    #[error("{database}: the index of {designs} cannot be built: {error}")]
    Build {
        /// The database.
        database: String,
        /// The design documents that it is for.
        designs: String,
        /// What the server says.
        error: ServerError,
    },
    /// Somebody else changed design documents meanwhile.
    #[error("{database}: {what}")]
    Changed {
        /// The database.
        database: String,
        /// What changed.
        what: String,
    },
    /// A saved plan does not fit any more.
    #[error("{0}")]
    Moved(#[from] Moved),
    /// There is nothing to go back to.
    #[error("{database}: no earlier version is kept")]
    NothingKept {
        /// The database.
        database: String,
    },
}

impl DeployError {
    /// The next step, where there is one to name.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Server(error) => return error.hint().map(str::to_owned),
            Self::Problem { problem, .. } => problem.hint().to_owned(),
            Self::Build { error, .. } => match &error.failure {
                Failure::Refused(_) => {
                    "nothing that clients see has changed: correct the function, then push again; `couchctl query` \
                     runs it over documents from a file"
                        .to_owned()
                }
                _ => "what is built stays: run the command again to go on".to_owned(),
            },
            Self::Changed { .. } => {
                "somebody else deploys to this database at the same time; run the command again".to_owned()
            }
            Self::Moved(_) => "make a new plan with `couchctl diff --out`".to_owned(),
            Self::NothingKept { .. } => {
                "`couchctl push --keep-previous` keeps the version that it replaces".to_owned()
            }
        })
    }

    /// A refusal that says that somebody else was there first becomes [`DeployError::Changed`], which a
    /// new plan answers.
    pub(super) fn of(database: &str, id: &str, error: ServerError) -> Self {
        match error.meaning() {
            Some(
                Meaning::Conflict
                | Meaning::DesignChanged
                | Meaning::NoDocument
                | Meaning::Deleted
                | Meaning::NoView
                | Meaning::AttachmentGone,
            ) => Self::Changed {
                database: database.to_owned(),
                what: format!("somebody else changed `{id}` meanwhile"),
            },
            _ => Self::Server(error),
        }
    }
}
