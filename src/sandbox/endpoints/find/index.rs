//! Indexes declared by fields, kept in design documents with `language: query` (`mango_idx`).

use sha1::{Digest, Sha1};

use super::super::super::failure::Failure;
use super::super::super::state::hexadecimal;
use super::super::super::store::Store;
use super::super::object;
use crate::json::{self, Map, Value};
use crate::mango::Definition;
use crate::view::term_text;

/// An index that a query can use.
#[derive(Debug, Clone)]
pub(super) struct Index {
    /// The design document; `None` for the list of all documents.
    pub(super) design: Option<String>,
    pub(super) name: String,
    /// The fields and their directions.
    pub(super) fields: Vec<(String, String)>,
    pub(super) partial: Option<Value>,
    partitioned: bool,
    definition: Option<Definition>,
}

impl Index {
    /// The list of all documents, by id.
    fn special() -> Self {
        Self {
            design: None,
            name: String::from("_all_docs"),
            fields: vec![(String::from("_id"), String::from("asc"))],
            partial: None,
            partitioned: false,
            definition: None,
        }
    }

    /// All indexes of a database, the list of all documents first.
    pub(super) fn all(store: &Store) -> Vec<Self> {
        let mut indexes = vec![Self::special()];
        let partitioned = store.read().database.is_partitioned();
        for design in store.designs() {
            if design.document.language() != "query" {
                continue;
            }
            let options = design.document.options();
            let own = options.and_then(|options| options.get("partitioned")?.as_bool());
            for view in design.document.views() {
                let fields = view.map.get("fields").and_then(Value::as_object);
                let fields = fields.into_iter().flatten().map(|(name, direction)| {
                    (name.clone(), direction.as_str().unwrap_or("asc").to_owned())
                });
                let partial = view.map.get("partial_filter_selector");
                let is_empty = |partial: &&Value| !partial.as_object().is_some_and(Map::is_empty);
                indexes.push(Self {
                    design: Some(design.id.clone()),
                    name: view.name.to_owned(),
                    fields: fields.collect(),
                    partial: partial.filter(is_empty).cloned(),
                    partitioned: own.unwrap_or(partitioned),
                    definition: Definition::parse(view.map).ok(),
                });
            }
        }
        indexes
    }

    pub(super) fn is_special(&self) -> bool {
        self.design.is_none()
    }

    /// Whether a document has a row in the index.
    pub(super) fn holds(&self, document: &Value) -> bool {
        self.is_special()
            || self.definition.as_ref().is_some_and(|definition| definition.key(document).is_some())
    }

    /// As `_index` shows it.
    pub(super) fn to_value(&self) -> Value {
        let fields: Vec<Value> = self
            .fields
            .iter()
            .map(|(name, direction)| {
                Value::Object([(name.clone(), direction.clone().into())].into_iter().collect())
            })
            .collect();
        let mut definition = Map::new();
        definition.insert("fields".into(), fields.into());
        if let Some(partial) = &self.partial {
            definition.insert("partial_filter_selector".into(), partial.clone());
        }
        let mut members = Map::new();
        members.insert("ddoc".into(), self.design.clone().into());
        members.insert("name".into(), self.name.clone().into());
        members.insert("type".into(), if self.is_special() { "special" } else { "json" }.into());
        if !self.is_special() {
            members.insert("partitioned".into(), self.partitioned.into());
        }
        members.insert("def".into(), Value::Object(definition));
        Value::Object(members)
    }
}

/// The id of a design document that may be named without its beginning.
pub(super) fn design_id(name: &str) -> String {
    if name.starts_with("_design/") { name.to_owned() } else { format!("_design/{name}") }
}

/// A field to sort by, with its direction (`mango_sort`).
pub(super) fn sort_field(field: &Value) -> Result<(String, String), Failure> {
    let wrong = || {
        Failure::new(400, "invalid_sort_field", format!("Invalid sort field: {}", term_text(field)))
    };
    match field {
        Value::String(name) => Ok((name.clone(), String::from("asc"))),
        Value::Object(members) => match members.iter().next() {
            Some((name, Value::String(direction)))
                if members.len() == 1 && matches!(direction.as_str(), "asc" | "desc") =>
            {
                Ok((name.clone(), direction.clone()))
            }
            _ => Err(wrong()),
        },
        _ => Err(wrong()),
    }
}

/// The design document, the name and the view that a request to `_index` makes.
pub(super) fn definition(body: &Map<String, Value>) -> Result<(String, String, Value), Failure> {
    match body.get("type").map(|kind| kind.as_str().unwrap_or_default()) {
        None | Some("json") => {}
        Some(kind @ ("text" | "nouveau")) => {
            return Err(Failure::new(503, "required index service unavailable", kind));
        }
        Some(other) => {
            let reason = format!("Invalid type for index: {other}");
            return Err(Failure::new(400, "invalid_index_type", reason));
        }
    }
    let missing = || Failure::new(400, "missing_required_key", "Missing required key: index");
    let given = body.get("index").and_then(Value::as_object).ok_or_else(missing)?;
    let no_fields = || Failure::new(400, "invalid_index_fields", "Missing required key: fields");
    let listed = given.get("fields").and_then(Value::as_array).ok_or_else(no_fields)?;
    let fields = listed.iter().map(sort_field).collect::<Result<Vec<_>, _>>()?;
    if fields.iter().any(|(_, direction)| *direction != fields[0].1) {
        let reason = "Sorts currently only support a single direction for all fields.";
        return Err(Failure::new(400, "unsupported_mixed_sort", reason));
    }
    let nothing = || Value::Object(Map::new());
    let partial = given.get("partial_filter_selector").cloned().unwrap_or_else(nothing);
    crate::mango::Selector::parse(&partial)?;
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    // A server derives it from what is in its own memory; here it is as long and as stable.
    let automatic = hexadecimal(&Sha1::digest(json::to_string(&Value::Object(given.clone()))));
    let name = text("name").unwrap_or_else(|| automatic.clone());
    let design = design_id(&text("ddoc").unwrap_or(automatic));
    let fields = fields.into_iter().map(|(name, direction)| (name, direction.into())).collect();
    let mut options = Map::new();
    options.insert("def".into(), Value::Object(given.clone()));
    let map = object([("fields", Value::Object(fields)), ("partial_filter_selector", partial)]);
    let view =
        object([("map", map), ("reduce", "_count".into()), ("options", Value::Object(options))]);
    Ok((design, name, view))
}
