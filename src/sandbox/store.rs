//! A database with what a server keeps beside its documents: its security object, its design
//! documents at hand, its indexes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::sync::watch;

use super::Options;
use super::endpoints::validation;
use super::external::Processes;
use super::failure::Failure;
use super::index::Indexes;
use super::security::{User, default_security};
use super::state::{Server, random_hex, unix_time};
use crate::design::{DesignDocument, Revision};
use crate::document::{Database, ReadOptions};
use crate::group::GroupDefinition;
use crate::json::{self, Map, Value};
use crate::view::{DocumentOptions, DocumentReader};

/// The largest body of a document (`[couchdb] max_document_size`).
const MAX_DOCUMENT: usize = 8_000_000;

/// What is stored.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) database: Database,
    pub(super) security: Value,
}

/// A design document as the server uses it.
#[derive(Debug)]
pub(super) struct Design {
    pub(super) id: String,
    /// All of it, as its functions see it.
    pub(super) value: Value,
    pub(super) document: DesignDocument,
    pub(super) signature: String,
    pub(super) group: GroupDefinition,
}

/// How a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edit {
    /// By a client.
    Interactive,
    /// By replication: revisions are taken as they are.
    Replicated,
}

/// A database.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) name: String,
    pub(super) created: u64,
    /// Tells its sequences from those of an earlier database of the same name.
    instance: String,
    contents: RwLock<Contents>,
    designs: RwLock<BTreeMap<String, Arc<Design>>>,
    pub(super) indexes: Indexes,
    pub(super) processes: Processes,
    /// The update sequence; `u64::MAX` when the database is gone.
    updates: watch::Sender<u64>,
    /// Ids in order, and the update sequence they are of.
    ids: Mutex<(u64, Arc<Vec<Arc<str>>>)>,
}

impl Store {
    pub(super) fn new(name: &str, shards: usize, partitioned: bool, options: &Options) -> Self {
        let database = Database::new(shards, partitioned);
        Self {
            name: name.to_owned(),
            created: unix_time(),
            instance: random_hex()[..8].to_owned(),
            contents: RwLock::new(Contents { database, security: default_security() }),
            designs: RwLock::default(),
            indexes: Indexes::new(options.commit_delay),
            processes: Processes::new(options),
            updates: watch::Sender::new(0),
            ids: Mutex::default(),
        }
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, Contents> {
        self.contents.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Contents> {
        self.contents.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn security(&self) -> Value {
        self.read().security.clone()
    }

    /// The update sequence.
    pub(super) fn sequence(&self) -> u64 {
        self.read().database.update_sequence()
    }

    /// Tells when the database changes; `u64::MAX` when it is gone.
    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.updates.subscribe()
    }

    pub(super) fn is_closed(&self) -> bool {
        *self.updates.borrow() == u64::MAX
    }

    /// Ends everything that waits for the database.
    pub(super) fn close(&self) {
        self.updates.send_replace(u64::MAX);
        self.indexes.close();
    }

    /// A sequence as clients see it: a number, and something that only the server understands.
    pub(super) fn sequence_text(&self, sequence: u64) -> String {
        let opaque = URL_SAFE_NO_PAD.encode(format!("{}:{sequence}", self.instance));
        format!("{sequence}-{opaque}")
    }

    /// Reads back a sequence. One of an earlier database of the same name means the beginning.
    pub(super) fn parse_sequence(&self, text: &str) -> Option<u64> {
        let text = text.trim_matches('"');
        if matches!(text, "0" | "") {
            return Some(0);
        }
        let (number, opaque) = text.split_once('-')?;
        let bytes = URL_SAFE_NO_PAD.decode(opaque).ok()?;
        let decoded = String::from_utf8(bytes).ok()?;
        let (instance, sequence) = decoded.split_once(':')?;
        if sequence != number {
            return None;
        }
        let sequence = sequence.parse().ok()?;
        Some(if instance == self.instance { sequence } else { 0 })
    }

    /// The ids of the documents that are not deleted, in order.
    pub(super) fn ids(&self, database: &Database) -> Arc<Vec<Arc<str>>> {
        let mut cached: MutexGuard<'_, _> = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        let sequence = database.update_sequence();
        if cached.0 != sequence {
            *cached = (sequence, Arc::new(database.ids()));
        }
        Arc::clone(&cached.1)
    }

    /// The design documents, by id.
    pub(super) fn designs(&self) -> Vec<Arc<Design>> {
        let designs = self.designs.read().unwrap_or_else(PoisonError::into_inner);
        designs.values().cloned().collect()
    }

    /// A design document, by its id.
    pub(super) fn design(&self, id: &str) -> Result<Arc<Design>, Failure> {
        let designs = self.designs.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(design) = designs.get(id) {
            return Ok(Arc::clone(design));
        }
        drop(designs);
        let absent = self.read().database.read(id, None, ReadOptions::default());
        Err(Failure::not_found(
            absent.map_or_else(|absent| absent.to_string(), |_| "missing".into()),
        ))
    }

    /// Saves a document.
    pub(super) fn save(
        &self,
        server: &Server,
        user: &User,
        document: &Map<String, Value>,
        edit: Edit,
    ) -> Result<Revision, Failure> {
        let id = document.get("_id").and_then(Value::as_str).unwrap_or_default().to_owned();
        if id.starts_with("_local/") {
            return Ok(self.write().database.put(document)?);
        }
        validation::check(self, server, user, document, edit)?;
        let revision = {
            let mut contents = self.write();
            match edit {
                Edit::Interactive => contents.database.put(document)?,
                Edit::Replicated => contents.database.replicate(document)?,
            }
        };
        self.changed(&id);
        Ok(revision)
    }

    /// Takes note of a change of a document.
    pub(super) fn changed(&self, id: &str) {
        if id.starts_with("_design/") {
            // One after the other, so that the last one to be noted is the last one written.
            let mut designs = self.designs.write().unwrap_or_else(PoisonError::into_inner);
            let design = self.load_design(id);
            let signature = design.as_ref().map(|design| design.signature.clone());
            match design {
                Some(design) => designs.insert(id.to_owned(), Arc::new(design)),
                None => designs.remove(id),
            };
            self.indexes.design_changed(id, signature.as_deref());
        }
        let sequence = self.sequence();
        self.updates.send_if_modified(|known| {
            let is_newer = *known < sequence;
            if is_newer {
                *known = sequence;
            }
            is_newer
        });
    }

    fn load_design(&self, id: &str) -> Option<Design> {
        let text = self.read().database.read(id, None, ReadOptions::default()).ok()?;
        let value = json::parse_str(&text).ok()?;
        let document = DesignDocument::from_value(value.clone()).ok()?;
        let (signature, group) = (document.signature(), GroupDefinition::new(&document.body));
        Some(Design { id: id.to_owned(), value, document, signature, group })
    }
}

/// Refuses a document whose own members are too large. `name`: how the answer calls it.
pub(super) fn check_size(document: &Map<String, Value>, name: &str) -> Result<(), Failure> {
    let own = document.iter().filter(|(member, _)| !member.starts_with('_'));
    let size: usize =
        own.map(|(member, value)| member.len() + json::to_string(value).len() + 4).sum();
    if size > MAX_DOCUMENT {
        return Err(Failure::new(413, "document_too_large", name));
    }
    Ok(())
}

/// Documents of a store, read one at a time: nothing is locked while a function runs.
#[derive(Debug)]
pub(super) struct Reader<'a>(pub(super) &'a Store);

impl DocumentReader for Reader<'_> {
    fn document(
        &self,
        id: &str,
        revision: Option<&str>,
        options: DocumentOptions,
    ) -> Option<Arc<str>> {
        self.0.read().database.document(id, revision, options)
    }
}
