//! Numbers, ordered by exact mathematical value.
//!
//! A sort key holds the sign, the binary exponent and the bits of the mantissa, the same whether the
//! number is an integer of any size or a double. So `1` equals `1.0`, and 9007199254740993 is above
//! 9007199254740992.0, as Erlang compares them.

use std::cmp::Ordering;

use num_bigint::BigUint;

const NEGATIVE: u8 = 0x01;
const ZERO: u8 = 0x02;
const POSITIVE: u8 = 0x03;

/// Exponents from -62 to 126 take one byte, all others nine, of which the first is one of these.
const SMALL_EXPONENT: u8 = 0x00;
const LARGE_EXPONENT: u8 = 0xFF;
const EXPONENT_BIAS: i64 = 64;

/// The absolute value of a number that is not zero: `0.m × 2^exponent`, where m are the bits of
/// `mantissa`, the first of which is set.
struct Magnitude {
    exponent: i64,
    mantissa: Mantissa,
}

enum Mantissa {
    Short(u64),
    /// Bytes, most significant first. The first bit is set.
    Long(Vec<u8>),
}

/// Appends the sort key of a number in JSON spelling. The key ends by itself: none is a prefix of
/// another.
pub(super) fn write(text: &str, out: &mut Vec<u8>) {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let Some(magnitude) = magnitude(digits) else {
        out.push(ZERO);
        return;
    };
    if negative {
        out.push(NEGATIVE);
        let start = out.len();
        magnitude.write(out);
        for byte in &mut out[start..] {
            *byte = !*byte;
        }
    } else {
        out.push(POSITIVE);
        magnitude.write(out);
    }
}

/// Compares two numbers in JSON spelling.
pub(super) fn compare(one: &str, other: &str) -> Ordering {
    if one == other {
        return Ordering::Equal;
    }
    if let (Ok(one), Ok(other)) = (one.parse::<i64>(), other.parse::<i64>()) {
        return one.cmp(&other);
    }
    let (mut one_key, mut other_key) = (Vec::new(), Vec::new());
    write(one, &mut one_key);
    write(other, &mut other_key);
    one_key.cmp(&other_key)
}

/// Reads a number without its sign; `None` is zero.
fn magnitude(digits: &str) -> Option<Magnitude> {
    if let Ok(integer) = digits.parse::<u64>() {
        return Magnitude::short(integer, 0);
    }
    if digits.bytes().all(|byte| byte.is_ascii_digit())
        && let Some(integer) = BigUint::parse_bytes(digits.as_bytes(), 10)
    {
        return Magnitude::long(&integer);
    }
    let double: f64 = digits.parse().unwrap_or(0.0);
    let fraction = double.to_bits() & ((1 << 52) - 1);
    match (double.to_bits() >> 52) & 0x7FF {
        0 => Magnitude::short(fraction, -1074),
        exponent => Magnitude::short(fraction | 1 << 52, exponent.cast_signed() - 1075),
    }
}

impl Magnitude {
    /// `integer × 2^exponent`.
    fn short(integer: u64, exponent: i64) -> Option<Self> {
        let zeros = integer.leading_zeros();
        let mantissa = Mantissa::Short(integer.checked_shl(zeros)?);
        Some(Self { exponent: exponent + 64 - i64::from(zeros), mantissa })
    }

    fn long(integer: &BigUint) -> Option<Self> {
        let bits = i64::try_from(integer.bits()).ok().filter(|bits| *bits > 0)?;
        let padding = (8 - bits % 8) % 8;
        let bytes = (integer << padding).to_bytes_be();
        Some(Self { exponent: bits, mantissa: Mantissa::Long(bytes) })
    }

    fn write(&self, out: &mut Vec<u8>) {
        match u8::try_from(self.exponent + EXPONENT_BIAS) {
            Ok(exponent) if !matches!(exponent, SMALL_EXPONENT | LARGE_EXPONENT) => {
                out.push(exponent);
            }
            _ => {
                out.push(if self.exponent < 0 { SMALL_EXPONENT } else { LARGE_EXPONENT });
                // Flipping the sign bit orders two's complement numbers as bytes.
                out.extend((self.exponent ^ i64::MIN).to_be_bytes());
            }
        }
        match &self.mantissa {
            Mantissa::Short(bits) => write_bits(&bits.to_be_bytes(), out),
            Mantissa::Long(bytes) => write_bits(bytes, out),
        }
    }
}

/// Appends bits in groups of seven, each in a byte whose lowest bit says whether another one
/// follows. Zeros at the end are left out, so that what follows is always higher than the end.
fn write_bits(bytes: &[u8], out: &mut Vec<u8>) {
    let significant = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let start = out.len();
    let (mut pending, mut count) = (0_u16, 0);
    for byte in &bytes[..significant] {
        pending = (pending << 8) | u16::from(*byte);
        count += 8;
        while count >= 7 {
            count -= 7;
            out.push(group(pending >> count));
            pending &= (1 << count) - 1;
        }
    }
    out.push(group(pending << (7 - count)));
    while out.len() > start + 1 && out.last() == Some(&group(0)) {
        out.pop();
    }
    if let Some(last) = out.last_mut() {
        *last &= !1;
    }
}

/// Seven bits with the mark that more follow.
fn group(bits: u16) -> u8 {
    u8::try_from(bits & 0x7F).unwrap_or_default() << 1 | 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_values() {
        let groups: &[&[&str]] = &[
            &["-1e400", "-1e999"],
            &["-100000000000000000000000000000000000000001"],
            &["-1e21", "-1000000000000000000000", "-1.0e+21"],
            &["-9007199254740993"],
            &["-9007199254740992.0", "-9007199254740992"],
            &["-2"],
            &["-1.5"],
            &["-1", "-1.0"],
            &["-0.5"],
            &["-5e-324"],
            &["0", "-0", "0.0", "-0.0", "1e-400"],
            &["5e-324"],
            &["1e-323"],
            &["2.2250738585072014e-308"],
            &["1e-20"],
            &["0.1"],
            &["0.5", "5e-1"],
            &["1", "1.0", "1e0"],
            &["1.5"],
            &["2"],
            &["127"],
            &["128", "1.28e2"],
            &["129"],
            &["9007199254740992", "9007199254740992.0", "9007199254740993.0"],
            &["9007199254740993"],
            &["18446744073709551615"],
            &["18446744073709551616", "18446744073709551616.0"],
            &["18446744073709551617"],
            &["1e21", "1E+21", "1000000000000000000000"],
            &["1e38"],
            // The double is below the power of ten that it stands for, or above.
            &["100000000000000000000000000000000000000"],
            &["1e+300"],
            &["1.7976931348623157e308"],
        ];
        let key = |text: &str| {
            let mut out = Vec::new();
            write(text, &mut out);
            out
        };
        for pair in groups.windows(2) {
            for (one, other) in
                pair[0].iter().flat_map(|one| pair[1].iter().map(move |other| (one, other)))
            {
                assert!(key(one) < key(other), "{one} < {other}");
                assert_eq!(compare(one, other), Ordering::Less);
                assert!(!key(other).starts_with(&key(one)) && !key(one).starts_with(&key(other)));
            }
        }
        for group in groups {
            for other in *group {
                assert_eq!(key(group[0]), key(other), "{other}");
                assert_eq!(compare(group[0], other), Ordering::Equal);
            }
        }
    }
}
