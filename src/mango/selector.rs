//! Selectors: reading them and moving negations down to the operators (`mango_selector:normalize/1`).

use fancy_regex::Regex;

use super::{FieldPath, MangoError};
use crate::json::{Value, is_integer};
use crate::view::erlang_term;

/// A condition on documents.
#[derive(Debug, Clone)]
pub struct Selector {
    pub(super) condition: Condition,
}

#[derive(Debug, Clone)]
pub(super) enum Condition {
    /// All of them hold (`$and`).
    All(Vec<Condition>),
    /// One of them holds, or there are none (`$or`).
    Any(Vec<Condition>),
    /// None of them holds (`$nor`); only below an operator on elements.
    None(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// It holds for the value of a field.
    Field(FieldPath, Box<Condition>),
    /// An operator on the value at hand.
    Operator(Operator),
}

#[derive(Debug, Clone)]
pub(super) enum Operator {
    Less(Value),
    LessOrEqual(Value),
    Equal(Value),
    NotEqual(Value),
    GreaterOrEqual(Value),
    Greater(Value),
    In(Vec<Value>),
    NotIn(Vec<Value>),
    All(Vec<Value>),
    Exists(bool),
    Type(String),
    Mod(i64, i64),
    Regex(Box<Regex>),
    BeginsWith(String),
    Size(u64),
    Element(Box<Condition>),
    EveryElement(Box<Condition>),
    Key(Box<Condition>),
    Text,
}

/// Operators CouchDB names as missing.
const UNSUPPORTED: [&str; 5] = ["$where", "$geoWithin", "$geoIntersects", "$near", "$nearSphere"];

impl Selector {
    /// Reads a selector.
    ///
    /// # Errors
    /// When CouchDB would refuse it.
    pub fn parse(selector: &Value) -> Result<Self, MangoError> {
        if selector.as_object().is_some_and(crate::json::Map::is_empty) {
            return Ok(Self { condition: Condition::All(Vec::new()) });
        }
        let condition = condition(selector, &FieldPath::default())?.without_negations();
        match &condition {
            Condition::Field(path, _) if path.is_empty() => Err(MangoError::MissingFieldName),
            _ => Ok(Self { condition }),
        }
    }
}

/// Reads a condition on the field at `path`. An object of several members is their conjunction, and
/// anything that is not an object of members must be equal.
fn condition(value: &Value, path: &FieldPath) -> Result<Condition, MangoError> {
    let Some(members) = value.as_object().filter(|members| !members.is_empty()) else {
        return Ok(at(path, Operator::Equal(value.clone())));
    };
    let mut conditions = members.iter().map(|(name, argument)| member(name, argument, path));
    if members.len() > 1 {
        return conditions.collect::<Result<_, _>>().map(Condition::All);
    }
    conditions.next().unwrap_or_else(|| Ok(Condition::All(Vec::new())))
}

fn at(path: &FieldPath, operator: Operator) -> Condition {
    Condition::Field(path.clone(), Box::new(Condition::Operator(operator)))
}

fn member(name: &str, argument: &Value, path: &FieldPath) -> Result<Condition, MangoError> {
    if !name.starts_with('$') {
        return condition(argument, &path.join(FieldPath::parse(name)?));
    }
    let bad =
        || MangoError::BadArgument { operator: name.to_owned(), argument: erlang_term(argument) };
    let list = || argument.as_array().ok_or_else(bad);
    let all =
        || list()?.iter().map(|argument| condition(argument, path)).collect::<Result<Vec<_>, _>>();
    // What holds for an element is a condition of its own, which starts at the element.
    let inner = || match argument {
        Value::Object(_) => condition(argument, &FieldPath::default()).map(Box::new),
        _ => Err(bad()),
    };
    let operator = match name {
        "$and" => return all().map(Condition::All),
        "$or" => return all().map(Condition::Any),
        "$nor" => return all().map(Condition::None),
        "$not" if !argument.is_object() => return Err(bad()),
        "$not" => {
            return condition(argument, path).map(|condition| Condition::Not(Box::new(condition)));
        }
        "$lt" => Operator::Less(argument.clone()),
        "$lte" => Operator::LessOrEqual(argument.clone()),
        "$eq" => Operator::Equal(argument.clone()),
        "$ne" => Operator::NotEqual(argument.clone()),
        "$gte" => Operator::GreaterOrEqual(argument.clone()),
        "$gt" => Operator::Greater(argument.clone()),
        "$in" => Operator::In(list()?.clone()),
        "$nin" => Operator::NotIn(list()?.clone()),
        "$all" => Operator::All(list()?.clone()),
        "$exists" => Operator::Exists(argument.as_bool().ok_or_else(bad)?),
        "$type" => Operator::Type(argument.as_str().ok_or_else(bad)?.to_owned()),
        "$beginsWith" => Operator::BeginsWith(argument.as_str().ok_or_else(bad)?.to_owned()),
        "$size" => Operator::Size(
            integer(argument).and_then(|size| u64::try_from(size).ok()).ok_or_else(bad)?,
        ),
        "$mod" => match list()?.iter().map(integer).collect::<Option<Vec<_>>>().as_deref() {
            Some([divisor, remainder]) => Operator::Mod(*divisor, *remainder),
            _ => return Err(bad()),
        },
        "$regex" => {
            let pattern = argument.as_str().ok_or_else(bad)?;
            // PCRE is told by it to see characters instead of bytes, as the engine here always does.
            let pattern = pattern.strip_prefix("(*UTF)").unwrap_or(pattern);
            Operator::Regex(Box::new(Regex::new(pattern).map_err(|_| bad())?))
        }
        "$elemMatch" => Operator::Element(inner()?),
        "$allMatch" => Operator::EveryElement(inner()?),
        "$keyMapMatch" => Operator::Key(inner()?),
        "$text" if matches!(argument, Value::String(_) | Value::Number(_) | Value::Bool(_)) => {
            if !path.is_empty() {
                return Err(MangoError::BadField(erlang_term(argument)));
            }
            return Ok(Condition::Operator(Operator::Text));
        }
        "$text" => return Err(bad()),
        _ if UNSUPPORTED.contains(&name) => return Err(MangoError::NotSupported(name.to_owned())),
        _ => return Err(MangoError::InvalidOperator(name.to_owned())),
    };
    Ok(at(path, operator))
}

/// An integer of up to 64 bits.
fn integer(value: &Value) -> Option<i64> {
    value.as_number().map(serde_json::Number::as_str).filter(|text| is_integer(text))?.parse().ok()
}

impl Condition {
    /// Moves negations down to the operators. A negated condition on a field still asks for the
    /// field to be there. Conditions on elements are left as they are.
    fn without_negations(self) -> Self {
        let all =
            |conditions: Vec<Self>| conditions.into_iter().map(Self::without_negations).collect();
        match self {
            Self::Not(condition) => condition.negated(),
            Self::None(conditions) => {
                Self::All(conditions.into_iter().map(Self::negated).collect())
            }
            Self::All(conditions) => Self::All(all(conditions)),
            Self::Any(conditions) => Self::Any(all(conditions)),
            other => other,
        }
    }

    fn negated(self) -> Self {
        let each = |conditions: Vec<Self>| conditions.into_iter().map(Self::negated).collect();
        match self {
            Self::Not(condition) => condition.without_negations(),
            Self::None(conditions) => {
                Self::Any(conditions.into_iter().map(Self::without_negations).collect())
            }
            Self::All(conditions) => Self::Any(each(conditions)),
            Self::Any(conditions) => Self::All(each(conditions)),
            Self::Field(path, condition) => Self::Field(path, Box::new(condition.negated())),
            Self::Operator(operator) => Self::Operator(match operator {
                Operator::Less(value) => Operator::GreaterOrEqual(value),
                Operator::LessOrEqual(value) => Operator::Greater(value),
                Operator::Equal(value) => Operator::NotEqual(value),
                Operator::NotEqual(value) => Operator::Equal(value),
                Operator::GreaterOrEqual(value) => Operator::Less(value),
                Operator::Greater(value) => Operator::LessOrEqual(value),
                Operator::In(values) => Operator::NotIn(values),
                Operator::NotIn(values) => Operator::In(values),
                Operator::Exists(exists) => Operator::Exists(!exists),
                other => return Self::Not(Box::new(Self::Operator(other))),
            }),
        }
    }
}
