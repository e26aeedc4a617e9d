//! A query of `_find`: what it asks, which index it uses, in which order documents come
//! (`mango_opts`, `mango_cursor`).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::super::super::failure::Failure;
use super::index::{Index, design_id, sort_field};
use crate::json::{Map, Value};
use crate::mango::{FieldPath, Selector};
use crate::view::collation::{Collation, write_sort_key};

/// Documents of a page, unless told otherwise.
const DEFAULT_LIMIT: usize = 25;

/// A query.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) selector: Selector,
    pub(super) given_selector: Value,
    pub(super) fields: Option<Vec<String>>,
    sort: Vec<(String, String)>,
    pub(super) limit: usize,
    pub(super) skip: usize,
    /// The index to use: a design document, perhaps with a name.
    use_index: Vec<String>,
    /// Where an earlier page ended.
    after: usize,
    pub(super) conflicts: bool,
    pub(super) execution_stats: bool,
    /// The start of the ids of a partition.
    pub(super) partition: Option<String>,
}

/// The index that a query uses.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) index: Index,
    pub(super) warning: Option<String>,
}

fn invalid(name: &str, value: &Value, wanted: &str) -> Failure {
    let reason = format!("Invalid {wanted} for option {name}: {}", crate::view::term_text(value));
    Failure::new(400, format!("invalid_{}", wanted.replace(' ', "_")), reason)
}

impl Query {
    pub(super) fn new(body: &Map<String, Value>, partition: Option<&str>) -> Result<Self, Failure> {
        let Some(given_selector) = body.get("selector") else {
            let reason = "Missing required key: selector";
            return Err(Failure::new(400, "missing_required_key", reason));
        };
        if !given_selector.is_object() {
            return Err(Failure::new(
                400,
                "invalid_selector_json",
                "Selector must be a JSON object",
            ));
        }
        let number = |name: &str, default: usize| match body.get(name) {
            None => Ok(default),
            Some(value) => {
                let number = value.as_u64().and_then(|number| usize::try_from(number).ok());
                number.ok_or_else(|| invalid(name, value, "value"))
            }
        };
        let flag = |name: &str| body.get(name) == Some(&Value::Bool(true));
        let texts = |value: &Value| -> Vec<String> {
            let items = value.as_array().into_iter().flatten();
            items.filter_map(|item| item.as_str().map(str::to_owned)).collect()
        };
        let fields = body.get("fields").map(texts).filter(|fields| !fields.is_empty());
        let sort = body.get("sort").and_then(Value::as_array).into_iter().flatten();
        let sort = sort.map(sort_field).collect::<Result<Vec<_>, _>>()?;
        let use_index = match body.get("use_index") {
            Some(Value::String(design)) => vec![design.clone()],
            Some(list) => texts(list),
            None => Vec::new(),
        };
        let bookmark = body.get("bookmark").and_then(Value::as_str);
        let after = match bookmark.filter(|bookmark| !matches!(*bookmark, "nil" | "")) {
            None => 0,
            Some(bookmark) => place(bookmark).ok_or_else(|| {
                let reason = format!("Invalid bookmark value: {bookmark}");
                Failure::new(400, "invalid_bookmark", reason)
            })?,
        };
        let inside = body.get("partition").and_then(Value::as_str);
        Ok(Self {
            selector: Selector::parse(given_selector)?,
            given_selector: given_selector.clone(),
            fields,
            sort,
            limit: number("limit", DEFAULT_LIMIT)?,
            skip: number("skip", 0)?,
            use_index,
            after,
            conflicts: flag("conflicts"),
            execution_stats: flag("execution_stats"),
            partition: partition.or(inside).map(|partition| format!("{partition}:")),
        })
    }

    /// Chooses an index: the one that was asked for, where it fits, or else the one that fits best.
    pub(super) fn choose(&self, indexes: Vec<Index>) -> Result<Choice, Failure> {
        let fits = |index: &Index| {
            let has = |(field, _): &(String, String)| requires(&self.given_selector, field);
            index.fields.iter().all(has) && !index.fields.is_empty() && self.can_sort_by(index)
        };
        let asked = |index: &Index| {
            let design = self.use_index.first().map(|design| design_id(design));
            let name = self.use_index.get(1);
            design == index.design && name.is_none_or(|name| *name == index.name)
        };
        let mut warning = None;
        if !self.use_index.is_empty() {
            let found = indexes.iter().find(|index| asked(index) && fits(index));
            if let Some(index) = found {
                return Ok(Choice { index: index.clone(), warning });
            }
            let named = self.use_index.join(", ");
            warning = Some(format!(
                "{named} was not used because it does not contain a valid index for this query."
            ));
        }
        let usable = indexes
            .iter()
            .filter(|index| !index.is_special() && index.partial.is_none() && fits(index));
        if let Some(index) = usable.min_by_key(|index| index.fields.len()) {
            return Ok(Choice { index: index.clone(), warning });
        }
        if !self.sort.iter().all(|(field, _)| field == "_id") {
            return Err(Failure::new(
                400,
                "no_usable_index",
                "No index exists for this sort, try indexing by the sort fields.",
            ));
        }
        let special = indexes.into_iter().find(Index::is_special);
        let index = special.ok_or_else(|| Failure::internal("no list of all documents"))?;
        let by_id = requires(&self.given_selector, "_id");
        let none = "No matching index found, create an index to optimize query time.";
        let warning = warning.or_else(|| (!by_id).then(|| none.to_owned()));
        Ok(Choice { index, warning })
    }

    /// Whether the order of an index is the one asked for: fields before it must be fixed.
    fn can_sort_by(&self, index: &Index) -> bool {
        let wanted: Vec<&str> = self.sort.iter().map(|(field, _)| field.as_str()).collect();
        let mut fields: Vec<&str> = index.fields.iter().map(|(field, _)| field.as_str()).collect();
        loop {
            if fields.starts_with(&wanted) {
                return true;
            }
            let Some(first) = fields.first() else { return false };
            if !is_fixed(&self.given_selector, first) {
                return false;
            }
            fields.remove(0);
        }
    }

    /// Puts documents, which come by id, in the order of the index.
    pub(super) fn sort(&self, index: &Index, documents: &mut [Value]) {
        let paths: Vec<FieldPath> =
            index.fields.iter().filter_map(|(field, _)| FieldPath::parse(field).ok()).collect();
        let key = |document: &Value| {
            let mut key = Vec::new();
            for path in &paths {
                let value = path.get(document).cloned().unwrap_or_default();
                write_sort_key(&value, Collation::Icu, &mut key);
            }
            key
        };
        if !index.is_special() {
            documents.sort_by_cached_key(key);
        }
        if self.sort.first().is_some_and(|(_, direction)| direction == "desc") {
            documents.reverse();
        }
    }

    /// The first document of the page.
    pub(super) fn start(&self) -> usize {
        self.after.saturating_add(self.skip)
    }

    /// Where the next page starts.
    pub(super) fn bookmark(&self, shown: usize) -> String {
        if shown == 0 {
            return String::from("nil");
        }
        URL_SAFE_NO_PAD.encode(format!("couchctl:{}", self.start() + shown))
    }

    /// A document as it is shown: some of its fields, or all.
    pub(super) fn shown(&self, document: &Value) -> Value {
        let Some(fields) = &self.fields else { return document.clone() };
        let mut shown = Value::Object(Map::new());
        for field in fields {
            let parts: Vec<&str> = field.split('.').collect();
            let path = FieldPath::parse(field).ok();
            if let Some(value) = path.and_then(|path| path.get(document).cloned()) {
                put(&mut shown, &parts, value);
            }
        }
        shown
    }
}

fn put(place: &mut Value, parts: &[&str], value: Value) {
    let (Value::Object(members), [first, rest @ ..]) = (place, parts) else { return };
    if rest.is_empty() {
        members.insert((*first).to_owned(), value);
        return;
    }
    let inner = members.entry(*first).or_insert_with(|| Value::Object(Map::new()));
    put(inner, rest, value);
}

fn place(bookmark: &str) -> Option<usize> {
    let bytes = URL_SAFE_NO_PAD.decode(bookmark).ok()?;
    String::from_utf8(bytes).ok()?.strip_prefix("couchctl:")?.parse().ok()
}

/// Whether only documents with the field match a selector (`mango_selector:has_required_fields`).
fn requires(selector: &Value, field: &str) -> bool {
    let Some(members) = selector.as_object() else { return false };
    members.iter().any(|(name, condition)| match name.as_str() {
        "$and" => condition.as_array().into_iter().flatten().any(|part| requires(part, field)),
        "$or" => {
            let parts = condition.as_array();
            parts.is_some_and(|parts| {
                !parts.is_empty() && parts.iter().all(|part| requires(part, field))
            })
        }
        name if name.starts_with('$') => false,
        name if name == field => condition.get("$exists") != Some(&Value::Bool(false)),
        // `{"a": {"b": …}}` is about `a.b`.
        name => field
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix('.'))
            .is_some_and(|rest| condition.is_object() && requires(condition, rest)),
    })
}

/// Whether all documents that match have the same value of the field.
fn is_fixed(selector: &Value, field: &str) -> bool {
    let Some(members) = selector.as_object() else { return false };
    members.iter().any(|(name, condition)| match name.as_str() {
        "$and" => condition.as_array().into_iter().flatten().any(|part| is_fixed(part, field)),
        name => {
            name == field
                && match condition {
                    Value::Object(members) => members.contains_key("$eq"),
                    _ => true,
                }
        }
    })
}
