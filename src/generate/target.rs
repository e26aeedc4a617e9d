//! Where generated files belong in a project, and whether those that are there are what they should be.

use std::path::{Path, PathBuf};

use super::GenerateError;
use super::types;
use super::vdu::{self, Unchecked};
use crate::project::{Database, Fault, Problem, Project, function_of};
use crate::schema::Schemas;

/// The function written by hand that is made part of the generated one, in the folder of the schemas.
const BY_HAND: &str = "validate_doc_update.js";

/// A file to generate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its path, relative to the project.
    pub path: PathBuf,
    /// What it should hold.
    pub content: String,
    /// What it holds now.
    pub state: State,
    /// What the function does not check though the schemas say so, and what a selector judges in another
    /// way.
    pub unchecked: Vec<Unchecked>,
}

/// What a file that should be generated holds now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// There is no such file.
    Missing,
    /// What an earlier state of the schemas gave.
    Stale,
    /// What it should.
    Current,
}

fn problem(path: &Path, message: String, hint: Option<String>) -> Problem {
    Problem::new(path, Fault::Schema { message, hint })
}

/// The validation function of a database's schemas, in the design document of this name.
///
/// # Errors
/// When the schemas give no function, when the design document has one written by hand, or is not kept
/// as a folder.
pub fn validation(
    project: &Project,
    database: &Database,
    schemas: &Schemas,
    design: &str,
) -> Result<Target, Problem> {
    let generated = generated(project, schemas)?;
    let mut path = project.shown(&database.folder).join(design).join(BY_HAND);
    let member = ["validate_doc_update"];
    let mut state = State::Missing;
    if let Some(existing) = database.design(design) {
        let elsewhere = |source: &Path| {
            let message = format!("the design document `{design}` is not kept as a folder");
            problem(source, message, Some("choose another with --design".to_owned()))
        };
        let source = existing.sources.get(&member).map(|source| source.path.clone());
        match existing.validate_doc_update() {
            Some(function) => {
                let source = source.unwrap_or_else(|| path.clone());
                if !vdu::is_generated(function) {
                    let message = "holds a function that is written by hand".to_owned();
                    let hint = format!(
                        "move it to schemas/{}/{BY_HAND}, and it becomes part of the generated one; \
                         or choose another design document with --design",
                        database.key
                    );
                    return Err(problem(&source, message, Some(hint)));
                }
                if source.extension().is_none_or(|ending| ending != "js") {
                    return Err(elsewhere(&source));
                }
                let is_same = function == generated.source.trim();
                state = if is_same { State::Current } else { State::Stale };
                path = source;
            }
            None => match source {
                Some(source) if project.root.join(&source).is_file() => {
                    return Err(elsewhere(&source));
                }
                _ => {}
            },
        }
    }
    let content = format!("module.exports = {};\n", generated.source.trim());
    Ok(Target { path, content, state, unchecked: generated.unchecked })
}

/// The design document with a selector of a database's schemas, as a file of JSON.
///
/// # Errors
/// With everything of the schemas that a selector cannot say; when the design document is another one; or
/// when there is a function written by hand, which no selector can call.
pub fn declarative(
    project: &Project,
    database: &Database,
    schemas: &Schemas,
    design: &str,
) -> Result<Target, Vec<Problem>> {
    let folder = Path::new("schemas").join(&schemas.key);
    let by_hand = folder.join(BY_HAND);
    if project.root.join(&by_hand).is_file() {
        let message = "a selector cannot call a function that is written by hand".to_owned();
        let hint = "leave --declarative out, or put the function into a design document".to_owned();
        return Err(vec![problem(&by_hand, message, Some(hint))]);
    }
    let path = project.shown(&database.folder).join(format!("{design}.json"));
    let existing = database.design(design);
    if let Some(existing) = existing.filter(|other| !vdu::declarative::is_generated(&other.body)) {
        let message = format!("the design document `{design}` is there, and is not generated");
        let source = existing.sources.get(&[] as &[&str]).map_or(&path, |source| &source.path);
        let hint = "remove it, or choose another with --design".to_owned();
        return Err(vec![problem(source, message, Some(hint))]);
    }
    let generated = vdu::declarative::generate(schemas).map_err(|error| match error {
        GenerateError::Inexpressible(places) => {
            let place = |place: Unchecked| {
                let message = format!("`{}`: {}", place.pointer, place.reason);
                Problem::at_line(&place.path, place.line, Fault::Schema { message, hint: None })
            };
            places.into_iter().map(place).collect()
        }
        other => vec![problem(&folder, other.to_string(), None)],
    })?;
    let content = generated.file(&schemas.key);
    let state = match existing {
        None => State::Missing,
        Some(existing) if existing.body.get("validate_doc_update") == Some(&generated.selector) => {
            State::Current
        }
        Some(_) => State::Stale,
    };
    Ok(Target { path, content, state, unchecked: generated.differences })
}

fn generated(project: &Project, schemas: &Schemas) -> Result<vdu::Generated, Problem> {
    let folder = Path::new("schemas").join(&schemas.key);
    let by_hand = folder.join(BY_HAND);
    let path = project.root.join(&by_hand);
    let handwritten = if path.is_file() {
        let text = std::fs::read_to_string(&path)
            .map_err(|error| Problem::new(&by_hand, Fault::Unreadable(error.to_string())))?;
        Some(function_of(&text, &by_hand)?)
    } else {
        None
    };
    vdu::generate(schemas, handwritten.as_deref())
        .map_err(|error| problem(&folder, error.to_string(), None))
}

/// The TypeScript declarations of a database's documents, in `types/<database>.d.ts`.
///
/// # Errors
/// When a reference of a schema leads nowhere, or the file is not a generated one.
pub fn types_of(project: &Project, schemas: &Schemas) -> Result<Target, Problem> {
    let content = types::declarations(schemas).map_err(|error| {
        problem(&Path::new("schemas").join(&schemas.key), error.to_string(), None)
    })?;
    declarations(project, format!("{}.d.ts", schemas.key), content)
}

/// The TypeScript declarations of what CouchDB gives to functions, in `types/couchdb.d.ts`.
///
/// # Errors
/// When the file is not a generated one.
pub fn types_of_couchdb(project: &Project) -> Result<Target, Problem> {
    declarations(project, "couchdb.d.ts".to_owned(), types::COUCHDB.to_owned())
}

fn declarations(project: &Project, name: String, content: String) -> Result<Target, Problem> {
    let path = Path::new("types").join(name);
    let state = match std::fs::read_to_string(project.root.join(&path)) {
        Err(_) => State::Missing,
        Ok(text) if text == content => State::Current,
        Ok(text) if text.starts_with(types::MARK) => State::Stale,
        Ok(_) => {
            let message = "is not a generated file, and is not overwritten".to_owned();
            return Err(problem(&path, message, Some("move it elsewhere".to_owned())));
        }
    };
    Ok(Target { path, content, state, unchecked: Vec::new() })
}

/// The generated files of a database that are not what its schemas give now.
///
/// # Errors
/// When the schemas give no function.
pub fn stale(
    project: &Project,
    database: &Database,
    schemas: &Schemas,
) -> Result<Vec<PathBuf>, Vec<Problem>> {
    let mut stale = Vec::new();
    for design in &database.designs {
        let target = if vdu::declarative::is_generated(&design.body) {
            declarative(project, database, schemas, design.name())?
        } else if design.validate_doc_update().is_some_and(vdu::is_generated) {
            validation(project, database, schemas, design.name())
                .map_err(|problem| vec![problem])?
        } else {
            continue;
        };
        if target.state != State::Current {
            stale.push(target.path);
        }
    }
    if project.root.join("types").join(format!("{}.d.ts", schemas.key)).is_file() {
        let declared = types_of(project, schemas).map_err(|problem| vec![problem])?;
        if declared.state != State::Current {
            stale.push(declared.path);
        }
    }
    Ok(stale)
}
