//! The members of a document that are CouchDB's own.
//!
//! CouchDB gives documents members whose names start with an underscore, and refuses all others that do
//! (`couch_doc:from_json_obj_validate`). An author of schemas should not have to declare them, nor
//! should `additionalProperties: false` refuse them. They are therefore hidden from a schema, unless it
//! speaks of them itself: then it gets to see those it names, and no others.

use std::collections::BTreeSet;

use jsonschema::{Registry, Uri};
use referencing::Resolver;

use crate::json::{Map, Value};

/// The members that CouchDB 3.5 knows (`src/couch/src/couch_doc.erl`, `transfer_fields`).
pub const MEMBERS: [&str; 14] = [
    "_id",
    "_rev",
    "_attachments",
    "_deleted",
    "_revisions",
    "_revs_info",
    "_local_seq",
    "_conflicts",
    "_deleted_conflicts",
    "_replication_id",
    "_replication_state",
    "_replication_state_time",
    "_replication_state_reason",
    "_replication_stats",
];

/// Whether CouchDB would accept a member of this name at the top of a document.
#[must_use]
pub fn is_known(name: &str) -> bool {
    !name.starts_with('_') || MEMBERS.contains(&name)
}

/// The members of CouchDB's own that a schema speaks of: in `properties`, `required` and the like, of
/// itself and of all schemas that it applies to the same value.
pub(super) fn mentioned(registry: &Registry<'_>, uri: &Uri<String>) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    let resolver = registry.resolver(uri.clone());
    if let Ok(root) = resolver.lookup("") {
        let mut seen = BTreeSet::new();
        collect(root.contents(), root.resolver(), &mut seen, &mut found);
    }
    found
}

fn collect(
    schema: &Value,
    resolver: &Resolver<'_>,
    seen: &mut BTreeSet<*const Value>,
    found: &mut BTreeSet<&'static str>,
) {
    let Value::Object(schema) = schema else { return };
    if !seen.insert(std::ptr::from_ref(schema).cast()) {
        return;
    }
    for keyword in ["properties", "dependentRequired", "dependentSchemas", "dependencies"] {
        for (name, value) in schema.get(keyword).and_then(Value::as_object).into_iter().flatten() {
            note(name, found);
            value.as_array().into_iter().flatten().for_each(|name| note_value(name, found));
        }
    }
    let required = schema.get("required").and_then(Value::as_array);
    required.into_iter().flatten().for_each(|name| note_value(name, found));
    for part in in_place(schema) {
        collect(part, resolver, seen, found);
    }
    for keyword in ["$ref", "$dynamicRef", "$recursiveRef"] {
        let reference = schema.get(keyword).and_then(Value::as_str);
        if let Some(target) = reference.and_then(|reference| resolver.lookup(reference).ok()) {
            collect(target.contents(), target.resolver(), seen, found);
        }
    }
}

fn note(name: &str, found: &mut BTreeSet<&'static str>) {
    found.extend(MEMBERS.into_iter().find(|member| *member == name));
}

fn note_value(name: &Value, found: &mut BTreeSet<&'static str>) {
    if let Some(name) = name.as_str() {
        note(name, found);
    }
}

/// The subschemas written in a schema that apply to the same value as it does.
pub(super) fn in_place(schema: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let lists = ["allOf", "anyOf", "oneOf"].into_iter().filter_map(|keyword| schema.get(keyword));
    let singles = ["not", "if", "then", "else"].into_iter().filter_map(|name| schema.get(name));
    let maps = ["dependentSchemas", "dependencies"].into_iter();
    let maps = maps.filter_map(|keyword| schema.get(keyword)?.as_object());
    let lists = lists.filter_map(Value::as_array).flatten();
    lists.chain(singles).chain(maps.flat_map(|map| map.iter().map(|(_, value)| value)))
}

/// Lets a schema pass the members that another part of it speaks of: where it closes an object, those
/// it does not declare are declared to be anything. Gives `None` when there is nothing to change.
pub(crate) fn opened(schema: &Value, mentioned: &BTreeSet<&'static str>) -> Option<Value> {
    if mentioned.is_empty() {
        return None;
    }
    let mut opened = schema.clone();
    open(&mut opened, mentioned).then_some(opened)
}

fn open(schema: &mut Value, mentioned: &BTreeSet<&'static str>) -> bool {
    let Value::Object(schema) = schema else { return false };
    let mut changed = false;
    let closes =
        schema.contains_key("additionalProperties") || schema.contains_key("unevaluatedProperties");
    // `properties` beside a `$ref` of an old draft count for nothing; there they do no harm either.
    if closes {
        let properties = schema.entry("properties").or_insert_with(|| Value::Object(Map::new()));
        for name in mentioned {
            if let Value::Object(properties) = properties
                && !properties.contains_key(*name)
            {
                properties.insert((*name).to_owned(), Value::Object(Map::new()));
                changed = true;
            }
        }
    }
    for keyword in ["allOf", "anyOf", "oneOf"] {
        let parts = schema.get_mut(keyword).and_then(Value::as_array_mut);
        for part in parts.into_iter().flatten() {
            changed |= open(part, mentioned);
        }
    }
    for keyword in ["if", "then", "else"] {
        if let Some(part) = schema.get_mut(keyword) {
            changed |= open(part, mentioned);
        }
    }
    for keyword in ["dependentSchemas", "dependencies"] {
        let parts = schema.get_mut(keyword).and_then(Value::as_object_mut);
        for (_, part) in parts.into_iter().flatten() {
            changed |= open(part, mentioned);
        }
    }
    changed
}
