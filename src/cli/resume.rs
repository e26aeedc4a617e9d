//! `couchctl push --resume`: only the databases whose last push failed.

use super::Terminal;
use super::deployment::Outcome;
use super::server::Connected;
use crate::deploy::{FailedPushes, Place};
use crate::exit::Exit;
use crate::project::Project;
use crate::report::human::plural;
use crate::report::terminal::escape;

/// The databases whose last push failed; there must be some.
pub(super) fn failed(
    project: &Project,
    connected: &Connected,
    terminal: &mut Terminal,
) -> Result<FailedPushes, Exit> {
    let (message, hint) = match FailedPushes::load(&project.root, connected.server.url()) {
        Ok(failed) if !failed.is_empty() => return Ok(failed),
        Ok(_) => (
            format!("no failed push to {} is noted in this project", connected.shown()),
            "`couchctl push` goes over all databases",
        ),
        Err(error) => (
            format!("what failed cannot be read: {error}"),
            "remove the folder `.couchctl`, then push all databases",
        ),
    };
    terminal.error(&message, Some(hint));
    Err(Exit::Usage)
}

/// Says which databases are pushed. Those that are no database of the project, or of the server, any more
/// are forgotten.
pub(super) fn announce(
    failed: &FailedPushes,
    places: &[Place<'_>],
    connected: &Connected,
    terminal: &mut Terminal,
) {
    let count = plural(places.len(), "database");
    terminal.message(&format!("resuming: {count} whose last push failed"));
    if connected.connection.database.is_some() {
        return;
    }
    let mut left = failed.clone();
    for name in failed.names().filter(|name| !places.iter().any(|place| place.name == *name)) {
        terminal.message(&format!("note: `{}` is not there any more", escape(name)));
        left.note(name, None);
    }
    if left != *failed {
        saved(left.save(), terminal);
    }
}

/// Notes what failed, for the next `--resume`, and says how to go on. There is nothing to note of a push of one
/// database, unless it failed before together with others.
pub(super) fn note(
    project: &Project,
    connected: &Connected,
    outcomes: &[Outcome],
    terminal: &mut Terminal,
) {
    let mut failed = match FailedPushes::load(&project.root, connected.server.url()) {
        Ok(failed) => failed,
        Err(error) => return saved(Err(error), terminal),
    };
    if connected.is_sandbox() || (failed.is_empty() && outcomes.len() < 2) {
        return;
    }
    let before = failed.clone();
    for outcome in outcomes {
        failed.note(&outcome.database, outcome.error.as_ref().map(ToString::to_string));
    }
    if failed != before {
        saved(failed.save(), terminal);
    }
    let count = outcomes.iter().filter(|outcome| outcome.error.is_some()).count();
    if count > 0 {
        let environment = connected.connection.environment.as_deref();
        let environment = environment.map(|name| format!(" --env {name}")).unwrap_or_default();
        let all = plural(outcomes.len(), "database");
        terminal.message(&format!(
            "hint: {count} of {all} failed: `couchctl push{environment} --resume` pushes only these"
        ));
    }
}

fn saved(outcome: std::io::Result<()>, terminal: &mut Terminal) {
    if let Err(error) = outcome {
        terminal.message(&format!("note: what failed cannot be noted: {error}"));
    }
}
