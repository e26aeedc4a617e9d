//! Runs suites, several at a time.

mod fixtures;
mod functions;
mod prepare;
mod request;
mod schemas;
mod view;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use self::prepare::Prepared;
use super::answer::Answer;
use super::judge::judge;
use super::{CaseOutcome, Finding, Level, RunOutcome, SuiteOutcome, Verdict, laws, snapshot};
use crate::document::Database;
use crate::engine::{Engine, Limits, Profile};
use crate::functions::Functions;
use crate::group::{BuildFailure, GroupDefinition, ViewGroup};
use crate::json::Value;
use crate::project::suite::{Case, Subject};
use crate::project::{Problem, Project, ProjectError};

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

/// Runs the suites of a project.
///
/// # Errors
/// All that is wrong with the suites themselves: nothing is run then. A fixture that CouchDB would
/// refuse shows only when its suite runs.
pub fn run(project: &Project, options: &RunOptions) -> Result<RunOutcome, ProjectError> {
    let started = Instant::now();
    let loaded = schemas::load(project).map_err(|problems| ProjectError { problems })?;
    let (mut prepared, mut of_schemas) = (Vec::new(), Vec::new());
    let mut problems = Vec::new();
    for file in project.databases.iter().flat_map(|database| &database.schema_suites) {
        match schemas::read(project, &loaded, file, options) {
            Ok(suite) => of_schemas.push(suite),
            Err(found) => problems.extend(found),
        }
    }
    for file in project.databases.iter().flat_map(|database| &database.suites) {
        match prepare::read(project, file, options) {
            Ok(suite) => prepared.push(suite),
            Err(found) => problems.extend(found),
        }
    }
    if !problems.is_empty() {
        return Err(shown(project, problems));
    }
    let filtered: usize = prepared.iter().map(|suite| suite.filtered).sum();
    let filtered = filtered + of_schemas.iter().map(|suite| suite.filtered).sum::<usize>();
    prepared.retain(|suite| !suite.suite.cases.is_empty());
    let mut suites = Vec::with_capacity(prepared.len());
    for suite in of_schemas.iter().filter(|suite| !suite.suite.cases.is_empty()) {
        suites.push(schemas::run(project, &loaded, suite));
    }
    if options.fail_fast && suites.iter().any(SuiteOutcome::is_failure) {
        return Ok(RunOutcome { suites, filtered, duration: started.elapsed() });
    }
    for outcome in run_all(project, &loaded, &prepared, options) {
        match outcome {
            Ok(outcome) => suites.push(outcome),
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        return Err(shown(project, problems));
    }
    suites.sort_by(|left, right| left.file.cmp(&right.file));
    Ok(RunOutcome { suites, filtered, duration: started.elapsed() })
}

/// Problems with paths as messages show them.
fn shown(project: &Project, mut problems: Vec<Problem>) -> ProjectError {
    for problem in &mut problems {
        problem.place.path = project.shown(&problem.place.path).to_owned();
    }
    ProjectError { problems }
}

/// Runs the suites on as many threads as wanted; the outcomes come in the order of the suites.
fn run_all(
    project: &Project,
    loaded: &schemas::Loaded,
    prepared: &[Prepared<'_>],
    options: &RunOptions,
) -> Vec<Result<SuiteOutcome, Problem>> {
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let work = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(suite) = prepared.get(index).filter(|_| !stop.load(Ordering::Relaxed)) else {
                return done;
            };
            let outcome = run_suite(project, loaded, suite, options);
            let failed = outcome.as_ref().map_or(true, SuiteOutcome::is_failure);
            if failed && options.fail_fast {
                stop.store(true, Ordering::Relaxed);
            }
            done.push((index, outcome));
        }
    };
    let jobs = options.jobs.clamp(1, prepared.len().max(1));
    let mut outcomes: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    });
    outcomes.sort_by_key(|(index, _)| *index);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

/// Documents, and the views over them or why there are none.
struct Built {
    database: Database,
    group: Result<ViewGroup, BuildFailure>,
}

/// A suite while it runs.
struct SuiteRun<'a> {
    prepared: &'a Prepared<'a>,
    engine: Engine,
    functions: Functions,
    /// The documents that all cases see.
    base: Built,
    /// The design document as functions see it.
    design: Value,
}

fn run_suite(
    project: &Project,
    loaded: &schemas::Loaded,
    prepared: &Prepared<'_>,
    options: &RunOptions,
) -> Result<SuiteOutcome, Problem> {
    let started = Instant::now();
    let suite = &prepared.suite;
    let mut snapshots = snapshot::Snapshots::read(&suite.path)?;
    let mut engine = Engine::new(options.profile, Limits::default());
    let mut database = Database::new(1, prepared.partitioned);
    fixtures::load(&suite.path, &suite.docs, &mut database)?;
    let base = build(&mut engine, prepared, database);
    let mut findings = match &base.group {
        Ok(group) => {
            let documents = base.database.documents_for(group.definition());
            laws::check(&mut engine, group, &documents)
        }
        Err(failure) => vec![unavailable(failure, &suite.design)],
    };
    if let Some(schemas) = loaded.get(prepared.database) {
        findings.extend(schemas::check_fixtures(project, schemas, suite)?);
    }
    let design = prepared.design.to_value();
    let functions = Functions::new(options.profile, Limits::default());
    let mut run = SuiteRun { prepared, engine, functions, base, design };
    let mut cases = Vec::with_capacity(suite.cases.len());
    for case in &suite.cases {
        let outcome = run.case(case, &mut snapshots, options.update)?;
        let failed = matches!(outcome.verdict, Verdict::Failed(_));
        cases.push(outcome);
        if failed && options.fail_fast {
            break;
        }
    }
    if options.update {
        snapshots.write()?;
    }
    Ok(SuiteOutcome {
        file: project.shown(&suite.path).to_owned(),
        database: suite.database.clone(),
        design: suite.design.clone(),
        cases,
        findings,
        duration: started.elapsed(),
    })
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

fn unavailable(failure: &BuildFailure, design: &str) -> Finding {
    let at = failure.document.iter().map(|document| format!("at document `{document}`"));
    let views = failure.views.join("`, `");
    Finding {
        code: "views-unavailable",
        level: Level::Error,
        view: if views.is_empty() { design.to_owned() } else { views },
        message: format!("CouchDB could not build the views of `{design}`: {}", failure.failure),
        details: at.collect(),
    }
}

impl SuiteRun<'_> {
    fn case(
        &mut self,
        case: &Case,
        snapshots: &mut snapshot::Snapshots,
        update: bool,
    ) -> Result<CaseOutcome, Problem> {
        let started = Instant::now();
        let (verdict, log) = match &case.skip {
            Some(reason) => (Verdict::Skipped(reason.clone()), Vec::new()),
            None => {
                let answer = self.answer(case)?;
                (verdict(case, &answer, snapshots, update), answer.log)
            }
        };
        Ok(CaseOutcome {
            name: case.name.clone(),
            line: case.line,
            kind: case.subject.kind(),
            function: case.subject.function().map(str::to_owned),
            verdict,
            log,
            duration: started.elapsed(),
        })
    }

    /// Calls the function that the case is about.
    fn answer(&mut self, case: &Case) -> Result<Answer, Problem> {
        match &case.subject {
            Subject::View { view, query } => self.view(case, view, query),
            Subject::Validate(write) => Ok(self.validate(write)),
            Subject::Filter { filter, request } => self.filter(case, filter, request),
            Subject::Update { update, doc, request } => {
                self.update(case, update, doc.as_deref(), request)
            }
            Subject::Show { show, doc, request } => self.show(case, show, doc.as_deref(), request),
            Subject::List { list, view, query, request } => {
                self.list(case, list, (view, query), request)
            }
            Subject::Search { index } => self.search(case, index),
        }
    }

    /// The suite's documents with those of the case.
    fn database(&self, case: &Case) -> Result<Database, Problem> {
        let mut database = self.base.database.clone();
        fixtures::load(&self.prepared.suite.path, &case.docs, &mut database)?;
        Ok(database)
    }
}

fn verdict(
    case: &Case,
    answer: &Answer,
    snapshots: &mut snapshot::Snapshots,
    update: bool,
) -> Verdict {
    let mut failures = judge(&case.expect, answer);
    if case.expect.snapshot {
        // What is wrong anyway must not become the truth.
        match snapshots.compare(&case.name, &answer.to_value(), update && failures.is_empty()) {
            snapshot::Comparison::Written => return Verdict::Updated,
            snapshot::Comparison::Same => {}
            snapshot::Comparison::Different(failure) => failures.push(failure),
        }
    }
    if failures.is_empty() { Verdict::Passed } else { Verdict::Failed(failures) }
}
