//! What happens during a deployment, told to whoever reports it.

use std::time::Duration;

use crate::design::Revision;

/// Something that happened in a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Somebody else changed something, so that a new plan is made.
    Replanned {
        /// Why.
        reason: String,
    },
    /// The database was created.
    Created,
    /// Its `_security` was written.
    Secured,
    /// A staging design document is there.
    Staged {
        /// Its id.
        id: String,
        /// The design documents that it is for.
        designs: Vec<String>,
        /// Whether an interrupted push had left it.
        resumed: bool,
    },
    /// An index is being built.
    Building(Building),
    /// An index is as new as the database.
    Built {
        /// What was last told of it.
        building: Building,
        /// How long that took.
        elapsed: Duration,
    },
    /// A design document was put.
    Saved {
        /// Its id.
        id: String,
        /// Its new revision.
        revision: Revision,
    },
    /// A design document, or one of its conflicting revisions, was deleted.
    Removed {
        /// Its id.
        id: String,
        /// The revision.
        revision: Revision,
    },
    /// The live views answer from a warm index.
    Verified {
        /// The design document.
        id: String,
        /// How many of its views were asked.
        views: usize,
    },
    /// Unused indexes were removed.
    CleanedUp {
        /// The bytes of their files, as far as the server told them before.
        freed: Option<u64>,
    },
    /// Something to know.
    Notice(String),
}

/// How far an index is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Building {
    /// The design document through which it is built.
    pub id: String,
    /// The design documents, or the search index, that it is for.
    pub designs: Vec<String>,
    /// Changes of the database that are in it.
    pub done: u64,
    /// Changes of the database, where known.
    pub total: u64,
}

/// Somebody who is told what happens.
pub trait Observer: Sync {
    /// Something happened in the database of this name.
    fn event(&self, database: &str, event: Event);
}

/// Nobody wants to know.
impl Observer for () {
    fn event(&self, _database: &str, _event: Event) {}
}
