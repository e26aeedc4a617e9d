//! Reading design documents as they are on disk, in the layouts of several tools, unchanged.
//!
//! | | layout `folder` | `compile` | `couchapp` |
//! |---|---|---|---|
//! | whose | couchctl's own | couchdb-compile, couchdb-bootstrap, cht-core | couchapp, couchdb-python |
//! | told by | a folder with a `map` in it, no `views` | everything else | `.couchapprc`, `.couchappignore`, `couchapp.json` |
//! | views | `<view>/map.js` | `views/<view>/map.js` | `views/<view>/map.js` |
//! | `lib/` is | `views.lib` | `lib` | `lib` |
//! | text | trimmed | trimmed | as it is |
//! | `_attachments/` | at the root | at the root | at the root and in `vendor/<n>/` |
//! | macros | no | no | yes |
//!
//! Beside folders there are modules (`<ddoc>.js`) and JSON files (`<ddoc>.json`). A file's last
//! extension is not part of its member's name; `.json` is parsed, all else is text. A database
//! folder that is itself marked as a couchapp, or has an `_id` that names a design document, is one
//! design document.
//!
//! Members are sorted by the bytes of their names, since folders have no order of their own: only
//! the order of views that share a map and options matters to an index. Inside JSON files and
//! modules members keep their order.

mod attachments;
mod folder;
mod ignore;
mod javascript;
mod json_file;
mod macros;
mod module;
mod place;
mod source;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

pub(crate) use folder::COUCHAPP_BOOKKEEPING;
pub(super) use folder::is_design_document;
pub(crate) use javascript::tokens as javascript_tokens;
pub(crate) use place::holds_function;

use super::files::{self, Entry};
use super::problem::{Fault, Problem};
use crate::design::DesignDocument;
use crate::json::Value;

/// The file of a `_security` object among design documents, as couchdb-bootstrap has it.
pub(super) const SECURITY_FILE: &str = "_security.json";

/// How a folder holds a design document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// couchctl's own: `<view>/map.js`.
    Folder,
    /// The tree of couchdb-compile: every file is a member, text is trimmed.
    Compile,
    /// The tree of couchapp: macros, attachments of vendors, text as it is.
    Couchapp,
}

impl Layout {
    /// Whether white space around the text of a file is dropped.
    #[must_use]
    pub fn trims(self) -> bool {
        self != Self::Couchapp
    }
}

/// Evaluates JavaScript modules: the engine's part in reading a project.
pub trait ModuleLoader {
    /// The exports of the module (`CommonJS`, or the default export) as JSON, with functions as
    /// their source text.
    ///
    /// # Errors
    /// When the module cannot be evaluated.
    fn load(&self, path: &Path, source: &str) -> Result<Value, ModuleError>;
}

/// Why a module could not be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ModuleError {
    /// The engine's message.
    pub message: String,
    /// The line, counted from 1, if known.
    pub line: Option<usize>,
}

/// The function that the text of a file holds, as it is pushed: a bare one, or the one a module exports.
///
/// # Errors
/// When there is more in the file than one function.
pub fn function_of(text: &str, path: &Path) -> Result<String, Problem> {
    match source::function_of_module(text) {
        Ok(Some(function)) => Ok(function.text),
        Ok(None) => Ok(text.trim().to_owned()),
        Err(error) => {
            let line = super::problem::line_of(text, error.offset);
            Err(Problem::at_line(path, line, Fault::NotOneFunction(error.message.to_owned())))
        }
    }
}

/// A file that the layout has no use for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphan {
    /// The file or folder.
    pub path: PathBuf,
    /// Why it is left out.
    pub reason: &'static str,
}

/// What a reader needs to know of a database.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    /// The layout, if it should not be told from the folder.
    pub(super) layout: Option<Layout>,
    /// Whether to trim, if other than the layout does.
    pub(super) trim: Option<bool>,
    pub(super) loader: &'a dyn ModuleLoader,
    /// The project's root, which paths in sources are relative to.
    pub(super) root: &'a Path,
}

/// What the folder of a database holds.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) designs: Vec<DesignDocument>,
    /// Files and folders of other documents, which their tools push beside the design documents.
    pub(super) documents: Vec<PathBuf>,
    /// A `_security.json`.
    pub(super) security: Option<PathBuf>,
    pub(super) orphans: Vec<Orphan>,
    pub(super) problems: Vec<Problem>,
}

impl Found {
    fn orphan(&mut self, path: &Path, reason: &'static str) {
        self.orphans.push(Orphan { path: path.to_owned(), reason });
    }
}

impl Reader<'_> {
    /// Reads the design documents of a database's folder.
    pub(super) fn database(&self, folder: &Path) -> Found {
        let mut found = Found::default();
        if is_design_document(folder) {
            folder::read(self, folder, &mut found);
            return found;
        }
        let entries = files::list(folder, &mut found.problems);
        let bootstrap = entries.iter().any(|entry| entry.folder && entry.name == "_design");
        for entry in entries {
            match entry.name.as_str() {
                name if name.starts_with('.') => {}
                "_design" if entry.folder => {
                    for entry in files::list(&entry.path, &mut found.problems) {
                        if !entry.name.starts_with('.') {
                            self.design(&entry, &mut found);
                        }
                    }
                }
                SECURITY_FILE => found.security = Some(entry.path),
                // couchdb-bootstrap keeps documents beside `_design`.
                name if bootstrap && (name == "_local" || !name.starts_with('_')) => {
                    found.documents.push(entry.path);
                }
                "_docs" if entry.folder => found.documents.push(entry.path),
                name if name.starts_with('_') => {
                    found.orphan(&entry.path, "names of design documents do not start with `_`");
                }
                _ => self.design(&entry, &mut found),
            }
        }
        found
    }

    /// Reads the design document that an entry of a database's folder holds.
    pub(super) fn design(&self, entry: &Entry, found: &mut Found) {
        if entry.folder {
            folder::read(self, &entry.path, found);
            return;
        }
        let read = match entry.name.rsplit_once('.') {
            Some((stem, "js" | "mjs" | "cjs")) => module::read(self, &entry.path, stem),
            Some((stem, "json")) => json_file::read(self, &entry.path, stem),
            _ => {
                found.orphan(&entry.path, "neither a folder nor a `.js` or `.json` file");
                return;
            }
        };
        match read {
            Ok(design) => found.designs.push(design),
            Err(problem) => found.problems.push(problem),
        }
    }

    /// A path as messages show it: below the project's root where it is.
    pub(super) fn shown(&self, path: &Path) -> PathBuf {
        path.strip_prefix(self.root).unwrap_or(path).to_owned()
    }
}

/// The id of a design document: its own `_id`, or the name of its file or folder.
fn design_id(own: Option<Value>, name: &str, path: &Path) -> Result<String, Problem> {
    let id = match own {
        None => format!("_design/{name}"),
        Some(Value::String(id)) => id,
        Some(other) => other.to_string(),
    };
    match id.strip_prefix("_design/") {
        Some(name) if !name.is_empty() => Ok(id),
        _ => Err(Problem::new(path, Fault::WrongId(id))),
    }
}
