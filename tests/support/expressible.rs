//! Schemas of which a selector can say all, and documents for them.

use couchctl::json::{Map, Value};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

const NAMES: [&str; 8] = ["a", "b", "c.d", "é", "0", "e\u{301}", "toString", "a~/b"];
const TEXTS: [&str; 14] = [
    "",
    "a",
    "b",
    "ab",
    "aab",
    "abc",
    "é",
    "e\u{301}",
    "😀😀",
    "a\n",
    "1",
    "2025-05-01",
    "2025-02-29",
    "a b",
];

/// Any value, of few names and texts, so that schemas often meet what they speak of.
fn anything(random: &mut StdRng, depth: usize) -> Value {
    match random.random_range(0..if depth > 2 { 5 } else { 8 }) {
        0 => Value::Null,
        1 => random.random_bool(0.5).into(),
        2 => random.random_range(-3..6).into(),
        3 => couchctl::json::number(["0.5", "-1.25", "2.75"].choose(random).expect("one")),
        4 => (*TEXTS.choose(random).expect("one")).into(),
        5 => (0..random.random_range(0..4))
            .map(|_| anything(random, depth + 1))
            .collect::<Vec<_>>()
            .into(),
        _ => members(random, depth).into(),
    }
}

/// Members of those names.
pub(crate) fn members(random: &mut StdRng, depth: usize) -> Map<String, Value> {
    let names = NAMES.iter().filter(|_| random.random_bool(0.4)).copied().collect::<Vec<_>>();
    names.into_iter().map(|name| (name.to_owned(), anything(random, depth + 1))).collect()
}

/// What each of these says can be said by a selector.
pub(crate) const EXPRESSIBLE: [&str; 40] = [
    "true",
    "false",
    r#"{ "type": "string" }"#,
    r#"{ "type": ["string", "null", "integer"] }"#,
    r#"{ "type": "integer", "minimum": -1, "exclusiveMaximum": 4, "multipleOf": 2 }"#,
    r#"{ "minimum": 0.5 }"#,
    r#"{ "minLength": 2 }"#,
    r#"{ "type": "string", "minLength": 1, "maxLength": 2 }"#,
    r#"{ "pattern": "^a+b?$" }"#,
    r#"{ "pattern": "^.$" }"#,
    r#"{ "pattern": "[^a]" }"#,
    r#"{ "format": "date" }"#,
    r#"{ "enum": ["a", "é", 1, null, [], {}] }"#,
    r#"{ "enum": [["a", 1], { "a": "b" }, { "a": { "b": [1] } }, false] }"#,
    r#"{ "not": { "enum": [["a"], { "a": 1, "c.d": null }, "a"] } }"#,
    r#"{ "const": "é" }"#,
    r#"{ "required": ["a", "c.d"] }"#,
    r#"{ "properties": { "a": { "type": "string" }, "c.d": { "minimum": 2 }, "0": false } }"#,
    r#"{ "properties": { "a": { "properties": { "a": { "properties": { "a": { "type": "null" } } } } } } }"#,
    r#"{ "not": { "properties": { "a": { "type": "string" } } } }"#,
    r#"{ "not": { "properties": { "a": { "not": { "required": ["b"] } } }, "required": ["a"] } }"#,
    r#"{ "properties": { "a": true, "é": true }, "additionalProperties": false }"#,
    r#"{ "properties": { "a": true }, "patternProperties": { "^.$": true }, "additionalProperties": false }"#,
    r#"{ "patternProperties": { "~": false } }"#,
    r#"{ "not": { "additionalProperties": false } }"#,
    r#"{ "propertyNames": { "maxLength": 1, "not": { "const": "é" } } }"#,
    r#"{ "items": { "type": ["integer", "array"], "maximum": 3 } }"#,
    r#"{ "items": { "items": { "properties": { "a": { "type": "string" } }, "required": ["b"] } } }"#,
    r#"{ "not": { "items": { "type": "string" } } }"#,
    r#"{ "items": { "not": { "properties": { "a": { "type": "string" } } } } }"#,
    r#"{ "prefixItems": [{ "type": "string" }, { "minimum": 1 }] }"#,
    r#"{ "prefixItems": [{ "type": "string" }, true], "items": false }"#,
    r#"{ "not": { "prefixItems": [true, { "type": "null" }] } }"#,
    r#"{ "minItems": 1, "maxItems": 2 }"#,
    r#"{ "contains": { "type": "string", "minLength": 1 } }"#,
    r#"{ "anyOf": [{ "type": "string" }, { "required": ["a"] }, { "items": { "type": "null" } }] }"#,
    r#"{ "oneOf": [{ "required": ["a"] }, { "required": ["b"] }, { "minProperties": 1 }] }"#,
    r#"{ "if": { "properties": { "a": { "type": "integer" } } }, "then": { "required": ["b"] }, "else": { "required": ["é"] } }"#,
    r#"{ "dependentRequired": { "a": ["b"] }, "dependentSchemas": { "b": { "properties": { "a": { "type": "null" } } } } }"#,
    r##"{ "$defs": { "n": { "type": "integer" } }, "properties": { "a": { "$ref": "#/$defs/n" }, "b": { "$ref": "#/$defs/n" } }, "unevaluatedProperties": false }"##,
];

/// Whether the schema is one for a whole document, which has members of CouchDB's own besides.
pub(crate) fn is_for_documents(schema: &str) -> bool {
    let of_values = ["propertyNames", "minProperties", "\"~\""];
    schema.starts_with('{') && !of_values.iter().any(|word| schema.contains(word))
}

/// The schema as one of the member `a` of a document.
pub(crate) fn of_member(schema: &str) -> String {
    format!(r#"{{ "properties": {{ "a": {schema} }} }}"#)
}
