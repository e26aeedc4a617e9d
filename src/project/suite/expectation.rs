//! What a case expects.

use std::fmt;

use regex::Regex;
use serde::Deserialize;

use super::value::Yaml;
use crate::json::{Map, Value};

/// A text to find in a message.
#[derive(Debug, Clone)]
pub enum Text {
    /// A part of it.
    Part(String),
    /// A regular expression.
    Pattern(Regex),
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Part(left), Self::Part(right)) => left == right,
            (Self::Pattern(left), Self::Pattern(right)) => left.as_str() == right.as_str(),
            _ => false,
        }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Part(part) => write!(out, "`{part}`"),
            Self::Pattern(pattern) => write!(out, "/{pattern}/"),
        }
    }
}

impl Text {
    /// Reads `/a pattern/` or a part of a text.
    ///
    /// # Errors
    /// When the pattern is not a regular expression.
    pub fn parse(text: &str) -> Result<Self, String> {
        let pattern = text
            .strip_prefix('/')
            .and_then(|rest| rest.strip_suffix('/'))
            .filter(|rest| !rest.is_empty());
        match pattern {
            Some(pattern) => Regex::new(pattern)
                .map(Self::Pattern)
                .map_err(|_| format!("`{text}` is not a regular expression")),
            None => Ok(Self::Part(text.to_owned())),
        }
    }

    /// Whether the message is as expected.
    #[must_use]
    pub fn matches(&self, message: &str) -> bool {
        match self {
            Self::Part(part) => message.contains(part),
            Self::Pattern(pattern) => pattern.is_match(message),
        }
    }
}

/// What a case expects; what is `None` is not compared.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Expectation {
    /// The rows of a view, each by the members written down.
    pub rows: Option<Vec<Value>>,
    /// Whether rows, fields and documents have no members beside those written down.
    pub exact: bool,
    /// How many rows, documents or fields there are.
    pub count: Option<u64>,
    /// The `total_rows` of a view.
    pub total_rows: Option<u64>,
    /// The `offset` of a view.
    pub offset: Option<u64>,
    /// The ids of the documents a filter lets through, in any order.
    pub passes: Option<Vec<String>>,
    /// The fields a search index gets, each by the members written down.
    pub fields: Option<Vec<Value>>,
    /// That a validation function lets the document through.
    pub ok: bool,
    /// The message of a validation function that forbids.
    pub forbidden: Option<Text>,
    /// The message of a validation function that asks for other credentials.
    pub unauthorized: Option<Text>,
    /// The document an update function writes; `null` for none.
    pub doc: Option<Value>,
    /// The body of a response: a part of its text, or JSON.
    pub body: Option<Value>,
    /// Headers of a response.
    pub headers: Option<Map<String, Value>>,
    /// The HTTP status.
    pub status: Option<u16>,
    /// The `error` of an answer.
    pub error: Option<Text>,
    /// The `reason` of an answer.
    pub reason: Option<Text>,
    /// Messages that are logged, in order, others between them left aside.
    pub log: Option<Vec<Text>>,
    /// Whether the answer is compared with one written before.
    pub snapshot: bool,
}

impl Expectation {
    /// Whether nothing is compared but the snapshot and what is logged.
    #[must_use]
    pub fn is_only_snapshot(&self) -> bool {
        let bare = Self { snapshot: true, log: self.log.clone(), ..Self::default() };
        self.snapshot && *self == Self { exact: self.exact, ..bare }
    }
}

/// The keys of `expect`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keys {
    rows: Option<Vec<Yaml>>,
    exact: Option<bool>,
    count: Option<u64>,
    total_rows: Option<u64>,
    offset: Option<u64>,
    passes: Option<Vec<String>>,
    fields: Option<Vec<Yaml>>,
    ok: Option<bool>,
    forbidden: Option<String>,
    unauthorized: Option<String>,
    #[serde(default, deserialize_with = "given")]
    doc: Option<Yaml>,
    body: Option<Yaml>,
    headers: Option<Yaml>,
    status: Option<u16>,
    error: Option<String>,
    reason: Option<String>,
    log: Option<Vec<String>>,
    snapshot: Option<bool>,
}

/// Reads a value that may be `null`, as opposed to one that is not written down.
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Yaml>, D::Error> {
    Yaml::deserialize(deserializer).map(Some)
}

impl Keys {
    /// The keys that are written down.
    fn names(&self) -> Vec<&'static str> {
        [
            ("rows", self.rows.is_some()),
            ("exact", self.exact.is_some()),
            ("count", self.count.is_some()),
            ("total_rows", self.total_rows.is_some()),
            ("offset", self.offset.is_some()),
            ("passes", self.passes.is_some()),
            ("fields", self.fields.is_some()),
            ("ok", self.ok.is_some()),
            ("forbidden", self.forbidden.is_some()),
            ("unauthorized", self.unauthorized.is_some()),
            ("doc", self.doc.is_some()),
            ("body", self.body.is_some()),
            ("headers", self.headers.is_some()),
            ("status", self.status.is_some()),
            ("error", self.error.is_some()),
            ("reason", self.reason.is_some()),
            ("log", self.log.is_some()),
            ("snapshot", self.snapshot.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, given)| given.then_some(name))
        .collect()
    }

    /// The expectation, if its keys make sense for a case of this kind.
    pub(super) fn check(self, kind: &str, allowed: &[&str]) -> Result<Expectation, String> {
        const ALWAYS: [&str; 2] = ["log", "snapshot"];
        let names = self.names();
        if let Some(name) =
            names.iter().find(|name| !allowed.contains(name) && !ALWAYS.contains(name))
        {
            return Err(format!("a `{kind}` case cannot expect `{name}`, but {}", quoted(allowed)));
        }
        if names.is_empty() || names == ["exact"] {
            return Err(format!(
                "`expect` is empty; a `{kind}` case can expect {}",
                quoted(allowed)
            ));
        }
        if self.ok == Some(false) {
            return Err(
                "`ok: false` says too little; expect `forbidden` or `unauthorized`".to_owned()
            );
        }
        let verdicts =
            ["ok", "forbidden", "unauthorized"].iter().filter(|name| names.contains(name)).count();
        if verdicts > 1 {
            return Err("expect one of `ok`, `forbidden` and `unauthorized`".to_owned());
        }
        if let Some(Yaml(Value::String(body))) = &self.body {
            Text::parse(body)?;
        }
        let text = |text: Option<String>| text.map(|text| Text::parse(&text)).transpose();
        let objects =
            |key: &str, values: Option<Vec<Yaml>>| -> Result<Option<Vec<Value>>, String> {
                let Some(values) = values else { return Ok(None) };
                let values: Vec<Value> = values.into_iter().map(|Yaml(value)| value).collect();
                if values.iter().all(Value::is_object) {
                    Ok(Some(values))
                } else {
                    Err(format!("`{key}` holds objects"))
                }
            };
        let headers = match self.headers {
            None => None,
            Some(Yaml(Value::Object(headers))) => Some(headers),
            Some(_) => return Err("`headers` is an object".to_owned()),
        };
        let log =
            self.log.map(|log| log.iter().map(|text| Text::parse(text)).collect()).transpose()?;
        Ok(Expectation {
            rows: objects("rows", self.rows)?,
            exact: self.exact.unwrap_or_default(),
            count: self.count,
            total_rows: self.total_rows,
            offset: self.offset,
            passes: self.passes,
            fields: objects("fields", self.fields)?,
            ok: self.ok.unwrap_or_default(),
            forbidden: text(self.forbidden)?,
            unauthorized: text(self.unauthorized)?,
            doc: self.doc.map(|Yaml(doc)| doc),
            body: self.body.map(|Yaml(body)| body),
            headers,
            status: self.status,
            error: text(self.error)?,
            reason: text(self.reason)?,
            log,
            snapshot: self.snapshot.unwrap_or_default(),
        })
    }
}

/// `a`, `b` and `c`, in backticks.
pub(super) fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
