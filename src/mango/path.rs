//! Field names with dots.

use super::MangoError;
use crate::json::Value;

/// The way to a member: `a.b` is member `b` of member `a`, `a\.b` the member called `a.b`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldPath(Vec<String>);

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Found<'a> {
    /// A value.
    Value(&'a Value),
    /// An object without that member.
    Nothing,
    /// Something that has no members, or an array without that element.
    BadPath,
}

impl FieldPath {
    /// Reads a field name.
    ///
    /// # Errors
    /// When a part of it is empty.
    pub fn parse(name: &str) -> Result<Self, MangoError> {
        let mut parts = vec![String::new()];
        let mut escaped = false;
        for character in name.chars() {
            match character {
                '.' if !escaped => parts.push(String::new()),
                // A dot behind a backslash is part of the name; no backslash ever is.
                '\\' => {}
                other => parts.last_mut().into_iter().for_each(|part| part.push(other)),
            }
            escaped = character == '\\';
        }
        if parts.iter().any(String::is_empty) {
            return Err(MangoError::InvalidFieldName(name.to_owned()));
        }
        Ok(Self(parts))
    }

    /// The value the path leads to.
    #[must_use]
    pub fn get<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        match self.find(value) {
            Found::Value(value) => Some(value),
            Found::Nothing | Found::BadPath => None,
        }
    }

    pub(super) fn find<'a>(&self, value: &'a Value) -> Found<'a> {
        let mut value = value;
        for part in &self.0 {
            value = match value {
                Value::Object(members) => match members.get(part) {
                    Some(member) => member,
                    None => return Found::Nothing,
                },
                Value::Array(items) => {
                    match part.parse().ok().and_then(|at: usize| items.get(at)) {
                        Some(item) => item,
                        None => return Found::BadPath,
                    }
                }
                _ => return Found::BadPath,
            };
        }
        Found::Value(value)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn join(&self, other: Self) -> Self {
        Self(self.0.iter().cloned().chain(other.0).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse_str;

    #[test]
    fn paths() {
        let value = parse_str(r#"{"a":{"b":[10,{"c":1}]},"a.b":2}"#).unwrap();
        let get =
            |name: &str| FieldPath::parse(name).unwrap().get(&value).map(crate::json::to_string);
        assert_eq!(get("a.b.0").as_deref(), Some("10"));
        assert_eq!(get("a.b.1.c").as_deref(), Some("1"));
        assert_eq!(get(r"a\.b").as_deref(), Some("2"));
        assert_eq!(get("a.b.9"), None);
        assert_eq!(get("a.x"), None);
        assert_eq!(get("a.b.0.x"), None);
        assert!(FieldPath::parse("a..b").is_err());
        assert!(FieldPath::parse("").is_err());
    }
}
