//! `couchctl rollback`

use std::path::Path;

use clap::Args;

use super::Terminal;
use super::deployment::{DeployFormat, EachDatabase, begin, load_targets};
use super::server::ServerArguments;
use crate::deploy::rollback;
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
) -> Result<Exit, Exit> {
    let (project, connected) = begin(&arguments.server, folder, terminal)?;
    let loaded = load_targets(&project, &connected, terminal)?;
    connected.consent(arguments.yes, "roll back", terminal)?;
    let each = EachDatabase {
        command: "rollback",
        format: arguments.format,
        connected: &connected,
        loaded: &loaded,
        at_a_time: 1,
    };
    let jobs = usize::from(arguments.jobs);
    Ok(each.run(terminal, &async |database, progress| rollback(database, jobs, progress).await))
}
