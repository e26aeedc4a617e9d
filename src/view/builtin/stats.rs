//! `_stats`: sum, count, minimum, maximum and sum of squares.

use std::cmp::Ordering;

use super::super::erlang;
use super::super::error::ViewFailure;
use super::super::row::{self, Row};
use super::Number;
use super::size;
use crate::json::{Map, Value};

const FIELDS: [&str; 5] = ["sum", "count", "min", "max", "sumsqr"];

/// The statistics of one number per row, or of an array of them.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Stats {
    /// In the order of [`FIELDS`].
    One(Box<[Number; 5]>),
    /// One for every position of the rows' arrays.
    Many(Vec<Stats>),
}

/// The statistics of rows.
pub(super) fn rows(rows: &[&Row]) -> Result<Stats, ViewFailure> {
    let mut rows = rows.iter();
    let mut stats = match rows.next() {
        Some(first) => Stats::first(&row::parse(&first.value))?,
        None => return Ok(Stats::empty()),
    };
    for row in rows {
        stats = match Number::read(&row.value) {
            Some(number) => Stats::of(number)?.join(stats)?,
            None => Stats::with(&row::parse(&row.value), stats)?,
        };
    }
    Ok(stats)
}

/// The statistics of earlier statistics.
pub(super) fn parts<'a>(parts: impl Iterator<Item = &'a Stats>) -> Result<Stats, ViewFailure> {
    let mut parts = parts;
    let mut stats = parts.next().cloned().unwrap_or_else(Stats::empty);
    for part in parts {
        stats = part.clone().join(stats)?;
    }
    Ok(stats)
}

impl Stats {
    fn empty() -> Self {
        Self::One(Box::new(std::array::from_fn(|_| Number::Small(0))))
    }

    fn of(number: Number) -> Result<Self, ViewFailure> {
        let square = number.square()?;
        Ok(Self::One(Box::new([number.clone(), Number::Small(1), number.clone(), number, square])))
    }

    /// The statistics of the first value.
    fn first(value: &Value) -> Result<Self, ViewFailure> {
        match value {
            Value::Array(items) => {
                items.iter().map(Self::first).collect::<Result<_, _>>().map(Self::Many)
            }
            Value::Object(members) => Self::unpack(members),
            other => match Number::of(other) {
                Some(number) => Self::of(number),
                None => Err(invalid(format!("non-numeric _stats input: {}", erlang::plain(other)))),
            },
        }
    }

    /// Adds a further value, as `couch_query_servers:stat_values/2` does.
    fn with(value: &Value, stats: Self) -> Result<Self, ViewFailure> {
        match (value, stats) {
            (Value::Array(items), Self::Many(many)) => {
                let mut many = many.into_iter();
                let mut result = Vec::with_capacity(items.len());
                for item in items {
                    result.push(Self::with(item, many.next().ok_or_else(mismatch)?)?);
                }
                if many.next().is_some() { Err(mismatch()) } else { Ok(Self::Many(result)) }
            }
            (Value::Object(members), stats) => Self::unpack(members)?.join(stats),
            (other, stats) => match Number::of(other) {
                Some(number) => Self::of(number)?.join(stats),
                None => Err(unusable(&erlang::pretty(other, UNUSABLE.len()))),
            },
        }
    }

    /// Joins these statistics with earlier ones.
    fn join(self, earlier: Self) -> Result<Self, ViewFailure> {
        match (self, earlier) {
            (Self::One(one), Self::One(earlier)) => {
                let [sum, count, min, max, squares] = *one;
                let [sum1, count1, min1, max1, squares1] = *earlier;
                Ok(Self::One(Box::new([
                    sum.add(&sum1)?,
                    count.add(&count1)?,
                    // Of numbers that are equal, such as 1 and 1.0, the later row's is kept.
                    if min.compare(&min1) == Ordering::Greater { min1 } else { min },
                    if max.compare(&max1) == Ordering::Less { max1 } else { max },
                    squares.add(&squares1)?,
                ])))
            }
            (Self::Many(many), Self::Many(earlier)) => {
                if many.len() != earlier.len() {
                    return Err(mismatch());
                }
                let joined = many.into_iter().zip(earlier).map(|(one, earlier)| one.join(earlier));
                joined.collect::<Result<_, _>>().map(Self::Many)
            }
            (other, _) => Err(unusable(&other.term())),
        }
    }

    fn unpack(members: &Map<String, Value>) -> Result<Self, ViewFailure> {
        let field = |name: &str| {
            let Some(member) = members.get(name) else {
                let message = format!("user _stats input missing required field {name} (");
                let given = erlang::pretty_members(members, message.len());
                return Err(invalid(format!("{message}{given})")));
            };
            Number::of(member).ok_or_else(|| {
                let given = erlang::plain(member);
                invalid(format!("non-numeric _stats input received for {name}: {given}"))
            })
        };
        let [sum, count, min, max, squares] = FIELDS;
        Ok(Self::One(Box::new([
            field(sum)?,
            field(count)?,
            field(min)?,
            field(max)?,
            field(squares)?,
        ])))
    }

    /// The value shown.
    pub(super) fn value(&self) -> Value {
        match self {
            Self::One(numbers) => Value::Object(
                FIELDS
                    .iter()
                    .zip(numbers.iter())
                    .map(|(name, number)| ((*name).into(), number.value()))
                    .collect(),
            ),
            Self::Many(many) => Value::Array(many.iter().map(Self::value).collect()),
        }
    }

    pub(super) fn size(&self) -> usize {
        match self {
            Self::One(numbers) => {
                size::TUPLE
                    + numbers.iter().map(|number| size::of_json(&number.text())).sum::<usize>()
            }
            Self::Many(many) => size::LIST + many.iter().map(Self::size).sum::<usize>(),
        }
    }

    fn term(&self) -> String {
        match self {
            Self::One(numbers) => format!("{{{}}}", numbers.each_ref().map(Number::term).join(",")),
            Self::Many(many) => {
                format!("[{}]", many.iter().map(Self::term).collect::<Vec<_>>().join(","))
            }
        }
    }
}

const UNUSABLE: &str =
    "The _stats function requires that map values be numbers or arrays of numbers, not '";

fn unusable(term: &str) -> ViewFailure {
    invalid(format!("{UNUSABLE}{term}'"))
}

fn invalid(reason: String) -> ViewFailure {
    ViewFailure::new("invalid_value", reason)
}

fn mismatch() -> ViewFailure {
    ViewFailure::new("function_clause", "[{lists,zipwith,3}]")
}
