//! `couchctl serve`

mod served;
mod tests;
mod watch;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use clap::{Args, ValueEnum};

use self::served::Served;
use self::tests::Tests;
use self::watch::Files;
use super::{ProfileArgument, Terminal, open};
use crate::exit::Exit;
use crate::project::{Project, Secret, Variables};
use crate::sandbox::{Options, Sandbox};

/// Serve the project from a CouchDB-compatible sandbox.
///
/// The databases of the project are created, its design documents put, and the fixtures of its suites
/// loaded. Then the suites are run; the page at `/_utils` shows their results beside the functions. The
/// sandbox keeps everything in memory and forgets it when it ends.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "a command line has flags")]
pub(super) struct ServeArguments {
    /// The port to listen on; 0 takes any free one
    #[arg(long, default_value_t = 5984, value_name = "PORT")]
    port: u16,
    /// The address to listen on; any but a loopback address needs --admin
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST), value_name = "ADDRESS")]
    bind: IpAddr,
    /// A server admin, whose password is `COUCHDB_PASSWORD` [default: everybody is one]
    #[arg(long, value_name = "NAME")]
    admin: Option<String>,
    /// A file of documents to load as well; DATABASE= is needed where there are several
    #[arg(long, value_name = "[DATABASE=]FILE")]
    docs: Vec<String>,
    /// Load no fixtures
    #[arg(long)]
    no_fixtures: bool,
    /// How long indexing a document takes, in milliseconds, to see what is not warm
    #[arg(long, default_value_t = 0.0, value_name = "MILLISECONDS")]
    index_delay: f64,
    /// Build indexes in the background when something changes, as servers do
    #[arg(long)]
    autobuild: bool,
    /// Do not run the suites
    #[arg(long)]
    no_test: bool,
    /// Deploy and test again when a file of the project changes
    #[arg(long)]
    watch: bool,
    /// The JavaScript engine to behave as
    #[arg(long, value_enum, default_value_t = ProfileArgument::Spidermonkey)]
    profile: ProfileArgument,
    /// How to tell where it listens
    #[arg(long, value_enum, default_value_t = Format::Human, value_name = "FORMAT")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
}

/// How often files are looked at.
const LOOK: Duration = Duration::from_millis(300);

pub(super) fn run(
    arguments: &ServeArguments,
    folder: Option<&Path>,
    terminal: &mut Terminal,
) -> Exit {
    let project = match open(folder) {
        Ok(project) => project,
        Err(problems) => return terminal.problems(&problems),
    };
    let options = match options(arguments, &project, terminal) {
        Ok(options) => options,
        Err(exit) => return exit,
    };
    let sandbox = match Sandbox::start(options) {
        Ok(sandbox) => sandbox,
        Err(error) => {
            terminal.error(&error.to_string(), error.hint());
            return Exit::Usage;
        }
    };
    let files = arguments.watch.then(|| Files::of(&project));
    let mut served = Served::new(sandbox);
    if let Err(exit) = served.fill(arguments, &project, terminal) {
        return exit;
    }
    if !served.deploy(&project, terminal) {
        return Exit::Findings;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(async {
            // Whoever reads the address may stop it at once.
            let stopped = stopped();
            terminal.data(&served.announcement(arguments.format, &project));
            let mut tests = Tests::new(arguments.profile.into());
            if !arguments.no_test {
                tests.start(project);
            }
            wait(stopped, served, tests, files, folder, terminal).await
        }),
        Err(error) => {
            terminal.error(&format!("cannot wait: {error}"), None);
            Exit::Usage
        }
    }
}

fn options(
    arguments: &ServeArguments,
    project: &Project,
    terminal: &mut Terminal,
) -> Result<Options, Exit> {
    let delay = Duration::try_from_secs_f64(arguments.index_delay / 1000.0).map_err(|_| {
        terminal.error("--index-delay is no time that can be waited", None);
        Exit::Usage
    })?;
    let admins = match &arguments.admin {
        None => Vec::new(),
        Some(name) => match password(project, terminal)? {
            Some(password) => vec![(name.clone(), password)],
            None => {
                let hint = "set COUCHDB_PASSWORD in the environment or in `.env`";
                terminal.error(&format!("there is no password for the admin `{name}`"), Some(hint));
                return Err(Exit::Usage);
            }
        },
    };
    Ok(Options {
        bind: SocketAddr::new(arguments.bind, arguments.port),
        admins,
        profile: arguments.profile.into(),
        index_delay: delay,
        autobuild: arguments.autobuild,
        ..Options::default()
    })
}

fn password(project: &Project, terminal: &mut Terminal) -> Result<Option<Secret>, Exit> {
    let file = Variables::of_file(&project.root).map_err(|problem| {
        terminal.error(&problem.to_string(), problem.hint().as_deref());
        Exit::Usage
    })?;
    Ok(Variables::of_process().password().or_else(|| file.password()))
}

/// Serves until it is told to stop.
async fn wait(
    stopped: impl Future<Output = ()>,
    mut served: Served,
    mut tests: Tests,
    mut files: Option<Files>,
    folder: Option<&Path>,
    terminal: &mut Terminal,
) -> Exit {
    let mut stopped = std::pin::pin!(stopped);
    loop {
        tokio::select! {
            () = &mut stopped => return Exit::Success,
            outcome = tests.finished() => served.tested(outcome, terminal),
            () = tokio::time::sleep(LOOK), if files.is_some() => {
                let Some(files) = &mut files else { continue };
                if !files.changed() {
                    continue;
                }
                match open(folder) {
                    Ok(project) => {
                        files.follow(&project);
                        served.deploy(&project, terminal);
                        tests.again(project);
                    }
                    Err(problems) => served.tested(Err(problems), terminal),
                }
            }
        }
    }
}

/// Ends when the program is told to, from now on: by Ctrl-C or SIGTERM.
fn stopped() -> impl Future<Output = ()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let signals = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
        async move {
            let told = signals.into_iter().filter_map(Result::ok).map(|mut signal| {
                Box::pin(async move {
                    signal.recv().await;
                })
            });
            let told: Vec<_> = told.collect();
            if told.is_empty() {
                // Without handlers the signals end the program all the same.
                std::future::pending::<()>().await;
            }
            futures_util::future::select_all(told).await;
        }
    }
    #[cfg(not(unix))]
    async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
