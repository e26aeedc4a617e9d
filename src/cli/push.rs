//! `couchctl push`

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use futures_util::{StreamExt, stream};

use super::deployment::{DeployFormat, Outcome, begin, load_targets, note_undeployed, report};
use super::progress::Progress;
use super::sandbox::{fill, first_query};
use super::server::{Connected, ServerArguments};
use super::{Terminal, check, resume};
use crate::deploy::plan::{Options, Plan, PlanFile};
use crate::deploy::{
    DeployError, FailedPushes, Loaded, Place, PushOptions, Strategy, Surveys, places, push,
    survey_all,
};
use crate::engine::Profile;
use crate::exit::Exit;
use crate::project::Project;
use crate::report::human::{self, plural};
use crate::report::plan::human as plan_text;
use crate::suite::{self, RunOptions};

/// From so many databases on, only the outcome is shown.
const MANY: usize = 20;

/// How long readers of a replaced index have until it is closed.
const READERS: Duration = Duration::from_secs(1);

/// Deploy the project without an outage.
///
/// Suites and checks are run, new indexes are built beside the old ones, then the design documents are
/// put, and unused indexes removed. A push that was interrupted is finished by the next one.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "a command line has flags")]
pub(super) struct PushArguments {
    #[command(flatten)]
    server: ServerArguments,
    /// Push this plan of `couchctl diff --out`, and nothing if the server or the project moved
    #[arg(long, value_name = "FILE", conflicts_with_all = ["prune", "exact"])]
    plan: Option<PathBuf>,
    /// Push only the databases whose last push failed
    #[arg(long, conflicts_with = "plan")]
    resume: bool,
    /// Delete design documents that the project does not have
    #[arg(long)]
    prune: bool,
    /// Push differences that mean nothing too: white space, comments, the order of members
    #[arg(long)]
    exact: bool,
    /// How indexes are replaced
    #[arg(long, value_enum, default_value_t = StrategyArgument::Staged)]
    strategy: StrategyArgument,
    /// Keep the versions that are replaced, for `couchctl rollback`
    #[arg(long)]
    keep_previous: bool,
    /// Do not run suites and checks first
    #[arg(long)]
    no_test: bool,
    /// Do not ask before a protected environment is changed
    #[arg(long)]
    yes: bool,
    /// Indexes built, and databases pushed, at a time
    #[arg(long, short, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
    /// How to report
    #[arg(long, value_enum, default_value_t = DeployFormat::Human)]
    format: DeployFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StrategyArgument {
    /// All new indexes beside the old ones, then all design documents
    Staged,
    /// One index after the other: the disk holds one more at a time
    Serial,
    /// Design documents at once, indexes afterwards: queries wait, the disk never holds two
    InPlace,
}

impl From<StrategyArgument> for Strategy {
    fn from(argument: StrategyArgument) -> Self {
        match argument {
            StrategyArgument::Staged => Self::Staged,
            StrategyArgument::Serial => Self::Serial,
            StrategyArgument::InPlace => Self::InPlace,
        }
    }
}

pub(super) fn run(
    arguments: &PushArguments,
    folder: Option<&Path>,
    terminal: &mut Terminal,
) -> Result<Exit, Exit> {
    let (project, connected) = begin(&arguments.server, folder, terminal)?;
    let saved = arguments.plan.as_deref().map(|path| read_plan(path, &connected)).transpose();
    let saved = saved.map_err(|message| {
        terminal.error(&message, None);
        Exit::Usage
    })?;
    let failed = arguments.resume.then(|| resume::failed(&project, &connected, terminal));
    let failed = failed.transpose()?;
    let loaded = load_targets(&project, &connected, terminal)?;
    note_undeployed(&project, &loaded, terminal);
    if !arguments.no_test {
        preflight(&project, terminal)?;
    }
    if connected.is_sandbox() {
        let count = terminal.answered(connected.run(fill(&connected.server, &project)))?;
        if count > 0 {
            let documents = plural(count, "document");
            terminal.message(&format!("sandbox: {documents} from fixtures put"));
        }
    }
    let command = Command {
        arguments,
        project: &project,
        connected: &connected,
        loaded: &loaded,
        saved,
        failed,
    };
    command.run(terminal)
}

/// Reads a saved plan for this server.
fn read_plan(path: &Path, connected: &Connected) -> Result<PlanFile, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("{shown}: cannot be read: {error}"))?;
    let plan = PlanFile::parse(&text).map_err(|error| format!("{shown}: {error}"))?;
    if plan.server != connected.server.url() {
        return Err(format!("{shown}: the plan is for `{}`", plan.server));
    }
    Ok(plan)
}

/// Runs checks and suites: what is wrong is not pushed.
fn preflight(project: &Project, terminal: &mut Terminal) -> Result<(), Exit> {
    let refuse = |terminal: &mut Terminal| {
        terminal.error("nothing was pushed", Some("`--no-test` pushes all the same"));
        Exit::Findings
    };
    let checked = check::check(project, Profile::SpiderMonkey);
    if !checked.findings.is_empty() {
        for finding in &checked.findings {
            terminal.error(finding, None);
        }
        return Err(refuse(terminal));
    }
    let options = RunOptions {
        profile: Profile::SpiderMonkey,
        filters: Vec::new(),
        fail_fast: false,
        update: false,
        jobs: std::thread::available_parallelism().map_or(1, usize::from),
    };
    let outcome = match suite::run(project, &options) {
        Ok(outcome) => outcome,
        Err(problems) => return Err(terminal.problems(&problems)),
    };
    if outcome.suites.is_empty() {
        return Ok(());
    }
    let style = human::Options { style: terminal.error_style, verbose: false };
    if outcome.is_failure() {
        for suite in &outcome.suites {
            terminal.message(human::suite(suite, style).trim_end());
        }
    }
    terminal.message(human::summary(&outcome, style).trim());
    if outcome.is_failure() { Err(refuse(terminal)) } else { Ok(()) }
}

struct Command<'a> {
    arguments: &'a PushArguments,
    project: &'a Project,
    connected: &'a Connected,
    loaded: &'a [Loaded<'a>],
    saved: Option<PlanFile>,
    /// With `--resume`: the databases to limit the push to.
    failed: Option<FailedPushes>,
}

impl Command<'_> {
    fn run(&self, terminal: &mut Terminal) -> Result<Exit, Exit> {
        let started = Instant::now();
        let arguments = self.arguments;
        let options = self
            .saved
            .as_ref()
            .map_or(Options { prune: arguments.prune, exact: arguments.exact }, |saved| {
                saved.options
            });
        let jobs = usize::from(arguments.jobs);
        let surveyed = self.connected.run(self.survey(options, jobs));
        let (places, surveys) = terminal.answered(surveyed)?;
        if let Some(failed) = &self.failed {
            resume::announce(failed, &places, self.connected, terminal);
        }
        let plan = surveys.plan(self.loaded, options);
        if let Some(saved) = &self.saved
            && let Err(moved) = saved.still_holds(&plan)
        {
            return Err(terminal.deploy_error(&moved.into()));
        }
        self.consent(&plan, terminal)?;
        let busy = plan.databases.iter().filter(|plan| !plan.is_empty()).count();
        // Of many databases the steps are too much to read.
        let quiet = arguments.format == DeployFormat::Json || busy > MANY;
        let progress = Progress::new(terminal.error_style, quiet);
        let push_options = PushOptions {
            plan: options,
            strategy: arguments.strategy.into(),
            keep_previous: arguments.keep_previous,
            jobs,
            readers: READERS,
            replan: self.saved.is_none(),
        };
        let mut outcomes: Vec<Outcome> = surveys
            .failed
            .into_iter()
            .map(|(database, error)| Outcome { database, error: Some(error.into()) })
            .collect();
        let pushed = self.connected.run(self.push(&places, plan, push_options, &progress));
        progress.end();
        outcomes.extend(pushed.ok_or_else(|| terminal.interrupted())?);
        outcomes.sort_by(|left, right| left.database.cmp(&right.database));
        let exit = report(
            "push",
            arguments.format,
            &outcomes,
            &progress,
            started,
            self.connected,
            terminal,
        );
        resume::note(self.project, self.connected, &outcomes, terminal);
        if exit == Exit::Success
            && self.connected.is_sandbox()
            && arguments.format == DeployFormat::Human
        {
            let asked = self.connected.run(first_query(&self.connected.server, &places));
            let text = terminal.answered(asked)?;
            terminal.data(&text.unwrap_or_default());
        }
        Ok(exit)
    }

    async fn survey(
        &self,
        options: Options,
        jobs: usize,
    ) -> Result<(Vec<Place<'_>>, Surveys), crate::server::ServerError> {
        let mut places = places(&self.connected.server, self.loaded).await?;
        if let Some(saved) = &self.saved {
            places.retain(|place| saved.databases.iter().any(|saved| saved.name == place.name));
        }
        if let Some(failed) = &self.failed {
            places.retain(|place| failed.contains(&place.name));
        }
        let surveys =
            survey_all(&self.connected.server, places.clone(), options, jobs.max(8)).await;
        Ok((places, surveys))
    }

    /// Shows the plan, and asks before a protected server is changed.
    fn consent(&self, plan: &Plan, terminal: &mut Terminal) -> Result<(), Exit> {
        if plan.is_empty() {
            return Ok(());
        }
        if self.arguments.format == DeployFormat::Human {
            let style = plan_text::Options { style: terminal.error_style, verbose: false };
            terminal.message(&plan_text::report(plan, style));
        }
        self.connected.consent(self.arguments.yes, "push this", terminal)
    }

    /// Pushes all databases; what goes wrong in one is nothing to the others.
    async fn push(
        &self,
        places: &[Place<'_>],
        plan: Plan,
        options: PushOptions,
        progress: &Progress,
    ) -> Vec<Outcome> {
        let busy = plan.databases.iter().filter(|plan| !plan.is_empty()).count();
        // Several databases share what may be built at a time.
        let options = PushOptions { jobs: (options.jobs / busy.max(1)).max(1), ..options };
        let pushes = plan.databases.into_iter().filter_map(|plan| {
            let place = places.iter().find(|place| place.name == plan.name)?;
            let database = self.connected.server.database(&place.name);
            let target = place.target;
            Some(async move {
                let error: Option<DeployError> =
                    push(&database, target, plan, options, progress).await.err();
                Outcome { database: database.name().to_owned(), error }
            })
        });
        stream::iter(pushes).buffer_unordered(usize::from(self.arguments.jobs)).collect().await
    }
}
