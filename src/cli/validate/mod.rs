//! `couchctl validate`

mod live;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, ValueEnum};
use indicatif::ProgressBar;

use super::server::ServerArguments;
use super::{Terminal, open};
use crate::document::{DocumentError, DocumentFile, RawDocument};
use crate::exit::Exit;
use crate::project::{CONFIG_FILE, Database, Fault, Problem, Project, ProjectError, did_you_mean};
use crate::report::validation::{github, human, json, junit, sarif};
use crate::schema::{Schemas, Summary, stream};

/// Check documents against the schemas of a database.
///
/// Documents come from files, or from the database of a server (`--env`, or `COUCHDB_URL`).
///
/// Files may hold one document, documents one per line or after another, an array, the output of
/// `_all_docs`, `_find`, `_changes` or a view with documents, or a couchbackup; each may be compressed
/// with gzip or zstd.
#[derive(Debug, Args)]
pub(super) struct ValidateArguments {
    /// Files, patterns of files, or `-` for standard input; without any, the documents of a server
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Check all documents as this type, whatever they say they are
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// How to report
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// How many invalid documents are shown one by one [default: 20, and 1000 for programs]
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Documents checked at a time [default: the number of processors]
    #[arg(long, short, value_name = "N")]
    jobs: Option<usize>,
    /// Check only so many documents of the server, chosen at random
    #[arg(long, value_name = "N", conflicts_with_all = ["files", "since", "resume"])]
    sample: Option<usize>,
    /// Check only documents of the server that changed after this sequence
    #[arg(long, value_name = "SEQUENCE", conflicts_with = "files")]
    since: Option<String>,
    /// Documents asked for at a time
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    page: u16,
    /// Note here how far the documents of the server were checked, and go on from there
    #[arg(long, value_name = "FILE", conflicts_with = "files")]
    resume: Option<PathBuf>,
    #[command(flatten)]
    server: ServerArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Human,
    /// One JSON object
    Json,
    /// JUnit XML
    Junit,
    /// SARIF 2.1.0
    Sarif,
    /// Annotations for GitHub
    Github,
}

pub(super) fn run(
    arguments: &ValidateArguments,
    folder: Option<&Path>,
    terminal: &mut Terminal,
) -> Exit {
    let project = match open(folder) {
        Ok(project) => project,
        Err(problems) => return terminal.problems(&problems),
    };
    let schemas = match schemas(&project, arguments.server.database()) {
        Ok(schemas) => schemas,
        Err(problems) => return terminal.problems(&problems),
    };
    let schema = match &arguments.kind {
        None => None,
        Some(name) => match schemas.types.iter().position(|schema| schema.name == *name) {
            Some(index) => Some(index),
            None => {
                let names = schemas.types.iter().map(|schema| schema.name.as_str());
                let like = did_you_mean(name, names).map(|like| format!("did you mean `{like}`?"));
                terminal.error(&format!("there is no schema `{name}`"), like.as_deref());
                return Exit::Usage;
            }
        },
    };
    let limit = arguments.limit.unwrap_or(match arguments.format {
        Format::Human => 20,
        _ => 1000,
    });
    let mut run = Run {
        schemas: &schemas,
        options: stream::Options {
            schema,
            jobs: arguments
                .jobs
                .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)),
        },
        summary: Summary::new(&schemas.database, limit),
        seen: stream::Counts::default(),
        bar: ProgressBar::new_spinner(),
        started: Instant::now(),
    };
    if arguments.files.is_empty() {
        return live::run(arguments, &project, run, terminal);
    }
    let files = match expand(&arguments.files) {
        Ok(files) => files,
        Err(message) => {
            terminal.error(&message, Some("a pattern that matches nothing checks nothing"));
            return Exit::Usage;
        }
    };
    let documents = files.into_iter().flat_map(|path| Documents::open(&path));
    let checked = run.check(documents, &mut |_| true);
    run.bar.finish_and_clear();
    match checked {
        Ok(()) => run.report(arguments.format, terminal),
        Err(error) => {
            // What was found before it is still worth telling.
            if arguments.format == Format::Human && run.seen.invalid > 0 {
                run.report(arguments.format, terminal);
            }
            terminal.error(&error.to_string(), error.hint());
            Exit::Usage
        }
    }
}

/// A run over documents.
struct Run<'a> {
    schemas: &'a Schemas,
    options: stream::Options,
    summary: Summary,
    /// How many were checked, those of interrupted runs included.
    seen: stream::Counts,
    bar: ProgressBar,
    started: Instant,
}

impl Run<'_> {
    /// Checks documents, until there are no more or `goes_on` says no.
    fn check(
        &mut self,
        documents: impl Iterator<Item = Result<RawDocument, DocumentError>> + Send,
        goes_on: &mut dyn FnMut(stream::Counts) -> bool,
    ) -> Result<(), DocumentError> {
        let (summary, seen, bar) = (&mut self.summary, &mut self.seen, &self.bar);
        let before = *seen;
        stream::check(
            self.schemas,
            documents,
            &self.options,
            &mut |document| summary.add(document),
            &mut |counts| {
                *seen = before + counts;
                bar.set_message(format!(
                    "{} documents, {} invalid",
                    seen.documents(),
                    seen.invalid
                ));
                goes_on(counts)
            },
        )
        .map(|_| ())
    }

    /// Tells what was found.
    fn report(&mut self, format: Format, terminal: &mut Terminal) -> Exit {
        let summary = &mut self.summary;
        summary.finish(self.seen, self.started.elapsed());
        let text = match format {
            Format::Human => human::report(summary, terminal.style),
            Format::Json => json::report(summary),
            Format::Junit => junit::report(summary),
            Format::Sarif => sarif::report(summary),
            Format::Github => {
                github::annotations(summary) + &human::report(summary, terminal.style)
            }
        };
        terminal.data(&text);
        if self.seen.invalid > 0 { Exit::Findings } else { Exit::Success }
    }
}

/// The schemas of the database that is meant.
fn schemas(project: &Project, wanted: Option<&str>) -> Result<Schemas, ProjectError> {
    let databases = databases(project, wanted)?;
    let [database] = databases.as_slice() else {
        let names: Vec<String> =
            databases.iter().map(|database| format!("`{}`", database.key)).collect();
        let message = format!("several databases have schemas: {}", names.join(", "));
        return Err(refused(message, "choose one with --database"));
    };
    Schemas::load(project, database).map_err(|problems| ProjectError { problems })
}

/// The database that is meant, or all that have schemas.
pub(super) fn databases<'a>(
    project: &'a Project,
    wanted: Option<&str>,
) -> Result<Vec<&'a Database>, ProjectError> {
    let Some(name) = wanted else {
        let databases = project.databases.iter();
        let databases: Vec<&Database> =
            databases.filter(|database| !database.schemas.is_empty()).collect();
        if databases.is_empty() {
            let hint = "schemas are files schemas/<database>/<type>.schema.json";
            return Err(refused("the project has no schemas".to_owned(), hint));
        }
        return Ok(databases);
    };
    let Some(database) = project.database(name) else {
        let names = project.databases.iter().map(|database| database.key.as_str());
        let like = did_you_mean(name, names).map(str::to_owned);
        let fault = Fault::Unknown { message: format!("there is no database `{name}`"), like };
        return Err(Problem::new(Path::new(CONFIG_FILE), fault).into());
    };
    if database.schemas.is_empty() {
        let hint = format!("schemas are files schemas/{}/<type>.schema.json", database.key);
        return Err(refused(format!("the database `{}` has no schemas", database.name), &hint));
    }
    Ok(vec![database])
}

fn refused(message: String, hint: &str) -> ProjectError {
    let fault = Fault::Schema { message, hint: Some(hint.to_owned()) };
    Problem::new(Path::new("schemas"), fault).into()
}

/// Patterns become the files they match; a file that exists stands for itself.
fn expand(files: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let mut expanded = Vec::new();
    for file in files {
        let text = file.to_string_lossy();
        if text == "-" || file.exists() || !text.contains(['*', '?', '[']) {
            expanded.push(file.clone());
            continue;
        }
        let found =
            glob::glob(&text).map_err(|error| format!("the pattern `{text}`: {}", error.msg))?;
        let before = expanded.len();
        expanded.extend(found.filter_map(Result::ok).filter(|path| path.is_file()));
        if expanded.len() == before {
            return Err(format!("no file matches `{text}`"));
        }
    }
    Ok(expanded)
}

/// The documents of a file, or why there are none.
enum Documents {
    Open(DocumentFile<Box<dyn Read + Send>>),
    Failed(Option<DocumentError>),
}

impl Documents {
    fn open(path: &Path) -> Self {
        match DocumentFile::open_any(path) {
            Ok(file) => Self::Open(file),
            Err(error) => Self::Failed(Some(error)),
        }
    }
}

impl Iterator for Documents {
    type Item = Result<RawDocument, DocumentError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Open(file) => file.next(),
            Self::Failed(error) => error.take().map(Err),
        }
    }
}
