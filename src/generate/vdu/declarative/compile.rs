//! One schema as a condition on the value at a path.

use jsonschema::Draft;

use super::Declarative;
use super::condition::{Condition, Path};
use super::expression::{Expression, MOST, of_format};
use super::objects::no_name_but;
use crate::generate::GenerateError;
use crate::generate::vdu::{MAXIMUM, Unchecked, number, unchecked};
use crate::json::{Map, Value};
use crate::schema::Schemas;
use crate::schema::scope::Scope;

/// The bytes that a condition takes in a selector, or more.
const BYTES: usize = 50;

/// A selector has no more conditions than this.
const CONDITIONS: usize = MAXIMUM / BYTES;

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

    pub(super) fn compile(&mut self, schema: &'a Value, at: At<'_>, scope: &Scope<'a>) -> Compiled {
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
        // A document is an object, and nothing but.
        let only = if at.is_document { Some("object") } else { only };
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
            all.push(match of_format(format) {
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
}

pub(super) fn new_document() -> Path {
    Path("newDoc".to_owned())
}

pub(super) fn matches(path: &Path, expression: &Expression) -> Condition {
    path.is("$regex", expression.text())
}

fn exactly_one(conditions: &[Condition]) -> Condition {
    Condition::any((0..conditions.len()).map(|chosen| {
        Condition::all(conditions.iter().enumerate().map(|(index, condition)| {
            if index == chosen { condition.clone() } else { condition.clone().negated() }
        }))
    }))
}

/// A number of characters, items or members.
pub(super) fn limit(members: &Members, keyword: &str) -> Option<u64> {
    let number = members.get(keyword)?.as_number()?;
    number::literal(number.as_str())?.parse().ok()
}
