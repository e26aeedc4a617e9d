//! Schemas in a run: the documents of fixtures, and suites of the schemas themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Instant;

use super::super::{CaseOutcome, DiffLine, Failure, Finding, Level, SuiteOutcome, Verdict};
use super::RunOptions;
use crate::document::{DocumentError, DocumentFile};
use crate::json::{Map, Value};
use crate::project::suite::{Docs, Fixtures, SchemaCase, SchemaSuite, Suite};
use crate::project::{Fault, Problem, Project, did_you_mean};
use crate::schema::{Outcome, Schemas, Violation, stream};

/// How many invalid documents of a file are told one by one.
const TOLD: usize = 5;

/// The schemas of the databases whose suites are run, by the databases' names.
pub(super) type Loaded = BTreeMap<String, Schemas>;

pub(super) fn load(project: &Project) -> Result<Loaded, Vec<Problem>> {
    let mut loaded = Loaded::new();
    let mut problems = Vec::new();
    for database in &project.databases {
        let is_tested = !database.suites.is_empty() || !database.schema_suites.is_empty();
        if database.schemas.is_empty() || !is_tested {
            continue;
        }
        match Schemas::load(project, database) {
            Ok(schemas) => drop(loaded.insert(database.name.clone(), schemas)),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() { Ok(loaded) } else { Err(problems) }
}

/// Checks the documents that a suite and its cases use.
pub(super) fn check_fixtures(
    project: &Project,
    schemas: &Schemas,
    suite: &Suite,
) -> Result<Vec<Finding>, Problem> {
    if suite.fixtures == Fixtures::Unchecked {
        return Ok(Vec::new());
    }
    let mut files = BTreeSet::new();
    let mut written = Vec::new();
    for docs in suite.docs.iter().chain(suite.cases.iter().flat_map(|case| &case.docs)) {
        match docs {
            Docs::File(path) => drop(files.insert(path.as_path())),
            Docs::Inline { doc: Value::Object(members), line } => written.push((members, *line)),
            Docs::Inline { .. } => {}
        }
    }
    let mut findings = Vec::new();
    for path in files {
        findings.extend(check_file(project, schemas, path)?);
    }
    if suite.fixtures == Fixtures::Checked {
        findings.extend(check_written(schemas, &written));
    }
    Ok(findings)
}

fn check_file(
    project: &Project,
    schemas: &Schemas,
    path: &Path,
) -> Result<Option<Finding>, Problem> {
    let unreadable = |error: DocumentError| {
        let hint = error.hint();
        Problem::at_line(path, error.line, Fault::Fixture { message: error.problem, hint })
    };
    let mut details = Vec::new();
    let mut each = |invalid: stream::InvalidDocument| {
        if details.len() < TOLD {
            let name = invalid.id.unwrap_or_default();
            let told = invalid.violations.iter().take(1);
            details.extend(told.map(|(line, violation)| detail(*line, &name, violation)));
        }
    };
    let documents = DocumentFile::open(path).map_err(unreadable)?;
    let options = stream::Options { schema: None, jobs: 1 };
    let counts = stream::check(schemas, documents, &options, &mut each, &mut |_| true)
        .map_err(unreadable)?;
    if counts.invalid == 0 {
        return Ok(None);
    }
    let more = counts.invalid - details.len() as u64;
    if more > 0 {
        details.push(format!("and {more} more"));
    }
    Ok(Some(Finding {
        code: "invalid-fixture",
        level: Level::Error,
        view: String::new(),
        message: format!(
            "{} of {} documents of `{}` are not as their schemas say; `fixtures: unchecked` in the \
             suite allows it",
            counts.invalid,
            counts.documents(),
            project.shown(path).display()
        ),
        details,
    }))
}

/// Checks documents that are written in a suite. They are often cut down to what matters, so that those
/// that could not be stored are told and fail nothing.
fn check_written(schemas: &Schemas, written: &[(&Map<String, Value>, usize)]) -> Option<Finding> {
    let mut details = Vec::new();
    let mut invalid = 0;
    for (members, line) in written {
        let Outcome::Invalid { violations, .. } = schemas.check(members) else {
            continue;
        };
        invalid += 1;
        if details.len() < TOLD {
            let name = members.get("_id").and_then(Value::as_str).unwrap_or_default();
            details.extend(violations.iter().take(1).map(|found| detail(*line, name, found)));
        }
    }
    if invalid == 0 {
        return None;
    }
    if invalid > details.len() {
        details.push(format!("and {} more", invalid - details.len()));
    }
    Some(Finding {
        code: "invalid-document",
        level: Level::Warning,
        view: String::new(),
        message: format!(
            "{invalid} of {} documents in the suite are not as their schemas say; `fixtures: files` \
             checks those of files only",
            written.len()
        ),
        details,
    })
}

fn detail(line: usize, name: &str, violation: &Violation) -> String {
    format!("line {line}, document `{name}`: {}", violation.shown())
}

/// A suite of a schema, ready to run.
pub(super) struct Prepared {
    pub(super) suite: SchemaSuite,
    schema: usize,
    database: String,
    /// Cases that a filter left out.
    pub(super) filtered: usize,
}

/// Reads the suite `file` and finds the schema that it names.
pub(super) fn read(
    project: &Project,
    loaded: &Loaded,
    file: &Path,
    options: &RunOptions,
) -> Result<Prepared, Vec<Problem>> {
    let mut suite = SchemaSuite::read(file)?;
    let unknown = |message: String, like: Option<&str>| {
        vec![Problem::new(file, Fault::Unknown { message, like: like.map(str::to_owned) })]
    };
    let Some(database) = project.database(&suite.database) else {
        let names = project.databases.iter().map(|database| database.key.as_str());
        let message = format!("there is no database `{}`", suite.database);
        return Err(unknown(message, did_you_mean(&suite.database, names)));
    };
    let types = loaded.get(&database.name).map(|schemas| schemas.types.as_slice());
    let names: Vec<&str> =
        types.unwrap_or_default().iter().map(|schema| schema.name.as_str()).collect();
    let Some(schema) = names.iter().position(|name| *name == suite.schema) else {
        let message = format!("database `{}` has no schema `{}`", suite.database, suite.schema);
        return Err(unknown(message, did_you_mean(&suite.schema, names)));
    };
    let all = suite.cases.len();
    let names = [project.shown(file).to_string_lossy().into_owned(), label(&suite)];
    if !super::prepare::names_suite(&options.filters, &names) {
        suite.cases.retain(|case| super::prepare::is_wanted(&options.filters, &case.name));
    }
    let filtered = all - suite.cases.len();
    Ok(Prepared { suite, schema, database: database.name.clone(), filtered })
}

fn label(suite: &SchemaSuite) -> String {
    format!("{}/{}.schema", suite.database, suite.schema)
}

/// Checks the documents of a suite.
pub(super) fn run(project: &Project, loaded: &Loaded, prepared: &Prepared) -> SuiteOutcome {
    let started = Instant::now();
    let suite = &prepared.suite;
    let schemas = &loaded[&prepared.database];
    SuiteOutcome {
        file: project.shown(&suite.path).to_owned(),
        database: suite.database.clone(),
        design: format!("{}.schema", suite.schema),
        cases: suite.cases.iter().map(|case| check(schemas, prepared.schema, case)).collect(),
        findings: Vec::new(),
        duration: started.elapsed(),
    }
}

fn check(schemas: &Schemas, schema: usize, case: &SchemaCase) -> CaseOutcome {
    let started = Instant::now();
    let verdict = match &case.skip {
        Some(reason) => Verdict::Skipped(reason.clone()),
        None => judge(&case.fails, &schemas.check_as(schema, &case.doc)),
    };
    CaseOutcome {
        name: case.name.clone(),
        line: case.line,
        kind: "schema",
        function: None,
        verdict,
        log: Vec::new(),
        duration: started.elapsed(),
    }
}

fn judge(expected: &BTreeSet<String>, outcome: &Outcome) -> Verdict {
    let violations = match outcome {
        Outcome::Invalid { violations, .. } => violations.as_slice(),
        Outcome::Valid | Outcome::Ignored => &[],
    };
    let found: BTreeSet<&str> =
        violations.iter().map(|violation| violation.pointer.as_str()).collect();
    let missing = expected.iter().filter(|pointer| !found.contains(pointer.as_str()));
    let unexpected = violations.iter().filter(|violation| !expected.contains(&violation.pointer));
    let line = |sign, text| DiffLine { sign, text };
    let diff: Vec<DiffLine> = missing
        .map(|pointer| line('-', format!("`{pointer}`: fails")))
        .chain(unexpected.map(|violation| line('+', violation.shown())))
        .collect();
    if diff.is_empty() {
        return Verdict::Passed;
    }
    let message = match (expected.is_empty(), violations.is_empty()) {
        (true, _) => "expected a valid document, but it is not",
        (false, true) => "expected an invalid document, but it is valid",
        (false, false) => "the document is invalid, but not where it should be",
    };
    let message = message.to_owned();
    Verdict::Failed(vec![Failure { message, diff: Some(diff), hint: None }])
}
