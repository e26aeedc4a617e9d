//! The keywords of objects.

use jsonschema::Draft;

use super::GenerateError;
use super::emit::{Body, says_something};
use super::pattern;
use super::program::Program;
use super::text::{At, has, is_inherited, member, string};
use super::unevaluated::evaluated;
use crate::json::{Map, Value};
use crate::schema::scope::Scope;

type Done = Result<(), GenerateError>;

impl<'a> Program<'a> {
    pub(super) fn objects(
        &mut self,
        body: &mut Body,
        members: &'a Map<String, Value>,
        value: &str,
        at: &At,
        scope: &Scope<'a>,
    ) -> Done {
        let required = members.get("required").and_then(Value::as_array);
        let required: Vec<&str> =
            required.into_iter().flatten().filter_map(Value::as_str).collect();
        for name in &required {
            self.required(body, name, value, at);
        }
        let number = format!("Object.keys({value}).length");
        self.limits(body, members, ["minProperties", "maxProperties"], &number, "member", at);
        let properties = members.get("properties").and_then(Value::as_object);
        for (name, schema) in properties.into_iter().flatten() {
            if !says_something(schema) {
                continue;
            }
            let scope = scope.child(&format!("properties/{}", escape(name)), schema);
            let is_there = required.contains(&name.as_str());
            if !is_there {
                let condition = self.has(value, name);
                body.code.open(&format!("if ({condition})"));
            }
            self.emit(body, schema, &member(value, name), &at.member(name), &scope)?;
            if !is_there {
                body.code.close();
            }
        }
        let patterns = self.patterns(members, scope);
        for (text, schema, expression) in &patterns {
            let Some(expression) = expression.as_ref().filter(|_| says_something(schema)) else {
                continue;
            };
            let scope = scope.child(&format!("patternProperties/{}", escape(text)), schema);
            let condition = format!("{expression}.test({{key}})");
            self.each(body, schema, value, at, &scope, Some(&condition))?;
        }
        if let Some(schema) =
            members.get("additionalProperties").filter(|schema| says_something(schema))
        {
            let names: Vec<&str> =
                properties.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
            let expressions: Option<Vec<&str>> =
                patterns.iter().map(|(_, _, expression)| expression.as_deref()).collect();
            // A pattern that cannot be tested was told already; what it lets through is not known.
            if let Some(expressions) = expressions {
                let keyword = "additionalProperties";
                self.others(body, keyword, schema, (&names, &expressions), value, at, scope)?;
            }
        }
        if let Some(schema) = members.get("propertyNames").filter(|_| scope.draft >= Draft::Draft6)
        {
            let scope = scope.child("propertyNames", schema);
            let (index, keys) = body.loop_names();
            open_loop(body, &index, &keys, value);
            let key = format!("{keys}[{index}]");
            self.emit(body, schema, &key, at, &scope)?;
            body.code.close();
        }
        self.dependencies(body, members, value, at, scope)?;
        if scope.draft >= Draft::Draft201909
            && let Some(schema) =
                members.get("unevaluatedProperties").filter(|schema| says_something(schema))
        {
            self.unevaluated(body, members, schema, value, at, scope)?;
        }
        Ok(())
    }

    fn has(&mut self, value: &str, name: &str) -> String {
        if is_inherited(name) {
            self.need("has");
        }
        has(value, name)
    }

    fn required(&mut self, body: &mut Body, name: &str, value: &str, at: &At) {
        self.need("missing");
        let condition = match self.has(value, name) {
            helper if is_inherited(name) => format!("!{helper}"),
            _ => format!("{} === undefined", member(value, name)),
        };
        body.code.refuse(&condition, &format!("missing({}, {})", at.shown(), string(name)));
    }

    /// The patterns of `patternProperties`, each with its schema and its regular expression.
    fn patterns(
        &mut self,
        members: &'a Map<String, Value>,
        scope: &Scope<'a>,
    ) -> Vec<(&'a str, &'a Value, Option<String>)> {
        let patterns = members.get("patternProperties").and_then(Value::as_object);
        let mut compiled = Vec::new();
        for (text, schema) in patterns.into_iter().flatten() {
            let expression = pattern::expression(text);
            if let Err(reason) = &expression {
                let keyword = format!("patternProperties/{}", escape(text));
                self.not_checked(scope, &keyword, reason);
            }
            compiled.push((text.as_str(), schema, expression.ok()));
        }
        compiled
    }

    /// Checks the members whose names meet a condition, in which `{key}` stands for the name.
    fn each(
        &mut self,
        body: &mut Body,
        schema: &'a Value,
        value: &str,
        at: &At,
        scope: &Scope<'a>,
        condition: Option<&str>,
    ) -> Done {
        let (index, keys) = body.loop_names();
        open_loop(body, &index, &keys, value);
        let key = format!("{keys}[{index}]");
        if let Some(condition) = condition {
            body.code.open(&format!("if ({})", condition.replace("{key}", &key)));
        }
        self.need("token");
        let at = at.index(&format!("token({key})"));
        self.emit(body, schema, &format!("{value}[{key}]"), &at, scope)?;
        if condition.is_some() {
            body.code.close();
        }
        body.code.close();
        Ok(())
    }

    /// Checks the members that neither these names nor these regular expressions know.
    #[expect(
        clippy::too_many_arguments,
        reason = "the place of a schema, and what its keyword says"
    )]
    fn others(
        &mut self,
        body: &mut Body,
        keyword: &str,
        schema: &'a Value,
        (names, patterns): (&[&str], &[&str]),
        value: &str,
        at: &At,
        scope: &Scope<'a>,
    ) -> Done {
        let names: Vec<String> = names.iter().map(|name| string(name)).collect();
        if *schema == Value::Bool(false) {
            self.need("unknown");
            let mut call = format!("unknown({value}, {}, [{}]", at.shown(), names.join(", "));
            if !patterns.is_empty() {
                call = format!("{call}, [{}]", patterns.join(", "));
            }
            body.hand_on(&format!("{call})"));
            return Ok(());
        }
        let scope = scope.child(keyword, schema);
        let mut conditions: Vec<String> =
            patterns.iter().map(|pattern| format!("!{pattern}.test({{key}})")).collect();
        if !names.is_empty() {
            conditions.insert(0, format!("[{}].indexOf({{key}}) === -1", names.join(", ")));
        }
        let condition = Some(conditions.join(" && ")).filter(|condition| !condition.is_empty());
        self.each(body, schema, value, at, &scope, condition.as_deref())
    }

    fn dependencies(
        &mut self,
        body: &mut Body,
        members: &'a Map<String, Value>,
        value: &str,
        at: &At,
        scope: &Scope<'a>,
    ) -> Done {
        // The newer drafts split `dependencies` in two, and the validator knows all three in each.
        for keyword in ["dependencies", "dependentRequired", "dependentSchemas"] {
            let is_newer = scope.draft >= Draft::Draft201909;
            let entries = members.get(keyword).and_then(Value::as_object);
            let entries = entries.filter(|_| is_newer || keyword == "dependencies");
            for (name, dependency) in entries.into_iter().flatten() {
                let condition = self.has(value, name);
                body.code.open(&format!("if ({condition})"));
                match dependency {
                    Value::Array(names) => {
                        for name in names.iter().filter_map(Value::as_str) {
                            self.required(body, name, value, at);
                        }
                    }
                    schema => {
                        let scope = scope.child(&format!("{keyword}/{}", escape(name)), schema);
                        self.emit(body, schema, value, at, &scope)?;
                    }
                }
                body.code.close();
            }
        }
        Ok(())
    }

    fn unevaluated(
        &mut self,
        body: &mut Body,
        members: &'a Map<String, Value>,
        schema: &'a Value,
        value: &str,
        at: &At,
        scope: &Scope<'a>,
    ) -> Done {
        let keyword = "unevaluatedProperties";
        let Some(known) = evaluated(members, scope)? else {
            self.not_checked(scope, keyword, "which members are evaluated depends on the document");
            return Ok(());
        };
        if known.all {
            return Ok(());
        }
        let expressions: Result<Vec<String>, String> =
            known.patterns.iter().map(|text| pattern::expression(text)).collect();
        match expressions {
            Ok(expressions) => {
                let names: Vec<&str> = known.names.iter().copied().collect();
                let expressions: Vec<&str> = expressions.iter().map(String::as_str).collect();
                self.others(body, keyword, schema, (&names, &expressions), value, at, scope)
            }
            Err(reason) => {
                self.not_checked(scope, keyword, &reason);
                Ok(())
            }
        }
    }
}

fn open_loop(body: &mut Body, index: &str, keys: &str, value: &str) {
    body.code.open(&format!(
        "for (var {index} = 0, {keys} = Object.keys({value}); {index} < {keys}.length; {index} += 1)"
    ));
}

/// A name as a token of a JSON Pointer.
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
