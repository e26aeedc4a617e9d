//! Suites of schemas: documents that are valid, and documents that are not and why.
//!
//! ```yaml
//! # tests/cloudai/task.schema.test.yaml
//! valid:
//!   - name: the least a task needs
//!     doc: { _id: "task:1", type: task, cpu_req: 1, mem_mb: 512, status: pending, priority: 0 }
//! invalid:
//!   - name: a status that there is not
//!     doc: { _id: "task:1", type: task, cpu_req: 1, mem_mb: 512, status: lost, priority: 0 }
//!     fails: /status
//! ```

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::value::Yaml;
use super::{Reading, file_name, line, read_yaml};
use crate::json::{Map, Value};
use crate::project::files;
use crate::project::problem::Problem;

/// How the names of such suites end.
const ENDINGS: [&str; 2] = [".schema.test.yaml", ".schema.test.yml"];

/// A suite of one schema.
#[derive(Debug, Clone, PartialEq)]
pub struct SchemaSuite {
    /// Its file.
    pub path: PathBuf,
    /// The database, by name or key.
    pub database: String,
    /// The type whose schema it is about.
    pub schema: String,
    /// Its cases, the valid documents first.
    pub cases: Vec<SchemaCase>,
}

/// A document, and whether it should be valid.
#[derive(Debug, Clone, PartialEq)]
pub struct SchemaCase {
    /// Its name, unlike that of any other case of the suite.
    pub name: String,
    /// The line it starts at.
    pub line: usize,
    /// The document.
    pub doc: Map<String, Value>,
    /// The JSON Pointers at which it must fail, and nowhere else; none for a valid document.
    pub fails: BTreeSet<String>,
    /// Why it is left out, if it is.
    pub skip: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    database: Option<String>,
    schema: Option<String>,
    #[serde(default)]
    valid: Vec<Spanned<CaseKeys>>,
    #[serde(default)]
    invalid: Vec<Spanned<CaseKeys>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseKeys {
    name: String,
    doc: Yaml,
    fails: Option<Pointers>,
    skip: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a JSON Pointer, or a list of them")]
enum Pointers {
    One(String),
    Several(Vec<String>),
}

impl SchemaSuite {
    /// Whether a suite is one of schemas, by the name of its file.
    #[must_use]
    pub fn is_named(path: &Path) -> bool {
        stem(path).is_some()
    }

    /// Reads a suite. Its database and schema default to the names of its folder and file.
    ///
    /// # Errors
    /// With everything that is wrong with it; each problem names the line and the column.
    pub fn read(path: &Path) -> Result<Self, Vec<Problem>> {
        let text = files::read_text(path).map_err(|problem| vec![problem])?;
        Self::parse(&text, path)
    }

    /// Reads a suite from the text of the file `path`.
    ///
    /// # Errors
    /// With everything that is wrong with it.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Vec<Problem>> {
        let keys: Keys = read_yaml(text, path).map_err(|problem| vec![problem])?;
        let mut reading = Reading { path, problems: Vec::new() };
        let mut cases: Vec<SchemaCase> = Vec::new();
        let all = keys.valid.into_iter().map(|case| (true, case));
        for (valid, case) in all.chain(keys.invalid.into_iter().map(|case| (false, case))) {
            let at = case.referenced;
            let Some(case) = reading.schema_case(valid, case) else { continue };
            if let Some(same) = cases.iter().find(|other| other.name == case.name) {
                let message =
                    format!("the case in line {} is also named `{}`", same.line, case.name);
                reading.problem(at, message);
            }
            cases.push(case);
        }
        if !reading.problems.is_empty() {
            return Err(reading.problems);
        }
        if cases.is_empty() {
            let message = "the suite has neither `valid` nor `invalid` documents".to_owned();
            return Err(vec![Problem::new(path, crate::project::Fault::Suite(message))]);
        }
        Ok(Self {
            path: path.to_owned(),
            database: keys.database.unwrap_or_else(|| file_name(path.parent())),
            schema: keys.schema.or_else(|| stem(path)).unwrap_or_default(),
            cases,
        })
    }
}

fn stem(path: &Path) -> Option<String> {
    let name = file_name(Some(path));
    ENDINGS.iter().find_map(|ending| name.strip_suffix(ending)).map(str::to_owned)
}

impl Reading<'_> {
    fn schema_case(&mut self, valid: bool, case: Spanned<CaseKeys>) -> Option<SchemaCase> {
        let at = case.referenced;
        let keys = case.value;
        let Value::Object(doc) = keys.doc.0 else {
            self.problem(at, "`doc` is a document, which is an object");
            return None;
        };
        let fails: BTreeSet<String> = match keys.fails {
            None => BTreeSet::new(),
            Some(Pointers::One(pointer)) => [pointer].into(),
            Some(Pointers::Several(pointers)) => pointers.into_iter().collect(),
        };
        if let Some(pointer) = fails.iter().find(|at| !at.is_empty() && !at.starts_with('/')) {
            self.problem(at, format!("`{pointer}` is no JSON Pointer; one starts with `/`"));
            return None;
        }
        if valid != fails.is_empty() {
            self.problem(
                at,
                if valid {
                    "a valid document fails nowhere; `fails` belongs to invalid ones"
                } else {
                    "an invalid document needs `fails`: the JSON Pointer it must fail at"
                },
            );
            return None;
        }
        Some(SchemaCase { name: keys.name, line: line(at), doc, fails, skip: keys.skip })
    }
}
