//! Rewrites: rules of a design document, and what a rewrite function returns
//! (`chttpd_rewrite`, `couch_query_servers:rewrite`).

use super::url::{encode_id, normalize, quote};
use super::{Failure, Request, RequestBody, Response};
use crate::json::{self, Map, Value};
use crate::view::erlang;

/// How often one request may be rewritten (`[chttpd] rewrite_limit`); one more is answered with
/// [`too_many`].
pub const REWRITE_LIMIT: usize = 100;

/// The answer to a request that was rewritten too often.
#[must_use]
pub fn too_many() -> Failure {
    Failure::new(400, "bad_request", "Exceeded rewrite recursion limit")
}

/// What a request becomes.
#[derive(Debug, Clone, PartialEq)]
pub enum Rewritten {
    /// Another request, to be handled in its place.
    Request(Request),
    /// The answer.
    Response(Response),
}

/// The path of the design document that `request` is for.
fn prefix(request: &Request) -> Result<String, Failure> {
    let parts = request.parts();
    let [database, _, design, ..] = parts.as_slice() else { return Err(no_rule()) };
    Ok(format!("/{}/_design/{}", encode_id(database), encode_id(design)))
}

pub(super) fn no_rule() -> Failure {
    Failure::new(404, "rewrite_error", "Invalid path.")
}

/// The request that `rules` make of `request`, whose path goes on behind `_rewrite`.
pub(super) fn by_rules(rules: &[Value], request: &Request) -> Result<Request, Failure> {
    let rules = rules.iter().filter_map(Value::as_object).map(Rule::read);
    let rules = rules.collect::<Result<Vec<Rule<'_>>, Failure>>()?;
    let path: Vec<String> = request.parts().into_iter().skip(4).collect();
    let mut query = Vec::new();
    for (name, text) in request.query() {
        let value = if JSON.contains(&name.as_str()) {
            json::parse_str(&text)
                .map_err(|_| Failure::new(400, "bad_request", "invalid UTF-8 JSON"))?
        } else {
            text.into()
        };
        query.push((name, value));
    }
    let matched = rules.iter().find_map(|rule| Some((rule, rule.matches(request, &path)?)));
    let (rule, (bindings, rest)) = matched.ok_or_else(|| Failure::not_found("missing"))?;
    let path = rule.target(bindings, query, &rest)?;
    let path = normalize(&format!("{}/{path}", prefix(request)?));
    Ok(Request { path, ..request.clone() })
}

/// Parameters whose values are JSON.
const JSON: [&str; 6] = ["key", "startkey", "start_key", "endkey", "end_key", "keys"];

/// A part of a path in a rule.
#[derive(Debug, Clone, PartialEq)]
enum Part {
    /// `*`: all the rest.
    Rest,
    /// `:name`.
    Variable(String),
    Literal(String),
}

impl Part {
    fn list(path: &str) -> Result<Vec<Self>, Failure> {
        let mut parts = Vec::new();
        let mut up = 0;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            if part == ".." {
                // Above the database (`[chttpd] secure_rewrites`).
                if up == 2 {
                    let reason = "too many ../.. segments";
                    return Err(Failure::new(500, "insecure_rewrite_rule", reason));
                }
                up += 1;
            }
            parts.push(match part.strip_prefix(':') {
                _ if part == "*" => Self::Rest,
                Some(name) => Self::Variable(name.to_owned()),
                None => Self::Literal(part.to_owned()),
            });
        }
        Ok(parts)
    }
}

type Bindings = Vec<(String, Value)>;

struct Rule<'a> {
    from: Vec<Part>,
    method: Option<&'a str>,
    to: Vec<Part>,
    query: Option<&'a Map<String, Value>>,
    formats: Option<&'a Map<String, Value>>,
}

impl<'a> Rule<'a> {
    fn read(rule: &'a Map<String, Value>) -> Result<Self, Failure> {
        let path = |name: &str| match rule.get(name) {
            None => Ok(None),
            Some(Value::String(path)) => Ok(Some(path.as_str())),
            Some(_) => Err(badarg()),
        };
        let from = path("from")?.map_or(Ok(vec![Part::Rest]), Part::list)?;
        let to = path("to")?;
        let to = to.ok_or_else(|| Failure::new(500, "error", "invalid_rewrite_target"))?;
        Ok(Self {
            from,
            method: rule.get("method").and_then(Value::as_str).filter(|method| *method != "*"),
            to: Part::list(to)?,
            query: rule.get("query").and_then(Value::as_object),
            formats: rule.get("formats").and_then(Value::as_object),
        })
    }

    /// What the variables stand for, the last first, and the rest of the path.
    fn matches(&self, request: &Request, path: &[String]) -> Option<(Bindings, Vec<String>)> {
        if self.method.is_some_and(|method| method != request.method) {
            return None;
        }
        let mut bindings = Bindings::new();
        let mut path = path;
        let mut from = self.from.as_slice();
        loop {
            match (from, path) {
                ([], []) => return Some((bindings, Vec::new())),
                ([Part::Rest], rest) => return Some((bindings, rest.to_vec())),
                ([part, parts @ ..], [found, rest @ ..]) => {
                    match part {
                        Part::Literal(literal) if literal == found => {}
                        Part::Variable(name) => {
                            bindings.insert(0, (name.clone(), found.clone().into()));
                        }
                        Part::Rest => {
                            bindings.insert(0, ("*".to_owned(), found.clone().into()));
                        }
                        Part::Literal(_) => return None,
                    }
                    (from, path) = (parts, rest);
                }
                _ => return None,
            }
        }
    }

    /// The path and query string that the rule leads to.
    fn target(
        &self,
        mut bindings: Bindings,
        query: Bindings,
        rest: &[String],
    ) -> Result<String, Failure> {
        bindings.extend(query);
        let mut own = Bindings::new();
        for (name, value) in self.query.into_iter().flatten() {
            own.insert(0, (name.clone(), self.replaced(value, &bindings)));
        }
        bindings.retain(|(name, _)| !own.iter().any(|(other, _)| other == name));
        bindings.extend(own);
        let mut parts = Vec::new();
        for part in &self.to {
            match part {
                Part::Rest => {
                    parts.extend(rest.iter().map(|part| quote(part)));
                    break;
                }
                Part::Variable(name) => match find(&bindings, name) {
                    Some(value) => parts.push(quote(&bytes(value)?)),
                    None => parts.push("undefined".to_owned()),
                },
                Part::Literal(text) => parts.push(quote(text)),
            }
        }
        let mut pairs = Vec::new();
        for (name, value) in bindings.iter().rev().filter(|(name, _)| name != "*") {
            let value =
                if JSON.contains(&name.as_str()) { json::to_string(value) } else { bytes(value)? };
            pairs.push(format!("{}={}", quote(name), quote(&value)));
        }
        let path = parts.join("/");
        Ok(if pairs.is_empty() { path } else { format!("{path}?{}", pairs.join("&")) })
    }

    /// A value of the rule's query with its variables replaced.
    fn replaced(&self, value: &Value, bindings: &Bindings) -> Value {
        match value {
            Value::String(text) if text == "*" => self.variable("*", value, bindings),
            Value::String(text) => match text.strip_prefix(':') {
                Some(name) => self.variable(name, value, bindings),
                None => value.clone(),
            },
            Value::Array(items) => {
                let item =
                    |item: &Value| match item.as_str().and_then(|item| item.strip_prefix(':')) {
                        Some(name) => self.variable(name, item, bindings),
                        None => item.clone(),
                    };
                Value::Array(items.iter().map(item).collect())
            }
            other => other.clone(),
        }
    }

    /// What a variable stands for, in the format that the rule gives it.
    fn variable(&self, name: &str, default: &Value, bindings: &Bindings) -> Value {
        let value = find(bindings, name).unwrap_or(default);
        let format = self.formats.and_then(|formats| formats.get(name)).and_then(Value::as_str);
        match (format, value) {
            (Some("int"), Value::String(text)) => integer(text).unwrap_or_else(|| value.clone()),
            (Some("bool"), Value::String(text)) => match text.to_lowercase().as_str() {
                "true" => true.into(),
                "false" => false.into(),
                _ => value.clone(),
            },
            _ => value.clone(),
        }
    }
}

fn find<'a>(bindings: &'a Bindings, name: &str) -> Option<&'a Value> {
    bindings.iter().find(|(other, _)| other == name).map(|(_, value)| value)
}

/// Erlang's `list_to_integer`.
fn integer(text: &str) -> Option<Value> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let sign = if text.starts_with('-') { "-" } else { "" };
    match digits.trim_start_matches('0') {
        "" => Some(0.into()),
        digits => json::parse_str(&format!("{sign}{digits}")).ok(),
    }
}

/// What Erlang's `iolist_to_binary` makes of a value: only texts and lists are any bytes.
fn bytes(value: &Value) -> Result<String, Failure> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Array(items) => super::failure::bytes_of(items)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .ok_or_else(badarg),
        _ => Err(badarg()),
    }
}

fn badarg() -> Failure {
    Failure::crash("unknown_error", "badarg")
}

/// What the answer of a rewrite function makes of `request`.
pub(super) fn by_function(answer: &Value, request: &Request) -> Result<Rewritten, Failure> {
    let rewrite = match answer.as_array().map(Vec::as_slice) {
        Some([word]) if word == "no_dispatch_rule" => return Err(no_rule()),
        Some([word, Value::Object(rewrite)]) if word == "ok" => rewrite,
        Some([word, _]) if word == "ok" => return Err(rewrite_error("bad rewrite")),
        _ => return Err(Failure::thrown("unknown_error", answer)),
    };
    check(rewrite)?;
    if let Some(status) = rewrite.get("code").and_then(Value::as_u64) {
        return Ok(Rewritten::Response(Response {
            status: u16::try_from(status).unwrap_or(500),
            headers: pairs(rewrite.get("headers")),
            body: match rewrite.get("body").and_then(Value::as_str) {
                Some(body) => body.as_bytes().to_vec(),
                None => match &request.body {
                    RequestBody::Bytes(bytes) => bytes.clone(),
                    RequestBody::Absent | RequestBody::Json(_) => Vec::new(),
                },
            },
        }));
    }
    let Some(path) = rewrite.get("path").and_then(Value::as_str) else {
        return Err(rewrite_error("Rewrite result must produce a new path."));
    };
    let mut path = normalize(&format!("{}/{path}", prefix(request)?));
    let query = match rewrite.get("query") {
        Some(query) => pairs(Some(query)),
        None => request.query(),
    };
    let query: Vec<String> =
        query.iter().map(|(name, value)| format!("{}={}", quote(name), quote(value))).collect();
    if !query.is_empty() {
        path.push('?');
        path.push_str(&query.join("&"));
    }
    let mut rewritten = Request { path, ..request.clone() };
    if let Some(method) = rewrite.get("method").and_then(Value::as_str) {
        method.clone_into(&mut rewritten.method);
    }
    for (name, value) in pairs(rewrite.get("headers")) {
        rewritten.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(&name));
        rewritten.headers.push((name, value));
    }
    if let Some(body) = rewrite.get("body").and_then(Value::as_str) {
        rewritten.body = RequestBody::Bytes(body.as_bytes().to_vec());
    }
    Ok(Rewritten::Request(rewritten))
}

fn pairs(object: Option<&Value>) -> Vec<(String, String)> {
    let members = object.and_then(Value::as_object).into_iter().flatten();
    members.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().into())).collect()
}

fn rewrite_error(reason: &str) -> Failure {
    Failure::new(500, "rewrite_error", reason)
}

/// Checks the members of a rewrite in their order.
fn check(rewrite: &Map<String, Value>) -> Result<(), Failure> {
    for (name, value) in rewrite {
        match name.as_str() {
            "method" | "path" | "body" if !value.is_string() => {
                return Err(rewrite_error(&format!("bad {name}")));
            }
            "headers" | "query" => {
                let Some(members) = value.as_object() else {
                    return Err(rewrite_error(&format!("bad {name}")));
                };
                if let Some((name, value)) = members.iter().find(|(_, value)| !value.is_string()) {
                    return Err(rewrite_error(&format!(
                        "object key/value must be strings {}={}",
                        erlang::pretty(&name.clone().into(), 0),
                        erlang::pretty(value, 0)
                    )));
                }
            }
            "code" if !value.as_u64().is_some_and(|code| (200..600).contains(&code)) => {
                return Err(rewrite_error("bad code"));
            }
            _ => {}
        }
    }
    Ok(())
}
