//! Numbers of schemas in JavaScript.

/// A JSON number as whole digits and the power of ten behind them; `None` beyond reason.
fn decimal(text: &str) -> Option<(i128, i32)> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let mut exponent = exponent - i32::try_from(fraction.len()).ok()?;
    while digits != 0 && digits % 10 == 0 {
        digits /= 10;
        exponent += 1;
    }
    Some((digits, if digits == 0 { 0 } else { exponent }))
}

/// The number as JavaScript writes it; `None` when JavaScript has no number that is the same.
pub(super) fn literal(text: &str) -> Option<String> {
    let (digits, exponent) = decimal(text)?;
    let double: f64 = text.parse().ok()?;
    let mut buffer = ryu_js::Buffer::new();
    let shortest = buffer.format(double).to_owned();
    // The shortest decimal of the double is what CouchDB shows for it; another one is another number.
    (double.is_finite() && decimal(&shortest)? == (digits, exponent)).then_some(shortest)
}

/// A divisor as a whole number and the decimals that were moved out of it.
pub(super) fn divisor(text: &str) -> Option<(u64, u32)> {
    let (digits, exponent) = decimal(text)?;
    let digits = u64::try_from(digits).ok()?;
    let (digits, decimals) = match u32::try_from(exponent) {
        Ok(zeros) => (digits.checked_mul(10_u64.checked_pow(zeros)?)?, 0),
        Err(_) => (digits, exponent.unsigned_abs()),
    };
    (digits > 0 && digits < 1 << 53 && decimals < 300).then_some((digits, decimals))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals() {
        for (text, expected) in [
            ("1", Some("1")),
            ("1.0", Some("1")),
            ("-0.5", Some("-0.5")),
            ("1e3", Some("1000")),
            ("253402300799", Some("253402300799")),
            ("9007199254740993", None),
            ("18446744073709551616", None),
            ("18446744073709552000", Some("18446744073709552000")),
            ("0.1", Some("0.1")),
            ("0.10000000000000000001", None),
        ] {
            assert_eq!(literal(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn divisors() {
        assert_eq!(divisor("0.01"), Some((1, 2)));
        assert_eq!(divisor("2.50"), Some((25, 1)));
        assert_eq!(divisor("100"), Some((100, 0)));
        assert_eq!(divisor("1e-7"), Some((1, 7)));
        assert_eq!(divisor("0"), None);
    }
}
