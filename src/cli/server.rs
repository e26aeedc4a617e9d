//! What the commands that talk to a server share: which server, and how to fail.

use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::Terminal;
use crate::exit::Exit;
use crate::project::{Authentication, Config, Connection, Flags, Problem, Project, Variables};
use crate::sandbox::{self, Sandbox, SandboxError};
use crate::server::{Options, Server, ServerError};

/// Which server, and as whom.
#[derive(Debug, Args)]
#[command(next_help_heading = "Server")]
pub(super) struct ServerArguments {
    /// An environment of `couchctl.toml`, or `sandbox`, a server inside the program
    #[arg(long = "env", value_name = "NAME")]
    environment: Option<String>,
    #[arg(long, value_name = "URL", help = "The server's address [env: COUCHDB_URL]")]
    url: Option<String>,
    #[arg(
        long,
        value_name = "NAME",
        help = "The user [env: COUCHDB_USER]; the password stands in COUCHDB_PASSWORD, a token in COUCHDB_TOKEN"
    )]
    user: Option<String>,
    #[arg(long, value_name = "NAME", help = "Only this database [env: COUCHDB_DATABASE]")]
    database: Option<String>,
    /// How user and password are sent
    #[arg(long, value_enum, value_name = "HOW")]
    auth: Option<AuthenticationArgument>,
    #[arg(
        long,
        value_name = "FILE",
        help = "PEM certificates to trust besides those of the system [env: COUCHDB_CA_FILE]"
    )]
    ca_file: Option<PathBuf>,
    /// How many seconds to wait for an answer, and for each further part of it
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AuthenticationArgument {
    /// With every request
    Basic,
    /// Once, for a cookie
    Cookie,
}

/// A server that a command talks to.
pub(super) struct Connected {
    /// Which one, and as whom.
    pub(super) connection: Connection,
    /// Its client.
    pub(super) server: Server,
    /// The server inside the program, if it is that one.
    sandbox: Option<Sandbox>,
    runtime: tokio::runtime::Runtime,
}

/// Why a command has no server.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    /// Flags, variables or configuration are wrong.
    #[error("{0}")]
    Problem(#[from] Problem),
    /// The client cannot be made.
    #[error("{0}")]
    Server(#[from] ServerError),
    /// The server inside the program cannot be started.
    #[error("{0}")]
    Sandbox(#[from] SandboxError),
    /// The operating system refuses.
    #[error("cannot start: {0}")]
    Runtime(#[from] std::io::Error),
}

impl ServerArguments {
    /// The database that is named, if one is.
    pub(super) fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }

    /// Decides which server to talk to and makes its client. Nothing is sent yet.
    pub(super) fn connect(&self, project: &Project) -> Result<Connected, ConnectError> {
        self.connect_with(&project.config, &Variables::of_file(&project.root)?)
    }

    fn connect_with(&self, config: &Config, file: &Variables) -> Result<Connected, ConnectError> {
        let flags = Flags {
            environment: self.environment.clone(),
            url: self.url.clone(),
            user: self.user.clone(),
            database: self.database.clone(),
            ca_file: self.ca_file.clone(),
            authentication: self.auth.map(|how| match how {
                AuthenticationArgument::Basic => Authentication::Basic,
                AuthenticationArgument::Cookie => Authentication::Cookie,
            }),
        };
        let mut connection = Connection::resolve(config, &flags, &Variables::of_process(), file)?;
        let sandbox = connection
            .is_sandbox()
            .then(|| Sandbox::start(sandbox::Options::default()))
            .transpose()?;
        if let Some(sandbox) = &sandbox {
            connection.url = sandbox.url();
        }
        let patience = Duration::from_secs(self.timeout);
        let options = Options { patience, ..Options::default() };
        let options = Options { connect: options.connect.min(patience), ..options };
        let server = Server::new(&connection, options)?;
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        Ok(Connected { connection, server, sandbox, runtime })
    }
}

impl Connected {
    /// Runs `work` to its end, or until Ctrl-C: then `None`.
    pub(super) fn run<F: Future>(&self, work: F) -> Option<F::Output> {
        self.runtime.block_on(async {
            tokio::select! {
                output = work => Some(output),
                // Without a handler, Ctrl-C ends the process at once, which is as safe.
                Ok(()) = tokio::signal::ctrl_c() => None,
            }
        })
    }

    /// Asks before a protected server is changed.
    pub(super) fn consent(
        &self,
        yes: bool,
        what: &str,
        terminal: &mut Terminal,
    ) -> Result<(), Exit> {
        if !self.connection.protected || yes {
            return Ok(());
        }
        let shown = self.shown();
        if !std::io::stdin().is_terminal() {
            terminal.error(
                &format!("{shown} is protected"),
                Some("`--yes` goes on without a question"),
            );
            return Err(Exit::Usage);
        }
        terminal.message(&format!("{what} on {shown}? [y/N]"));
        let (answered, answer) = tokio::sync::oneshot::channel();
        // Not on the runtime, which would wait for the line even after Ctrl-C.
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = std::io::stdin().lock().read_line(&mut line);
            let yes = read.is_ok() && matches!(line.trim(), "y" | "Y" | "yes");
            // Nobody waits for it any more after Ctrl-C.
            let _ = answered.send(yes);
        });
        match self.run(answer) {
            Some(Ok(true)) => Ok(()),
            Some(_) => {
                terminal.message("nothing was changed");
                Err(Exit::Usage)
            }
            None => Err(terminal.interrupted()),
        }
    }

    /// Whether it is the server inside the program, which is empty at first.
    pub(super) fn is_sandbox(&self) -> bool {
        self.sandbox.is_some()
    }

    /// The server as messages name it.
    pub(super) fn shown(&self) -> String {
        match &self.connection.environment {
            Some(name) if self.is_sandbox() => format!("the {name}"),
            Some(name) => format!("`{name}` ({})", self.connection.url),
            None => format!("`{}`", self.connection.url),
        }
    }
}

impl Terminal {
    /// Reports a request that failed.
    pub(super) fn server_error(&mut self, error: &ServerError) -> Exit {
        self.error(&error.to_string(), error.hint());
        Exit::Server
    }

    /// Reports why there is no server.
    pub(super) fn connect_error(&mut self, error: &ConnectError) -> Exit {
        match error {
            ConnectError::Problem(problem) => {
                self.error(&problem.to_string(), problem.hint().as_deref());
                Exit::Usage
            }
            ConnectError::Server(error) => {
                self.server_error(error);
                Exit::Usage
            }
            ConnectError::Sandbox(error) => {
                self.error(&error.to_string(), error.hint());
                Exit::Server
            }
            ConnectError::Runtime(_) => {
                self.error(&error.to_string(), None);
                Exit::Server
            }
        }
    }
}
