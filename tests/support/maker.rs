//! Documents made from schemas, and spoilt.

use couchctl::json::{Map, Value, number};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

/// Makes values that a schema likes.
pub(crate) struct Maker<'a> {
    pub(crate) random: &'a mut StdRng,
}

const TEXTS: [&str; 14] = [
    "",
    "a",
    "task",
    "😀",
    "a\u{301}",
    "\u{2028}\n",
    "2025-05-01T12:00:00Z",
    "2025-02-29T00:00:00Z",
    "1998-12-31T23:59:60Z",
    "12:00:00+05:30",
    "__proto__",
    "ä/~",
    "1e3",
    "\"'\\",
];

impl Maker<'_> {
    /// A value, most often one that the schema lets pass.
    pub(crate) fn value(&mut self, schema: &Value, depth: usize) -> Value {
        if let Some(options) = schema.get("enum").and_then(Value::as_array) {
            return options.choose(self.random).cloned().unwrap_or_default();
        }
        if let Some(constant) = schema.get("const") {
            return constant.clone();
        }
        match schema.get("type").and_then(Value::as_str) {
            Some("object") => self.object(schema, depth),
            Some("array") => {
                let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0);
                let length = least + self.random.random_range(0..4);
                let empty = Value::Object(Map::new());
                let items = schema.get("items").unwrap_or(&empty);
                let mut items: Vec<Value> =
                    (0..length).map(|_| self.value(items, depth + 1)).collect();
                if schema.get("uniqueItems").is_some() && self.random.random_bool(0.9) {
                    items.dedup();
                }
                items.into()
            }
            Some("string") => self.text(schema).into(),
            Some("integer") => self.number(schema, false),
            Some("number") => {
                let fraction = self.random.random_bool(0.5);
                self.number(schema, fraction)
            }
            Some("boolean") => self.random.random_bool(0.5).into(),
            Some("null") => Value::Null,
            _ => self.anything(depth),
        }
    }

    fn object(&mut self, schema: &Value, depth: usize) -> Value {
        let mut members = Map::new();
        let required: Vec<&str> = schema
            .get("required")
            .and_then(Value::as_array)
            .map(|names| names.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, property) in properties.into_iter().flatten() {
            let often = if name == "_id" { 0.98 } else { 0.4 };
            if required.contains(&name.as_str()) || self.random.random_bool(often) {
                members.insert(name.clone(), self.value(property, depth + 1));
            }
        }
        if let Some(other @ Value::Object(_)) = schema.get("additionalProperties") {
            for name in ["a", "b~/", "constructor"] {
                if self.random.random_bool(0.3) {
                    members.insert(name.to_owned(), self.value(other, depth + 1));
                }
            }
        }
        members.into()
    }

    fn text(&mut self, schema: &Value) -> String {
        if let Some(pattern) = schema.get("pattern").and_then(Value::as_str) {
            return format!("{}1", pattern.trim_start_matches('^').trim_end_matches(".+$"));
        }
        if schema.get("format").is_some() {
            let texts = if self.random.random_bool(0.8) { &TEXTS[6..7] } else { &TEXTS[6..10] };
            return (*texts.choose(self.random).expect("texts")).to_owned();
        }
        // Now and then exactly as long as is allowed, or a little longer.
        if let Some(most) = schema.get("maxLength").and_then(Value::as_u64)
            && self.random.random_bool(0.1)
        {
            let length = most as usize + self.random.random_range(0..2);
            return ["x", "😀"].choose(self.random).expect("one").repeat(length);
        }
        let least = usize::from(schema.get("minLength").is_some() && self.random.random_bool(0.95));
        (*TEXTS[least..].choose(self.random).expect("texts")).to_owned()
    }

    fn number(&mut self, schema: &Value, fraction: bool) -> Value {
        let limit = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
        let least = limit("minimum").or(limit("exclusiveMinimum")).unwrap_or(-10.0);
        let most = limit("maximum").unwrap_or(least + 1000.0);
        let number = match self.random.random_range(0..4) {
            0 => least,
            1 => most,
            2 => (least + self.random.random_range(0.0..4.0)).min(most),
            _ => self.random.random_range(least..=most),
        };
        let number = if fraction { number } else { number.floor() };
        let excluded = limit("exclusiveMinimum").is_some_and(|least| number <= least);
        json_number(if excluded && self.random.random_bool(0.9) { number + 1.0 } else { number })
    }

    /// Any value.
    pub(crate) fn anything(&mut self, depth: usize) -> Value {
        match self.random.random_range(0..if depth > 3 { 5 } else { 7 }) {
            0 => Value::Null,
            1 => self.random.random_bool(0.5).into(),
            2 => json_number(f64::from(self.random.random_range(-3..3))),
            3 => json_number(self.random.random_range(-3.0..3.0)),
            4 => (*TEXTS.choose(self.random).expect("texts")).into(),
            5 => (0..self.random.random_range(0..3))
                .map(|_| self.anything(depth + 1))
                .collect::<Vec<_>>()
                .into(),
            _ => {
                let mut members = Map::new();
                for name in ["a", "type", "toString"] {
                    if self.random.random_bool(0.4) {
                        members.insert(name.to_owned(), self.anything(depth + 1));
                    }
                }
                members.into()
            }
        }
    }

    /// Changes a value at some place.
    pub(crate) fn spoil(&mut self, value: &mut Value) {
        match value {
            Value::Object(members) if !members.is_empty() && self.random.random_bool(0.9) => {
                let at = self.random.random_range(0..members.len());
                let name = members.keys().nth(at).expect("a name").clone();
                match self.random.random_range(0..6) {
                    0 => drop(members.shift_remove(&name)),
                    1 => drop(members.insert(format!("{name}x"), self.anything(2))),
                    _ => self.spoil(&mut members[&name]),
                }
            }
            Value::Array(items) if !items.is_empty() && self.random.random_bool(0.9) => {
                let at = self.random.random_range(0..items.len());
                match self.random.random_range(0..4) {
                    0 => drop(items.remove(at)),
                    1 => items.push(items[at].clone()),
                    _ => self.spoil(&mut items[at]),
                }
            }
            Value::Number(old) if self.random.random_bool(0.5) => {
                let step = *[-1.0, 1.0, 0.5, 1e-7, 1e15].choose(self.random).expect("a step");
                *value = json_number(old.as_str().parse::<f64>().unwrap_or(0.0) + step);
            }
            other => *other = self.anything(1),
        }
    }
}

/// A number as CouchDB stores it.
fn json_number(double: f64) -> Value {
    let mut buffer = ryu_js::Buffer::new();
    number(&couchctl::json::double_to_stored(double, &mut buffer))
}

/// A document of a type, now and then spoilt, as a server would give it to a validation function.
pub(crate) fn document(schema: &Value, random: &mut StdRng) -> Option<Map<String, Value>> {
    let mut maker = Maker { random };
    let mut document = maker.value(schema, 0);
    for _ in 0..maker.random.random_range(0..4_u32).saturating_sub(1) {
        maker.spoil(&mut document);
    }
    let Value::Object(mut members) = document else { return None };
    // A server gives a function no document without an id.
    members.entry("_id").or_insert_with(|| "x".into());
    if !members["_id"].is_string() {
        members.insert("_id".to_owned(), "y".into());
    }
    members.retain(|name, _| couchctl::schema::members::is_known(name));
    members.insert("_rev".to_owned(), "1-967a00dff5e02add41819138abb3284d".into());
    Some(members)
}
