//! The databases of a project that a command is about.

use std::path::Path;

use super::plan::Target;
use crate::json::{Value, parse};
use crate::project::{Database, Fault, Problem, Project, did_you_mean};

/// A database of a project with the content of its `security` file.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded<'a> {
    /// The database.
    pub database: &'a Database,
    /// The content of its `security` file.
    pub security: Option<Value>,
    /// The one database of the server to limit a `match` to.
    pub only: Option<String>,
}

impl Loaded<'_> {
    /// What it is to be like.
    #[must_use]
    pub fn target(&self) -> Target<'_> {
        Target { database: self.database, security: self.security.as_ref() }
    }
}

/// Why there is nothing to plan.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// A `security` file cannot be read.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// The project has no such database.
    #[error("the project has no database `{name}`{}", guess.as_ref().map(|guess| format!("; did you mean `{guess}`?")).unwrap_or_default())]
    Unknown {
        /// The name asked for.
        name: String,
        /// A name that may have been meant.
        guess: Option<String>,
    },
    /// The project has no database at all.
    #[error("the project has no database")]
    Empty,
}

/// The databases of a project that have design documents or a `_security` object; all of them, or the
/// one that is named by its name, its key, or a name that its `match` finds.
///
/// # Errors
/// When there is none, or a `security` file is no JSON object.
pub fn load<'a>(project: &'a Project, only: Option<&str>) -> Result<Vec<Loaded<'a>>, TargetError> {
    let all = || project.databases.iter();
    let Some(name) = only else {
        let loaded: Result<Vec<_>, _> =
            all().map(|database| load_one(project, database, None)).collect();
        return match loaded {
            Ok(loaded) if loaded.is_empty() => Err(TargetError::Empty),
            other => other,
        };
    };
    if let Some(database) = project.database(name) {
        return Ok(vec![load_one(project, database, None)?]);
    }
    if let Some(database) = all().find(|database| database.config.finds(name)) {
        return Ok(vec![load_one(project, database, Some(name.to_owned()))?]);
    }
    let guess = did_you_mean(name, all().map(|database| database.name.as_str()));
    Err(TargetError::Unknown { name: name.to_owned(), guess: guess.map(str::to_owned) })
}

fn load_one<'a>(
    project: &Project,
    database: &'a Database,
    only: Option<String>,
) -> Result<Loaded<'a>, TargetError> {
    let read = |path: &Path| -> Result<Value, Problem> {
        let shown = project.shown(path);
        let bytes = std::fs::read(path)
            .map_err(|error| Problem::new(shown, Fault::Unreadable(error.to_string())))?;
        let value = parse(&bytes)
            .map_err(|error| Problem::at_line(shown, error.line, Fault::Json(error.message)))?;
        if value.is_object() { Ok(value) } else { Err(Problem::new(shown, Fault::NotAnObject)) }
    };
    let security = database.security.as_deref().map(read).transpose()?;
    Ok(Loaded { database, security, only })
}
