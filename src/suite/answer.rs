//! What the function of a case answered: plain data, whatever the function is.

use crate::json::{self, Map, Value};

/// What a function gave, and what it logged meanwhile.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    pub(super) result: Result<Answered, Refusal>,
    pub(super) log: Vec<String>,
}

/// What came of a request that CouchDB answers.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answered {
    /// The body of a view's answer.
    View(Value),
    /// A validation function lets the write through.
    Accepted,
    /// The ids of the documents that a filter lets through, sorted.
    Passed(Vec<String>),
    /// What an update, show or list function responds.
    Response(Response),
    /// The fields that a search index gets, in the order of the documents.
    Fields(Vec<Value>),
}

/// The response of an update, show or list function.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
    /// What an update function writes; null for nothing.
    pub(super) doc: Value,
}

/// CouchDB's refusal of a request.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) error: String,
    pub(super) reason: Value,
}

impl Refusal {
    /// The reason as a text.
    pub(super) fn reason_text(&self) -> String {
        match &self.reason {
            Value::String(text) => text.clone(),
            other => json::to_string(other),
        }
    }
}

impl Answer {
    /// What a snapshot keeps of it.
    pub(super) fn to_value(&self) -> Value {
        match &self.result {
            Ok(Answered::View(body)) => body.clone(),
            Ok(Answered::Accepted) => object([("ok", true.into())]),
            Ok(Answered::Passed(ids)) => object([("passes", ids.clone().into())]),
            Ok(Answered::Response(response)) => response.to_value(),
            Ok(Answered::Fields(fields)) => object([("fields", fields.clone().into())]),
            Err(refusal) => object([
                ("status", refusal.status.into()),
                ("error", refusal.error.clone().into()),
                ("reason", refusal.reason.clone()),
            ]),
        }
    }
}

impl Response {
    fn to_value(&self) -> Value {
        let headers: Map<String, Value> =
            self.headers.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
        object([
            ("status", self.status.into()),
            ("headers", Value::Object(headers)),
            ("body", self.body.clone().into()),
            ("doc", self.doc.clone()),
        ])
    }
}

fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}
