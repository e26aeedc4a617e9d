//! From paths to endpoints (`chttpd_handlers`, `chttpd_db:db_req`), after a look at who asks
//! (`chttpd_auth_request`).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::endpoints::{
    all_docs, attachments, bulk, changes, databases, design, documents, find, functions, node,
    replicate, revisions, root, session, utils, views,
};
use super::failure::Failure;
use super::response::Response;
use super::state::Call;
use crate::view::{Parameters, with_partition};

/// An answer to come; requests may lead to further ones.
pub(super) type Answer = Pin<Box<dyn Future<Output = Result<Response, Failure>> + Send>>;

/// An endpoint that does not wait for anything.
type Endpoint = fn(&Call) -> Result<Response, Failure>;

/// Answers a request.
pub(super) fn route(call: Call) -> Answer {
    Box::pin(async move {
        authorize(&call)?;
        let request = Arc::clone(&call.request);
        let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
        let endpoint: Endpoint = match path.as_slice() {
            [] => root::welcome,
            ["_up"] => root::up,
            ["_uuids"] => root::uuids,
            ["_session"] => session::session,
            ["_all_dbs"] => root::all_databases,
            ["_dbs_info"] => root::databases_info,
            ["_active_tasks"] => root::active_tasks,
            ["_membership"] => node::membership,
            ["_node", ..] => node::node,
            ["_utils", "tests"] => utils::tests,
            ["_utils", "events"] => return utils::events(&call),
            ["_utils", rest @ ..] => return Ok(utils::page(&call, rest)),
            ["favicon.ico", ..] => return Ok(utils::no_page()),
            ["_replicate"] => return replicate::replicate(call).await,
            ["_scheduler", ..] => replicate::scheduler,
            [_] => databases::database,
            [_, rest @ ..] => return database(call.clone(), rest).await,
        };
        call.clone().blocking(endpoint).await
    })
}

/// Requests below a database.
async fn database(call: Call, path: &[&str]) -> Result<Response, Failure> {
    let store = databases::store(&call)?;
    let endpoint: Endpoint = match path {
        ["_changes"] => return changes::changes(call).await,
        ["_all_docs" | "_design_docs" | "_local_docs"]
        | ["_all_docs" | "_design_docs" | "_local_docs", "queries"] => {
            return call.reading(|call| all_docs::all_docs(call, None)).await;
        }
        ["_bulk_docs"] => bulk::bulk_docs,
        ["_bulk_get"] => return call.reading(bulk::bulk_get).await,
        ["_revs_diff"] => revisions::revs_diff,
        ["_missing_revs"] => revisions::missing_revs,
        ["_purge"] => revisions::purge,
        ["_purged_infos" | "_purged_infos_limit"] => revisions::purged_infos,
        ["_security"] => databases::security,
        ["_revs_limit"] => databases::revs_limit,
        ["_view_cleanup"] => databases::view_cleanup,
        ["_search_cleanup" | "_nouveau_cleanup" | "_sync_shards"] => databases::search_cleanup,
        ["_compact"] | ["_compact", _] => databases::compact,
        ["_ensure_full_commit"] => databases::ensure_full_commit,
        ["_shards"] | ["_shards", _] => databases::shards,
        ["_temp_view"] => {
            let reason = "Temporary views are not supported in CouchDB";
            return Err(Failure::new(410, "gone", reason));
        }
        ["_index", ..] => find::index,
        ["_find"] => return call.reading(|call| find::find(call, None)).await,
        ["_explain"] => find::explain,
        ["_partition"] => return Err(Failure::bad_request("invalid_partition_req")),
        ["_partition", _] => databases::partition,
        ["_partition", partition, rest @ ..] => {
            databases::require_partitions(&store)?;
            with_partition(&call.request.query, partition)?;
            // Whether there can be such a partition.
            Parameters::from_url(&with_partition(&[], partition)?)?;
            return in_partition(call.clone(), partition, rest).await;
        }
        ["_design", name, action, rest @ ..] if action.starts_with('_') => {
            return design_action(call.clone(), name, action, rest, None).await;
        }
        [first, ..] if first.starts_with("_design/") && call.request.method == "GET" => {
            return Ok(unescaped(&call));
        }
        ["_design", name] => {
            let id = format!("_design/{name}");
            return call.blocking(move |call| documents::document(call, &id)).await;
        }
        ["_design", name, file @ ..] if !file.is_empty() => {
            return attachment(call.clone(), format!("_design/{name}"), file).await;
        }
        ["_local" | "_local/"] => {
            return Err(Failure::bad_request("Invalid _local document id."));
        }
        ["_local", name] => {
            let id = format!("_local/{name}");
            return call.blocking(move |call| documents::document(call, &id)).await;
        }
        ["_local", ..] => {
            return Err(Failure::bad_request("_local documents do not accept attachments."));
        }
        [id] => {
            let id = (*id).to_owned();
            let document = move |call: &Call| documents::document(call, &id);
            // Leaves with their attachments may be much; what is written runs functions.
            if call.request.method == "GET" {
                return call.reading(document).await;
            }
            return call.blocking(document).await;
        }
        [id, file @ ..] => return attachment(call.clone(), (*id).to_owned(), file).await,
        [] => databases::database,
    };
    call.blocking(endpoint).await
}

async fn attachment(call: Call, id: String, file: &[&str]) -> Result<Response, Failure> {
    let name = file.join("/");
    call.blocking(move |call| attachments::attachment(call, &id, &name)).await
}

/// Requests below a partition.
async fn in_partition(call: Call, partition: &str, path: &[&str]) -> Result<Response, Failure> {
    let partition = partition.to_owned();
    match path {
        ["_all_docs"] => call.reading(move |call| all_docs::all_docs(call, Some(&partition))).await,
        ["_find"] => call.reading(move |call| find::find(call, Some(&partition))).await,
        ["_design", name, action, rest @ ..] if action.starts_with('_') => {
            design_action(call.clone(), name, action, rest, Some(partition)).await
        }
        _ => Err(Failure::not_found("missing")),
    }
}

/// What a design document can do.
async fn design_action(
    call: Call,
    name: &str,
    action: &str,
    rest: &[&str],
    partition: Option<String>,
) -> Result<Response, Failure> {
    let store = databases::store(&call)?;
    let id = format!("_design/{name}");
    let found = {
        let id = id.clone();
        call.clone().blocking(move |_| store.design(&id)).await?
    };
    let rest: Vec<String> = rest.iter().map(|part| (*part).to_owned()).collect();
    match action {
        "_view" => views::view(call, found, rest, partition).await,
        "_list" => functions::list(call, found, rest).await,
        "_rewrite" => functions::rewrite(call, found).await,
        "_update" => call.blocking(move |call| functions::update(call, &found, &rest)).await,
        "_show" => call.blocking(move |call| functions::show(call, &found, &rest)).await,
        "_info" if rest.is_empty() => call.blocking(move |call| design::info(call, &found)).await,
        _ => {
            let file: Vec<&str> =
                std::iter::once(action).chain(rest.iter().map(String::as_str)).collect();
            attachment(call, id, &file).await
        }
    }
}

/// `_design%2Fname` leads to `_design/name`, as the server makes it out in the raw path.
fn unescaped(call: &Call) -> Response {
    let target = &call.request.target;
    let place = target.to_ascii_lowercase().find("_design%2f");
    let (head, tail) = match place {
        Some(place) => (&target[..place], &target[place + "_design%2f".len()..]),
        None => (target.as_str(), ""),
    };
    let location = format!("{}{head}_design/{tail}", call.request.base());
    Response::empty(301).with("Location", location)
}

/// Refuses who may not ask.
fn authorize(call: &Call) -> Result<(), Failure> {
    let path: Vec<&str> = call.request.path.iter().map(String::as_str).collect();
    let user = &call.user;
    let member = || {
        let security = databases::store(call)?.security();
        user.require_member(&security)
    };
    match path.as_slice() {
        [] | ["favicon.ico" | "_up" | "_uuids" | "_session" | "_active_tasks", ..] => Ok(()),
        ["_utils", ..] if call.request.method == "GET" => Ok(()),
        ["_replicate"] if user.name.is_some() || user.is_server_admin() => Ok(()),
        ["_replicate"] => Err(Failure::unauthorized("You are not an authenticated user")),
        ["_users" | "_replicator"] if matches!(call.request.method.as_str(), "PUT" | "DELETE") => {
            user.require_server_admin()
        }
        ["_users" | "_replicator", "_all_docs" | "_changes", ..] => user.require_server_admin(),
        ["_users" | "_replicator", ..] => member(),
        [name, ..] if name.starts_with('_') => user.require_server_admin(),
        [_] if matches!(call.request.method.as_str(), "PUT" | "DELETE") => {
            user.require_server_admin()
        }
        [_, "_compact", ..] | [_, "_view_cleanup"] => {
            member()?;
            if user.is_database_admin(&databases::store(call)?.security()) {
                return Ok(());
            }
            Err(Failure::unauthorized("You are not a server or db admin."))
        }
        [_, "_sync_shards" | "_purge" | "_purged_infos_limit"] => user.require_server_admin(),
        _ => member(),
    }
}
