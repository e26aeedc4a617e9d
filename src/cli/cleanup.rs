//! `couchctl cleanup`

use std::path::Path;
use std::time::Instant;

use clap::Args;
use futures_util::{StreamExt, stream};

use super::deployment::{DeployFormat, Outcome, load_targets, report};
use super::progress::Progress;
use super::server::ServerArguments;
use super::{Terminal, open};
use crate::deploy::{CleanupOptions, cleanup, places};
use crate::exit::Exit;

/// Remove indexes that no design document needs, and what interrupted pushes left.
///
/// A push that is running meanwhile loses what it has staged, and stages it again.
#[derive(Debug, Args)]
pub(super) struct CleanupArguments {
    #[command(flatten)]
    server: ServerArguments,
    /// Also remove the versions that were kept for a rollback
    #[arg(long)]
    previous: bool,
    /// Databases cleaned up at a time
    #[arg(long, short, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
    /// How to report
    #[arg(long, value_enum, default_value_t = DeployFormat::Human)]
    format: DeployFormat,
}

pub(super) fn run(
    arguments: &CleanupArguments,
    folder: Option<&Path>,
    terminal: &mut Terminal,
) -> Exit {
    let started = Instant::now();
    let project = match open(folder) {
        Ok(project) => project,
        Err(problems) => return terminal.problems(&problems),
    };
    let connected = match arguments.server.connect(&project) {
        Ok(connected) => connected,
        Err(error) => return terminal.connect_error(&error),
    };
    let loaded = match load_targets(&project, &connected, terminal) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let progress = Progress::new(terminal.error_style, arguments.format == DeployFormat::Json);
    let options = CleanupOptions { previous: arguments.previous };
    let outcomes = connected.run(async {
        let places = places(&connected.server, &loaded).await?;
        let (server, progress) = (&connected.server, &progress);
        let cleaned = places.into_iter().map(|place| async move {
            let error = cleanup(&server.database(&place.name), options, progress).await.err();
            Outcome { database: place.name, error }
        });
        let jobs = usize::from(arguments.jobs);
        Ok(stream::iter(cleaned).buffered(jobs).collect::<Vec<Outcome>>().await)
    });
    progress.end();
    match outcomes {
        None => terminal.interrupted(),
        Some(Err(error)) => terminal.server_error(&error),
        Some(Ok(outcomes)) => {
            report("cleanup", arguments.format, &outcomes, &progress, started, &connected, terminal)
        }
    }
}
