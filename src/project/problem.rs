//! What can be wrong with a project, and where.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::json::JsonError;

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file or folder.
    pub path: PathBuf,
    /// The line, counted from 1, where one is known.
    pub line: Option<usize>,
    /// The column, counted from 1, where one is known.
    pub column: Option<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.path.display())?;
        for number in [self.line, self.column].into_iter().flatten() {
            write!(out, ":{number}")?;
        }
        Ok(())
    }
}

/// Something wrong with a project: one line that names the place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {fault}")]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What.
    pub fault: Fault,
}

impl Problem {
    /// A problem of a whole file or folder.
    #[must_use]
    pub fn new(path: &Path, fault: Fault) -> Self {
        Self { place: Place { path: path.to_owned(), line: None, column: None }, fault }
    }

    /// A problem in a line of a file.
    #[must_use]
    pub fn at_line(path: &Path, line: usize, fault: Fault) -> Self {
        Self { place: Place { path: path.to_owned(), line: Some(line), column: None }, fault }
    }

    pub(super) fn at(path: &Path, line: usize, column: usize, fault: Fault) -> Self {
        Self {
            place: Place { path: path.to_owned(), line: Some(line), column: Some(column) },
            fault,
        }
    }

    pub(super) fn json(path: &Path, error: &JsonError) -> Self {
        Self::at(path, error.line, error.column, Fault::Json(error.message.clone()))
    }

    pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Self {
        Self::new(path, Fault::Unreadable(error.to_string()))
    }

    /// What to do about it, where there is more to say than the message does.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        self.fault.hint()
    }
}

/// The kinds of problems.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Neither here nor in any folder above is there a project.
    #[error("no project here: neither this folder nor one above holds `couchctl.toml` or `views`")]
    NoProject,
    /// A folder that is named as a project is none.
    #[error("no project: it holds neither `couchctl.toml` nor `views`")]
    NotARoot,
    /// The operating system refused.
    #[error("cannot read: {0}")]
    Unreadable(String),
    /// Text that is not UTF-8.
    #[error("not valid UTF-8")]
    NotUtf8,
    /// A file or folder whose name is not UTF-8 and so cannot name a member.
    #[error("the name is not valid UTF-8")]
    NameNotUtf8,
    /// A file beyond what a design document can reasonably hold.
    #[error("the file has {0} bytes; at most 64 MiB are read")]
    TooLarge(u64),
    /// A symbolic link to a folder it stands in.
    #[error("the symbolic link leads back to a folder it stands in")]
    SymlinkLoop,
    /// Folders nested beyond reason.
    #[error("folders are nested too deep")]
    TooDeep,
    /// Text that is not JSON.
    #[error("not valid JSON: {0}")]
    Json(String),
    /// JSON that is not an object where only an object makes sense.
    #[error("not a JSON object")]
    NotAnObject,
    /// Two files for one member.
    #[error("the member `{member}` also comes from `{other}`")]
    TwoFiles {
        /// The member, names joined with dots.
        member: String,
        /// The other file.
        other: String,
    },
    /// A view without a map.
    #[error("the view `{0}` has no map")]
    NoMap(String),
    /// A couchapp macro without a match.
    #[error("the macro `{0}` finds nothing")]
    MacroFindsNothing(String),
    /// Couchapp macros that include each other.
    #[error("the macro `{0}` includes itself")]
    MacroLoop(String),
    /// A pattern of `.couchappignore` that is none.
    #[error("not a list of regular expressions: {0}")]
    Ignore(String),
    /// A design document without a single member.
    #[error("the design document is empty")]
    EmptyDesign,
    /// A file that should hold one function.
    #[error("{0}")]
    NotOneFunction(String),
    /// A JavaScript module that could not be evaluated.
    #[error("{0}")]
    Module(String),
    /// An id that no design document can have.
    #[error("`{0}` is not the id of a design document")]
    WrongId(String),
    /// Two design documents with one id.
    #[error("`{id}` is also defined by `{other}`")]
    DuplicateDesign {
        /// The id.
        id: String,
        /// The other file or folder.
        other: String,
    },
    /// A configuration that does not say what it should.
    #[error("{0}")]
    Config(String),
    /// A password in the configuration or on the command line.
    #[error("a password must not stand here")]
    Password,
    /// A database of the configuration that nothing belongs to.
    #[error("the database `{database}` has no folder `{folder}`")]
    NoFolder {
        /// The database's key in the configuration.
        database: String,
        /// The folder looked for.
        folder: String,
    },
    /// A schema that is none, or that refers to nothing.
    #[error("{message}")]
    Schema {
        /// In one line.
        message: String,
        /// The next step.
        hint: Option<String>,
    },
    /// A suite that does not say what it should.
    #[error("{0}")]
    Suite(String),
    /// A fixture that is not there.
    #[error("the fixture `{0}` does not exist")]
    NoFixture(String),
    /// A name in a suite that nothing in the project has.
    #[error("{message}")]
    Unknown {
        /// In one line.
        message: String,
        /// The name most like it.
        like: Option<String>,
    },
    /// A document of a fixture that cannot be read, or that CouchDB would refuse.
    #[error("{message}")]
    Fixture {
        /// In one line.
        message: String,
        /// The next step.
        hint: Option<&'static str>,
    },
}

impl Fault {
    /// A stable name for the kind of problem, to search for and to suppress.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoProject | Self::NotARoot => "no-project",
            Self::Unreadable(_) => "unreadable",
            Self::NotUtf8 => "not-utf8",
            Self::NameNotUtf8 => "name-not-utf8",
            Self::TooLarge(_) => "too-large",
            Self::SymlinkLoop => "symlink-loop",
            Self::TooDeep => "too-deep",
            Self::Json(_) => "invalid-json",
            Self::NotAnObject => "not-an-object",
            Self::TwoFiles { .. } => "two-files",
            Self::NoMap(_) => "no-map",
            Self::MacroFindsNothing(_) => "macro-finds-nothing",
            Self::MacroLoop(_) => "macro-loop",
            Self::Ignore(_) => "invalid-ignore-file",
            Self::EmptyDesign => "empty-design",
            Self::NotOneFunction(_) => "not-one-function",
            Self::Module(_) => "module-error",
            Self::WrongId(_) => "wrong-id",
            Self::DuplicateDesign { .. } => "duplicate-design",
            Self::Config(_) => "invalid-configuration",
            Self::Password => "password-in-configuration",
            Self::NoFolder { .. } => "no-folder",
            Self::Schema { .. } => "invalid-schema",
            Self::Suite(_) => "invalid-suite",
            Self::NoFixture(_) => "no-fixture",
            Self::Unknown { .. } => "unknown-name",
            Self::Fixture { .. } => "invalid-fixture",
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoProject => "`couchctl init` starts one".to_owned(),
            Self::NotARoot => {
                "`--project` names the folder itself; without it the nearest one up from here is taken"
                    .to_owned()
            }
            Self::Password => {
                "set COUCHDB_PASSWORD in the environment or in `.env`, and keep `.env` out of the repository"
                    .to_owned()
            }
            Self::NotUtf8 => "save the file as UTF-8; binary files belong in `_attachments`".to_owned(),
            Self::TooLarge(_) => "CouchDB takes design documents of 8 MB unless configured otherwise".to_owned(),
            Self::TwoFiles { .. } => "remove or rename one of the two".to_owned(),
            Self::NoMap(view) => format!("add `{view}/map.js`"),
            Self::MacroFindsNothing(_) => {
                "paths are relative to the design document's folder, names of members to its root".to_owned()
            }
            Self::NotOneFunction(_) => {
                "write `function (doc) {…}`, `module.exports = function (doc) {…}` or `export default function (doc) {…}`; \
                 helpers belong inside the function or in `lib`"
                    .to_owned()
            }
            Self::EmptyDesign => "add a view (`<view>/map.js`) or remove the folder".to_owned(),
            Self::WrongId(_) => "ids of design documents start with `_design/`".to_owned(),
            Self::NoFolder { .. } => "create the folder, set `folder`, or remove the entry".to_owned(),
            Self::NoFixture(_) => "fixtures are looked for beside the suite".to_owned(),
            Self::Unknown { like, .. } => {
                return like.as_ref().map(|name| format!("did you mean `{name}`?"));
            }
            Self::Schema { hint, .. } => return hint.clone(),
            Self::Fixture { hint, .. } => return hint.map(str::to_owned),
            _ => return None,
        })
    }
}

/// Everything wrong with a project, in the order it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectError {
    /// The problems; never empty.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ProjectError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            write!(out, "{}{problem}", if index > 0 { "\n" } else { "" })?;
        }
        Ok(())
    }
}

impl std::error::Error for ProjectError {}

impl From<Problem> for ProjectError {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }
}

/// The line of a byte offset, counted from 1.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}
