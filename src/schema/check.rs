//! One document against its schema.

use super::instance::{self, Instance, Members};
use super::members;
use super::place::escape;
use super::route::Route;
use super::words;
use super::{Schema, Schemas};
use crate::document::{DocumentError, RawDocument};
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
        self.routes.route(&instance::view(document))
    }

    /// Checks a document against the schema of its type.
    #[must_use]
    pub fn check(&self, document: &Map<String, Value>) -> Outcome {
        self.check_instance(instance::view(document), None)
    }

    /// Checks a document against the schema of this index, whatever its type is.
    #[must_use]
    pub fn check_as(&self, index: usize, document: &Map<String, Value>) -> Outcome {
        self.types[index].check(instance::view(document), index)
    }

    /// Checks the text of a document, against the schema of its type where `schema` names no other.
    ///
    /// # Errors
    /// When the text is not a JSON object that CouchDB accepts.
    pub fn check_text(
        &self,
        document: &RawDocument,
        schema: Option<usize>,
    ) -> Result<Outcome, DocumentError> {
        match Instance::parse(&document.text) {
            Ok(Instance::Object(members)) => Ok(self.check_instance(members, schema)),
            // That tells what is wrong with it.
            _ => document
                .members()
                .map(|members| self.check_instance(instance::view(&members), schema)),
        }
    }

    fn check_instance(&self, document: Members<'_>, schema: Option<usize>) -> Outcome {
        if let Some(index) = schema {
            return self.types[index].check(document, index);
        }
        match self.routes.route(&document) {
            Route::Ignored => Outcome::Ignored,
            Route::Schema(index) => self.types[index].check(document, index),
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
}

impl Schema {
    fn check(&self, mut document: Members<'_>, index: usize) -> Outcome {
        let mut violations: Vec<Violation> = document
            .iter()
            .filter(|(name, _)| !members::is_known(name))
            .map(|(name, _)| reserved(name))
            .collect();
        document.retain(|(name, _)| !name.starts_with('_') || self.sees(name));
        let document = Instance::Object(document);
        if violations.is_empty() && self.validator.is_valid(&document) {
            return Outcome::Valid;
        }
        violations.extend(self.violations_of(&document));
        violations.truncate(VIOLATIONS);
        Outcome::Invalid { schema: Some(index), violations }
    }

    /// What is wrong with a value, nothing of which is hidden from the schema.
    #[must_use]
    pub fn violations(&self, value: &Value) -> Vec<Violation> {
        self.violations_of(&Instance::of(value))
    }

    fn violations_of(&self, instance: &Instance<'_>) -> Vec<Violation> {
        let errors = self.validator.iter_errors(instance);
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
