//! Erlang terms: their order, and the external term format that signatures and revisions hash.
//!
//! The encoding is the one CouchDB asks for (version byte 131, minor version 1): old-style atoms,
//! IEEE floats, and lists of bytes in string form.

use std::cmp::Ordering;

use num_bigint::{BigInt, Sign};

use crate::json::{Value, is_integer};

/// The version byte every encoded term starts with.
const VERSION: u8 = 131;

/// An Erlang term, as far as documents and index definitions need terms.
#[derive(Debug, Clone, PartialEq)]
pub enum Term {
    /// An integer of any size.
    Integer(BigInt),
    /// A float.
    Float(f64),
    /// An atom.
    Atom(&'static str),
    /// A tuple.
    Tuple(Vec<Term>),
    /// A proper list.
    List(Vec<Term>),
    /// A binary.
    Binary(Vec<u8>),
}

impl Term {
    /// The binary holding `text` as UTF-8.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Binary(text.as_bytes().to_vec())
    }

    /// A small integer.
    #[must_use]
    pub fn integer(number: u64) -> Self {
        Self::Integer(BigInt::from(number))
    }

    /// The members of a JSON object as a list of pairs, without the 1-tuple around a JSON object.
    #[must_use]
    pub fn members(members: &crate::json::Map<String, Value>) -> Self {
        Self::List(
            members
                .iter()
                .map(|(name, member)| Self::Tuple(vec![Self::text(name), Self::from(member)]))
                .collect(),
        )
    }
}

impl From<&Value> for Term {
    /// The term CouchDB decodes a JSON value to: an object is a 1-tuple holding a list of pairs.
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Atom("null"),
            Value::Bool(true) => Self::Atom("true"),
            Value::Bool(false) => Self::Atom("false"),
            Value::Number(number) => number_term(number.as_str()),
            Value::String(text) => Self::text(text),
            Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Object(members) => Self::Tuple(vec![Self::members(members)]),
        }
    }
}

fn number_term(text: &str) -> Term {
    if is_integer(text)
        && let Ok(integer) = text.parse()
    {
        return Term::Integer(integer);
    }
    let double: f64 = text.parse().unwrap_or(0.0);
    // CouchDB's JSON decoder (up to 3.5.1) flushes subnormal numbers to zero.
    Term::Float(if double.is_subnormal() { 0.0 } else { double })
}

/// The external format of a JSON value, version byte included.
#[must_use]
pub fn encode(value: &Value) -> Vec<u8> {
    encode_term(&Term::from(value))
}

/// The external format of a term, version byte included.
#[must_use]
pub fn encode_term(term: &Term) -> Vec<u8> {
    let mut out = vec![VERSION];
    write(term, &mut out);
    out
}

/// What Erlang's `external_size` tells of a JSON value: the length of [`encode`]'s answer.
#[must_use]
pub fn external_size(value: &Value) -> usize {
    1 + size(value)
}

fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(true) => 3 + 4,
        Value::Bool(false) => 3 + 5,
        Value::Number(number) => {
            let mut bytes = Vec::new();
            write(&number_term(number.as_str()), &mut bytes);
            bytes.len()
        }
        Value::String(text) => 5 + text.len(),
        Value::Array(items) if items.is_empty() => 1,
        Value::Array(items) => {
            let is_string = u16::try_from(items.len()).is_ok()
                && items.iter().all(|item| {
                    matches!(item, Value::Number(number) if number.as_str().parse::<u8>().is_ok())
                });
            if is_string { 3 + items.len() } else { 6 + items.iter().map(size).sum::<usize>() }
        }
        Value::Object(members) if members.is_empty() => 2 + 1,
        Value::Object(members) => {
            2 + 6
                + members
                    .iter()
                    .map(|(name, member)| 2 + 5 + name.len() + size(member))
                    .sum::<usize>()
        }
    }
}

fn write(term: &Term, out: &mut Vec<u8>) {
    match term {
        Term::Integer(integer) => write_integer(integer, out),
        Term::Float(float) => {
            out.push(70);
            out.extend_from_slice(&float.to_be_bytes());
        }
        Term::Atom(name) => {
            out.push(100);
            out.extend_from_slice(&u16::try_from(name.len()).unwrap_or(u16::MAX).to_be_bytes());
            out.extend_from_slice(name.as_bytes());
        }
        Term::Tuple(elements) => {
            if let Ok(arity) = u8::try_from(elements.len()) {
                out.extend_from_slice(&[104, arity]);
            } else {
                out.push(105);
                write_length(elements.len(), out);
            }
            for element in elements {
                write(element, out);
            }
        }
        Term::List(elements) => write_list(elements, out),
        Term::Binary(bytes) => {
            out.push(109);
            write_length(bytes.len(), out);
            out.extend_from_slice(bytes);
        }
    }
}

fn write_list(elements: &[Term], out: &mut Vec<u8>) {
    if elements.is_empty() {
        out.push(106);
        return;
    }
    // A list of bytes is what Erlang calls a string, and takes the short form.
    if let Ok(length) = u16::try_from(elements.len())
        && let Some(bytes) = elements.iter().map(byte).collect::<Option<Vec<u8>>>()
    {
        out.push(107);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&bytes);
        return;
    }
    out.push(108);
    write_length(elements.len(), out);
    for element in elements {
        write(element, out);
    }
    out.push(106);
}

fn byte(term: &Term) -> Option<u8> {
    match term {
        Term::Integer(integer) => u8::try_from(integer).ok(),
        _ => None,
    }
}

fn write_integer(integer: &BigInt, out: &mut Vec<u8>) {
    if let Ok(byte) = u8::try_from(integer) {
        out.extend_from_slice(&[97, byte]);
    } else if let Ok(word) = i32::try_from(integer) {
        out.push(98);
        out.extend_from_slice(&word.to_be_bytes());
    } else {
        let (sign, magnitude) = integer.to_bytes_le();
        if let Ok(length) = u8::try_from(magnitude.len()) {
            out.extend_from_slice(&[110, length]);
        } else {
            out.push(111);
            write_length(magnitude.len(), out);
        }
        out.push(u8::from(sign == Sign::Minus));
        out.extend_from_slice(&magnitude);
    }
}

fn write_length(length: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
}

/// Erlang's order of terms: numbers, atoms, tuples, lists, binaries; integers and floats compare by
/// value, so that `1` and `1.0` are equal here.
#[must_use]
pub fn compare(left: &Term, right: &Term) -> Ordering {
    match (left, right) {
        (Term::Integer(left), Term::Integer(right)) => left.cmp(right),
        (Term::Float(left), Term::Float(right)) => {
            left.partial_cmp(right).unwrap_or(Ordering::Equal)
        }
        (Term::Integer(left), Term::Float(right)) => compare_mixed(left, *right),
        (Term::Float(left), Term::Integer(right)) => compare_mixed(right, *left).reverse(),
        (Term::Atom(left), Term::Atom(right)) => left.cmp(right),
        (Term::Tuple(left), Term::Tuple(right)) => {
            left.len().cmp(&right.len()).then_with(|| compare_elements(left, right))
        }
        (Term::List(left), Term::List(right)) => compare_lists(left, right),
        (Term::Binary(left), Term::Binary(right)) => left.cmp(right),
        _ => rank(left).cmp(&rank(right)),
    }
}

fn compare_elements(left: &[Term], right: &[Term]) -> Ordering {
    left.iter()
        .zip(right)
        .map(|(left, right)| compare(left, right))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// Lists compare element by element; a proper prefix comes first, since `[]` sorts below any cons.
fn compare_lists(left: &[Term], right: &[Term]) -> Ordering {
    compare_elements(left, right).then_with(|| left.len().cmp(&right.len()))
}

fn rank(term: &Term) -> u8 {
    match term {
        Term::Integer(_) | Term::Float(_) => 0,
        Term::Atom(_) => 1,
        Term::Tuple(_) => 2,
        Term::List(_) => 3,
        Term::Binary(_) => 4,
    }
}

fn compare_mixed(integer: &BigInt, float: f64) -> Ordering {
    let whole = float.trunc();
    match BigInt::try_from(WholeFloat(whole)) {
        Ok(whole_integer) => integer
            .cmp(&whole_integer)
            .then_with(|| 0.0_f64.partial_cmp(&(float - whole)).unwrap_or(Ordering::Equal)),
        Err(()) => 0.0_f64.partial_cmp(&float).unwrap_or(Ordering::Equal),
    }
}

/// A float without a fraction, on its way to an integer.
struct WholeFloat(f64);

impl TryFrom<WholeFloat> for BigInt {
    type Error = ();

    fn try_from(WholeFloat(float): WholeFloat) -> Result<Self, ()> {
        if !float.is_finite() {
            return Err(());
        }
        // Rust prints whole floats with all their digits and without an exponent.
        format!("{float:.0}").parse().map_err(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse_str;

    fn encoded(text: &str) -> Vec<u8> {
        let value = parse_str(text).expect("JSON");
        let bytes = encode(&value);
        assert_eq!(external_size(&value), bytes.len(), "size of {text}");
        bytes[1..].to_vec()
    }

    #[test]
    fn scalars() {
        assert_eq!(encoded("null"), b"\x64\0\x04null");
        assert_eq!(encoded("true"), b"\x64\0\x04true");
        assert_eq!(encoded("false"), b"\x64\0\x05false");
        assert_eq!(encoded("255"), [97, 255]);
        assert_eq!(encoded("256"), [98, 0, 0, 1, 0]);
        assert_eq!(encoded("-1"), [98, 255, 255, 255, 255]);
        assert_eq!(encoded("2147483648"), [110, 4, 0, 0, 0, 0, 128]);
        assert_eq!(encoded("-2147483649"), [110, 4, 1, 1, 0, 0, 128]);
        assert_eq!(encoded("1.5"), [70, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0]);
        assert_eq!(encoded("\"é\""), [109, 0, 0, 0, 2, 0xc3, 0xa9]);
    }

    #[test]
    fn an_integer_of_more_than_255_bytes_takes_the_long_form() {
        let bytes = encoded(&format!("1{}", "0".repeat(700)));
        assert_eq!(bytes[0], 111);
        assert_eq!(&bytes[1..6], [0, 0, 1, 35, 0]);
    }

    #[test]
    fn lists_of_bytes_take_the_string_form() {
        assert_eq!(encoded("[]"), [106]);
        assert_eq!(encoded("[1,2]"), [107, 0, 2, 1, 2]);
        assert_eq!(encoded("[1,256]"), [108, 0, 0, 0, 2, 97, 1, 98, 0, 0, 1, 0, 106]);
        assert_eq!(encoded("[1.0]")[0], 108);
        assert_eq!(encoded("[[]]"), [108, 0, 0, 0, 1, 106, 106]);
        let long = format!("[{}1]", "1,".repeat(65_535));
        assert_eq!(encoded(&long)[..5], [108, 0, 1, 0, 0]);
    }

    #[test]
    fn objects_are_a_tuple_around_pairs() {
        assert_eq!(encoded("{}"), [104, 1, 106]);
        assert_eq!(
            encoded("{\"a\":1}"),
            [104, 1, 108, 0, 0, 0, 1, 104, 2, 109, 0, 0, 0, 1, b'a', 97, 1, 106]
        );
    }

    #[test]
    fn order() {
        let sorted = [
            "-1e300",
            "-2",
            "0",
            "0.5",
            "1",
            "9007199254740993",
            "1e300",
            "false",
            "null",
            "true",
            "{}",
            "{\"a\":1}",
            "[]",
            "[1]",
            "[1,2]",
            "[2]",
            "\"\"",
            "\"Z\"",
            "\"a\"",
            "\"ab\"",
        ];
        let terms: Vec<Term> =
            sorted.iter().map(|text| Term::from(&parse_str(text).expect("JSON"))).collect();
        for (at, left) in terms.iter().enumerate() {
            for (other, right) in terms.iter().enumerate() {
                assert_eq!(
                    compare(left, right),
                    at.cmp(&other),
                    "{} {}",
                    sorted[at],
                    sorted[other]
                );
            }
        }
    }

    #[test]
    fn integers_and_floats_compare_exactly() {
        let term = |text| Term::from(&parse_str(text).expect("JSON"));
        assert_eq!(compare(&term("1"), &term("1.0")), Ordering::Equal);
        assert_eq!(
            compare(&term("9007199254740993"), &term("9007199254740992.0")),
            Ordering::Greater
        );
        assert_eq!(compare(&term("-1"), &term("-1.5")), Ordering::Greater);
        assert_eq!(compare(&term("-2"), &term("-1.5")), Ordering::Less);
    }
}
