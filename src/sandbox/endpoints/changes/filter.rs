//! Filters of changes (`couch_changes:configure_filter`).

use std::collections::HashSet;
use std::sync::Arc;

use super::super::super::external;
use super::super::super::failure::Failure;
use super::super::super::state::Call;
use super::super::super::store::{Design, Store};
use crate::document::Change;
use crate::functions::{self, Functions};
use crate::json::{self, Map, Value};
use crate::mango::Selector;

/// Ancestors that documents show to filters (`[query_server_config] revs_limit`).
const ANCESTORS: usize = 19;

/// Which changes pass.
#[derive(Debug)]
pub(super) enum Filter {
    All,
    Designs,
    Ids(HashSet<String>),
    Selector(Box<Selector>),
    /// Documents for which a map function emits something.
    View {
        design: Arc<Design>,
        view: String,
    },
    /// Documents for which a filter function of a design document says so.
    Function {
        design: Arc<Design>,
        name: String,
        request: Value,
    },
}

impl Filter {
    /// The filter that a request names.
    pub(super) fn new(call: &Call, store: &Arc<Store>) -> Result<Self, Failure> {
        let request = &call.request;
        let body = if request.method == "POST" && !request.body.is_empty() {
            Some(request.json_object()?)
        } else {
            None
        };
        let name = request.parameter("filter").unwrap_or_default();
        match name {
            // PouchDB and others send ids without naming the filter.
            "" => Ok(Self::All),
            "_design" => Ok(Self::Designs),
            "_doc_ids" => ids(call, body.as_ref()),
            "_selector" => selector(body.as_ref()),
            "_view" => view(call, store),
            _ if name.starts_with('_') => Err(Failure::bad_request("unknown builtin filter name")),
            _ => function(call, store, name, body),
        }
    }

    /// Which of the changes pass. `is_first`: none was looked at before.
    pub(super) fn passes(
        &self,
        store: &Store,
        changes: &[Change],
        is_first: bool,
    ) -> Result<Vec<bool>, Failure> {
        Ok(match self {
            Self::All => vec![true; changes.len()],
            Self::Designs => {
                changes.iter().map(|change| change.id.starts_with("_design/")).collect()
            }
            Self::Ids(ids) => changes.iter().map(|change| ids.contains(&*change.id)).collect(),
            Self::Selector(selector) => documents(store, changes)
                .iter()
                .map(|document| selector.matches(document))
                .collect(),
            Self::View { design, view } => {
                self.each(store, changes, is_first, |functions, document| {
                    functions.filter_view(&design.value, view, document)
                })?
            }
            Self::Function { design, name, request } => {
                self.each(store, changes, is_first, |functions, document| {
                    functions.filter(&design.value, name, document, request)
                })?
            }
        })
    }

    /// Asks a function about one document after the other, as the server does. A failure at the very
    /// first change is told in another form.
    fn each(
        &self,
        store: &Store,
        changes: &[Change],
        is_first: bool,
        ask: impl Fn(&mut Functions, &[Value]) -> Result<Vec<bool>, functions::Failure>,
    ) -> Result<Vec<bool>, Failure> {
        let documents = documents(store, changes);
        store.processes.with(|functions| {
            let mut passes = Vec::with_capacity(documents.len());
            for (number, document) in documents.iter().enumerate() {
                match ask(functions, std::slice::from_ref(document)) {
                    Ok(answer) => passes.push(answer.first() == Some(&true)),
                    Err(failure) if is_first && number == 0 && self.is_function() => {
                        return Err(failure.at_first_change().into());
                    }
                    Err(failure) => return Err(failure.into()),
                }
            }
            Ok(passes)
        })
    }

    fn is_function(&self) -> bool {
        matches!(self, Self::Function { .. })
    }

    /// How many changes are left, of `total`, when so many were looked at and have passed. Where
    /// CouchDB looks documents up by id it does not count those that it passes over.
    pub(super) fn pending(&self, total: u64, looked_at: u64, passed: u64) -> u64 {
        match self {
            Self::Designs | Self::Ids(_) => total - passed,
            _ => total - looked_at,
        }
    }
}

/// The winning revisions as filters see them; deleted ones as tombstones.
fn documents(store: &Store, changes: &[Change]) -> Vec<Value> {
    let contents = store.read();
    let document = |change: &Change| {
        let revision = &change.leaves.first()?.revision;
        let text = contents.database.read_with_history(&change.id, revision, ANCESTORS).ok()?;
        json::parse_str(&text).ok()
    };
    changes.iter().map(|change| document(change).unwrap_or_default()).collect()
}

fn ids(call: &Call, body: Option<&Map<String, Value>>) -> Result<Filter, Failure> {
    let wrong = || Failure::bad_request("`doc_ids` filter parameter is not a list of doc ids.");
    let given = match (body, call.request.parameter("doc_ids")) {
        (Some(body), _) => body.get("doc_ids").cloned(),
        (None, Some(text)) => json::parse_str(text).ok(),
        (None, None) => None,
    };
    let list = given.as_ref().and_then(Value::as_array).ok_or_else(wrong)?;
    let ids: Option<HashSet<String>> =
        list.iter().map(|id| id.as_str().map(str::to_owned)).collect();
    Ok(Filter::Ids(ids.ok_or_else(wrong)?))
}

fn selector(body: Option<&Map<String, Value>>) -> Result<Filter, Failure> {
    let Some(body) = body else {
        return Err(Failure::bad_request("Selector must be specified in POST payload"));
    };
    let selector = body.get("selector").filter(|selector| selector.is_object());
    let selector =
        selector.ok_or_else(|| Failure::bad_request("Selector error: expected a JSON object"))?;
    let selector =
        Selector::parse(selector).map_err(|error| Failure::bad_request(error.to_string()))?;
    Ok(Filter::Selector(Box::new(selector)))
}

fn missing_key(name: &str) -> Failure {
    Failure::not_found(format!("missing json key: {name}"))
}

fn view(call: &Call, store: &Store) -> Result<Filter, Failure> {
    let name = call.request.parameter("view").unwrap_or_default();
    if name.is_empty() {
        return Err(Failure::bad_request("`view` filter parameter is not provided."));
    }
    let Some((design, view)) = name.split_once('/') else {
        return Err(Failure { logged: true, ..Failure::new(500, "case_clause", name) });
    };
    let design = store.design(&format!("_design/{design}"))?;
    if design.document.view(view).is_none() {
        return Err(missing_key(view));
    }
    Ok(Filter::View { design, view: view.to_owned() })
}

fn function(
    call: &Call,
    store: &Store,
    name: &str,
    body: Option<Map<String, Value>>,
) -> Result<Filter, Failure> {
    let parts: Vec<&str> = name.split('/').filter(|part| !part.is_empty()).collect();
    let (design, filter) = match parts.as_slice() {
        [design, filter] if !name.starts_with('/') => (*design, *filter),
        _ => {
            return Err(Failure::bad_request(
                "`filter` must be of the form `designname/filtername`",
            ));
        }
    };
    let design = store.design(&format!("_design/{design}"))?;
    let found = design.document.body.get("filters").and_then(|filters| filters.get(filter));
    found.ok_or_else(|| missing_key(filter))?;
    let request = external::object(call, store, None, body.map(Value::Object))?;
    Ok(Filter::Function { design, name: filter.to_owned(), request })
}
