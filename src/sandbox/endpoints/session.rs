//! `_session`: who one is, logging in and out (`couch_httpd_auth`).

use super::super::auth::{check_password, end_session, start_session};
use super::super::failure::Failure;
use super::super::request::parse_query;
use super::super::response::Response;
use super::super::state::Call;
use super::object;
use crate::json::{Map, Value};

/// `/_session`.
pub(in super::super) fn session(call: &Call) -> Result<Response, Failure> {
    match call.request.method.as_str() {
        "GET" => Ok(current(call)),
        "POST" => log_in(call),
        "DELETE" => {
            let cookie = end_session(&call.server, &call.request);
            Ok(Response::ok(200).with("Set-Cookie", cookie))
        }
        _ => Err(Failure::method("GET,HEAD,POST,DELETE")),
    }
}

fn current(call: &Call) -> Response {
    let user = &call.user;
    let context =
        object([("name", user.name.clone().into()), ("roles", user.roles.clone().into())]);
    let mut info = Map::new();
    info.insert("authentication_handlers".into(), vec!["cookie", "default"].into());
    if let Some(handler) = user.authenticated {
        info.insert("authenticated".into(), handler.into());
    }
    let session = [("ok", true.into()), ("userCtx", context), ("info", Value::Object(info))];
    Response::json(200, &object(session))
}

fn log_in(call: &Call) -> Result<Response, Failure> {
    let request = &call.request;
    let form: Map<String, Value> = match request.content_type() {
        "application/x-www-form-urlencoded" => {
            let form = parse_query(&String::from_utf8_lossy(&request.body));
            // Of a field that comes twice the first one counts.
            form.into_iter().rev().map(|(name, value)| (name, value.into())).collect()
        }
        "application/json" => request.json_object()?,
        _ => {
            return Err(Failure::bad_content_type(
                "Content-Type must be 'application/x-www-form-urlencoded' or 'application/json'",
            ));
        }
    };
    let field = |name: &str| form.get(name).and_then(Value::as_str);
    let name = user_name(field("name"), field("username"))?.to_owned();
    let password = field("password").unwrap_or_default().to_owned();
    let user = check_password(&call.server, request.peer, &name, &password).map_err(|failure| {
        match failure.status {
            401 => failure.with("Set-Cookie", end_session(&call.server, request)),
            _ => failure,
        }
    })?;
    let cookie = start_session(&call.server, &name);
    let body = [("ok", true.into()), ("name", name.into()), ("roles", user.roles.into())];
    let (status, location) = match request.parameter("next") {
        // Only a place on this server.
        Some(next) if next.starts_with('/') && !next.starts_with("//") => {
            (302, Some(format!("{}{next}", request.base())))
        }
        _ => (200, None),
    };
    let response = Response::json(status, &object(body)).with("Set-Cookie", cookie);
    Ok(match location {
        Some(location) => response.with("Location", location),
        None => response,
    })
}

/// The user that a form names: CouchDB's `name`, or `username` as other servers have it
/// (`couch_httpd_auth:extract_username`).
fn user_name<'a>(name: Option<&'a str>, username: Option<&'a str>) -> Result<&'a str, Failure> {
    match (name, username) {
        (Some(name), Some(username)) if name != username => {
            Err(Failure::bad_request("request body contains different usernames"))
        }
        _ => name
            .or(username)
            .ok_or_else(|| Failure::bad_request("request body must contain a username")),
    }
}
