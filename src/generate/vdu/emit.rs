//! One schema as conditions.

use jsonschema::Draft;

use super::GenerateError;
use super::helpers;
use super::number;
use super::pattern;
use super::program::Program;
use super::text::{At, Code, string};
use crate::json::{Map, Value, to_string};
use crate::schema::scope::Scope;

/// The body of a function.
pub(super) struct Body {
    pub(super) code: Code,
    uses_error: bool,
    loops: usize,
}

impl Body {
    pub(super) fn new() -> Self {
        Self { code: Code::indented(1), uses_error: false, loops: 0 }
    }

    /// The variables it needs.
    pub(super) fn declarations(&self) -> String {
        if self.uses_error { "  var error;\n".to_owned() } else { String::new() }
    }

    /// Returns what an expression gives, if it gives anything.
    pub(super) fn hand_on(&mut self, expression: &str) {
        self.uses_error = true;
        self.code.line(&format!("error = {expression};"));
        self.code.refuse("error", "error");
    }

    /// Names for the variables of a loop, unlike those of any other in the function.
    pub(super) fn loop_names(&mut self) -> (String, String) {
        self.loops += 1;
        match self.loops {
            1 => ("i".to_owned(), "keys".to_owned()),
            number => (format!("i{number}"), format!("keys{number}")),
        }
    }
}

/// The kinds of values that keywords are about, with the condition that a value is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    String,
    Array,
    Object,
}

const NUMBERS: [&str; 5] =
    ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"];
const STRINGS: [&str; 6] =
    ["minLength", "maxLength", "pattern", "format", "contentEncoding", "contentMediaType"];
const ARRAYS: [&str; 8] = [
    "minItems",
    "maxItems",
    "uniqueItems",
    "items",
    "prefixItems",
    "additionalItems",
    "contains",
    "unevaluatedItems",
];
const OBJECTS: [&str; 11] = [
    "required",
    "minProperties",
    "maxProperties",
    "properties",
    "patternProperties",
    "additionalProperties",
    "propertyNames",
    "dependentRequired",
    "dependentSchemas",
    "dependencies",
    "unevaluatedProperties",
];

type Done = Result<(), GenerateError>;

impl<'a> Program<'a> {
    /// Writes the conditions of a schema for the value of an expression.
    pub(super) fn emit(
        &mut self,
        body: &mut Body,
        schema: &'a Value,
        value: &str,
        at: &At,
        scope: &Scope<'a>,
    ) -> Done {
        let members = match schema {
            Value::Object(members) => members,
            Value::Bool(false) => {
                self.need("wrong");
                let expected = Self::expected("false", schema);
                body.code.line(&format!("return wrong({}, {expected}, {value});", at.shown()));
                return Ok(());
            }
            _ => return Ok(()),
        };
        let is_old = scope.draft <= Draft::Draft7;
        if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
            self.reference(body, reference, value, at, scope)?;
            // Up to draft 7 a reference stands for the whole schema.
            if is_old {
                return Ok(());
            }
        }
        for keyword in ["$dynamicRef", "$recursiveRef"] {
            if let Some(reference) =
                members.get(keyword).and_then(Value::as_str).filter(|_| !is_old)
            {
                self.dynamic_reference(body, keyword, reference, value, at, scope)?;
            }
        }
        let kind = self.types(body, members, value, at, scope);
        self.values(body, members, value, at, scope);
        for (wanted, keywords) in [
            (Kind::Number, NUMBERS.as_slice()),
            (Kind::String, &STRINGS),
            (Kind::Array, &ARRAYS),
            (Kind::Object, &OBJECTS),
        ] {
            let is_there = keywords.iter().any(|keyword| members.contains_key(*keyword));
            // What has another type was refused already.
            if !is_there || kind.is_some_and(|kind| kind != wanted) {
                continue;
            }
            if kind.is_none() {
                let condition = self.condition(wanted, value);
                body.code.open(&format!("if ({condition})"));
            }
            match wanted {
                Kind::Number => self.numbers(body, members, value, at, scope),
                Kind::String => self.strings(body, members, value, at, scope),
                Kind::Array => self.arrays(body, members, value, at, scope)?,
                Kind::Object => self.objects(body, members, value, at, scope)?,
            }
            if kind.is_none() {
                body.code.close();
            }
        }
        self.choices(body, members, value, at, scope)
    }

    fn condition(&mut self, kind: Kind, value: &str) -> String {
        match kind {
            Kind::Number => format!("typeof {value} === 'number'"),
            Kind::String => format!("typeof {value} === 'string'"),
            Kind::Array => format!("Array.isArray({value})"),
            Kind::Object => {
                self.need("isObject");
                format!("isObject({value})")
            }
        }
    }

    fn reference(
        &mut self,
        body: &mut Body,
        reference: &str,
        value: &str,
        at: &At,
        scope: &Scope<'a>,
    ) -> Done {
        let (target, target_scope) = scope.target(reference)?;
        let hint = reference.rsplit(['/', '#', ':']).find(|part| !part.is_empty());
        let hint = hint.unwrap_or("schema").split('.').next().unwrap_or("schema");
        let name = self.function(target, &target_scope, hint);
        body.hand_on(&format!("{name}({value}, {})", at.shown()));
        Ok(())
    }

    /// A reference whose target may depend on the way to it; where it cannot, it is one like any other.
    fn dynamic_reference(
        &mut self,
        body: &mut Body,
        keyword: &str,
        reference: &str,
        value: &str,
        at: &At,
        scope: &Scope<'a>,
    ) -> Done {
        let (target, _) = scope.target(reference)?;
        let moves = ["$dynamicAnchor", "$recursiveAnchor"];
        if moves.iter().any(|anchor| target.get(*anchor).is_some()) {
            self.not_checked(scope, keyword, "its target depends on the way to it");
            return Ok(());
        }
        self.reference(body, reference, value, at, scope)
    }

    /// Writes the condition of `type`, and tells which kind of values is left if it is one.
    fn types(
        &mut self,
        body: &mut Body,
        members: &Map<String, Value>,
        value: &str,
        at: &At,
        scope: &Scope<'_>,
    ) -> Option<Kind> {
        let given = members.get("type")?;
        let names: Vec<&str> = match given {
            Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
            name => name.as_str().into_iter().collect(),
        };
        if names.contains(&"integer") && !names.contains(&"number") && scope.draft == Draft::Draft4
        {
            self.not_checked(scope, "type", "draft 4 tells 1.0 from 1, which JavaScript does not");
        }
        let conditions: Vec<String> = names
            .iter()
            .filter(|name| **name != "integer" || !names.contains(&"number"))
            .map(|name| match *name {
                "array" => format!("!Array.isArray({value})"),
                "boolean" => format!("typeof {value} !== 'boolean'"),
                "integer" => {
                    self.need("isInteger");
                    format!("!isInteger({value})")
                }
                "null" => format!("{value} !== null"),
                "number" => format!("typeof {value} !== 'number'"),
                "object" => {
                    self.need("isObject");
                    format!("!isObject({value})")
                }
                _ => format!("typeof {value} !== 'string'"),
            })
            .collect();
        self.refuse(body, &conditions.join(" && "), "type", given, value, at);
        match names.as_slice() {
            ["array"] => Some(Kind::Array),
            ["integer" | "number"] => Some(Kind::Number),
            ["object"] => Some(Kind::Object),
            ["string"] => Some(Kind::String),
            _ => None,
        }
    }

    /// `if (condition) { return wrong(…); }` with what a keyword expects.
    pub(super) fn refuse(
        &mut self,
        body: &mut Body,
        condition: &str,
        keyword: &str,
        limit: &Value,
        value: &str,
        at: &At,
    ) {
        self.need("wrong");
        let expected = Self::expected(keyword, limit);
        body.code.refuse(condition, &format!("wrong({}, {expected}, {value})", at.shown()));
    }

    fn values(
        &mut self,
        body: &mut Body,
        members: &Map<String, Value>,
        value: &str,
        at: &At,
        scope: &Scope<'_>,
    ) {
        if let Some(options) = members.get("enum").and_then(Value::as_array) {
            let literals: Option<Vec<String>> = options.iter().map(json_literal).collect();
            let Some(literals) = literals else {
                self.not_checked(scope, "enum", TOO_PRECISE);
                return;
            };
            let is_plain = |value: &Value| !matches!(value, Value::Array(_) | Value::Object(_));
            let condition = if options.iter().all(is_plain) && literals.len() > 1 {
                format!("[{}].indexOf({value}) === -1", literals.join(", "))
            } else {
                let one =
                    |(option, literal): (&Value, String)| self.differs(option, &literal, value);
                let all: Vec<String> = options.iter().zip(literals).map(one).collect();
                if all.is_empty() { "true".to_owned() } else { all.join(" && ") }
            };
            let limit = Value::Array(options.clone());
            self.refuse(body, &condition, "enum", &limit, value, at);
        }
        if let Some(constant) = members.get("const").filter(|_| scope.draft >= Draft::Draft6) {
            match json_literal(constant) {
                Some(literal) => {
                    let condition = self.differs(constant, &literal, value);
                    self.refuse(body, &condition, "const", constant, value, at);
                }
                None => self.not_checked(scope, "const", TOO_PRECISE),
            }
        }
    }

    fn differs(&mut self, wanted: &Value, literal: &str, value: &str) -> String {
        if matches!(wanted, Value::Array(_) | Value::Object(_)) {
            self.need("equal");
            format!("!equal({value}, {literal})")
        } else {
            format!("{value} !== {literal}")
        }
    }

    fn numbers(
        &mut self,
        body: &mut Body,
        members: &Map<String, Value>,
        value: &str,
        at: &At,
        scope: &Scope<'_>,
    ) {
        for (keyword, holds) in [
            ("minimum", ">="),
            ("maximum", "<="),
            ("exclusiveMinimum", ">"),
            ("exclusiveMaximum", "<"),
        ] {
            let Some(Value::Number(limit)) = members.get(keyword) else { continue };
            let Some(literal) = number::literal(limit.as_str()) else {
                self.not_checked(scope, keyword, TOO_PRECISE);
                continue;
            };
            // In draft 4 a flag beside the limit excludes it.
            let flag = match keyword {
                "minimum" => "exclusiveMinimum",
                _ => "exclusiveMaximum",
            };
            let is_excluded =
                scope.draft == Draft::Draft4 && members.get(flag) == Some(&Value::Bool(true));
            let (keyword, holds) = match keyword {
                "minimum" | "maximum" if is_excluded => (flag, &holds[..1]),
                _ => (keyword, holds),
            };
            let limit = Value::Number(limit.clone());
            self.refuse(body, &format!("!({value} {holds} {literal})"), keyword, &limit, value, at);
        }
        if let Some(Value::Number(divisor)) = members.get("multipleOf") {
            let condition = match number::divisor(divisor.as_str()) {
                None => {
                    self.not_checked(scope, "multipleOf", TOO_PRECISE);
                    return;
                }
                Some((digits, 0)) => format!("{value} % {digits} !== 0"),
                Some((digits, decimals)) => {
                    self.need("isMultiple");
                    format!("!isMultiple({value}, {digits}, {decimals})")
                }
            };
            let limit = Value::Number(divisor.clone());
            self.refuse(body, &condition, "multipleOf", &limit, value, at);
        }
    }

    fn strings(
        &mut self,
        body: &mut Body,
        members: &Map<String, Value>,
        value: &str,
        at: &At,
        scope: &Scope<'_>,
    ) {
        let length = format!("length({value})");
        self.limits(body, members, ["minLength", "maxLength"], &length, "character", at);
        if let Some(text) = members.get("pattern").and_then(Value::as_str) {
            match pattern::expression(text) {
                Ok(expression) => {
                    let condition = format!("!{expression}.test({value})");
                    self.refuse(body, &condition, "pattern", &text.into(), value, at);
                }
                Err(reason) => self.not_checked(scope, "pattern", &reason),
            }
        }
        if let Some(format) = members.get("format").and_then(Value::as_str).filter(|_| self.formats)
        {
            let is_known = jsonschema::options().is_known_format(scope.draft, format);
            match helpers::of_format(format).filter(|_| is_known) {
                Some(helper) => {
                    self.need(helper);
                    let condition = format!("!{helper}({value})");
                    self.refuse(body, &condition, "format", &format.into(), value, at);
                }
                None if is_known => {
                    let reason = format!("the rules of the format `{format}` do not fit in here");
                    self.not_checked(scope, "format", &reason);
                }
                None => {}
            }
        }
        for keyword in ["contentEncoding", "contentMediaType"] {
            let asserts = matches!(scope.draft, Draft::Draft6 | Draft::Draft7);
            if members.contains_key(keyword) && asserts {
                self.not_checked(scope, keyword, "what a text encodes is not decoded");
            }
        }
    }

    /// Limits of how many there are of something.
    pub(super) fn limits(
        &mut self,
        body: &mut Body,
        members: &Map<String, Value>,
        keywords: [&str; 2],
        number: &str,
        what: &str,
        at: &At,
    ) {
        for (keyword, fails) in keywords.into_iter().zip(["<", ">"]) {
            let Some(Value::Number(limit)) = members.get(keyword) else { continue };
            let Some(literal) = number::literal(limit.as_str()) else { continue };
            if keyword.starts_with("min") && literal == "0" {
                continue;
            }
            self.need("say");
            self.need("count");
            if number.starts_with("length(") {
                self.need("length");
            }
            let expected = Self::expected(keyword, &crate::json::number(&literal));
            let at = at.shown();
            body.code.refuse(
                &format!("{number} {fails} {literal}"),
                &format!("say({at}, {expected}, count({number}, '{what}'))"),
            );
        }
    }

    fn choices(
        &mut self,
        body: &mut Body,
        members: &'a Map<String, Value>,
        value: &str,
        at: &At,
        scope: &Scope<'a>,
    ) -> Done {
        let list = |keyword: &str| {
            members.get(keyword).and_then(Value::as_array).map_or(&[][..], Vec::as_slice)
        };
        for (index, part) in list("allOf").iter().enumerate() {
            let scope = scope.child(&format!("allOf/{index}"), part);
            self.emit(body, part, value, at, &scope)?;
        }
        for keyword in ["anyOf", "oneOf"] {
            let parts = list(keyword);
            let calls: Vec<String> = parts
                .iter()
                .enumerate()
                .map(|(index, part)| {
                    let scope = scope.child(&format!("{keyword}/{index}"), part);
                    let name = self.function(part, &scope, &format!("{keyword}{}", index + 1));
                    format!("{name}({value}, {})", at.shown())
                })
                .collect();
            if calls.is_empty() {
                continue;
            }
            let condition = if keyword == "anyOf" {
                calls.join(" && ")
            } else {
                let fits: Vec<String> =
                    calls.iter().map(|call| format!("({call} ? 0 : 1)")).collect();
                format!("{} !== 1", fits.join(" + "))
            };
            self.refuse(body, &condition, keyword, &Value::Null, value, at);
        }
        if let Some(part) = members.get("not") {
            let inner = scope.child("not", part);
            let name = self.function(part, &inner, "not");
            let condition = format!("!{name}({value}, {})", at.shown());
            self.refuse(body, &condition, "not", &Value::Null, value, at);
        }
        let branches = [members.get("then"), members.get("else")];
        let is_known = scope.draft >= Draft::Draft7;
        if let Some(part) =
            members.get("if").filter(|_| is_known && branches.iter().any(Option::is_some))
        {
            let inner = scope.child("if", part);
            let name = self.function(part, &inner, "condition");
            body.code.open(&format!("if (!{name}({value}, {}))", at.shown()));
            if let Some(part) = branches[0] {
                self.emit(body, part, value, at, &scope.child("then", part))?;
            }
            if let Some(part) = branches[1] {
                body.code.otherwise();
                self.emit(body, part, value, at, &scope.child("else", part))?;
            }
            body.code.close();
        }
        Ok(())
    }
}

/// Why some numbers are not compared.
const TOO_PRECISE: &str = "JavaScript has no number of so many digits";

/// Whether a schema can refuse anything at all.
pub(super) fn says_something(schema: &Value) -> bool {
    match schema {
        Value::Bool(all) => !all,
        Value::Object(members) => !members.is_empty(),
        _ => false,
    }
}

/// A JSON value as JavaScript; `None` where it holds a number that JavaScript does not have.
fn json_literal(value: &Value) -> Option<String> {
    Some(match value {
        Value::String(text) => string(text),
        Value::Number(number) => number::literal(number.as_str())?,
        Value::Array(items) => {
            let items: Option<Vec<String>> = items.iter().map(json_literal).collect();
            format!("[{}]", items?.join(", "))
        }
        // As a literal, `__proto__` would be another thing.
        Value::Object(members) => {
            let numbers: Option<Vec<String>> = members.values().map(json_literal).collect();
            numbers?;
            format!("JSON.parse({})", string(&to_string(value)))
        }
        other => to_string(other),
    })
}
