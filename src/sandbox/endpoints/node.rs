//! The node: `_node`, `_membership`; its configuration can be set and read, but changes nothing.

use super::super::failure::Failure;
use super::super::response::Response;
use super::super::state::Call;
use super::object;
use crate::engine::Profile;
use crate::json::{Map, Value};

/// The name of the only node.
pub(in super::super) const NAME: &str = "couchdb@127.0.0.1";

/// `GET /_membership`.
pub(in super::super) fn membership(call: &Call) -> Result<Response, Failure> {
    if call.request.method != "GET" {
        return Err(Failure::method("GET"));
    }
    let nodes = || Value::Array(vec![NAME.into()]);
    Ok(Response::json(200, &object([("all_nodes", nodes()), ("cluster_nodes", nodes())])))
}

/// Everything below `/_node`.
pub(in super::super) fn node(call: &Call) -> Result<Response, Failure> {
    let path: Vec<&str> = call.request.path.iter().map(String::as_str).collect();
    let (name, rest) = match path.as_slice() {
        [_, name, rest @ ..] => (*name, rest),
        _ => return Err(Failure::not_found("missing")),
    };
    if name != "_local" && name != NAME {
        return Err(Failure::not_found(format!("no such node: {name}")));
    }
    match rest {
        [] => Ok(Response::json(200, &object([("name", NAME.into())]))),
        ["_versions"] => Ok(versions(call)),
        ["_config", rest @ ..] => config(call, rest),
        ["_stats" | "_system" | "_prometheus" | "_smoosh" | "_restart", ..] => {
            let reason = "the sandbox has no statistics of a node";
            Err(Failure::new(501, "not_implemented", reason))
        }
        [other, ..] => Err(super::databases::illegal_name(other)),
    }
}

fn versions(call: &Call) -> Response {
    let (name, version) = match call.server.engines.profile() {
        Profile::SpiderMonkey => ("spidermonkey", "78"),
        Profile::QuickJs => ("quickjs", "2025-04-26"),
    };
    let hashes = [
        "blake2s",
        "blake2b",
        "sha3_512",
        "sha3_384",
        "sha3_256",
        "sha3_224",
        "sha512",
        "sha384",
        "sha256",
        "sha224",
        "sha",
        "ripemd160",
        "md5",
        "md4",
    ];
    Response::json(
        200,
        &object([
            ("javascript_engine", object([("version", version.into()), ("name", name.into())])),
            (
                "erlang",
                object([
                    ("version", "25.2.3".into()),
                    ("supported_hashes", hashes.map(Value::from).to_vec().into()),
                ]),
            ),
            (
                "collation_driver",
                object([
                    ("name", "libicu".into()),
                    ("library_version", "72.1".into()),
                    ("collator_version", "153.120".into()),
                    ("collation_algorithm_version", "15".into()),
                ]),
            ),
        ]),
    )
}

fn config(call: &Call, path: &[&str]) -> Result<Response, Failure> {
    let unknown = || Failure::not_found("unknown_config_value");
    let mut config = call.server.config();
    let engine = match call.server.engines.profile() {
        Profile::SpiderMonkey => "spidermonkey",
        Profile::QuickJs => "quickjs",
    };
    config.entry(("couchdb".into(), "js_engine".into())).or_insert_with(|| engine.into());
    let section = |name: &str| -> Value {
        let keys = config.iter().filter(|((section, _), _)| section == name);
        Value::Object(keys.map(|((_, key), value)| (key.clone(), value.clone().into())).collect())
    };
    let value = match (call.request.method.as_str(), path) {
        ("GET", []) => {
            let names: Vec<String> = config.keys().map(|(section, _)| section.clone()).collect();
            let sections = names.into_iter().map(|name| (name.clone(), section(&name)));
            Value::Object(sections.collect::<Map<_, _>>())
        }
        ("GET", [name]) => section(name),
        ("GET", [name, key]) => {
            let place = ((*name).to_owned(), (*key).to_owned());
            config.get(&place).cloned().ok_or_else(unknown)?.into()
        }
        ("PUT", [name, key]) => {
            let Value::String(text) = call.request.json()? else {
                return Err(Failure::bad_request("a JSON string expected"));
            };
            let place = ((*name).to_owned(), (*key).to_owned());
            config.insert(place, text).unwrap_or_default().into()
        }
        ("DELETE", [name, key]) => {
            let place = ((*name).to_owned(), (*key).to_owned());
            config.remove(&place).ok_or_else(unknown)?.into()
        }
        ("POST", ["_reload"]) => return Ok(Response::ok(200)),
        (_, [_, _]) => return Err(Failure::method("GET,PUT,DELETE")),
        _ => return Err(Failure::method("GET")),
    };
    Ok(Response::json(200, &value))
}
