//! `couchctl cleanup`

use std::path::Path;

use clap::Args;

use super::Terminal;
use super::deployment::{DeployFormat, EachDatabase, begin, load_targets};
use super::server::ServerArguments;
use crate::deploy::{CleanupOptions, cleanup};
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
) -> Result<Exit, Exit> {
    let (project, connected) = begin(&arguments.server, folder, terminal)?;
    let loaded = load_targets(&project, &connected, terminal)?;
    let each = EachDatabase {
        command: "cleanup",
        format: arguments.format,
        connected: &connected,
        loaded: &loaded,
        at_a_time: usize::from(arguments.jobs),
    };
    let options = CleanupOptions { previous: arguments.previous };
    Ok(each.run(terminal, &async |database, progress| cleanup(database, options, progress).await))
}
