//! Cases about validation functions and filters.

use super::super::answer::{Answer, Answered, Refusal};
use super::SuiteRun;
use crate::engine::{EngineError, Validation};
use crate::json::{self, Map, Value};
use crate::project::Problem;
use crate::project::suite::{self, Case};

impl SuiteRun<'_> {
    pub(super) fn validate(&mut self, write: &suite::Validation) -> Answer {
        let source = self.prepared.design.validate_doc_update().unwrap_or_default().to_owned();
        let mut user = Map::new();
        user.insert("db".into(), self.prepared.suite.database.clone().into());
        user.insert("name".into(), Value::Null);
        user.insert("roles".into(), Value::Array(Vec::new()));
        if let Some(Value::Object(given)) = &write.user {
            user.extend(given.clone());
        }
        let user = Value::Object(user);
        let security = write.security.clone().unwrap_or_else(|| Value::Object(Map::new()));
        let (new, old) = (write.new.clone(), write.old.clone().unwrap_or_default());
        let design = self.design.clone();
        let outcome = self.engine.run(move |vm| {
            let decision = vm.validate(&design, &source, [&new, &old, &user, &security]);
            (decision, vm.logged())
        });
        let (decision, log) = outcome.unwrap_or_else(|error| (Err(error), Vec::new()));
        let result = match decision {
            Ok(Validation::Accepted) => Ok(Answered::Accepted),
            Ok(Validation::Refused(status, error, reason)) => {
                Err(Refusal { status, error, reason })
            }
            Err(error) => Err(failed(&error)),
        };
        Answer { result, log }
    }

    pub(super) fn filter(
        &mut self,
        case: &Case,
        filter: &str,
        request: &Map<String, Value>,
    ) -> Result<Answer, Problem> {
        let documents = self.database(case)?.changed_documents();
        let ids: Vec<String> = documents
            .iter()
            .map(|document| document["_id"].as_str().unwrap_or_default().to_owned())
            .collect();
        let mut filters = self.prepared.design.filters();
        let source = filters.find(|(name, _)| *name == filter).map_or("", |(_, source)| source);
        let (source, design) = (source.to_owned(), self.design.clone());
        let request = changes_request(&self.prepared.suite.database, request);
        let outcome = self
            .engine
            .run(move |vm| (vm.filter(&design, &source, &documents, &request), vm.logged()));
        let (passes, log) = outcome.unwrap_or_else(|error| (Err(error), Vec::new()));
        let result = match passes {
            Ok(passes) => {
                let passed = ids.into_iter().zip(passes).filter(|(_, passes)| *passes);
                let mut passed: Vec<String> = passed.map(|(id, _)| id).collect();
                passed.sort();
                Ok(Answered::Passed(passed))
            }
            Err(error) => Err(failed(&error)),
        };
        Ok(Answer { result, log })
    }
}

/// What a server answers when a function fails.
fn failed(error: &EngineError) -> Refusal {
    match error {
        EngineError::Thrown { error, reason } => {
            Refusal { status: 500, error: error.clone(), reason: reason.clone() }
        }
        other => Refusal {
            status: 500,
            error: "error".to_owned(),
            reason: Value::String(other.to_string()),
        },
    }
}

/// The request object that a filter of the changes feed gets (`chttpd_external`).
fn changes_request(database: &str, given: &Map<String, Value>) -> Value {
    let path = || Value::Array(vec![database.into(), "_changes".into()]);
    let empty = || Value::Object(Map::new());
    let mut user = Map::new();
    user.insert("db".into(), database.into());
    user.insert("name".into(), Value::Null);
    user.insert("roles".into(), Value::Array(Vec::new()));
    let mut info = Map::new();
    info.insert("db_name".into(), database.into());
    let members = [
        ("info", Value::Object(info)),
        ("uuid", "00000000000000000000000000000000".into()),
        ("id", Value::Null),
        ("method", "GET".into()),
        ("requested_path", path()),
        ("path", path()),
        ("raw_path", format!("/{database}/_changes").into()),
        ("query", empty()),
        ("headers", empty()),
        ("body", "undefined".into()),
        ("peer", "127.0.0.1".into()),
        ("form", empty()),
        ("cookie", empty()),
        ("userCtx", Value::Object(user)),
        ("secObj", empty()),
    ];
    let mut request: Map<String, Value> =
        members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    for (name, value) in given {
        let value = match value {
            Value::Object(query) if name == "query" => Value::Object(
                query.iter().map(|(name, value)| (name.clone(), query_text(value))).collect(),
            ),
            other => other.clone(),
        };
        request.insert(name.clone(), value);
    }
    Value::Object(request)
}

/// A value of a query string: text.
fn query_text(value: &Value) -> Value {
    match value {
        Value::String(text) => text.clone().into(),
        other => json::to_string(other).into(),
    }
}
