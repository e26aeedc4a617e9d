//! Cases about views.

use super::super::answer::{Answer, Answered, Refusal};
use super::{Built, SuiteRun, build};
use crate::group::{GroupDefinition, Request, ViewGroup};
use crate::json::{self, Map, Value};
use crate::project::Problem;
use crate::project::suite::Case;
use crate::view::Context;

impl SuiteRun<'_> {
    pub(super) fn view(
        &mut self,
        case: &Case,
        view: &str,
        query: &Map<String, Value>,
    ) -> Result<Answer, Problem> {
        let own;
        let built = if case.docs.is_empty() {
            &self.base
        } else {
            let database = self.database(case)?;
            own = build(&mut self.engine, self.prepared, database);
            &own
        };
        let request = request(view, query);
        let partition = request.partition.as_deref();
        let context = Context {
            documents: Some(&built.database),
            update_seq: "0",
            partition_shard: partition.map_or(0, |name| built.database.shard_of_partition(name)),
        };
        let answer = match &built.group {
            Ok(group) => group.respond(&mut self.engine, &request, &context),
            // What is wrong with the request is told before what is wrong with the views.
            Err(failure) => ViewGroup::check(
                &GroupDefinition::new(&self.prepared.design.body),
                built.database.is_partitioned(),
                &request,
            )
            .and(Err(failure.to_query_error())),
        };
        let result = match answer {
            Ok(body) => Ok(Answered::View(json::parse_str(&body).unwrap_or_default())),
            Err(error) => {
                Err(Refusal { status: error.status, error: error.error, reason: error.reason })
            }
        };
        Ok(Answer { result, log: log(built, !case.docs.is_empty()) })
    }
}

/// A view request as its URL would hold it.
fn request(view: &str, query: &Map<String, Value>) -> Request {
    let mut parameters = query.clone();
    let partition = parameters.shift_remove("partition");
    Request {
        view: view.to_owned(),
        parameters: parameters
            .into_iter()
            .map(|(name, value)| {
                let text = parameter(&name, &value);
                (name, text)
            })
            .collect(),
        partition: partition.and_then(|value| value.as_str().map(str::to_owned)),
        ..Request::default()
    }
}

/// A parameter as it stands in a URL: JSON where CouchDB reads JSON, plain text elsewhere.
fn parameter(name: &str, value: &Value) -> String {
    let is_json = matches!(name, "key" | "keys" | "startkey" | "start_key" | "endkey" | "end_key");
    match value {
        Value::String(text) if !is_json => text.clone(),
        other => json::to_string(other),
    }
}

/// What the functions logged. What the suite's documents made a function throw is told once, as a
/// broken law, and not again with each case.
fn log(built: &Built, has_own_documents: bool) -> Vec<String> {
    let Ok(group) = &built.group else { return Vec::new() };
    let is_told = |message: &str| {
        !has_own_documents && group.thrown.iter().any(|thrown| thrown.message == message)
    };
    let messages = group.log.iter().map(|line| line.message.clone());
    messages.filter(|message| !is_told(message)).collect()
}
