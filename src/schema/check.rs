//! One document against its schema.

use super::members;
use super::place::escape;
use super::route::Route;
use super::words;
use super::{Schema, Schemas};
use crate::json::{Map, Value};

/// Of one document, no more than this is told.
const VIOLATIONS: usize = 100;

/// What is wrong with a document at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// A JSON Pointer into the document: to the value that is wrong, to the member that is missing or
    /// to the one that should not be there.
    pub pointer: String,
    /// The keyword of JSON Schema that was not met, or `discriminator` or `couchdb`.
    pub keyword: String,
    /// What was expected, in words.
    pub expected: String,
    /// What is there instead, where that says anything.
    pub found: Option<String>,
    /// A JSON Pointer into the schema, to the keyword.
    pub schema_pointer: String,
}

impl Violation {
    /// What is wrong, without the place.
    #[must_use]
    pub fn message(&self) -> String {
        match &self.found {
            Some(found) => format!("expected {}, found {found}", self.expected),
            None => format!("expected {}", self.expected),
        }
    }

    /// The place and what is wrong there.
    #[must_use]
    pub fn shown(&self) -> String {
        match self.pointer.as_str() {
            "" => self.message(),
            pointer => format!("`{pointer}`: {}", self.message()),
        }
    }
}

/// What became of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is as its schema says.
    Valid,
    /// No schema is for it: a design document, a deleted one, or one the configuration ignores.
    Ignored,
    /// It is not.
    Invalid {
        /// The type whose schema it was checked against; `None` where there was none to be found.
        schema: Option<usize>,
        /// What is wrong; never empty.
        violations: Vec<Violation>,
    },
}

impl Schemas {
    /// Which schema a document belongs to.
    #[must_use]
    pub fn route(&self, document: &Map<String, Value>) -> Route {
        self.routes.route(document)
    }

    /// Checks a document against the schema of its type.
    #[must_use]
    pub fn check(&self, document: Map<String, Value>) -> Outcome {
        match self.routes.route(&document) {
            Route::Ignored => Outcome::Ignored,
            Route::Schema(index) => self.check_as(index, document),
            Route::Unknown { pointer, found, like } => {
                let mut expected = match self.types.len() {
                    0 => "a type with a schema, of which there is none".to_owned(),
                    _ => "the name of a type with a schema".to_owned(),
                };
                if let Some(like) = like {
                    expected = format!("{expected}, such as `{like}`");
                }
                let found = Some(found.unwrap_or_else(|| "none".to_owned()));
                let violation = Violation {
                    pointer,
                    keyword: "discriminator".to_owned(),
                    expected,
                    found,
                    schema_pointer: String::new(),
                };
                Outcome::Invalid { schema: None, violations: vec![violation] }
            }
        }
    }

    /// Checks a document against the schema of this index, whatever its type is.
    #[must_use]
    pub fn check_as(&self, index: usize, mut document: Map<String, Value>) -> Outcome {
        let schema = &self.types[index];
        let mut violations: Vec<Violation> = document
            .keys()
            .filter(|name| !members::is_known(name))
            .map(|name| reserved(name))
            .collect();
        document.retain(|name, _| !name.starts_with('_') || schema.sees(name));
        let document = Value::Object(document);
        if violations.is_empty() && schema.validator.is_valid(&document) {
            return Outcome::Valid;
        }
        violations.extend(schema.violations(&document));
        violations.truncate(VIOLATIONS);
        Outcome::Invalid { schema: Some(index), violations }
    }
}

impl Schema {
    /// What is wrong with a value, nothing of which is hidden from the schema.
    #[must_use]
    pub fn violations(&self, value: &Value) -> Vec<Violation> {
        let errors = self.validator.iter_errors(value);
        errors.flat_map(|error| words::violations(&error)).collect()
    }

    /// Whether the schema gets to see a member of CouchDB's own.
    fn sees(&self, name: &str) -> bool {
        self.members.contains(name)
    }
}

fn reserved(name: &str) -> Violation {
    Violation {
        pointer: format!("/{}", escape(name)),
        keyword: "couchdb".to_owned(),
        expected: format!("no member `{name}`: CouchDB keeps names with `_` in front to itself"),
        found: None,
        schema_pointer: String::new(),
    }
}
