//! Suites: the YAML files that say what design documents should do.
//!
//! ```yaml
//! # tests/cloudai/tasks.test.yaml
//! docs: [fixtures/tasks.ndjson, { _id: "task:9", type: task, status: pending }]
//! tests:
//!   - name: pending tasks
//!     view: by_status
//!     query: { key: pending }
//!     expect: { rows: [{ id: "task:9" }] }
//! ```
//!
//! A case is about one function, named by one of these keys:
//!
//! | key | function | what else it takes | what it can expect |
//! |---|---|---|---|
//! | `view` | a view, queried | `query` | `rows`, `exact`, `count`, `total_rows`, `offset` |
//! | `validate` | `validate_doc_update` | in it: `new`, `old`, `user`, `security` | `ok`, `forbidden`, `unauthorized` |
//! | `filter` | a filter, over all documents | `query`, `request` | `passes`, `count` |
//! | `update` | an update function | `doc` (an id), `query`, `request` | `doc`, `body`, `headers`, `status` |
//! | `show` | a show function | `doc` (an id), `query`, `request` | `body`, `headers`, `status` |
//! | `list` | a list function over `view` | `query`, `request` | `body`, `headers`, `status` |
//! | `search` | a search index's function | | `fields`, `exact`, `count` |
//!
//! Every case can have `docs` beside those of the suite, and `skip` with a reason; all but `validate`
//! can expect `error`, `reason` and `status`, and every one `log` and `snapshot: true`. Messages are
//! compared as parts of the text, or as regular expressions when written `/like this/`.
//!
//! The documents of files must be valid by the database's schemas, unless `fixtures` is `unchecked`. Those
//! written in the suite should be: that is told, unless `fixtures` is `files`.
//!
//! Rows, documents and headers are compared by the members that are written down; `exact: true`
//! compares all of them.

mod case;
mod expectation;
mod schema;
mod value;

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

pub use case::{Case, Subject, Validation};
pub use expectation::{Expectation, Text};
pub use schema::{SchemaCase, SchemaSuite};

use super::files;
use super::problem::{Fault, Problem};
use crate::json::Value;
use value::Yaml;

/// A suite.
#[derive(Debug, Clone, PartialEq)]
pub struct Suite {
    /// Its file.
    pub path: PathBuf,
    /// The database, by name or key.
    pub database: String,
    /// The design document, without `_design/`.
    pub design: String,
    /// Documents that all cases see.
    pub docs: Vec<Docs>,
    /// Which of its documents are checked against the database's schemas.
    pub fixtures: Fixtures,
    /// Its cases, in order.
    pub cases: Vec<Case>,
}

/// Documents of a suite or a case.
#[derive(Debug, Clone, PartialEq)]
pub enum Docs {
    /// A file that exists.
    File(PathBuf),
    /// A document written in the suite.
    Inline {
        /// The document.
        doc: Value,
        /// The line it starts at.
        line: usize,
    },
}

/// The keys of a suite.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    database: Option<String>,
    design: Option<String>,
    #[serde(default)]
    docs: Vec<Spanned<Yaml>>,
    #[serde(default)]
    fixtures: Fixtures,
    tests: Spanned<Vec<Spanned<case::Keys>>>,
}

/// Which documents of a suite are checked against the schemas.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fixtures {
    /// All: those of files must be valid, those written in the suite should be.
    #[default]
    Checked,
    /// Only those of files.
    Files,
    /// None.
    Unchecked,
}

impl Suite {
    /// Reads a suite. Its database and design document default to the names of its folder and file.
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
        if keys.tests.value.is_empty() {
            reading.problem(keys.tests.referenced, "the suite has no tests");
        }
        let docs = reading.docs(keys.docs);
        let mut cases: Vec<Case> = Vec::new();
        for case in keys.tests.value {
            let at = case.referenced;
            if let Some(case) = reading.case(case) {
                if let Some(same) = cases.iter().find(|other| other.name == case.name) {
                    let message =
                        format!("the case in line {} is also named `{}`", same.line, case.name);
                    reading.problem(at, message);
                }
                cases.push(case);
            }
        }
        if !reading.problems.is_empty() {
            return Err(reading.problems);
        }
        let file = file_name(Some(path));
        let stem = [".test.yaml", ".test.yml"].iter().find_map(|ending| file.strip_suffix(ending));
        let design = keys.design.unwrap_or_else(|| stem.unwrap_or(&file).to_owned());
        Ok(Self {
            path: path.to_owned(),
            database: keys.database.unwrap_or_else(|| file_name(path.parent())),
            design: design.strip_prefix("_design/").map(str::to_owned).unwrap_or(design),
            docs,
            fixtures: keys.fixtures,
            cases,
        })
    }
}

/// The last name of a path.
fn file_name(path: Option<&Path>) -> String {
    path.and_then(Path::file_name)
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

fn read_yaml<'a, T: Deserialize<'a>>(text: &'a str, path: &Path) -> Result<T, Problem> {
    let options = serde_saphyr::options! {
        with_snippet: false,
        strict_booleans: true,
        no_schema: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let location = error.location();
        // The message ends with the place, which stands in front of it here.
        let message = error.without_snippet().to_string();
        let message = message.lines().next().unwrap_or_default();
        let message = message.split(" at line ").next().unwrap_or(message).to_owned();
        match location {
            Some(location) => problem_at(path, location, message),
            None => Problem::new(path, Fault::Suite(message)),
        }
    })
}

fn problem_at(path: &Path, location: Location, message: String) -> Problem {
    Problem::at(path, line(location), number(location.column()), Fault::Suite(message))
}

fn line(location: Location) -> usize {
    number(location.line())
}

fn number(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX).max(1)
}

/// A suite being read, and what is wrong with it so far.
struct Reading<'a> {
    path: &'a Path,
    problems: Vec<Problem>,
}

impl Reading<'_> {
    fn problem(&mut self, location: Location, message: impl Into<String>) {
        self.problems.push(problem_at(self.path, location, message.into()));
    }

    /// Documents: paths of fixtures, relative to the suite's file, or documents themselves.
    fn docs(&mut self, docs: Vec<Spanned<Yaml>>) -> Vec<Docs> {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        let mut read = Vec::new();
        for entry in docs {
            match entry.value.0 {
                Value::String(file) => {
                    let path = folder.join(&file);
                    if path.is_file() {
                        read.push(Docs::File(path));
                    } else {
                        let (line, column) =
                            (line(entry.referenced), number(entry.referenced.column()));
                        self.problems.push(Problem::at(
                            self.path,
                            line,
                            column,
                            Fault::NoFixture(file),
                        ));
                    }
                }
                doc @ Value::Object(_) => {
                    read.push(Docs::Inline { doc, line: line(entry.referenced) });
                }
                _ => self.problem(entry.referenced, "`docs` holds paths of files and documents"),
            }
        }
        read
    }
}

#[cfg(test)]
mod tests;
