//! Queries of views (`chttpd_view`).

use std::sync::Arc;

use super::super::failure::Failure;
use super::super::index::Built;
use super::super::response::Response;
use super::super::state::Call;
use super::super::store::{Design, Reader, Store};
use super::databases::store;
use crate::group::{Request, ViewGroup};
use crate::json::Value;
use crate::view::{Context, Parameters, QueryError, Update};

/// `/db/_design/name/_view/…`, below a partition or not.
pub(in super::super) async fn view(
    call: Call,
    design: Arc<Design>,
    rest: Vec<String>,
    partition: Option<String>,
) -> Result<Response, Failure> {
    let store = store(&call)?;
    let request = asked(&call, &rest, partition)?;
    let body = answer(&call, &store, &design, request).await?;
    Ok(Response::json_body(200, body))
}

/// The query that a request makes.
fn asked(call: &Call, rest: &[String], partition: Option<String>) -> Result<Request, Failure> {
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    let (view, queries) = match (call.request.method.as_str(), rest.as_slice()) {
        ("GET" | "POST", [view]) => (*view, false),
        ("POST", [view, "queries"]) => (*view, true),
        (_, [_, "queries"]) => return Err(Failure::method("POST")),
        _ => return Err(Failure::method("GET,POST,HEAD")),
    };
    let body = if call.request.method == "POST" {
        call.request.expect_json()?;
        Some(Value::Object(call.request.json_object()?))
    } else {
        None
    };
    let parameters = call.request.query.clone();
    // What is wrong with them comes before whether there is such a view.
    Parameters::from_url(&parameters)?;
    Ok(Request { view: view.to_owned(), parameters, body, queries, partition })
}

/// Answers a query with the body of the response, bringing the index up to date as it asks.
pub(in super::super) async fn answer(
    call: &Call,
    store: &Arc<Store>,
    design: &Arc<Design>,
    request: Request,
) -> Result<String, Failure> {
    let wanted = store.sequence();
    let partitioned = store.read().database.is_partitioned();
    let update = ViewGroup::check(&design.group, partitioned, &request)?;
    let index = store.indexes.open(design);
    let built = match update {
        Update::True => {
            let outcome = index.wait(&call.server, store, &design.id, wanted).await;
            Some(outcome.map_err(|failure| Failure {
                logged: failure.logged && !request.queries,
                ..failure
            })?)
        }
        Update::False => index.current(),
        Update::Lazy => {
            let built = index.current();
            index.start(&call.server, store, &design.id);
            built
        }
    };
    let (store, design) = (Arc::clone(store), Arc::clone(design));
    let call = call.clone();
    call.reading(move |call| Ok(respond(call, &store, &design, built.as_ref(), &request)?)).await
}

fn respond(
    call: &Call,
    store: &Store,
    design: &Design,
    built: Option<&Arc<Built>>,
    request: &Request,
) -> Result<String, QueryError> {
    let (shards, partitioned, partition_shard) = {
        let database = &store.read().database;
        let shard =
            request.partition.as_deref().map_or(0, |name| database.shard_of_partition(name));
        (database.shards(), database.is_partitioned(), shard)
    };
    let empty;
    let (group, sequence) = match built {
        Some(built) => (&built.group, built.sequence),
        None => {
            empty = ViewGroup::empty(design.group.clone(), shards, partitioned);
            (&empty, 0)
        }
    };
    let update_seq = store.sequence_text(sequence);
    let reader = Reader(store);
    let context = Context { documents: Some(&reader), update_seq: &update_seq, partition_shard };
    let answer = call.server.engines.with(|engine| group.respond(engine, request, &context));
    answer.map_err(|error| QueryError { logged: error.logged && !request.queries, ..error })
}
