//! Indexes declared by fields: the maps of design documents with `language: query`.

use super::{FieldPath, MangoError, Selector};
use crate::json::Value;

/// A map definition: `{"fields": {name: direction, …}, "partial_filter_selector": {…}}`.
#[derive(Debug, Clone)]
pub struct Definition {
    fields: Vec<FieldPath>,
    selector: Selector,
}

impl Definition {
    /// Reads a definition. The directions of fields have no effect on the rows.
    ///
    /// # Errors
    /// When it has no object `fields`, or one of the names or the selector is wrong. CouchDB saves
    /// such a definition all the same; its index stays empty.
    pub fn parse(map: &Value) -> Result<Self, MangoError> {
        let fields = map.get("fields").and_then(Value::as_object);
        let fields = fields.ok_or(MangoError::Definition("an object `fields`"))?;
        let fields = fields.keys().map(|name| FieldPath::parse(name)).collect::<Result<_, _>>()?;
        let is_empty =
            |selector: &&Value| selector.as_object().is_some_and(crate::json::Map::is_empty);
        // `selector` is what old indexes call it.
        let selector = map
            .get("partial_filter_selector")
            .filter(|selector| !is_empty(selector))
            .or_else(|| map.get("selector"))
            .map_or_else(
                || Selector::parse(&Value::Object(crate::json::Map::new())),
                Selector::parse,
            )?;
        Ok(Self { fields, selector })
    }

    /// The key of a document's row, whose value is null: the values of all fields. `None` when one
    /// of them is missing, the selector does not match, or it is a design document.
    #[must_use]
    pub fn key(&self, document: &Value) -> Option<Value> {
        let id = document.get("_id").and_then(Value::as_str).unwrap_or_default();
        if id.starts_with("_design/") || !self.selector.matches(document) {
            return None;
        }
        self.fields
            .iter()
            .map(|field| field.get(document).cloned())
            .collect::<Option<Vec<_>>>()
            .map(Value::Array)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{parse_str, to_string};

    #[test]
    fn keys() {
        let map =
            r#"{"fields":{"a":"asc","x.y":"desc"},"partial_filter_selector":{"a":{"$lt":9}}}"#;
        let definition = Definition::parse(&parse_str(map).unwrap()).unwrap();
        let key =
            |document: &str| definition.key(&parse_str(document).unwrap()).as_ref().map(to_string);
        assert_eq!(key(r#"{"_id":"d","a":1,"x":{"y":[2]}}"#).as_deref(), Some("[1,[2]]"));
        assert_eq!(key(r#"{"_id":"_design/d","a":1,"x":{"y":2}}"#), None);
        assert_eq!(key(r#"{"_id":"d","a":9,"x":{"y":2}}"#), None);
        assert_eq!(key(r#"{"_id":"d","a":1,"x":2}"#), None);
        assert!(Definition::parse(&parse_str("{}").unwrap()).is_err());
    }
}
