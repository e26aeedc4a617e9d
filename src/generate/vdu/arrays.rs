//! The keywords of arrays.

use jsonschema::Draft;

use super::GenerateError;
use super::emit::{Body, says_something};
use super::number;
use super::program::Program;
use super::text::At;
use crate::json::{Map, Value};
use crate::schema::scope::Scope;

impl<'a> Program<'a> {
    pub(super) fn arrays(
        &mut self,
        body: &mut Body,
        members: &'a Map<String, Value>,
        value: &str,
        at: &At,
        scope: &Scope<'a>,
    ) -> Result<(), GenerateError> {
        let length = format!("{value}.length");
        self.limits(body, members, ["minItems", "maxItems"], &length, "item", at);
        if members.get("uniqueItems") == Some(&Value::Bool(true)) {
            self.need("unique");
            let unique = Value::Bool(true);
            self.refuse(body, &format!("!unique({value})"), "uniqueItems", &unique, value, at);
        }
        let is_newest = scope.draft > Draft::Draft201909;
        let (first, rest) = if is_newest {
            let items = members.get("items").map(|items| ("items", items));
            (members.get("prefixItems").map(|list| ("prefixItems", list)), items)
        } else {
            match members.get("items") {
                Some(list @ Value::Array(_)) => {
                    let rest = members.get("additionalItems");
                    (Some(("items", list)), rest.map(|rest| ("additionalItems", rest)))
                }
                items => (None, items.map(|items| ("items", items))),
            }
        };
        let list = first.and_then(|(_, list)| list.as_array()).map_or(&[][..], Vec::as_slice);
        for (index, schema) in list.iter().enumerate().filter(|(_, schema)| says_something(schema))
        {
            let keyword = format!("{}/{index}", first.map_or("", |(keyword, _)| keyword));
            let scope = scope.child(&keyword, schema);
            body.code.open(&format!("if ({value}.length > {index})"));
            let at = at.member(&index.to_string());
            self.emit(body, schema, &format!("{value}[{index}]"), &at, &scope)?;
            body.code.close();
        }
        if let Some((keyword, schema)) = rest.filter(|(_, schema)| says_something(schema)) {
            let scope = scope.child(keyword, schema);
            let (index, _) = body.loop_names();
            let start = list.len();
            body.code.open(&format!(
                "for (var {index} = {start}; {index} < {value}.length; {index} += 1)"
            ));
            self.emit(body, schema, &format!("{value}[{index}]"), &at.index(&index), &scope)?;
            body.code.close();
        }
        if let Some(schema) = members.get("contains").filter(|_| scope.draft >= Draft::Draft6) {
            let keyword = "contains";
            let inner = scope.child(keyword, schema);
            let check = self.function(schema, &inner, keyword);
            self.need("fitting");
            let bounded = scope.draft >= Draft::Draft201909;
            let bound = |keyword: &str| {
                members
                    .get(keyword)
                    .filter(|_| bounded)
                    .and_then(|limit| number::literal(limit.as_number()?.as_str()))
            };
            let least = bound("minContains").unwrap_or_else(|| "1".to_owned());
            let mut condition = format!("fitting({value}, {check}) < {least}");
            if let Some(most) = bound("maxContains") {
                condition = format!("{condition} || fitting({value}, {check}) > {most}");
            }
            self.refuse(body, &condition, keyword, &Value::Null, value, at);
        }
        if members.get("unevaluatedItems").is_some_and(says_something)
            && scope.draft >= Draft::Draft201909
        {
            self.not_checked(
                scope,
                "unevaluatedItems",
                "which items are evaluated depends on the document",
            );
        }
        Ok(())
    }
}
