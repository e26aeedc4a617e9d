//! Finding the project a folder belongs to.

use std::path::{Path, PathBuf};

use super::problem::{Fault, Problem};

/// The name of the configuration file.
pub const CONFIG_FILE: &str = "couchctl.toml";

/// The folder of design documents, below the root.
pub(super) const VIEWS: &str = "views";

/// The project's root: `start` or the nearest folder above it that holds `couchctl.toml`, else the
/// nearest one that holds a folder `views`.
///
/// The configuration decides first, since a couchapp inside a project has a folder `views` of its
/// own.
///
/// # Errors
/// When there is neither.
pub fn discover(start: &Path) -> Result<PathBuf, Problem> {
    // A relative path such as `.` has no parents to look at.
    let absolute =
        std::path::absolute(start).map_err(|error| Problem::unreadable(start, &error))?;
    let above = || absolute.ancestors();
    above()
        .find(|folder| folder.join(CONFIG_FILE).is_file())
        .or_else(|| above().find(|folder| folder.join(VIEWS).is_dir()))
        .map(Path::to_owned)
        .ok_or_else(|| Problem::new(start, Fault::NoProject))
}

/// The project's root where exactly this folder is meant: it must hold `couchctl.toml` or a folder `views`
/// itself.
///
/// # Errors
/// When it does not, or cannot be read.
pub fn root_at(folder: &Path) -> Result<PathBuf, Problem> {
    let unreadable = |error| Problem::unreadable(folder, &error);
    let absolute = std::path::absolute(folder).map_err(unreadable)?;
    absolute.metadata().map_err(unreadable)?;
    if absolute.join(CONFIG_FILE).is_file() || absolute.join(VIEWS).is_dir() {
        Ok(absolute)
    } else {
        Err(Problem::new(folder, Fault::NotARoot))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_configuration_wins_over_a_nearer_folder_of_views() {
        let root = tempfile::tempdir().expect("a folder");
        let inner = root.path().join("apps/blog/views/by_date");
        fs::create_dir_all(&inner).expect("folders");
        assert_eq!(discover(&inner).expect("a project"), root.path().join("apps/blog"));
        fs::write(root.path().join(CONFIG_FILE), "").expect("a file");
        assert_eq!(discover(&inner).expect("a project"), root.path());
    }

    #[test]
    fn a_named_folder_is_the_project_or_an_error() {
        let root = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(root.path().join("views/blog")).expect("folders");
        assert_eq!(root_at(root.path()).expect("a project"), root.path());
        let below = root_at(&root.path().join("views/blog")).expect_err("no project");
        assert_eq!(below.fault, Fault::NotARoot);
        let nowhere = root_at(&root.path().join("nowhere")).expect_err("no folder");
        assert!(matches!(nowhere.fault, Fault::Unreadable(_)), "{nowhere}");
    }

    #[test]
    fn nothing_found() {
        let root = tempfile::tempdir().expect("a folder");
        let problem = discover(root.path()).expect_err("no project");
        assert_eq!(problem.fault, Fault::NoProject);
        assert!(problem.hint().is_some());
    }
}
