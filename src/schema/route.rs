//! Which schema a document belongs to.

use super::instance::{Instance, Members, member};
use super::place;
use crate::project::{DatabaseConfig, Discriminator, Fault, did_you_mean};

/// Where a document belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// To the schema of this index in [`super::Schemas::types`].
    Schema(usize),
    /// To none, and that is as it should be.
    Ignored,
    /// To none, though it should: where the type was looked for, and what was found there.
    Unknown {
        /// The JSON Pointer of the discriminator.
        pointer: String,
        /// What was found instead of the name of a type; `None` where there is nothing.
        found: Option<String>,
        /// The type that was probably meant.
        like: Option<String>,
    },
}

/// How documents are routed.
#[derive(Debug)]
pub struct Routes {
    /// Where the type stands.
    pub discriminator: Source,
    /// The index of the schema of documents that name no type, or one without a schema.
    pub default: Option<usize>,
    /// Patterns of the ids of documents that no schema is for.
    pub ignored_ids: Vec<glob::Pattern>,
    /// Patterns of types that have no schema.
    pub ignored_types: Vec<glob::Pattern>,
    names: Vec<String>,
}

/// Where the type of a document stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// At the end of this way of members.
    Members(Vec<String>),
    /// In front of this separator in `_id`.
    IdPrefix(String),
}

impl Routes {
    pub(super) fn new(config: &DatabaseConfig, names: &[&str]) -> Result<Self, Fault> {
        let discriminator = match &config.discriminator {
            None => Source::Members(vec!["type".to_owned()]),
            Some(Discriminator::Member(pointer)) => match pointer.strip_prefix('/') {
                Some(rest) => Source::Members(rest.split('/').map(place::unescape).collect()),
                None => Source::Members(vec![pointer.clone()]),
            },
            Some(Discriminator::Id(id)) if id.id_prefix.is_empty() => {
                return Err(Fault::Config("`id_prefix` must not be empty".to_owned()));
            }
            Some(Discriminator::Id(id)) => Source::IdPrefix(id.id_prefix.clone()),
        };
        let default = match &config.validation.default {
            None => None,
            Some(name) => match names.iter().position(|other| other == name) {
                Some(index) => Some(index),
                None => {
                    let like = did_you_mean(name, names.iter().copied()).map(str::to_owned);
                    let message =
                        format!("`default` names the schema `{name}`, which does not exist");
                    return Err(Fault::Unknown { message, like });
                }
            },
        };
        let patterns = |texts: &[String]| {
            let pattern = |text: &String| {
                glob::Pattern::new(text)
                    .map_err(|error| Fault::Config(format!("the pattern `{text}`: {}", error.msg)))
            };
            texts.iter().map(pattern).collect::<Result<Vec<_>, _>>()
        };
        let ignore = &config.validation.ignore;
        Ok(Self {
            discriminator,
            default,
            ignored_ids: patterns(&ignore.ids)?,
            ignored_types: patterns(&ignore.types)?,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        })
    }

    pub(super) fn route(&self, document: &Members<'_>) -> Route {
        let id = member(document, "_id").and_then(Instance::as_str).unwrap_or_default();
        // Neither is data: a design document, what is not replicated, and what is left of a deleted one.
        if id.starts_with("_design/")
            || id.starts_with("_local/")
            || matches!(member(document, "_deleted"), Some(Instance::Boolean(true)))
            || self.ignored_ids.iter().any(|pattern| pattern.matches(id))
        {
            return Route::Ignored;
        }
        let found = match &self.discriminator {
            Source::Members(way) => found(document, way),
            Source::IdPrefix(separator) => {
                id.split_once(separator.as_str()).map(|(prefix, _)| Found::Text(prefix))
            }
        };
        if let Some(Found::Text(name)) = found {
            if self.ignored_types.iter().any(|pattern| pattern.matches(name)) {
                return Route::Ignored;
            }
            if let Ok(index) = self.names.binary_search_by(|other| other.as_str().cmp(name)) {
                return Route::Schema(index);
            }
        }
        if let Some(index) = self.default {
            return Route::Schema(index);
        }
        let like = match found {
            Some(Found::Text(name)) => {
                did_you_mean(name, self.names.iter().map(String::as_str)).map(str::to_owned)
            }
            _ => None,
        };
        let found = found.map(|found| match found {
            Found::Text(text) => super::words::shown_text(text),
            Found::Other(value) => super::words::shown(&value.to_owned_value()),
        });
        Route::Unknown { pointer: self.pointer(), found, like }
    }

    /// The JSON Pointer of what names the type.
    #[must_use]
    pub fn pointer(&self) -> String {
        match &self.discriminator {
            Source::Members(way) => {
                way.iter().fold(String::new(), |pointer, name| pointer + "/" + &place::escape(name))
            }
            Source::IdPrefix(_) => "/_id".to_owned(),
        }
    }
}

/// What stands where the type should.
#[derive(Clone, Copy)]
enum Found<'a> {
    Text(&'a str),
    Other(&'a Instance<'a>),
}

fn found<'a>(document: &'a Members<'a>, way: &[String]) -> Option<Found<'a>> {
    let (first, rest) = way.split_first()?;
    let mut value = member(document, first)?;
    for name in rest {
        value = match value {
            Instance::Array(items) => items.get(name.parse::<usize>().ok()?)?,
            other => other.get(name)?,
        };
    }
    Some(match value {
        Instance::String(text) => Found::Text(text),
        other => Found::Other(other),
    })
}
