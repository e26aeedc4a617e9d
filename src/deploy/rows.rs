//! Which rows of which documents a changed map function would change: the old and the new one run over the
//! same documents.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::plan::{DesignPlan, ServerDesign};
use crate::engine::Engine;
use crate::group::{GroupDefinition, GroupDocument, ViewGroup};
use crate::json::{Map, Value, parse_str, to_string};

/// A row, without its document's id.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Emitted {
    /// The key.
    pub key: Value,
    /// The value.
    pub value: Value,
}

/// What changes in the rows of one document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DocumentChange {
    /// Its id.
    pub id: String,
    /// Rows that only the server's function emits.
    pub removed: Vec<Emitted>,
    /// Rows that only the project's function emits.
    pub added: Vec<Emitted>,
}

/// What changes in the rows of a view.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ViewRows {
    /// The design document's id.
    pub design: String,
    /// The view.
    pub view: String,
    /// How many documents were looked at.
    pub documents: usize,
    /// The documents whose rows change, by id.
    pub changed: Vec<DocumentChange>,
    /// Why there is nothing to compare: a function does not compile, or fails at a document.
    pub failure: Option<String>,
}

/// Compares the rows of all views of a changed design document that have a map function before and after,
/// unless nothing that makes their rows differs.
#[must_use]
pub fn row_changes(
    engine: &mut Engine,
    current: &ServerDesign,
    plan: &DesignPlan,
    partitioned: bool,
    documents: &[Value],
) -> Vec<ViewRows> {
    let Some(body) = &plan.body else { return Vec::new() };
    let views = compared(&current.body, body);
    if views.is_empty() {
        return Vec::new();
    }
    let documents: Vec<GroupDocument> = documents
        .iter()
        .filter_map(|document| {
            let id: Arc<str> = document.get("_id")?.as_str()?.into();
            Some(GroupDocument { id, shard: 0, text: to_string(document).into() })
        })
        .collect();
    let outcome = rows(engine, &current.body, partitioned, &documents)
        .and_then(|before| Ok((before, rows(engine, body, partitioned, &documents)?)));
    views
        .into_iter()
        .map(|view| {
            let (changed, failure) = match &outcome {
                Ok((before, after)) => {
                    let of = |rows: &Rows| rows.get(&view).cloned().unwrap_or_default();
                    (difference(&of(before), &of(after)), None)
                }
                Err(failure) => (Vec::new(), Some(failure.clone())),
            };
            let (design, documents) = (plan.id.clone(), documents.len());
            ViewRows { design, view, documents, changed, failure }
        })
        .collect()
}

/// The views that both have and whose rows may differ.
fn compared(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<String> {
    let views = |body: &Map<String, Value>| body.get("views").and_then(Value::as_object).cloned();
    let (Some(before_views), Some(after_views)) = (views(before), views(after)) else {
        return Vec::new();
    };
    let same_for_all = before_views.get("lib") == after_views.get("lib")
        && before.get("options") == after.get("options")
        && before.get("language") == after.get("language");
    after_views
        .iter()
        .filter(|(name, after)| {
            let maps = (before_views.get(*name).and_then(|view| view.get("map")), after.get("map"));
            matches!(maps, (Some(before), Some(after)) if before != after || !same_for_all)
        })
        .map(|(name, _)| name.clone())
        .collect()
}

/// Keys and values as texts, by document.
type DocumentRows = BTreeMap<Arc<str>, Vec<(Box<str>, Box<str>)>>;

/// The rows by view.
type Rows = BTreeMap<String, DocumentRows>;

fn rows(
    engine: &mut Engine,
    body: &Map<String, Value>,
    partitioned: bool,
    documents: &[GroupDocument],
) -> Result<Rows, String> {
    let mut definition = GroupDefinition::new(body);
    for view in &mut definition.views {
        view.reduce = None;
    }
    let group = ViewGroup::build(engine, definition, 1, partitioned, documents.to_vec()).map_err(
        |failure| match &failure.document {
            Some(document) => format!("at document `{document}`: {failure}"),
            None => failure.to_string(),
        },
    )?;
    let mut rows = Rows::new();
    for view in &group.definition().views {
        let of_view = rows.entry(view.name.clone()).or_default();
        for row in group.index_of(view.map).shards().iter().flatten() {
            let pair = (row.key.clone(), row.value.clone());
            of_view.entry(Arc::clone(&row.id)).or_default().push(pair);
        }
    }
    Ok(rows)
}

fn difference(before: &DocumentRows, after: &DocumentRows) -> Vec<DocumentChange> {
    let ids: std::collections::BTreeSet<&Arc<str>> = before.keys().chain(after.keys()).collect();
    ids.into_iter()
        .filter_map(|id| {
            let of = |rows: &DocumentRows| rows.get(id).cloned().unwrap_or_default();
            let (removed, added) = (without(of(before), of(after)), without(of(after), of(before)));
            let emitted = |rows: Vec<(Box<str>, Box<str>)>| {
                let read = |text: &str| parse_str(text).unwrap_or_default();
                rows.iter()
                    .map(|(key, value)| Emitted { key: read(key), value: read(value) })
                    .collect()
            };
            (!removed.is_empty() || !added.is_empty()).then(|| DocumentChange {
                id: id.to_string(),
                removed: emitted(removed),
                added: emitted(added),
            })
        })
        .collect()
}

/// The rows that are left when each of `others` takes away one like it.
fn without<T: PartialEq>(rows: Vec<T>, mut others: Vec<T>) -> Vec<T> {
    rows.into_iter()
        .filter(|row| match others.iter().position(|other| other == row) {
            Some(found) => {
                others.swap_remove(found);
                false
            }
            None => true,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Limits, Profile};

    fn body(map: &str) -> Map<String, Value> {
        let views = serde_json::json!({
            "views": { "v": { "map": map, "reduce": "_sum" }, "same": { "map": "function (doc) { emit(1); }" } }
        });
        views.as_object().cloned().expect("an object")
    }

    fn changes(before: &str, after: &str) -> Vec<ViewRows> {
        let current = ServerDesign {
            id: "_design/d".to_owned(),
            rev: "1-a".parse().expect("a revision"),
            body: body(before),
            conflicts: Vec::new(),
            index: None,
        };
        let server = super::super::plan::ServerDatabase {
            name: "db".to_owned(),
            exists: true,
            designs: vec![current.clone()],
            ..Default::default()
        };
        let mut database = crate::project::Database {
            name: "db".to_owned(),
            key: "db".to_owned(),
            folder: "db".into(),
            config: crate::project::DatabaseConfig::default(),
            designs: Vec::new(),
            schemas: Vec::new(),
            suites: Vec::new(),
            schema_suites: Vec::new(),
            documents: Vec::new(),
            security: None,
        };
        database.designs.push(crate::design::DesignDocument {
            id: "_design/d".to_owned(),
            body: body(after),
            sources: crate::design::Sources::default(),
        });
        let target = super::super::plan::Target { database: &database, security: None };
        let plan = super::super::plan::DatabasePlan::new(
            target,
            &server,
            super::super::plan::Options::default(),
        );
        let documents = [r#"{"_id":"a","_rev":"1-a","n":1}"#, r#"{"_id":"b","_rev":"1-a","n":2}"#];
        let documents: Vec<Value> =
            documents.iter().map(|text| parse_str(text).expect("JSON")).collect();
        let mut engine = Engine::new(Profile::default(), Limits::default());
        row_changes(&mut engine, &current, &plan.designs[0], false, &documents)
    }

    #[test]
    fn rows_that_differ() {
        let found = changes(
            "function (doc) { emit(doc.n, 1); emit(doc.n, 1); }",
            "function (doc) { emit(doc.n, 1); if (doc.n > 1) { emit(doc.n, 2); } else { emit(doc.n, 1); } }",
        );
        let [view] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((view.view.as_str(), view.documents, view.changed.len()), ("v", 2, 1));
        let row = |value: u64| Emitted { key: Value::from(2), value: Value::from(value) };
        assert_eq!(
            view.changed[0],
            DocumentChange { id: "b".to_owned(), removed: vec![row(1)], added: vec![row(2)] }
        );
    }

    #[test]
    fn what_cannot_be_compared() {
        assert_eq!(changes("function (doc) {}", "function (doc) {}"), []);
        let found = changes("function (doc) { emit(1); }", "function (doc) {");
        assert!(
            found[0].failure.as_ref().is_some_and(|failure| failure.contains("compilation_error"))
        );
        assert_eq!(found[0].changed, []);
    }
}
