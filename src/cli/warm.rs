//! `couchctl warm`

use std::path::Path;

use clap::Args;

use super::Terminal;
use super::deployment::{DeployFormat, EachDatabase, begin, load_targets};
use super::progress::Progress;
use super::server::ServerArguments;
use crate::deploy::plan::{Owner, ServerDesign};
use crate::deploy::{DeployError, WarmTarget, read, warm};
use crate::exit::Exit;
use crate::server::RemoteDatabase;

/// Build the indexes of the project's databases, and wait until they are up to date.
///
/// Each index is built once, on all its copies. A command that was interrupted is gone on with by the
/// next one: what is built stays.
#[derive(Debug, Args)]
pub(super) struct WarmArguments {
    /// Only these design documents
    designs: Vec<String>,
    #[command(flatten)]
    server: ServerArguments,
    /// Indexes built at a time
    #[arg(long, short, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
    /// How to report
    #[arg(long, value_enum, default_value_t = DeployFormat::Human)]
    format: DeployFormat,
}

pub(super) fn run(
    arguments: &WarmArguments,
    folder: Option<&Path>,
    terminal: &mut Terminal,
) -> Result<Exit, Exit> {
    let (project, connected) = begin(&arguments.server, folder, terminal)?;
    let loaded = load_targets(&project, &connected, terminal)?;
    let each = EachDatabase {
        command: "warm",
        format: arguments.format,
        connected: &connected,
        loaded: &loaded,
        // One database after the other: `jobs` bounds what is built at a time.
        at_a_time: 1,
    };
    let jobs = usize::from(arguments.jobs);
    Ok(each.run(terminal, &async |database, progress| {
        one(database, &arguments.designs, jobs, progress).await
    }))
}

/// Warms one database. A design document that changes meanwhile is looked at again.
async fn one(
    database: &RemoteDatabase,
    only: &[String],
    jobs: usize,
    progress: &Progress,
) -> Result<(), DeployError> {
    let mut rounds = 3;
    loop {
        let server = read(database, false).await?;
        if !server.exists {
            // The answer says more than we could.
            database.info().await?;
        }
        let wanted = |design: &&ServerDesign| {
            let name = design.id.trim_start_matches("_design/");
            design.owner() == Owner::Project
                && (only.is_empty()
                    || only.iter().any(|only| only.trim_start_matches("_design/") == name))
        };
        let targets = WarmTarget::each_once(server.designs.iter().filter(wanted));
        match warm(database, &targets, jobs, progress).await {
            Err(DeployError::Changed { .. }) if rounds > 1 => rounds -= 1,
            outcome => return outcome,
        }
    }
}
