//! What changes of schemas do to documents that are stored.

use super::compare::{Change, changes};
use super::scope::ReferenceError;
use super::{Outcome, Route, Schemas, Violation};
use crate::json::{Map, Value};

/// How many ids are told of documents that become invalid.
const TOLD: usize = 3;

/// The changes between two states of a database's schemas, and the documents that they make invalid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Impact {
    /// The changes, each with the number of documents that become invalid by it. One document may do
    /// so by several, and by one that is not told.
    pub changes: Vec<(Change, u64)>,
    /// What became of documents.
    pub counted: Counted,
}

/// How many documents became what.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counted {
    /// Documents that were looked at and have a schema now.
    pub documents: u64,
    /// Those that are invalid now, and were not before.
    pub invalid: u64,
    /// The ids of the first of them.
    pub ids: Vec<String>,
}

impl Impact {
    /// The changes, and no documents yet.
    ///
    /// # Errors
    /// When a reference leads nowhere.
    pub fn new(old: &Schemas, new: &Schemas) -> Result<Self, ReferenceError> {
        let changes = changes(old, new)?.into_iter().map(|change| (change, 0)).collect();
        Ok(Self { changes, counted: Counted::default() })
    }

    /// Looks at a document that is stored.
    pub fn count(&mut self, old: &Schemas, new: &Schemas, document: &Map<String, Value>) {
        let outcome = new.check(document);
        if outcome != Outcome::Ignored {
            self.counted.documents += 1;
        }
        let Outcome::Invalid { schema, violations } = outcome else { return };
        let was_invalid = || matches!(old.check(document), Outcome::Invalid { .. });
        // Where there was no schema at all, nothing was invalid.
        if !old.types.is_empty() && was_invalid() {
            return;
        }
        self.counted.invalid += 1;
        if self.counted.ids.len() < TOLD {
            let id = document.get("_id").and_then(Value::as_str).unwrap_or_default();
            self.counted.ids.push(id.to_owned());
        }
        let name = match (schema, old.route(document)) {
            (Some(index), _) => new.types[index].name.as_str(),
            (None, Route::Schema(index)) => old.types[index].name.as_str(),
            (None, _) => return,
        };
        for (change, documents) in &mut self.changes {
            if change.schema == name && violations.iter().any(|found| is_by(change, found)) {
                *documents += 1;
            }
        }
    }
}

/// Whether a change is why something is wrong now.
fn is_by(change: &Change, violation: &Violation) -> bool {
    if change.keyword.is_empty() {
        return is_below(&change.pointer, &violation.pointer);
    }
    if change.keyword != violation.keyword {
        return false;
    }
    let is_closed = change.keyword.ends_with("Properties");
    is_at(&change.pointer, &violation.pointer)
        // What closes an object is wrong at the member that is too many.
        || is_closed && violation.pointer.rsplit_once('/').is_some_and(|(object, _)| is_at(&change.pointer, object))
}

/// Whether a pointer leads to a place, in which `*` stands for any item or member.
fn is_at(place: &str, pointer: &str) -> bool {
    place.split('/').count() == pointer.split('/').count() && is_below(place, pointer)
}

/// Whether a pointer leads to a place or below it.
fn is_below(place: &str, pointer: &str) -> bool {
    let mut tokens = pointer.split('/');
    place
        .split('/')
        .all(|wanted| tokens.next().is_some_and(|token| wanted == "*" || wanted == token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        assert!(is_at("/a/*/b", "/a/0/b"));
        assert!(is_at("", ""));
        assert!(!is_at("/a", "/a/0"));
        assert!(is_below("/a", "/a/0"));
        assert!(is_below("", "/a"));
        assert!(!is_below("/a/b", "/a"));
    }
}
