//! Reading folders and files: sorted, bounded, and with errors that name the place.

use std::fs;
use std::path::{Path, PathBuf};

use super::problem::{Fault, Problem, line_of};

/// Files beyond this size are refused rather than read.
pub(super) const MAX_SIZE: u64 = 64 << 20;

/// Folders nested deeper than this are refused.
const MAX_DEPTH: usize = 64;

/// An entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its name.
    pub(super) name: String,
    /// The path to it.
    pub(super) path: PathBuf,
    /// Whether it is a folder; it is a regular file otherwise.
    pub(super) folder: bool,
}

/// The entries of a folder, hidden ones included, sorted by the bytes of their names. What is
/// neither folder nor regular file, or has no usable name, is noted as a problem and left out.
pub(super) fn list(folder: &Path, problems: &mut Vec<Problem>) -> Vec<Entry> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            problems.push(Problem::unreadable(folder, &error));
            return Vec::new();
        }
    };
    let mut listed = Vec::new();
    for entry in entries {
        let path = match entry {
            Ok(entry) => entry.path(),
            Err(error) => {
                problems.push(Problem::unreadable(folder, &error));
                continue;
            }
        };
        let Some(name) = path.file_name().and_then(|name| name.to_str()).map(str::to_owned) else {
            problems.push(Problem::new(&path, Fault::NameNotUtf8));
            continue;
        };
        match fs::metadata(&path) {
            Ok(data) if data.is_dir() => listed.push(Entry { name, path, folder: true }),
            Ok(data) if data.is_file() => listed.push(Entry { name, path, folder: false }),
            // Reading a pipe or a device could wait for ever.
            Ok(_) => {
                let fault = Fault::Unreadable("neither a file nor a folder".to_owned());
                problems.push(Problem::new(&path, fault));
            }
            // Editors leave hidden links to nowhere; nothing is lost with those.
            Err(_) if name.starts_with('.') => {}
            Err(error) => problems.push(Problem::unreadable(&path, &error)),
        }
    }
    listed.sort_by(|left, right| left.name.as_bytes().cmp(right.name.as_bytes()));
    listed
}

/// The bytes of a file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    let size = fs::metadata(path).map_err(|error| Problem::unreadable(path, &error))?.len();
    if size > MAX_SIZE {
        return Err(Problem::new(path, Fault::TooLarge(size)));
    }
    fs::read(path).map_err(|error| Problem::unreadable(path, &error))
}

/// The text of a file.
pub(super) fn read_text(path: &Path) -> Result<String, Problem> {
    String::from_utf8(read(path)?).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let valid = String::from_utf8_lossy(valid);
        Problem::at_line(path, line_of(&valid, valid.len()), Fault::NotUtf8)
    })
}

/// The folders from the outermost to the one being read, to notice links that lead back.
#[derive(Debug, Default)]
pub(super) struct Trail(Vec<PathBuf>);

impl Trail {
    /// Steps into a folder.
    pub(super) fn enter(&mut self, folder: &Path) -> Result<(), Problem> {
        let real = fs::canonicalize(folder).map_err(|error| Problem::unreadable(folder, &error))?;
        if self.0.contains(&real) {
            return Err(Problem::new(folder, Fault::SymlinkLoop));
        }
        if self.0.len() >= MAX_DEPTH {
            return Err(Problem::new(folder, Fault::TooDeep));
        }
        self.0.push(real);
        Ok(())
    }

    /// Steps back out.
    pub(super) fn leave(&mut self) {
        self.0.pop();
    }
}

/// The files below a folder whose names end with one of `endings`, sorted by path.
pub(super) fn find(folder: &Path, endings: &[&str], problems: &mut Vec<Problem>) -> Vec<PathBuf> {
    fn walk(
        folder: &Path,
        endings: &[&str],
        trail: &mut Trail,
        out: &mut Vec<PathBuf>,
        problems: &mut Vec<Problem>,
    ) {
        if let Err(problem) = trail.enter(folder) {
            problems.push(problem);
            return;
        }
        for entry in list(folder, problems) {
            if entry.name.starts_with('.') {
                continue;
            }
            if entry.folder {
                walk(&entry.path, endings, trail, out, problems);
            } else if endings.iter().any(|ending| entry.name.ends_with(ending)) {
                out.push(entry.path);
            }
        }
        trail.leave();
    }
    let mut found = Vec::new();
    if folder.is_dir() {
        walk(folder, endings, &mut Trail::default(), &mut found, problems);
    }
    found
}
