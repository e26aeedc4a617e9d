//! Numbers as Erlang computes with them: integers of any size, doubles, and an error where a
//! result leaves the range of a double.

use std::cmp::Ordering;

use num_bigint::BigInt;

use super::super::erlang;
use super::super::error::ViewFailure;
use crate::json::{self, Value};

/// An integer or a double.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Number {
    /// An integer of up to 64 bits.
    Small(i64),
    /// An integer that needs more.
    Big(BigInt),
    /// A double.
    Float(f64),
}

impl Number {
    /// Reads a number as it stands in JSON text; `None` when the text is no number.
    pub(crate) fn read(text: &str) -> Option<Self> {
        if !text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
            return None;
        }
        if json::is_integer(text) {
            return text.parse().map(Self::Small).or_else(|_| text.parse().map(Self::Big)).ok();
        }
        text.parse().ok().map(Self::Float)
    }

    /// The number held by a value.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        value.as_number().and_then(|number| Self::read(number.as_str()))
    }

    /// The sum.
    pub(crate) fn add(&self, other: &Self) -> Result<Self, ViewFailure> {
        if let (Self::Small(one), Self::Small(other)) = (self, other)
            && let Some(sum) = one.checked_add(*other)
        {
            return Ok(Self::Small(sum));
        }
        self.compute(other, '+', |one, other| one + other, |one, other| one + other)
    }

    /// The product with itself.
    pub(crate) fn square(&self) -> Result<Self, ViewFailure> {
        if let Self::Small(small) = self
            && let Some(square) = small.checked_mul(*small)
        {
            return Ok(Self::Small(square));
        }
        self.compute(self, '*', |one, other| one * other, |one, other| one * other)
    }

    fn compute(
        &self,
        other: &Self,
        operator: char,
        on_integers: impl Fn(BigInt, BigInt) -> BigInt,
        on_floats: impl Fn(f64, f64) -> f64,
    ) -> Result<Self, ViewFailure> {
        if let (Some(one), Some(other)) = (self.integer(), other.integer()) {
            let result = on_integers(one, other);
            return Ok(i64::try_from(&result).map_or(Self::Big(result), Self::Small));
        }
        let result = on_floats(self.float(), other.float());
        if result.is_finite() {
            return Ok(Self::Float(result));
        }
        let reason = format!("[{{erlang,'{operator}',[{},{}]}}]", self.term(), other.term());
        Err(ViewFailure::new("badarith", reason))
    }

    fn integer(&self) -> Option<BigInt> {
        match self {
            Self::Small(small) => Some(BigInt::from(*small)),
            Self::Big(big) => Some(big.clone()),
            Self::Float(_) => None,
        }
    }

    /// The nearest double; infinite for an integer beyond the range of doubles.
    fn float(&self) -> f64 {
        match self {
            Self::Float(float) => *float,
            integer => integer.text().parse().unwrap_or(f64::INFINITY),
        }
    }

    /// Compares exactly, an integer with a double too.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Small(one), Self::Small(other)) => one.cmp(other),
            (Self::Float(one), Self::Float(other)) => {
                one.partial_cmp(other).unwrap_or(Ordering::Equal)
            }
            (one, Self::Float(float)) => one.compare_float(*float),
            (Self::Float(float), other) => other.compare_float(*float).reverse(),
            (one, other) => one.integer().cmp(&other.integer()),
        }
    }

    fn compare_float(&self, float: f64) -> Ordering {
        // The digits of a double's whole part are exact when printed without an exponent.
        let whole = format!("{:.0}", float.trunc()).parse::<BigInt>().unwrap_or_default();
        let fraction = 0.0_f64.partial_cmp(&float.fract()).unwrap_or(Ordering::Equal);
        self.integer().unwrap_or_default().cmp(&whole).then(fraction)
    }

    /// The number in CouchDB's spelling.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Small(small) => small.to_string(),
            Self::Big(big) => big.to_string(),
            Self::Float(float) => {
                let text = format!("{float:?}");
                json::canonical_number(&text)
                    .map_or_else(|| text.clone(), std::borrow::Cow::into_owned)
            }
        }
    }

    /// The number as a JSON value.
    pub(crate) fn value(&self) -> Value {
        json::number(&self.text())
    }

    /// The number as Erlang prints it.
    pub(crate) fn term(&self) -> String {
        match self {
            Self::Float(float) => erlang::float(*float),
            integer => integer.text(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        Number::read(text).unwrap()
    }

    #[test]
    fn integers_have_no_limit() {
        assert_eq!(
            number("9007199254740992").add(&number("1")).unwrap().text(),
            "9007199254740993"
        );
        assert_eq!(
            number("9223372036854775807").add(&number("1")).unwrap().text(),
            "9223372036854775808"
        );
        let back = number("9223372036854775808").add(&number("-1")).unwrap();
        assert_eq!(back, Number::Small(i64::MAX));
        assert_eq!(number("4294967296").square().unwrap().text(), "18446744073709551616");
        assert_eq!(number("1").add(&number("1.5")).unwrap().text(), "2.5");
        assert_eq!(number("1").add(&number("1.0")).unwrap().text(), "2.0");
    }

    #[test]
    fn overflow_is_an_error() {
        let failure = number("1e308").add(&number("1e308")).unwrap_err();
        assert_eq!(failure.to_string(), "badarith: [{erlang,'+',[1.0e308,1.0e308]}]");
        assert!(number(&format!("1{}", "0".repeat(400))).add(&number("0.5")).is_err());
    }

    #[test]
    fn comparisons_are_exact() {
        for (one, other, order) in [
            ("9007199254740993", "9007199254740992.0", Ordering::Greater),
            ("1", "1.0", Ordering::Equal),
            ("-1", "-1.5", Ordering::Greater),
            ("1", "1.5", Ordering::Less),
            ("100000000000000000000", "1e20", Ordering::Equal),
            ("1e300", "1", Ordering::Greater),
        ] {
            assert_eq!(number(one).compare(&number(other)), order, "{one} {other}");
        }
    }
}
