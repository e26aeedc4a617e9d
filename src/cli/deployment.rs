//! What the commands that change a server share: their databases and their reports.

use std::path::Path;
use std::time::Instant;

use clap::ValueEnum;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::check::undeployed;
use super::progress::Progress;
use super::server::{Connected, ServerArguments};
use super::{Terminal, open};
use crate::deploy::{DeployError, Loaded, TargetError, load, places};
use crate::exit::Exit;
use crate::project::Project;
use crate::report::terminal::escape;
use crate::server::{RemoteDatabase, ServerError};

/// Up to so many databases are shown one by one.
const FEW: usize = 5;

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

/// Reads the project, and decides which server to talk to.
pub(super) fn begin(
    server: &ServerArguments,
    folder: Option<&Path>,
    terminal: &mut Terminal,
) -> Result<(Project, Connected), Exit> {
    let project = open(folder).map_err(|problems| terminal.problems(&problems))?;
    let connected = server.connect(&project).map_err(|error| terminal.connect_error(&error))?;
    Ok((project, connected))
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

/// Says which documents of the project stay where they are.
pub(super) fn note_undeployed(project: &Project, loaded: &[Loaded<'_>], terminal: &mut Terminal) {
    for text in loaded.iter().filter_map(|loaded| undeployed(project, loaded.database)) {
        let label = terminal.error_style.warn("note:");
        terminal.message(&format!("{label} {}", escape(&text)));
    }
}

/// A command that does the same to every database.
pub(super) struct EachDatabase<'a> {
    pub(super) command: &'a str,
    pub(super) format: DeployFormat,
    pub(super) connected: &'a Connected,
    pub(super) loaded: &'a [Loaded<'a>],
    /// Databases worked on at a time.
    pub(super) at_a_time: usize,
}

impl EachDatabase<'_> {
    /// Does `work` to all databases, with progress, and reports what became of them.
    pub(super) fn run(
        &self,
        terminal: &mut Terminal,
        work: &impl AsyncFn(&RemoteDatabase, &Progress) -> Result<(), DeployError>,
    ) -> Exit {
        let started = Instant::now();
        let progress = Progress::new(terminal.error_style, self.format == DeployFormat::Json);
        let server = &self.connected.server;
        let outcomes = self.connected.run(async {
            let places = places(server, self.loaded).await?;
            let progress = &progress;
            let done = places.into_iter().map(|place| async move {
                let error = work(&server.database(&place.name), progress).await.err();
                Outcome { database: place.name, error }
            });
            Ok(stream::iter(done).buffered(self.at_a_time).collect::<Vec<Outcome>>().await)
        });
        progress.end();
        match outcomes {
            None => terminal.interrupted(),
            Some(Err(error)) => terminal.server_error(&error),
            Some(Ok(outcomes)) => report(
                self.command,
                self.format,
                &outcomes,
                &progress,
                started,
                self.connected,
                terminal,
            ),
        }
    }
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
            let done = outcomes.iter().filter(|outcome| outcome.error.is_none());
            terminal.data(&summaries(done.map(|outcome| outcome.database.as_str()), progress));
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
    let mut told = None;
    for error in outcomes.iter().filter_map(|outcome| outcome.error.as_ref()) {
        let hint = error.hint();
        // What many have in common is said once.
        terminal.error(&error.to_string(), hint.as_deref().filter(|_| hint != told));
        told = hint;
        exit = exit.max(exit_of(error));
    }
    exit
}

/// A line for each database; one line for many of which the same is to be said.
fn summaries<'a>(databases: impl Iterator<Item = &'a str>, progress: &Progress) -> String {
    let mut alike: Vec<(String, Vec<&str>)> = Vec::new();
    for database in databases {
        let summary = progress.summary(database);
        match alike.iter_mut().find(|(text, _)| *text == summary) {
            Some((_, names)) => names.push(database),
            None => alike.push((summary, vec![database])),
        }
    }
    let lines = alike.into_iter().flat_map(|(summary, names)| {
        if names.len() > FEW {
            vec![format!("{} databases: {summary}\n", names.len())]
        } else {
            names.iter().map(|name| format!("{}: {summary}\n", escape(name))).collect()
        }
    });
    lines.collect()
}

/// What a command ends with that this stopped.
fn exit_of(error: &DeployError) -> Exit {
    match error {
        DeployError::Problem { .. } | DeployError::Moved(_) | DeployError::NothingKept { .. } => {
            Exit::Usage
        }
        DeployError::Server(_) | DeployError::Build { .. } | DeployError::Changed { .. } => {
            Exit::Server
        }
    }
}

impl Terminal {
    /// What the server answered. Ctrl-C and failures are reported, and end the command.
    pub(super) fn answered<T>(&mut self, asked: Option<Result<T, ServerError>>) -> Result<T, Exit> {
        let answer = asked.ok_or_else(|| self.interrupted())?;
        answer.map_err(|error| self.server_error(&error))
    }

    /// Reports what stopped a deployment.
    pub(super) fn deploy_error(&mut self, error: &DeployError) -> Exit {
        self.error(&error.to_string(), error.hint().as_deref());
        exit_of(error)
    }

    /// Reports Ctrl-C.
    pub(super) fn interrupted(&mut self) -> Exit {
        self.message("interrupted: live views are as they were; run the command again to go on");
        Exit::Interrupted
    }
}
