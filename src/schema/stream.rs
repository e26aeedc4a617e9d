//! Many documents: on all processors, and in memory that does not depend on how many they are.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use super::Schemas;
use super::check::{Outcome, Violation};
use super::place::line_of;
use crate::document::{DocumentError, RawDocument};

/// How many documents are handed to a thread at a time.
const BATCH: usize = 128;
/// How many bytes of documents are handed to a thread at a time.
const BATCH_BYTES: usize = 256 << 10;

/// A document that is not as its schema says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidDocument {
    /// Its id, if it has one.
    pub id: Option<String>,
    /// The file, or `stdin`.
    pub source: Arc<str>,
    /// The line of the file that it starts on, counted from 1.
    pub line: usize,
    /// The type whose schema it was checked against, if one was found.
    pub schema: Option<String>,
    /// What is wrong, each with the line of the file that it stands on.
    pub violations: Vec<(usize, Violation)>,
}

/// How many documents became what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Documents as their schemas say.
    pub valid: u64,
    /// Documents that are not.
    pub invalid: u64,
    /// Documents that no schema is for.
    pub ignored: u64,
}

impl Counts {
    /// All documents.
    #[must_use]
    pub fn documents(&self) -> u64 {
        self.valid + self.invalid + self.ignored
    }
}

impl std::ops::Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            valid: self.valid + other.valid,
            invalid: self.invalid + other.invalid,
            ignored: self.ignored + other.ignored,
        }
    }
}

/// How to check documents.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The schema that all are checked against, by its index, whatever their types are.
    pub schema: Option<usize>,
    /// How many threads check; at least one does.
    pub jobs: usize,
}

/// Checks documents, and gives those that are invalid to `each` in the order they came. After every
/// batch `progress` gets to know the counts so far, and can end the run by `false`.
///
/// # Errors
/// The first error of the documents; those before it have been checked.
pub fn check(
    schemas: &Schemas,
    documents: impl Iterator<Item = Result<RawDocument, DocumentError>> + Send,
    options: &Options,
    each: &mut dyn FnMut(InvalidDocument),
    progress: &mut dyn FnMut(Counts) -> bool,
) -> Result<Counts, DocumentError> {
    let jobs = options.jobs.max(1);
    let (to_workers, batches) = sync_channel::<(usize, Vec<RawDocument>)>(2 * jobs);
    let (to_us, checked) = sync_channel::<(usize, Checked)>(2 * jobs);
    let batches = Mutex::new(batches);
    let stop = AtomicBool::new(false);
    let mut counts = Counts::default();
    std::thread::scope(|scope| {
        let stop = &stop;
        let reader = scope.spawn(move || read(documents, &to_workers, stop));
        for _ in 0..jobs {
            let (to_us, batches) = (to_us.clone(), &batches);
            scope.spawn(move || {
                // After a stop batches are still taken, so that the reader does not wait for ever.
                while let Some((number, batch)) = next(batches) {
                    if !stop.load(Ordering::Relaxed) {
                        // Nobody takes it any more after a stop.
                        let _ = to_us.send((number, Checked::of(schemas, &batch, options.schema)));
                    }
                }
            });
        }
        drop(to_us);
        // Batches may overtake each other; they are told in order.
        let mut waiting = BTreeMap::new();
        let mut due = 0;
        for (number, batch) in checked {
            waiting.insert(number, batch);
            while let Some(batch) = waiting.remove(&due) {
                due += 1;
                counts = counts + batch.counts;
                batch.invalid.into_iter().for_each(&mut *each);
            }
            if !progress(counts) {
                stop.store(true, Ordering::Relaxed);
                break;
            }
        }
        // A panic of the reader is one of the documents; it goes on here.
        reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    Ok(counts)
}

/// Cuts the documents into batches.
fn read(
    documents: impl Iterator<Item = Result<RawDocument, DocumentError>>,
    batches: &SyncSender<(usize, Vec<RawDocument>)>,
    stop: &AtomicBool,
) -> Result<(), DocumentError> {
    let mut number = 0;
    let mut batch = Vec::with_capacity(BATCH);
    let mut bytes = 0;
    let mut end = Ok(());
    for document in documents {
        match document {
            Ok(document) => {
                bytes += document.text.len();
                batch.push(document);
            }
            Err(error) => {
                end = Err(error);
                break;
            }
        }
        if batch.len() == BATCH || bytes >= BATCH_BYTES {
            let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
            if stop.load(Ordering::Relaxed) || batches.send((number, full)).is_err() {
                return Ok(());
            }
            number += 1;
            bytes = 0;
        }
    }
    if !batch.is_empty() {
        // Nobody left to take it means that the run has ended.
        let _ = batches.send((number, batch));
    }
    end
}

type Batches = Mutex<Receiver<(usize, Vec<RawDocument>)>>;

fn next(batches: &Batches) -> Option<(usize, Vec<RawDocument>)> {
    batches.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

/// What became of a batch.
struct Checked {
    counts: Counts,
    invalid: Vec<InvalidDocument>,
}

impl Checked {
    fn of(schemas: &Schemas, batch: &[RawDocument], schema: Option<usize>) -> Self {
        let mut checked = Self { counts: Counts::default(), invalid: Vec::new() };
        for document in batch {
            let outcome = match schemas.check_text(document, schema) {
                Ok(outcome) => outcome,
                Err(error) => {
                    checked.counts.invalid += 1;
                    checked.invalid.push(unreadable(document, &error));
                    continue;
                }
            };
            match outcome {
                Outcome::Valid => checked.counts.valid += 1,
                Outcome::Ignored => checked.counts.ignored += 1,
                Outcome::Invalid { schema, violations } => {
                    checked.counts.invalid += 1;
                    checked.invalid.push(InvalidDocument::new(
                        document,
                        schema.map(|index| schemas.types[index].name.clone()),
                        violations,
                    ));
                }
            }
        }
        checked
    }
}

/// A document that CouchDB would not read.
fn unreadable(document: &RawDocument, error: &DocumentError) -> InvalidDocument {
    let violation = Violation {
        pointer: String::new(),
        keyword: "json".to_owned(),
        expected: format!("JSON that CouchDB accepts: {}", error.problem),
        found: None,
        schema_pointer: String::new(),
    };
    InvalidDocument {
        id: None,
        source: Arc::clone(&document.source),
        line: document.line,
        schema: None,
        violations: vec![(error.line, violation)],
    }
}

impl InvalidDocument {
    /// Adds to what is wrong with a document where it stands.
    #[must_use]
    pub fn new(document: &RawDocument, schema: Option<String>, violations: Vec<Violation>) -> Self {
        let violations = violations.into_iter().map(|violation| {
            (document.line + line_of(&document.text, &violation.pointer) - 1, violation)
        });
        Self {
            id: document.id().ok().map(|id| id.to_string()),
            source: Arc::clone(&document.source),
            line: document.line,
            schema,
            violations: violations.collect(),
        }
    }
}
