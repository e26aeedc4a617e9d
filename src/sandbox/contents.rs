//! Filling a sandbox from the program that started it, without HTTP: as a server admin.

use super::Sandbox;
use super::endpoints::databases::check_name;
use super::failure::Failure;
use super::index::autobuild;
use super::security::{User, is_valid_security};
use super::store::{Edit, Store};
use crate::design::{DesignDocument, Revision};
use crate::document::{RawDocument, ReadOptions};
use crate::json::{self, Map, Value};

/// Why the sandbox, as CouchDB would, refuses something.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{error}: {}", text(reason))]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// CouchDB's `error`.
    pub error: String,
    /// CouchDB's `reason`.
    pub reason: Value,
}

fn text(reason: &Value) -> String {
    reason.as_str().map_or_else(|| json::to_string(reason), str::to_owned)
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self { status: failure.status, error: failure.error, reason: failure.reason }
    }
}

impl Sandbox {
    /// Makes a database; `false` when there is one of its name. Like those of a server it is open to
    /// admins only until it gets another security object.
    ///
    /// # Errors
    /// When its name is not allowed.
    pub fn create_database(
        &self,
        name: &str,
        shards: usize,
        partitioned: bool,
    ) -> Result<bool, Refusal> {
        check_name(name)?;
        Ok(self.server.insert(Store::new(name, shards, partitioned, &self.server.options)))
    }

    /// Sets the security object of a database.
    ///
    /// # Errors
    /// When there is no such database, or the object has not the form of one.
    pub fn set_security(&self, database: &str, security: Value) -> Result<(), Refusal> {
        let store = self.server.store(database)?;
        if !is_valid_security(&security) {
            return Err(Failure::bad_request("this is no security object").into());
        }
        store.write().security = security;
        Ok(())
    }

    /// Saves a design document over the one of its name. `None`: it is there already, as it is.
    ///
    /// # Errors
    /// When there is no such database, or CouchDB would refuse the design document.
    pub fn put_design(
        &self,
        database: &str,
        design: &DesignDocument,
    ) -> Result<Option<Revision>, Refusal> {
        let store = self.server.store(database)?;
        let known = store.design(&design.id).ok();
        if known.is_some_and(|known| known.document.body == design.body) {
            return Ok(None);
        }
        let Value::Object(document) = design.to_value() else { return Ok(None) };
        let revision = self.save(&store, document)?;
        if self.server.options.autobuild {
            autobuild(&self.server, &store);
        }
        Ok(Some(revision))
    }

    /// Deletes a document, a design document say; `false` when there is none.
    ///
    /// # Errors
    /// When there is no such database.
    pub fn remove(&self, database: &str, id: &str) -> Result<bool, Refusal> {
        let store = self.server.store(database)?;
        if store.read().database.revision(id).is_none() {
            return Ok(false);
        }
        let mut tombstone = Map::new();
        tombstone.insert("_id".into(), id.into());
        tombstone.insert("_deleted".into(), true.into());
        self.save(&store, tombstone).map(|_| true)
    }

    /// Loads a document from a file: as it is where it names a revision, and otherwise as a new one.
    /// `false`: there is a document with its id already, which stays.
    ///
    /// # Errors
    /// When there is no such database, or CouchDB would refuse the document.
    pub fn load(&self, database: &str, document: &RawDocument) -> Result<bool, Refusal> {
        let store = self.server.store(database)?;
        let members = document
            .members()
            .map_err(|error| Refusal::from(Failure::bad_request(error.to_string())))?;
        let id = members.get("_id").and_then(Value::as_str).unwrap_or_default().to_owned();
        if store.read().database.read(&id, None, ReadOptions::default()).is_ok() {
            return Ok(false);
        }
        let edit = if members.contains_key("_rev") || members.contains_key("_revisions") {
            Edit::Replicated
        } else {
            Edit::Interactive
        };
        store.save(&self.server, &admin(), &members, edit)?;
        Ok(true)
    }

    /// Shows the results of suites on the page at `/_utils`: a report as
    /// [`report::json`](crate::report::json) makes it.
    pub fn show_tests(&self, report: &str) {
        self.server.tests.send_replace(Some(report.into()));
    }

    /// Saves a document over the one that is there.
    fn save(&self, store: &Store, mut document: Map<String, Value>) -> Result<Revision, Refusal> {
        let id = document.get("_id").and_then(Value::as_str).unwrap_or_default();
        if let Some(revision) = store.read().database.revision(id) {
            document.insert("_rev".into(), revision.to_string().into());
        }
        Ok(store.save(&self.server, &admin(), &document, Edit::Interactive)?)
    }
}

fn admin() -> User {
    User { roles: vec!["_admin".to_owned()], ..User::default() }
}
