//! Files written beside their place and moved there when they are complete.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::WriteError;

/// The files of a design document, below the file or folder of this name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Files {
    /// The name of the file, extension included, or of the folder.
    pub(super) name: String,
    /// The content of a file, or the files of a folder by their paths in it.
    pub(super) content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    File(Vec<u8>),
    Folder(Vec<(PathBuf, Vec<u8>)>),
}

/// A hidden folder beside the design documents, removed in the end. Projects do not read hidden folders.
pub(super) struct Workspace(PathBuf);

impl Workspace {
    pub(super) fn create(parent: &Path) -> Result<Self, WriteError> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!(".couchctl-{}-{number}", std::process::id()));
        fs::create_dir_all(parent).map_err(failed(parent))?;
        fs::create_dir(&path).map_err(failed(&path))?;
        Ok(Self(path))
    }

    /// Writes files, and tells the path of their file or folder.
    pub(super) fn write(&self, files: &Files) -> Result<PathBuf, WriteError> {
        let entry = self.0.join(&files.name);
        match &files.content {
            Content::File(bytes) => fs::write(&entry, bytes).map_err(failed(&entry))?,
            Content::Folder(files) => {
                fs::create_dir(&entry).map_err(failed(&entry))?;
                for (below, bytes) in files {
                    let path = entry.join(below);
                    let folder = path.parent().unwrap_or(&entry);
                    fs::create_dir_all(folder).map_err(failed(folder))?;
                    fs::write(&path, bytes).map_err(failed(&path))?;
                }
            }
        }
        Ok(entry)
    }

    /// Moves what was written to its place below `parent`, and what it replaces out of the way.
    pub(super) fn publish(
        &self,
        entry: &Path,
        parent: &Path,
        replaced: Option<&Path>,
    ) -> Result<PathBuf, WriteError> {
        let place = parent.join(entry.file_name().unwrap_or_default());
        if place.symlink_metadata().is_ok() && replaced != Some(place.as_path()) {
            return Err(WriteError::Occupied { path: place });
        }
        let aside = self.0.join("replaced");
        if let Some(old) = replaced {
            fs::rename(old, &aside).map_err(failed(old))?;
        }
        if let Err(error) = fs::rename(entry, &place) {
            if let Some(old) = replaced {
                fs::rename(&aside, old).map_err(failed(old))?;
            }
            return Err(failed(&place)(error));
        }
        Ok(place)
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        // What is left is hidden and harms nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Writes one file in place of what it held, beside its place first.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    let parent = path.parent().unwrap_or(Path::new("."));
    let workspace = Workspace::create(parent)?;
    let beside = workspace.0.join("file");
    fs::write(&beside, bytes).map_err(failed(&beside))?;
    fs::rename(&beside, path).map_err(failed(path))
}

/// Removes what was written but lost something.
pub(super) fn discard(entry: &Path) -> Result<(), WriteError> {
    let removed = if entry.is_dir() { fs::remove_dir_all(entry) } else { fs::remove_file(entry) };
    removed.map_err(failed(entry))
}

fn failed(path: &Path) -> impl Fn(io::Error) -> WriteError + use<> {
    let path = path.to_owned();
    move |error| WriteError::Io { path: path.clone(), error }
}
