//! Whether a value meets a condition (`mango_selector:match/3`).

use std::cmp::Ordering;

use super::path::Found;
use super::selector::{Condition, Operator, Selector};
use crate::json::{self, Value};
use crate::view::collation::{self, Collation};

/// The evaluation meets a condition CouchDB fails at.
struct Failed;

impl Selector {
    /// Whether a document meets the selector. Strings compare by the default collation.
    #[must_use]
    pub fn matches(&self, document: &Value) -> bool {
        holds(&self.condition, document).unwrap_or(false)
    }
}

fn holds(condition: &Condition, value: &Value) -> Result<bool, Failed> {
    match condition {
        Condition::All(conditions) => {
            for condition in conditions {
                if !holds(condition, value)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        Condition::Any(conditions) => {
            for condition in conditions {
                if holds(condition, value)? {
                    return Ok(true);
                }
            }
            Ok(conditions.is_empty())
        }
        Condition::None(_) => Err(Failed),
        Condition::Not(condition) => holds(condition, value).map(|held| !held),
        Condition::Field(path, condition) => match path.find(value) {
            Found::Value(value) => holds(condition, value),
            Found::Nothing => {
                Ok(matches!(**condition, Condition::Operator(Operator::Exists(false))))
            }
            Found::BadPath => Ok(false),
        },
        Condition::Operator(operator) => met(operator, value),
    }
}

fn met(operator: &Operator, value: &Value) -> Result<bool, Failed> {
    let compare = |argument| collation::compare(value, argument, Collation::Icu);
    Ok(match operator {
        Operator::Less(argument) => compare(argument) == Ordering::Less,
        Operator::LessOrEqual(argument) => compare(argument) != Ordering::Greater,
        Operator::Equal(argument) => compare(argument) == Ordering::Equal,
        Operator::NotEqual(argument) => compare(argument) != Ordering::Equal,
        Operator::GreaterOrEqual(argument) => compare(argument) != Ordering::Less,
        Operator::Greater(argument) => compare(argument) == Ordering::Greater,
        Operator::In(arguments) => is_in(value, arguments),
        Operator::NotIn(arguments) => !is_in(value, arguments),
        Operator::All(arguments) => has_all(value, arguments),
        Operator::Exists(exists) => *exists,
        Operator::Type(name) => name == kind(value),
        Operator::Mod(divisor, remainder) => modulo(value, *divisor, *remainder)?,
        Operator::Regex(regex) => {
            value.as_str().is_some_and(|text| regex.is_match(text).unwrap_or(false))
        }
        Operator::BeginsWith(prefix) => {
            value.as_str().is_some_and(|text| text.starts_with(prefix.as_str()))
        }
        Operator::Size(size) => value.as_array().is_some_and(|items| items.len() as u64 == *size),
        Operator::Element(condition) => {
            value.as_array().is_some_and(|items| any(condition, items.iter()))
        }
        Operator::EveryElement(condition) => value.as_array().is_some_and(|items| {
            !items.is_empty() && items.iter().all(|item| holds(condition, item).unwrap_or(false))
        }),
        Operator::Key(condition) => value.as_object().is_some_and(|members| {
            let names: Vec<Value> =
                members.keys().map(|name| Value::String(name.clone())).collect();
            any(condition, names.iter())
        }),
        // Only a full-text index can tell; it is believed.
        Operator::Text => true,
    })
}

/// Whether the condition holds for one of the values. A failure at one of them ends the search.
fn any<'a>(condition: &Condition, mut values: impl Iterator<Item = &'a Value>) -> bool {
    values.find_map(|value| match holds(condition, value) {
        Ok(false) => None,
        Ok(true) => Some(true),
        Err(Failed) => Some(false),
    }) == Some(true)
}

fn equal(one: &Value, other: &Value) -> bool {
    collation::compare(one, other, Collation::Icu) == Ordering::Equal
}

/// Whether the value, or an element of it when it is an array, equals one of the arguments.
fn is_in(value: &Value, arguments: &[Value]) -> bool {
    arguments.iter().any(|argument| match value {
        Value::Array(items) => items.iter().any(|item| equal(item, argument)),
        other => equal(other, argument),
    })
}

/// Whether an array holds all arguments, each exactly, or is itself the only argument.
fn has_all(value: &Value, arguments: &[Value]) -> bool {
    let Value::Array(items) = value else {
        return false;
    };
    if arguments.is_empty() {
        return false;
    }
    let texts: Vec<String> = items.iter().map(json::to_string).collect();
    arguments.iter().all(|argument| texts.contains(&json::to_string(argument)))
        || matches!(arguments, [only @ Value::Array(_)]
            if collation::compare(only, value, Collation::Raw) == Ordering::Equal)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Whether an integer leaves the remainder, which has the sign of the integer.
fn modulo(value: &Value, divisor: i64, remainder: i64) -> Result<bool, Failed> {
    let number =
        value.as_number().map(serde_json::Number::as_str).filter(|text| json::is_integer(text));
    let Some(Ok(number)) = number.map(str::parse::<num_bigint::BigInt>) else {
        return Ok(false);
    };
    if divisor == 0 {
        return Err(Failed);
    }
    Ok(number % divisor == num_bigint::BigInt::from(remainder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse_str;

    fn matches(selector: &str, document: &str) -> bool {
        Selector::parse(&parse_str(selector).unwrap())
            .unwrap()
            .matches(&parse_str(document).unwrap())
    }

    #[test]
    fn operators() {
        let document =
            r#"{"n":5,"s":"Häuser","list":[1,2,{"x":3}],"o":{"k1":1,"k2":2},"nil":null}"#;
        for selector in [
            "{}",
            r#"{"n":5}"#,
            r#"{"n":{"$gt":4,"$lt":6}}"#,
            r#"{"n":{"$gte":5.0}}"#,
            r#"{"n":{"$ne":4}}"#,
            r#"{"n":{"$in":[4,5]}}"#,
            r#"{"n":{"$nin":[4]}}"#,
            r#"{"list":{"$in":[2]}}"#,
            r#"{"list":{"$all":[2,1]}}"#,
            r#"{"list":{"$all":[[1,2,{"x":3}]]}}"#,
            r#"{"list":{"$size":3}}"#,
            r#"{"list":{"$elemMatch":{"x":{"$gt":2}}}}"#,
            r#"{"list":{"$elemMatch":{"$gt":1,"$lt":3}}}"#,
            r#"{"list":{"$allMatch":{"$gt":0}}}"#,
            r#"{"o":{"$keyMapMatch":{"$eq":"k2"}}}"#,
            r#"{"o.k1":1}"#,
            r#"{"o":{"k1":1,"k2":{"$lt":3}}}"#,
            r#"{"list.2.x":3}"#,
            r#"{"n":{"$mod":[3,2]}}"#,
            r#"{"s":{"$regex":"^H.*r$"}}"#,
            r#"{"s":{"$beginsWith":"Hä"}}"#,
            r#"{"nil":{"$type":"null"}}"#,
            r#"{"nil":{"$exists":true}}"#,
            r#"{"missing":{"$exists":false}}"#,
            r#"{"$or":[{"n":1},{"n":5}]}"#,
            r#"{"$nor":[{"n":1},{"n":2}]}"#,
            r#"{"$not":{"n":{"$gt":6}}}"#,
            r#"{"$or":[]}"#,
            r#"{"$and":[]}"#,
            r#"{"n":{"$not":{"$gt":6}}}"#,
        ] {
            assert!(matches(selector, document), "{selector}");
        }
        for selector in [
            r#"{"n":"5"}"#,
            r#"{"missing":{"$ne":1}}"#,
            r#"{"$not":{"missing":1}}"#,
            r#"{"missing":{"$exists":true}}"#,
            // What has no members has no missing ones either.
            r#"{"n.x":{"$exists":false}}"#,
            r#"{"list":{"$all":[]}}"#,
            r#"{"list":{"$all":[1.0]}}"#,
            r#"{"list":{"$nin":[2]}}"#,
            r#"{"n":{"$in":[]}}"#,
            r#"{"n":{"$mod":[0,0]}}"#,
            r#"{"o":{}}"#,
            r#"{"s":{"$gt":"Z"}}"#,
            r#"{"list":{"$elemMatch":{"$nor":[{"x":9}]}}}"#,
        ] {
            assert!(!matches(selector, document), "{selector}");
        }
    }

    #[test]
    fn negation_below_elements_is_not_moved() {
        assert!(matches(r#"{"l":{"$elemMatch":{"$not":{"x":1}}}}"#, r#"{"l":[{}]}"#));
        assert!(!matches(r#"{"$not":{"x":1}}"#, "{}"));
    }

    #[test]
    fn mistakes() {
        for (selector, name, reason) in [
            (r#"{"$gt":1}"#, "invalid_selector", "One or more conditions is missing a field name."),
            (r#"{"a":{"$in":1}}"#, "bad_arg", "Bad argument for operator $in: 1"),
            (r#"{"a":{"$foo":1}}"#, "invalid_operator", "Invalid operator: $foo"),
            (r#"{"$where":1}"#, "not_supported", "Unsupported operator: $where"),
            (r#"{"a..b":1}"#, "invalid_field_name", "Invalid field name: a..b"),
            (r#"{"a":{"$regex":"("}}"#, "bad_arg", "Bad argument for operator $regex: <<40>>"),
            (r#"{"a":{"$mod":[1]}}"#, "bad_arg", "Bad argument for operator $mod: [1]"),
        ] {
            let error = Selector::parse(&parse_str(selector).unwrap()).unwrap_err();
            assert_eq!((error.name(), error.to_string().as_str()), (name, reason), "{selector}");
        }
    }
}
