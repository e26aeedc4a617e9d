//! A project: what is on disk, read into plain data.

mod config;
mod function_file;
mod layout;
mod suite_file;

pub use config::{Config, DatabaseConfig, EnvironmentConfig};
pub use function_file::function_source;
pub use suite_file::{Case, CaseKind, Expectation, Fixtures, Suite, ValidateCase};

use std::path::{Path, PathBuf};

use crate::design::DesignDocument;
use crate::json::Value;

/// Evaluates design documents that are JavaScript modules; the engine does.
pub trait ModuleLoader {
    /// What the module exports: functions as their source text.
    ///
    /// # Errors
    /// A message, with the line where it is known.
    fn load(&mut self, source: &str) -> Result<Value, (String, Option<usize>)>;
}

/// Something wrong with a project.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}: {message}", path.display(), line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct ProjectError {
    /// The file or folder, below the project's root where possible.
    pub path: PathBuf,
    /// The line, counted from 1, where there is one.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// The next step.
    pub hint: Option<String>,
}

impl ProjectError {
    fn new(path: &Path, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: None, message: message.into(), hint: None }
    }

    fn at(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn unreadable(path: &Path, error: &std::io::Error) -> Self {
        Self::new(path, format!("cannot be read: {error}"))
    }
}

/// A database of a project.
#[derive(Debug, Clone, PartialEq)]
pub struct ProjectDatabase {
    /// The folder's name.
    pub folder: String,
    /// The database's name on a server.
    pub name: String,
    /// Its design documents, by id.
    pub designs: Vec<DesignDocument>,
    /// Schema files, below the root.
    pub schemas: Vec<PathBuf>,
    /// Suite files, below the root.
    pub suites: Vec<PathBuf>,
}

/// A project.
#[derive(Debug, Clone, PartialEq)]
pub struct Project {
    /// Its folder.
    pub root: PathBuf,
    /// Its configuration.
    pub config: Config,
    /// Its databases, by folder.
    pub databases: Vec<ProjectDatabase>,
    /// Files that belong to nothing.
    pub orphans: Vec<PathBuf>,
}

impl Project {
    /// The project's folder: the first one with a `couchctl.toml` or `views`, from `start` up.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(start: &Path) -> Result<PathBuf, ProjectError> {
        start
            .ancestors()
            .find(|folder| folder.join("couchctl.toml").is_file() || folder.join("views").is_dir())
            .map(Path::to_owned)
            .ok_or_else(|| {
                ProjectError::new(start, "no project here: neither couchctl.toml nor views/ found")
                    .hint("`couchctl init` writes a small project")
            })
    }

    /// Reads the project in the folder `root`.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn open(root: &Path, loader: &mut dyn ModuleLoader) -> Result<Self, Vec<ProjectError>> {
        let mut problems = Vec::new();
        let config = Config::read(root).unwrap_or_else(|error| {
            problems.push(error);
            Config::default()
        });
        let mut names: Vec<String> = config.databases.keys().cloned().collect();
        for folder in ["views", "schemas", "tests"] {
            for entry in entries(&root.join(folder)) {
                if entry.is_dir()
                    && let Some(name) = file_name(&entry)
                {
                    // The Rust tests of a project that is also a crate are no database.
                    let relevant = folder != "tests" || !suites(&entry).is_empty();
                    if relevant && !names.contains(&name) {
                        names.push(name);
                    }
                }
            }
        }
        names.sort();
        let mut orphans = Vec::new();
        let mut databases = Vec::new();
        for folder in names {
            let mut reader = layout::Reader::new(root, loader);
            let designs = reader.designs(&Path::new("views").join(&folder));
            problems.append(&mut reader.problems);
            orphans.append(&mut reader.orphans);
            let below = |kind: &str, found: Vec<PathBuf>| -> Vec<PathBuf> {
                let folder = Path::new(kind).join(&folder);
                found
                    .iter()
                    .filter_map(|path| path.file_name().map(|name| folder.join(name)))
                    .collect()
            };
            let schemas = entries(&root.join("schemas").join(&folder))
                .into_iter()
                .filter(|path| path.to_string_lossy().ends_with(".schema.json"))
                .collect();
            let found = suites(&root.join("tests").join(&folder));
            let name = config.databases.get(&folder).and_then(|config| config.name.clone());
            databases.push(ProjectDatabase {
                name: name.unwrap_or_else(|| folder.clone()),
                designs,
                schemas: below("schemas", schemas),
                suites: below("tests", found),
                folder,
            });
        }
        if problems.is_empty() {
            Ok(Self { root: root.to_owned(), config, databases, orphans })
        } else {
            Err(problems)
        }
    }

    /// The database with this folder or name.
    #[must_use]
    pub fn database(&self, name: &str) -> Option<&ProjectDatabase> {
        self.databases.iter().find(|database| database.folder == name || database.name == name)
    }
}

/// What a folder holds, sorted by name; nothing when it cannot be read.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .collect();
    entries.sort();
    entries
}

fn file_name(path: &Path) -> Option<String> {
    path.file_name().and_then(|name| name.to_str()).map(str::to_owned)
}

fn suites(folder: &Path) -> Vec<PathBuf> {
    let is_suite = |path: &PathBuf| {
        let name = path.to_string_lossy();
        name.ends_with(".test.yaml") || name.ends_with(".test.yml")
    };
    entries(folder).into_iter().filter(is_suite).collect()
}

/// The name most like `wanted`, for a hint.
#[must_use]
pub fn did_you_mean<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    let ratio = |name: &str| similar::TextDiff::from_chars(wanted, name).ratio();
    names
        .map(|name| (ratio(name), name))
        .filter(|(ratio, _)| *ratio > 0.6)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| format!("did you mean `{name}`?"))
}
