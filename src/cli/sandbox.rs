//! What `couchctl push --env sandbox` does besides: documents to begin with, and a first query.

use std::collections::BTreeSet;

use super::query::table;
use crate::deploy::Place;
use crate::document::DocumentFile;
use crate::json::{self, Value};
use crate::project::suite::{Docs, Suite};
use crate::project::{Database, Project};
use crate::report::terminal::escape;
use crate::server::{Server, ServerError};

/// How many rows a first query shows.
const ROWS: &str = "5";

/// Puts the documents of all fixture files into the databases that they belong to, and tells how many
/// there are.
pub(super) async fn fill(server: &Server, project: &Project) -> Result<usize, ServerError> {
    let mut count = 0;
    for database in &project.databases {
        let documents = documents(database);
        if documents.is_empty() {
            continue;
        }
        let remote = server.database(&database.name);
        remote.create(database.config.partitioned).await?;
        count += documents.len();
        let (replicated, new): (Vec<Value>, Vec<Value>) =
            documents.into_iter().partition(|document| document.get("_rev").is_some());
        remote.bulk_docs(new).await?;
        remote.bulk_docs_as_they_are(replicated).await?;
    }
    Ok(count)
}

/// The documents of the fixture files of a database. The suites have been run by now, or are not
/// wanted: what is wrong with a file is not told again.
fn documents(database: &Database) -> Vec<Value> {
    let mut files = BTreeSet::new();
    for suite in &database.suites {
        let Ok(suite) = Suite::read(suite) else { continue };
        files.extend(suite.docs.into_iter().filter_map(|docs| match docs {
            Docs::File(file) => Some(file),
            Docs::Inline { .. } => None,
        }));
    }
    let mut ids = BTreeSet::new();
    let mut documents = Vec::new();
    for file in files {
        let Ok(file) = DocumentFile::open(&file) else { continue };
        for document in file.flatten() {
            let Ok(document) = json::parse_str(&document.text) else { continue };
            let id = document.get("_id").and_then(Value::as_str).map(str::to_owned);
            if id.is_some_and(|id| ids.insert(id)) {
                documents.push(document);
            }
        }
    }
    documents
}

/// Queries the view without a reduce that has most rows, and shows the first of them.
pub(super) async fn first_query(
    server: &Server,
    places: &[Place<'_>],
) -> Result<Option<String>, ServerError> {
    let mut best: Option<(u64, String, Value)> = None;
    for place in places {
        let database = server.database(&place.name);
        for design in &place.target.database.designs {
            for view in design.views().filter(|view| view.reduce.is_none()) {
                let query = [("limit", ROWS.to_owned())];
                let answer = database.view(&design.id, view.name, &query).await?;
                let rows = answer.get("total_rows").and_then(Value::as_u64).unwrap_or(0);
                if best.as_ref().is_none_or(|(most, ..)| rows > *most) {
                    let name = format!("{}/{}", design.name(), view.name);
                    best = Some((rows, name, answer));
                }
            }
        }
    }
    Ok(best.map(|(_, name, answer)| {
        format!("\n{}?limit={ROWS}\n{}", escape(&name), table(&json::to_string(&answer)))
    }))
}
