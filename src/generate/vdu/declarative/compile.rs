//! One schema as a condition on the value at a path.

use jsonschema::Draft;

use super::Declarative;
use super::condition::{Condition, Path};
use super::expression::{Expression, MOST};
use crate::generate::GenerateError;
use crate::generate::vdu::emit::says_something;
use crate::generate::vdu::unevaluated::evaluated;
use crate::generate::vdu::{MAXIMUM, Unchecked, number, unchecked};
use crate::json::{Map, Value};
use crate::schema::Schemas;
use crate::schema::scope::Scope;

/// The bytes that a condition takes in a selector, or more.
const BYTES: usize = 50;

/// A selector has no more conditions than this.
const CONDITIONS: usize = MAXIMUM / BYTES;

/// Arrays are counted up to here: a selector names each number of items.
const ITEMS: u64 = 200;

const ONE_POINT_ZERO: &str =
    "a selector takes `1` for an integer, and not `1.0`, which is one by the schema";
const LEAP_SECOND: &str = "a selector takes a leap second in UTC only, and not at another offset";

/// Compiles schemas, and notes what cannot be said, and what is said in another way.
pub(super) struct Compiler<'a> {
    pub(super) schemas: &'a Schemas,
    refused: Vec<Unchecked>,
    differences: Vec<Unchecked>,
    /// The schemas around the one that is compiled.
    open: Vec<*const Value>,
    /// How many schemas have been compiled.
    compiled: usize,
}

type Compiled = Result<Condition, GenerateError>;
type Members = Map<String, Value>;

/// A value: where it is, and whether it is a document, which has members of CouchDB's own.
#[derive(Clone, Copy)]
pub(super) struct At<'p> {
    pub(super) path: &'p Path,
    pub(super) is_document: bool,
}

impl<'a> Compiler<'a> {
    pub(super) fn new(schemas: &'a Schemas) -> Self {
        Self {
            schemas,
            refused: Vec::new(),
            differences: Vec::new(),
            open: Vec::new(),
            compiled: 0,
        }
    }

    /// The condition of a schema on the new document.
    pub(super) fn document(&mut self, schema: &'a Value, scope: &Scope<'a>) -> Compiled {
        self.compile(schema, At { path: &new_document(), is_document: true }, scope)
    }

    /// The condition of a schema on a value in place of the new document.
    pub(super) fn value(&mut self, schema: &'a Value, scope: &Scope<'a>) -> Compiled {
        self.compile(schema, At { path: &new_document(), is_document: false }, scope)
    }

    /// The selector, unless something cannot be said.
    pub(super) fn finish(self, condition: &Condition) -> Result<Declarative, GenerateError> {
        if !self.refused.is_empty() {
            return Err(GenerateError::Inexpressible(self.refused));
        }
        if condition.size() > CONDITIONS {
            return Err(GenerateError::TooLarge(condition.size() * BYTES));
        }
        let selector = condition.selector(&new_document());
        Ok(Declarative { selector, differences: self.differences })
    }

    /// Notes that a keyword cannot be said.
    pub(super) fn refuse(&mut self, scope: &Scope<'_>, keyword: &str, reason: &str) -> Condition {
        let found = unchecked(self.schemas, scope, keyword, reason);
        if !self.refused.contains(&found) {
            self.refused.push(found);
        }
        Condition::TRUE
    }

    fn differs(&mut self, scope: &Scope<'_>, keyword: &str, reason: &str) {
        let found = unchecked(self.schemas, scope, keyword, reason);
        if !self.differences.contains(&found) {
            self.differences.push(found);
        }
    }

    fn compile(&mut self, schema: &'a Value, at: At<'_>, scope: &Scope<'a>) -> Compiled {
        let members = match schema {
            Value::Object(members) => members,
            Value::Bool(false) => return Ok(Condition::FALSE),
            _ => return Ok(Condition::TRUE),
        };
        let key = std::ptr::from_ref(schema);
        if self.open.contains(&key) {
            return Ok(self.refuse(scope, "", "a selector cannot refer to itself"));
        }
        self.open.push(key);
        let compiled = self.members(members, at, scope);
        self.open.pop();
        let compiled = compiled?;
        // Whatever is referred to is written again at each place.
        self.compiled += 1;
        let size = compiled.size().max(self.compiled);
        if size > CONDITIONS {
            return Err(GenerateError::TooLarge(size * BYTES));
        }
        Ok(compiled)
    }

    fn members(&mut self, members: &'a Members, at: At<'_>, scope: &Scope<'a>) -> Compiled {
        let is_old = scope.draft <= Draft::Draft7;
        let mut all = Vec::new();
        if scope.draft == Draft::Unknown {
            self.refuse(scope, "$schema", "its dialect may give keywords another meaning");
        }
        if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
            let (target, target_scope) = scope.target(reference)?;
            all.push(self.compile(target, at, &target_scope)?);
            // Up to draft 7 a reference stands for the whole schema.
            if is_old {
                return Ok(Condition::all(all));
            }
        }
        for keyword in ["$dynamicRef", "$recursiveRef"] {
            if members.contains_key(keyword) && !is_old {
                self.refuse(scope, keyword, "its target may depend on the way to it");
            }
        }
        let only = self.types(members, at.path, scope, &mut all);
        self.values(members, at.path, scope, &mut all);
        for kind in ["number", "string", "array", "object"] {
            let conditions = match kind {
                _ if only.is_some_and(|only| only != kind) => continue,
                "number" => self.numbers(members, at.path, scope),
                "string" => self.strings(members, at.path, scope),
                "array" => self.arrays(members, at.path, scope)?,
                _ => self.objects(members, at, scope)?,
            };
            let conditions = Condition::all(conditions);
            all.push(match only {
                Some(_) => conditions,
                None => Condition::any([at.path.is("$type", kind).negated(), conditions]),
            });
        }
        self.choices(members, at, scope, &mut all)?;
        Ok(Condition::all(all))
    }

    /// The condition of `type`; gives the kind of values that is left if it is one.
    fn types(
        &mut self,
        members: &'a Members,
        path: &Path,
        scope: &Scope<'_>,
        all: &mut Vec<Condition>,
    ) -> Option<&'a str> {
        let names: Vec<&str> = match members.get("type")? {
            Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
            name => name.as_str().into_iter().collect(),
        };
        let mut any = Vec::new();
        for name in names.iter().filter(|name| **name != "integer" || !names.contains(&"number")) {
            any.push(match *name {
                "integer" => {
                    if scope.draft != Draft::Draft4 {
                        self.differs(scope, "type", ONE_POINT_ZERO);
                    }
                    path.is("$mod", Value::Array(vec![1.into(), 0.into()]))
                }
                name => path.is("$type", name),
            });
        }
        all.push(Condition::any(any));
        match names.as_slice() {
            ["integer"] => Some("number"),
            [only] => Some(only),
            _ => None,
        }
    }

    fn values(
        &mut self,
        members: &Members,
        path: &Path,
        scope: &Scope<'_>,
        all: &mut Vec<Condition>,
    ) {
        if let Some(options) = members.get("enum").and_then(Value::as_array) {
            let texts: Vec<&str> = options.iter().filter_map(Value::as_str).collect();
            let others = options.iter().filter(|option| !option.is_string());
            let mut any: Vec<Condition> =
                others.map(|option| self.equal(option, path, "enum", scope)).collect();
            if !texts.is_empty() {
                any.push(matches(path, &Expression::exactly(texts)));
            }
            all.push(Condition::any(any));
        }
        if let Some(constant) = members.get("const").filter(|_| scope.draft >= Draft::Draft6) {
            all.push(self.equal(constant, path, "const", scope));
        }
    }

    /// Selectors compare texts, and all that holds some, by collation: texts are matched instead, and
    /// arrays and objects part by part.
    fn equal(&mut self, value: &Value, path: &Path, keyword: &str, scope: &Scope<'_>) -> Condition {
        match value {
            Value::String(text) => matches(path, &Expression::exactly([text.as_str()])),
            Value::Array(items) if !items.is_empty() => {
                let size = path.is("$size", items.len());
                let items = items.iter().enumerate();
                let items: Vec<Condition> = items
                    .map(|(index, item)| self.equal(item, &path.item(index), keyword, scope))
                    .collect();
                Condition::all(std::iter::once(size).chain(items))
            }
            Value::Object(members) if !members.is_empty() => {
                let names = members.keys().map(String::as_str);
                let mut all = vec![
                    path.is("$type", "object"),
                    no_name_but(path, &Expression::exactly(names)),
                ];
                for (name, value) in members {
                    match path.child(name) {
                        Some(child) => {
                            all.push(child.exists());
                            all.push(self.equal(value, &child, keyword, scope));
                        }
                        None => all.push(self.unnamed(scope, keyword)),
                    }
                }
                Condition::all(all)
            }
            plain => path.is("$eq", plain.clone()),
        }
    }

    pub(super) fn unnamed(&mut self, scope: &Scope<'_>, keyword: &str) -> Condition {
        self.refuse(scope, keyword, "a selector has no way to write this member's name")
    }

    fn numbers(&mut self, members: &Members, path: &Path, scope: &Scope<'_>) -> Vec<Condition> {
        let mut all = Vec::new();
        for (keyword, operator) in [
            ("minimum", "$gte"),
            ("maximum", "$lte"),
            ("exclusiveMinimum", "$gt"),
            ("exclusiveMaximum", "$lt"),
        ] {
            let Some(Value::Number(limit)) = members.get(keyword) else { continue };
            // In draft 4 a flag beside the limit excludes it.
            let flag = if keyword == "minimum" { "exclusiveMinimum" } else { "exclusiveMaximum" };
            let is_excluded =
                scope.draft == Draft::Draft4 && members.get(flag) == Some(&Value::Bool(true));
            let operator = if is_excluded { &operator[..3] } else { operator };
            all.push(path.is(operator, Value::Number(limit.clone())));
        }
        if let Some(Value::Number(divisor)) = members.get("multipleOf") {
            match number::divisor(divisor.as_str()) {
                Some((divisor, 0)) => {
                    self.differs(scope, "multipleOf", ONE_POINT_ZERO);
                    all.push(path.is("$mod", Value::Array(vec![divisor.into(), 0.into()])));
                }
                _ => all.push(self.refuse(
                    scope,
                    "multipleOf",
                    "a selector divides by integers only",
                )),
            }
        }
        all
    }

    fn strings(&mut self, members: &Members, path: &Path, scope: &Scope<'_>) -> Vec<Condition> {
        let mut all = Vec::new();
        let (least, most) = (limit(members, "minLength"), limit(members, "maxLength"));
        if least.is_some_and(|least| least > 0) || most.is_some() {
            let (least, is_counted) =
                (least.unwrap_or(0), least.max(most).is_none_or(|limit| limit <= MOST));
            all.push(match most {
                _ if !is_counted => {
                    let keyword = if most.is_some() { "maxLength" } else { "minLength" };
                    self.refuse(scope, keyword, "PCRE counts up to 65,535 characters")
                }
                Some(most) if most < least => Condition::FALSE,
                most => matches(path, &Expression::length(least, most)),
            });
        }
        if let Some(pattern) = members.get("pattern").and_then(Value::as_str) {
            all.push(match Expression::pattern(pattern) {
                Ok(expression) => matches(path, &expression),
                Err(reason) => self.refuse(scope, "pattern", &reason),
            });
        }
        let format = members.get("format").and_then(Value::as_str);
        if let Some(format) = format.filter(|format| {
            self.schemas.formats && jsonschema::options().is_known_format(scope.draft, format)
        }) {
            if matches!(format, "time" | "date-time") {
                self.differs(scope, "format", LEAP_SECOND);
            }
            all.push(match format_expression(format) {
                Some(text) => path.is("$regex", text),
                None => {
                    let reason = format!("the rules of the format `{format}` do not fit in here");
                    self.refuse(scope, "format", &reason)
                }
            });
        }
        for keyword in ["contentEncoding", "contentMediaType"] {
            if members.contains_key(keyword) && matches!(scope.draft, Draft::Draft6 | Draft::Draft7)
            {
                self.refuse(scope, keyword, "what a text encodes is not decoded");
            }
        }
        all
    }

    fn arrays(
        &mut self,
        members: &'a Members,
        path: &Path,
        scope: &Scope<'a>,
    ) -> Result<Vec<Condition>, GenerateError> {
        let mut all = Vec::new();
        for keyword in ["minItems", "maxItems"] {
            let Some(limit) = limit(members, keyword) else { continue };
            all.push(match (keyword, limit) {
                (_, limit) if limit > ITEMS => {
                    self.refuse(scope, keyword, "a selector names each number of items up to it")
                }
                ("minItems", least) => at_most(path, least.checked_sub(1)).negated(),
                (_, most) => at_most(path, Some(most)),
            });
        }
        if members.get("uniqueItems") == Some(&Value::Bool(true)) {
            self.refuse(scope, "uniqueItems", "a selector cannot compare items with each other");
        }
        let is_newest = scope.draft > Draft::Draft201909;
        let (first, rest) = match members.get("items") {
            Some(list @ Value::Array(_)) if !is_newest => (
                Some(("items", list)),
                members.get("additionalItems").map(|s| ("additionalItems", s)),
            ),
            items => {
                let first = members.get("prefixItems").filter(|_| is_newest);
                (first.map(|list| ("prefixItems", list)), items.map(|items| ("items", items)))
            }
        };
        let list = first.and_then(|(_, list)| list.as_array()).map_or(&[][..], Vec::as_slice);
        for (index, schema) in list.iter().enumerate().filter(|(_, schema)| says_something(schema))
        {
            let keyword = first.map_or("", |(keyword, _)| keyword);
            let scope = scope.child(&format!("{keyword}/{index}"), schema);
            let item = path.item(index);
            let condition = self.compile(schema, At { path: &item, is_document: false }, &scope)?;
            // An array has no item behind its end, and a selector calls that no missing one.
            all.push(Condition::any([at_most(path, Some(index as u64)), condition]));
        }
        if let Some((keyword, schema)) = rest.filter(|(_, schema)| says_something(schema)) {
            let inner = scope.child(keyword, schema);
            all.push(if *schema == Value::Bool(false) {
                at_most(path, Some(list.len() as u64))
            } else if list.is_empty() {
                let condition = self.element(schema, &inner)?;
                Condition::any([path.is("$size", 0), path.is("$allMatch", condition)])
            } else {
                self.refuse(scope, keyword, "a selector cannot leave the first items out")
            });
        }
        if let Some(schema) = members.get("contains").filter(|_| scope.draft >= Draft::Draft6) {
            let bounds = ["minContains", "maxContains"].map(|keyword| {
                limit(members, keyword).filter(|_| scope.draft >= Draft::Draft201909)
            });
            let condition = self.element(schema, &scope.child("contains", schema))?;
            match bounds {
                [None | Some(1), None] => all.push(path.is("$elemMatch", condition)),
                [Some(0), None] => {}
                _ => all.push(self.refuse(scope, "contains", "a selector cannot count items")),
            }
        }
        if members.get("unevaluatedItems").is_some_and(says_something)
            && scope.draft >= Draft::Draft201909
        {
            self.refuse(
                scope,
                "unevaluatedItems",
                "which items are evaluated depends on the document",
            );
        }
        Ok(all)
    }

    /// The selector of an item, or of a member's name.
    pub(super) fn element(
        &mut self,
        schema: &'a Value,
        scope: &Scope<'a>,
    ) -> Result<Value, GenerateError> {
        let path = Path(String::new());
        let condition = self.compile(schema, At { path: &path, is_document: false }, scope)?;
        Ok(condition.selector(&path))
    }

    fn choices(
        &mut self,
        members: &'a Members,
        at: At<'_>,
        scope: &Scope<'a>,
        all: &mut Vec<Condition>,
    ) -> Result<(), GenerateError> {
        for keyword in ["allOf", "anyOf", "oneOf"] {
            let parts = members.get(keyword).and_then(Value::as_array);
            let parts = parts.map_or(&[][..], Vec::as_slice);
            if parts.is_empty() {
                continue;
            }
            let mut conditions = Vec::new();
            for (index, part) in parts.iter().enumerate() {
                let scope = scope.child(&format!("{keyword}/{index}"), part);
                conditions.push(self.compile(part, at, &scope)?);
            }
            all.push(match keyword {
                "allOf" => Condition::all(conditions),
                "anyOf" => Condition::any(conditions),
                _ => exactly_one(&conditions),
            });
        }
        if let Some(part) = members.get("not") {
            all.push(self.compile(part, at, &scope.child("not", part))?.negated());
        }
        let branches = ["then", "else"].map(|keyword| Some((keyword, members.get(keyword)?)));
        if let Some(part) = members
            .get("if")
            .filter(|_| scope.draft >= Draft::Draft7 && branches.iter().any(Option::is_some))
        {
            let condition = self.compile(part, at, &scope.child("if", part))?;
            for (branch, premise) in
                branches.into_iter().zip([condition.clone().negated(), condition])
            {
                if let Some((keyword, part)) = branch {
                    let conclusion = self.compile(part, at, &scope.child(keyword, part))?;
                    all.push(Condition::any([premise, conclusion]));
                }
            }
        }
        Ok(())
    }

    fn objects(
        &mut self,
        members: &'a Members,
        at: At<'_>,
        scope: &Scope<'a>,
    ) -> Result<Vec<Condition>, GenerateError> {
        let mut all = Vec::new();
        let required = names(members.get("required"));
        for name in &required {
            all.push(self.exists(at.path, name, "required", scope));
        }
        self.sizes(members, at, scope, &mut all);
        let properties = members.get("properties").and_then(Value::as_object);
        for (name, schema) in properties.into_iter().flatten() {
            if !says_something(schema) {
                continue;
            }
            let keyword = format!("properties/{}", escape(name));
            let Some(child) = at.path.child(name) else {
                self.unnamed(scope, &keyword);
                continue;
            };
            let inner = scope.child(&keyword, schema);
            let condition =
                self.compile(schema, At { path: &child, is_document: false }, &inner)?;
            all.push(if required.contains(&name.as_str()) {
                condition
            } else {
                Condition::any([child.exists().negated(), condition])
            });
        }
        let known: Vec<&str> =
            properties.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        let mut patterns = Vec::new();
        for (pattern, schema) in
            members.get("patternProperties").and_then(Value::as_object).into_iter().flatten()
        {
            let keyword = format!("patternProperties/{}", escape(pattern));
            patterns.push(pattern.as_str());
            match (schema, self.names_like(&[], &[pattern], &keyword, scope)) {
                (Value::Bool(false), Some(expression)) if !at.is_document => {
                    all.push(any_name(at.path, expression_selector(&expression, true)).negated());
                }
                (schema, _) if says_something(schema) => {
                    self.refuse(scope, &keyword, UNKNOWN_NAMES);
                }
                _ => {}
            }
        }
        for keyword in ["additionalProperties", "unevaluatedProperties"] {
            self.others(members, keyword, (&known, &patterns), at, scope, &mut all)?;
        }
        if let Some(schema) = members.get("propertyNames").filter(|_| scope.draft >= Draft::Draft6)
        {
            all.push(if at.is_document {
                self.refuse(scope, "propertyNames", "a document has names of CouchDB's own, too")
            } else {
                let path = Path(String::new());
                let inner = scope.child("propertyNames", schema);
                let name = At { path: &path, is_document: false };
                let condition = self.compile(schema, name, &inner)?.negated();
                any_name(at.path, condition.selector(&path)).negated()
            });
        }
        self.dependencies(members, at, scope, &mut all)?;
        Ok(all)
    }

    /// `minProperties` and `maxProperties`: a selector can only tell whether there are any.
    fn sizes(
        &mut self,
        members: &Members,
        at: At<'_>,
        scope: &Scope<'_>,
        all: &mut Vec<Condition>,
    ) {
        let is_empty = || at.path.is("$eq", Value::Object(Map::new()));
        for keyword in ["minProperties", "maxProperties"] {
            all.push(match (keyword, limit(members, keyword)) {
                (_, None) | ("minProperties", Some(0)) => continue,
                ("minProperties", Some(1)) if !at.is_document => is_empty().negated(),
                ("maxProperties", Some(0)) if !at.is_document => is_empty(),
                _ => self.refuse(scope, keyword, "a selector cannot count members"),
            });
        }
    }

    /// The members that neither a name nor a pattern knows.
    fn others(
        &mut self,
        members: &'a Members,
        keyword: &str,
        (known, patterns): (&[&str], &[&str]),
        at: At<'_>,
        scope: &Scope<'a>,
        all: &mut Vec<Condition>,
    ) -> Result<(), GenerateError> {
        let is_unevaluated = keyword == "unevaluatedProperties";
        let Some(schema) = members
            .get(keyword)
            .filter(|schema| says_something(schema))
            .filter(|_| !is_unevaluated || scope.draft >= Draft::Draft201909)
        else {
            return Ok(());
        };
        let (mut known, mut patterns) = (known.to_vec(), patterns.to_vec());
        if is_unevaluated {
            match evaluated(members, scope)? {
                None => {
                    let reason = "which members are evaluated depends on the document";
                    self.refuse(scope, keyword, reason);
                    return Ok(());
                }
                Some(found) if found.all => return Ok(()),
                Some(found) => {
                    known = found.names.into_iter().collect();
                    patterns = found.patterns.into_iter().collect();
                }
            }
        }
        if *schema != Value::Bool(false) {
            self.refuse(scope, keyword, UNKNOWN_NAMES);
        } else if let Some(mut expression) = self.names_like(&known, &patterns, keyword, scope) {
            if at.is_document {
                // CouchDB's own members have been dealt with, and it refuses others of the kind.
                expression = Expression::any([expression, Expression::prefix("_")]);
            }
            all.push(no_name_but(at.path, &expression));
        }
        Ok(())
    }

    /// What matches these names, and those with these patterns.
    fn names_like(
        &mut self,
        known: &[&str],
        patterns: &[&str],
        keyword: &str,
        scope: &Scope<'_>,
    ) -> Option<Expression> {
        let mut parts = Vec::new();
        if !known.is_empty() {
            parts.push(Expression::exactly(known.iter().copied()));
        }
        for pattern in patterns {
            match Expression::pattern(pattern) {
                Ok(expression) => parts.push(expression),
                Err(reason) => {
                    self.refuse(scope, keyword, &reason);
                    return None;
                }
            }
        }
        if parts.is_empty() {
            parts.push(Expression::nothing());
        }
        Some(Expression::any(parts))
    }

    fn exists(&mut self, path: &Path, name: &str, keyword: &str, scope: &Scope<'_>) -> Condition {
        match path.child(name) {
            Some(child) => child.exists(),
            None => self.unnamed(scope, keyword),
        }
    }

    fn dependencies(
        &mut self,
        members: &'a Members,
        at: At<'_>,
        scope: &Scope<'a>,
        all: &mut Vec<Condition>,
    ) -> Result<(), GenerateError> {
        for keyword in ["dependencies", "dependentRequired", "dependentSchemas"] {
            let is_newer = scope.draft >= Draft::Draft201909;
            let entries = members.get(keyword).and_then(Value::as_object);
            let entries = entries.filter(|_| is_newer || keyword == "dependencies");
            for (name, dependency) in entries.into_iter().flatten() {
                let missing = self.exists(at.path, name, keyword, scope).negated();
                let conclusion = match dependency {
                    Value::Array(_) => Condition::all(
                        names(Some(dependency))
                            .into_iter()
                            .map(|name| self.exists(at.path, name, keyword, scope)),
                    ),
                    schema => {
                        let scope = scope.child(&format!("{keyword}/{}", escape(name)), schema);
                        self.compile(schema, at, &scope)?
                    }
                };
                all.push(Condition::any([missing, conclusion]));
            }
        }
        Ok(())
    }
}

const UNKNOWN_NAMES: &str = "a selector cannot look at members whose names it does not know";

pub(super) fn new_document() -> Path {
    Path("newDoc".to_owned())
}

pub(super) fn matches(path: &Path, expression: &Expression) -> Condition {
    path.is("$regex", expression.text())
}

fn expression_selector(expression: &Expression, holds: bool) -> Value {
    let path = Path(String::new());
    let condition = matches(&path, expression);
    if holds { condition.selector(&path) } else { condition.negated().selector(&path) }
}

fn any_name(path: &Path, selector: Value) -> Condition {
    path.is("$keyMapMatch", selector)
}

/// No member has a name but such that the expression matches.
fn no_name_but(path: &Path, expression: &Expression) -> Condition {
    any_name(path, expression_selector(expression, false)).negated()
}

/// The array has at most so many items; never, without a number.
fn at_most(path: &Path, most: Option<u64>) -> Condition {
    let sizes = most.into_iter().flat_map(|most| 0..=most);
    Condition::any(sizes.map(|size| path.is("$size", size)))
}

fn exactly_one(conditions: &[Condition]) -> Condition {
    Condition::any((0..conditions.len()).map(|chosen| {
        Condition::all(conditions.iter().enumerate().map(|(index, condition)| {
            if index == chosen { condition.clone() } else { condition.clone().negated() }
        }))
    }))
}

/// A number of characters, items or members.
fn limit(members: &Members, keyword: &str) -> Option<u64> {
    let number = members.get(keyword)?.as_number()?;
    number::literal(number.as_str())?.parse().ok()
}

fn names(list: Option<&Value>) -> Vec<&str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// A name as a token of a JSON Pointer.
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The regular expression of a format, where it has one.
fn format_expression(format: &str) -> Option<String> {
    const DATE: &str = "(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])\
        |(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))\
        |(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)";
    const TIME: &str = "(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]+)?\
        (?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])|23:59:60(?:\\.[0-9]+)?(?:[Zz]|[+-]00:00))";
    Some(match format {
        "date" => format!("\\A{DATE}\\z"),
        "time" => format!("\\A{TIME}\\z"),
        "date-time" => format!("\\A{DATE}[Tt]{TIME}\\z"),
        "ipv4" => {
            let part = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
            format!("\\A{part}(?:\\.{part}){{3}}\\z")
        }
        "uuid" => "\\A[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\\z".to_owned(),
        "json-pointer" => "\\A(?:/(?:[^~/]|~[01])*)*\\z".to_owned(),
        _ => return None,
    })
}
