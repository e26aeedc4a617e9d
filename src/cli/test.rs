//! `couchctl test`

use std::path::Path;

use clap::{Args, ValueEnum};

use super::{ProfileArgument, Terminal, open};
use crate::exit::Exit;
use crate::report::{github, human, json, junit};
use crate::suite::{self, RunOptions};

/// Run the suites of the project.
///
/// Every suite `tests/<database>/<design document>.test.yaml` is run, and the laws of views are
/// checked on its fixtures.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "a flag each")]
pub(super) struct TestArguments {
    /// Run only cases whose name, design document or file contains one of these
    filters: Vec<String>,
    /// How to report
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// The JavaScript engine to behave as
    #[arg(long, value_enum, default_value_t = ProfileArgument::Spidermonkey)]
    profile: ProfileArgument,
    /// Stop at the first failure
    #[arg(long)]
    fail_fast: bool,
    /// Write snapshots; refused where CI is set, unless --update-in-ci is given too
    #[arg(long)]
    update: bool,
    /// Allow --update where CI is set
    #[arg(long, requires = "update")]
    update_in_ci: bool,
    /// End with success when no case is left to run
    #[arg(long)]
    allow_empty: bool,
    /// Suites run at a time [default: the number of processors]
    #[arg(long, short, value_name = "N")]
    jobs: Option<usize>,
    /// Show every case, and what its functions logged
    #[arg(long, short)]
    verbose: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Human,
    /// One JSON object
    Json,
    /// JUnit XML
    Junit,
    /// Annotations for GitHub
    Github,
}

pub(super) fn run(
    arguments: &TestArguments,
    folder: Option<&Path>,
    terminal: &mut Terminal,
) -> Exit {
    let in_ci = std::env::var_os("CI").is_some_and(|ci| !ci.is_empty() && ci != "false");
    if arguments.update && in_ci && !arguments.update_in_ci {
        terminal.error(
            "snapshots are not written in CI, where nobody would look at them",
            Some("run `couchctl test --update` on your machine, or add --update-in-ci"),
        );
        return Exit::Usage;
    }
    let project = match open(folder) {
        Ok(project) => project,
        Err(problems) => return terminal.problems(&problems),
    };
    let options = RunOptions {
        profile: arguments.profile.into(),
        filters: arguments.filters.clone(),
        fail_fast: arguments.fail_fast,
        update: arguments.update,
        jobs: arguments
            .jobs
            .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)),
    };
    let outcome = match suite::run(&project, &options) {
        Ok(outcome) => outcome,
        Err(problems) => return terminal.problems(&problems),
    };
    if outcome.suites.is_empty() && !arguments.allow_empty {
        let (message, hint) = if outcome.filtered > 0 {
            ("no case matches", "a filter is part of a case's name, design document or file")
        } else {
            ("the project has no suites", "suites are files tests/<database>/<design>.test.yaml")
        };
        terminal.error(message, Some(hint));
        return Exit::Usage;
    }
    let style = human::Options { style: terminal.style, verbose: arguments.verbose };
    match arguments.format {
        Format::Human => {
            let mut text: String =
                outcome.suites.iter().map(|suite| human::suite(suite, style)).collect();
            text.push_str(&human::summary(&outcome, style));
            terminal.data(&text);
        }
        Format::Json => terminal.data(&json::report(&outcome)),
        Format::Junit => terminal.data(&junit::report(&outcome)),
        Format::Github => {
            let text = github::annotations(&outcome) + &human::summary(&outcome, style);
            terminal.data(&text);
        }
    }
    if outcome.is_failure() { Exit::Findings } else { Exit::Success }
}
