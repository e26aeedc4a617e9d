//! As much of a server as the steps of the recorded cases need around functions.

use couchctl::design::{DesignDocument, Revision};
use couchctl::document::{Database, ReadOptions, WriteError};
use couchctl::engine::{Engine, Limits, Profile};
use couchctl::functions::{
    Failure, Functions, REWRITE_LIMIT, Request, RequestBody, RequestContext, Response, Rewritten,
    too_many, unquote, uuid,
};
use couchctl::group::{GroupDefinition, Request as ViewRequest, ViewGroup};
use couchctl::json::{self, Map, Value};
use couchctl::view::Context;

/// Who asks.
pub(crate) struct User {
    pub(crate) name: Option<String>,
    pub(crate) roles: Vec<String>,
}

pub(crate) struct Server {
    database: Database,
    functions: Functions,
    engine: Engine,
    security: Value,
}

type Answer = Result<Response, Failure>;

fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap_or_else(|| panic!("expected an object, not {value}"))
}

fn value(text: &str) -> Value {
    json::parse_str(text).expect("documents are JSON")
}

fn refused(error: WriteError) -> Failure {
    Failure::new(error.status, error.error, error.reason)
}

fn answer(status: u16, body: &Value) -> Response {
    let mut body = json::to_string(body).into_bytes();
    body.push(b'\n');
    Response { status, headers: Vec::new(), body }
}

fn saved(status: u16, id: &str, revision: &Revision) -> Response {
    answer(status, &value(&format!(r#"{{"ok":true,"id":"{id}","rev":"{revision}"}}"#)))
}

fn bytes(request: &Request) -> Vec<u8> {
    match &request.body {
        RequestBody::Bytes(bytes) => bytes.clone(),
        RequestBody::Absent | RequestBody::Json(_) => Vec::new(),
    }
}

fn body(request: &Request) -> Value {
    json::parse(&bytes(request)).unwrap_or(Value::Null)
}

/// The method is not among those allowed.
fn not_allowed(allowed: &str) -> Response {
    let failure = Failure::new(405, "method_not_allowed", format!("Only {allowed} allowed"));
    let mut response = failure.response();
    response.headers.push(("Allow".into(), allowed.into()));
    response
}

impl Server {
    pub(crate) fn new(case: &Value, profile: Profile) -> Self {
        let mut database = Database::new(1, false);
        for document in
            ["designs", "docs"].iter().filter_map(|kind| case.get(*kind)?.as_array()).flatten()
        {
            database.put(object(document)).expect("a document that can be saved");
        }
        let limits = Limits::default();
        let functions = Functions::new(profile, limits);
        let engine = Engine::new(profile, limits);
        Self { database, functions, engine, security: case["security"].clone() }
    }

    pub(crate) fn answer(&mut self, request: &Request, user: &User) -> Response {
        self.handle(request, user, 0).unwrap_or_else(|failure| failure.response())
    }

    fn context(&self, user: &User) -> RequestContext {
        let info = format!(r#"{{"db_name":"DB","doc_count":{}}}"#, self.database.len());
        RequestContext {
            database: "DB".into(),
            user: user.name.clone(),
            roles: user.roles.clone(),
            security: self.security.clone(),
            info: value(&info),
        }
    }

    fn handle(&mut self, request: &Request, user: &User, rewrites: usize) -> Answer {
        let parts = request.parts();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match (request.method.as_str(), &parts[1..]) {
            (_, ["_design", design, kind, rest @ ..]) if kind.starts_with('_') => {
                self.design(request, user, rewrites, (design, kind, rest))
            }
            ("GET", []) => Ok(answer(200, &self.context(user).info)),
            ("POST", []) => self.write(user, None, &body(request), 201),
            (_, []) => Ok(not_allowed("DELETE,GET,HEAD,POST")),
            ("GET", ["_all_docs"]) => Ok(answer(200, &self.all_documents(request))),
            ("POST", ["_bulk_docs"]) => Ok(answer(201, &self.bulk(user, &body(request)))),
            (_, ["_changes"]) => self.changes(request, user),
            (method, [prefix @ ("_design" | "_local"), name]) => {
                self.document(method, request, user, &format!("{prefix}/{name}"))
            }
            ("PUT", [id, attachment]) => self.attach(request, user, id, attachment),
            (method, [id]) => self.document(method, request, user, id),
            (method, path) => panic!("no such path: {method} {path:?}"),
        }
    }

    fn parameter(request: &Request, name: &str) -> Option<String> {
        request.query().into_iter().find(|(other, _)| other == name).map(|(_, value)| value)
    }

    fn document(&mut self, method: &str, request: &Request, user: &User, id: &str) -> Answer {
        match method {
            "GET" => match self.database.read(id, None, ReadOptions::default()) {
                Ok(text) => Ok(answer(200, &value(&text))),
                Err(absent) => Err(Failure::not_found(absent.to_string())),
            },
            "PUT" => self.write(user, Some(id), &body(request), 201),
            "DELETE" => {
                let rev = Self::parameter(request, "rev").expect("a revision");
                let tombstone = value(&format!(r#"{{"_rev":"{rev}","_deleted":true}}"#));
                self.write(user, Some(id), &tombstone, 200)
            }
            "COPY" => {
                let text = self.database.read(
                    id,
                    None,
                    ReadOptions { attachments: true, ..ReadOptions::default() },
                );
                let mut copy = object(&value(&text.expect("a document"))).clone();
                copy.shift_remove("_rev");
                let target = request.header("destination").expect("a destination");
                self.write(user, Some(target), &Value::Object(copy), 201)
            }
            other => panic!("no such method: {other}"),
        }
    }

    fn attach(&mut self, request: &Request, user: &User, id: &str, name: &str) -> Answer {
        let text = self.database.read(id, None, ReadOptions::default());
        let mut document = object(&value(&text.expect("a document"))).clone();
        let mut attachment = Map::new();
        let kind = request.header("content-type").unwrap_or_default();
        attachment.insert("content_type".into(), kind.into());
        attachment.insert("data".into(), base64(&bytes(request)).into());
        let attachments = [(name.to_owned(), Value::Object(attachment))].into_iter().collect();
        document.insert("_attachments".into(), Value::Object(attachments));
        self.write(user, Some(id), &Value::Object(document), 201)
    }

    fn write(&mut self, user: &User, id: Option<&str>, document: &Value, status: u16) -> Answer {
        let mut document = object(document).clone();
        if let Some(id) = id {
            document.shift_remove("_id");
            document.shift_insert(0, "_id".into(), id.into());
        }
        let revision = self.save(user, &document, false)?;
        let id = document["_id"].as_str().expect("an id");
        Ok(saved(status, id, &revision))
    }

    /// Saves a document if neither the database nor a validation function refuses it.
    fn save(
        &mut self,
        user: &User,
        document: &Map<String, Value>,
        replicated: bool,
    ) -> Result<Revision, Failure> {
        let id = document.get("_id").and_then(Value::as_str).unwrap_or_default().to_owned();
        if id.is_empty() {
            return Err(Failure::new(400, "illegal_docid", "Document id must not be empty"));
        }
        let mut written = self.database.clone();
        let revision = if replicated { written.replicate(document) } else { written.put(document) };
        let revision = revision.map_err(refused)?;
        if id.starts_with("_design/") {
            let is_admin = user.roles.iter().any(|role| role == "_admin" || role == "dbadm");
            if !is_admin {
                let refusal = if user.name.is_none() { "unauthorized" } else { "forbidden" };
                let reason = "You are not a db or server admin.".into();
                return Err(Failure::thrown(refusal, &reason));
            }
        } else if !id.starts_with("_local/") {
            self.validate(user, &id, document, replicated)?;
        }
        self.database = written;
        Ok(revision)
    }

    fn validate(
        &mut self,
        user: &User,
        id: &str,
        document: &Map<String, Value>,
        replicated: bool,
    ) -> Result<(), Failure> {
        let parent = document.get("_rev").and_then(Value::as_str).filter(|_| !replicated);
        let new = edited(document, parent);
        let parent = parent.and_then(|parent| parent.parse().ok());
        let old = parent.and_then(|parent: Revision| self.stored(id, Some(&parent)));
        let old = old.unwrap_or(Value::Null);
        let context = self.context(user).user_context();
        let designs: Vec<String> = self
            .database
            .ids()
            .iter()
            .filter(|id| id.starts_with("_design/"))
            .map(ToString::to_string)
            .collect();
        for design in designs {
            let design = self.design_document(&design)?;
            self.functions.validate(&design, &new, &old, &context, &self.security)?;
        }
        Ok(())
    }

    /// A document as functions see it.
    fn stored(&self, id: &str, revision: Option<&Revision>) -> Option<Value> {
        let options = ReadOptions { revs: true, ..ReadOptions::default() };
        self.database.read(id, revision, options).ok().map(|text| value(&text))
    }

    fn design_document(&self, id: &str) -> Result<Value, Failure> {
        let text = self.database.read(id, None, ReadOptions::default());
        text.map(|text| value(&text)).map_err(|_| Failure::not_found("missing"))
    }

    fn bulk(&mut self, user: &User, body: &Value) -> Value {
        let replicated = body.get("new_edits") == Some(&Value::Bool(false));
        let mut answers = Vec::new();
        for document in body["docs"].as_array().expect("docs") {
            let document = object(document);
            let id = document["_id"].as_str().expect("an id");
            match self.save(user, document, replicated) {
                Ok(_) if replicated => {}
                Ok(revision) => {
                    let text = format!(r#"{{"ok":true,"id":"{id}","rev":"{revision}"}}"#);
                    answers.push(value(&text));
                }
                Err(failure) => {
                    let mut members = failure.members();
                    members.shift_remove("ref");
                    members.shift_insert(0, "id".into(), id.into());
                    if replicated {
                        members.shift_insert(1, "rev".into(), document["_rev"].clone());
                    }
                    answers.push(Value::Object(members));
                }
            }
        }
        Value::Array(answers)
    }

    fn all_documents(&self, request: &Request) -> Value {
        let limit = Self::parameter(request, "limit").and_then(|limit| limit.parse().ok());
        let ids = self.database.ids();
        let rows = ids.iter().take(limit.unwrap_or(usize::MAX)).map(|id| {
            let revision = self.database.revision(id).expect("a live document");
            format!(r#"{{"id":"{id}","key":"{id}","value":{{"rev":"{revision}"}}}}"#)
        });
        let rows = rows.collect::<Vec<String>>().join(",");
        value(&format!(r#"{{"total_rows":{},"offset":0,"rows":[{rows}]}}"#, ids.len()))
    }

    fn changes(&mut self, request: &Request, user: &User) -> Answer {
        let documents = self.database.changed_documents();
        let filter = Self::parameter(request, "filter").unwrap_or_default();
        let mut request = request.clone();
        if request.method == "POST" {
            request.body = RequestBody::Json(body(&request));
        }
        let passes = self.passes(&filter, &documents, &request, user)?;
        let descending = Self::parameter(&request, "descending").as_deref() == Some("true");
        let limit = Self::parameter(&request, "limit").and_then(|limit| limit.parse().ok());
        let limit: usize = limit.unwrap_or(usize::MAX);
        let mut seen: Vec<(&Value, bool)> = documents.iter().zip(passes).collect();
        if descending {
            seen.reverse();
        }
        let mut results = Vec::new();
        let mut pending = seen.len();
        for (document, passes) in seen {
            if results.len() == limit {
                break;
            }
            pending -= 1;
            if !passes {
                continue;
            }
            let (id, revision) = (&document["_id"], &document["_rev"]);
            let mut text = format!(r#"{{"seq":"<seq>","id":{id},"changes":[{{"rev":{revision}}}]"#);
            if document.get("_deleted").is_some() {
                text.push_str(",\"deleted\":true");
            }
            if Self::parameter(&request, "include_docs").as_deref() == Some("true") {
                let mut shown = object(document).clone();
                shown.shift_remove("_revisions");
                text.push_str(",\"doc\":");
                text.push_str(&json::to_string(&Value::Object(shown)));
            }
            text.push('}');
            results.push(value(&text));
        }
        let mut answered = Map::new();
        answered.insert("results".into(), results.into());
        answered.insert("last_seq".into(), "<seq>".into());
        answered.insert("pending".into(), pending.into());
        Ok(answer(200, &Value::Object(answered)))
    }

    /// Which changes pass, asked one after the other as the server does.
    fn passes(
        &mut self,
        filter: &str,
        documents: &[Value],
        request: &Request,
        user: &User,
    ) -> Result<Vec<bool>, Failure> {
        let bad = |reason: &str| Failure::new(400, "bad_request", reason);
        let path = |text: &str| -> Vec<String> {
            text.split('/').filter(|part| !part.is_empty()).map(unquote).collect()
        };
        let (design, view, name) = match filter {
            "" => return Ok(vec![true; documents.len()]),
            "_view" => {
                let view = Self::parameter(request, "view").unwrap_or_default();
                if view.is_empty() {
                    return Err(bad("`view` filter parameter is not provided."));
                }
                match path(&view).as_slice() {
                    [design, view] => (design.clone(), true, view.clone()),
                    _ => return Err(Failure::crash("case_clause", view)),
                }
            }
            _ if filter.starts_with('_') => return Err(bad("unknown builtin filter name")),
            _ => match path(filter).as_slice() {
                [design, name] => (design.clone(), false, name.clone()),
                _ => {
                    return Err(bad("`filter` must be of the form `designname/filtername`"));
                }
            },
        };
        let design = self.design_document(&format!("_design/{design}"))?;
        let object = request.object(&self.context(user), None, &uuid())?;
        let mut passes = Vec::new();
        for (position, document) in documents.iter().enumerate() {
            let document = std::slice::from_ref(document);
            let result = if view {
                self.functions.filter_view(&design, &name, document)
            } else {
                self.functions.filter(&design, &name, document, &object)
            };
            match result {
                Ok(result) => passes.extend(result),
                Err(failure) if failure.status == 404 => return Err(failure),
                Err(failure) if position == 0 => return Err(failure.at_first_change()),
                Err(failure) => return Err(failure),
            }
        }
        Ok(passes)
    }

    /// A path below a design document.
    fn design(
        &mut self,
        request: &Request,
        user: &User,
        rewrites: usize,
        (name, kind, rest): (&str, &str, &[&str]),
    ) -> Answer {
        let design = self.design_document(&format!("_design/{name}"))?;
        let context = self.context(user);
        match (kind, rest) {
            ("_update", [function, id @ ..]) => {
                let id = (!id.is_empty()).then(|| id.join("/"));
                let object = request.object(&context, id.as_deref(), &uuid())?;
                let document = id.and_then(|id| self.stored(&id, None)).unwrap_or(Value::Null);
                let update = self.functions.update(&design, function, &document, &object)?;
                let Some(document) = update.document.clone() else { return update.unsaved() };
                let revision = self.save(user, &document, false)?;
                let id = document["_id"].as_str().expect("an id");
                update.saved(id, &revision, false)
            }
            ("_show", [function, id @ ..]) => {
                let id = (!id.is_empty()).then(|| id.join("/"));
                let object = request.object(&context, id.as_deref(), &uuid())?;
                let document = id.and_then(|id| self.stored(&id, None)).unwrap_or(Value::Null);
                self.functions.show(&design, function, &document, &object, "\"etag\"")
            }
            ("_list", [list, path @ ..]) if matches!(path.len(), 1 | 2) => {
                self.list(&design, list, path, request, &context)
            }
            ("_rewrite", _) => {
                if rewrites >= REWRITE_LIMIT {
                    return Err(too_many());
                }
                match self.functions.rewrite(&design, request, &context)? {
                    Rewritten::Response(response) => Ok(response),
                    Rewritten::Request(request) => self.handle(&request, user, rewrites + 1),
                }
            }
            ("_view", [view]) => self.view(&design, view, request).map(|body| answer(200, &body)),
            ("_update" | "_show" | "_list", _) => {
                let error = format!("{}_error", kind.trim_start_matches('_'));
                Err(Failure::new(404, error, "Invalid path."))
            }
            other => panic!("no such path: {other:?}"),
        }
    }

    fn list(
        &mut self,
        design: &Value,
        list: &str,
        path: &[&str],
        request: &Request,
        context: &RequestContext,
    ) -> Answer {
        let mut request = request.clone();
        match request.method.as_str() {
            "GET" => {}
            "POST" => request.body = RequestBody::Json(body(&request)),
            _ => return Ok(not_allowed("GET,POST,HEAD")),
        }
        Functions::check_list(design, list)?;
        let (other, view) = match path {
            [view] => (None, *view),
            [other, view] => (Some(*other), *view),
            _ => panic!("no such path: {path:?}"),
        };
        let body = match other {
            _ if view == "_all_docs" => self.all_documents(&request),
            Some(other) => {
                // The server expects the design document of the view to be there.
                let other = self.design_document(&format!("_design/{other}"));
                let missing = Failure::crash("badmatch", "{not_found,missing}");
                self.view(&other.map_err(|_| missing)?, view, &request)?
            }
            None => self.view(design, view, &request)?,
        };
        let head = ["total_rows", "offset"]
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), body.get(name)?.clone())));
        let head = Value::Object(head.collect());
        let rows = body["rows"].as_array().expect("rows").clone();
        let object = request.object(context, None, &uuid())?;
        self.functions.list(design, list, &head, &object, &rows)
    }

    /// The answer of a view.
    fn view(&mut self, design: &Value, view: &str, request: &Request) -> Result<Value, Failure> {
        let is_list = request.path.contains("/_list/");
        let design = DesignDocument::from_value(design.clone()).expect("a design document");
        let definition = GroupDefinition::new(&design.body);
        let documents = self.database.documents_for(&definition);
        let group = ViewGroup::build(&mut self.engine, definition, 1, false, documents);
        let group = group.expect("views that can be built");
        let mut asked = ViewRequest {
            view: view.to_owned(),
            parameters: request.query().into_iter().filter(|(name, _)| name != "q").collect(),
            ..ViewRequest::default()
        };
        // Of the body of a list the server reads the keys only.
        if let RequestBody::Json(body) = &request.body
            && let Some(keys) = body.get("keys")
        {
            asked.parameters.push(("keys".into(), json::to_string(keys)));
        }
        let context =
            Context { documents: Some(&self.database), update_seq: "", partition_shard: 0 };
        group.respond(&mut self.engine, &asked, &context).map(|body| value(&body)).map_err(
            |error| {
                // What is wrong with a range is found out after the list has begun, which nobody expects.
                if is_list && json::to_string(&error.reason).contains("No rows can match") {
                    return Failure::crash("unknown_error", "function_clause");
                }
                error.into()
            },
        )
    }
}

/// A document as a validation function sees it before it is saved.
fn edited(document: &Map<String, Value>, parent: Option<&str>) -> Value {
    let mut new = Map::new();
    let mut take = |name: &str| {
        if let Some(value) = document.get(name) {
            new.insert(name.to_owned(), value.clone());
        }
    };
    take("_id");
    take("_rev");
    for (name, _) in document.iter().filter(|(name, _)| !name.starts_with('_')) {
        take(name);
    }
    take("_deleted");
    take("_revisions");
    if let Some((generation, hash)) = parent.and_then(|parent| parent.split_once('-')) {
        let revisions = format!(r#"{{"start":{generation},"ids":["{hash}"]}}"#);
        new.insert("_revisions".into(), value(&revisions));
    }
    let stubs = document.get("_attachments").and_then(Value::as_object).map(|attachments| {
        let stub = |(name, attachment): (&String, &Value)| {
            let data = attachment["data"].as_str().unwrap_or_default();
            let text = format!(
                r#"{{"content_type":{},"revpos":0,"length":{},"stub":true}}"#,
                attachment["content_type"],
                data.trim_end_matches('=').len() * 3 / 4
            );
            (name.clone(), value(&text))
        };
        attachments.iter().map(stub).collect::<Map<String, Value>>()
    });
    if let Some(stubs) = stubs {
        new.insert("_attachments".into(), Value::Object(stubs));
    }
    Value::Object(new)
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
