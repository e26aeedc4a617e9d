//! Which members of an object are evaluated, where that does not depend on the object.

use std::collections::BTreeSet;

use super::GenerateError;
use crate::json::{Map, Value};
use crate::schema::scope::Scope;

/// Members that are evaluated.
#[derive(Debug, Default)]
pub(super) struct Evaluated<'a> {
    pub(super) names: BTreeSet<&'a str>,
    pub(super) patterns: BTreeSet<&'a str>,
    /// All of them.
    pub(super) all: bool,
}

impl Evaluated<'_> {
    fn is_empty(&self) -> bool {
        self.names.is_empty() && self.patterns.is_empty() && !self.all
    }
}

/// The members that a schema evaluates beside its own `unevaluatedProperties`; `None` when they depend
/// on the object.
pub(super) fn evaluated<'a>(
    members: &'a Map<String, Value>,
    scope: &Scope<'a>,
) -> Result<Option<Evaluated<'a>>, GenerateError> {
    let mut found = Evaluated::default();
    let is_fixed = collect(members, scope, &mut found, &mut BTreeSet::new(), true)?;
    Ok(is_fixed.then_some(found))
}

fn collect<'a>(
    members: &'a Map<String, Value>,
    scope: &Scope<'a>,
    found: &mut Evaluated<'a>,
    seen: &mut BTreeSet<*const Map<String, Value>>,
    is_root: bool,
) -> Result<bool, GenerateError> {
    if !seen.insert(std::ptr::from_ref(members)) {
        return Ok(true);
    }
    let names = |keyword: &str| {
        let map = members.get(keyword).and_then(Value::as_object);
        map.into_iter().flatten().map(|(name, _)| name.as_str())
    };
    found.names.extend(names("properties"));
    found.patterns.extend(names("patternProperties"));
    found.all |= members.contains_key("additionalProperties")
        || !is_root && members.contains_key("unevaluatedProperties");
    if members.contains_key("$dynamicRef") || members.contains_key("$recursiveRef") {
        return Ok(false);
    }
    if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
        let (target, scope) = scope.target(reference)?;
        if let Value::Object(target) = target
            && !collect(target, &scope, found, seen, false)?
        {
            return Ok(false);
        }
    }
    for (index, part) in list(members, "allOf").enumerate() {
        let scope = scope.child(&format!("allOf/{index}"), part);
        if let Value::Object(part) = part
            && !collect(part, &scope, found, seen, false)?
        {
            return Ok(false);
        }
    }
    // Of these, which apply depends on the object: they may evaluate nothing.
    let choices = list(members, "anyOf").chain(list(members, "oneOf"));
    let branches = ["if", "then", "else"].into_iter().filter_map(|keyword| members.get(keyword));
    let dependent = members.get("dependentSchemas").and_then(Value::as_object);
    let dependent = dependent.into_iter().flatten().map(|(_, schema)| schema);
    for part in choices.chain(branches).chain(dependent) {
        let Value::Object(part) = part else { continue };
        let mut inner = Evaluated::default();
        let is_fixed = collect(part, &scope.child("", &Value::Null), &mut inner, seen, false)?;
        if !is_fixed || !inner.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn list<'a>(members: &'a Map<String, Value>, keyword: &str) -> impl Iterator<Item = &'a Value> {
    members.get(keyword).and_then(Value::as_array).into_iter().flatten()
}
