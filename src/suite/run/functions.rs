//! Cases about the functions of a design document other than views.

use super::super::answer::{Answer, Answered, Refusal, Response};
use super::SuiteRun;
use super::request::CaseRequest;
use crate::document::{Database, ReadOptions, WriteError};
use crate::functions::{self, Failure, SearchIndex};
use crate::group::GroupDefinition;
use crate::json::{self, Map, Value};
use crate::project::Problem;
use crate::project::suite::{Case, Validation};

impl SuiteRun<'_> {
    /// What a function gave, with what it logged.
    fn answered(&mut self, result: Result<Answered, Failure>) -> Answer {
        let result = result.map_err(|failure| Refusal {
            status: failure.status,
            error: failure.error,
            reason: failure.reason,
        });
        Answer { result, log: self.functions.take_log() }
    }

    pub(super) fn validate(&mut self, write: &Validation) -> Answer {
        let mut user = Map::new();
        user.insert("db".into(), self.prepared.suite.database.clone().into());
        user.insert("name".into(), Value::Null);
        user.insert("roles".into(), Value::Array(Vec::new()));
        if let Some(Value::Object(given)) = &write.user {
            user.extend(given.clone());
        }
        let security = write.security.clone().unwrap_or_else(|| Value::Object(Map::new()));
        let old = write.old.clone().unwrap_or_default();
        let user = Value::Object(user);
        let result = self.functions.validate(&self.design, &write.new, &old, &user, &security);
        self.answered(result.map(|()| Answered::Accepted))
    }

    pub(super) fn filter(
        &mut self,
        case: &Case,
        filter: &str,
        request: &Map<String, Value>,
    ) -> Result<Answer, Problem> {
        let documents = self.database(case)?.changed_documents();
        let path = self.path(&["_changes"]);
        let request = CaseRequest::new("GET", path, request).object(self.name(), None);
        let result = request
            .and_then(|request| self.functions.filter(&self.design, filter, &documents, &request));
        let result = result.map(|passes| {
            let ids = documents.iter().filter_map(|document| document["_id"].as_str());
            let passed = ids.zip(passes).filter(|(_, passes)| *passes);
            let mut passed: Vec<String> = passed.map(|(id, _)| id.to_owned()).collect();
            passed.sort();
            Answered::Passed(passed)
        });
        Ok(self.answered(result))
    }

    pub(super) fn update(
        &mut self,
        case: &Case,
        update: &str,
        id: Option<&str>,
        request: &Map<String, Value>,
    ) -> Result<Answer, Problem> {
        let mut database = self.database(case)?;
        let design = self.prepared.design.name();
        let mut parts = vec!["_design", design, "_update", update];
        parts.extend(id);
        let method = if id.is_some() { "PUT" } else { "POST" };
        let request = CaseRequest::new(method, self.path(&parts), request);
        let document = stored(&database, id);
        let result = request.object(self.name(), id).and_then(|request| {
            let update = self.functions.update(&self.design, update, &document, &request)?;
            let written = update.document.clone();
            let response = match &written {
                Some(members) => {
                    let (id, revision) = save(&mut database, members)?;
                    update.saved(&id, &revision, false)?
                }
                None => update.unsaved()?,
            };
            Ok((written, response))
        });
        let result = result.map(|(written, response)| {
            let doc = written.map(Value::Object).unwrap_or_default();
            Answered::Response(Response { doc, ..response.into() })
        });
        Ok(self.answered(result))
    }

    pub(super) fn show(
        &mut self,
        case: &Case,
        show: &str,
        id: Option<&str>,
        request: &Map<String, Value>,
    ) -> Result<Answer, Problem> {
        let database = self.database(case)?;
        let mut parts = vec!["_design", self.prepared.design.name(), "_show", show];
        parts.extend(id);
        let request = CaseRequest::new("GET", self.path(&parts), request);
        let document = stored(&database, id);
        let result = request.object(self.name(), id).and_then(|request| {
            self.functions.show(&self.design, show, &document, &request, "\"\"")
        });
        let result = result.map(|response| Answered::Response(response.into()));
        Ok(self.answered(result))
    }

    pub(super) fn list(
        &mut self,
        case: &Case,
        list: &str,
        (view, query): (&str, &Map<String, Value>),
        request: &Map<String, Value>,
    ) -> Result<Answer, Problem> {
        let answer = self.view(case, view, query)?;
        let Ok(Answered::View(mut body)) = answer.result else { return Ok(answer) };
        let rows = match body.as_object_mut().and_then(|body| body.shift_remove("rows")) {
            Some(Value::Array(rows)) => rows,
            _ => Vec::new(),
        };
        let design = self.prepared.design.name();
        let path = self.path(&["_design", design, "_list", list, view]);
        let request = CaseRequest::new("GET", path, request).with_query(query);
        let result = request
            .object(self.name(), None)
            .and_then(|request| self.functions.list(&self.design, list, &body, &request, &rows));
        let result = result.map(|response| Answered::Response(response.into()));
        Ok(self.answered(result))
    }

    pub(super) fn search(&mut self, case: &Case, index: &str) -> Result<Answer, Problem> {
        let design = self.prepared.design;
        let of = |mut indexes: Box<dyn Iterator<Item = (&str, &Value)> + '_>| {
            let (_, index) = indexes.find(|(name, _)| *name == index)?;
            index.get("index").and_then(Value::as_str).map(str::to_owned)
        };
        let (kind, source) = match of(Box::new(design.nouveau())) {
            Some(source) => (SearchIndex::Nouveau, source),
            None => (SearchIndex::Clouseau, of(Box::new(design.indexes())).unwrap_or_default()),
        };
        let documents = self.database(case)?.documents_for(&GroupDefinition::new(&Map::new()));
        let mut fields = Vec::new();
        for document in documents {
            let value = json::parse_str(&document.text).unwrap_or_default();
            match self.functions.index(&self.design, kind, &source, &value) {
                Ok(found) => {
                    fields.extend(found.iter().map(|found| field(kind, &document.id, found)));
                }
                Err(failure) => return Ok(self.answered(Err(failure))),
            }
        }
        Ok(self.answered(Ok(Answered::Fields(fields))))
    }

    /// The database's name.
    fn name(&self) -> &str {
        &self.prepared.suite.database
    }

    /// A path below the database.
    fn path(&self, parts: &[&str]) -> String {
        let mut path = format!("/{}", functions::quote(self.name()));
        for part in parts {
            path.push('/');
            path.push_str(&functions::quote(part));
        }
        path
    }
}

/// A document as update and show functions get it; null when there is none.
fn stored(database: &Database, id: Option<&str>) -> Value {
    let options = ReadOptions { revs: true, ..ReadOptions::default() };
    id.and_then(|id| database.read(id, None, options).ok())
        .and_then(|text| json::parse_str(&text).ok())
        .unwrap_or_default()
}

/// Saves what an update function wants to be saved.
fn save(
    database: &mut Database,
    members: &Map<String, Value>,
) -> Result<(String, crate::design::Revision), Failure> {
    let id = members.get("_id").and_then(Value::as_str).unwrap_or_default();
    if id.is_empty() {
        return Err(Failure::new(400, "illegal_docid", "Document id must not be empty"));
    }
    let refused = |error: WriteError| Failure::new(error.status, error.error, error.reason);
    Ok((id.to_owned(), database.put(members).map_err(refused)?))
}

/// A field of a search index as an object: the document's `id`, `name`, `value` and the options, for
/// Nouveau with its `type`.
fn field(kind: SearchIndex, id: &str, field: &Value) -> Value {
    let mut members = Map::new();
    members.insert("id".into(), id.into());
    match (kind, field) {
        (SearchIndex::Clouseau, Value::Array(parts)) => {
            for (name, part) in ["name", "value"].iter().zip(parts) {
                members.insert((*name).to_owned(), part.clone());
            }
            if let Some(Value::Object(options)) = parts.get(2) {
                members.extend(options.clone());
            }
        }
        (_, Value::Object(parts)) => {
            for (name, part) in parts {
                members.insert(name.trim_start_matches('@').to_owned(), part.clone());
            }
        }
        _ => {}
    }
    Value::Object(members)
}

impl From<functions::Response> for Response {
    fn from(response: functions::Response) -> Self {
        Self {
            status: response.status,
            headers: response.headers,
            body: String::from_utf8_lossy(&response.body).into_owned(),
            doc: Value::Null,
        }
    }
}
