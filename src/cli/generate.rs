//! `couchctl generate`

use std::path::Path;

use clap::{Args, Subcommand};

use super::{Terminal, open};
use crate::exit::Exit;
use crate::generate::{self, State, Target};
use crate::project::{Database, Problem, Project, ProjectError};
use crate::report::human::plural;
use crate::schema::Schemas;

/// Generate files from the schemas of the databases.
#[derive(Debug, Args)]
pub(super) struct GenerateArguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Vdu(VduArguments),
    Types(TypesArguments),
}

/// Generate TypeScript declarations, so that an editor checks the functions of views.
///
/// They are written to types/<database>.d.ts, and to types/couchdb.d.ts for `emit` and the like.
#[derive(Debug, Args)]
struct TypesArguments {
    /// The database whose schemas count [default: all that have any]
    #[arg(long)]
    database: Option<String>,
    /// Write nothing; end with 1 when a file is not what it should be
    #[arg(long)]
    check: bool,
}

/// Generate a `validate_doc_update`, so that the server refuses what the schemas refuse.
///
/// It is written to views/<database>/<design document>/`validate_doc_update.js`. A function written by
/// hand in schemas/<database>/`validate_doc_update.js` becomes part of it.
#[derive(Debug, Args)]
struct VduArguments {
    /// The database whose schemas count [default: all that have any]
    #[arg(long)]
    database: Option<String>,
    /// The design document to write it to
    #[arg(long, default_value = "schemas", value_name = "NAME")]
    design: String,
    /// Generate a selector, for CouchDB later than 3.5.2, which checks it without JavaScript
    ///
    /// It is written to views/<database>/<design document>.json. What of the schemas a selector cannot
    /// say is told, and then nothing is written.
    #[arg(long)]
    declarative: bool,
    /// Write nothing; end with 1 when a file is not what it should be
    #[arg(long)]
    check: bool,
}

pub(super) fn run(
    arguments: &GenerateArguments,
    folder: Option<&Path>,
    terminal: &mut Terminal,
) -> Exit {
    let project = match open(folder) {
        Ok(project) => project,
        Err(problems) => return terminal.problems(&problems),
    };
    match &arguments.what {
        What::Vdu(vdu) => {
            let make = |database: &Database, schemas: &Schemas| {
                if vdu.declarative {
                    return generate::declarative(&project, database, schemas, &vdu.design);
                }
                generate::validation(&project, database, schemas, &vdu.design)
                    .map_err(|problem| vec![problem])
            };
            let targets = match targets(&project, vdu.database.as_deref(), make) {
                Ok(targets) => targets,
                Err(problems) => return terminal.problems(&problems),
            };
            for target in &targets {
                for unchecked in &target.unchecked {
                    terminal.message(&format!(
                        "{} {}:{}: `{}` is {} on the server: {}",
                        terminal.error_style.warn("warning:"),
                        unchecked.path.display(),
                        unchecked.line,
                        crate::report::terminal::escape(&unchecked.pointer),
                        if vdu.declarative { "checked otherwise" } else { "not checked" },
                        crate::report::terminal::escape(&unchecked.reason)
                    ));
                }
            }
            write(&project, &targets, vdu.check, terminal)
        }
        What::Types(types) => {
            let make = |_: &Database, schemas: &Schemas| {
                generate::types_of(&project, schemas).map_err(|problem| vec![problem])
            };
            let targets =
                targets(&project, types.database.as_deref(), make).and_then(|mut targets| {
                    targets.push(generate::types_of_couchdb(&project)?);
                    Ok(targets)
                });
            match targets {
                Ok(targets) => write(&project, &targets, types.check, terminal),
                Err(problems) => terminal.problems(&problems),
            }
        }
    }
}

/// What to generate for the databases that are meant.
fn targets(
    project: &Project,
    wanted: Option<&str>,
    make: impl Fn(&Database, &Schemas) -> Result<Target, Vec<Problem>>,
) -> Result<Vec<Target>, ProjectError> {
    let mut targets = Vec::new();
    let mut problems = Vec::new();
    for database in super::validate::databases(project, wanted)? {
        let target = Schemas::load(project, database).and_then(|schemas| make(database, &schemas));
        match target {
            Ok(target) => targets.push(target),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() { Ok(targets) } else { Err(ProjectError { problems }) }
}

/// Writes the files that are not what they should be, or only says so.
fn write(project: &Project, targets: &[Target], check: bool, terminal: &mut Terminal) -> Exit {
    let mut changed = 0;
    for target in targets.iter().filter(|target| target.state != State::Current) {
        changed += 1;
        let shown = target.path.display();
        if check {
            let what = match target.state {
                State::Missing => "is missing",
                _ => "is not what the schemas give now",
            };
            terminal
                .error(&format!("{shown} {what}"), Some("run `couchctl generate` and commit it"));
            continue;
        }
        let path = project.root.join(&target.path);
        let written = path
            .parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::write(&path, &target.content));
        if let Err(error) = written {
            terminal.error(&format!("{shown} cannot be written: {error}"), None);
            return Exit::Usage;
        }
        terminal.data(&format!("wrote {shown}\n"));
    }
    if changed == 0 {
        terminal.data(&format!("{} up to date\n", plural(targets.len(), "file")));
    }
    if check && changed > 0 { Exit::Findings } else { Exit::Success }
}
