//! A design document: its members in order, and where each came from.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::signature::{DEFAULT_LANGUAGE, signature};
use super::validate::SaveError;
use crate::json::{Map, Value};

/// Where a member came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The file, as a path below the project's root where possible.
    pub path: PathBuf,
    /// The line of the file, counted from 1, that the member's first line is.
    pub line: usize,
}

/// The sources of a design document's members, by the names on the way to them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources(BTreeMap<Vec<String>, Source>);

impl Sources {
    /// Notes where a member came from.
    pub fn insert(&mut self, member: Vec<String>, source: Source) {
        self.0.insert(member, source);
    }

    /// Where a member came from: its own file, or the one of the nearest member around it.
    #[must_use]
    pub fn get<S: AsRef<str>>(&self, member: &[S]) -> Option<&Source> {
        let mut names: Vec<String> = member.iter().map(|name| name.as_ref().to_owned()).collect();
        loop {
            if let Some(source) = self.0.get(&names) {
                return Some(source);
            }
            names.pop()?;
        }
    }

    /// All sources, ordered by member.
    pub fn iter(&self) -> impl Iterator<Item = (&[String], &Source)> {
        self.0.iter().map(|(member, source)| (member.as_slice(), source))
    }
}

/// A design document.
#[derive(Debug, Clone, PartialEq)]
pub struct DesignDocument {
    /// Its id, `_design/` included.
    pub id: String,
    /// Its members in order, without `_id` and `_rev`; attachments stand in `_attachments` as
    /// CouchDB takes them inline.
    pub body: Map<String, Value>,
    /// Where its members came from; empty when it came from a server.
    pub sources: Sources,
}

/// A view of a design document.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its map: a source, or an object in a Mango design document.
    pub map: &'a Value,
    /// Its reduce: a source, or the name of a built-in one.
    pub reduce: Option<&'a str>,
    /// Its options.
    pub options: Option<&'a Map<String, Value>>,
}

impl DesignDocument {
    /// A design document from what a server or a file holds, its `_id` among the members.
    ///
    /// # Errors
    /// With the value itself when it is no object whose `_id` starts with `_design/`.
    pub fn from_value(value: Value) -> Result<Self, Value> {
        let is_design = |members: &Map<String, Value>| {
            members.get("_id").and_then(Value::as_str).is_some_and(|id| id.starts_with("_design/"))
        };
        match value {
            Value::Object(mut body) if is_design(&body) => {
                body.shift_remove("_rev");
                match body.shift_remove("_id") {
                    Some(Value::String(id)) => Ok(Self { id, body, sources: Sources::default() }),
                    _ => Err(Value::Object(body)),
                }
            }
            other => Err(other),
        }
    }

    /// The whole document: `_id` first, then the members in order.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let id = [("_id".to_owned(), Value::String(self.id.clone()))];
        let members = self.body.iter().map(|(name, member)| (name.clone(), member.clone()));
        Value::Object(id.into_iter().chain(members).collect())
    }

    /// Its name: the id without `_design/`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.id.strip_prefix("_design/").unwrap_or(&self.id)
    }

    /// The language of its functions; `javascript` unless it says otherwise.
    #[must_use]
    pub fn language(&self) -> &str {
        self.body.get("language").and_then(Value::as_str).unwrap_or(DEFAULT_LANGUAGE)
    }

    /// Its views in order: the members of `views` that have a map.
    pub fn views(&self) -> impl Iterator<Item = View<'_>> {
        self.members("views").filter_map(|(name, view)| {
            Some(View {
                name,
                map: view.get("map")?,
                reduce: view.get("reduce").and_then(Value::as_str),
                options: view.get("options").and_then(Value::as_object),
            })
        })
    }

    /// The view of this name.
    #[must_use]
    pub fn view(&self, name: &str) -> Option<View<'_>> {
        self.views().find(|view| view.name == name)
    }

    /// The modules that map functions can `require` (`views.lib`).
    #[must_use]
    pub fn lib(&self) -> Option<&Map<String, Value>> {
        self.body.get("views")?.get("lib")?.as_object()
    }

    /// The design document's own options.
    #[must_use]
    pub fn options(&self) -> Option<&Map<String, Value>> {
        self.body.get("options")?.as_object()
    }

    /// The source of its validation function.
    #[must_use]
    pub fn validate_doc_update(&self) -> Option<&str> {
        self.body.get("validate_doc_update")?.as_str()
    }

    /// The selector that stands in the place of its validation function, as CouchDB after 3.5.2 lets design
    /// documents of the language `query` have one (`mango_native_proc`).
    #[must_use]
    pub fn selector(&self) -> Option<&Value> {
        let member = self.body.get("validate_doc_update").filter(|member| member.is_object());
        member.filter(|_| self.language() == "query")
    }

    /// The design document without such a selector, which releases up to 3.5.2 refuse to save.
    #[must_use]
    pub fn without_selector(mut self) -> Self {
        if self.selector().is_some() {
            self.body.shift_remove("validate_doc_update");
        }
        self
    }

    /// Names and sources of its filter functions.
    pub fn filters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.functions("filters")
    }

    /// Names and sources of its update functions.
    pub fn updates(&self) -> impl Iterator<Item = (&str, &str)> {
        self.functions("updates")
    }

    /// Names and sources of its show functions.
    pub fn shows(&self) -> impl Iterator<Item = (&str, &str)> {
        self.functions("shows")
    }

    /// Names and sources of its list functions.
    pub fn lists(&self) -> impl Iterator<Item = (&str, &str)> {
        self.functions("lists")
    }

    /// Its rewrites: an array of rules, or the source of a function.
    #[must_use]
    pub fn rewrites(&self) -> Option<&Value> {
        self.body.get("rewrites")
    }

    /// Names and definitions of its Clouseau search indexes.
    pub fn indexes(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.members("indexes")
    }

    /// Names and definitions of its Nouveau search indexes.
    pub fn nouveau(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.members("nouveau")
    }

    /// Names and definitions of its attachments, as in `_attachments`.
    pub fn attachments(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.members("_attachments")
    }

    /// The signature of its index.
    #[must_use]
    pub fn signature(&self) -> String {
        signature(&self.body)
    }

    /// Where the member at fault came from.
    #[must_use]
    pub fn source_of(&self, error: &SaveError) -> Option<&Source> {
        self.sources.get(&error.member)
    }

    fn members(&self, name: &str) -> impl Iterator<Item = (&str, &Value)> {
        let members = self.body.get(name).and_then(Value::as_object);
        members.into_iter().flatten().map(|(name, member)| (name.as_str(), member))
    }

    fn functions(&self, name: &str) -> impl Iterator<Item = (&str, &str)> {
        self.members(name).filter_map(|(name, function)| Some((name, function.as_str()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse_str;

    fn design(text: &str) -> DesignDocument {
        DesignDocument::from_value(parse_str(text).expect("JSON")).expect("a design document")
    }

    #[test]
    fn members_are_found_by_kind() {
        let design = design(
            r#"{"_rev":"1-a","views":{"lib":{"x":"1"},"v":{"map":"m","reduce":"_sum","options":{"collation":"raw"}}},
                "_id":"_design/d/e","language":"query","filters":{"f":"s","o":{}},"validate_doc_update":"u"}"#,
        );
        assert_eq!(
            (design.id.as_str(), design.name(), design.language()),
            ("_design/d/e", "d/e", "query")
        );
        let names: Vec<_> = design.views().map(|view| (view.name, view.reduce)).collect();
        assert_eq!(names, [("v", Some("_sum"))]);
        assert!(design.view("v").is_some_and(|view| view.options.is_some()));
        assert!(design.view("lib").is_none());
        assert_eq!(design.lib().map(Map::len), Some(1));
        assert_eq!(design.filters().collect::<Vec<_>>(), [("f", "s")]);
        assert_eq!(design.validate_doc_update(), Some("u"));
        assert_eq!(design.shows().chain(design.lists()).chain(design.updates()).count(), 0);
        assert_eq!(design.body.keys().next().map(String::as_str), Some("views"));
        assert_eq!(design.to_value()["_id"], "_design/d/e");
    }

    #[test]
    fn other_documents_are_refused() {
        for other in [r#"{"_id":"a"}"#, r#"{"a":1}"#, "[]", r#"{"_id":5}"#] {
            let value = parse_str(other).expect("JSON");
            assert_eq!(DesignDocument::from_value(value.clone()), Err(value));
        }
    }

    #[test]
    fn a_source_is_inherited_from_the_member_around() {
        let mut sources = Sources::default();
        let whole = Source { path: "d.json".into(), line: 1 };
        let map = Source { path: "map.js".into(), line: 3 };
        sources.insert(Vec::new(), whole.clone());
        sources.insert(vec!["views".into(), "v".into(), "map".into()], map.clone());
        assert_eq!(sources.get(&["views", "v", "map"]), Some(&map));
        assert_eq!(sources.get(&["views", "w"]), Some(&whole));
        assert_eq!(Sources::default().get(&["a"]), None);
        assert_eq!(sources.iter().count(), 2);
    }
}
