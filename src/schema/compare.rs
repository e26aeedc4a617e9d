//! Which changes of schemas make documents invalid that were valid before.
//!
//! What is compared is what schemas say word by word, through references: a member that is newly
//! required, a type, a choice or a limit that is narrower, an object that is closed. Where a change cannot
//! be judged like that, such as another `not`, it is told as one that may.

use std::collections::BTreeSet;

use super::place::{escape, line_of};
use super::scope::{ReferenceError, Scope, root};
use super::{Schemas, words};
use crate::json::{Map, Value, number_to_double};

/// A change of a schema that makes documents invalid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The type of the documents.
    pub schema: String,
    /// The line of the new schema's file, counted from 1; 1 where the schema is gone.
    pub line: usize,
    /// Where in the documents, as a JSON Pointer with `*` for any item or member.
    pub pointer: String,
    /// The keyword that says so now, as in a [`Violation`](super::Violation); empty where it is a whole
    /// schema.
    pub keyword: String,
    /// What changed, in words.
    pub message: String,
    /// Whether it certainly narrows what is valid; otherwise it may.
    pub certain: bool,
}

impl Change {
    /// The place and what changed there.
    #[must_use]
    pub fn shown(&self) -> String {
        match self.pointer.as_str() {
            "" => self.message.clone(),
            pointer => format!("`{pointer}`: {}", self.message),
        }
    }
}

/// The changes between two states of a database's schemas that make documents invalid.
///
/// # Errors
/// When a reference leads nowhere.
pub fn changes(old: &Schemas, new: &Schemas) -> Result<Vec<Change>, ReferenceError> {
    let mut changes = Vec::new();
    for schema in &new.types {
        let is_new = old.get(&schema.name).is_none();
        // Without any schema, and with one for all others, documents of this type were not invalid.
        if is_new && (old.types.is_empty() || old.routes.default.is_some()) {
            changes.push(Change {
                schema: schema.name.clone(),
                line: 1,
                pointer: String::new(),
                keyword: String::new(),
                message: "the type has a schema of its own now".to_owned(),
                certain: false,
            });
        }
    }
    for (index, schema) in old.types.iter().enumerate() {
        let Some(position) = new.types.iter().position(|other| other.name == schema.name) else {
            if new.routes.default.is_none() {
                changes.push(Change {
                    schema: schema.name.clone(),
                    line: 1,
                    pointer: new.routes.pointer(),
                    keyword: "discriminator".to_owned(),
                    message: "the type has no schema any more".to_owned(),
                    certain: true,
                });
            }
            continue;
        };
        let (before, before_scope) = root(old, index)?;
        let (after, after_scope) = root(new, position)?;
        let mut comparison =
            Comparison { new, schema: position, seen: BTreeSet::new(), changes: &mut changes };
        comparison.compare((before, &before_scope), (after, &after_scope), "")?;
    }
    Ok(changes)
}

type At<'a, 's> = (&'a Value, &'s Scope<'a>);

struct Comparison<'c> {
    new: &'c Schemas,
    schema: usize,
    seen: BTreeSet<(*const Value, *const Value)>,
    changes: &'c mut Vec<Change>,
}

/// Limits, and whether a higher one is narrower.
const LIMITS: [(&str, bool); 10] = [
    ("minimum", true),
    ("exclusiveMinimum", true),
    ("minLength", true),
    ("minItems", true),
    ("minProperties", true),
    ("maximum", false),
    ("exclusiveMaximum", false),
    ("maxLength", false),
    ("maxItems", false),
    ("maxProperties", false),
];

/// Keywords whose every change is told, since it may narrow what is valid.
const OPAQUE: [&str; 14] = [
    "pattern",
    "format",
    "multipleOf",
    "not",
    "anyOf",
    "oneOf",
    "allOf",
    "if",
    "then",
    "else",
    "contains",
    "propertyNames",
    "patternProperties",
    "dependentSchemas",
];

impl Comparison<'_> {
    fn change(
        &mut self,
        scope: &Scope<'_>,
        keyword: &str,
        at: &str,
        message: String,
        certain: bool,
    ) {
        let schema = &self.new.types[self.schema];
        let pointer = match keyword {
            "" => scope.pointer.clone(),
            keyword => format!("{}/{keyword}", scope.pointer),
        };
        self.changes.push(Change {
            schema: schema.name.clone(),
            line: line_of(&schema.text, &pointer),
            pointer: at.to_owned(),
            keyword: keyword.to_owned(),
            message,
            certain,
        });
    }

    fn compare(
        &mut self,
        old: At<'_, '_>,
        new: At<'_, '_>,
        at: &str,
    ) -> Result<(), ReferenceError> {
        let followed = follow(old)?;
        let old = followed.as_ref().map_or(old, |(schema, scope)| (*schema, scope));
        let followed = follow(new)?;
        let new = followed.as_ref().map_or(new, |(schema, scope)| (*schema, scope));
        if !self.seen.insert((std::ptr::from_ref(old.0), std::ptr::from_ref(new.0))) {
            return Ok(());
        }
        let empty = Map::new();
        let (before, after) = match (old.0, new.0) {
            (Value::Bool(false), _) | (_, Value::Bool(true)) => return Ok(()),
            (_, Value::Bool(false)) => {
                self.change(new.1, "", at, "nothing is allowed any more".to_owned(), true);
                return Ok(());
            }
            (before, after) => {
                (before.as_object().unwrap_or(&empty), after.as_object().unwrap_or(&empty))
            }
        };
        self.values(before, after, new.1, at);
        self.limits(before, after, new.1, at);
        for name in OPAQUE {
            if let Some(now) = after.get(name)
                && before.get(name) != Some(now)
            {
                let is_new = !before.contains_key(name);
                let what = if is_new { "is new" } else { "is another one" };
                self.change(new.1, name, at, format!("`{name}` {what}"), false);
            }
        }
        self.required(before, after, new.1, at);
        self.properties((before, old.1), (after, new.1), at)?;
        if let (Some(items), Some(other)) = (before.get("items"), after.get("items")) {
            let (inner, outer) = (old.1.child("items", items), new.1.child("items", other));
            self.compare((items, &inner), (other, &outer), &format!("{at}/*"))?;
        } else if let Some(items) = after.get("items") {
            let outer = new.1.child("items", items);
            self.compare((&Value::Bool(true), old.1), (items, &outer), &format!("{at}/*"))?;
        }
        Ok(())
    }

    fn values(
        &mut self,
        before: &Map<String, Value>,
        after: &Map<String, Value>,
        scope: &Scope<'_>,
        at: &str,
    ) {
        let allowed = |schema: &Map<String, Value>| {
            let options = schema.get("enum").and_then(Value::as_array).cloned();
            options.or_else(|| schema.get("const").map(|only| vec![only.clone()]))
        };
        let keyword = if after.contains_key("const") { "const" } else { "enum" };
        match (allowed(before), allowed(after)) {
            (Some(old), Some(new)) => {
                let gone: Vec<String> =
                    old.iter().filter(|value| !new.contains(value)).map(words::shown).collect();
                if !gone.is_empty() {
                    let message = format!("{} is not allowed any more", gone.join(", "));
                    self.change(scope, keyword, at, message, true);
                }
            }
            (None, Some(new)) => {
                let expected = words::expectation("enum", &Value::Array(new)).unwrap_or_default();
                self.change(scope, keyword, at, format!("must be {expected} now"), true);
            }
            (_, None) => {}
        }
        let types = |schema: &Map<String, Value>| -> Option<BTreeSet<String>> {
            Some(match schema.get("type")? {
                Value::Array(names) => {
                    names.iter().filter_map(Value::as_str).map(str::to_owned).collect()
                }
                name => [name.as_str()?.to_owned()].into(),
            })
        };
        let fits = |name: &String, new: &BTreeSet<String>| {
            new.contains(name) || name == "integer" && new.contains("number")
        };
        match (types(before), types(after)) {
            (Some(old), Some(new)) if old.iter().any(|name| !fits(name, &new)) => {
                let gone: Vec<Value> = old
                    .iter()
                    .filter(|name| !fits(name, &new))
                    .map(|name| name.as_str().into())
                    .collect();
                let gone = words::expectation("type", &Value::Array(gone)).unwrap_or_default();
                self.change(scope, "type", at, format!("{gone} is not allowed any more"), true);
            }
            // Values of an `enum` have the types they have.
            (None, Some(_)) if allowed(before).is_none() => {
                let expected = words::expectation("type", &after["type"]).unwrap_or_default();
                self.change(scope, "type", at, format!("must be {expected} now"), true);
            }
            _ => {}
        }
    }

    fn limits(
        &mut self,
        before: &Map<String, Value>,
        after: &Map<String, Value>,
        scope: &Scope<'_>,
        at: &str,
    ) {
        for (name, is_lower) in LIMITS {
            let Some(Value::Number(new)) = after.get(name) else { continue };
            let new_number = number_to_double(new.as_str());
            if name.starts_with("min") && name != "minimum" && new_number == 0.0 {
                continue;
            }
            let narrower = match before.get(name) {
                Some(Value::Number(old)) => {
                    let old = number_to_double(old.as_str());
                    if is_lower { new_number > old } else { new_number < old }
                }
                _ => true,
            };
            if narrower {
                let expected = words::expectation(name, &after[name]).unwrap_or_default();
                self.change(scope, name, at, format!("must be {expected} now"), true);
            }
        }
        if after.get("uniqueItems") == Some(&Value::Bool(true))
            && before.get("uniqueItems") != Some(&Value::Bool(true))
        {
            self.change(scope, "uniqueItems", at, "the items must all differ now".to_owned(), true);
        }
    }

    fn required(
        &mut self,
        before: &Map<String, Value>,
        after: &Map<String, Value>,
        scope: &Scope<'_>,
        at: &str,
    ) {
        let names = |schema: &Map<String, Value>| -> BTreeSet<String> {
            let names = schema.get("required").and_then(Value::as_array).into_iter().flatten();
            names.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        for name in names(after).difference(&names(before)) {
            let at = format!("{at}/{}", escape(name));
            self.change(scope, "required", &at, "is required now".to_owned(), true);
        }
        let dependent = |schema: &Map<String, Value>| {
            schema.get("dependentRequired").and_then(Value::as_object).cloned().unwrap_or_default()
        };
        let old = dependent(before);
        for (name, needed) in dependent(after) {
            let known = old.get(&name).and_then(Value::as_array).cloned().unwrap_or_default();
            for other in
                needed.as_array().into_iter().flatten().filter(|other| !known.contains(other))
            {
                let other = other.as_str().unwrap_or_default();
                let at = format!("{at}/{}", escape(other));
                let message = format!("is required now beside `{name}`");
                self.change(scope, "dependentRequired", &at, message, true);
            }
        }
    }

    fn properties<'o, 'n>(
        &mut self,
        (before, old_scope): (&'o Map<String, Value>, &Scope<'o>),
        (after, scope): (&'n Map<String, Value>, &Scope<'n>),
        at: &str,
    ) -> Result<(), ReferenceError> {
        let map =
            |schema: &'n Map<String, Value>| schema.get("properties").and_then(Value::as_object);
        let old = before.get("properties").and_then(Value::as_object);
        let new = map(after);
        let closed = |schema: &Map<String, Value>| {
            ["additionalProperties", "unevaluatedProperties"]
                .into_iter()
                .find(|name| schema.get(*name) == Some(&Value::Bool(false)))
        };
        let was_closed = closed(before).is_some();
        for (name, schema) in new.into_iter().flatten() {
            let inner = scope.child(&format!("properties/{}", escape(name)), schema);
            let place = format!("{at}/{}", escape(name));
            match old.and_then(|old| old.get(name)) {
                Some(known) => {
                    let known_scope = old_scope.child("properties", known);
                    self.compare((known, &known_scope), (schema, &inner), &place)?;
                }
                // In a closed object no document can have had it.
                None if was_closed => {}
                None => {
                    let anything = Value::Bool(true);
                    let mut fresh = self.alone((&anything, old_scope), (schema, &inner), &place)?;
                    // Only documents that happen to have such a member are concerned.
                    for change in &mut fresh {
                        change.certain = false;
                    }
                    self.changes.append(&mut fresh);
                }
            }
        }
        if let Some(keyword) = closed(after) {
            for (name, _) in old.into_iter().flatten() {
                let is_known = new.is_some_and(|new| new.contains_key(name));
                if !is_known && after.get("patternProperties").is_none() {
                    let place = format!("{at}/{}", escape(name));
                    self.change(scope, keyword, &place, "is not allowed any more".to_owned(), true);
                }
            }
            if !was_closed {
                let message = "members that the schema does not name are not allowed any more";
                self.change(scope, keyword, at, message.to_owned(), true);
            }
        } else if let (Some(known @ Value::Object(_)), Some(other)) =
            (before.get("additionalProperties"), after.get("additionalProperties"))
        {
            let inner = scope.child("additionalProperties", other);
            let known_scope = old_scope.child("additionalProperties", known);
            self.compare((known, &known_scope), (other, &inner), &format!("{at}/*"))?;
        }
        Ok(())
    }

    /// The changes between two schemas, apart from those found so far.
    fn alone(
        &self,
        old: At<'_, '_>,
        new: At<'_, '_>,
        at: &str,
    ) -> Result<Vec<Change>, ReferenceError> {
        let mut changes = Vec::new();
        let mut comparison = Comparison {
            new: self.new,
            schema: self.schema,
            seen: BTreeSet::new(),
            changes: &mut changes,
        };
        comparison.compare(old, new, at)?;
        Ok(changes)
    }
}

/// What a schema that is only a reference leads to.
fn follow<'a>(at: At<'a, '_>) -> Result<Option<(&'a Value, Scope<'a>)>, ReferenceError> {
    let (mut schema, mut scope) = (at.0, at.1.clone());
    let mut moved = false;
    // A reference to itself leads nowhere; nobody follows one so far.
    for _ in 0..32 {
        let Some(reference) = schema.get("$ref").and_then(Value::as_str) else { break };
        let (target, inner) = scope.target(reference)?;
        (schema, scope, moved) = (target, inner, true);
    }
    Ok(moved.then_some((schema, scope)))
}
