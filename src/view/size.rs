//! Sizes of values as Erlang terms, in bytes of the external term format.
//!
//! CouchDB cuts its index into nodes by these sizes (`couch_btree:chunkify`) and limits the growth
//! of `_sum` with them. They are counted on JSON text, without building a value.

use crate::json::{Kind, Scanner, is_integer};

/// The byte every encoded term starts with, counted once per term.
pub(super) const VERSION: usize = 1;
/// A list of at least one element: head, length and the empty list at its end.
pub(super) const LIST: usize = 6;
/// A tuple, without its elements.
pub(super) const TUPLE: usize = 2;
/// The empty list.
pub(super) const NIL: usize = 1;

/// Size of an integer.
pub(super) fn integer(value: u64) -> usize {
    match value {
        0..=0xFF => 2,
        0x100..=0x7FFF_FFFF => 5,
        _ => 3 + (64 - value.leading_zeros() as usize).div_ceil(8),
    }
}

/// Size of a string of `length` bytes.
pub(super) fn binary(length: usize) -> usize {
    5 + length
}

/// Size of an atom of `length` bytes.
pub(super) fn atom(length: usize) -> usize {
    3 + length
}

/// Size of the value that stands in `text`, without the version byte. Text that is no JSON
/// has size 0.
pub(super) fn of_json(text: &str) -> usize {
    value(&mut Scanner::new(text)).map_or(0, |(size, _)| size)
}

/// Size of a value, and whether it is an integer between 0 and 255.
fn value(scanner: &mut Scanner<'_>) -> Option<(usize, bool)> {
    Some(match scanner.kind().ok()? {
        Kind::Null => scanner.null().map(|()| (atom(4), false)).ok()?,
        Kind::Bool => (atom(if scanner.boolean().ok()? { 4 } else { 5 }), false),
        Kind::Number => number(scanner.number().ok()?),
        Kind::String => (binary(scanner.string().ok()?.unescape().len()), false),
        Kind::Array => (array(scanner)?, false),
        Kind::Object => (object(scanner)?, false),
    })
}

fn number(text: &str) -> (usize, bool) {
    if !is_integer(text) {
        return (9, false);
    }
    if let Ok(small) = text.parse::<i64>() {
        let size = if i32::try_from(small).is_ok() && small < 0 {
            5
        } else {
            integer(small.unsigned_abs())
        };
        return (size, (0..=255).contains(&small));
    }
    let bytes =
        text.parse::<num_bigint::BigInt>().map_or(0, |big| big.magnitude().bits().div_ceil(8));
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    (if bytes > 255 { 6 } else { 3 } + bytes, false)
}

fn array(scanner: &mut Scanner<'_>) -> Option<usize> {
    let mut more = scanner.enter().ok()?;
    let (mut count, mut total, mut bytes) = (0, 0, true);
    while more {
        let (size, byte) = value(scanner)?;
        count += 1;
        total += size;
        bytes &= byte;
        more = scanner.more(b']').ok()?;
    }
    Some(match count {
        0 => NIL,
        1..=0xFFFF if bytes => 3 + count,
        _ => LIST + total,
    })
}

fn object(scanner: &mut Scanner<'_>) -> Option<usize> {
    let mut more = scanner.enter().ok()?;
    let mut members = 0;
    while more {
        let name = scanner.name().ok()?.unescape().len();
        members += TUPLE + binary(name) + value(scanner)?.0;
        more = scanner.more(b'}').ok()?;
    }
    Some(TUPLE + if members == 0 { NIL } else { LIST + members })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, size) in [
            ("0", 2),
            ("255", 2),
            ("256", 5),
            ("-1", 5),
            ("2147483647", 5),
            ("2147483648", 7),
            ("-2147483648", 5),
            ("-2147483649", 7),
            ("18446744073709551616", 12),
            ("1.5", 9),
            ("null", 7),
            ("false", 8),
            ("\"\\u00e9\"", 7),
            ("[]", 1),
            ("[1,2]", 5),
            ("[1,256]", 13),
            ("[1,\"a\"]", 14),
            ("{}", 3),
            ("{\"a\":1}", 18),
        ] {
            assert_eq!(of_json(text), size, "{text}");
        }
    }
}
