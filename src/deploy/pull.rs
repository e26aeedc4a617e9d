//! Pull: design documents and `_security` of a server into a project, so that a push would change nothing.

use std::path::PathBuf;

use serde_json::json;

use super::plan::{Change, Owner, ServerDatabase, ServerDesign, changes};
use crate::design::{DesignDocument, Sources};
use crate::json::{Map, Value, parse};
use crate::project::{Database, WriteError, Writer};

/// What became of a design document, or of a `_security` object.
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

/// Writes the `_security` object of a server's database where the project has none or, if `force`, another
/// one. There is nothing to pull where the project leaves it to the server and it is that of a new database: then
/// `None`. That of one of the databases of a `match` is not that of the others, so it is only compared.
#[must_use]
pub fn pull_security(
    writer: &Writer<'_>,
    database: Option<&Database>,
    server: &ServerDatabase,
    force: bool,
) -> Option<Pulled> {
    let current = server.security.as_ref()?;
    let file = database.and_then(|database| database.security.as_deref());
    if let Some(file) = file {
        let local = std::fs::read(file).ok().and_then(|bytes| parse(&bytes).ok());
        if local.as_ref() == Some(current) {
            return Some(Pulled::Unchanged);
        }
        if !force {
            return Some(Pulled::Differs(vec!["_security".to_owned()]));
        }
    } else if writer.config.matches.is_some() || is_of_a_new_database(current) {
        return None;
    }
    Some(match writer.write_security(file, current) {
        Ok(path) => Pulled::Written(path),
        Err(error) => Pulled::Failed(error),
    })
}

/// Whether a `_security` object is the one that CouchDB 3 gives to a new database (`[couchdb]
/// default_security = admin_only`).
fn is_of_a_new_database(security: &Value) -> bool {
    let admins = json!({ "roles": ["_admin"] });
    *security == json!({ "members": admins, "admins": admins })
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
