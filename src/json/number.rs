//! Numbers: integers of any size, and doubles in the spelling of jiffy 1.1 (CouchDB up to 3.5.1).

use std::borrow::Cow;

use super::{Number, Value};

/// The spelling CouchDB prints for the JSON number `text`, or `None` when the number is a float
/// outside the range of a double, which CouchDB refuses.
///
/// `text` must be a valid JSON number. Integers keep their digits (`-0` is `0`); floats are printed
/// as the shortest decimal that reads back the same, always with a fraction or an exponent.
/// Subnormal floats become `0.0`, as in jiffy 1.1.
#[must_use]
pub fn canonical_number(text: &str) -> Option<Cow<'_, str>> {
    if is_integer(text) {
        return Some(if text == "-0" { Cow::Borrowed("0") } else { Cow::Borrowed(text) });
    }
    if is_short_decimal(text) {
        return Some(Cow::Borrowed(text));
    }
    let double: f64 = text.parse().ok()?;
    if !double.is_finite() {
        return None;
    }
    let mut buffer = ryu_js::Buffer::new();
    let shortest = stored_float(double, &mut buffer);
    Some(if shortest == text { Cow::Borrowed(text) } else { Cow::Owned(shortest.into_owned()) })
}

/// Whether `text` is a decimal that is certainly the shortest of its double, as it stands: up to 15
/// digits survive the way to a double and back, and none of these is one too many.
fn is_short_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let Some((whole, fraction)) = digits.split_once('.') else { return false };
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    digits.len() <= 16
        && is_digits(whole)
        && is_digits(fraction)
        // Small numbers may be written with an exponent.
        && (whole != "0" || !fraction.starts_with('0'))
        && (!fraction.ends_with('0') || (fraction == "0" && whole != "0"))
}

/// Whether a JSON number is an integer for CouchDB: written without fraction and exponent.
#[must_use]
pub fn is_integer(text: &str) -> bool {
    !text.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E'))
}

/// Prints a finite JavaScript number as CouchDB stores it after `JSON.stringify`: whole numbers
/// below 1e21 are integers, everything else is a float.
pub fn double_to_stored(double: f64, buffer: &mut ryu_js::Buffer) -> Cow<'_, str> {
    if double == 0.0 {
        return Cow::Borrowed("0");
    }
    if double.is_subnormal() {
        return Cow::Borrowed("0.0");
    }
    Cow::Borrowed(buffer.format_finite(double))
}

fn stored_float(double: f64, buffer: &mut ryu_js::Buffer) -> Cow<'_, str> {
    if double == 0.0 || double.is_subnormal() {
        return Cow::Borrowed("0.0");
    }
    let shortest = buffer.format_finite(double);
    if is_integer(shortest) { Cow::Owned(format!("{shortest}.0")) } else { Cow::Borrowed(shortest) }
}

/// A number value from text that is already in CouchDB's spelling.
#[must_use]
pub fn number(text: &str) -> Value {
    Value::Number(Number::from_string_unchecked(text.to_owned()))
}

/// The double nearest to a JSON number: what JavaScript sees.
#[must_use]
pub fn number_to_double(text: &str) -> f64 {
    text.parse().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn short_decimals_are_as_they_are_printed(text in "-?(0|[1-9][0-9]{0,9})\\.[0-9]{1,9}") {
            if is_short_decimal(&text) {
                let mut buffer = ryu_js::Buffer::new();
                let double: f64 = text.parse().expect("a number");
                prop_assert_eq!(stored_float(double, &mut buffer), text);
            }
        }
    }

    #[test]
    fn most_decimals_are_short() {
        assert!(["0.5", "1.0", "-12.25", "1234567.12345678"].into_iter().all(is_short_decimal));
        assert!(
            ["0.0", "-0.0", "1.50", "0.05", "1e3", "1.5e3", "7", "12345678.123456789"]
                .into_iter()
                .all(|text| !is_short_decimal(text))
        );
    }
}
