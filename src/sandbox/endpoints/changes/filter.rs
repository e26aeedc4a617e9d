//! Filters of changes (`couch_changes:configure_filter`).

use std::collections::HashSet;
use std::sync::Arc;

use super::super::super::external;
use super::super::super::failure::Failure;
use super::super::super::state::Call;
use super::super::super::store::{Design, Store};
use crate::document::Change;
use crate::engine::EngineError;
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
    View { design: Arc<Design>, source: String },
    /// Documents for which a filter function of a design document says so.
    Function { design: Arc<Design>, source: String, request: Value },
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
            _ if name.starts_with('_') => {
                Err(Failure::bad_request("unknown builtin filter name"))
            }
            _ => function(call, store, name, body),
        }
    }

    /// Which of the changes pass.
    pub(super) fn passes(
        &self,
        call: &Call,
        store: &Store,
        changes: &[Change],
    ) -> Result<Vec<bool>, Failure> {
        Ok(match self {
            Self::All => vec![true; changes.len()],
            Self::Designs => {
                changes.iter().map(|change| change.id.starts_with("_design/")).collect()
            }
            Self::Ids(ids) => changes.iter().map(|change| ids.contains(&*change.id)).collect(),
            Self::Selector(selector) => {
                documents(store, changes).iter().map(|document| selector.matches(document)).collect()
            }
            Self::View { design, source } => {
                let (value, source) = (design.value.clone(), source.clone());
                let documents = documents(store, changes);
                call.server.engines.run(design.document.language(), move |vm| {
                    vm.filter_view(&value, &source, &documents)
                })?
            }
            Self::Function { design, source, request } => {
                let (value, source) = (design.value.clone(), source.clone());
                let (request, documents) = (request.clone(), documents(store, changes));
                let passes = call.server.engines.run(design.document.language(), move |vm| {
                    vm.filter(&value, &source, &documents, &request)
                });
                passes.map_err(|error| failure(&error))?
            }
        })
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
    let selector = selector
        .ok_or_else(|| Failure::bad_request("Selector error: expected a JSON object"))?;
    let selector = Selector::parse(selector).map_err(|error| Failure::bad_request(error.to_string()))?;
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
    let source = design.document.view(view).and_then(|view| view.map.as_str().map(str::to_owned));
    let source = source.ok_or_else(|| missing_key(view))?;
    Ok(Filter::View { design, source })
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
    let source = match found.ok_or_else(|| missing_key(filter))? {
        Value::String(source) => source.clone(),
        // What the server makes of it is told by the engine that is to compile it.
        _ => String::from("[object Object]"),
    };
    let body = body.map_or_else(|| external::body(call), Value::Object);
    let request = external::request_object(call, store, None, body);
    Ok(Filter::Function { design, source, request })
}

/// A filter that fails ends the request: what went wrong comes as an Erlang term, with a stack trace
/// that nobody can be after.
fn failure(error: &EngineError) -> Failure {
    if let EngineError::Thrown { error, reason: Value::String(reason) } = error
        && error != "error"
        && error != "unnamed_error"
    {
        return Failure::new(500, error.clone(), reason.clone());
    }
    let (name, reason) = error.to_response();
    let term = |value: &Value| crate::view::term_text(value);
    Failure::new(500, "error", format!("{{{},{}}}", term(&name.into()), term(&reason)))
}
