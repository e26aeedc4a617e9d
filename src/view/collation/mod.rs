//! The order of view keys.
//!
//! `CouchDB` knows two orders of JSON values. The default one (`couch_ejson_compare`) is
//! `null < false < true < numbers < strings < arrays < objects` with strings in the order of ICU's
//! root collator. The view option `"collation": "raw"` asks for the order of Erlang terms, which also
//! orders several rows of one document under one key:
//! `numbers < false < null < true < objects < arrays < strings`, strings by their UTF-8 bytes.
//!
//! In both, numbers compare by exact value whatever their type, arrays and objects compare element
//! by element and a prefix comes first. Objects are lists of pairs in stored order, so
//! `{"a":1,"b":2}` and `{"b":2,"a":1}` are different keys.
//!
//! Values are compared through *sort keys*: byte strings whose order is the order of the values.
//! No sort key is a prefix of another one, which is what allows nesting.

mod number;
mod root;
mod string;

use std::cmp::Ordering;

use serde_json::Value;

/// The collation of a view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Collation {
    /// The default: `CouchDB`'s order of JSON types, strings in the order of ICU's root collator.
    #[default]
    Icu,
    /// `"collation": "raw"`: the order of Erlang terms.
    Raw,
}

/// Ends an array, object or string. Lower than every byte that can stand in its place.
const END: u8 = 0x00;
/// Starts a pair of an object.
const PAIR: u8 = 0x01;

impl Collation {
    fn rank(self, value: &Value) -> u8 {
        match (self, value) {
            (Self::Icu, Value::Null) => 0x10,
            (Self::Icu, Value::Bool(false)) => 0x11,
            (Self::Icu, Value::Bool(true)) => 0x12,
            (_, Value::Number(_)) => 0x20,
            (Self::Raw, Value::Bool(false)) => 0x30,
            (Self::Raw, Value::Null) => 0x31,
            (Self::Raw, Value::Bool(true)) => 0x32,
            (Self::Icu, Value::String(_)) | (Self::Raw, Value::Object(_)) => 0x40,
            (_, Value::Array(_)) => 0x50,
            (Self::Raw, Value::String(_)) | (Self::Icu, Value::Object(_)) => 0x60,
        }
    }

    fn write_string(self, text: &str, out: &mut Vec<u8>) {
        match self {
            Self::Icu => string::write_icu(text, out),
            Self::Raw => string::write_bytes(text, out),
        }
        out.push(END);
    }
}

/// Appends the sort key of `value`: bytes whose lexicographic order is the order of the collation.
/// Keys that `CouchDB` treats as one, such as `1` and `1.0`, or `"é"` composed and decomposed, have
/// the same bytes.
pub fn write_sort_key(value: &Value, collation: Collation, out: &mut Vec<u8>) {
    out.push(collation.rank(value));
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => number::write(number.as_str(), out),
        Value::String(text) => collation.write_string(text, out),
        Value::Array(items) => {
            for item in items {
                write_sort_key(item, collation, out);
            }
            out.push(END);
        }
        Value::Object(members) => {
            for (name, member) in members {
                out.push(PAIR);
                collation.write_string(name, out);
                write_sort_key(member, collation, out);
            }
            out.push(END);
        }
    }
}

/// The sort key of `value`; see [`write_sort_key`].
#[must_use]
pub fn sort_key(value: &Value, collation: Collation) -> Vec<u8> {
    let mut out = Vec::new();
    write_sort_key(value, collation, &mut out);
    out
}

/// Compares two values. Cheaper than two sort keys where values are compared once, as it stops at
/// the first difference; to sort many values, compare their sort keys.
#[must_use]
pub fn compare(one: &Value, other: &Value, collation: Collation) -> Ordering {
    collation.rank(one).cmp(&collation.rank(other)).then_with(|| match (one, other) {
        (Value::Number(one), Value::Number(other)) => number::compare(one.as_str(), other.as_str()),
        (Value::String(one), Value::String(other)) => compare_strings(one, other, collation),
        (Value::Array(one), Value::Array(other)) => {
            in_sequence(one, other, |one, other| compare(one, other, collation))
        }
        (Value::Object(one), Value::Object(other)) => {
            in_sequence(one, other, |(name, member), (other_name, other_member)| {
                compare_strings(name, other_name, collation)
                    .then_with(|| compare(member, other_member, collation))
            })
        }
        _ => Ordering::Equal,
    })
}

fn compare_strings(one: &str, other: &str, collation: Collation) -> Ordering {
    if one == other {
        return Ordering::Equal;
    }
    match collation {
        Collation::Icu => string::compare_icu(one, other),
        Collation::Raw => one.cmp(other),
    }
}

fn in_sequence<T>(
    one: impl IntoIterator<Item = T>,
    other: impl IntoIterator<Item = T>,
    compare: impl Fn(T, T) -> Ordering,
) -> Ordering {
    let mut other = other.into_iter();
    for item in one {
        let Some(other_item) = other.next() else {
            return Ordering::Greater;
        };
        let ordering = compare(item, other_item);
        if ordering.is_ne() {
            return ordering;
        }
    }
    if other.next().is_some() { Ordering::Less } else { Ordering::Equal }
}

#[cfg(test)]
mod tests;
