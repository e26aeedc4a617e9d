//! The databases whose last push failed, noted in the project, so that they can be pushed alone.
//!
//! There is one file for each server, in a folder that Git ignores. It holds names and what went wrong, as
//! it was shown: no password, and nothing that a push needs. Without it, a push of all databases does the
//! same, and asks more.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

/// The folder, below a project's root, of what couchctl notes for itself.
const FOLDER: &str = ".couchctl";

/// What stands in a file's name as it is.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// The version of the file's shape.
const VERSION: u32 = 1;

/// The databases of a server whose last push failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedPushes {
    folder: PathBuf,
    path: PathBuf,
    server: String,
    /// What went wrong, by the database's name.
    databases: BTreeMap<String, String>,
}

/// The file.
#[derive(Serialize, Deserialize)]
struct Noted {
    version: u32,
    /// The server's address, without user and password.
    server: String,
    databases: BTreeMap<String, String>,
}

impl FailedPushes {
    /// Those that are noted in the project at `root` of the server at this address; none where there is no
    /// file.
    ///
    /// # Errors
    /// When the file cannot be read, or is none of this version.
    pub fn load(root: &Path, server: &str) -> io::Result<Self> {
        let folder = root.join(FOLDER);
        let name = utf8_percent_encode(server, ESCAPED);
        let path = folder.join("failed").join(format!("{name}.json"));
        let databases = match std::fs::read_to_string(&path) {
            Ok(text) => {
                let noted: Noted = serde_json::from_str(&text)?;
                if noted.version != VERSION || noted.server != server {
                    return Err(io::Error::other("it is of another version"));
                }
                noted.databases
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error),
        };
        Ok(Self { folder, path, server: server.to_owned(), databases })
    }

    /// Their names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.databases.keys().map(String::as_str)
    }

    /// Whether the last push of this one failed.
    #[must_use]
    pub fn contains(&self, database: &str) -> bool {
        self.databases.contains_key(database)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.databases.is_empty()
    }

    /// Notes what became of a push: why it failed, or that it did not.
    pub fn note(&mut self, database: &str, failure: Option<String>) {
        match failure {
            Some(failure) => self.databases.insert(database.to_owned(), failure),
            None => self.databases.remove(database),
        };
    }

    /// Writes the file, beside its place first: whoever is killed leaves the old one or the new one. The file of
    /// a server where nothing failed is removed.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn save(&self) -> io::Result<()> {
        if self.is_empty() {
            return match std::fs::remove_file(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        }
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(self.folder.join(".gitignore"), "*\n")?;
        let noted = Noted {
            version: VERSION,
            server: self.server.clone(),
            databases: self.databases.clone(),
        };
        let beside = self.path.with_extension(format!("{}.part", std::process::id()));
        std::fs::write(&beside, serde_json::to_string_pretty(&noted)?)?;
        std::fs::rename(beside, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &str = "https://couch.example.org/db";

    #[test]
    fn noted_until_all_succeed() {
        let root = tempfile::tempdir().expect("a folder");
        let mut failed = FailedPushes::load(root.path(), SERVER).expect("no file");
        assert!(failed.is_empty());
        failed.note("a", Some("no".to_owned()));
        failed.note("b/+", Some("neither".to_owned()));
        failed.save().expect("a file");
        let mut failed = FailedPushes::load(root.path(), SERVER).expect("a file");
        assert_eq!(failed.names().collect::<Vec<_>>(), ["a", "b/+"]);
        let other = FailedPushes::load(root.path(), "https://couch.example.org").expect("no file");
        assert!(other.is_empty());
        failed.note("a", None);
        failed.note("b/+", None);
        failed.save().expect("no file");
        let files: Vec<_> =
            std::fs::read_dir(failed.path.parent().expect("a folder")).expect("a folder").collect();
        assert!(files.is_empty(), "{files:?}");
    }

    #[test]
    fn a_file_of_another_version_is_refused() {
        let root = tempfile::tempdir().expect("a folder");
        let mut failed = FailedPushes::load(root.path(), SERVER).expect("no file");
        failed.note("a", Some("no".to_owned()));
        failed.save().expect("a file");
        let text = std::fs::read_to_string(&failed.path).expect("a file");
        std::fs::write(&failed.path, text.replace("\"version\": 1", "\"version\": 2"))
            .expect("a file");
        FailedPushes::load(root.path(), SERVER).expect_err("another version");
    }
}
