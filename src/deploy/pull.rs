//! Pull: design documents of a server into a project, so that a push would change nothing.

use std::path::PathBuf;

use super::plan::{Change, Owner, ServerDatabase, ServerDesign, changes};
use crate::design::{DesignDocument, Sources};
use crate::json::{Map, Value};
use crate::project::{Database, WriteError, Writer};

/// What became of a design document.
#[derive(Debug)]
pub enum Pulled {
    /// The project has it as the server does.
    Unchanged,
    /// It was written to this file or folder.
    Written(PathBuf),
    /// The project has another version of it, which stays: the members that differ.
    Differs(Vec<String>),
    /// It could not be written.
    Failed(WriteError),
}

/// Writes the design documents of a server's database that the project does not have, and, if `force`, those
/// that it has otherwise. Attachments have their `data`.
///
/// # Errors
/// None of its own: what became of each stands beside its id, sorted by it.
pub fn pull(
    writer: &Writer<'_>,
    database: Option<&Database>,
    server: &ServerDatabase,
    wanted: &dyn Fn(&str) -> bool,
    force: bool,
) -> Vec<(String, Pulled)> {
    let mut designs: Vec<&ServerDesign> = server
        .designs
        .iter()
        .filter(|design| design.owner() == Owner::Project && wanted(&design.id))
        .collect();
    designs.sort_by(|left, right| left.id.cmp(&right.id));
    designs
        .into_iter()
        .map(|current| {
            let local = database
                .and_then(|database| database.designs.iter().find(|local| local.id == current.id));
            (current.id.clone(), pull_one(writer, local, current, force))
        })
        .collect()
}

fn pull_one(
    writer: &Writer<'_>,
    local: Option<&DesignDocument>,
    current: &ServerDesign,
    force: bool,
) -> Pulled {
    if let Some(local) = local {
        let differing = differences(&current.body, &local.body);
        if differing.is_empty() {
            return Pulled::Unchanged;
        }
        if !force {
            return Pulled::Differs(differing);
        }
    }
    let design = DesignDocument {
        id: current.id.clone(),
        body: without_stub_members(&current.body),
        sources: Sources::default(),
    };
    let is_faithful = |read: &DesignDocument| differences(&current.body, &read.body).is_empty();
    match writer.write(&design, local, &is_faithful) {
        Ok(path) => Pulled::Written(path),
        Err(error) => Pulled::Failed(error),
    }
}

/// The members that a diff would show.
fn differences(server: &Map<String, Value>, project: &Map<String, Value>) -> Vec<String> {
    changes(server, project)
        .into_iter()
        .filter(|change| change.change != Change::Restated)
        .map(|change| change.path.join("."))
        .collect()
}

/// Of attachments only what a project keeps: their types and bytes.
fn without_stub_members(body: &Map<String, Value>) -> Map<String, Value> {
    let mut body = body.clone();
    if let Some(Value::Object(attachments)) = body.get_mut("_attachments") {
        for (_, attachment) in attachments {
            if let Value::Object(members) = attachment {
                members.retain(|name, _| name == "content_type" || name == "data");
            }
        }
    }
    body
}
