//! The way from a document to the condition of its type.

use super::compile::{Compiler, matches, new_document};
use super::condition::{Condition, Path};
use super::expression::Expression;
use crate::schema::Source;
use crate::schema::scope::root;

impl Compiler<'_> {
    /// The condition on any write, from those of the types.
    pub(super) fn route(&mut self, types: Vec<Condition>) -> Condition {
        let routes = &self.schemas.routes;
        let id = Path("newDoc._id".to_owned());
        let mut any = vec![
            // What is left of deleted documents, and design documents, have no schema.
            Path("newDoc._deleted".to_owned()).is("$eq", true),
            matches(&id, &Expression::prefix("_design/")),
        ];
        let ids = routes.ignored_ids.iter();
        any.extend(ids.map(|pattern| matches(&id, &Expression::glob(pattern.as_str(), None))));
        let (path, missing) = self.discriminator();
        // With a separator, a type is what stands in front of the first one.
        let expression = |name: &str| match &routes.discriminator {
            Source::Members(_) => Some(Expression::exactly([name])),
            Source::IdPrefix(separator) => {
                let start = format!("{name}{separator}");
                (start.find(separator.as_str()) == Some(name.len()))
                    .then(|| Expression::prefix(&start))
            }
        };
        let separator = match &routes.discriminator {
            Source::Members(_) => None,
            Source::IdPrefix(separator) => Some(separator.as_str()),
        };
        // No name of a type holds the separator.
        let names_one = |text: &str| separator.is_none_or(|separator| !text.contains(separator));
        let patterns = routes.ignored_types.iter().map(glob::Pattern::as_str);
        any.extend(
            patterns
                .filter(|pattern| names_one(pattern))
                .map(|pattern| matches(&path, &Expression::glob(pattern, separator))),
        );
        let mut known = Vec::new();
        let mut other = None;
        for (index, (schema, condition)) in self.schemas.types.iter().zip(types).enumerate() {
            if routes.default == Some(index) {
                other = Some(condition);
                continue;
            }
            let Some(expression) = expression(&schema.name) else { continue };
            let is_type = matches(&path, &expression);
            any.push(Condition::all([is_type.clone(), condition]));
            known.push(is_type);
        }
        if let Some(condition) = other {
            let not_known = Condition::all(known.into_iter().map(Condition::negated));
            any.push(Condition::all([Condition::any([missing, not_known]), condition]));
        }
        Condition::any(any)
    }

    /// Where the type stands, and the condition that there is none.
    fn discriminator(&mut self) -> (Path, Condition) {
        let mut path = new_document();
        let mut missing = Vec::new();
        let way = match &self.schemas.routes.discriminator {
            Source::IdPrefix(_) => return (Path("newDoc._id".to_owned()), Condition::FALSE),
            Source::Members(way) => way,
        };
        let has_default = self.schemas.routes.default.is_some();
        for (depth, name) in way.iter().enumerate() {
            if depth > 0 {
                missing.push(path.is("$type", "object").negated());
            }
            // A number may be an item of an array, whose absence a selector cannot tell.
            let is_item = depth > 0 && name.parse::<usize>().is_ok() && has_default;
            match path.child(name).filter(|_| !is_item) {
                Some(child) => path = child,
                None => {
                    let reason = "a selector cannot tell what the discriminator leads to";
                    if let Ok((_, scope)) = root(self.schemas, 0) {
                        self.refuse(&scope, "", reason);
                    }
                }
            }
            missing.push(path.exists().negated());
        }
        (path, Condition::any(missing))
    }
}
