//! What the commands that change a server share: their databases and their reports.

use std::time::Instant;

use clap::ValueEnum;
use serde_json::{Value, json};

use super::Terminal;
use super::progress::Progress;
use super::server::Connected;
use crate::deploy::{DeployError, Loaded, TargetError, load};
use crate::exit::Exit;
use crate::project::Project;

/// The version of the shape of JSON reports.
const VERSION: u32 = 1;

/// How to report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum DeployFormat {
    /// For people
    Human,
    /// One JSON object
    Json,
}

/// What became of one database.
pub(super) struct Outcome {
    pub(super) database: String,
    pub(super) error: Option<DeployError>,
}

/// The databases of the project that a command is about.
pub(super) fn load_targets<'a>(
    project: &'a Project,
    connected: &Connected,
    terminal: &mut Terminal,
) -> Result<Vec<Loaded<'a>>, Exit> {
    load(project, connected.connection.database.as_deref()).map_err(|error| {
        let hint = match &error {
            TargetError::Problem(problem) => problem.hint(),
            TargetError::Unknown { .. } => {
                Some("--database and COUCHDB_DATABASE name a database of the project".to_owned())
            }
            TargetError::Empty => Some("`couchctl init` writes one".to_owned()),
        };
        terminal.error(&error.to_string(), hint.as_deref());
        Exit::Usage
    })
}

/// Reports what became of all databases.
pub(super) fn report(
    command: &str,
    format: DeployFormat,
    outcomes: &[Outcome],
    progress: &Progress,
    started: Instant,
    connected: &Connected,
    terminal: &mut Terminal,
) -> Exit {
    let mut exit = Exit::Success;
    match format {
        DeployFormat::Human => {
            for outcome in outcomes {
                if outcome.error.is_none() {
                    terminal.data(&format!("{}\n", progress.summary(&outcome.database)));
                }
            }
        }
        DeployFormat::Json => {
            let databases: Vec<Value> = outcomes
                .iter()
                .map(|outcome| {
                    let mut entry = progress.json(&outcome.database);
                    entry["error"] = outcome.error.as_ref().map_or(
                        Value::Null,
                        |error| json!({ "message": error.to_string(), "hint": error.hint() }),
                    );
                    entry
                })
                .collect();
            let report = json!({
                "version": VERSION,
                "command": command,
                "server": connected.server.url(),
                "databases": databases,
                "duration_ms": started.elapsed().as_millis() as u64,
            });
            terminal.data(&format!("{report:#}\n"));
        }
    }
    for outcome in outcomes {
        if let Some(error) = &outcome.error {
            exit = exit.max(terminal.deploy_error(error));
        }
    }
    exit
}

impl Terminal {
    /// Reports what stopped a deployment.
    pub(super) fn deploy_error(&mut self, error: &DeployError) -> Exit {
        self.error(&error.to_string(), error.hint().as_deref());
        match error {
            DeployError::Problem { .. }
            | DeployError::Moved(_)
            | DeployError::NothingKept { .. } => Exit::Usage,
            DeployError::Server(_) | DeployError::Build { .. } | DeployError::Changed { .. } => {
                Exit::Server
            }
        }
    }

    /// Reports Ctrl-C.
    pub(super) fn interrupted(&mut self) -> Exit {
        self.message("interrupted: live views are as they were; run the command again to go on");
        Exit::Interrupted
    }
}
