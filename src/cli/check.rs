//! `couchctl check`

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::Args;

use super::{ProfileArgument, Terminal, open, schema_changes};
use crate::design::DesignDocument;
use crate::engine::{Engine, EngineError, Limits, Profile};
use crate::exit::Exit;
use crate::generate::{self, vdu::declarative};
use crate::project::suite::{SchemaSuite, Suite};
use crate::project::{Database, Problem, Project};
use crate::report::human::plural;
use crate::report::terminal::escape;
use crate::schema::Schemas;
use crate::schema::views::Knowledge;

/// Check that the project can be deployed.
///
/// Design documents must be what CouchDB accepts on save, every function must compile, schemas must
/// be schemas, suites must be readable, and no file may belong to nothing.
#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    /// The JavaScript engine to behave as
    #[arg(long, value_enum, default_value_t = ProfileArgument::Spidermonkey)]
    profile: ProfileArgument,
    /// Tell also which changes of schemas since this commit, branch or tag make documents invalid
    #[arg(long, value_name = "GIT_REF")]
    against: Option<String>,
}

pub(super) fn run(
    arguments: &CheckArguments,
    folder: Option<&Path>,
    terminal: &mut Terminal,
) -> Exit {
    let project = match open(folder) {
        Ok(project) => project,
        Err(problems) => return terminal.problems(&problems),
    };
    let mut checked = check(&project, arguments.profile.into());
    if let Some(reference) = &arguments.against {
        match compare_schemas(&project, reference) {
            Ok(found) => checked.findings.extend(found),
            Err(message) => {
                terminal.error(&message, None);
                return Exit::Usage;
            }
        }
    }
    for warning in &checked.warnings {
        let label = terminal.error_style.warn("warning:");
        terminal.message(&format!("{label} {}", escape(warning)));
    }
    for finding in &checked.findings {
        terminal.error(finding, None);
    }
    let findings = checked.findings.len();
    terminal.data(&format!(
        "{}, {}, {} checked: {}\n",
        plural(checked.designs, "design document"),
        plural(checked.functions, "function"),
        plural(checked.schemas, "schema"),
        if findings == 0 { "ok".to_owned() } else { plural(findings, "finding") },
    ));
    if findings == 0 { Exit::Success } else { Exit::Findings }
}

/// What was checked, and what is wrong with it.
#[derive(Default)]
pub(super) struct Checked {
    designs: usize,
    functions: usize,
    schemas: usize,
    pub(super) findings: Vec<String>,
    /// What deserves a look, and fails nothing.
    warnings: Vec<String>,
}

/// Checks a whole project.
pub(super) fn check(project: &Project, profile: Profile) -> Checked {
    let mut checked = Checked::default();
    let all: Vec<(&DesignDocument, bool)> = project
        .databases
        .iter()
        .flat_map(|database| {
            let partitioned = database.config.partitioned;
            database.designs.iter().map(move |design| (design, partitioned))
        })
        .collect();
    let mut designs = check_designs(&all, profile).into_iter();
    let findings = &mut checked.findings;
    for database in &project.databases {
        for design in designs.by_ref().take(database.designs.len()) {
            checked.designs += 1;
            checked.functions += design.functions;
            findings.extend(design.findings);
            checked.warnings.extend(design.warnings);
        }
        checked.warnings.extend(undeployed(project, database));
        checked.schemas += database.schemas.len();
        check_schemas(project, database, findings, &mut checked.warnings);
        let suites = database.suites.iter().map(|suite| Suite::read(suite).err());
        let of_schemas = database.schema_suites.iter().map(|suite| SchemaSuite::read(suite).err());
        let problems = suites.chain(of_schemas).flatten().flatten();
        findings.extend(problems.map(|problem| problem.to_string()));
    }
    for orphan in &project.orphans {
        findings.push(format!("{}: {}", project.shown(&orphan.path).display(), orphan.reason));
    }
    checked
}

/// What was found in a design document.
#[derive(Default)]
struct CheckedDesign {
    functions: usize,
    findings: Vec<String>,
    warnings: Vec<String>,
}

/// Checks design documents on all processors: compiling is most of what a push without changes does.
/// `true` beside one tells that its database is partitioned.
fn check_designs(designs: &[(&DesignDocument, bool)], profile: Profile) -> Vec<CheckedDesign> {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from).min(designs.len());
    let next = AtomicUsize::new(0);
    let work = || {
        let mut engine = Engine::new(profile, Limits::default());
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some((design, partitioned)) = designs.get(index) else { return done };
            let mut checked = CheckedDesign::default();
            let CheckedDesign { findings, warnings, .. } = &mut checked;
            let functions = check_design(&mut engine, design, *partitioned, findings, warnings);
            checked.functions = functions;
            done.push((index, checked));
        }
    };
    let mut checked: Vec<(usize, CheckedDesign)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        let done = workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        done.flatten().collect()
    });
    checked.sort_by_key(|(index, _)| *index);
    checked.into_iter().map(|(_, checked)| checked).collect()
}

/// What is to be known of documents that stand beside design documents, as couchapp's `_docs` do.
pub(super) fn undeployed(project: &Project, database: &Database) -> Option<String> {
    let first = database.documents.first()?;
    let shown = project.shown(first).display();
    let more = match database.documents.len() - 1 {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!("{shown}{more}: documents are not deployed, only design documents are"))
}

/// The place of a member, for the front of a message.
fn place(design: &DesignDocument, member: &[&str]) -> String {
    let source = design.sources.get(member);
    source.map_or_else(|| design.id.clone(), |source| source.path.display().to_string())
}

fn check_design(
    engine: &mut Engine,
    design: &DesignDocument,
    partitioned: bool,
    findings: &mut Vec<String>,
    warnings: &mut Vec<String>,
) -> usize {
    let member = "validate_doc_update";
    if design.selector().is_some() {
        warnings.push(format!(
            "{}: CouchDB {} and older refuse a design document whose {member} is a selector",
            place(design, &[member]),
            declarative::LAST_WITHOUT
        ));
    }
    if let Err(error) = design.clone().without_selector().validate(partitioned) {
        let path = design
            .source_of(&error)
            .map_or_else(|| design.id.clone(), |source| source.path.display().to_string());
        findings.push(format!("{path}: {error}"));
    }
    let mut functions: Vec<(Vec<&str>, &str)> = Vec::new();
    for view in design.views() {
        if let Some(map) = view.map.as_str() {
            functions.push((vec!["views", view.name, "map"], map));
        }
        if let Some(reduce) = view.reduce.filter(|reduce| !reduce.starts_with('_')) {
            functions.push((vec!["views", view.name, "reduce"], reduce));
        }
    }
    functions.extend(design.filters().map(|(name, source)| (vec!["filters", name], source)));
    functions.extend(design.updates().map(|(name, source)| (vec!["updates", name], source)));
    functions.extend(design.shows().map(|(name, source)| (vec!["shows", name], source)));
    functions.extend(design.lists().map(|(name, source)| (vec!["lists", name], source)));
    if let Some(source) = design.validate_doc_update() {
        functions.push((vec!["validate_doc_update"], source));
    }
    if engine.profile().for_language(design.language()).is_none() {
        return 0;
    }
    for (member, source) in &functions {
        let source = (*source).to_owned();
        let compiled = engine
            .run(move |vm| {
                vm.compile_maps(&[&source], None).map(|_| ()).map_err(|(_, error)| error)
            })
            .and_then(|compiled| compiled);
        if let Err(error) = compiled {
            let (message, line) = match &error {
                EngineError::Compilation { message, line, .. } => (message.clone(), *line),
                other => (other.to_string(), None),
            };
            let line = line.map(|line| format!(":{line}")).unwrap_or_default();
            findings.push(format!(
                "{}{line}: {} does not compile: {message}",
                place(design, member),
                member.join(".")
            ));
        }
    }
    functions.len()
}

/// Compiles the schemas of a database, and looks at what depends on them: generated files, and views.
fn check_schemas(
    project: &Project,
    database: &Database,
    findings: &mut Vec<String>,
    warnings: &mut Vec<String>,
) {
    if database.schemas.is_empty() {
        return;
    }
    let shown = |problem: &Problem| match problem.hint() {
        Some(hint) => format!("{problem}; {hint}"),
        None => problem.to_string(),
    };
    let schemas = match Schemas::load(project, database) {
        Ok(schemas) => schemas,
        Err(problems) => {
            findings.extend(problems.iter().map(shown));
            return;
        }
    };
    match generate::stale(project, database, &schemas) {
        Ok(stale) => findings.extend(stale.iter().map(|path| {
            let path = path.display();
            format!("{path}: is not what the schemas give now; run `couchctl generate` again")
        })),
        Err(problems) => findings.extend(problems.iter().map(shown)),
    }
    if let Some(knowledge) = Knowledge::of(&schemas) {
        for design in &database.designs {
            check_views(&knowledge, design, warnings);
        }
    }
}

/// What map functions do in vain with documents as the schemas describe them.
fn check_views(knowledge: &Knowledge, design: &DesignDocument, warnings: &mut Vec<String>) {
    for view in design.views() {
        for found in view.map.as_str().map(|map| knowledge.check(map)).unwrap_or_default() {
            let member = ["views", view.name, "map"];
            let line = design.sources.get(&member).map_or(1, |source| source.line);
            let hint = found.like.map(|like| format!("; did you mean `{like}`?"));
            warnings.push(format!(
                "{}:{}: view `{}`: {}{}",
                place(design, &member),
                line + found.line - 1,
                view.name,
                found.message,
                hint.unwrap_or_default()
            ));
        }
    }
}

/// The changes of schemas since a state of the repository that make documents invalid.
fn compare_schemas(project: &Project, reference: &str) -> Result<Vec<String>, String> {
    // What is wrong with the schemas as they are now was told already.
    let (changed, _) = schema_changes::since(project, reference)?;
    let told = changed.iter().flat_map(|database| {
        database.impact.changes.iter().map(|(change, _)| {
            let makes = if change.certain { "makes" } else { "may make" };
            format!(
                "schemas/{}/{}.schema.json:{}: {}; this {makes} documents invalid that are there",
                database.key,
                change.schema,
                change.line,
                change.shown()
            )
        })
    });
    Ok(told.collect())
}
