//! `_sum`: numbers, arrays of numbers element by element, objects member by member.

use super::super::erlang;
use super::super::error::ViewFailure;
use super::super::reduce::Reduction;
use super::super::row::{self, Row};
use super::Number;
use super::size;
use crate::json::{self, Map, Value};

/// Beyond this many bytes a sum must be smaller than half of what went in. CouchDB's source says
/// 4906 up to 3.5.0, which was meant to be 4096.
const OVERFLOW_THRESHOLD: usize = 4906;

const INVALID: &str = "The _sum function requires that map values be numbers, arrays of numbers, or objects. \
Objects cannot be mixed with other data structures. Objects can be arbitrarily nested, provided that the values for \
all fields are themselves numbers, arrays of numbers, or objects.";

/// Why adding stopped.
enum Stop {
    /// The result is this error object.
    Value(Value),
    /// The process crashed.
    Crash(ViewFailure),
}

impl From<ViewFailure> for Stop {
    fn from(failure: ViewFailure) -> Self {
        Self::Crash(failure)
    }
}

/// Adds up the values of rows.
pub(super) fn rows(rows: &[&Row]) -> Result<Reduction, ViewFailure> {
    let pairs = |row: &&Row| {
        let key = size::LIST + size::of_json(&row.key) + size::binary(row.id.len());
        size::LIST + key + size::of_json(&row.value)
    };
    let sum = total(rows.iter().map(|row| &*row.value))?;
    Ok(checked(sum, || rows.iter().map(pairs).sum()))
}

/// Adds up earlier sums.
pub(super) fn parts(parts: &[&Reduction]) -> Result<Reduction, ViewFailure> {
    let texts = || parts.iter().filter_map(|part| super::text(part)).map(|text| &**text);
    let pair = |text| size::LIST + size::NIL + size::of_json(text);
    Ok(checked(total(texts())?, || texts().map(pair).sum()))
}

/// Replaces a sum that did not shrink by an error object. `input` counts what went in.
fn checked(sum: String, input: impl Fn() -> usize) -> Reduction {
    // Numbers, the usual case, never get near the limit.
    if sum.len() > OVERFLOW_THRESHOLD / 4 {
        let output = size::VERSION + size::of_json(&sum);
        if output > OVERFLOW_THRESHOLD {
            let input = size::VERSION + size::LIST + input();
            if output * 2 > input {
                let reason = format!(
                    "Reduce output must shrink more rapidly: input size: {input} output size: {output}"
                );
                return Reduction::json(json::to_string(&error_object(&reason, None)));
            }
        }
    }
    Reduction::json(sum)
}

fn error_object(reason: &str, caused_by: Option<Value>) -> Value {
    let mut error = Map::new();
    error.insert("error".into(), "builtin_reduce_error".into());
    error.insert("reason".into(), reason.into());
    if let Some(cause) = caused_by {
        error.insert("caused_by".into(), cause);
    }
    Value::Object(error)
}

fn invalid(cause: Value) -> Stop {
    Stop::Value(error_object(INVALID, Some(cause)))
}

fn total<'a>(texts: impl Iterator<Item = &'a str>) -> Result<String, ViewFailure> {
    let mut texts = texts;
    let mut number = Number::Small(0);
    let mut sum = loop {
        let Some(text) = texts.next() else {
            return Ok(number.text());
        };
        match Number::read(text) {
            Some(next) => number = number.add(&next)?,
            None => match add(row::parse(text), number.value()) {
                Ok(sum) => break sum,
                Err(stop) => return stopped(stop),
            },
        }
    };
    for text in texts {
        match add(row::parse(text), sum) {
            Ok(next) => sum = next,
            Err(stop) => return stopped(stop),
        }
    }
    Ok(json::to_string(&sum))
}

fn stopped(stop: Stop) -> Result<String, ViewFailure> {
    match stop {
        Stop::Value(error) => Ok(json::to_string(&error)),
        Stop::Crash(failure) => Err(failure),
    }
}

/// Adds `value` to `sum`, as `couch_query_servers:sum_values/2` does.
fn add(value: Value, sum: Value) -> Result<Value, Stop> {
    match (value, sum) {
        (Value::Number(value), Value::Number(sum)) => {
            add_numbers(&Value::Number(sum), &Value::Number(value))?
                .ok_or_else(|| invalid(Value::Null))
        }
        (Value::Array(value), Value::Array(sum)) => add_arrays(sum, value),
        (value @ Value::Number(_), Value::Array(sum)) => add_arrays(sum, vec![value]),
        (Value::Array(value), sum @ Value::Number(_)) => add_arrays(vec![sum], value),
        (Value::Object(value), sum) => {
            match value.get("error") {
                Some(Value::String(name)) if name == "builtin_reduce_error" => {
                    return Err(Stop::Value(Value::Object(value)));
                }
                Some(other) => {
                    let term = format!("{{<<\"error\">>,{}}}", erlang::pretty(other, 12));
                    return Err(ViewFailure::new("case_clause", term).into());
                }
                None => {}
            }
            match sum {
                Value::Number(zero) if zero.as_str() == "0" => Ok(Value::Object(value)),
                Value::Object(sum) => add_objects(value, sum),
                other => Err(ViewFailure::new("case_clause", erlang::pretty(&other, 0)).into()),
            }
        }
        (other, _) => Err(invalid(other)),
    }
}

fn add_numbers(one: &Value, other: &Value) -> Result<Option<Value>, ViewFailure> {
    match (Number::of(one), Number::of(other)) {
        (Some(one), Some(other)) => one.add(&other).map(|sum| Some(sum.value())),
        _ => Ok(None),
    }
}

/// Adds arrays element by element; the tail of the longer one is kept as it is, unchecked.
fn add_arrays(mut sum: Vec<Value>, mut value: Vec<Value>) -> Result<Value, Stop> {
    let common = sum.len().min(value.len());
    for at in 0..common {
        match add_numbers(&sum[at], &value[at])? {
            Some(element) => sum[at] = element,
            None => return Err(invalid(Value::Array(sum.split_off(at)))),
        }
    }
    sum.extend(value.drain(common..));
    Ok(Value::Array(sum))
}

/// Adds objects member by member; the result's members are sorted.
fn add_objects(value: Map<String, Value>, sum: Map<String, Value>) -> Result<Value, Stop> {
    let sorted = |members: Map<String, Value>| {
        let mut members: Vec<_> = members.into_iter().collect();
        members.sort_by(|(one, _), (other, _)| one.cmp(other));
        members.into_iter().peekable()
    };
    let (mut value, mut sum) = (sorted(value), sorted(sum));
    let mut result = Map::new();
    loop {
        let order = match (value.peek(), sum.peek()) {
            (Some((one, _)), Some((other, _))) => one.cmp(other),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, _) => std::cmp::Ordering::Greater,
        };
        let next = match order {
            std::cmp::Ordering::Less => value.next(),
            std::cmp::Ordering::Greater => sum.next(),
            std::cmp::Ordering::Equal => match (value.next(), sum.next()) {
                (Some((name, one)), Some((_, other))) => Some((name, add(one, other)?)),
                _ => None,
            },
        };
        let Some((name, member)) = next else {
            return Ok(Value::Object(result));
        };
        result.insert(name, member);
    }
}
