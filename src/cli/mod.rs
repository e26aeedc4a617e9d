//! The commands: one file each, its arguments beside what it does.

mod check;
mod cleanup;
mod deployment;
mod diff;
mod generate;
mod init;
mod progress;
mod pull;
mod push;
mod query;
mod query_server;
mod resume;
mod rollback;
mod sandbox;
mod schema_changes;
mod serve;
mod server;
mod test;
mod validate;
mod warm;

use std::cell::RefCell;
use std::ffi::OsString;
use std::io::{IsTerminal, Stderr, Stdout, Write};
use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand, ValueEnum};

use crate::engine::{Engine, EngineError, Limits, Profile};
use crate::exit::Exit;
use crate::json::Value;
use crate::project::{ModuleError, ModuleLoader, Project, ProjectError, root_at};
use crate::report::terminal::{Style, escape};

/// Test, validate and deploy the design documents of CouchDB.
#[derive(Debug, Parser)]
#[command(name = "couchctl", version, arg_required_else_help = true)]
struct Arguments {
    /// The project's folder [default: the nearest one up from here]
    #[arg(long, global = true, value_name = "FOLDER")]
    project: Option<PathBuf>,
    /// When to colour output
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto, value_name = "WHEN")]
    color: Colour,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Colour {
    Auto,
    Always,
    Never,
}

/// The JavaScript engine to behave as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ProfileArgument {
    Spidermonkey,
    Quickjs,
}

impl From<ProfileArgument> for Profile {
    fn from(argument: ProfileArgument) -> Self {
        match argument {
            ProfileArgument::Spidermonkey => Self::SpiderMonkey,
            ProfileArgument::Quickjs => Self::QuickJs,
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::InitArguments),
    Check(check::CheckArguments),
    Test(test::TestArguments),
    Query(Box<query::QueryArguments>),
    Validate(Box<validate::ValidateArguments>),
    Generate(generate::GenerateArguments),
    Push(Box<push::PushArguments>),
    Warm(Box<warm::WarmArguments>),
    Cleanup(Box<cleanup::CleanupArguments>),
    Rollback(Box<rollback::RollbackArguments>),
    Diff(Box<diff::DiffArguments>),
    Pull(Box<pull::PullArguments>),
    QueryServer(query_server::QueryServerArguments),
    Serve(serve::ServeArguments),
}

/// Runs the program with its arguments, the program's name first, and tells what it ends with.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help goes to standard output, errors to standard error; neither can be helped if closed.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Success };
        }
    };
    let mut terminal = Terminal::new(arguments.color);
    let project = arguments.project.as_deref();
    match arguments.command {
        Command::Init(command) => init::run(&command, project, &mut terminal),
        Command::Check(command) => check::run(&command, project, &mut terminal),
        Command::Test(command) => test::run(&command, project, &mut terminal),
        Command::Query(command) => query::run(&command, project, &mut terminal),
        Command::Generate(command) => generate::run(&command, project, &mut terminal),
        Command::Validate(command) => validate::run(&command, project, &mut terminal),
        Command::Push(command) => ended(push::run(&command, project, &mut terminal)),
        Command::Warm(command) => ended(warm::run(&command, project, &mut terminal)),
        Command::Cleanup(command) => ended(cleanup::run(&command, project, &mut terminal)),
        Command::Rollback(command) => ended(rollback::run(&command, project, &mut terminal)),
        Command::Diff(command) => ended(diff::run(&command, project, &mut terminal)),
        Command::Pull(command) => ended(pull::run(&command, project, &mut terminal)),
        Command::Serve(command) => serve::run(&command, project, &mut terminal),
        Command::QueryServer(command) => query_server::run(&command, &mut terminal),
    }
}

/// What a command ends with, early or not.
fn ended(outcome: Result<Exit, Exit>) -> Exit {
    outcome.unwrap_or_else(|early| early)
}

/// Where commands write: data to standard output, everything else to standard error.
struct Terminal {
    out: Stdout,
    err: Stderr,
    style: Style,
    error_style: Style,
}

impl Terminal {
    fn new(colour: Colour) -> Self {
        let style = |is_terminal: bool| Style {
            colour: match colour {
                Colour::Always => true,
                Colour::Never => false,
                Colour::Auto => is_terminal && std::env::var_os("NO_COLOR").is_none(),
            },
        };
        let (out, err) = (std::io::stdout(), std::io::stderr());
        Self { style: style(out.is_terminal()), error_style: style(err.is_terminal()), out, err }
    }

    /// Writes data. A reader that went away wants no more of it.
    fn data(&mut self, text: &str) {
        let mut out = self.out.lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// Writes a message to standard error.
    fn message(&mut self, text: &str) {
        let _ = writeln!(self.err.lock(), "{text}");
    }

    /// Writes an error: a line, then the next step.
    fn error(&mut self, message: &str, hint: Option<&str>) {
        let label = self.error_style.bad("error:");
        self.message(&format!("{label} {}", escape(message)));
        if let Some(hint) = hint {
            self.message(&format!("hint: {}", escape(hint)));
        }
    }

    fn problems(&mut self, error: &ProjectError) -> Exit {
        for problem in &error.problems {
            self.error(&problem.to_string(), problem.hint().as_deref());
        }
        Exit::Usage
    }
}

/// Evaluates modules with an engine of its own, started when first needed.
#[derive(Default)]
struct EngineLoader(RefCell<Option<Engine>>);

impl ModuleLoader for EngineLoader {
    fn load(&self, _path: &Path, source: &str) -> Result<Value, ModuleError> {
        let mut engine = self.0.borrow_mut();
        let engine = engine.get_or_insert_with(|| Engine::new(Profile::QuickJs, Limits::default()));
        let source = source.to_owned();
        let loaded = engine.run(move |vm| vm.load_module(&source)).and_then(|loaded| loaded);
        loaded.map_err(|error| match error {
            EngineError::Compilation { message, line, .. } => {
                ModuleError { message, line: line.and_then(|line| usize::try_from(line).ok()) }
            }
            other => ModuleError { message: format!("the module fails: {other}"), line: None },
        })
    }
}

/// Reads the project: the one in `folder`, or the nearest one up from here.
fn open(folder: Option<&Path>) -> Result<Project, ProjectError> {
    let loader = EngineLoader::default();
    match folder {
        Some(folder) => Project::at(root_at(folder)?, &loader),
        None => Project::open(Path::new("."), &loader),
    }
}
