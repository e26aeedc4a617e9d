//! Suites with what they need from the project.

use std::path::Path;

use super::RunOptions;
use crate::design::DesignDocument;
use crate::project::suite::{Case, Subject, Suite};
use crate::project::{Fault, Problem, Project, did_you_mean};

/// A suite and the design document it tests.
pub(super) struct Prepared<'a> {
    pub(super) suite: Suite,
    pub(super) design: &'a DesignDocument,
    /// The database's name.
    pub(super) database: &'a str,
    pub(super) partitioned: bool,
    /// Cases that a filter left out.
    pub(super) filtered: usize,
}

/// Reads the suite `file` and finds what it names.
pub(super) fn read<'a>(
    project: &'a Project,
    file: &Path,
    options: &RunOptions,
) -> Result<Prepared<'a>, Vec<Problem>> {
    let mut suite = Suite::read(file)?;
    let unknown = |message: String, line: Option<usize>, like: Option<&str>| {
        let fault = Fault::Unknown { message, like: like.map(str::to_owned) };
        match line {
            Some(line) => Problem::at_line(file, line, fault),
            None => Problem::new(file, fault),
        }
    };
    let Some(database) = project.database(&suite.database) else {
        let names = project.databases.iter().map(|database| database.key.as_str());
        let message = format!("there is no database `{}`", suite.database);
        return Err(vec![unknown(message, None, did_you_mean(&suite.database, names))]);
    };
    let Some(design) = database.design(&suite.design) else {
        let names = database.designs.iter().map(DesignDocument::name);
        let message =
            format!("database `{}` has no design document `{}`", suite.database, suite.design);
        return Err(vec![unknown(message, None, did_you_mean(&suite.design, names))]);
    };
    let problems: Vec<Problem> = suite
        .cases
        .iter()
        .flat_map(|case| named(case, design).into_iter().map(move |named| (case, named)))
        .filter(|(_, (_, name, names))| !names.contains(name))
        .map(|(case, (kind, name, names))| {
            let message = match kind {
                VALIDATION => format!("design document `{}` has no {kind}", suite.design),
                _ => format!("design document `{}` has no {kind} `{name}`", suite.design),
            };
            unknown(message, Some(case.line), did_you_mean(name, names))
        })
        .collect();
    if !problems.is_empty() {
        return Err(problems);
    }
    let all = suite.cases.len();
    retain_wanted(project.shown(file), &mut suite, &options.filters);
    let filtered = all - suite.cases.len();
    Ok(Prepared {
        suite,
        design,
        database: &database.name,
        partitioned: database.config.partitioned,
        filtered,
    })
}

const VALIDATION: &str = "validate_doc_update";

/// What a case names: the kind of function, its name, and the names there are.
fn named<'a>(
    case: &'a Case,
    design: &'a DesignDocument,
) -> Vec<(&'static str, &'a str, Vec<&'a str>)> {
    let names = |functions: &mut dyn Iterator<Item = (&'a str, &'a str)>| {
        functions.map(|(name, _)| name).collect::<Vec<_>>()
    };
    match &case.subject {
        Subject::View { view, .. } => {
            vec![("view", view, design.views().map(|view| view.name).collect())]
        }
        Subject::Filter { filter, .. } => {
            vec![("filter", filter, names(&mut design.filters()))]
        }
        Subject::Update { update, .. } => {
            vec![("update function", update, names(&mut design.updates()))]
        }
        Subject::Show { show, .. } => {
            vec![("show function", show, names(&mut design.shows()))]
        }
        Subject::List { list, view, .. } => vec![
            ("list function", list, names(&mut design.lists())),
            ("view", view, design.views().map(|view| view.name).collect()),
        ],
        Subject::Search { index } => {
            let indexes = design.indexes().chain(design.nouveau());
            vec![("search index", index, indexes.map(|(name, _)| name).collect())]
        }
        Subject::Validate(_) => {
            let is_there = design.validate_doc_update().is_some() || design.selector().is_some();
            let there = is_there.then_some(VALIDATION);
            vec![(VALIDATION, VALIDATION, there.into_iter().collect())]
        }
    }
}

/// Leaves out the cases that no filter names; a filter that names the suite names all of them.
fn retain_wanted(shown: &Path, suite: &mut Suite, filters: &[String]) {
    let label = format!("{}/{}", suite.database, suite.design);
    if !names_suite(filters, &[shown.to_string_lossy().into_owned(), label]) {
        suite.cases.retain(|case| is_wanted(filters, &case.name));
    }
}

/// Whether a filter names a suite that has these names; no filter at all names every suite.
pub(super) fn names_suite(filters: &[String], names: &[String]) -> bool {
    filters.is_empty() || names.iter().any(|name| is_wanted(filters, name))
}

/// Whether a filter is part of this text.
pub(super) fn is_wanted(filters: &[String], text: &str) -> bool {
    filters.iter().any(|filter| text.contains(filter.as_str()))
}
