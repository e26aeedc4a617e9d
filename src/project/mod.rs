//! A project: what is on disk.
//!
//! [`Project::open`] finds the root, reads `couchctl.toml` and every design document, and tells
//! where schemas and suites are. A [`suite::Suite`] is read when it is run. It reports everything that is wrong at once.

mod config;
mod discover;
mod environment;
mod files;
mod history;
mod layout;
mod problem;
mod suggest;
pub mod suite;
mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use config::{
    Authentication, Config, DatabaseConfig, Discriminator, EnvironmentConfig, IdDiscriminator,
    IgnoreConfig, ValidationConfig,
};
pub use discover::{CONFIG_FILE, discover, root_at};
pub use environment::{Connection, Flags, SANDBOX, Secret, Variables};
pub use history::{Earlier, HistoryError};
pub(crate) use layout::{COUCHAPP_BOOKKEEPING, holds_function, javascript_tokens};
pub use layout::{Layout, ModuleError, ModuleLoader, Orphan, function_of};
pub use problem::{Fault, Place, Problem, ProjectError};
pub use suggest::did_you_mean;
pub use write::{WriteError, Writer};

use crate::design::DesignDocument;
use discover::VIEWS;
use layout::Reader;

/// A project.
#[derive(Debug, Clone, PartialEq)]
pub struct Project {
    /// Its root folder.
    pub root: PathBuf,
    /// What `couchctl.toml` says.
    pub config: Config,
    /// Its databases, sorted by the names of their folders.
    pub databases: Vec<Database>,
    /// Files that no layout has a use for; nothing is wrong, but something may be misplaced.
    pub orphans: Vec<Orphan>,
}

/// A database of a project.
#[derive(Debug, Clone, PartialEq)]
pub struct Database {
    /// Its name on the server.
    pub name: String,
    /// Its key in `couchctl.toml`, and the name of its folders.
    pub key: String,
    /// The folder of its design documents; it may not exist where there are only schemas.
    pub folder: PathBuf,
    /// What `couchctl.toml` says of it.
    pub config: DatabaseConfig,
    /// Its design documents, sorted by id.
    pub designs: Vec<DesignDocument>,
    /// The files of its schemas, sorted.
    pub schemas: Vec<PathBuf>,
    /// The files of its suites of design documents, sorted.
    pub suites: Vec<PathBuf>,
    /// The files of its suites of schemas, sorted.
    pub schema_suites: Vec<PathBuf>,
    /// Files and folders of other documents that its layout keeps beside design documents. They are data, and
    /// are not deployed.
    pub documents: Vec<PathBuf>,
    /// The file with its `_security` object.
    pub security: Option<PathBuf>,
}

impl Database {
    /// The design document of this name, with or without `_design/`.
    #[must_use]
    pub fn design(&self, name: &str) -> Option<&DesignDocument> {
        let name = name.strip_prefix("_design/").unwrap_or(name);
        self.designs.iter().find(|design| design.name() == name)
    }
}

impl Project {
    /// Opens the project that `start` belongs to.
    ///
    /// # Errors
    /// With everything that is wrong with it.
    pub fn open(start: &Path, loader: &dyn ModuleLoader) -> Result<Self, ProjectError> {
        Self::at(discover(start)?, loader)
    }

    /// Opens the project whose root is this folder, as [`discover()`] and [`root_at`] tell it.
    ///
    /// # Errors
    /// With everything that is wrong with it.
    pub fn at(root: PathBuf, loader: &dyn ModuleLoader) -> Result<Self, ProjectError> {
        let config = Config::load(&root).map_err(|problems| ProjectError { problems })?;
        let mut opening = Opening {
            root: &root,
            config: &config,
            loader,
            problems: Vec::new(),
            orphans: Vec::new(),
        };
        let databases = opening.databases();
        let Opening { mut problems, orphans, .. } = opening;
        if problems.is_empty() {
            return Ok(Self { root, config, databases, orphans });
        }
        for problem in &mut problems {
            if let Ok(below) = problem.place.path.strip_prefix(&root) {
                problem.place.path = below.to_owned();
            }
        }
        Err(ProjectError { problems })
    }

    /// The database of this name or key.
    #[must_use]
    pub fn database(&self, name: &str) -> Option<&Database> {
        self.databases
            .iter()
            .find(|database| database.name == name)
            .or_else(|| self.databases.iter().find(|database| database.key == name))
    }

    /// A path as messages show it: below the root where it is.
    #[must_use]
    pub fn shown<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}

struct Opening<'a> {
    root: &'a Path,
    config: &'a Config,
    loader: &'a dyn ModuleLoader,
    problems: Vec<Problem>,
    orphans: Vec<Orphan>,
}

impl Opening<'_> {
    fn databases(&mut self) -> Vec<Database> {
        let mut keys: BTreeMap<String, DatabaseConfig> = self.config.databases.clone();
        for key in self.subfolders(VIEWS, true).into_iter().chain(self.subfolders("schemas", false))
        {
            let elsewhere = |config: &DatabaseConfig| {
                config.folder.as_deref().is_some_and(|folder| folder == Path::new(VIEWS).join(&key))
            };
            if !self.config.databases.values().any(elsewhere) {
                keys.entry(key).or_default();
            }
        }
        let databases: Vec<Database> =
            keys.into_iter().filter_map(|(key, config)| self.database(key, config)).collect();
        let mut names = BTreeMap::new();
        for database in &databases {
            if let Some(other) = names.insert(&database.name, &database.key) {
                let message = format!(
                    "the databases `{other}` and `{}` are both named `{}`",
                    database.key, database.name
                );
                self.problems.push(Problem::new(Path::new(CONFIG_FILE), Fault::Config(message)));
            }
        }
        self.suites_of_nobody(&databases);
        databases
    }

    /// The names of the folders in a folder of the root. What else stands there is noted when
    /// nothing else may.
    fn subfolders(&mut self, folder: &str, only_folders: bool) -> Vec<String> {
        let path = self.root.join(folder);
        // A project whose root is one couchapp has a folder `views` of another kind.
        let elsewhere = self
            .config
            .databases
            .values()
            .any(|database| database.folder.as_deref() == Some(Path::new(".")));
        if !path.is_dir() || elsewhere {
            return Vec::new();
        }
        let mut names = Vec::new();
        for entry in files::list(&path, &mut self.problems) {
            if entry.name.starts_with('.') {
                continue;
            }
            if entry.folder {
                names.push(entry.name);
            } else if only_folders {
                let reason = "design documents stand in `views/<database>/`";
                self.orphans.push(Orphan { path: entry.path, reason });
            }
        }
        names
    }

    fn database(&mut self, key: String, config: DatabaseConfig) -> Option<Database> {
        let below = config.folder.clone().unwrap_or_else(|| Path::new(VIEWS).join(&key));
        let folder = self.root.join(&below);
        let schemas = files::find(
            &self.root.join("schemas").join(&key),
            &[".schema.json"],
            &mut self.problems,
        );
        let (schema_suites, suites) =
            files::find(&self.root.join("tests").join(&key), SUITE_ENDINGS, &mut self.problems)
                .into_iter()
                .partition(|path| suite::SchemaSuite::is_named(path));
        let mut security = config.security.as_ref().map(|path| self.root.join(path));
        let mut designs = Vec::new();
        let mut documents = Vec::new();
        if folder.is_dir() {
            let reader = Reader {
                layout: config.layout,
                trim: config.trim,
                loader: self.loader,
                root: self.root,
            };
            let found = reader.database(&folder);
            self.problems.extend(found.problems);
            self.orphans.extend(found.orphans);
            designs = self.distinct(found.designs);
            documents = found.documents;
            security = security.or(found.security);
        } else if schemas.is_empty() || config.folder.is_some() {
            let fault = Fault::NoFolder { database: key, folder: below.display().to_string() };
            self.problems.push(Problem::new(Path::new(CONFIG_FILE), fault));
            return None;
        }
        if let Some(path) = security.as_ref().filter(|path| !path.is_file()) {
            let message = "the file that `security` names does not exist".to_owned();
            self.problems.push(Problem::new(path, Fault::Config(message)));
        }
        let name = config.name.clone().unwrap_or_else(|| key.clone());
        Some(Database {
            name,
            key,
            folder,
            config,
            designs,
            schemas,
            suites,
            schema_suites,
            documents,
            security,
        })
    }

    /// Sorts design documents by id and notes those that share one.
    fn distinct(&mut self, mut designs: Vec<DesignDocument>) -> Vec<DesignDocument> {
        designs.sort_by(|left, right| left.id.cmp(&right.id));
        let place = |design: &DesignDocument| {
            design.sources.get::<&str>(&[]).map(|source| source.path.clone()).unwrap_or_default()
        };
        for pair in designs.windows(2) {
            if pair[0].id == pair[1].id {
                let fault = Fault::DuplicateDesign {
                    id: pair[0].id.clone(),
                    other: place(&pair[0]).display().to_string(),
                };
                self.problems.push(Problem::new(&place(&pair[1]), fault));
            }
        }
        designs
    }

    /// Suites in the folders of `tests` that belong to no database would silently never run.
    fn suites_of_nobody(&mut self, databases: &[Database]) {
        for key in self.subfolders("tests", false) {
            if databases.iter().any(|database| database.key == key) {
                continue;
            }
            let folder = self.root.join("tests").join(&key);
            // Problems in folders that are none of ours are none of ours.
            for path in files::find(&folder, SUITE_ENDINGS, &mut Vec::new()) {
                let of_a_project_inside = path
                    .ancestors()
                    .skip(1)
                    .take_while(|ancestor| ancestor.starts_with(&folder))
                    .any(|ancestor| ancestor.join(CONFIG_FILE).is_file());
                if !of_a_project_inside {
                    let reason = "its folder is not named after a database";
                    self.orphans.push(Orphan { path, reason });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;

/// How the names of suite files end.
const SUITE_ENDINGS: &[&str] = &[".test.yaml", ".test.yml"];
