//! `couchctl diff`

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;

use super::deployment::{begin, load_targets, note_undeployed};
use super::schema_changes::{self, Changed};
use super::server::{Connected, ServerArguments};
use super::{ProfileArgument, Terminal};
use crate::deploy::plan::{self, PlanFile};
use crate::deploy::{Loaded, Survey, Surveys, ViewRows, places, row_changes, survey_all};
use crate::engine::{Engine, Limits};
use crate::exit::Exit;
use crate::project::{Project, ProjectError};
use crate::report::plan::schemas::{self, SchemaChanges};
use crate::report::plan::{human, markdown, rows};
use crate::report::terminal::escape;
use crate::server::ServerError;

/// Show what a push would change on a server.
///
/// For every design document: whether it is new, changed or unchanged, which members differ, and what
/// becomes of its index. Nothing is written.
#[expect(clippy::struct_excessive_bools, reason = "independent flags")]
#[derive(Debug, Args)]
pub(super) struct DiffArguments {
    #[command(flatten)]
    server: ServerArguments,
    /// How to show the plan
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// End with exit code 1 when a push would change something, or documents become invalid
    #[arg(long)]
    exit_code: bool,
    /// Save the plan, for `couchctl push` of exactly this
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Plan to delete design documents that the project does not have
    #[arg(long)]
    prune: bool,
    /// Plan to push white space, comments and the order of members too
    #[arg(long)]
    exact: bool,
    /// Run the old and the new map functions over so many documents and show which rows change
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rows: Option<u32>,
    /// The JavaScript engine to behave as, for --rows
    #[arg(long, value_enum, default_value_t = ProfileArgument::Spidermonkey)]
    profile: ProfileArgument,
    /// Tell also which changes of schemas since this commit, branch or tag make documents of the server
    /// invalid, and how many
    #[arg(long, value_name = "GIT_REF")]
    against: Option<String>,
    /// For --against, look at so many documents of each database, chosen at random [default: all]
    #[arg(long, value_name = "N", requires = "against")]
    sample: Option<usize>,
    /// Databases asked at the same time
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: u16,
    /// Show unchanged design documents and members that mean the same too
    #[arg(long, short)]
    verbose: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Human,
    /// For programs, as saved by --out
    Json,
    /// For a comment on a pull request
    Markdown,
}

pub(super) fn run(
    arguments: &DiffArguments,
    folder: Option<&Path>,
    terminal: &mut Terminal,
) -> Result<Exit, Exit> {
    let (project, connected) = begin(&arguments.server, folder, terminal)?;
    let loaded = load_targets(&project, &connected, terminal)?;
    note_undeployed(&project, &loaded, terminal);
    let options = plan::Options { prune: arguments.prune, exact: arguments.exact };
    let surveys = connected
        .run(surveys(arguments, &connected, &loaded, options))
        .ok_or(Exit::Interrupted)?
        .map_err(|error| terminal.server_error(&error))?;
    let rows = match arguments.rows {
        None => Vec::new(),
        Some(count) => changed_rows(arguments, &connected, &surveys, count)
            .ok_or(Exit::Interrupted)?
            .map_err(|error| terminal.server_error(&error))?,
    };
    let plan = surveys.plan(&loaded, options);
    let file = PlanFile::new(&plan, connected.server.url());
    if let Some(path) = &arguments.out {
        if !surveys.failed.is_empty() {
            terminal.message("the plan is not saved, since it is not complete");
        } else if let Err(error) = std::fs::write(path, file.to_json()) {
            terminal.error(&format!("{} cannot be written: {error}", path.display()), None);
            return Err(Exit::Usage);
        }
    }
    let changed = match arguments.against.as_deref() {
        None => Vec::new(),
        Some(against) => {
            changed_schemas(arguments, against, &project, &connected, &loaded, terminal)?
        }
    };
    let style = human::Options { style: terminal.style, verbose: arguments.verbose };
    let reports = rows.iter().map(|(database, views)| (database.as_str(), views.as_slice()));
    let told: Vec<SchemaChanges<'_>> = changed
        .iter()
        .map(|changed| SchemaChanges {
            database: &changed.key,
            impact: &changed.impact,
            databases: changed.databases,
            sampled: arguments.sample.is_some(),
        })
        .collect();
    match arguments.format {
        Format::Human => {
            terminal.data(&human::report(&plan, style));
            if let Some(against) = &arguments.against {
                terminal.data(&format!("\n{}", schemas::report(against, &told, terminal.style)));
            }
            for (database, views) in reports {
                terminal.data(&rows::report(database, views, terminal.style));
            }
        }
        Format::Json => {
            let mut report = json_report(&file, &surveys, &rows);
            if let Some(against) = &arguments.against {
                report["schemas"] = schemas::json(against, &told);
            }
            terminal.data(&format!("{report:#}\n"));
        }
        Format::Markdown => {
            terminal.data(&markdown::report(&plan));
            if let Some(against) = &arguments.against {
                terminal.data(&schemas::markdown(against, &told));
            }
            terminal.data(&markdown::rows(reports));
        }
    }
    let is_fine = changed.iter().all(|changed| changed.impact.counted.invalid == 0);
    Ok(ended(arguments, &surveys, plan.is_empty() && is_fine, terminal))
}

/// The rows that change in a database.
type RowsOf = (String, Vec<ViewRows>);

/// The saved plan, with what is not saved: databases that could not be planned, and rows.
fn json_report(file: &PlanFile, surveys: &Surveys, rows: &[RowsOf]) -> serde_json::Value {
    let mut report = serde_json::json!(file);
    report["failed"] = surveys
        .failed
        .iter()
        .map(|(database, error)| json!({ "database": database, "message": error.to_string() }))
        .collect();
    report["rows"] = rows
        .iter()
        .map(|(database, views)| json!({ "database": database, "views": views }))
        .collect();
    report
}

/// The databases whose schemas changed, with the documents that become invalid by that.
fn changed_schemas(
    arguments: &DiffArguments,
    against: &str,
    project: &Project,
    connected: &Connected,
    loaded: &[Loaded<'_>],
    terminal: &mut Terminal,
) -> Result<Vec<Changed>, Exit> {
    let (mut changed, problems) = schema_changes::since(project, against).map_err(|message| {
        terminal.error(&message, None);
        Exit::Usage
    })?;
    if !problems.is_empty() {
        return Err(terminal.problems(&ProjectError { problems }));
    }
    changed.retain(|changed| loaded.iter().any(|loaded| loaded.database.key == changed.key));
    if changed.is_empty() {
        return Ok(changed);
    }
    let places = match connected.run(places(&connected.server, loaded)) {
        None => return Err(Exit::Interrupted),
        Some(Err(error)) => return Err(terminal.server_error(&error)),
        Some(Ok(places)) => places,
    };
    for database in &mut changed {
        match database.count(connected, &places, arguments.sample) {
            None => return Err(Exit::Interrupted),
            Some(Err(error)) => return Err(terminal.server_error(&error)),
            Some(Ok(())) => {}
        }
    }
    Ok(changed)
}

async fn surveys(
    arguments: &DiffArguments,
    connected: &Connected,
    loaded: &[Loaded<'_>],
    options: plan::Options,
) -> Result<Surveys, ServerError> {
    let places = places(&connected.server, loaded).await?;
    Ok(survey_all(&connected.server, places, options, usize::from(arguments.jobs)).await)
}

/// The rows that change, by database; `None` when interrupted.
fn changed_rows(
    arguments: &DiffArguments,
    connected: &Connected,
    surveys: &Surveys,
    count: u32,
) -> Option<Result<Vec<RowsOf>, ServerError>> {
    let mut engine = Engine::new(arguments.profile.into(), Limits::default());
    let mut rows = Vec::new();
    for Survey { server, plan } in &surveys.surveys {
        let changing: Vec<_> = plan
            .puts()
            .filter_map(|(design, _)| Some((design, server.design(&design.id)?)))
            .collect();
        if changing.is_empty() {
            continue;
        }
        let database = connected.server.database(&plan.name);
        let documents = match connected.run(database.first_documents(count as usize))? {
            Ok(documents) => documents,
            Err(error) => return Some(Err(error)),
        };
        let views = changing.into_iter().flat_map(|(design, current)| {
            row_changes(&mut engine, current, design, plan.partitioned, &documents)
        });
        rows.push((plan.name.clone(), views.collect()));
    }
    Some(Ok(rows))
}

fn ended(
    arguments: &DiffArguments,
    surveys: &Surveys,
    is_empty: bool,
    terminal: &mut Terminal,
) -> Exit {
    for (database, error) in &surveys.failed {
        terminal.error(&format!("{}: {error}", escape(database)), error.hint());
    }
    if !surveys.failed.is_empty() {
        Exit::Server
    } else if arguments.exit_code && !is_empty {
        Exit::Findings
    } else {
        Exit::Success
    }
}
