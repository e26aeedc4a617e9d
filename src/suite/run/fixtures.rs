//! The documents of suites and cases.

use std::path::Path;

use crate::document::{Database, DocumentError, DocumentFile};
use crate::json::Value;
use crate::project::suite::Docs;
use crate::project::{Fault, Problem};

/// Loads the documents of the suite `path` into a database. A document takes the place of one with
/// the same id.
pub(super) fn load(path: &Path, docs: &[Docs], database: &mut Database) -> Result<(), Problem> {
    for docs in docs {
        match docs {
            Docs::Inline { doc: Value::Object(members), line } => {
                database.load(members).map_err(|error| {
                    let message = format!("CouchDB would refuse the document: {error}");
                    Problem::at_line(path, *line, Fault::Fixture { message, hint: None })
                })?;
            }
            Docs::Inline { .. } => {}
            Docs::File(file) => {
                let documents = DocumentFile::open(file).map_err(|error| of(file, error))?;
                database.load_file(documents).map_err(|error| of(file, error))?;
            }
        }
    }
    Ok(())
}

fn of(file: &Path, error: DocumentError) -> Problem {
    let hint = error.hint();
    Problem::at_line(file, error.line, Fault::Fixture { message: error.problem, hint })
}
