//! JavaScript reduce functions (`runReduce` in `share/server/views.js`).

use boa_engine::object::JsObject;
use boa_engine::object::builtins::JsArray;
use boa_engine::{JsString, JsValue};

use super::documents::Freeze;
use super::globals::Sandbox;
use super::stringify::{self, Spelling};
use super::vm::Thrown;
use super::{EngineError, Vm};
use crate::json::Value;

/// CouchDB's guard against reduces that do not shrink (`[query_server_config] reduce_limit`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReduceLimit {
    /// Whether an overflow is an error, or not looked for.
    pub enabled: bool,
    /// UTF-16 units of output that are always allowed: 4096 up to 3.5.0, 5000 since.
    pub threshold: usize,
    /// Output times this must not exceed the input: 2.
    pub ratio: f64,
}

impl Default for ReduceLimit {
    fn default() -> Self {
        Self { enabled: true, threshold: 4096, ratio: 2.0 }
    }
}

/// What a call of reduce functions gave.
#[derive(Debug, Clone, PartialEq)]
pub struct ReduceOutcome {
    /// One reduction for each function.
    pub values: Vec<Value>,
    /// Why all of them are refused, when they do not shrink.
    pub overflow: Option<String>,
    /// What the functions logged, and exceptions, which make their reduction null.
    pub log: Vec<String>,
    /// Which functions threw.
    pub threw: Vec<usize>,
    /// UTF-16 units of the answer and of the request, which `reduce_limit` compares.
    pub sizes: (usize, usize),
}

impl Vm {
    /// Calls reduce functions over rows: `keys` holds `[key, id]` JSON texts beside `values`.
    ///
    /// # Errors
    /// What fails the build or the query on a server.
    pub fn reduce(
        &mut self,
        sources: &[&str],
        keys: &[String],
        values: &[&str],
        limit: ReduceLimit,
    ) -> Result<ReduceOutcome, EngineError> {
        // ["reduce",[sources],[[key,value],…]]
        let pairs: usize =
            keys.iter().zip(values).map(|(key, value)| utf16(key) + utf16(value) + 4).sum();
        let input = "[\"reduce\",[],[]]".len() + quotes(sources) + pairs.saturating_sub(1);
        let keys = list(keys.iter().map(String::as_str));
        self.run_reduce(sources, Some(&keys), &list(values.iter().copied()), input, limit)
    }

    /// Calls reduce functions over reductions, given as JSON texts.
    ///
    /// # Errors
    /// As [`Vm::reduce`].
    pub fn rereduce(
        &mut self,
        sources: &[&str],
        values: &[&str],
        limit: ReduceLimit,
    ) -> Result<ReduceOutcome, EngineError> {
        let texts: usize = values.iter().map(|value| utf16(value) + 1).sum();
        let input = "[\"rereduce\",[],[]]".len() + quotes(sources) + texts.saturating_sub(1);
        self.run_reduce(sources, None, &list(values.iter().copied()), input, limit)
    }

    fn run_reduce(
        &mut self,
        sources: &[&str],
        keys: Option<&str>,
        values: &str,
        input: usize,
        limit: ReduceLimit,
    ) -> Result<ReduceOutcome, EngineError> {
        let functions = sources.iter().map(|source| JsString::from(*source).into());
        let functions = self.compile_reduces(functions.collect());
        let functions = functions.map_err(|thrown| self.uncaught(thrown))?;
        let internal = |error: crate::json::JsonError| EngineError::Internal(error.to_string());
        let rereduce = keys.is_none();
        let keys = match keys {
            Some(keys) => {
                self.documents.value(keys, Freeze::No, &mut self.context).map_err(internal)?
            }
            None => JsValue::null(),
        };
        let values =
            self.documents.value(values, Freeze::No, &mut self.context).map_err(internal)?;
        let called = self.call_reduces(&functions, &keys, &values, rereduce);
        let (results, threw) = called.map_err(|thrown| self.uncaught(thrown))?;
        let written = self.watched(|vm| {
            let mut texts = Vec::with_capacity(results.len());
            let mut output = 1;
            for (position, result) in results.iter().enumerate() {
                let mut writer = stringify::Writer::new(Spelling::JavaScript);
                let written = writer.element(result, position, &mut vm.context);
                written.map_err(|error| vm.thrown(error))?;
                let spelled = writer.text;
                output += utf16(&spelled) + 1;
                texts.push(spelled);
            }
            Ok((texts, output))
        });
        let (texts, output) = match written {
            Ok(written) => written,
            Err(thrown) => return Err(self.uncaught(thrown)),
        };
        #[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
        let overflow =
            limit.enabled && output > limit.threshold && output as f64 * limit.ratio > input as f64;
        let overflow = overflow.then(|| {
            format!(
                "Reduce output must shrink more rapidly: input size: {input} output size: {output}"
            )
        });
        let values = texts.iter().map(|text| stored(text)).collect();
        Ok(ReduceOutcome { values, overflow, log: self.take_log(), threw, sizes: (output, input) })
    }

    /// Compiles reduce functions, as for every call, so that nothing survives in their globals.
    pub(super) fn compile_reduces(
        &mut self,
        sources: Vec<JsValue>,
    ) -> Result<Vec<JsObject>, Thrown> {
        let kind = Sandbox::Plain;
        let compile = |source: JsValue| {
            if let Some(text) = source.as_string() {
                let text = text.to_std_string_lossy();
                let compiled = self.compile_reusable(&text, kind, |vm| vm.sandbox(kind));
                return compiled
                    .map(|compiled| compiled.function)
                    .map_err(|error| self.error_to_throw(error));
            }
            let realm = self.sandbox(kind).map_err(Thrown::Fatal)?;
            self.compile_value(&source, &realm)
        };
        sources.into_iter().map(compile).collect()
    }

    /// Calls compiled reduce functions: their results, and which of them threw and give null.
    pub(super) fn call_reduces(
        &mut self,
        functions: &[JsObject],
        keys: &JsValue,
        values: &JsValue,
        rereduce: bool,
    ) -> Result<(Vec<JsValue>, Vec<usize>), Thrown> {
        let this = functions.iter().map(|function| function.clone().into());
        let this: JsValue = JsArray::from_iter(this, &mut self.context).into();
        let mut results = Vec::with_capacity(functions.len());
        let mut threw = Vec::new();
        for (index, function) in functions.iter().enumerate() {
            let arguments = [keys.clone(), values.clone(), JsValue::new(rereduce)];
            match self.call(function, &this, &arguments) {
                Ok(value) => results.push(value),
                Err(thrown) => {
                    self.view_exception(thrown, None)?;
                    threw.push(index);
                    results.push(JsValue::null());
                }
            }
        }
        Ok((results, threw))
    }
}

/// The value CouchDB reads from what a query server prints, which is valid JSON: lone surrogates
/// become U+FFFD (`couch_query_servers:force_utf8`).
pub(crate) fn stored(text: &str) -> Value {
    crate::json::parse_str(text)
        .or_else(|_| crate::json::parse_str(&replace_lone_surrogates(text)))
        .unwrap_or(Value::Null)
}

fn replace_lone_surrogates(text: &str) -> String {
    // `JSON.stringify` writes surrogates as escapes only where they are alone.
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let escape = rest.get(at..at + 6).filter(|escape| {
            escape.starts_with("\\ud") && matches!(escape.as_bytes()[3], b'8'..=b'9' | b'a'..=b'f')
        });
        let length = escape.map_or(2, str::len);
        out.push_str(&rest[..at]);
        out.push_str(if escape.is_some() { "\u{fffd}" } else { &rest[at..at + 2] });
        rest = &rest[at + length..];
    }
    out.push_str(rest);
    out
}

fn list<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let mut list = String::from("[");
    for (index, text) in texts.enumerate() {
        if index > 0 {
            list.push(',');
        }
        list.push_str(text);
    }
    list.push(']');
    list
}

fn utf16(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.encode_utf16().count() }
}

/// Characters of the request line that stand around the sources: CouchDB subtracts the sources'
/// own length, not their quotes, commas and escapes.
fn quotes(sources: &[&str]) -> usize {
    let mut total = sources.len().saturating_sub(1);
    for source in sources {
        let mut literal = String::new();
        crate::json::write_string(source, &mut literal);
        total += utf16(&literal) - utf16(source);
    }
    total
}
