//! The parameters of a query: where they come from, in which order they apply, and how they are
//! checked (`couch_mrview_http`, `couch_mrview_util:validate_args/1`).

mod parse;
mod validate;

use super::error::QueryError;
use super::query::{Query, Update};
use crate::json::Value;

pub(super) use self::parse::integer;
pub use self::validate::ViewShape;

/// No limit: 2^59-1 rows.
pub(super) const NO_LIMIT: u64 = 0x07FF_FFFF_FFFF_FFFF;

/// Parameters as given, each readable by itself but not yet checked against each other.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "they are CouchDB's parameters")]
pub struct Parameters {
    reduce: Option<bool>,
    start_key: Option<Value>,
    end_key: Option<Value>,
    start_key_docid: Option<String>,
    end_key_docid: Option<String>,
    /// Any value: whether it is an array is checked later.
    keys: Option<Value>,
    limit: u64,
    skip: u64,
    descending: bool,
    inclusive_end: bool,
    group: Option<bool>,
    group_level: Option<u64>,
    include_docs: bool,
    conflicts: Option<bool>,
    attachments: bool,
    att_encoding_info: bool,
    update_seq: bool,
    sorted: bool,
    stable: bool,
    update: Update,
    partition: Option<String>,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            reduce: None,
            start_key: None,
            end_key: None,
            start_key_docid: None,
            end_key_docid: None,
            keys: None,
            limit: NO_LIMIT,
            skip: 0,
            descending: false,
            inclusive_end: true,
            group: None,
            group_level: None,
            include_docs: false,
            conflicts: None,
            attachments: false,
            att_encoding_info: false,
            update_seq: false,
            sorted: true,
            stable: false,
            update: Update::True,
            partition: None,
        }
    }
}

impl Parameters {
    /// The parameters of a GET request: names and values of the query string, percent-decoded, in
    /// their order. For a request below `_partition/P` see [`with_partition`].
    ///
    /// # Errors
    /// When a value cannot be read.
    pub fn from_url(pairs: &[(String, String)]) -> Result<Self, QueryError> {
        if let Some((_, keys)) = pairs.iter().find(|(name, _)| name == "keys") {
            parse::json(keys)?;
        }
        let mut parameters = Self::default();
        parameters.apply_url(pairs)?;
        Ok(parameters)
    }

    /// The parameters of a POST request. Those of the query string win over those of the body.
    ///
    /// # Errors
    /// When the body is not an object, holds `queries` or `keys` that are no array, or a value
    /// cannot be read.
    pub fn from_body(body: &Value, pairs: &[(String, String)]) -> Result<Self, QueryError> {
        let members = parse::body(body)?;
        match members.get("queries") {
            None => {}
            Some(Value::Array(_)) => {
                return Err(QueryError::bad_request(
                    "The `queries` parameter is no longer supported at this endpoint",
                ));
            }
            Some(_) => {
                return Err(QueryError::bad_request("`queries` member must be an array."));
            }
        }
        if members.get("keys").is_some_and(|keys| !keys.is_array()) {
            return Err(QueryError::bad_request("`keys` member must be an array."));
        }
        let mut parameters = Self::default();
        for (name, value) in members {
            parameters.apply_member(name, value)?;
        }
        parameters.apply_url(pairs)?;
        Ok(parameters)
    }

    /// The queries of a POST request to a view's `/queries`, checked one after the other. The
    /// query string holds defaults for each, except for grouping and keys.
    ///
    /// # Errors
    /// When the body is not an object with an array `queries` of objects, a value cannot be read,
    /// or one of the queries is refused.
    pub fn queries(
        body: &Value,
        pairs: &[(String, String)],
        view: &ViewShape,
    ) -> Result<Vec<Query>, QueryError> {
        let queries = match parse::body(body)?.get("queries") {
            None => {
                return Err(QueryError::bad_request("POST body must include `queries` parameter."));
            }
            Some(Value::Array(queries)) => queries,
            Some(_) => {
                return Err(QueryError::bad_request("`queries` member must be an array."));
            }
        };
        let mut defaults = Self::default();
        defaults.apply_url(pairs)?;
        defaults.group = None;
        defaults.group_level = None;
        defaults.keys = None;
        let one = |query: &Value| {
            let Value::Object(members) = query else {
                return Err(parse::function_clause());
            };
            let mut parameters = defaults.clone();
            for (name, value) in members {
                parameters.apply_member(name, value)?;
            }
            parameters.validate(view)
        };
        queries.iter().map(one).collect()
    }
}

/// The query string of a request below `_partition/P`: with the partition as a parameter.
///
/// # Errors
/// When the query string names another partition.
pub fn with_partition(
    pairs: &[(String, String)],
    partition: &str,
) -> Result<Vec<(String, String)>, QueryError> {
    let mut pairs = pairs.to_vec();
    match pairs.iter().find(|(name, _)| name == "partition") {
        Some((_, given)) if given != partition => {
            return Err(QueryError::bad_request(
                "Conflicting value for `partition` in query string",
            ));
        }
        Some(_) => {}
        None => pairs.push((String::from("partition"), partition.to_owned())),
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests;
