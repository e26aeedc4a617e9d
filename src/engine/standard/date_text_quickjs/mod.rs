//! The date texts that the QuickJS of CouchDB 3.5.0 understands (`quickjs.c`, `js_Date_parse`): ISO
//! dates, then any order of words, numbers, a clock time and a time zone.

mod loose;

use super::calendar;
use loose::loose;

/// The engine looks at this many characters.
const LENGTH: usize = 127;

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

/// `Date.parse(text)`, NaN where the engine gives NaN. The local time zone is UTC.
pub(super) fn parse(text: &[u16]) -> f64 {
    let bytes: Vec<u8> = text
        .iter()
        .take(LENGTH)
        .map(|unit| match *unit {
            0x2212 => b'-',
            unit => u8::try_from(unit).unwrap_or(b'x'),
        })
        // The engine works on a C string.
        .take_while(|byte| *byte != 0)
        .collect();
    let text = Text { bytes: &bytes, at: 0 };
    iso(text).or_else(|| loose(text)).and_then(Date::time).unwrap_or(f64::NAN)
}

/// The parts of a date as written, not yet checked.
#[derive(Clone, Copy)]
struct Date {
    year: i64,
    /// Counted from 1.
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    milliseconds: i64,
    /// Minutes east of Greenwich.
    zone: i64,
}

impl Date {
    const fn new(year: i64) -> Self {
        let (hour, minute, second, milliseconds) = (0, 0, 0, 0);
        Self { year, month: 1, day: 1, hour, minute, second, milliseconds, zone: 0 }
    }

    /// The time value. Days beyond the month's end roll over: only 31 is checked.
    fn time(self) -> Option<f64> {
        let Self { year, month, day, hour, minute, second, milliseconds, zone } = self;
        let valid = month <= 12
            && day <= 31
            && (hour < 24 || hour == 24 && minute == 0 && second == 0 && milliseconds == 0)
            && minute < 60
            && second < 60
            && year.abs() < 1_000_000;
        valid.then(|| {
            let time = calendar::time((year, month - 1, day), (hour, minute, second), milliseconds);
            // The engine subtracts the zone after it has checked the range; the sum stays exact.
            let zone = calendar::clip(zone * 60_000);
            calendar::clip(time) - zone
        })
    }
}

/// A cursor over the text; what is beyond the end reads as 0.
#[derive(Clone, Copy)]
struct Text<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Text<'_> {
    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or_default()
    }

    fn eat(&mut self, wanted: u8) -> bool {
        let found = self.peek() == wanted;
        self.at += usize::from(found);
        found
    }

    fn skip_until(&mut self, stops: &[u8]) {
        while self.at < self.bytes.len() && !stops.contains(&self.peek()) {
            self.at += 1;
        }
    }

    /// At least `least` digits and at most `most` (0: any number, but nothing beyond nine digits).
    fn digits(&mut self, least: usize, most: usize) -> Option<i64> {
        let mut ahead = *self;
        let mut number = 0_i64;
        while ahead.peek().is_ascii_digit() {
            if number >= 100_000_000 {
                return None;
            }
            number = number * 10 + i64::from(ahead.peek() - b'0');
            ahead.at += 1;
            if ahead.at - self.at == most {
                break;
            }
        }
        if ahead.at - self.at < least {
            return None;
        }
        *self = ahead;
        Some(number)
    }

    /// A fraction of a second in milliseconds, cut off; 0 where there is none.
    fn fraction(&mut self) -> i64 {
        let mut ahead = *self;
        if !ahead.eat(b'.') && !ahead.eat(b',') {
            return 0;
        }
        let start = ahead.at;
        let (mut milliseconds, mut weight) = (0, 100);
        while ahead.peek().is_ascii_digit() && ahead.at - start < 9 {
            milliseconds += i64::from(ahead.peek() - b'0') * weight;
            weight /= 10;
            ahead.at += 1;
        }
        if ahead.at == start {
            return 0;
        }
        *self = ahead;
        milliseconds
    }

    /// `Z` or `±h`, `±hh`, `±hhmm`, `±hh:mm`, in minutes.
    fn zone(&mut self, strict: bool) -> Option<i64> {
        let mut ahead = *self;
        let sign = ahead.peek();
        ahead.at += 1;
        let mut minutes = 0;
        if matches!(sign, b'+' | b'-') {
            let start = ahead.at;
            let mut hours = ahead.digits(1, 0)?;
            let mut count = ahead.at - start;
            if strict && count != 2 && count != 4 {
                return None;
            }
            while count > 4 {
                count -= 2;
                hours /= 100;
            }
            if count > 2 {
                minutes = hours % 100;
                hours /= 100;
            } else if ahead.eat(b':') {
                minutes = ahead.digits(2, 2)?;
            }
            if hours > 23 || minutes > 59 {
                return None;
            }
            minutes += hours * 60;
        } else if sign != b'Z' {
            return None;
        }
        *self = ahead;
        Some(if sign == b'-' { -minutes } else { minutes })
    }

    fn word(&mut self, word: &str) -> bool {
        let end = self.at + word.len();
        let found = self
            .bytes
            .get(self.at..end)
            .is_some_and(|bytes| bytes.eq_ignore_ascii_case(word.as_bytes()));
        if found {
            self.at = end;
        }
        found
    }

    fn month(&mut self) -> Option<i64> {
        (1..).zip(MONTHS).find(|(_, name)| self.word(name)).map(|(month, _)| month)
    }
}

fn iso(mut text: Text<'_>) -> Option<Date> {
    let sign = text.peek();
    let mut date = if matches!(sign, b'+' | b'-') {
        text.at += 1;
        let year = text.digits(6, 6)?;
        if sign == b'-' && year == 0 {
            return None;
        }
        Date::new(if sign == b'-' { -year } else { year })
    } else {
        Date::new(text.digits(4, 4)?)
    };
    if text.eat(b'-') {
        date.month = text.digits(2, 2).filter(|month| *month > 0)?;
        if text.eat(b'-') {
            date.day = text.digits(2, 2).filter(|day| *day > 0)?;
        }
    }
    if text.eat(b'T') {
        let clock = text.digits(2, 2).filter(|_| text.eat(b':'));
        let Some((hour, minute)) = clock.and_then(|hour| Some((hour, text.digits(2, 2)?))) else {
            // After a T nothing but a time will do, not even for the loose parser.
            date.hour = 100;
            return Some(date);
        };
        (date.hour, date.minute) = (hour, minute);
        if text.eat(b':') {
            date.second = text.digits(2, 2)?;
            date.milliseconds = text.fraction();
        }
    }
    if text.at < text.bytes.len() {
        date.zone = text.zone(true)?;
    }
    (text.at == text.bytes.len()).then_some(date)
}
