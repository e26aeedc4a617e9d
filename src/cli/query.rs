//! `couchctl query`

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::{ProfileArgument, Terminal, open};
use crate::document::{Database, DocumentFile, RawDocument};
use crate::engine::{Engine, Limits};
use crate::exit::Exit;
use crate::group::{GroupDefinition, GroupDocument, Request, ViewGroup};
use crate::json::{self, Value};
use crate::project::did_you_mean;
use crate::report::terminal::escape;
use crate::view::Context;

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

/// CouchDB's query parameters.
#[derive(Debug, Args)]
#[command(next_help_heading = "Query parameters")]
struct ParameterArguments {
    /// Only rows with this key
    #[arg(long, value_name = "JSON")]
    key: Option<String>,
    /// Rows with these keys, in this order
    #[arg(long, value_name = "JSON")]
    keys: Option<String>,
    /// Where to start
    #[arg(long, value_name = "JSON", alias = "start-key")]
    startkey: Option<String>,
    /// Where to end
    #[arg(long, value_name = "JSON", alias = "end-key")]
    endkey: Option<String>,
    /// The document to start with among rows with the start key
    #[arg(long, value_name = "ID")]
    startkey_docid: Option<String>,
    /// The document to end with among rows with the end key
    #[arg(long, value_name = "ID")]
    endkey_docid: Option<String>,
    /// At most so many rows
    #[arg(long, value_name = "N")]
    limit: Option<String>,
    /// Leave out so many rows first
    #[arg(long, value_name = "N")]
    skip: Option<String>,
    /// From the last row to the first
    #[arg(long)]
    descending: bool,
    /// Whether rows with the end key belong to the range
    #[arg(long, value_name = "BOOLEAN")]
    inclusive_end: Option<String>,
    /// Whether to reduce
    #[arg(long, value_name = "BOOLEAN")]
    reduce: Option<String>,
    /// One row per key
    #[arg(long)]
    group: bool,
    /// One row per so many elements of array keys
    #[arg(long, value_name = "N")]
    group_level: Option<String>,
    /// With the documents
    #[arg(long)]
    include_docs: bool,
    /// With the conflicts of the documents
    #[arg(long)]
    conflicts: bool,
    /// With the attachments of the documents
    #[arg(long)]
    attachments: bool,
    /// With how attachments are stored
    #[arg(long)]
    att_encoding_info: bool,
    /// With the sequence number of the view
    #[arg(long)]
    update_seq: bool,
    /// Whether rows are merged in order
    #[arg(long, value_name = "BOOLEAN")]
    sorted: Option<String>,
    /// Whether the same copies answer every time
    #[arg(long, value_name = "BOOLEAN")]
    stable: Option<String>,
    /// Old name of stable and update
    #[arg(long, value_name = "VALUE")]
    stale: Option<String>,
    /// Whether the index is brought up to date
    #[arg(long, value_name = "VALUE")]
    update: Option<String>,
    /// The partition to ask
    #[arg(long, value_name = "NAME")]
    partition: Option<String>,
    /// The body of a POST, as JSON
    #[arg(long, value_name = "JSON")]
    body: Option<String>,
}

impl ParameterArguments {
    fn pairs(&self) -> Vec<(String, String)> {
        let flag = |set: bool| set.then(|| "true".to_owned());
        let values: [(&str, Option<String>); 22] = [
            ("key", self.key.clone()),
            ("keys", self.keys.clone()),
            ("startkey", self.startkey.clone()),
            ("endkey", self.endkey.clone()),
            ("startkey_docid", self.startkey_docid.clone()),
            ("endkey_docid", self.endkey_docid.clone()),
            ("limit", self.limit.clone()),
            ("skip", self.skip.clone()),
            ("descending", flag(self.descending)),
            ("inclusive_end", self.inclusive_end.clone()),
            ("reduce", self.reduce.clone()),
            ("group", flag(self.group)),
            ("group_level", self.group_level.clone()),
            ("include_docs", flag(self.include_docs)),
            ("conflicts", flag(self.conflicts)),
            ("attachments", flag(self.attachments)),
            ("att_encoding_info", flag(self.att_encoding_info)),
            ("update_seq", flag(self.update_seq)),
            ("sorted", self.sorted.clone()),
            ("stable", self.stable.clone()),
            ("stale", self.stale.clone()),
            ("update", self.update.clone()),
        ];
        values
            .into_iter()
            .filter_map(|(name, value)| value.map(|value| (name.to_owned(), value)))
            .collect()
    }
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
    let parts: Vec<&str> = arguments.view.split('/').collect();
    let (wanted, design, view) = match parts.as_slice() {
        [design, view] => (None, *design, *view),
        [database, design, view] => (Some(*database), *design, *view),
        _ => {
            terminal.error(
                &format!("`{}` names no view", arguments.view),
                Some("write <database>/<design document>/<view>"),
            );
            return Exit::Usage;
        }
    };
    let mut found = Vec::new();
    let mut names = Vec::new();
    for database in &project.databases {
        for candidate in &database.designs {
            names.push(format!("{}/{}", database.key, candidate.name()));
            let here = wanted.is_none_or(|name| name == database.key || name == database.name);
            if here && candidate.name() == design {
                found.push((database, candidate));
            }
        }
    }
    let [(database, design)] = found.as_slice() else {
        if found.is_empty() {
            let name =
                wanted.map_or_else(|| design.to_owned(), |database| format!("{database}/{design}"));
            let hint = did_you_mean(&name, names.iter().map(String::as_str))
                .map(|name| format!("did you mean `{name}`?"));
            terminal.error(&format!("there is no design document `{name}`"), hint.as_deref());
        } else {
            terminal.error(
                &format!("several databases have a design document `{design}`"),
                Some("name the database too"),
            );
        }
        return Exit::Usage;
    };
    let body = match arguments.parameters.body.as_deref().map(json::parse_str) {
        None => None,
        Some(Ok(body)) => Some(body),
        Some(Err(error)) => {
            terminal.error(&format!("--body is not JSON: {error}"), None);
            return Exit::Usage;
        }
    };
    let partitioned = database.config.partitioned;
    let definition = GroupDefinition::new(&design.body);
    let request = Request {
        view: view.to_owned(),
        parameters: arguments.parameters.pairs(),
        body,
        queries: false,
        partition: arguments.parameters.partition.clone(),
    };
    if let Err(error) = ViewGroup::check(&definition, partitioned, &request) {
        return refuse(arguments.format, &error, terminal);
    }
    let mut database = Database::new(usize::from(arguments.shards), partitioned);
    let streamed = match read(arguments, &definition, &mut database) {
        Ok(streamed) => streamed,
        Err(message) => {
            terminal.error(&message, None);
            return Exit::Usage;
        }
    };
    let documents = streamed.unwrap_or_else(|| database.documents_for(&definition));
    let mut engine = Engine::new(arguments.profile.into(), Limits::default());
    let built =
        ViewGroup::build(&mut engine, definition, database.shards(), partitioned, documents);
    let group = match built {
        Ok(group) => group,
        Err(failure) => {
            if let Some(document) = &failure.document {
                terminal.message(&format!("the build failed at document `{}`", escape(document)));
            }
            return refuse(arguments.format, &failure.to_query_error(), terminal);
        }
    };
    for thrown in &group.thrown {
        terminal.message(&format!("log: {}", escape(&thrown.message)));
    }
    let partition_shard =
        request.partition.as_ref().map_or(0, |name| database.shard_of_partition(name));
    let context = Context { documents: Some(&database), update_seq: "0", partition_shard };
    match group.respond(&mut engine, &request, &context) {
        Ok(body) => {
            match arguments.format {
                Format::Json => terminal.data(&body),
                Format::Table => terminal.data(&table(&body)),
            }
            Exit::Success
        }
        Err(error) => refuse(arguments.format, &error, terminal),
    }
}

fn refuse(format: Format, error: &crate::view::QueryError, terminal: &mut Terminal) -> Exit {
    match format {
        Format::Json => terminal.data(&error.body(None)),
        Format::Table => terminal.error(&format!("CouchDB answers {} {error}", error.status), None),
    }
    Exit::Findings
}

/// Reads the documents. Where no document is shown and every one has its `_rev`, their texts go to
/// the map functions as they are; otherwise they are kept in a database.
fn read(
    arguments: &QueryArguments,
    definition: &GroupDefinition,
    database: &mut Database,
) -> Result<Option<Vec<GroupDocument>>, String> {
    let direct = !arguments.parameters.include_docs
        && !definition.include_design
        && !definition.local_seq
        && arguments.parameters.body.is_none();
    let mut texts = Vec::new();
    let mut ids = std::collections::HashSet::new();
    let mut keep = direct;
    for file in &arguments.files {
        let input: Box<dyn Read> = if file.as_os_str() == "-" {
            Box::new(std::io::stdin().lock())
        } else {
            let opened = File::open(file);
            Box::new(
                opened.map_err(|error| format!("{}: cannot be read: {error}", file.display()))?,
            )
        };
        let name =
            if file.as_os_str() == "-" { "stdin".to_owned() } else { file.display().to_string() };
        for document in DocumentFile::new(input, name) {
            let document = document.map_err(|error| error.to_string())?;
            let id = document.id().map_err(|error| error.to_string())?;
            if keep && is_plain(&document.text) && !id.starts_with('_') {
                if !ids.insert(std::sync::Arc::clone(&id)) {
                    return Err(format!(
                        "{}:{}: a second document `{id}`",
                        document.source, document.line
                    ));
                }
                let shard = database.shard_of(&id);
                texts
                    .push((GroupDocument { id, shard, text: document.text.into() }, document.line));
                continue;
            }
            if keep {
                // From here on all documents go through the database.
                keep = false;
                for (earlier, line) in texts.drain(..) {
                    let source = std::sync::Arc::clone(&document.source);
                    save(&RawDocument { text: earlier.text.to_string(), line, source }, database)?;
                }
            }
            save(&document, database)?;
        }
    }
    Ok(keep.then(|| texts.into_iter().map(|(document, _)| document).collect()))
}

/// Whether a map function sees exactly this text: it has a `_rev`, and nothing that the database
/// would change.
fn is_plain(text: &str) -> bool {
    text.contains("\"_rev\":")
        && ![
            "\"_attachments\"",
            "\"_deleted\"",
            "\"_revisions\"",
            "\"_conflicts\"",
            "\"_revs_info\"",
        ]
        .iter()
        .any(|member| text.contains(member))
}

fn save(document: &RawDocument, database: &mut Database) -> Result<(), String> {
    let place = |line: usize, message: &str| format!("{}:{line}: {message}", document.source);
    match json::parse_str(&document.text) {
        Ok(Value::Object(members)) => {
            database.load(&members).map_err(|error| place(document.line, &error.to_string()))
        }
        Ok(_) => Err(place(document.line, "a document must be an object")),
        Err(error) => Err(place(document.line + error.line - 1, &error.message)),
    }
}

/// The answer in columns.
pub(super) fn table(body: &str) -> String {
    let answer = json::parse_str(body).unwrap_or_default();
    let rows = answer.get("rows").and_then(Value::as_array).cloned().unwrap_or_default();
    let columns: Vec<&str> = ["id", "key", "value", "doc", "error", "reason"]
        .into_iter()
        .filter(|column| rows.iter().any(|row| row.get(column).is_some()))
        .collect();
    let mut lines: Vec<Vec<String>> =
        vec![columns.iter().map(|column| (*column).to_owned()).collect()];
    for row in &rows {
        lines.push(
            columns
                .iter()
                .map(|column| match row.get(column) {
                    Some(Value::String(text)) if *column == "id" => escape(text),
                    Some(value) => escape(&json::to_string(value)),
                    None => String::new(),
                })
                .collect(),
        );
    }
    let width =
        |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let cells: Vec<String> =
            line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    let shown = if rows.len() == 1 { "1 row".to_owned() } else { format!("{} rows", rows.len()) };
    match (answer.get("total_rows"), answer.get("offset")) {
        (Some(total), Some(offset)) => {
            text.push_str(&format!("{shown} of {total}, offset {offset}\n"));
        }
        _ => text.push_str(&format!("{shown}\n")),
    }
    text
}
