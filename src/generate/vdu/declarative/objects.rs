//! The keywords of objects.

use jsonschema::Draft;

use super::compile::{At, Compiler, limit, matches};
use super::condition::{Condition, Path};
use super::expression::Expression;
use crate::generate::GenerateError;
use crate::generate::vdu::emit::says_something;
use crate::generate::vdu::unevaluated::evaluated;
use crate::json::{Map, Value};
use crate::schema::scope::Scope;

type Members = Map<String, Value>;

const UNKNOWN_NAMES: &str = "a selector cannot look at members whose names it does not know";

impl<'a> Compiler<'a> {
    pub(super) fn objects(
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

fn expression_selector(expression: &Expression, holds: bool) -> Value {
    let path = Path(String::new());
    let condition = matches(&path, expression);
    if holds { condition.selector(&path) } else { condition.negated().selector(&path) }
}

fn any_name(path: &Path, selector: Value) -> Condition {
    path.is("$keyMapMatch", selector)
}

/// No member has a name but such as the expression matches.
pub(super) fn no_name_but(path: &Path, expression: &Expression) -> Condition {
    any_name(path, expression_selector(expression, false)).negated()
}

fn names(list: Option<&Value>) -> Vec<&str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// A name as a token of a JSON Pointer.
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
