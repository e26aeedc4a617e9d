//! `couchctl pull`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;

use super::deployment::begin;
use super::server::{Connected, ServerArguments};
use super::{EngineLoader, Terminal};
use crate::deploy::plan::ServerDatabase;
use crate::deploy::{Pulled, pull, pull_security, read_with_attachments};
use crate::exit::Exit;
use crate::project::{Database, DatabaseConfig, Project, Writer, did_you_mean};
use crate::report::human::plural;
use crate::report::terminal::escape;
use crate::server::{Meaning, ServerError};

/// Write the design documents of a server, and `_security`, into the project.
///
/// What is written is read back the same, byte for byte: `diff` shows no difference afterwards. Files that
/// differ from the server stay as they are unless --force is given.
#[derive(Debug, Args)]
pub(super) struct PullArguments {
    /// Only these design documents
    #[arg(value_name = "DESIGN")]
    designs: Vec<String>,
    #[command(flatten)]
    server: ServerArguments,
    /// Replace files that differ from the server
    #[arg(long)]
    force: bool,
    /// How to show what was done
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Human,
    /// For programs
    Json,
}

/// A database to pull from, and where to.
struct Source<'a> {
    name: String,
    folder: PathBuf,
    config: DatabaseConfig,
    local: Option<&'a Database>,
}

/// What became of a database's design documents, and of its `_security` where there was something to do.
struct Outcome {
    designs: Vec<(String, Pulled)>,
    security: Option<Pulled>,
}

pub(super) fn run(
    arguments: &PullArguments,
    folder: Option<&Path>,
    terminal: &mut Terminal,
) -> Result<Exit, Exit> {
    let (project, connected) = begin(&arguments.server, folder, terminal)?;
    let sources = match sources(&project, connected.connection.database.as_deref()) {
        Ok(sources) => sources,
        Err((message, hint)) => {
            terminal.error(&message, Some(hint));
            return Err(Exit::Usage);
        }
    };
    let mut outcomes = BTreeMap::new();
    for source in &sources {
        let server = terminal.answered(fetch(&connected, &source.name))?;
        let loader = EngineLoader::default();
        let writer = Writer {
            root: &project.root,
            folder: &source.folder,
            config: &source.config,
            loader: &loader,
        };
        let wanted = |id: &str| {
            let name = id.strip_prefix("_design/").unwrap_or(id);
            arguments.designs.is_empty()
                || arguments.designs.iter().any(|wanted| wanted == name || wanted == id)
        };
        let designs = pull(&writer, source.local, &server, &wanted, arguments.force);
        // Who names design documents wants those.
        let security = arguments
            .designs
            .is_empty()
            .then(|| pull_security(&writer, source.local, &server, arguments.force));
        outcomes.insert(source.name.as_str(), Outcome { designs, security: security.flatten() });
    }
    let found = |wanted: &&String| {
        let mut ids = outcomes.values().flat_map(|outcome| &outcome.designs).map(|(id, _)| id);
        ids.any(|id| id == *wanted || id.strip_prefix("_design/") == Some(wanted))
    };
    if let Some(missing) = arguments.designs.iter().find(|wanted| !found(wanted)) {
        let designs = outcomes.values().flat_map(|outcome| &outcome.designs);
        let hint = did_you_mean(missing, designs.map(|(id, _)| id.as_str()));
        let hint = hint.map(|name| format!("did you mean `{name}`?"));
        terminal.error(&format!("the server has no design document `{missing}`"), hint.as_deref());
        return Err(Exit::Usage);
    }
    Ok(report(arguments.format, &project, &outcomes, terminal))
}

/// The databases to pull from: those of the project, or the named one, which may be new to it.
fn sources<'a>(
    project: &'a Project,
    only: Option<&str>,
) -> Result<Vec<Source<'a>>, (String, &'static str)> {
    let of = |database: &'a Database, name: &str| Source {
        name: name.to_owned(),
        folder: database.folder.clone(),
        config: database.config.clone(),
        local: Some(database),
    };
    let Some(name) = only else {
        let named = project.databases.iter().filter(|database| database.config.matches.is_none());
        let sources: Vec<Source<'a>> = named.map(|database| of(database, &database.name)).collect();
        return if sources.is_empty() {
            Err(("no database is named".to_owned(), "name one with --database"))
        } else {
            Ok(sources)
        };
    };
    let finds = || project.databases.iter().find(|database| database.config.finds(name));
    if let Some(database) = project.database(name).filter(|found| found.config.matches.is_none()) {
        return Ok(vec![of(database, &database.name)]);
    }
    if let Some(database) = finds() {
        return Ok(vec![of(database, name)]);
    }
    // A database that is new to the project gets the folder of its name.
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-+$()".contains(c);
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(plain) {
        return Err((
            format!("`{name}` cannot be the name of a folder"),
            "add `[databases.<folder>]` with `name` to couchctl.toml, and create `views/<folder>`",
        ));
    }
    let folder = project.root.join("views").join(name);
    let config = DatabaseConfig::default();
    Ok(vec![Source { name: name.to_owned(), folder, config, local: None }])
}

/// What the server has, with attachments; `None` when interrupted.
fn fetch(connected: &Connected, name: &str) -> Option<Result<ServerDatabase, ServerError>> {
    let database = connected.server.database(name);
    let read = connected.run(read_with_attachments(&database))?;
    Some(read.and_then(|server| match server {
        Some(server) => Ok(server),
        // Asking for it itself tells what is wrong in the server's words.
        None => match connected.run(database.info()) {
            Some(Err(error)) if error.means(Meaning::NoDatabase) => Err(error),
            _ => Ok(ServerDatabase::missing(name)),
        },
    }))
}

/// Reports what became of each.
struct Report<'a> {
    format: Format,
    project: &'a Project,
    terminal: &'a mut Terminal,
    exit: Exit,
}

impl Report<'_> {
    /// One design document or `_security` object: its status, and the path that was written.
    fn one(&mut self, place: &str, outcome: &Pulled) -> (&'static str, Option<String>) {
        match outcome {
            Pulled::Unchanged => ("unchanged", None),
            Pulled::Written(path) => {
                let path = self.project.shown(path).display().to_string();
                if self.format == Format::Human {
                    self.terminal.data(&format!("wrote {}\n", escape(&path)));
                }
                ("written", Some(path))
            }
            Pulled::Differs(members) => {
                self.exit = self.exit.max(Exit::Findings);
                let members = members.join(", ");
                self.terminal.error(&format!("{place}: the project has another {members}"), None);
                ("differs", None)
            }
            Pulled::Failed(error) => {
                self.exit = Exit::Usage;
                self.terminal.error(&format!("{place}: {error}"), error.hint());
                ("failed", None)
            }
        }
    }
}

fn report(
    format: Format,
    project: &Project,
    outcomes: &BTreeMap<&str, Outcome>,
    terminal: &mut Terminal,
) -> Exit {
    let mut report = Report { format, project, terminal, exit: Exit::Success };
    let (mut designs, mut securities) = (Vec::new(), Vec::new());
    for (database, outcome) in outcomes {
        for (id, outcome) in &outcome.designs {
            let name = id.strip_prefix("_design/").unwrap_or(id);
            let (status, path) = report.one(&format!("{database}/{name}"), outcome);
            designs.push(json!({ "database": database, "id": id, "status": status, "path": path }));
        }
        if let Some(outcome) = &outcome.security {
            let (status, path) = report.one(database, outcome);
            securities.push(json!({ "database": database, "status": status, "path": path }));
        }
    }
    let exit = report.exit;
    let count = |status: &str| designs.iter().filter(|design| design["status"] == status).count();
    match format {
        Format::Human => {
            let written = plural(count("written"), "design document");
            let (unchanged, kept) = (count("unchanged"), count("differs"));
            terminal.data(&format!("{written} written, {unchanged} unchanged, {kept} kept\n"));
        }
        Format::Json => {
            let report = json!({
                "version": 1,
                "command": "pull",
                "designs": designs,
                "security": securities,
            });
            terminal.data(&format!("{report:#}\n"));
        }
    }
    if designs.iter().chain(&securities).any(|pulled| pulled["status"] == "differs") {
        terminal.message("hint: --force replaces what the project has; commit it first");
    }
    exit
}
