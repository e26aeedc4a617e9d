//! What many documents gave: numbers, causes, and the first of those that are invalid.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::check::Violation;
use super::stream::{Counts, InvalidDocument};

/// How many causes are told apart; documents whose cause is yet another are only counted.
const CAUSES: usize = 1000;

/// What many documents have in common that is wrong with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The type whose schema it is about, if one was found.
    pub schema: Option<String>,
    /// The keyword that was not met.
    pub keyword: String,
    /// Where, with `*` for the indexes of arrays.
    pub pointer: String,
    /// What was expected there, in words.
    pub expected: String,
    /// A JSON Pointer into the schema.
    pub schema_pointer: String,
    /// How many documents have it.
    pub documents: u64,
    /// The id of the first of them.
    pub id: Option<String>,
    /// The file of the first of them.
    pub source: Arc<str>,
    /// The line in that file, counted from 1.
    pub line: usize,
}

/// What many documents gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    /// The database whose schemas they were checked against.
    pub database: String,
    /// How many became what.
    pub counts: Counts,
    /// The first invalid documents, in the order they came.
    pub documents: Vec<InvalidDocument>,
    /// The causes, those of most documents first once [`Summary::finish`] was called.
    pub causes: Vec<Cause>,
    /// Whether there were more causes than are told.
    pub more_causes: bool,
    /// Wall-clock time.
    pub duration: Duration,
    limit: usize,
    index: HashMap<(Option<String>, String, String), usize>,
}

impl Summary {
    /// A summary that keeps at most `limit` invalid documents.
    #[must_use]
    pub fn new(database: &str, limit: usize) -> Self {
        Self { database: database.to_owned(), limit, ..Self::default() }
    }

    /// Adds an invalid document; it is counted by [`Summary::finish`].
    pub fn add(&mut self, document: InvalidDocument) {
        let mut told = Vec::new();
        for (line, violation) in &document.violations {
            if let Some(cause) = self.cause(&document, *line, violation)
                && !told.contains(&cause)
            {
                told.push(cause);
                self.causes[cause].documents += 1;
            }
        }
        if self.documents.len() < self.limit {
            self.documents.push(document);
        }
    }

    fn cause(
        &mut self,
        document: &InvalidDocument,
        line: usize,
        violation: &Violation,
    ) -> Option<usize> {
        let expected = &violation.expected;
        let place = match violation.schema_pointer.as_str() {
            "" => format!("{} {}", violation.keyword, violation.pointer),
            pointer => pointer.to_owned(),
        };
        let key = (document.schema.clone(), place, expected.clone());
        if let Some(index) = self.index.get(&key) {
            return Some(*index);
        }
        if self.causes.len() >= CAUSES {
            self.more_causes = true;
            return None;
        }
        self.causes.push(Cause {
            schema: document.schema.clone(),
            keyword: violation.keyword.clone(),
            pointer: without_indexes(&violation.pointer),
            expected: expected.clone(),
            schema_pointer: violation.schema_pointer.clone(),
            documents: 0,
            id: document.id.clone(),
            source: Arc::clone(&document.source),
            line,
        });
        self.index.insert(key, self.causes.len() - 1);
        Some(self.causes.len() - 1)
    }

    /// Ends the summary with the numbers.
    pub fn finish(&mut self, counts: Counts, duration: Duration) {
        self.index.clear();
        self.counts = counts;
        self.duration = duration;
        self.causes.sort_by_key(|cause| std::cmp::Reverse(cause.documents));
    }

    /// How many invalid documents are not kept.
    #[must_use]
    pub fn omitted(&self) -> u64 {
        self.counts.invalid.saturating_sub(self.documents.len() as u64)
    }
}

fn without_indexes(pointer: &str) -> String {
    let is_index = |token: &str| !token.is_empty() && token.bytes().all(|b| b.is_ascii_digit());
    let tokens = pointer.split('/').map(|token| if is_index(token) { "*" } else { token });
    tokens.collect::<Vec<_>>().join("/")
}
