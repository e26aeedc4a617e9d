//! An earlier state of a project, from its Git repository.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::{CONFIG_FILE, Config, Database, Project};

/// Files of an earlier state, in a folder of their own that is removed in the end.
#[derive(Debug)]
pub struct Earlier {
    folder: PathBuf,
}

/// Why there is no earlier state.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// Git says no.
    #[error("git: {0}")]
    Git(String),
    /// The operating system says no.
    #[error("the earlier state cannot be read: {0}")]
    Io(#[from] std::io::Error),
}

impl Earlier {
    /// The schemas and the configuration of the project at `root` as they were at a commit, a branch or a
    /// tag.
    ///
    /// # Errors
    /// When the project is in no Git repository, or there is no such state.
    pub fn of(root: &Path, reference: &str) -> Result<Self, HistoryError> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        // Git would take it for an option.
        if reference.starts_with('-') {
            return Err(HistoryError::Git(format!("`{reference}` is no commit, branch or tag")));
        }
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("couchctl-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder)?;
        let earlier = Self { folder };
        let listed = git(
            root,
            &["ls-tree", "-r", "-z", "--name-only", reference, "--", "schemas", CONFIG_FILE],
        )?;
        let paths: Vec<String> = listed
            .split(|byte| *byte == 0)
            .filter(|path| !path.is_empty())
            .map(|path| String::from_utf8_lossy(path).into_owned())
            .filter(|path| !path.contains('\n') && is_below(path))
            .collect();
        earlier.write(root, reference, &paths)?;
        Ok(earlier)
    }

    /// Writes the files; one process of Git gives them all.
    fn write(&self, root: &Path, reference: &str, paths: &[String]) -> Result<(), HistoryError> {
        let mut child = Command::new("git")
            .arg("-C")
            .arg(root)
            .args(["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(started)?;
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(HistoryError::Git("it has no streams".to_owned()));
        };
        let mut output = BufReader::new(output);
        for path in paths {
            writeln!(input, "{reference}:./{path}")?;
            input.flush()?;
            let mut head = String::new();
            output.read_line(&mut head)?;
            let size: Option<u64> =
                head.trim_end().rsplit(' ').next().and_then(|size| size.parse().ok());
            let Some(size) = size else {
                return Err(HistoryError::Git(head.trim_end().to_owned()));
            };
            let mut content = Vec::new();
            output.by_ref().take(size).read_to_end(&mut content)?;
            output.read_exact(&mut [0])?;
            let target = self.folder.join(path);
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(target, content)?;
        }
        drop(input);
        child.wait()?;
        Ok(())
    }

    /// The state as a project with nothing but schemas.
    ///
    /// # Errors
    /// With what is wrong with its configuration.
    pub fn project(&self, now: &Project) -> Result<Project, Vec<super::Problem>> {
        let config = Config::load(&self.folder)?;
        let databases = now.databases.iter().map(|database| Database {
            config: config.databases.get(&database.key).cloned().unwrap_or_default(),
            schemas: super::files::find(
                &self.folder.join("schemas").join(&database.key),
                &[".schema.json"],
                &mut Vec::new(),
            ),
            designs: Vec::new(),
            suites: Vec::new(),
            schema_suites: Vec::new(),
            documents: Vec::new(),
            security: None,
            ..database.clone()
        });
        let databases = databases.collect();
        Ok(Project { root: self.folder.clone(), config, databases, orphans: Vec::new() })
    }
}

impl Drop for Earlier {
    fn drop(&mut self) {
        // What cannot be removed is left to the system, which cleans its temporary folder.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Whether a path leads nowhere but below.
fn is_below(path: &str) -> bool {
    Path::new(path).components().all(|component| matches!(component, Component::Normal(_)))
}

/// Why Git does not start.
fn started(error: std::io::Error) -> HistoryError {
    match error.kind() {
        std::io::ErrorKind::NotFound => {
            HistoryError::Git("the program is not installed".to_owned())
        }
        _ => HistoryError::Io(error),
    }
}

fn git(root: &Path, arguments: &[&str]) -> Result<Vec<u8>, HistoryError> {
    let output =
        Command::new("git").arg("-C").arg(root).args(arguments).output().map_err(started)?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let message = String::from_utf8_lossy(&output.stderr);
    let message = message.lines().next().unwrap_or_default();
    Err(HistoryError::Git(message.trim_start_matches("fatal: ").to_owned()))
}
