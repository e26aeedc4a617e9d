//! The keywords of arrays.

use jsonschema::Draft;

use super::compile::{At, Compiler, limit};
use super::condition::{Condition, Path};
use crate::generate::GenerateError;
use crate::generate::vdu::emit::says_something;
use crate::json::{Map, Value};
use crate::schema::scope::Scope;

/// Arrays are counted up to here: a selector names each number of items.
const ITEMS: u64 = 200;

impl<'a> Compiler<'a> {
    pub(super) fn arrays(
        &mut self,
        members: &'a Map<String, Value>,
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
    fn element(&mut self, schema: &'a Value, scope: &Scope<'a>) -> Result<Value, GenerateError> {
        let path = Path(String::new());
        let condition = self.compile(schema, At { path: &path, is_document: false }, scope)?;
        Ok(condition.selector(&path))
    }
}

/// The array has at most so many items; never, without a number.
fn at_most(path: &Path, most: Option<u64>) -> Condition {
    let sizes = most.into_iter().flat_map(|most| 0..=most);
    Condition::any(sizes.map(|size| path.is("$size", size)))
}
