//! Search indexes: Clouseau's `indexes` and Nouveau's `nouveau`.

use std::fmt;

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use crate::design::term::{Term, encode_term};
use crate::json::{Map, Value};

/// Who keeps a search index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SearchKind {
    /// Clouseau: the member `indexes`.
    Clouseau,
    /// Nouveau: the member `nouveau`.
    Nouveau,
}

impl SearchKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Clouseau, Self::Nouveau];

    /// The member of a design document that defines such indexes.
    #[must_use]
    pub fn member(self) -> &'static str {
        match self {
            Self::Clouseau => "indexes",
            Self::Nouveau => "nouveau",
        }
    }

    /// The segment of the path at which such an index is queried.
    #[must_use]
    pub fn endpoint(self) -> &'static str {
        match self {
            Self::Clouseau => "_search",
            Self::Nouveau => "_nouveau",
        }
    }
}

impl fmt::Display for SearchKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Clouseau => "Clouseau",
            Self::Nouveau => "Nouveau",
        })
    }
}

/// A search index of a design document.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchIndex<'a> {
    /// Who keeps it.
    pub kind: SearchKind,
    /// Its name.
    pub name: &'a str,
    /// Its definition.
    pub definition: &'a Value,
    /// Tells indexes apart as the server does: two with equal identities share their files.
    pub identity: String,
}

/// The search indexes of a design document. Definitions without an `index` function are none, as
/// for the server.
///
/// What counts is the function and the analyzers, neither the name nor the language
/// (`dreyfus_index.erl`, `nouveau_util.erl`, both `design_doc_to_index`).
#[must_use]
pub fn search_indexes(body: &Map<String, Value>) -> Vec<SearchIndex<'_>> {
    let mut found = Vec::new();
    for kind in SearchKind::ALL {
        let members = body.get(kind.member()).and_then(Value::as_object);
        for (name, definition) in members.into_iter().flatten() {
            let Some(function) = definition.get("index") else { continue };
            let term = |name: &str, default: Term| definition.get(name).map_or(default, Term::from);
            let analyzers = match kind {
                SearchKind::Clouseau => vec![term("analyzer", Term::text("standard"))],
                SearchKind::Nouveau => vec![
                    term("default_analyzer", Term::text("standard")),
                    term("field_analyzers", Term::List(Vec::new())),
                ],
            };
            let parts = analyzers.into_iter().chain([Term::from(function)]);
            let identity = digest(&Term::Tuple(parts.collect()));
            found.push(SearchIndex { kind, name, definition, identity });
        }
    }
    found
}

/// A digest over the search indexes of a body, their names included; `None` when there are none.
pub(super) fn search_digest(body: &Map<String, Value>) -> Option<String> {
    let indexes = search_indexes(body);
    let terms = indexes.iter().map(|index| {
        Term::Tuple(vec![
            Term::text(index.kind.member()),
            Term::text(index.name),
            Term::text(&index.identity),
        ])
    });
    (!indexes.is_empty()).then(|| digest(&Term::List(terms.collect())))
}

/// MD5 over the encoding of a term, as hexadecimal text.
pub(super) fn digest(term: &Term) -> String {
    use std::fmt::Write;

    let mut text = String::with_capacity(32);
    for byte in Md5::digest(encode_term(term)) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
