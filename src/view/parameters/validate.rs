//! Checking parameters against each other and against the view.

use super::super::error::QueryError;
use super::super::query::{Grouping, Query};
use super::{NO_LIMIT, Parameters};
use crate::json::{self, Value};

/// What a view is, as far as parameters depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ViewShape {
    /// Whether the view has a reduce function.
    pub reduces: bool,
    /// Whether its design document is partitioned.
    pub partitioned: bool,
    /// The largest `limit` the server allows: `[query_server_config] query_limit`, or
    /// `partition_query_limit` for a partitioned view.
    pub max_limit: Option<u64>,
}

impl Parameters {
    /// Checks the parameters for a query of the given view, in CouchDB's order, so that of several
    /// mistakes the same one is reported.
    ///
    /// Whether the range is empty is checked by the query itself.
    ///
    /// # Errors
    /// With the answer of the server to such a query.
    pub fn validate(self, view: &ViewShape) -> Result<Query, QueryError> {
        let reduce = view.reduces && self.reduce != Some(false);
        let limit = self.checked_limit(view)?;
        let grouping = self.grouping()?;
        if !reduce && self.reduce == Some(true) {
            return Err(QueryError::parse("Reduce is invalid for map-only views."));
        }
        if reduce && grouping != Grouping::Exact && self.keys.as_ref().is_some_and(Value::is_array)
        {
            return Err(QueryError::parse(
                "Multi-key fetches for reduce views must use `group=true`",
            ));
        }
        let keys = match self.keys {
            None => None,
            Some(Value::Array(keys)) => Some(keys),
            Some(_) => return Err(QueryError::parse("`keys` must be an array of strings.")),
        };
        check_keys(keys.as_deref(), self.start_key.as_ref(), self.end_key.as_ref())?;
        if !reduce && grouping != Grouping::Level(0) {
            return Err(QueryError::parse("Invalid use of grouping on a map view."));
        }
        if reduce && self.include_docs {
            return Err(QueryError::parse("`include_docs` is invalid for reduce"));
        }
        if reduce && self.conflicts.is_some() {
            return Err(QueryError::parse("`conflicts` is invalid for reduce views."));
        }
        match (view.partitioned, &self.partition) {
            (true, None) => {
                return Err(QueryError::parse(
                    "`partition` parameter is mandatory for queries to this view.",
                ));
            }
            (false, Some(_)) => {
                return Err(QueryError::parse(
                    "`partition` parameter is not supported in this design doc",
                ));
            }
            _ => {}
        }
        Ok(Query {
            reduce,
            grouping,
            start_key: self.start_key,
            end_key: self.end_key,
            start_key_docid: self.start_key_docid,
            end_key_docid: self.end_key_docid,
            keys,
            limit,
            skip: self.skip,
            descending: self.descending,
            inclusive_end: self.inclusive_end,
            include_docs: self.include_docs,
            conflicts: self.conflicts.unwrap_or(false),
            attachments: self.attachments,
            att_encoding_info: self.att_encoding_info,
            update_seq: self.update_seq,
            sorted: self.sorted,
            stable: self.stable,
            update: self.update,
            partition: self.partition,
        })
    }

    fn checked_limit(&self, view: &ViewShape) -> Result<u64, QueryError> {
        let largest = view.max_limit.unwrap_or(NO_LIMIT);
        match self.limit {
            NO_LIMIT => Ok(largest),
            limit if limit <= largest => Ok(limit),
            _ => Err(QueryError::parse(format!("Limit is too large, must not exceed {largest}"))),
        }
    }

    fn grouping(&self) -> Result<Grouping, QueryError> {
        match (self.group, self.group_level) {
            (Some(true), None) => Ok(Grouping::Exact),
            (Some(false), Some(1..)) => Err(QueryError::parse(
                "Can't specify group=false and group_level>0 at the same time",
            )),
            (_, level) => Ok(Grouping::Level(level.unwrap_or(0))),
        }
    }
}

/// A list of keys excludes a range, unless there is one key and the range is that key.
fn check_keys(
    keys: Option<&[Value]>,
    start: Option<&Value>,
    end: Option<&Value>,
) -> Result<(), QueryError> {
    let same = |one: &Value, other: Option<&Value>| {
        other.is_some_and(|other| json::to_string(one) == json::to_string(other))
    };
    match keys {
        None | Some([]) => Ok(()),
        Some([key]) if same(key, start) && same(key, end) => Ok(()),
        Some(_) if start.is_none() && end.is_none() => Ok(()),
        Some(_) => {
            Err(QueryError::parse("`keys` is incompatible with `key`, `start_key` and `end_key`"))
        }
    }
}
