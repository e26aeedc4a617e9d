//! Suite files: YAML, read into plain data.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::SuiteError;
use crate::json::{self, Value};

/// A suite: cases for one design document.
#[derive(Debug, Clone, PartialEq)]
pub struct Suite {
    /// Its file, below the project's root.
    pub file: PathBuf,
    /// The database's folder or name.
    pub database: String,
    /// The design document's name.
    pub design: String,
    /// The documents all cases run over.
    pub docs: Vec<Fixtures>,
    /// The cases, at least one.
    pub cases: Vec<Case>,
}

/// Documents of a suite or a case.
#[derive(Debug, Clone, PartialEq)]
pub enum Fixtures {
    /// A file, relative to the suite.
    File(String),
    /// A document.
    Document(Value),
}

/// A case.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// Its line in the file, counted from 1.
    pub line: usize,
    /// Documents for this case alone.
    pub docs: Vec<Fixtures>,
    /// Parameters of the request.
    pub query: BTreeMap<String, Value>,
    /// Why the case is left out, where it is.
    pub skip: Option<String>,
    /// What is tested.
    pub kind: CaseKind,
    /// What it must answer.
    pub expect: Expectation,
}

/// What a case tests.
#[derive(Debug, Clone, PartialEq)]
pub enum CaseKind {
    /// A view, by name.
    View(String),
    /// The validation function.
    Validate(Box<ValidateCase>),
    /// A filter of the changes feed, by name.
    Filter(String),
}

/// A write that a validation function is asked about.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidateCase {
    /// The document to be written.
    pub new: Value,
    /// The document as it is.
    #[serde(default)]
    pub old: Value,
    /// The user: `name` and `roles`.
    pub user: Option<Value>,
    /// The database's security object.
    pub security: Option<Value>,
}

/// What a case expects; each kind of case uses its own members.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// The rows, in order; members left out are not compared.
    pub rows: Option<Vec<Value>>,
    /// The number of rows.
    pub count: Option<usize>,
    /// `total_rows` of the answer.
    pub total_rows: Option<u64>,
    /// `offset` of the answer.
    pub offset: Option<u64>,
    /// The HTTP status of a refused query.
    pub status: Option<u16>,
    /// CouchDB's `error`.
    pub error: Option<String>,
    /// A text in CouchDB's `reason`.
    pub reason: Option<String>,
    /// Whether the rows are those of the snapshot beside the suite.
    #[serde(default)]
    pub snapshot: bool,
    /// Whether a write goes through.
    pub ok: Option<bool>,
    /// A text in the reason of a refusal with 403.
    pub forbidden: Option<String>,
    /// A text in the reason of a refusal with 401.
    pub unauthorized: Option<String>,
    /// Ids of the documents that pass a filter, in any order.
    pub passes: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    database: Option<String>,
    design: Option<String>,
    #[serde(default)]
    docs: Vec<Value>,
    tests: Vec<Spanned<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    #[serde(default)]
    docs: Vec<Value>,
    #[serde(default)]
    query: BTreeMap<String, Value>,
    skip: Option<String>,
    view: Option<String>,
    validate: Option<ValidateCase>,
    filter: Option<String>,
    expect: Expectation,
}

impl Suite {
    /// Reads a suite file, given below the root.
    ///
    /// # Errors
    /// What is wrong with it, with the line.
    pub fn read(root: &Path, file: &Path) -> Result<Self, SuiteError> {
        let text = std::fs::read_to_string(root.join(file))
            .map_err(|error| SuiteError::unreadable(file, &error))?;
        let parsed: File = serde_saphyr::from_str(&text).map_err(|error| {
            let line = error.location().map(|place| place.line() as usize);
            let message = error.to_string();
            let message = message.lines().next().unwrap_or(&message).to_owned();
            let problem = SuiteError::new(file, message);
            match line {
                Some(line) => problem.at(line),
                None => problem,
            }
        })?;
        let name = |path: Option<&std::ffi::OsStr>| {
            path.and_then(|name| name.to_str()).unwrap_or_default().to_owned()
        };
        let stem = name(file.file_name());
        let stem = stem.split(".test.").next().unwrap_or_default().to_owned();
        let folder = name(file.parent().and_then(Path::file_name));
        if parsed.tests.is_empty() {
            return Err(SuiteError::new(file, "a suite without tests")
                .hint("a suite that tests nothing would pass whatever happens"));
        }
        let mut cases = Vec::with_capacity(parsed.tests.len());
        for entry in parsed.tests {
            let line = entry.referenced.line() as usize;
            cases.push(case(file, line, entry.value)?);
        }
        Ok(Self {
            file: file.to_owned(),
            database: parsed.database.unwrap_or(folder),
            design: parsed.design.unwrap_or(stem),
            docs: fixtures(file, &parsed.docs)?,
            cases,
        })
    }
}

fn case(file: &Path, line: usize, entry: Entry) -> Result<Case, SuiteError> {
    let problem = |message: String| SuiteError::new(file, message).at(line);
    let kind = match (entry.view, entry.validate, entry.filter) {
        (Some(view), None, None) => CaseKind::View(view),
        (None, Some(write), None) => CaseKind::Validate(Box::new(write)),
        (None, None, Some(filter)) => CaseKind::Filter(filter),
        _ => {
            let message =
                format!("case `{}` must have one of view, validate and filter", entry.name);
            return Err(problem(message));
        }
    };
    let expect = &entry.expect;
    let is_view = expect.rows.is_some()
        || expect.count.is_some()
        || expect.total_rows.is_some()
        || expect.offset.is_some()
        || expect.status.is_some()
        || expect.error.is_some()
        || expect.reason.is_some()
        || expect.snapshot;
    let is_validate =
        expect.ok.is_some() || expect.forbidden.is_some() || expect.unauthorized.is_some();
    let fits = match &kind {
        CaseKind::View(_) => is_view && !is_validate && expect.passes.is_none(),
        CaseKind::Validate(_) => is_validate && !is_view && expect.passes.is_none(),
        CaseKind::Filter(_) => expect.passes.is_some() && !is_view && !is_validate,
    };
    if !fits {
        let wanted = match &kind {
            CaseKind::View(_) => {
                "rows, count, total_rows, offset, status, error, reason or snapshot"
            }
            CaseKind::Validate(_) => "ok, forbidden or unauthorized",
            CaseKind::Filter(_) => "passes",
        };
        let message = format!("case `{}` must expect {wanted}, and nothing else", entry.name);
        return Err(problem(message));
    }
    Ok(Case {
        docs: fixtures(file, &entry.docs)?,
        name: entry.name,
        line,
        query: entry.query.into_iter().map(|(name, value)| (name, canonical(value))).collect(),
        skip: entry.skip,
        kind: match kind {
            CaseKind::Validate(write) => CaseKind::Validate(Box::new(ValidateCase {
                new: canonical(write.new),
                old: canonical(write.old),
                user: write.user.map(canonical),
                security: write.security.map(canonical),
            })),
            other => other,
        },
        expect: Expectation {
            rows: entry.expect.rows.map(|rows| rows.into_iter().map(canonical).collect()),
            ..entry.expect
        },
    })
}

fn fixtures(file: &Path, docs: &[Value]) -> Result<Vec<Fixtures>, SuiteError> {
    docs.iter()
        .map(|item| match item {
            Value::String(path) => Ok(Fixtures::File(path.clone())),
            Value::Object(_) => Ok(Fixtures::Document(canonical(item.clone()))),
            _ => Err(SuiteError::new(file, "an item of docs must be a document or a file's path")),
        })
        .collect()
}

/// Numbers in CouchDB's spelling, as everywhere else.
fn canonical(value: Value) -> Value {
    json::parse_str(&value.to_string()).unwrap_or(value)
}
