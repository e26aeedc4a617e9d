//! `couchctl query`

mod documents;
mod parameters;
mod table;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use self::parameters::ParameterArguments;
pub(super) use self::table::table;
use super::{ProfileArgument, Terminal, open};
use crate::design::DesignDocument;
use crate::document::{Database, DocumentError};
use crate::engine::{Engine, Limits};
use crate::exit::Exit;
use crate::group::{BuildFailure, GroupDefinition, Request, ViewGroup};
use crate::json;
use crate::project::{self, Project, did_you_mean};
use crate::report::terminal::escape;
use crate::view::{Context, QueryError};

/// Answer a query of one view over documents from files.
///
/// With --format json the answer is what CouchDB would put into the body of its response, byte for
/// byte.
#[derive(Debug, Args)]
pub(super) struct QueryArguments {
    /// The view: <database>/<design document>/<view>, or without the database where that is clear
    view: String,
    /// Files of documents, - for standard input: JSON, one per line, or listings of CouchDB
    #[arg(default_value = "-")]
    files: Vec<PathBuf>,
    /// How to print the answer
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// The JavaScript engine to behave as
    #[arg(long, value_enum, default_value_t = ProfileArgument::Spidermonkey)]
    profile: ProfileArgument,
    /// Number of shards of the database (q)
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    shards: u16,
    #[command(flatten)]
    parameters: ParameterArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Columns
    Table,
    /// The body of CouchDB's response
    Json,
}

pub(super) fn run(
    arguments: &QueryArguments,
    folder: Option<&Path>,
    terminal: &mut Terminal,
) -> Exit {
    let project = match open(folder) {
        Ok(project) => project,
        Err(problems) => return terminal.problems(&problems),
    };
    let found = match find(&project, &arguments.view) {
        Ok(found) => found,
        Err((message, hint)) => {
            terminal.error(&message, hint.as_deref());
            return Exit::Usage;
        }
    };
    let body = match arguments.parameters.body.as_deref().map(json::parse_str).transpose() {
        Ok(body) => body,
        Err(error) => {
            terminal.error(&format!("--body is not JSON: {error}"), None);
            return Exit::Usage;
        }
    };
    let request = Request {
        view: found.view.to_owned(),
        parameters: arguments.parameters.pairs(),
        body,
        queries: false,
        partition: arguments.parameters.partition.clone(),
    };
    let definition = GroupDefinition::new(&found.design.body);
    let partitioned = found.database.config.partitioned;
    let outcome = ViewGroup::check(&definition, partitioned, &request)
        .map_err(Failure::Refused)
        .and_then(|_| answer(arguments, &definition, partitioned, &request, terminal));
    match outcome {
        Ok(body) => {
            match arguments.format {
                Format::Json => terminal.data(&body),
                Format::Table => terminal.data(&table(&body)),
            }
            Exit::Success
        }
        Err(Failure::Refused(error)) => {
            let views = found.design.body.get("views").and_then(json::Value::as_object);
            let names = views.into_iter().flat_map(json::Map::keys).map(String::as_str);
            let is_known = names.clone().any(|name| name == found.view);
            let like = did_you_mean(found.view, names).filter(|_| !is_known);
            let hint = like.map(|like| format!("did you mean `{like}`?"));
            refuse(arguments.format, &error, hint.as_deref(), terminal)
        }
        Err(Failure::Build(failure)) => {
            if let Some(document) = &failure.document {
                terminal.message(&format!("the build failed at document `{}`", escape(document)));
            }
            refuse(arguments.format, &failure.to_query_error(), None, terminal)
        }
        Err(Failure::Documents(error)) => {
            terminal.error(&error.to_string(), error.hint());
            Exit::Usage
        }
    }
}

/// Why there is no answer.
enum Failure {
    /// CouchDB would refuse the request.
    Refused(QueryError),
    /// CouchDB could not build the views.
    Build(BuildFailure),
    /// The documents cannot be read.
    Documents(DocumentError),
}

/// Builds the views and asks them. Documents that the answer does not show are not kept.
fn answer(
    arguments: &QueryArguments,
    definition: &GroupDefinition,
    partitioned: bool,
    request: &Request,
    terminal: &mut Terminal,
) -> Result<String, Failure> {
    let shards = usize::from(arguments.shards);
    let mut database = Database::new(shards, partitioned);
    let mut engine = Engine::new(arguments.profile.into(), Limits::default());
    let mut group = ViewGroup::empty(definition.clone(), shards, partitioned);
    let shows_documents = shows_documents(request) || definition.local_seq;
    let mapped = if shows_documents {
        documents::load(&arguments.files, &mut database).map_err(Failure::Documents)?;
        group.map(&mut engine, database.documents_for(definition))
    } else {
        let stream = documents::Stream::new(&arguments.files, definition, shards, partitioned);
        let failure = stream.failure();
        let mapped = group.map(&mut engine, stream);
        if let Some(error) = failure.lock().ok().and_then(|mut failure| failure.take()) {
            return Err(Failure::Documents(error));
        }
        mapped
    };
    let mapped = mapped.map_err(Failure::Build)?;
    group.write(&mut engine, mapped, Vec::new()).map_err(Failure::Build)?;
    for thrown in &group.thrown {
        terminal.message(&format!("log: {}", escape(&thrown.message)));
    }
    let partition = request.partition.as_deref();
    let context = Context {
        documents: Some(&database),
        update_seq: "0",
        partition_shard: partition.map_or(0, |name| database.shard_of_partition(name)),
    };
    group.respond(&mut engine, request, &context).map_err(Failure::Refused)
}

/// Whether the answer may hold documents, of any query that the body may hold.
fn shows_documents(request: &Request) -> bool {
    let in_parameters = request.parameters.iter().any(|(name, _)| name == "include_docs");
    in_parameters || request.body.as_ref().is_some_and(|body| body.get("include_docs").is_some())
}

/// What a view's name on the command line stands for.
struct Found<'a> {
    database: &'a project::Database,
    design: &'a DesignDocument,
    view: &'a str,
}

/// Finds a view by `<database>/<design document>/<view>`, the database left out where that is clear.
/// Otherwise tells what is wrong and the next step.
fn find<'a>(project: &'a Project, name: &'a str) -> Result<Found<'a>, (String, Option<String>)> {
    let parts: Vec<&str> = name.split('/').collect();
    let (wanted, design, view) = match parts.as_slice() {
        [design, view] => (None, *design, *view),
        [database, design, view] => (Some(*database), *design, *view),
        _ => {
            let hint = "write <database>/<design document>/<view>".to_owned();
            return Err((format!("`{name}` names no view"), Some(hint)));
        }
    };
    let all = || {
        let databases = project.databases.iter();
        databases.flat_map(|database| database.designs.iter().map(move |found| (database, found)))
    };
    let found: Vec<_> = all()
        .filter(|(database, found)| {
            let here = wanted.is_none_or(|name| name == database.key || name == database.name);
            here && found.name() == design
        })
        .collect();
    match found.as_slice() {
        [(database, design)] => Ok(Found { database, design, view }),
        [] => {
            let name = wanted.map_or_else(|| design.to_owned(), |name| format!("{name}/{design}"));
            let names: Vec<String> = all()
                .map(|(database, found)| match wanted {
                    Some(_) => format!("{}/{}", database.key, found.name()),
                    None => found.name().to_owned(),
                })
                .collect();
            let like = did_you_mean(&name, names.iter().map(String::as_str));
            let hint = like.map(|like| format!("did you mean `{like}`?"));
            Err((format!("there is no design document `{name}`"), hint))
        }
        _ => Err((
            format!("several databases have a design document `{design}`"),
            Some("name the database too".to_owned()),
        )),
    }
}

fn refuse(format: Format, error: &QueryError, hint: Option<&str>, terminal: &mut Terminal) -> Exit {
    match format {
        Format::Json => terminal.data(&error.body(None)),
        Format::Table => terminal.error(&format!("CouchDB answers {} {error}", error.status), hint),
    }
    Exit::Findings
}
