//! The date texts that SpiderMonkey 78 understands (`js/src/jsdate.cpp`): ISO dates with some
//! liberties, then anything that resembles what mail and old browsers write.

mod loose;

use super::calendar;
use loose::loose;

/// `Date.parse(text)`, NaN where the engine gives NaN. The local time zone is UTC.
pub(super) fn parse(text: &[u16]) -> f64 {
    iso(text).or_else(|| loose(text)).unwrap_or(f64::NAN)
}

/// A cursor over the text; what is beyond the end reads as `None`.
struct Text<'a> {
    units: &'a [u16],
    at: usize,
}

impl Text<'_> {
    fn peek(&self) -> Option<char> {
        self.units.get(self.at).and_then(|unit| char::from_u32(u32::from(*unit)))
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    /// Between `least` and `most` digits as a number.
    fn digits(&mut self, least: usize, most: usize) -> Option<i64> {
        let mut number = 0;
        let mut count = 0;
        while count < most {
            let Some(digit) = self.peek().and_then(|unit| unit.to_digit(10)) else {
                break;
            };
            number = number * 10 + i64::from(digit);
            self.at += 1;
            count += 1;
        }
        (count >= least).then_some(number)
    }

    /// The digits after a decimal point, as milliseconds cut off after the third digit.
    fn fraction(&mut self) -> Option<i64> {
        let start = self.at;
        let (mut milliseconds, mut weight) = (0, 100);
        while let Some(digit) = self.peek().and_then(|unit| unit.to_digit(10)) {
            milliseconds += i64::from(digit) * weight;
            weight /= 10;
            self.at += 1;
        }
        (self.at > start).then_some(milliseconds)
    }
}

/// `YYYY[-M[-D]]` or `±YYYYYY…`, then `Th:m[:s[.fraction]]` with a space allowed for the T, then `Z`,
/// `±hh:mm` or `±hhmm`. Fields may have one digit, and the date may be missing before a `T`.
fn iso(units: &[u16]) -> Option<f64> {
    let mut text = Text { units, at: 0 };
    let mut year = 1970;
    let (mut month, mut day) = (1, 1);
    let negative = text.peek() == Some('-');
    if negative || text.peek() == Some('+') {
        text.at += 1;
        year = text.digits(6, 6)?;
        if negative && year == 0 {
            return None;
        }
    } else if text.peek() != Some('T') {
        year = text.digits(4, 4)?;
    }
    if text.eat('-') {
        month = text.digits(1, 2)?;
        if text.eat('-') {
            day = text.digits(1, 2)?;
        }
    }
    let (mut hour, mut minute, mut second, mut milliseconds) = (0, 0, 0, 0);
    let mut offset = 0;
    if text.eat('T') || text.eat(' ') {
        hour = text.digits(1, 2)?;
        if !text.eat(':') {
            return None;
        }
        minute = text.digits(1, 2)?;
        if text.eat(':') {
            second = text.digits(1, 2)?;
            if text.eat('.') {
                milliseconds = text.fraction()?;
            }
        }
        if let Some(sign @ ('+' | '-')) = text.peek() {
            text.at += 1;
            let hours = text.digits(2, 2)?;
            text.eat(':');
            let minutes = text.digits(2, 2)?;
            if hours > 23 || minutes > 59 {
                return None;
            }
            offset = (hours * 60 + minutes) * if sign == '-' { -1 } else { 1 };
        } else {
            text.eat('Z');
        }
    }
    let year = if negative { -year } else { year };
    let midnight = hour == 24 && minute == 0 && second == 0 && milliseconds == 0;
    let valid = (1..=12).contains(&month)
        && (1..=calendar::days_in_month(year, month)).contains(&day)
        && (hour < 24 || midnight)
        && minute < 60
        && second < 60
        && text.at == units.len();
    valid.then(|| {
        let time = calendar::time((year, month - 1, day), (hour, minute, second), milliseconds);
        calendar::clip(time - offset * 60_000)
    })
}
