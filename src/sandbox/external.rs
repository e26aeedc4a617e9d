//! Request objects, as functions of design documents see them (`chttpd_external:json_req_obj`).

use super::endpoints::databases;
use super::request::{parse_query, unquote};
use super::state::Call;
use super::store::Store;
use crate::json::{self, Map, Value};

/// Parameters whose values are JSON.
const JSON_PARAMETERS: [&str; 4] = ["startkey", "endkey", "key", "descending"];

/// Headers that functions do not get to see (`[chttpd] scrub_json_request`).
const SECRET_HEADERS: [&str; 4] =
    ["authorization", "cookie", "x-auth-couchdb-token", "x-couchdb-www-authenticate"];

/// The request object for a document, or for none.
pub(super) fn request_object(call: &Call, store: &Store, id: Option<&str>, body: Value) -> Value {
    let request = &call.request;
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
    put("info", databases::info(store));
    put("uuid", call.server.new_uuid().into());
    put("id", id.map(str::to_owned).into());
    put("method", request.method.clone().into());
    put("requested_path", segments(request.header("x-couchdb-requested-path").unwrap_or(&request.target)));
    put("path", request.path.clone().into());
    put("raw_path", request.target.clone().into());
    put("query", query(&request.query));
    put("headers", headers(call));
    put("body", body);
    put("peer", request.peer.to_string().into());
    put("form", form(call));
    put("cookie", Value::Object(Map::new()));
    put("userCtx", call.user.context(&store.name));
    put("secObj", store.security());
    Value::Object(object)
}

/// The body of a request as functions see it: text, or the word `undefined` where there is none to be.
pub(super) fn body(call: &Call) -> Value {
    if call.request.method == "GET" {
        return "undefined".into();
    }
    String::from_utf8_lossy(&call.request.body).into_owned().into()
}

/// The parts of a path between slashes, the query taken for a part of it.
fn segments(target: &str) -> Value {
    let parts = target.split('/').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let bytes = unquote(part).unwrap_or_else(|| part.as_bytes().to_vec());
            String::from_utf8_lossy(&bytes).into_owned()
        })
        .collect::<Vec<_>>()
        .into()
}

fn query(parameters: &[(String, String)]) -> Value {
    let pairs = parameters.iter().map(|(name, text)| {
        let parsed = JSON_PARAMETERS.contains(&name.as_str()).then(|| json::parse_str(text).ok());
        (name.clone(), parsed.flatten().unwrap_or_else(|| text.clone().into()))
    });
    Value::Object(pairs.collect())
}

/// Headers by the names that they usually have.
fn headers(call: &Call) -> Value {
    let headers = call.request.headers.iter();
    let shown = headers.filter(|(name, _)| !SECRET_HEADERS.contains(&name.as_str()));
    let pairs = shown.map(|(name, value)| {
        let name: Vec<String> = name.as_str().split('-').map(capitalised).collect();
        (name.join("-"), String::from_utf8_lossy(value.as_bytes()).into_owned().into())
    });
    Value::Object(pairs.collect())
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

fn form(call: &Call) -> Value {
    let is_form = call.request.content_type() == "application/x-www-form-urlencoded";
    let text = String::from_utf8_lossy(&call.request.body);
    let fields = if is_form { parse_query(&text) } else { Vec::new() };
    Value::Object(fields.into_iter().map(|(name, value)| (name, value.into())).collect())
}
