//! What a server has: the half of a plan that comes from outside.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::reserved::{Owner, owner};
use crate::design::{DesignDocument, Revision, signature, view_groups};
use crate::json::{Map, Value};
use crate::server::IndexInfo;

/// A database as a server has it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServerDatabase {
    /// Its name.
    pub name: String,
    /// Whether there is such a database.
    pub exists: bool,
    /// Whether it is a partitioned one (`props.partitioned` of `GET /db`), where that was asked.
    pub partitioned: Option<bool>,
    /// How many documents it has, where that was asked.
    pub doc_count: Option<u64>,
    /// Its `_security` object, where that was asked.
    pub security: Option<Value>,
    /// All its design documents, couchctl's own included.
    pub designs: Vec<ServerDesign>,
    /// What the last push noted; `None` when it was not asked or there is none.
    pub record: Option<PushRecord>,
}

impl ServerDatabase {
    /// A database that a server does not have.
    #[must_use]
    pub fn missing(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// The design document with this id.
    #[must_use]
    pub fn design(&self, id: &str) -> Option<&ServerDesign> {
        self.designs.iter().find(|design| design.id == id)
    }

    /// Its design documents but couchctl's own ones.
    pub fn live_designs(&self) -> impl Iterator<Item = &ServerDesign> {
        self.designs.iter().filter(|design| design.owner() == Owner::Project)
    }
}

/// A design document as a server has it.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerDesign {
    /// Its id, `_design/` included.
    pub id: String,
    /// Its winning revision.
    pub rev: Revision,
    /// Its members in order, without those that CouchDB adds; attachments as stubs, or with their
    /// `data` where they were fetched.
    pub body: Map<String, Value>,
    /// Its conflicting revisions: leaves that are neither deleted nor the winner.
    pub conflicts: Vec<Revision>,
    /// What `_info` tells of its index, where that was asked.
    pub index: Option<IndexInfo>,
}

impl ServerDesign {
    /// The design document in `document`, as `_design_docs?include_docs=true&conflicts=true` or a
    /// `GET` with `conflicts=true` answers it. It has to be read with [`crate::json::parse`], so
    /// that numbers are spelled as in the project.
    ///
    /// # Errors
    /// With the value itself when it is no design document with a revision.
    pub fn from_document(document: Value) -> Result<Self, Value> {
        const ADDED: [&str; 6] =
            ["_rev", "_conflicts", "_deleted_conflicts", "_revisions", "_revs_info", "_local_seq"];
        let revision = |value: &Value| value.as_str().and_then(|text| text.parse().ok());
        let Some(rev) = document.get("_rev").and_then(revision) else { return Err(document) };
        let conflicts = document.get("_conflicts").and_then(Value::as_array);
        let conflicts = conflicts.into_iter().flatten().filter_map(revision).collect();
        let DesignDocument { id, mut body, .. } = DesignDocument::from_value(document)?;
        for name in ADDED {
            body.shift_remove(name);
        }
        Ok(Self { id, rev, body, conflicts, index: None })
    }

    /// The signature of its index.
    #[must_use]
    pub fn signature(&self) -> String {
        signature(&self.body)
    }

    /// Whether it has views, and so an index.
    #[must_use]
    pub fn has_views(&self) -> bool {
        !view_groups(&self.body).is_empty()
    }

    /// Whose it is, told from its id and its content.
    #[must_use]
    pub fn owner(&self) -> Owner {
        owner(&self.id, &self.body)
    }
}

/// The id of the document that holds a [`PushRecord`].
pub const RECORD_ID: &str = "_local/couchctl";

/// What a push leaves in a database, as the local document [`RECORD_ID`]: it is not replicated, is no part
/// of any design document, and so neither changes what is deployed nor what `pull` writes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushRecord {
    /// The version of this shape: 1.
    pub version: u32,
    /// The revisions of the design documents that were pushed, by id.
    #[serde(default)]
    pub designs: BTreeMap<String, String>,
    /// The user who pushed last, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// When, as RFC 3339 in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
}

impl PushRecord {
    /// The record in the local document; `None` when it is of a later version or no record.
    #[must_use]
    pub fn from_document(document: &Value) -> Option<Self> {
        let record: Self = serde_json::from_value(document.clone()).ok()?;
        (record.version == 1).then_some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse_str;

    #[test]
    fn a_design_document_from_a_listing() {
        let document = parse_str(
            r#"{"_id":"_design/a","_rev":"3-x","language":"javascript","views":{"v":{"map":"m"}},"_conflicts":["2-y"]}"#,
        )
        .expect("JSON");
        let design = ServerDesign::from_document(document).expect("a design document");
        assert_eq!((design.id.as_str(), design.rev.generation), ("_design/a", 3));
        assert_eq!(design.body.keys().collect::<Vec<_>>(), ["language", "views"]);
        assert_eq!(design.conflicts.len(), 1);
        assert!(design.has_views());
        for other in [r#"{"_id":"a","_rev":"1-a"}"#, r#"{"_id":"_design/a"}"#] {
            assert!(ServerDesign::from_document(parse_str(other).expect("JSON")).is_err());
        }
    }

    #[test]
    fn records_of_later_versions_are_not_read() {
        let read = |text| PushRecord::from_document(&parse_str(text).expect("JSON"));
        let record = read(
            r#"{"_id":"_local/couchctl","_rev":"0-1","version":1,"designs":{"_design/a":"1-x"}}"#,
        );
        assert_eq!(record.expect("a record").designs["_design/a"], "1-x");
        assert_eq!(read(r#"{"version":2,"designs":{}}"#), None);
        assert_eq!(read("{}"), None);
    }
}
