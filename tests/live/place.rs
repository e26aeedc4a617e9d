//! A project of one database, and that database on the server.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use couchctl::deploy::plan::{self, Target};
use couchctl::deploy::{DeployError, PushOptions, Strategy, push, survey};
use couchctl::json::{self, Map, Value};
use couchctl::project::{Config, Connection, Flags, ModuleError, ModuleLoader, Project, Variables};
use couchctl::sandbox::Sandbox;
use couchctl::server::{Options, RemoteDatabase, Server};
use tempfile::TempDir;

/// A project in a folder, its database on the server, and the way to both.
pub(crate) struct Place {
    pub(crate) name: String,
    pub(crate) connection: Connection,
    folder: TempDir,
    runtime: tokio::runtime::Runtime,
    pub(crate) database: RemoteDatabase,
    /// The server, if it is one of our own.
    _server: Option<Sandbox>,
}

impl Place {
    /// A place of its own, or `None`, with a note, when there is no server to test against.
    pub(crate) fn new(test: &str) -> Option<Self> {
        let (url, server) = crate::server(test)?;
        let variables: Variables = [("COUCHDB_URL", url)].into_iter().collect();
        let connection = Connection::resolve(
            &Config::default(),
            &Flags::default(),
            &variables,
            &Variables::default(),
        );
        let connection = connection.expect("COUCHCTL_TEST_URL is an address");
        let client = Server::new(&connection, Options::default()).expect("a client");
        let name = format!("couchctl-test-{test}-{:08x}", rand::random::<u32>());
        let folder = tempfile::tempdir().expect("a folder");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let database = client.database(&name);
        let place = Self { name, connection, folder, runtime, database, _server: server };
        place.write("couchctl.toml", &format!("[databases.{}]\ncreate = true\n", place.name));
        Some(place)
    }

    pub(crate) fn run<F: Future>(&self, work: F) -> F::Output {
        self.runtime.block_on(work)
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file of the project.
    pub(crate) fn write(&self, path: &str, content: &str) {
        let path: PathBuf = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, content).expect("a file");
    }

    /// Writes a file of a design document.
    pub(crate) fn design(&self, path: &str, content: &str) {
        self.write(&format!("views/{}/{path}", self.name), content);
    }

    pub(crate) fn remove_design(&self, name: &str) {
        let folder = self.folder.path().join("views").join(&self.name).join(name);
        std::fs::remove_dir_all(folder).expect("a design document");
    }

    /// The program, with the server in its environment.
    pub(crate) fn command(&self, url: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_couchctl"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_remove("CI")
            .env("NO_COLOR", "1")
            .env("COUCHDB_URL", url)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(user) = &self.connection.user {
            command.env("COUCHDB_USER", user);
        }
        if let Some(password) = &self.connection.password {
            command.env("COUCHDB_PASSWORD", password.reveal());
        }
        command
    }

    pub(crate) fn spawn(&self, url: &str, arguments: &[&str]) -> Child {
        self.command(url, arguments).spawn().expect("couchctl runs")
    }

    /// Runs the program.
    pub(crate) fn couchctl(&self, arguments: &[&str]) -> Answer {
        Answer::of(&self.command(&self.connection.url, arguments).output().expect("couchctl runs"))
    }

    /// Pushes without the program, from a client of the server at `url`.
    pub(crate) fn push(&self, url: &str, client: Options) -> Result<(), Box<DeployError>> {
        let project = Project::open(self.folder.path(), &NoModules).expect("a project");
        let connection = Connection { url: url.to_owned(), ..self.connection.clone() };
        let database = Server::new(&connection, client).expect("a client").database(&self.name);
        let target = Target { database: &project.databases[0], security: None };
        let plan = plan::Options::default();
        let options = PushOptions {
            plan,
            strategy: Strategy::Staged,
            keep_previous: false,
            jobs: 1,
            readers: Duration::ZERO,
            replan: true,
        };
        self.run(async {
            let survey = survey(&database, target, plan).await?;
            push(&database, target, survey.plan, options, &()).await
        })
        .map_err(Box::new)
    }

    /// Runs the program, which must succeed, and reads its JSON report of the database.
    #[track_caller]
    pub(crate) fn report(&self, arguments: &[&str]) -> Value {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--format", "json"]).collect();
        let answer = self.couchctl(&arguments);
        assert_eq!(answer.code, Some(0), "{answer:?}");
        let report = json::parse_str(&answer.stdout).expect("a report");
        assert_eq!(report["version"], 1);
        report["databases"][0].clone()
    }

    /// Puts documents `{"_id": "d0000000", "n": number, "k": number % 10}`.
    pub(crate) fn fill(&self, count: usize) {
        let documents = |from: usize| -> Vec<Value> {
            (from..count.min(from + 5000))
                .map(|n| serde_json::json!({ "_id": format!("d{n:07}"), "n": n, "k": n % 10 }))
                .collect()
        };
        self.run(async {
            self.database.create(false).await.expect("a database");
            for from in (0..count).step_by(5000) {
                self.database.bulk_docs(documents(from)).await.expect("documents");
            }
        });
    }

    /// All design documents on the server by id.
    pub(crate) fn designs(&self) -> BTreeMap<String, Map<String, Value>> {
        let documents = self.run(self.database.design_documents()).expect("design documents");
        documents
            .into_iter()
            .filter_map(|document| match document {
                Value::Object(members) => Some((members["_id"].as_str()?.to_owned(), members)),
                _ => None,
            })
            .collect()
    }

    /// The ids of all design documents on the server.
    pub(crate) fn ids(&self) -> Vec<String> {
        self.designs().into_keys().collect()
    }

    /// The rows of a view as it stands, without bringing it up to date.
    pub(crate) fn rows_as_they_are(&self, design: &str, view: &str) -> Vec<Value> {
        let query = [("update", "false".to_owned()), ("reduce", "false".to_owned())];
        let answer = self.run(self.database.view(&format!("_design/{design}"), view, &query));
        answer.expect("an answer")["rows"].as_array().expect("rows").clone()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let database = self.database.clone();
        // One that was never created cannot be deleted.
        drop(self.run(async move { database.delete().await }));
    }
}

/// Projects of tests have no modules.
pub(crate) struct NoModules;

impl ModuleLoader for NoModules {
    fn load(&self, _path: &Path, _source: &str) -> Result<Value, ModuleError> {
        Err(ModuleError { message: "no modules here".into(), line: None })
    }
}

/// What the program answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Answer {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Waits for a child, which must end in time.
pub(crate) fn finished(mut child: Child, patience: Duration) -> Answer {
    let started = std::time::Instant::now();
    while child.try_wait().expect("a status").is_none() {
        if started.elapsed() > patience {
            child.kill().expect("an end");
            panic!("not finished after {patience:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Answer::of(&child.wait_with_output().expect("output"))
}
