//! Reading one parameter.

use super::super::erlang;
use super::super::error::QueryError;
use super::super::query::Update;
use super::Parameters;
use crate::json::{self, Map, Value};

/// A value as it comes: text of the query string, or a member of a body.
#[derive(Clone, Copy)]
enum Given<'a> {
    Text(&'a str),
    Json(&'a Value),
}

impl Given<'_> {
    /// As Erlang prints it in an error message.
    fn term(self) -> String {
        match self {
            Self::Text(text) => erlang::text(text),
            Self::Json(value) => erlang::pretty(value, 0),
        }
    }

    fn is(self, word: &str) -> bool {
        match self {
            Self::Text(text) => text == word,
            Self::Json(value) => value.as_str() == Some(word),
        }
    }

    /// A value of JSON: in a query string it is parsed.
    fn json(self) -> Result<Value, QueryError> {
        match self {
            Self::Text(text) => json(text),
            Self::Json(value) => Ok(value.clone()),
        }
    }

    /// A string, such as a document id; anything else becomes its text.
    fn text(self) -> String {
        match self {
            Self::Text(text) => text.to_owned(),
            Self::Json(Value::String(text)) => text.clone(),
            Self::Json(value) => erlang::pretty(value, 0),
        }
    }

    fn boolean(self) -> Result<bool, QueryError> {
        let text = match self {
            Self::Text(text) => text,
            Self::Json(Value::String(text)) => text,
            Self::Json(Value::Bool(flag)) => return Ok(*flag),
            Self::Json(_) => return Err(function_clause()),
        };
        match text.to_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => {
                Err(QueryError::parse(format!("Invalid boolean parameter: {}", erlang::text(text))))
            }
        }
    }

    /// A number that is not negative.
    fn number(self) -> Result<u64, QueryError> {
        let number = match self {
            Self::Text(text) => integer(text),
            Self::Json(Value::Number(number)) if json::is_integer(number.as_str()) => {
                integer(number.as_str())
            }
            Self::Json(_) => None,
        };
        let Some(number) = number else {
            return Err(QueryError::parse(format!("Invalid value for integer: {}", self.term())));
        };
        u64::try_from(number).map_err(|_| {
            QueryError::parse(format!("Invalid value for positive integer: {}", self.term()))
        })
    }

    /// `true` or `false`, exactly: what `stable` and `update` accept.
    fn exact_boolean(self) -> Option<bool> {
        match self {
            Self::Json(Value::Bool(flag)) => Some(*flag),
            other if other.is("true") => Some(true),
            other if other.is("false") => Some(false),
            _ => None,
        }
    }
}

/// An integer as Erlang reads it: an optional sign and digits. Numbers too large are cut to what
/// 64 bits hold, which is beyond any limit anyway.
pub(in super::super) fn integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let largest = if text.starts_with('-') { i64::MIN } else { i64::MAX };
    Some(text.parse().unwrap_or(largest))
}

/// Parses JSON of the query string.
pub(super) fn json(text: &str) -> Result<Value, QueryError> {
    json::parse_str(text).map_err(|_| QueryError::bad_request("invalid UTF-8 JSON"))
}

/// The members of a request's body.
pub(super) fn body(body: &Value) -> Result<&Map<String, Value>, QueryError> {
    body.as_object().ok_or_else(|| QueryError::bad_request("Request body must be a JSON object"))
}

/// What the server answers where its code meets a kind of value it was not written for.
pub(super) fn function_clause() -> QueryError {
    QueryError::new(500, "unknown_error", "function_clause").logged()
}

impl Parameters {
    pub(super) fn apply_url(&mut self, pairs: &[(String, String)]) -> Result<(), QueryError> {
        pairs.iter().try_for_each(|(name, value)| self.apply(name, Given::Text(value)))
    }

    pub(super) fn apply_member(&mut self, name: &str, value: &Value) -> Result<(), QueryError> {
        self.apply(name, Given::Json(value))
    }

    /// Applies one parameter. Unknown names are left alone.
    fn apply(&mut self, name: &str, given: Given<'_>) -> Result<(), QueryError> {
        match name {
            "reduce" => self.reduce = Some(given.boolean()?),
            "key" => self.set_key(given.json()?),
            "keys" => match given.json()? {
                // One key is a range, and no list that reduced views would refuse.
                Value::Array(mut keys) if keys.len() == 1 => self.set_key(keys.swap_remove(0)),
                keys => self.keys = Some(keys),
            },
            "startkey" | "start_key" => self.start_key = Some(given.json()?),
            "endkey" | "end_key" => self.end_key = Some(given.json()?),
            "startkey_docid" | "start_key_doc_id" => self.start_key_docid = Some(given.text()),
            "endkey_docid" | "end_key_doc_id" => self.end_key_docid = Some(given.text()),
            "limit" => self.limit = given.number()?,
            "skip" => self.skip = given.number()?,
            "stale" => {
                self.update = match given {
                    _ if given.is("ok") => Update::False,
                    _ if given.is("update_after") => Update::Lazy,
                    _ => return Err(QueryError::parse("Invalid value for `stale`.")),
                };
                self.stable = true;
            }
            "stable" => {
                let flag = given.exact_boolean();
                self.stable =
                    flag.ok_or_else(|| QueryError::parse("Invalid value for `stable`."))?;
            }
            "update" => {
                self.update = match given.exact_boolean() {
                    Some(true) => Update::True,
                    Some(false) => Update::False,
                    None if given.is("lazy") => Update::Lazy,
                    None => return Err(QueryError::parse("Invalid value for `update`.")),
                };
            }
            "descending" => self.descending = given.boolean()?,
            "group" => self.group = Some(given.boolean()?),
            "group_level" => self.group_level = Some(given.number()?),
            "inclusive_end" => self.inclusive_end = given.boolean()?,
            "include_docs" => self.include_docs = given.boolean()?,
            // These two are never taken back.
            "attachments" => self.attachments |= given.boolean()?,
            "att_encoding_info" => self.att_encoding_info |= given.boolean()?,
            "update_seq" => self.update_seq = given.boolean()?,
            "conflicts" => self.conflicts = Some(given.boolean()?),
            "sorted" => self.sorted = given.boolean()?,
            "partition" => self.partition = Some(partition(given.text())?),
            _ => {}
        }
        Ok(())
    }

    fn set_key(&mut self, key: Value) {
        self.start_key = Some(key.clone());
        self.end_key = Some(key);
    }
}

/// Checks the name of a partition (`couch_partition:validate_partition/1`).
fn partition(name: String) -> Result<String, QueryError> {
    let reason = if name.is_empty() {
        "Partition must not be empty"
    } else if name.starts_with('_') {
        "Partition must not start with an underscore"
    } else if name.contains(':') {
        "Partition must not contain a colon"
    } else {
        return Ok(name);
    };
    Err(QueryError::new(400, "illegal_partition", reason))
}
