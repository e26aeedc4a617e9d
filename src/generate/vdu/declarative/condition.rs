//! Conditions on a value and its parts, and the selectors they become.

use serde_json::json;

use crate::json::{Map, Value};

/// A condition. What it says of a path is only meant where the path leads to a value; whoever negates one
/// has said before that it does.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    /// There is a value at the path, or none.
    Exists(Path, bool),
    /// The operator holds for the value at the path, or does not.
    Is(Path, Value, bool),
}

/// A path as selectors write it; empty for the value itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path(pub(super) String);

impl Path {
    /// The path to a member or an item; `None` where a selector has no name for it.
    pub(super) fn child(&self, name: &str) -> Option<Self> {
        if name.is_empty() || name.starts_with('$') || name.contains('\\') {
            return None;
        }
        let name = name.replace('.', "\\.");
        Some(Self(match self.0.as_str() {
            "" => name,
            path => format!("{path}.{name}"),
        }))
    }

    pub(super) fn item(&self, index: usize) -> Self {
        Self(match self.0.as_str() {
            "" => index.to_string(),
            path => format!("{path}.{index}"),
        })
    }

    pub(super) fn is(&self, operator: &str, argument: impl Into<Value>) -> Condition {
        let operator = Map::from_iter([(operator.to_owned(), argument.into())]);
        Condition::Is(self.clone(), operator.into(), true)
    }

    pub(super) fn exists(&self) -> Condition {
        Condition::Exists(self.clone(), true)
    }
}

impl Condition {
    pub(super) const TRUE: Self = Self::All(Vec::new());
    pub(super) const FALSE: Self = Self::Any(Vec::new());

    pub(super) fn all(conditions: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Vec::new();
        for condition in conditions {
            match condition {
                Self::All(inner) => all.extend(inner),
                Self::Any(inner) if inner.is_empty() => return Self::FALSE,
                other => all.push(other),
            }
        }
        if all.len() == 1 { all.remove(0) } else { Self::All(all) }
    }

    pub(super) fn any(conditions: impl IntoIterator<Item = Self>) -> Self {
        let mut any = Vec::new();
        for condition in conditions {
            match condition {
                Self::Any(inner) => any.extend(inner),
                Self::All(inner) if inner.is_empty() => return Self::TRUE,
                other => any.push(other),
            }
        }
        if any.len() == 1 { any.remove(0) } else { Self::Any(any) }
    }

    /// The opposite, with negations at the operators: a selector's `$not` around more than one is moved
    /// there by CouchDB, too.
    pub(super) fn negated(self) -> Self {
        match self {
            Self::All(all) => Self::any(all.into_iter().map(Self::negated)),
            Self::Any(any) => Self::all(any.into_iter().map(Self::negated)),
            Self::Exists(path, exists) => Self::Exists(path, !exists),
            Self::Is(path, operator, holds) => Self::Is(path, operator, !holds),
        }
    }

    /// The selector, for the value at `base` and its parts.
    pub(super) fn selector(&self, base: &Path) -> Value {
        match self {
            Self::All(all) if all.is_empty() => at(base, json!({ "$exists": true })),
            Self::Any(any) if any.is_empty() => at(base, json!({ "$exists": false })),
            Self::All(all) => {
                let all: Vec<Value> = all.iter().map(|one| one.selector(base)).collect();
                conjunction(&all)
            }
            Self::Any(any) => {
                let any: Vec<Value> = any.iter().map(|one| one.selector(base)).collect();
                json!({ "$or": any })
            }
            Self::Exists(path, exists) => at(path, json!({ "$exists": exists })),
            Self::Is(path, operator, true) => at(path, operator.clone()),
            Self::Is(path, operator, false) => at(path, json!({ "$not": operator })),
        }
    }

    /// How many conditions it has.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::All(inner) | Self::Any(inner) => inner.iter().map(Self::size).sum(),
            Self::Exists(..) | Self::Is(..) => 1,
        }
    }
}

fn at(path: &Path, operator: Value) -> Value {
    match path.0.as_str() {
        "" => operator,
        path => Map::from_iter([(path.to_owned(), operator)]).into(),
    }
}

/// Conditions with names of their own become members of one object, which reads better than `$and`.
fn conjunction(all: &[Value]) -> Value {
    let mut merged = Map::new();
    for (name, value) in all.iter().filter_map(Value::as_object).flatten() {
        merged.insert(name.clone(), value.clone());
    }
    let count: usize = all.iter().filter_map(Value::as_object).map(Map::len).sum();
    if merged.len() == count { merged.into() } else { json!({ "$and": all }) }
}
