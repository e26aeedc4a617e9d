//! The documents a query runs over.

use std::collections::hash_map::RandomState;
use std::collections::{HashSet, VecDeque};
use std::hash::BuildHasher;
use std::io::Read;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use crate::document::{Database, DocumentError, DocumentFile, DocumentProblem, RawDocument};
use crate::group::{GroupDefinition, GroupDocument};

type Input = DocumentFile<Box<dyn Read + Send>>;

/// Reads all files into a database.
pub(super) fn load(files: &[PathBuf], database: &mut Database) -> Result<(), DocumentError> {
    for file in files {
        database.load_file(Input::open_any(file)?)?;
    }
    Ok(())
}

/// The documents of files as map functions see them, one after the other: what is kept of each are
/// two hashes of its id, which no two ids share by chance. The first error ends them, and is found in `failure`.
pub(super) struct Stream {
    files: VecDeque<PathBuf>,
    open: Option<Input>,
    definition: GroupDefinition,
    shards: usize,
    partitioned: bool,
    seen: HashSet<[u64; 2]>,
    hashes: [RandomState; 2],
    failure: Arc<Mutex<Option<DocumentError>>>,
}

impl Stream {
    pub(super) fn new(
        files: &[PathBuf],
        definition: &GroupDefinition,
        shards: usize,
        partitioned: bool,
    ) -> Self {
        Self {
            files: files.iter().cloned().collect(),
            open: None,
            definition: definition.clone(),
            shards,
            partitioned,
            seen: HashSet::new(),
            hashes: [RandomState::new(), RandomState::new()],
            failure: Arc::default(),
        }
    }

    /// Where the error is left that ended the documents early.
    pub(super) fn failure(&self) -> Arc<Mutex<Option<DocumentError>>> {
        Arc::clone(&self.failure)
    }

    fn next_raw(&mut self) -> Result<Option<RawDocument>, DocumentError> {
        loop {
            if let Some(document) = self.open.as_mut().and_then(Iterator::next) {
                return document.map(Some);
            }
            match self.files.pop_front() {
                Some(path) => self.open = Some(Input::open_any(&path)?),
                None => return Ok(None),
            }
        }
    }

    /// The next document that a map function sees; deleted ones are none.
    fn next_document(&mut self) -> Result<Option<GroupDocument>, DocumentError> {
        while let Some(raw) = self.next_raw()? {
            let id = raw.id()?;
            if !self.seen.insert(self.hashes.each_ref().map(|hash| hash.hash_one(&id))) {
                return Err(raw.error(DocumentProblem::Repeated(id.to_string())));
            }
            // Alone, so that it gets the revision and the stubs that CouchDB would give it.
            let mut database = Database::new(self.shards, self.partitioned);
            if is_plain(&raw.text) && !id.starts_with('_') {
                let shard = database.shard_of(&id);
                return Ok(Some(GroupDocument { id, shard, text: raw.text.into() }));
            }
            database.load_raw(&raw)?;
            if let Some(document) = database.documents_for(&self.definition).pop() {
                return Ok(Some(document));
            }
        }
        Ok(None)
    }
}

impl Iterator for Stream {
    type Item = GroupDocument;

    fn next(&mut self) -> Option<GroupDocument> {
        self.next_document().unwrap_or_else(|error| {
            if let Ok(mut failure) = self.failure.lock() {
                failure.get_or_insert(error);
            }
            None
        })
    }
}

/// Whether a map function sees exactly this text: it has a `_rev`, and nothing that the database
/// would change.
fn is_plain(text: &str) -> bool {
    const CHANGED: [&str; 5] =
        ["\"_attachments\"", "\"_deleted\"", "\"_revisions\"", "\"_conflicts\"", "\"_revs_info\""];
    text.contains("\"_rev\":") && !CHANGED.iter().any(|member| text.contains(member))
}
