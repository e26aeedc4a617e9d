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
    fn nothing_found() {
        let root = tempfile::tempdir().expect("a folder");
        let problem = discover(root.path()).expect_err("no project");
        assert_eq!(problem.fault, Fault::NoProject);
        assert!(problem.hint().is_some());
    }
}
