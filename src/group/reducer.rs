//! A JavaScript reduce function, run by the engine as the server would run it.

use crate::engine::{Engine, EngineError, ReduceLimit, ReduceOutcome};
use crate::json::{self, Value};
use crate::view::{Reducer, Reduction, Row, ViewFailure};

/// One call of a reduce function, recorded for whoever wants to judge the function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReduceCall {
    /// Whether it was a rereduce.
    pub rereduce: bool,
    /// UTF-16 units of the output.
    pub output: usize,
    /// UTF-16 units of the input.
    pub input: usize,
    /// Whether the function threw: its reduction is null then.
    pub threw: bool,
}

/// Runs a JavaScript reduce function.
#[derive(Debug)]
pub struct JavaScriptReducer<'a> {
    engine: &'a mut Engine,
    source: &'a str,
    limit: ReduceLimit,
    /// What the function logged so far, exceptions included.
    pub log: Vec<String>,
    /// The calls so far.
    pub calls: Vec<ReduceCall>,
}

impl<'a> JavaScriptReducer<'a> {
    /// A reducer for the function with this `source`.
    #[must_use]
    pub fn new(engine: &'a mut Engine, source: &'a str, limit: ReduceLimit) -> Self {
        Self { engine, source, limit, log: Vec::new(), calls: Vec::new() }
    }

    fn run(
        &mut self,
        rereduce: bool,
        call: impl FnOnce(
            &mut crate::engine::Vm,
            &str,
            ReduceLimit,
        ) -> Result<ReduceOutcome, EngineError>
        + Send
        + 'static,
    ) -> Result<Reduction, ViewFailure> {
        let (source, limit) = (self.source.to_owned(), self.limit);
        let outcome = self
            .engine
            .run(move |vm| call(vm, &source, limit))
            .and_then(|outcome| outcome)
            .map_err(|error| failure(&error))?;
        let (output, input) = outcome.sizes;
        self.calls.push(ReduceCall { rereduce, output, input, threw: !outcome.threw.is_empty() });
        self.log.extend(outcome.log);
        Ok(match outcome.overflow {
            Some(reason) => Reduction::Overflow(reason.into()),
            None => {
                let value = outcome.values.into_iter().next().unwrap_or(Value::Null);
                Reduction::json(json::to_string(&value))
            }
        })
    }
}

impl Reducer for JavaScriptReducer<'_> {
    fn reduce(&mut self, rows: &[&Row]) -> Result<Reduction, ViewFailure> {
        let mut keys = Vec::with_capacity(rows.len());
        let mut values = Vec::with_capacity(rows.len());
        for row in rows {
            let mut key = format!("[{},", row.key);
            json::write_string(&row.id, &mut key);
            key.push(']');
            keys.push(key);
            values.push(row.value.to_string());
        }
        self.run(false, move |vm, source, limit| {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            vm.reduce(&[source], &keys, &values, limit)
        })
    }

    fn rereduce(&mut self, parts: &[&Reduction]) -> Result<Reduction, ViewFailure> {
        let values: Vec<String> = parts
            .iter()
            .map(|part| match part {
                Reduction::Json(text) => text.to_string(),
                Reduction::Overflow(_) | Reduction::Partial(_) => "null".into(),
            })
            .collect();
        self.run(true, move |vm, source, limit| {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            vm.rereduce(&[source], &values, limit)
        })
    }
}

/// How an engine's failure reaches the client: what is no text is printed as an Erlang term.
pub(super) fn failure(error: &EngineError) -> ViewFailure {
    let (error, reason) = error.to_response();
    let reason = match reason {
        Value::String(text) => text,
        other => crate::view::term_text(&other),
    };
    ViewFailure::new(error, reason)
}
