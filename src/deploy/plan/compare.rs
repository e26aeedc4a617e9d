//! Comparing a design document of the project with the one on the server, as CouchDB stores them.
//!
//! Whether an index survives is for its signature to say; here every difference is found and named. Two
//! design documents that differ only in the order of members, or in `1` and `1.0`, where neither a
//! function nor an index can tell, are the same.

use serde::{Deserialize, Serialize};

use super::attachments;
use super::search::SearchKind;
use crate::design::term::Term;
use crate::design::{has_query_server, signature};
use crate::engine::same_syntax;
use crate::json::{Map, Value, is_integer};
use crate::project::{COUCHAPP_BOOKKEEPING, holds_function};

/// How a member differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// The project has it, the server does not.
    Added,
    /// The server has it, the project does not.
    Removed,
    /// Both have it, and they differ.
    Changed,
    /// Its members stand in another order, and its index depends on that order.
    Reordered,
    /// A function that differs in white space, comments and the like: the syntax trees are equal.
    Formatting,
    /// Stored differently, but neither a function nor an index can tell: the order of members, or `1`
    /// and `1.0`.
    Restated,
}

impl Change {
    /// Whether it makes a push put the design document even without `--exact`.
    #[must_use]
    pub fn is_real(self) -> bool {
        !matches!(self, Self::Formatting | Self::Restated)
    }
}

/// A member that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct MemberChange {
    /// The names on the way to it, outermost first; empty for the design document itself.
    pub path: Vec<String>,
    /// How it differs.
    pub change: Change,
    /// What the server has; of an attachment what its stub says.
    pub before: Option<Value>,
    /// What the project has; of an attachment the same members as a stub.
    pub after: Option<Value>,
}

/// All differences between the server's design document and the project's, in the project's order.
#[must_use]
pub fn changes(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<MemberChange> {
    let javascript = is_javascript(before) && is_javascript(after);
    let mut walk = Walk { javascript, path: Vec::new(), changes: Vec::new() };
    walk.members(before, after);
    let mut changes = walk.changes;
    if !changes.iter().any(|change| change.change.is_real() && is_covered(&change.path))
        && let Some(path) = reordered(before, &merged(before, after, &changes, is_covered))
    {
        changes.retain(|change| change.change != Change::Restated || change.path != path);
        let value = |body| member(body, &path).cloned();
        let (before, after) = (value(before), value(after));
        changes.push(MemberChange { path, change: Change::Reordered, before, after });
    }
    attachments::changes(before, after, &mut changes);
    changes
}

/// The project's design document with the server's text in place of functions that differ only in
/// formatting, where `keeps` says so of their path.
pub(super) fn merged(
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    changes: &[MemberChange],
    keeps: impl Fn(&[String]) -> bool,
) -> Map<String, Value> {
    let mut merged = after.clone();
    for change in changes {
        if change.change == Change::Formatting
            && keeps(&change.path)
            && let Some(old) = member(before, &change.path)
            && let Some(place) = member_mut(&mut merged, &change.path)
        {
            place.clone_from(old);
        }
    }
    merged
}

/// Whether the signature of the index covers the member at this path.
pub(super) fn is_covered(path: &[String]) -> bool {
    matches!(path.first().map(String::as_str), Some("views" | "options" | "language"))
}

/// Whether the member at this path defines a search index.
pub(super) fn is_search(path: &[String]) -> bool {
    path.first().is_some_and(|first| SearchKind::ALL.iter().any(|kind| kind.member() == first))
}

fn is_javascript(body: &Map<String, Value>) -> bool {
    match body.get("language").and_then(Value::as_str) {
        None => true,
        Some(language) => {
            has_query_server(language) && language.to_ascii_lowercase().starts_with("javascript")
        }
    }
}

/// The member at a path.
pub(super) fn member<'a>(body: &'a Map<String, Value>, path: &[String]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(body.get(first)?, |value, name| value.get(name))
}

fn member_mut<'a>(body: &'a mut Map<String, Value>, path: &[String]) -> Option<&'a mut Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(body.get_mut(first)?, |value, name| value.get_mut(name))
}

struct Walk {
    javascript: bool,
    path: Vec<String>,
    changes: Vec<MemberChange>,
}

impl Walk {
    fn members(&mut self, before: &Map<String, Value>, after: &Map<String, Value>) {
        let compared = |name: &&String| !name.starts_with('_') || !self.path.is_empty();
        let names: Vec<&String> = after.keys().filter(compared).collect();
        let gone: Vec<&String> =
            before.keys().filter(compared).filter(|name| !after.contains_key(*name)).collect();
        let common = |members: &Map<String, Value>, others: &Map<String, Value>| {
            let common = members.keys().filter(|name| others.contains_key(*name));
            common.cloned().collect::<Vec<_>>()
        };
        if common(before, after) != common(after, before) {
            self.note(Change::Restated, None, None);
        }
        for name in names {
            self.path.push(name.clone());
            self.member(before.get(name), after.get(name));
            self.path.pop();
        }
        for name in gone {
            self.path.push(name.clone());
            self.member(before.get(name), None);
            self.path.pop();
        }
    }

    fn member(&mut self, before: Option<&Value>, after: Option<&Value>) {
        let change = match (before, after) {
            (Some(Value::Object(before)), Some(Value::Object(after))) => {
                return self.members(before, after);
            }
            (Some(before), Some(after)) if Term::from(before) == Term::from(after) => return,
            (Some(before), Some(after)) => self.kind(before, after),
            // Each function of a new member is worth a line of its own.
            (None, Some(Value::Object(members))) if !members.is_empty() && self.path.len() < 3 => {
                return self.members(&Map::new(), members);
            }
            (Some(Value::Object(members)), None)
                if !members.is_empty() && self.path.len() < 3 && !is_bookkeeping(&self.path) =>
            {
                return self.members(members, &Map::new());
            }
            (None, Some(_)) => Change::Added,
            (Some(_), None) if is_bookkeeping(&self.path) => Change::Restated,
            (Some(_), None) => Change::Removed,
            (None, None) => return,
        };
        self.note(change, before, after);
    }

    /// How two values differ that are no equal terms.
    fn kind(&self, before: &Value, after: &Value) -> Change {
        if let (Value::String(before), Value::String(after)) = (before, after) {
            let builtin = |source: &str| source.trim_start().starts_with('_');
            let is_code = holds_function(&self.path) || is_module(&self.path);
            let formatted = is_code
                && self.javascript
                && !builtin(before)
                && !builtin(after)
                && same_syntax(before, after);
            return if formatted { Change::Formatting } else { Change::Changed };
        }
        let exact = is_covered(&self.path) || is_search(&self.path);
        if !exact && same_meaning(before, after) { Change::Restated } else { Change::Changed }
    }

    fn note(&mut self, change: Change, before: Option<&Value>, after: Option<&Value>) {
        self.changes.push(MemberChange {
            path: self.path.clone(),
            change,
            before: before.cloned(),
            after: after.cloned(),
        });
    }
}

/// Whether the member at this path is what couchapp noted about a push of its own.
fn is_bookkeeping(path: &[String]) -> bool {
    match path {
        [couchapp, name] => couchapp == "couchapp" && COUCHAPP_BOOKKEEPING.contains(&name.as_str()),
        _ => false,
    }
}

/// Whether the member at this path is the source of a module that functions `require`.
fn is_module(path: &[String]) -> bool {
    match path {
        [views, lib, _, ..] if views == "views" => lib == "lib",
        [lib, _, ..] => lib == "lib",
        _ => false,
    }
}

/// Whether no JavaScript function could tell two values apart.
fn same_meaning(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            let (left, right) = (left.as_str(), right.as_str());
            left == right
                || !(is_integer(left) && is_integer(right))
                    && left.parse::<f64>().ok() == right.parse::<f64>().ok()
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|(left, right)| same_meaning(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(name, left)| {
                    right.get(name).is_some_and(|right| same_meaning(left, right))
                })
        }
        _ => left == right,
    }
}

/// Where the order of members makes another index, given that nothing else does.
fn reordered(before: &Map<String, Value>, after: &Map<String, Value>) -> Option<Vec<String>> {
    if signature(before) == signature(after) {
        return None;
    }
    let differs = |path: &[String]| {
        let term = |body| member(body, path).map(Term::from);
        term(before) != term(after)
    };
    let options = vec!["options".to_owned()];
    if differs(&options) {
        return Some(options);
    }
    let views = after.get("views").and_then(Value::as_object);
    for view in views.into_iter().flat_map(Map::keys) {
        for part in ["options", "map"] {
            let path = vec!["views".to_owned(), view.clone(), part.to_owned()];
            if differs(&path) {
                return Some(path);
            }
        }
    }
    Some(vec!["views".to_owned()])
}
