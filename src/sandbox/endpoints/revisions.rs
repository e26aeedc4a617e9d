//! Which revisions a database has: `_revs_diff`, `_missing_revs`, `_purge`.

use super::super::failure::Failure;
use super::super::response::Response;
use super::super::state::Call;
use super::databases::store;
use super::documents::revision;
use super::object;
use crate::design::Revision;
use crate::json::{Map, Value};

/// The ids and revisions of a request's body. `no_list`: the answer to something else than a list.
fn asked(call: &Call, no_list: &Failure) -> Result<Vec<(String, Vec<Revision>)>, Failure> {
    if call.request.method != "POST" {
        return Err(Failure::method("POST"));
    }
    call.request.expect_json()?;
    let body = call.request.json_object()?;
    body.into_iter()
        .map(|(id, revisions)| {
            let Value::Array(revisions) = revisions else {
                return Err(no_list.clone());
            };
            let revisions: Result<Vec<Revision>, Failure> =
                revisions.iter().map(|text| revision(text.as_str().unwrap_or_default())).collect();
            Ok((id, revisions?))
        })
        .collect()
}

fn texts(revisions: &[Revision]) -> Value {
    revisions.iter().map(ToString::to_string).collect::<Vec<_>>().into()
}

/// `POST /db/_revs_diff`. Documents that are not there at all come first.
pub(in super::super) fn revs_diff(call: &Call) -> Result<Response, Failure> {
    let store = store(call)?;
    let asked = asked(call, &Failure::stumbling("function_clause"))?;
    let contents = store.read();
    let mut absent = Map::new();
    let mut present = Map::new();
    for (id, revisions) in asked {
        let difference = contents.database.revision_difference(&id, &revisions);
        if difference.missing.is_empty() {
            continue;
        }
        let mut members = Map::new();
        members.insert("missing".into(), texts(&difference.missing));
        if !difference.possible_ancestors.is_empty() {
            members.insert("possible_ancestors".into(), texts(&difference.possible_ancestors));
        }
        let is_there = !contents.database.leaves(&id).is_empty();
        if is_there { &mut present } else { &mut absent }.insert(id, Value::Object(members));
    }
    absent.extend(present);
    Ok(Response::json(200, &Value::Object(absent)))
}

/// `POST /db/_missing_revs`.
pub(in super::super) fn missing_revs(call: &Call) -> Result<Response, Failure> {
    let store = store(call)?;
    let asked = asked(call, &Failure::stumbling("function_clause"))?;
    let contents = store.read();
    let missing = asked.into_iter().filter_map(|(id, revisions)| {
        let missing = contents.database.revision_difference(&id, &revisions).missing;
        (!missing.is_empty()).then(|| (id, texts(&missing)))
    });
    let missing = Value::Object(missing.collect());
    Ok(Response::json(200, &object([("missing_revs", missing)])))
}

/// `POST /db/_purge`.
pub(in super::super) fn purge(call: &Call) -> Result<Response, Failure> {
    let store = store(call)?;
    let asked = asked(call, &Failure::bad_request("Invalid list of revisions"))?;
    if asked.len() > 100 {
        return Err(Failure::bad_request("Exceeded maximum number of documents."));
    }
    if asked.iter().map(|(_, revisions)| revisions.len()).sum::<usize>() > 1000 {
        return Err(Failure::bad_request("Exceeded maximum number of revisions."));
    }
    let mut purged = Map::new();
    for (id, mut revisions) in asked {
        let mut contents = store.write();
        revisions.retain(|revision| contents.database.purge(&id, revision));
        drop(contents);
        store.changed(&id);
        purged.insert(id, texts(&revisions));
    }
    let body = [("purge_seq", Value::Null), ("purged", Value::Object(purged))];
    Ok(Response::json(201, &object(body)))
}

/// `GET /db/_purged_infos` and `_purged_infos_limit`: purges are not remembered here.
pub(in super::super) fn purged_infos(call: &Call) -> Result<Response, Failure> {
    store(call)?;
    match (call.request.method.as_str(), call.request.path[1].as_str()) {
        ("GET", "_purged_infos") => {
            let none = Value::Array(Vec::new());
            Ok(Response::json(200, &object([("purged_infos", none)])))
        }
        (_, "_purged_infos") => Err(Failure::method("GET")),
        ("GET", _) => Ok(Response::json_text(200, "1000".into())),
        ("PUT", _) => Ok(Response::ok(200)),
        _ => Err(Failure::method("GET,PUT")),
    }
}
