//! Calling the functions of design documents.

use std::collections::{HashMap, VecDeque};

use super::failure::printed;
use super::process::{Answers, Process, line};
use super::response::{External, apply_headers};
use super::rewrite::{by_function, by_rules, no_rule};
use super::url::encode_id;
use super::{Failure, Request, RequestContext, Response, Rewritten, list};
use crate::design::Revision;
use crate::engine::{Limits, Profile};
use crate::json::{Map, Value};
use crate::mango::Selector;

/// Runs the functions of design documents.
///
/// A design document is given as the server shows it: an object with `_id` and, where it is stored,
/// `_rev`. It is told to the engine once, so that its functions keep their globals between calls, as
/// they do on a server. Use one for each database: processes belong to one database.
#[derive(Debug)]
pub struct Functions {
    profile: Profile,
    limits: Limits,
    processes: HashMap<Profile, Process>,
    log: Vec<String>,
}

/// What an update function wants to be done.
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// The document to save, if any. Its `_id` may be missing, which saving it refuses.
    pub document: Option<Map<String, Value>>,
    /// The response object.
    response: Map<String, Value>,
}

/// Which kind of search index a function is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchIndex {
    /// `indexes`: Clouseau.
    Clouseau,
    /// `nouveau`.
    Nouveau,
}

impl Functions {
    /// A runner whose design documents in plain `javascript` run as `profile`.
    #[must_use]
    pub fn new(profile: Profile, limits: Limits) -> Self {
        Self { profile, limits, processes: HashMap::new(), log: Vec::new() }
    }

    /// Takes what functions logged since the last time.
    pub fn take_log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }

    /// The process for the language of a design document.
    fn process(&mut self, language: Option<&Value>) -> Result<&mut Process, Failure> {
        let language = language.and_then(Value::as_str).unwrap_or("javascript");
        let Some(profile) = self.profile.for_language(language) else {
            return Err(Failure::thrown("unknown_query_language", &language.into()));
        };
        let limits = self.limits;
        Ok(self.processes.entry(profile).or_insert_with(|| Process::new(profile, limits)))
    }

    fn call(
        &mut self,
        design: &Value,
        path: &[&str],
        arguments: Vec<Value>,
        rows: VecDeque<String>,
    ) -> Result<Answers, Failure> {
        let process = self.process(design.get("language"))?;
        let mut answers = process.call_design(design, path, arguments, rows);
        self.log.append(&mut answers.log);
        Ok(answers)
    }

    /// Calls a function that gives one answer.
    fn ask(
        &mut self,
        design: &Value,
        path: &[&str],
        arguments: Vec<Value>,
    ) -> Result<Value, Failure> {
        let answers = self.call(design, path, arguments, VecDeque::new())?;
        match answers.failure() {
            Some(failure) => Err(failure),
            None => Ok(answers.values.into_iter().next().unwrap_or(Value::Null)),
        }
    }

    /// Asks the `validate_doc_update` of a design document about a write; one without such a function
    /// accepts everything, and a selector, as CouchDB after 3.5.2 has them, what it matches. `old` is null where there is no document yet. `user` is a user context
    /// ([`RequestContext::user_context`]), `security` the security object.
    ///
    /// # Errors
    /// Why the write is refused.
    pub fn validate(
        &mut self,
        design: &Value,
        new: &Value,
        old: &Value,
        user: &Value,
        security: &Value,
    ) -> Result<(), Failure> {
        match design.get("validate_doc_update") {
            None => return Ok(()),
            Some(selector @ Value::Object(_)) if design["language"] == "query" => {
                return select(selector, new, old);
            }
            Some(_) => {}
        }
        let arguments = [new, old, user, security].map(Clone::clone).to_vec();
        let answer = self.ask(design, &["validate_doc_update"], arguments)?;
        match &answer {
            Value::Bool(true) => Ok(()),
            Value::Number(number) if number.as_str() == "1" => Ok(()),
            Value::String(_) => Err(Failure::thrown("unknown_error", &answer)),
            Value::Object(members) => {
                let mut members = members.iter();
                Err(match (members.next(), members.next()) {
                    (Some((name, reason)), None) => match name.as_str() {
                        "forbidden" | "unauthorized" => Failure::thrown(name, reason),
                        _ => Failure::thrown("unknown_error", reason),
                    },
                    _ => Failure::crash("unknown_error", "function_clause"),
                })
            }
            _ => Err(Failure::crash("unknown_error", "function_clause")),
        }
    }

    /// Which of `documents` a filter passes for a request. Documents come as the changes feed has
    /// them, with `_revisions`, deleted ones as tombstones.
    ///
    /// # Errors
    /// 404 when there is no such filter; what ends the feed, when the filter fails.
    pub fn filter(
        &mut self,
        design: &Value,
        name: &str,
        documents: &[Value],
        request: &Value,
    ) -> Result<Vec<bool>, Failure> {
        member(design, &["filters", name])?;
        let arguments = vec![documents.to_vec().into(), request.clone()];
        self.ask(design, &["filters", name], arguments).map(|answer| passes(&answer))
    }

    /// For which of `documents` a map function emits anything: the filter `_view`.
    ///
    /// # Errors
    /// As [`Functions::filter`].
    pub fn filter_view(
        &mut self,
        design: &Value,
        view: &str,
        documents: &[Value],
    ) -> Result<Vec<bool>, Failure> {
        member(design, &["views", view])?;
        let arguments = vec![documents.to_vec().into()];
        self.ask(design, &["views", view, "map"], arguments).map(|answer| passes(&answer))
    }

    /// Calls an update function with a document, or null, and a request object.
    ///
    /// # Errors
    /// What the server answers when there is no such function, or it fails.
    pub fn update(
        &mut self,
        design: &Value,
        name: &str,
        document: &Value,
        request: &Value,
    ) -> Result<Update, Failure> {
        member(design, &["updates", name])?;
        let arguments = vec![document.clone(), request.clone()];
        let answer = self.ask(design, &["updates", name], arguments)?;
        match answer.as_array().map(Vec::as_slice) {
            Some([_, document, Value::Object(response)]) => {
                Ok(Update { document: document.as_object().cloned(), response: response.clone() })
            }
            _ => Err(Failure::crash("case_clause", printed(&answer))),
        }
    }

    /// Calls a show function with a document, or null, and a request object. `etag` is the entity
    /// tag of the response, with its quotes.
    ///
    /// # Errors
    /// What the server answers when there is no such function, or it fails.
    pub fn show(
        &mut self,
        design: &Value,
        name: &str,
        document: &Value,
        request: &Value,
        etag: &str,
    ) -> Result<Response, Failure> {
        member(design, &["shows", name])?;
        let arguments = vec![document.clone(), request.clone()];
        let answer = self.ask(design, &["shows", name], arguments)?;
        let Some([_, Value::Object(response)]) = answer.as_array().map(Vec::as_slice) else {
            return Err(Failure::crash("unknown_error", "function_clause"));
        };
        let mut response = response.clone();
        apply_headers(&mut response, &[("ETag", etag), ("Vary", "Accept")])?;
        let members = response.iter().map(|(name, value)| (name.as_str(), value));
        Ok(External::read(members)?.response())
    }

    /// Checks that a list function is there, as the server does before it queries the view.
    ///
    /// # Errors
    /// 404 when it is not.
    pub fn check_list(design: &Value, name: &str) -> Result<(), Failure> {
        member(design, &["lists", name]).map(|_| ())
    }

    /// Calls a list function over the rows of a view, objects with `id`, `key`, `value` and `doc` as
    /// in the view's answer. `head` is the beginning of that answer: `total_rows` and `offset`, or an
    /// empty object where the view reduces.
    ///
    /// # Errors
    /// What the server answers when there is no such function, or it fails before the first chunk.
    pub fn list(
        &mut self,
        design: &Value,
        name: &str,
        head: &Value,
        request: &Value,
        rows: &[Value],
    ) -> Result<Response, Failure> {
        Self::check_list(design, name)?;
        let mut lines: VecDeque<String> = rows.iter().map(row_line).collect();
        lines.push_back(line(["list_end".into()]));
        let arguments = vec![head.clone(), request.clone()];
        list::respond(&self.call(design, &["lists", name], arguments, lines)?, rows.len())
    }

    /// Rewrites a request to `_rewrite` by the rules or the function of a design document.
    ///
    /// # Errors
    /// 404 when there are no rewrites or no rule fits; what the server answers when they fail.
    pub fn rewrite(
        &mut self,
        design: &Value,
        request: &Request,
        context: &RequestContext,
    ) -> Result<Rewritten, Failure> {
        match design.get("rewrites") {
            None => Err(no_rule()),
            Some(Value::Array(rules)) => by_rules(rules, request).map(Rewritten::Request),
            Some(Value::String(_)) => {
                let object = request.rewrite_object(context)?;
                by_function(&self.ask(design, &["rewrites"], vec![object])?, request)
            }
            Some(_) => Err(Failure::crash("unknown_error", "case_clause")),
        }
    }

    /// The fields that a search index function of `design` would index of a document: for Clouseau
    /// lists of name, value and options, for Nouveau objects.
    ///
    /// # Errors
    /// When the function does not compile, or fails fatally; other exceptions are logged, and nothing
    /// is indexed then.
    pub fn index(
        &mut self,
        design: &Value,
        kind: SearchIndex,
        source: &str,
        document: &Value,
    ) -> Result<Vec<Value>, Failure> {
        let process = self.process(design.get("language"))?;
        let (added, command) = match kind {
            SearchIndex::Clouseau => (line(["add_fun".into(), source.into()]), "index_doc"),
            SearchIndex::Nouveau => {
                let added = line(["add_fun".into(), source.into(), "nouveau".into()]);
                (added, "nouveau_index_doc")
            }
        };
        let compiled = process.prompt(vec![line(["reset".into()]), added], VecDeque::new());
        if let Some(failure) = compiled.failure() {
            return Err(failure);
        }
        let lines = vec![line([command.into(), document.clone()])];
        let mut answers = process.prompt(lines, VecDeque::new());
        self.log.append(&mut answers.log);
        if let Some(failure) = answers.failure() {
            return Err(failure);
        }
        let fields = answers.values.first().and_then(|answer| answer.get(0)?.as_array());
        Ok(fields.cloned().unwrap_or_default())
    }
}

impl Update {
    /// The response once the document is saved under an id with a revision. `accepted` tells that
    /// fewer copies than wanted were written, which answers 202.
    ///
    /// # Errors
    /// When the response object is malformed: the document stays saved.
    pub fn saved(
        mut self,
        id: &str,
        revision: &Revision,
        accepted: bool,
    ) -> Result<Response, Failure> {
        let (revision, id) = (revision.to_string(), encode_id(id));
        let headers = [("X-Couch-Update-NewRev", revision.as_str()), ("X-Couch-Id", id.as_str())];
        apply_headers(&mut self.response, &headers)?;
        self.respond(if accepted { 202 } else { 201 })
    }

    /// The response where there is no document to save.
    ///
    /// # Errors
    /// When the response object is malformed.
    pub fn unsaved(self) -> Result<Response, Failure> {
        self.respond(200)
    }

    fn respond(self, status: u16) -> Result<Response, Failure> {
        // A status of the function's own comes later and counts.
        let status = Value::from(status);
        let code = [("code", &status)].into_iter();
        let members = self.response.iter().map(|(name, value)| (name.as_str(), value));
        Ok(External::read(code.chain(members))?.response())
    }
}

/// Finds a member of a design document (`couch_util:get_nested_json_value`).
fn member<'a>(design: &'a Value, path: &[&str]) -> Result<&'a Value, Failure> {
    let mut place = design;
    for name in path {
        let Value::Object(members) = place else {
            return Err(Failure::not_found("json_mismatch"));
        };
        place = members
            .get(*name)
            .ok_or_else(|| Failure::not_found(format!("missing json key: {name}")))?;
    }
    Ok(place)
}

fn passes(answer: &Value) -> Vec<bool> {
    let results = answer.get(1).and_then(Value::as_array);
    results.into_iter().flatten().map(|passes| passes == &Value::Bool(true)).collect()
}

/// A row as a list function reads it.
fn row_line(row: &Value) -> String {
    let members = ["id", "key", "value", "doc"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), row.get(name)?.clone())));
    line(["list_row".into(), members.collect::<Map<String, Value>>().into()])
}

/// Whether a selector takes a write (`mango_native_proc`).
fn select(selector: &Value, new: &Value, old: &Value) -> Result<(), Failure> {
    let selector = Selector::parse(selector)
        .map_err(|error| Failure::crash(error.name(), error.to_string()))?;
    if selector.matches(&serde_json::json!({ "newDoc": new, "oldDoc": old })) {
        return Ok(());
    }
    Err(Failure::thrown("forbidden", &"document is not valid".into()))
}
