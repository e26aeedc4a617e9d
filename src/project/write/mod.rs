//! Writing design documents into a project, so that reading them gives them back.
//!
//! Several forms are tried, the most convenient first: couchctl's own folder, the tree of couchdb-compile (or that
//! of couchapp for what couchapp pushed), a JSON file, a module. Each is written beside its place, read as the
//! project would read it, and taken only when nothing was lost; then it is moved to its place.

mod files;
mod forms;
mod names;

use std::path::{Path, PathBuf};

use super::files::Entry;
use super::layout::{Found, ModuleLoader, Reader, SECURITY_FILE, is_design_document};
use super::{Database, DatabaseConfig};
use crate::design::DesignDocument;
use crate::json::Value;
use files::Workspace;
use forms::Form;

/// Why a design document was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The operating system refused.
    #[error("{}: cannot be written: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// Something else stands where it belongs.
    #[error("{}: something else is there", path.display())]
    Occupied {
        /// The file or folder.
        path: PathBuf,
    },
    /// The database's folder is itself one design document, as of a couchapp.
    #[error("{}: the folder is itself a design document", path.display())]
    OneDesign {
        /// The folder.
        path: PathBuf,
    },
    /// No form holds it without loss.
    #[error("`{id}` cannot be kept in files without loss")]
    NoForm {
        /// The design document.
        id: String,
    },
}

impl WriteError {
    /// What to do about it, where there is more to say than the message does.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Occupied { .. } => Some("move it away"),
            Self::OneDesign { .. } => {
                Some("set `folder` of the database to a folder that holds design documents")
            }
            Self::Io { .. } | Self::NoForm { .. } => None,
        }
    }
}

/// Writes design documents into the folder of a database.
pub struct Writer<'a> {
    /// The project's root.
    pub root: &'a Path,
    /// The folder of the database's design documents.
    pub folder: &'a Path,
    /// What the configuration says of the database.
    pub config: &'a DatabaseConfig,
    /// Evaluates modules, to see what they hold.
    pub loader: &'a dyn ModuleLoader,
}

impl<'a> Writer<'a> {
    /// Writes into the folder of a database of a project.
    #[must_use]
    pub fn new(root: &'a Path, database: &'a Database, loader: &'a dyn ModuleLoader) -> Self {
        Self { root, folder: &database.folder, config: &database.config, loader }
    }

    /// Writes a design document, in place of `replaced` if there is one, and tells its file or folder. Its
    /// attachments have their `data`. `is_faithful` tells whether what is read back is what was to be written.
    ///
    /// # Errors
    /// When it cannot be written; then `replaced` stays.
    pub fn write(
        &self,
        design: &DesignDocument,
        replaced: Option<&DesignDocument>,
        is_faithful: &dyn Fn(&DesignDocument) -> bool,
    ) -> Result<PathBuf, WriteError> {
        let old = replaced
            .and_then(|design| design.sources.get::<&str>(&[]))
            .map(|source| self.root.join(&source.path));
        if old.as_deref() == Some(self.folder) {
            return Err(WriteError::OneDesign { path: self.folder.to_owned() });
        }
        // couchdb-bootstrap keeps design documents in a folder of their own.
        let bootstrap = self.folder.join("_design");
        let parent = if bootstrap.is_dir() { &bootstrap } else { self.folder };
        let workspace = Workspace::create(parent)?;
        let name = names::free_name(design.name(), parent, old.as_deref());
        let trims = self.config.trim.unwrap_or(true);
        for form in Form::for_design(design) {
            let Some(files) = form.files(design, &name, trims) else { continue };
            let entry = workspace.write(&files)?;
            if self.read(&entry).is_some_and(|read| read.id == design.id && is_faithful(&read)) {
                return workspace.publish(&entry, parent, old.as_deref());
            }
            files::discard(&entry)?;
        }
        Err(WriteError::NoForm { id: design.id.clone() })
    }

    /// Writes a `_security` object to its file, and tells which: `file`, or, where the project names none,
    /// `_security.json` among the design documents, where the project finds it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_security(
        &self,
        file: Option<&Path>,
        security: &Value,
    ) -> Result<PathBuf, WriteError> {
        let beside = self.folder.join(SECURITY_FILE);
        let path = file.unwrap_or(&beside);
        if file.is_none() && is_design_document(self.folder) {
            return Err(WriteError::OneDesign { path: self.folder.to_owned() });
        }
        let text = forms::pretty(security).unwrap_or_default();
        files::replace(path, text.as_bytes())?;
        Ok(path.to_owned())
    }

    /// Reads one entry as the project would.
    fn read(&self, path: &Path) -> Option<DesignDocument> {
        let reader = Reader {
            layout: self.config.layout,
            trim: self.config.trim,
            loader: self.loader,
            root: self.root,
        };
        let entry = Entry {
            name: path.file_name()?.to_str()?.to_owned(),
            path: path.to_owned(),
            folder: path.is_dir(),
        };
        let mut found = Found::default();
        reader.design(&entry, &mut found);
        let lost_nothing = found.problems.is_empty() && found.orphans.is_empty();
        found.designs.pop().filter(|_| lost_nothing && found.documents.is_empty())
    }
}
