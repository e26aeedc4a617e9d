//! `couchctl rollback`

use std::path::Path;
use std::time::Instant;

use clap::Args;
use futures_util::{StreamExt, stream};

use super::deployment::{DeployFormat, Outcome, load_targets, report};
use super::progress::Progress;
use super::server::ServerArguments;
use super::{Terminal, open};
use crate::deploy::{places, rollback};
use crate::exit::Exit;

/// Go back to the versions that the last `couchctl push --keep-previous` replaced.
///
/// Their indexes are brought up to date first. The versions that are replaced are kept in turn: a second
/// rollback undoes the first. Design documents that the push added stay.
#[derive(Debug, Args)]
pub(super) struct RollbackArguments {
    #[command(flatten)]
    server: ServerArguments,
    /// Do not ask before a protected environment is changed
    #[arg(long)]
    yes: bool,
    /// Indexes brought up to date at a time
    #[arg(long, short, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
    /// How to report
    #[arg(long, value_enum, default_value_t = DeployFormat::Human)]
    format: DeployFormat,
}

pub(super) fn run(
    arguments: &RollbackArguments,
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
    if let Err(exit) = connected.consent(arguments.yes, "roll back", terminal) {
        return exit;
    }
    let progress = Progress::new(terminal.error_style, arguments.format == DeployFormat::Json);
    let jobs = usize::from(arguments.jobs);
    let outcomes = connected.run(async {
        let places = places(&connected.server, &loaded).await?;
        let (server, progress) = (&connected.server, &progress);
        let returned = places.into_iter().map(|place| async move {
            let error = rollback(&server.database(&place.name), jobs, progress).await.err();
            Outcome { database: place.name, error }
        });
        Ok(stream::iter(returned).buffered(1).collect::<Vec<Outcome>>().await)
    });
    progress.end();
    match outcomes {
        None => terminal.interrupted(),
        Some(Err(error)) => terminal.server_error(&error),
        Some(Ok(outcomes)) => report(
            "rollback",
            arguments.format,
            &outcomes,
            &progress,
            started,
            &connected,
            terminal,
        ),
    }
}
