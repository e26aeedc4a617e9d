//! `couchctl serve`

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::{Args, ValueEnum};

use super::{ProfileArgument, Terminal, open};
use crate::document::{DocumentFile, RawDocument};
use crate::exit::Exit;
use crate::json::{self, Value};
use crate::project::suite::{Docs, Suite};
use crate::project::{Database, Project, Secret, Variables};
use crate::report::human::plural;
use crate::sandbox::{Options, Sandbox};

/// Serve the project from a CouchDB-compatible sandbox.
///
/// The databases of the project are created, its design documents put, and the fixtures of its suites
/// loaded. The sandbox keeps everything in memory and forgets it when it ends.
#[derive(Debug, Args)]
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
    /// Deploy again when a file of the project changes
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
    let mut served = Served { sandbox, deployed: BTreeMap::new() };
    if let Err(exit) = served.fill(arguments, &project, terminal) {
        return exit;
    }
    if !served.deploy(&project, terminal) {
        return Exit::Findings;
    }
    terminal.data(&served.announcement(arguments.format, &project));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(served.wait(arguments, project, folder, terminal)),
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

/// A sandbox, and the design documents that it has of the project.
struct Served {
    sandbox: Sandbox,
    deployed: BTreeMap<String, Vec<String>>,
}

impl Served {
    /// Makes the databases and loads documents: before the design documents, whose validation is not
    /// for what is there already.
    fn fill(
        &self,
        arguments: &ServeArguments,
        project: &Project,
        terminal: &mut Terminal,
    ) -> Result<(), Exit> {
        for database in &project.databases {
            self.create(project, database, terminal);
            if !arguments.no_fixtures {
                self.load_fixtures(project, database, terminal)?;
            }
        }
        for given in &arguments.docs {
            let (database, file) = match (given.split_once('='), project.databases.as_slice()) {
                (Some((name, file)), _) if project.database(name).is_some() => (name, file),
                (_, [only]) => (only.name.as_str(), given.as_str()),
                _ => {
                    let hint = "write DATABASE=FILE, with a database of the project";
                    terminal.error(&format!("`{given}` does not say which database"), Some(hint));
                    return Err(Exit::Usage);
                }
            };
            self.load_file(project, database, Path::new(file), terminal)?;
        }
        Ok(())
    }

    fn create(&self, project: &Project, database: &Database, terminal: &mut Terminal) {
        let partitioned = database.config.partitioned;
        if let Err(refusal) = self.sandbox.create_database(&database.name, 2, partitioned) {
            terminal.error(&format!("database `{}`: {refusal}", database.name), None);
        }
        let Some(path) = &database.security else { return };
        let security = std::fs::read(path).ok().and_then(|bytes| json::parse(&bytes).ok());
        let set = security.map(|security| self.sandbox.set_security(&database.name, security));
        if !matches!(set, Some(Ok(()))) {
            let message = format!("{}: this is no security object", project.shown(path).display());
            terminal.error(&message, None);
        }
    }

    fn load_fixtures(
        &self,
        project: &Project,
        database: &Database,
        terminal: &mut Terminal,
    ) -> Result<(), Exit> {
        let mut loaded = Vec::new();
        for path in &database.suites {
            // `couchctl test` tells what is wrong with a suite.
            let Ok(suite) = Suite::read(path) else { continue };
            for docs in &suite.docs {
                match docs {
                    Docs::File(file) if !loaded.contains(file) => {
                        self.load_file(project, &database.name, file, terminal)?;
                        loaded.push(file.clone());
                    }
                    Docs::File(_) => {}
                    Docs::Inline { doc, line } => {
                        let (text, line) = (json::to_string(doc), *line);
                        let source = project.shown(path).display().to_string().into();
                        let document = RawDocument { text, line, source };
                        self.load(&database.name, &document, terminal);
                    }
                }
            }
        }
        Ok(())
    }

    fn load_file(
        &self,
        project: &Project,
        database: &str,
        file: &Path,
        terminal: &mut Terminal,
    ) -> Result<(), Exit> {
        let documents = DocumentFile::open(file);
        let mut fail = |error: crate::document::DocumentError| {
            terminal.error(&error.to_string(), error.hint());
            Exit::Usage
        };
        let documents = documents.map_err(&mut fail)?;
        let documents: Vec<_> = documents.collect::<Result<_, _>>().map_err(fail)?;
        let count = documents.len();
        for document in documents {
            self.load(database, &document, terminal);
        }
        let shown = project.shown(file).display();
        terminal.message(&format!("{database}: {} of {shown}", plural(count, "document")));
        Ok(())
    }

    fn load(&self, database: &str, document: &RawDocument, terminal: &mut Terminal) {
        if let Err(refusal) = self.sandbox.load(database, document) {
            let message = format!("{}:{}: {refusal}", document.source, document.line);
            terminal.error(&message, None);
        }
    }

    /// Puts the design documents that changed, and deletes those that are no longer in the project;
    /// `false` when one was refused.
    fn deploy(&mut self, project: &Project, terminal: &mut Terminal) -> bool {
        let mut all_right = true;
        for database in &project.databases {
            // One that was added while the sandbox runs.
            if !self.deployed.contains_key(&database.name) {
                self.create(project, database, terminal);
            }
            for design in &database.designs {
                match self.sandbox.put_design(&database.name, design) {
                    Ok(None) => {}
                    Ok(Some(revision)) => {
                        let message = format!("{}: {} {revision}", database.name, design.id);
                        terminal.message(&message);
                    }
                    Err(refusal) => {
                        all_right = false;
                        let message = format!("{}: {}: {refusal}", database.name, design.id);
                        terminal.error(&message, Some("`couchctl check` says where"));
                    }
                }
            }
            let ids: Vec<String> =
                database.designs.iter().map(|design| design.id.clone()).collect();
            let earlier = self.deployed.insert(database.name.clone(), ids.clone());
            for id in earlier.into_iter().flatten().filter(|id| !ids.contains(id)) {
                if let Ok(true) = self.sandbox.remove(&database.name, &id) {
                    terminal.message(&format!("{}: {id} deleted", database.name));
                }
            }
        }
        all_right
    }

    fn announcement(&self, format: Format, project: &Project) -> String {
        match format {
            Format::Human => format!("{}\n", self.sandbox.url()),
            Format::Json => {
                let names: Vec<&str> =
                    project.databases.iter().map(|database| database.name.as_str()).collect();
                let members: json::Map<String, Value> = [
                    ("version".to_owned(), Value::from(1)),
                    ("url".to_owned(), self.sandbox.url().into()),
                    ("databases".to_owned(), names.into()),
                ]
                .into_iter()
                .collect();
                format!("{}\n", json::to_string(&Value::Object(members)))
            }
        }
    }

    /// Serves until it is told to stop.
    async fn wait(
        mut self,
        arguments: &ServeArguments,
        project: Project,
        folder: Option<&Path>,
        terminal: &mut Terminal,
    ) -> Exit {
        let mut files = arguments.watch.then(|| Files::of(&project));
        let mut stopped = std::pin::pin!(stopped());
        loop {
            tokio::select! {
                () = &mut stopped => return Exit::Success,
                () = tokio::time::sleep(LOOK), if files.is_some() => {}
            }
            let Some(known) = &mut files else { continue };
            let now = Files::look(&known.folders);
            if now == known.found {
                continue;
            }
            match open(folder) {
                Ok(project) => {
                    self.deploy(&project, terminal);
                    *known = Files::of(&project);
                }
                Err(problems) => {
                    terminal.problems(&problems);
                    known.found = now;
                }
            }
        }
    }
}

/// Ends when the program is told to: by Ctrl-C or SIGTERM.
async fn stopped() {
    let interrupt = async {
        // Without a handler Ctrl-C ends the program all the same.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let Ok(mut terminate) = signal(SignalKind::terminate()) else { return interrupt.await };
        tokio::select! {
            () = interrupt => {}
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    interrupt.await;
}

/// When a file was written last, and how long it is.
type Stamp = (Option<SystemTime>, u64);

/// The files that a project is made of.
struct Files {
    folders: Vec<PathBuf>,
    found: BTreeMap<PathBuf, Stamp>,
}

impl Files {
    fn of(project: &Project) -> Self {
        let mut folders = vec![project.root.join("couchctl.toml")];
        for database in &project.databases {
            folders.push(database.folder.clone());
            folders.extend(database.security.clone());
        }
        // A folder that a database may appear in.
        folders.extend(
            project.databases.iter().filter_map(|database| Some(database.folder.parent()?.into())),
        );
        folders.sort();
        folders.dedup();
        let found = Self::look(&folders);
        Self { folders, found }
    }

    fn look(folders: &[PathBuf]) -> BTreeMap<PathBuf, Stamp> {
        let mut found = BTreeMap::new();
        for folder in folders {
            walk(folder, 0, &mut found);
        }
        found
    }
}

/// Deeper folders hold no functions.
const DEPTH: usize = 12;

fn walk(path: &Path, depth: usize, found: &mut BTreeMap<PathBuf, Stamp>) {
    let Ok(metadata) = std::fs::metadata(path) else { return };
    if !metadata.is_dir() {
        found.insert(path.to_owned(), (metadata.modified().ok(), metadata.len()));
        return;
    }
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_other =
        depth > 0 && (name.starts_with('.') || matches!(name, "target" | "node_modules"));
    if depth > DEPTH || is_other {
        return;
    }
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        walk(&entry.path(), depth + 1, found);
    }
}
