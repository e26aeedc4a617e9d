//! The sandbox, and what it has of the project.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::Terminal;
use super::tests::Outcome;
use super::{Format, ServeArguments};
use crate::document::{DocumentFile, RawDocument};
use crate::exit::Exit;
use crate::json::{self, Value};
use crate::project::suite::{Docs, Suite};
use crate::project::{Database, Project};
use crate::report::human::{self, plural};
use crate::report::json as report;
use crate::sandbox::Sandbox;

/// A sandbox, and the design documents that it has of the project.
pub(super) struct Served {
    sandbox: Sandbox,
    deployed: BTreeMap<String, Vec<String>>,
}

impl Served {
    pub(super) fn new(sandbox: Sandbox) -> Self {
        Self { sandbox, deployed: BTreeMap::new() }
    }

    /// Makes the databases and loads documents: before the design documents, whose validation is not
    /// for what is there already.
    pub(super) fn fill(
        &self,
        arguments: &ServeArguments,
        project: &Project,
        terminal: &mut Terminal,
    ) -> Result<(), Exit> {
        for database in &project.databases {
            self.create(project, database, terminal);
            if !arguments.no_fixtures {
                self.load_fixtures(project, database, terminal)?;
            }
        }
        for given in &arguments.docs {
            let (database, file) = match (given.split_once('='), project.databases.as_slice()) {
                (Some((name, file)), _) if project.database(name).is_some() => (name, file),
                (_, [only]) => (only.name.as_str(), given.as_str()),
                _ => {
                    let hint = "write DATABASE=FILE, with a database of the project";
                    terminal.error(&format!("`{given}` does not say which database"), Some(hint));
                    return Err(Exit::Usage);
                }
            };
            self.load_file(project, database, Path::new(file), terminal)?;
        }
        Ok(())
    }

    fn create(&self, project: &Project, database: &Database, terminal: &mut Terminal) {
        let partitioned = database.config.partitioned;
        if let Err(refusal) = self.sandbox.create_database(&database.name, 2, partitioned) {
            terminal.error(&format!("database `{}`: {refusal}", database.name), None);
        }
        let Some(path) = &database.security else { return };
        let security = std::fs::read(path).ok().and_then(|bytes| json::parse(&bytes).ok());
        let set = security.map(|security| self.sandbox.set_security(&database.name, security));
        if !matches!(set, Some(Ok(()))) {
            let message = format!("{}: this is no security object", project.shown(path).display());
            terminal.error(&message, None);
        }
    }

    fn load_fixtures(
        &self,
        project: &Project,
        database: &Database,
        terminal: &mut Terminal,
    ) -> Result<(), Exit> {
        let mut loaded = Vec::new();
        for path in &database.suites {
            // `couchctl test` tells what is wrong with a suite.
            let Ok(suite) = Suite::read(path) else { continue };
            for docs in &suite.docs {
                match docs {
                    Docs::File(file) if !loaded.contains(file) => {
                        self.load_file(project, &database.name, file, terminal)?;
                        loaded.push(file.clone());
                    }
                    Docs::File(_) => {}
                    Docs::Inline { doc, line } => {
                        let (text, line) = (json::to_string(doc), *line);
                        let source = project.shown(path).display().to_string().into();
                        let document = RawDocument { text, line, source };
                        self.load(&database.name, &document, terminal);
                    }
                }
            }
        }
        Ok(())
    }

    fn load_file(
        &self,
        project: &Project,
        database: &str,
        file: &Path,
        terminal: &mut Terminal,
    ) -> Result<(), Exit> {
        let documents = DocumentFile::open(file);
        let mut fail = |error: crate::document::DocumentError| {
            terminal.error(&error.to_string(), error.hint());
            Exit::Usage
        };
        let documents = documents.map_err(&mut fail)?;
        let documents: Vec<_> = documents.collect::<Result<_, _>>().map_err(fail)?;
        let count = documents.len();
        for document in documents {
            self.load(database, &document, terminal);
        }
        let shown = project.shown(file).display();
        terminal.message(&format!("{database}: {} of {shown}", plural(count, "document")));
        Ok(())
    }

    fn load(&self, database: &str, document: &RawDocument, terminal: &mut Terminal) {
        if let Err(refusal) = self.sandbox.load(database, document) {
            let message = format!("{}:{}: {refusal}", document.source, document.line);
            terminal.error(&message, None);
        }
    }

    /// Reports what the suites gave, here and on the page.
    pub(super) fn tested(&self, outcome: Outcome, terminal: &mut Terminal) {
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(problems) => {
                terminal.problems(&problems);
                self.sandbox.show_tests(&report::problems(&problems));
                return;
            }
        };
        self.sandbox.show_tests(&report::report(&outcome));
        let style = human::Options { style: terminal.error_style, verbose: false };
        for suite in outcome.suites.iter().filter(|suite| suite.is_failure()) {
            terminal.message(human::suite(suite, style).trim_end());
        }
        if !outcome.suites.is_empty() {
            terminal.message(human::summary(&outcome, style).trim());
        }
    }

    /// Puts the design documents that changed, and deletes those that are no longer in the project;
    /// `false` when one was refused.
    ///
    /// This is not a push, on purpose: what is saved shows at once, while a push would first warm the
    /// indexes, which is what somebody who serves with `--index-delay` wants to see missing; and a
    /// design document that is refused stops none of the others.
    pub(super) fn deploy(&mut self, project: &Project, terminal: &mut Terminal) -> bool {
        let mut all_right = true;
        for database in &project.databases {
            // One that was added while the sandbox runs.
            if !self.deployed.contains_key(&database.name) {
                self.create(project, database, terminal);
            }
            for design in &database.designs {
                match self.sandbox.put_design(&database.name, design) {
                    Ok(None) => {}
                    Ok(Some(revision)) => {
                        let message = format!("{}: {} {revision}", database.name, design.id);
                        terminal.message(&message);
                    }
                    Err(refusal) => {
                        all_right = false;
                        let message = format!("{}: {}: {refusal}", database.name, design.id);
                        terminal.error(&message, Some("`couchctl check` says where"));
                    }
                }
            }
            let ids: Vec<String> =
                database.designs.iter().map(|design| design.id.clone()).collect();
            let earlier = self.deployed.insert(database.name.clone(), ids.clone());
            for id in earlier.into_iter().flatten().filter(|id| !ids.contains(id)) {
                if let Ok(true) = self.sandbox.remove(&database.name, &id) {
                    terminal.message(&format!("{}: {id} deleted", database.name));
                }
            }
        }
        all_right
    }

    pub(super) fn announcement(&self, format: Format, project: &Project) -> String {
        match format {
            Format::Human => format!("{}\n", self.sandbox.url()),
            Format::Json => {
                let names: Vec<&str> =
                    project.databases.iter().map(|database| database.name.as_str()).collect();
                let members: json::Map<String, Value> = [
                    ("version".to_owned(), Value::from(1)),
                    ("url".to_owned(), self.sandbox.url().into()),
                    ("databases".to_owned(), names.into()),
                ]
                .into_iter()
                .collect();
                format!("{}\n", json::to_string(&Value::Object(members)))
            }
        }
    }
}
