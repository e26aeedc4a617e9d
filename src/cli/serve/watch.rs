//! Which files a project is made of, and whether one was saved.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::project::{CONFIG_FILE, Project};

/// When a file was written last, and how long it is.
type Stamp = (Option<SystemTime>, u64);

/// The files that a project is made of.
pub(super) struct Files {
    folders: Vec<PathBuf>,
    found: BTreeMap<PathBuf, Stamp>,
}

impl Files {
    pub(super) fn of(project: &Project) -> Self {
        let folders = folders(project);
        let found = Self::look(&folders);
        Self { folders, found }
    }

    /// Whether something was saved since the last time.
    pub(super) fn changed(&mut self) -> bool {
        let now = Self::look(&self.folders);
        let changed = now != self.found;
        self.found = now;
        changed
    }

    /// Goes on with the files of the project as it is now. What was saved while it was read stays
    /// to be found.
    pub(super) fn follow(&mut self, project: &Project) {
        let folders = folders(project);
        if folders != self.folders {
            let earlier = std::mem::replace(&mut self.found, Self::look(&folders));
            self.found.extend(
                earlier
                    .into_iter()
                    .filter(|(path, _)| folders.iter().any(|folder| path.starts_with(folder))),
            );
            self.folders = folders;
        }
    }

    fn look(folders: &[PathBuf]) -> BTreeMap<PathBuf, Stamp> {
        let mut found = BTreeMap::new();
        for folder in folders {
            walk(folder, 0, &mut found);
        }
        found
    }
}

fn folders(project: &Project) -> Vec<PathBuf> {
    let root = &project.root;
    let mut folders = vec![root.join(CONFIG_FILE), root.join("tests"), root.join("schemas")];
    for database in &project.databases {
        folders.push(database.folder.clone());
        // A folder that a database may appear in.
        folders.extend(database.folder.parent().map(Path::to_owned));
        folders.extend(database.security.clone());
    }
    folders.sort();
    folders.dedup();
    folders
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
