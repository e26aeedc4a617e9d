//! Snapshots: recorded answers beside a suite, in `<suite>.snapshots.json`.

use std::path::{Path, PathBuf};

use super::{Failure, compare};
use crate::json::{self, Map, Value};
use crate::project::{Fault, Problem};

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
    /// Reads the snapshots beside the suite `path`.
    pub(super) fn read(path: &Path) -> Result<Self, Problem> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let stem = name.split(".test.").next().unwrap_or_default();
        let file = path.with_file_name(format!("{stem}.snapshots.json"));
        let problem = |line, message: &str| {
            Problem::at_line(&file, line, Fault::Suite(format!("the snapshots: {message}")))
        };
        let answers = match std::fs::read(&file) {
            Ok(bytes) => match json::parse(&bytes) {
                Ok(Value::Object(answers)) => answers,
                Ok(_) => return Err(problem(1, "not a JSON object")),
                Err(error) => return Err(problem(error.line, &error.message)),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Map::new(),
            Err(error) => {
                return Err(Problem::new(&file, Fault::Unreadable(error.to_string())));
            }
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
    pub(super) fn write(&self) -> Result<(), Problem> {
        if !self.changed {
            return Ok(());
        }
        let beside = self.file.with_extension("json.new");
        let text = format!("{:#}\n", Value::Object(self.answers.clone()));
        std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, &self.file)).map_err(
            |error| {
                let message = format!("the snapshots cannot be written: {error}");
                Problem::new(&self.file, Fault::Suite(message))
            },
        )
    }
}
