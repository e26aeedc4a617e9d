//! Snapshots: recorded answers beside a suite, in `<suite>.snapshots.json`.

use std::path::{Path, PathBuf};

use super::{Failure, SuiteError, compare};
use crate::json::{self, Map, Value};

/// The snapshots of one suite, by case.
#[derive(Debug, Clone)]
pub(super) struct Snapshots {
    file: PathBuf,
    answers: Map<String, Value>,
    changed: bool,
}

/// What comparing with a snapshot gave.
pub(super) enum Comparison {
    Same,
    Written,
    Different(Failure),
}

impl Snapshots {
    pub(super) fn read(root: &Path, suite: &Path) -> Result<Self, SuiteError> {
        let name = suite.to_string_lossy();
        let stem = name.split(".test.").next().unwrap_or_default();
        let file = PathBuf::from(format!("{stem}.snapshots.json"));
        let problem = |line, message| SuiteError { path: file.clone(), line, message, hint: None };
        let answers = match std::fs::read(root.join(&file)) {
            Ok(bytes) => match json::parse(&bytes) {
                Ok(Value::Object(answers)) => answers,
                Ok(_) => return Err(problem(None, "must hold an object".into())),
                Err(error) => return Err(problem(Some(error.line), error.message)),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Map::new(),
            Err(error) => return Err(problem(None, format!("cannot be read: {error}"))),
        };
        Ok(Self { file, answers, changed: false })
    }

    pub(super) fn compare(&mut self, case: &str, answer: &Value, update: bool) -> Comparison {
        let recorded = self.answers.get(case);
        if recorded == Some(answer) {
            return Comparison::Same;
        }
        if update {
            self.answers.insert(case.to_owned(), answer.clone());
            self.changed = true;
            return Comparison::Written;
        }
        let hint = "`couchctl test --update` writes snapshots".to_owned();
        let failure = match recorded {
            None => Failure { message: "there is no snapshot yet".into(), diff: None, hint: None },
            Some(recorded) => compare::value("the snapshot", recorded, answer).unwrap_or(Failure {
                message: "the snapshot differs in the spelling of a number".into(),
                diff: None,
                hint: None,
            }),
        };
        Comparison::Different(Failure { hint: Some(hint), ..failure })
    }

    /// Writes what changed, through a file beside it, so that none is ever half-written.
    pub(super) fn write(&self, root: &Path) -> Result<(), SuiteError> {
        if !self.changed {
            return Ok(());
        }
        let path = root.join(&self.file);
        let beside = path.with_extension("json.new");
        let text = format!("{:#}\n", Value::Object(self.answers.clone()));
        std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, &path)).map_err(
            |error| SuiteError {
                path: self.file.clone(),
                line: None,
                message: format!("cannot be written: {error}"),
                hint: None,
            },
        )
    }
}
