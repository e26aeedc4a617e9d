//! A database in memory, as far as views, suites and local queries need one.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};

use super::tree::{Body, Leaf, RevisionTree};
use crate::design::revision::{Revision, StoredAttachment, is_compressed, predict};
use crate::group::{GroupDefinition, GroupDocument};
use crate::json::{self, Map, Value};
use crate::view::{DocumentOptions, DocumentReader};

/// A write that the server would refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("document `{id}`: {error}: {reason}")]
pub struct WriteError {
    /// The document.
    pub id: String,
    /// HTTP status.
    pub status: u16,
    /// CouchDB's `error`.
    pub error: &'static str,
    /// CouchDB's `reason`.
    pub reason: String,
}

/// What a document shows besides its own members; see [`DocumentOptions`].
pub type ReadOptions = DocumentOptions;

#[derive(Debug, Clone)]
struct Stored {
    shard: usize,
    sequence: u64,
    tree: RevisionTree,
}

/// Documents by id, spread over shards.
#[derive(Debug, Clone)]
pub struct Database {
    shards: usize,
    partitioned: bool,
    documents: HashMap<Arc<str>, Stored>,
    sequences: Vec<u64>,
    local: BTreeMap<String, Map<String, Value>>,
}

impl Database {
    /// An empty database with `shards` shards (CouchDB's `q`, at least 1).
    #[must_use]
    pub fn new(shards: usize, partitioned: bool) -> Self {
        let shards = shards.max(1);
        Self {
            shards,
            partitioned,
            documents: HashMap::new(),
            sequences: vec![0; shards],
            local: BTreeMap::new(),
        }
    }

    /// The number of shards.
    #[must_use]
    pub fn shards(&self) -> usize {
        self.shards
    }

    /// Whether the database is partitioned.
    #[must_use]
    pub fn is_partitioned(&self) -> bool {
        self.partitioned
    }

    /// The number of documents that are not deleted, design documents included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.documents.values().filter(|stored| winner(&stored.tree).is_some()).count()
    }

    /// Whether there is no document.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The shard of a document: the ranges of the CRC-32 of its id, or of its partition in a
    /// partitioned database (`mem3_hash`, `couch_partition:hash`).
    #[must_use]
    pub fn shard_of(&self, id: &str) -> usize {
        let hashed = match id.split_once(':') {
            Some((partition, _)) if self.partitioned && !id.starts_with('_') => partition,
            _ => id,
        };
        let hash = u64::from(crc32fast::hash(hashed.as_bytes()));
        let width = (1_u64 << 32) / self.shards as u64;
        usize::try_from(hash / width).unwrap_or(0).min(self.shards - 1)
    }

    /// The shard of a partition.
    #[must_use]
    pub fn shard_of_partition(&self, partition: &str) -> usize {
        self.shard_of(&format!("{partition}:"))
    }

    /// Saves a document as a client does: `_rev` must name the current revision, if there is one.
    ///
    /// # Errors
    /// A conflict, an id or members that CouchDB refuses.
    pub fn put(&mut self, document: &Map<String, Value>) -> Result<Revision, WriteError> {
        let id = checked_id(document, self.partitioned)?;
        if let Some(name) = id.strip_prefix("_local/") {
            self.local.insert(name.to_owned(), document.clone());
            return Ok(Revision { generation: 0, hash: "1".into() });
        }
        let given = given_revision(document, &id)?;
        let stored = self.documents.get(id.as_str());
        let leaves = stored.map(|stored| stored.tree.leaves()).unwrap_or_default();
        let parent = match (&given, leaves.first()) {
            (Some(given), _) => match leaves.iter().find(|leaf| leaf.revision == *given) {
                Some(leaf) => Some(leaf.clone()),
                None => return Err(conflict(&id)),
            },
            // A deleted document is created again on top of its tombstone.
            (None, Some(winner)) if winner.deleted => Some(winner.clone()),
            (None, Some(_)) => return Err(conflict(&id)),
            (None, None) => None,
        };
        let deleted = is_deleted(document);
        let generation = parent.as_ref().map_or(1, |parent| parent.revision.generation + 1);
        let kept = parent.as_ref().map(|parent| Arc::clone(&parent.body));
        let (body, attachments) = read_body(document, &id, generation, kept.as_deref())?;
        let revision =
            predict(parent.as_ref().map(|leaf| &leaf.revision), deleted, document, &attachments);
        let history: Vec<Revision> = parent.into_iter().map(|leaf| leaf.revision).collect();
        self.store(&id, revision.clone(), &history, deleted, body);
        Ok(revision)
    }

    /// Saves a revision as replication does (`new_edits=false`): `_rev` and `_revisions` are taken
    /// as they are.
    ///
    /// # Errors
    /// An id, a revision or members that CouchDB refuses.
    pub fn replicate(&mut self, document: &Map<String, Value>) -> Result<Revision, WriteError> {
        let id = checked_id(document, self.partitioned)?;
        let Some(revision) = given_revision(document, &id)? else {
            return Err(refused(&id, "bad_request", "Document must have a _rev"));
        };
        let history = history(document, &revision);
        let (body, _) = read_body(document, &id, revision.generation, None)?;
        self.store(&id, revision.clone(), &history, is_deleted(document), body);
        Ok(revision)
    }

    /// Loads a document from a file: one with a `_rev` keeps it, as in a restored backup; one without
    /// is created.
    ///
    /// # Errors
    /// As [`Database::put`] and [`Database::replicate`]; a second document with the same id is a
    /// conflict.
    pub fn load(&mut self, document: &Map<String, Value>) -> Result<Revision, WriteError> {
        if document.contains_key("_rev") { self.replicate(document) } else { self.put(document) }
    }

    /// Deletes the winning revision of a document.
    ///
    /// # Errors
    /// When there is none.
    pub fn delete(&mut self, id: &str) -> Result<Revision, WriteError> {
        let Some(leaf) = self.documents.get(id).and_then(|stored| winner(&stored.tree)) else {
            let (id, reason) = (id.to_owned(), "missing".to_owned());
            return Err(WriteError { id, status: 404, error: "not_found", reason });
        };
        let mut tombstone = Map::new();
        tombstone.insert("_id".into(), id.into());
        tombstone.insert("_rev".into(), leaf.revision.to_string().into());
        tombstone.insert("_deleted".into(), true.into());
        self.put(&tombstone)
    }

    /// Removes a revision without a trace; tells whether it was there.
    pub fn purge(&mut self, id: &str, revision: &Revision) -> bool {
        let Some(stored) = self.documents.get_mut(id) else { return false };
        let purged = stored.tree.purge(revision);
        if stored.tree.is_empty() {
            self.documents.remove(id);
        }
        purged
    }

    fn store(
        &mut self,
        id: &str,
        revision: Revision,
        history: &[Revision],
        deleted: bool,
        body: Body,
    ) {
        let shard = self.shard_of(id);
        self.sequences[shard] += 1;
        let sequence = self.sequences[shard];
        let stored = self.documents.entry(Arc::from(id)).or_insert_with(|| Stored {
            shard,
            sequence,
            tree: RevisionTree::default(),
        });
        stored.sequence = sequence;
        stored.tree.add(revision, history, deleted, Arc::new(body));
    }

    /// The winning revision of a document, unless it is deleted.
    #[must_use]
    pub fn revision(&self, id: &str) -> Option<Revision> {
        winner(&self.documents.get(id)?.tree).map(|leaf| leaf.revision)
    }

    /// The documents that the map functions of a group see, by shard and update sequence.
    #[must_use]
    pub fn documents_for(&self, group: &GroupDefinition) -> Vec<GroupDocument> {
        let mut seen: Vec<(&Arc<str>, &Stored)> = self
            .documents
            .iter()
            .filter(|(id, _)| group.include_design || !id.starts_with("_design/"))
            .collect();
        seen.sort_by_key(|(_, stored)| (stored.shard, stored.sequence));
        seen.into_iter()
            .filter_map(|(id, stored)| {
                let text = mapped_text(id, stored, group.local_seq)?;
                Some(GroupDocument { id: Arc::clone(id), shard: stored.shard, text: text.into() })
            })
            .collect()
    }
}

impl Database {
    /// The documents as a filter of the changes feed sees them, in the order of their last change:
    /// winning revisions, deleted documents as tombstones.
    #[must_use]
    pub fn changed_documents(&self) -> Vec<Value> {
        let mut stored: Vec<(&Arc<str>, &Stored)> = self.documents.iter().collect();
        stored.sort_by_key(|(_, stored)| (stored.shard, stored.sequence));
        stored
            .into_iter()
            .filter_map(|(id, stored)| {
                let leaf = stored.tree.leaves().into_iter().next()?;
                let mut shown = head(id, &leaf);
                shown.extend(leaf.body.members.clone());
                if leaf.deleted {
                    shown.insert("_deleted".into(), true.into());
                }
                let mut revisions = Map::new();
                revisions.insert("start".into(), leaf.revision.generation.into());
                revisions.insert("ids".into(), vec![Value::from(leaf.revision.hash)].into());
                shown.insert("_revisions".into(), Value::Object(revisions));
                if !leaf.body.stubs.is_empty() {
                    shown.insert("_attachments".into(), Value::Object(leaf.body.stubs.clone()));
                }
                Some(Value::Object(shown))
            })
            .collect()
    }
}

impl DocumentReader for Database {
    fn document(
        &self,
        id: &str,
        revision: Option<&str>,
        options: DocumentOptions,
    ) -> Option<Arc<str>> {
        let stored = self.documents.get(id)?;
        let leaf = match revision {
            Some(revision) => stored.tree.get(&revision.parse().ok()?)?,
            None => winner(&stored.tree)?,
        };
        let mut shown = head(id, &leaf);
        shown.extend(leaf.body.members.clone());
        if leaf.deleted {
            shown.insert("_deleted".into(), true.into());
        }
        if !leaf.body.stubs.is_empty() {
            let mut shown_attachments =
                if options.attachments { with_data(&leaf.body) } else { leaf.body.stubs.clone() };
            if options.att_encoding_info {
                add_encoding(&leaf.body, &mut shown_attachments);
            }
            shown.insert("_attachments".into(), Value::Object(shown_attachments));
        }
        if options.conflicts {
            let conflicts = others(&stored.tree, false);
            if !conflicts.is_empty() {
                shown.insert("_conflicts".into(), conflicts.into());
            }
        }
        Some(json::to_string(&Value::Object(shown)).into())
    }
}

fn winner(tree: &RevisionTree) -> Option<Leaf> {
    tree.leaves().into_iter().next().filter(|leaf| !leaf.deleted)
}

fn others(tree: &RevisionTree, deleted: bool) -> Vec<Value> {
    let leaves = tree.leaves();
    let others = leaves.iter().skip(1).filter(|leaf| leaf.deleted == deleted);
    others.map(|leaf| leaf.revision.to_string().into()).collect()
}

fn head(id: &str, leaf: &Leaf) -> Map<String, Value> {
    let mut head = Map::new();
    head.insert("_id".into(), id.into());
    head.insert("_rev".into(), leaf.revision.to_string().into());
    head
}

/// A document as the index updater hands it to a map function (`couch_index_updater`).
fn mapped_text(id: &str, stored: &Stored, local_seq: bool) -> Option<String> {
    let leaf = winner(&stored.tree)?;
    let mut shown = head(id, &leaf);
    shown.extend(leaf.body.members.clone());
    for (name, deleted) in [("_conflicts", false), ("_deleted_conflicts", true)] {
        let revisions = others(&stored.tree, deleted);
        if !revisions.is_empty() {
            shown.insert(name.into(), revisions.into());
        }
    }
    if local_seq {
        shown.insert("_local_seq".into(), stored.sequence.into());
    }
    if !leaf.body.stubs.is_empty() {
        shown.insert("_attachments".into(), Value::Object(leaf.body.stubs.clone()));
    }
    Some(json::to_string(&Value::Object(shown)))
}

fn with_data(body: &Body) -> Map<String, Value> {
    body.stubs
        .iter()
        .map(|(name, stub)| {
            let mut shown = Map::new();
            for (member, value) in stub.as_object().into_iter().flatten() {
                match member.as_str() {
                    "length" => {}
                    "stub" => {
                        shown.insert(
                            "data".into(),
                            body.data.get(name).cloned().unwrap_or_default(),
                        );
                    }
                    _ => {
                        shown.insert(member.clone(), value.clone());
                    }
                }
            }
            (name.clone(), Value::Object(shown))
        })
        .collect()
}

/// How attachments are stored that CouchDB compresses.
fn add_encoding(body: &Body, shown: &mut Map<String, Value>) {
    for (name, attachment) in shown {
        let Value::Object(members) = attachment else { continue };
        let text = |member: &Value| member.as_str().map(str::to_owned);
        let kind = members.get("content_type").and_then(text).unwrap_or_default();
        let data = body.data.get(name).and_then(text).unwrap_or_default();
        let bytes = STANDARD.decode(data).unwrap_or_default();
        if !bytes.is_empty() && is_compressed(&kind) {
            members.insert("encoding".into(), "gzip".into());
            members.insert("encoded_length".into(), gzip(&bytes).len().into());
        }
    }
}

fn refused(id: &str, error: &'static str, reason: &str) -> WriteError {
    WriteError { id: id.to_owned(), status: 400, error, reason: reason.to_owned() }
}

fn conflict(id: &str) -> WriteError {
    let reason = "Document update conflict.".to_owned();
    WriteError { id: id.to_owned(), status: 409, error: "conflict", reason }
}

/// The id, checked as `couch_doc:validate_docid` and, in a partitioned database,
/// `couch_partition:validate_docid` do.
fn checked_id(document: &Map<String, Value>, partitioned: bool) -> Result<String, WriteError> {
    let id = match document.get("_id") {
        Some(Value::String(id)) => id.clone(),
        Some(_) => return Err(refused("", "illegal_docid", "Document id must be a string")),
        None => return Err(refused("", "illegal_docid", "Document has no _id")),
    };
    let reserved = id.starts_with('_')
        && !["_design/", "_local/"]
            .iter()
            .any(|prefix| id.len() > prefix.len() && id.starts_with(prefix));
    let problem = if id.is_empty() {
        Some("Document id must not be empty")
    } else if reserved {
        Some("Only reserved document ids may start with underscore.")
    } else if partitioned && !id.starts_with('_') {
        match id.split_once(':') {
            None => Some("Doc id must be of form partition:id"),
            Some(("", _)) => Some("Partition must not be empty"),
            Some((_, "")) => Some("Document id must not be empty"),
            Some(_) => None,
        }
    } else {
        None
    };
    match problem {
        Some(problem) => Err(refused(&id, "illegal_docid", problem)),
        None => Ok(id),
    }
}

fn given_revision(document: &Map<String, Value>, id: &str) -> Result<Option<Revision>, WriteError> {
    match document.get("_rev") {
        None => Ok(None),
        Some(Value::String(text)) => match text.parse() {
            Ok(revision) => Ok(Some(revision)),
            Err(_) => Err(refused(id, "bad_request", "Invalid rev format")),
        },
        Some(_) => Err(refused(id, "bad_request", "Invalid rev format")),
    }
}

fn is_deleted(document: &Map<String, Value>) -> bool {
    document.get("_deleted").and_then(Value::as_bool).unwrap_or(false)
}

/// The ancestors that `_revisions` names, the parent first.
fn history(document: &Map<String, Value>, revision: &Revision) -> Vec<Revision> {
    let ids = document.get("_revisions").and_then(|revisions| revisions.get("ids"));
    ids.and_then(Value::as_array)
        .into_iter()
        .flatten()
        .skip(1)
        .filter_map(Value::as_str)
        .zip(1..)
        .filter_map(|(hash, back)| {
            let generation = revision.generation.checked_sub(back)?;
            Some(Revision { generation, hash: hash.to_owned() })
        })
        .collect()
}

/// The body of a document, its attachments turned into stubs.
fn read_body(
    document: &Map<String, Value>,
    id: &str,
    generation: u64,
    parent: Option<&Body>,
) -> Result<(Body, Vec<StoredAttachment>), WriteError> {
    let mut body = Body::default();
    for (name, member) in document {
        if !name.starts_with('_') {
            body.members.insert(name.clone(), member.clone());
        } else if !SPECIAL.contains(&name.as_str()) {
            let reason = format!("Bad special document member: {name}");
            return Err(refused(id, "doc_validation", &reason));
        }
    }
    let mut stored = Vec::new();
    let attachments = document.get("_attachments").and_then(Value::as_object);
    for (name, attachment) in attachments.into_iter().flatten() {
        let text = |member: &str| attachment.get(member).and_then(Value::as_str);
        let content_type = text("content_type").unwrap_or("application/octet-stream");
        let (stub, data, md5) = match text("data") {
            Some(data) => {
                let bytes = STANDARD.decode(data).map_err(|_| {
                    refused(id, "bad_request", &format!("Invalid attachment data for {name}"))
                })?;
                let md5 = stored_md5(&bytes, content_type);
                (stub(content_type, generation, &md5, bytes.len()), data.to_owned(), md5)
            }
            None => {
                // A stub keeps the parent's attachment, or is taken as it is from a listing.
                let kept = parent.and_then(|parent| parent.stubs.get(name)).unwrap_or(attachment);
                let data = parent.and_then(|parent| parent.data.get(name)).and_then(Value::as_str);
                let digest = kept.get("digest").and_then(Value::as_str).and_then(md5_of_digest);
                let Some(md5) = digest else {
                    let reason = format!("Invalid attachment stub in {id} for {name}");
                    return Err(WriteError { status: 412, ..refused(id, "missing_stub", &reason) });
                };
                (kept.clone(), data.unwrap_or_default().to_owned(), md5)
            }
        };
        body.stubs.insert(name.clone(), stub);
        body.data.insert(name.clone(), data.into());
        stored.push(StoredAttachment {
            name: name.clone(),
            content_type: content_type.into(),
            md5,
        });
    }
    Ok((body, stored))
}

/// The members that CouchDB knows beside a document's own (`couch_doc:from_json_obj`).
const SPECIAL: [&str; 13] = [
    "_id",
    "_rev",
    "_deleted",
    "_attachments",
    "_revisions",
    "_revs_info",
    "_conflicts",
    "_deleted_conflicts",
    "_local_seq",
    "_replication_id",
    "_replication_state",
    "_replication_state_time",
    "_replication_state_reason",
];

fn md5_of_digest(digest: &str) -> Option<[u8; 16]> {
    STANDARD.decode(digest.strip_prefix("md5-")?).ok()?.try_into().ok()
}

fn stub(content_type: &str, revpos: u64, md5: &[u8; 16], length: usize) -> Value {
    let mut stub = Map::new();
    stub.insert("content_type".into(), content_type.into());
    stub.insert("revpos".into(), revpos.into());
    stub.insert("digest".into(), format!("md5-{}", STANDARD.encode(md5)).into());
    stub.insert("length".into(), length.into());
    stub.insert("stub".into(), true.into());
    Value::Object(stub)
}

/// The MD5 of an attachment as it is stored: types that compress well are stored as gzip makes them
/// (`[attachments] compression_level = 8`).
fn stored_md5(bytes: &[u8], content_type: &str) -> [u8; 16] {
    if bytes.is_empty() || !is_compressed(content_type) {
        return Md5::digest(bytes).into();
    }
    Md5::digest(gzip(bytes)).into()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let writer = flate2::GzBuilder::new().operating_system(3);
    let mut encoder = writer.write(Vec::new(), flate2::Compression::new(8));
    // Writing to memory cannot fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}
