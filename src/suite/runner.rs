//! Runs suites.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use super::{
    Case, CaseKind, CaseOutcome, Failure, Fixtures, Level, RunOutcome, Suite, SuiteError,
    SuiteOutcome, ValidateCase, Verdict, compare, laws, snapshot,
};
use crate::design::DesignDocument;
use crate::document::{Database, DocumentFile};
use crate::engine::{Engine, Limits, Profile};
use crate::functions::{self, Failure as Refusal, Functions, RequestContext};
use crate::group::{BuildFailure, GroupDefinition, Request, ViewGroup};
use crate::json::{self, Map, Value};
use crate::project::{Project, did_you_mean};
use crate::view::{Context, QueryError};

/// What to run, and how.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// The engine to behave as.
    pub profile: Profile,
    /// Cases whose name, design document or file contains one of these; all when there is none.
    pub filters: Vec<String>,
    /// Whether the first failure ends the run.
    pub fail_fast: bool,
    /// Whether snapshots are written.
    pub update: bool,
    /// How many suites run at a time.
    pub jobs: usize,
}

/// A suite with what it needs from the project.
struct Prepared<'a> {
    suite: Suite,
    design: &'a DesignDocument,
    partitioned: bool,
    filtered: usize,
}

/// Runs the suites of a project.
///
/// # Errors
/// All that is wrong with the suites themselves: nothing is run then.
pub fn run(project: &Project, options: &RunOptions) -> Result<RunOutcome, Vec<SuiteError>> {
    let started = Instant::now();
    let mut problems = Vec::new();
    let mut prepared = Vec::new();
    for file in project.databases.iter().flat_map(|database| &database.suites) {
        let suite = Suite::read(&project.root, project.shown(file))
            .and_then(|suite| prepare(project, suite, options));
        match suite {
            Ok(suite) => prepared.push(suite),
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let filtered = prepared.iter().map(|suite| suite.filtered).sum();
    prepared.retain(|suite| !suite.suite.cases.is_empty());
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let work = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(suite) = prepared.get(index).filter(|_| !stop.load(Ordering::Relaxed)) else {
                return done;
            };
            let outcome = run_suite(&project.root, suite, options);
            let failed = outcome.as_ref().map_or(true, SuiteOutcome::is_failure);
            if failed && options.fail_fast {
                stop.store(true, Ordering::Relaxed);
            }
            done.push((index, outcome));
        }
    };
    let mut outcomes: Vec<(usize, Result<SuiteOutcome, SuiteError>)> =
        std::thread::scope(|scope| {
            let jobs = options.jobs.clamp(1, prepared.len().max(1));
            let threads: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
        });
    outcomes.sort_by_key(|(index, _)| *index);
    let mut suites = Vec::with_capacity(outcomes.len());
    for (_, outcome) in outcomes {
        match outcome {
            Ok(outcome) => suites.push(outcome),
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(RunOutcome { suites, filtered, duration: started.elapsed() })
}

/// A hint at the name most like `wanted`.
fn like<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    did_you_mean(wanted, names).map(|name| format!("did you mean `{name}`?"))
}

fn prepare<'a>(
    project: &'a Project,
    mut suite: Suite,
    options: &RunOptions,
) -> Result<Prepared<'a>, SuiteError> {
    let problem = |message: String, hint: Option<String>, line: Option<usize>| SuiteError {
        path: suite.file.clone(),
        line,
        message,
        hint,
    };
    let Some(database) = project.database(&suite.database) else {
        let names = project.databases.iter().map(|database| database.key.as_str());
        let hint = like(&suite.database, names);
        return Err(problem(format!("there is no database `{}`", suite.database), hint, None));
    };
    let Some(design) = database.designs.iter().find(|design| design.name() == suite.design) else {
        let hint = like(&suite.design, database.designs.iter().map(DesignDocument::name));
        let message =
            format!("database `{}` has no design document `{}`", suite.database, suite.design);
        return Err(problem(message, hint, None));
    };
    for case in &suite.cases {
        let missing = match &case.kind {
            CaseKind::View(view) if design.view(view).is_none() => {
                Some(("view", view, design.views().map(|view| view.name).collect::<Vec<_>>()))
            }
            CaseKind::Filter(filter) if !design.filters().any(|(name, _)| name == filter) => {
                Some(("filter", filter, design.filters().map(|(name, _)| name).collect()))
            }
            CaseKind::Validate(_) if design.validate_doc_update().is_none() => {
                let message =
                    format!("design document `{}` has no validate_doc_update", suite.design);
                return Err(problem(message, None, Some(case.line)));
            }
            _ => None,
        };
        if let Some((kind, name, names)) = missing {
            let message = format!("design document `{}` has no {kind} `{name}`", suite.design);
            let hint = like(name, names.into_iter());
            return Err(problem(message, hint, Some(case.line)));
        }
    }
    let all = suite.cases.len();
    let wanted = |text: &str| options.filters.iter().any(|filter| text.contains(filter.as_str()));
    if !options.filters.is_empty()
        && !wanted(&suite.file.to_string_lossy())
        && !wanted(&format!("{}/{}", suite.database, suite.design))
    {
        suite.cases.retain(|case| wanted(&case.name));
    }
    let filtered = all - suite.cases.len();
    let partitioned = database.config.partitioned;
    Ok(Prepared { suite, design, partitioned, filtered })
}

/// Loads the documents of a suite or a case into a database.
fn load(
    root: &Path,
    suite: &Path,
    docs: &[Fixtures],
    database: &mut Database,
) -> Result<(), SuiteError> {
    let folder = suite.parent().unwrap_or(Path::new(""));
    for item in docs {
        let problem = |path: PathBuf, line, message: String, hint: Option<&str>| SuiteError {
            path,
            line,
            message,
            hint: hint.map(str::to_owned),
        };
        let mut save = |document: &Map<String, Value>, path: &Path, line| {
            let saved = database.load(document);
            saved.map_err(|error| problem(path.to_owned(), line, error.to_string(), None))
        };
        match item {
            Fixtures::Document(document) => {
                if let Value::Object(members) = document {
                    save(members, suite, None)?;
                }
            }
            Fixtures::File(file) => {
                let path = folder.join(file);
                let input = std::fs::File::open(root.join(&path)).map_err(|error| {
                    let message = format!("fixture `{file}` cannot be read: {error}");
                    let hint = "fixtures are looked for beside the suite";
                    problem(suite.to_owned(), None, message, Some(hint))
                })?;
                for document in DocumentFile::new(input, file.as_str()) {
                    let document = document.map_err(|error| {
                        problem(path.clone(), Some(error.line), error.problem, None)
                    })?;
                    let line = document.line;
                    match json::parse_str(&document.text) {
                        Ok(Value::Object(members)) => save(&members, &path, Some(line))?,
                        Ok(_) => {}
                        Err(error) => {
                            let line = line + error.line - 1;
                            return Err(problem(path, Some(line), error.message, None));
                        }
                    }
                }
            }
        }
    }
    Ok(())
}

/// The views of a suite over its documents, or why there are none.
struct Built {
    database: Database,
    group: Result<ViewGroup, BuildFailure>,
}

struct SuiteRun<'a> {
    root: &'a Path,
    prepared: &'a Prepared<'a>,
    options: &'a RunOptions,
    engine: Engine,
    functions: Functions,
    base: Built,
    design: Value,
    snapshots: snapshot::Snapshots,
}

fn run_suite(
    root: &Path,
    prepared: &Prepared<'_>,
    options: &RunOptions,
) -> Result<SuiteOutcome, SuiteError> {
    let started = Instant::now();
    let suite = &prepared.suite;
    let mut engine = Engine::new(options.profile, Limits::default());
    let mut database = Database::new(1, prepared.partitioned);
    load(root, &suite.file, &suite.docs, &mut database)?;
    let base = build(&mut engine, prepared, database);
    let mut findings = match &base.group {
        Ok(group) => {
            let documents = base.database.documents_for(group.definition());
            laws::check(&mut engine, group, &documents)
        }
        Err(_) => Vec::new(),
    };
    if let Err(failure) = &base.group {
        findings.push(unavailable(failure, suite));
    }
    let mut design = prepared.design.body.clone();
    design.shift_insert(0, "_id".into(), prepared.design.id.clone().into());
    let mut run = SuiteRun {
        root,
        prepared,
        options,
        engine,
        functions: Functions::new(options.profile, Limits::default()),
        base,
        design: Value::Object(design),
        snapshots: snapshot::Snapshots::read(root, &suite.file)?,
    };
    let mut cases = Vec::with_capacity(suite.cases.len());
    for case in &suite.cases {
        let outcome = run.case(case)?;
        let failed = matches!(outcome.verdict, Verdict::Failed(_));
        cases.push(outcome);
        if failed && options.fail_fast {
            break;
        }
    }
    if options.update {
        run.snapshots.write(root)?;
    }
    Ok(SuiteOutcome {
        file: suite.file.clone(),
        database: suite.database.clone(),
        design: suite.design.clone(),
        cases,
        findings,
        duration: started.elapsed(),
    })
}

fn unavailable(failure: &BuildFailure, suite: &Suite) -> super::Finding {
    let mut details = Vec::new();
    if let Some(document) = &failure.document {
        details.push(format!("at document `{document}`"));
    }
    super::Finding {
        code: "views-unavailable",
        level: Level::Error,
        view: if failure.views.is_empty() {
            suite.design.clone()
        } else {
            failure.views.join("`, `")
        },
        message: format!(
            "CouchDB could not build the views of `{}`: {}",
            suite.design, failure.failure
        ),
        details,
    }
}

fn build(engine: &mut Engine, prepared: &Prepared<'_>, database: Database) -> Built {
    let definition = GroupDefinition::new(&prepared.design.body);
    let documents = database.documents_for(&definition);
    let group = ViewGroup::build(
        engine,
        definition,
        database.shards(),
        database.is_partitioned(),
        documents,
    );
    Built { database, group }
}

impl SuiteRun<'_> {
    fn case(&mut self, case: &Case) -> Result<CaseOutcome, SuiteError> {
        let started = Instant::now();
        let (verdict, log) = match &case.skip {
            Some(reason) => (Verdict::Skipped(reason.clone()), Vec::new()),
            None => match &case.kind {
                CaseKind::View(view) => self.view(case, view)?,
                CaseKind::Validate(write) => self.validate(case, write),
                CaseKind::Filter(filter) => self.filter(case, filter)?,
            },
        };
        Ok(CaseOutcome {
            name: case.name.clone(),
            line: case.line,
            verdict,
            log,
            duration: started.elapsed(),
        })
    }

    /// The suite's documents with those of the case.
    fn database(&self, case: &Case) -> Result<Database, SuiteError> {
        let mut database = self.base.database.clone();
        load(self.root, &self.prepared.suite.file, &case.docs, &mut database)?;
        Ok(database)
    }

    fn view(&mut self, case: &Case, view: &str) -> Result<(Verdict, Vec<String>), SuiteError> {
        let own;
        let built = if case.docs.is_empty() {
            &self.base
        } else {
            let database = self.database(case)?;
            own = build(&mut self.engine, self.prepared, database);
            &own
        };
        let mut parameters = case.query.clone();
        let partition =
            parameters.remove("partition").and_then(|value| value.as_str().map(str::to_owned));
        let request = Request {
            view: view.to_owned(),
            parameters: parameters
                .into_iter()
                .map(|(name, value)| parameter(name, &value))
                .collect(),
            partition: partition.clone(),
            ..Request::default()
        };
        let context = Context {
            documents: Some(&built.database),
            update_seq: "0",
            partition_shard: partition.map_or(0, |name| built.database.shard_of_partition(&name)),
        };
        let answer = match &built.group {
            Ok(group) => group.respond(&mut self.engine, &request, &context),
            Err(failure) => ViewGroup::check(
                &GroupDefinition::new(&self.prepared.design.body),
                built.database.is_partitioned(),
                &request,
            )
            .and(Err(failure.to_query_error())),
        };
        let log = match &built.group {
            // What the suite's own documents made a function throw is told once, as a broken law.
            Ok(group) => group
                .log
                .iter()
                .map(|line| line.message.clone())
                .filter(|message| {
                    !case.docs.is_empty()
                        || !group.thrown.iter().any(|thrown| thrown.message == *message)
                })
                .collect(),
            Err(_) => Vec::new(),
        };
        let answer = answer.map(|body| json::parse_str(&body).unwrap_or_default());
        let verdict = self.judge_view(case, answer);
        Ok((verdict, log))
    }

    fn judge_view(&mut self, case: &Case, answer: Result<Value, QueryError>) -> Verdict {
        let expect = &case.expect;
        let wants_error =
            expect.status.is_some() || expect.error.is_some() || expect.reason.is_some();
        let answer = match answer {
            Err(error) => return judge_error(case, &error, wants_error),
            Ok(_) if wants_error => {
                return failed("the query was answered, but an error was expected".into());
            }
            Ok(answer) => answer,
        };
        let rows = answer.get("rows").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut failures = Vec::new();
        if let Some(expected) = &expect.rows {
            failures.extend(compare::rows(expected, &rows));
        }
        if let Some(count) = expect.count.filter(|count| *count != rows.len()) {
            failures.push(plain(format!("expected {count} rows, got {}", rows.len())));
        }
        for (name, expected) in [("total_rows", expect.total_rows), ("offset", expect.offset)] {
            let Some(expected) = expected else { continue };
            let actual = answer.get(name).cloned().unwrap_or_default();
            if !compare::equal(&expected.into(), &actual) {
                failures.push(plain(format!("expected {name} {expected}, got {actual}")));
            }
        }
        if expect.snapshot {
            match self.snapshots.compare(&case.name, &answer, self.options.update) {
                snapshot::Comparison::Same => {}
                snapshot::Comparison::Written if failures.is_empty() => return Verdict::Updated,
                snapshot::Comparison::Written => {}
                snapshot::Comparison::Different(failure) => failures.push(failure),
            }
        }
        if failures.is_empty() { Verdict::Passed } else { Verdict::Failed(failures) }
    }

    fn validate(&mut self, case: &Case, write: &ValidateCase) -> (Verdict, Vec<String>) {
        let mut user = Map::new();
        user.insert("db".into(), self.prepared.suite.database.clone().into());
        user.insert("name".into(), Value::Null);
        user.insert("roles".into(), Value::Array(Vec::new()));
        if let Some(Value::Object(given)) = &write.user {
            user.extend(given.clone());
        }
        let security = write.security.clone().unwrap_or_else(|| Value::Object(Map::new()));
        let user = Value::Object(user);
        let decision =
            self.functions.validate(&self.design, &write.new, &write.old, &user, &security);
        let log = self.functions.take_log();
        let expect = &case.expect;
        let verdict = match decision {
            Ok(()) if expect.ok == Some(true) => Verdict::Passed,
            Ok(()) => failed("the write was accepted".into()),
            Err(Refusal { status, error, reason, .. }) => {
                let wanted = match status {
                    403 => expect.forbidden.as_ref(),
                    401 => expect.unauthorized.as_ref(),
                    _ => None,
                };
                let text = match &reason {
                    Value::String(text) => text.clone(),
                    other => json::to_string(other),
                };
                match wanted {
                    Some(wanted) if text.contains(wanted.as_str()) => Verdict::Passed,
                    Some(wanted) => {
                        failed(format!("expected a reason with `{wanted}`, got {error}: {text}"))
                    }
                    None => failed(format!("the write was refused with {status} {error}: {text}")),
                }
            }
        };
        (verdict, log)
    }

    fn filter(&mut self, case: &Case, name: &str) -> Result<(Verdict, Vec<String>), SuiteError> {
        let database = self.database(case)?;
        let documents = database.changed_documents();
        let ids: Vec<String> = documents
            .iter()
            .map(|document| document["_id"].as_str().unwrap_or_default().to_owned())
            .collect();
        let passes = filter_request(&self.prepared.suite.database, case)
            .and_then(|request| self.functions.filter(&self.design, name, &documents, &request));
        let log = self.functions.take_log();
        let verdict = match passes {
            Err(error) => failed(format!("the filter failed, which ends the feed: {error}")),
            Ok(passes) => {
                let mut passed: Vec<String> = ids
                    .into_iter()
                    .zip(passes)
                    .filter(|(_, passes)| *passes)
                    .map(|(id, _)| id)
                    .collect();
                passed.sort();
                let mut expected = case.expect.passes.clone().unwrap_or_default();
                expected.sort();
                if passed == expected {
                    Verdict::Passed
                } else {
                    Verdict::Failed(vec![Failure {
                        message: "other documents pass the filter".into(),
                        diff: Some(compare::diff(&expected, &passed)),
                        hint: None,
                    }])
                }
            }
        };
        Ok((verdict, log))
    }
}

fn judge_error(case: &Case, error: &QueryError, wanted: bool) -> Verdict {
    let expect = &case.expect;
    let reason = match &error.reason {
        Value::String(text) => text.clone(),
        other => json::to_string(other),
    };
    let fits = wanted
        && expect.status.is_none_or(|status| status == error.status)
        && expect.error.as_ref().is_none_or(|name| *name == error.error)
        && expect.reason.as_ref().is_none_or(|text| reason.contains(text.as_str()));
    if fits {
        Verdict::Passed
    } else {
        failed(format!("the answer is {} {}: {reason}", error.status, error.error))
    }
}

fn plain(message: String) -> Failure {
    Failure { message, diff: None, hint: None }
}

fn failed(message: String) -> Verdict {
    Verdict::Failed(vec![plain(message)])
}

/// A parameter as it stands in a URL: JSON where CouchDB reads JSON, plain text elsewhere.
fn parameter(name: String, value: &Value) -> (String, String) {
    let json_valued =
        matches!(name.as_str(), "key" | "keys" | "startkey" | "start_key" | "endkey" | "end_key");
    let text = match value {
        Value::String(text) if !json_valued => text.clone(),
        other => json::to_string(other),
    };
    (name, text)
}

/// The request object that a filter of the changes feed gets (`chttpd_external`).
fn filter_request(database: &str, case: &Case) -> Result<Value, Refusal> {
    let parameter = |(name, value): (&String, &Value)| {
        let text = match value {
            Value::String(text) => text.clone(),
            other => json::to_string(other),
        };
        format!("{}={}", functions::quote(name), functions::quote(&text))
    };
    let query: Vec<String> = case.query.iter().map(parameter).collect();
    let request = functions::Request {
        method: "GET".into(),
        path: format!("/{database}/_changes?{}", query.join("&")),
        peer: "127.0.0.1".into(),
        ..functions::Request::default()
    };
    let mut info = Map::new();
    info.insert("db_name".into(), database.into());
    let context = RequestContext {
        database: database.to_owned(),
        user: None,
        roles: Vec::new(),
        security: Value::Object(Map::new()),
        info: Value::Object(info),
    };
    request.object(&context, None, &"0".repeat(32))
}
