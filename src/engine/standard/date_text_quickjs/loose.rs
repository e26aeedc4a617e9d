//! Dates that are not ISO dates: words, numbers, a clock time and a time zone in any order.

use super::{Date, Text};

/// Zone abbreviations, each with its minutes east of Greenwich, in the order they are tried.
const ZONES: [(&str, i64); 18] = [
    ("GMT", 0),
    ("UTC", 0),
    ("UT", 0),
    ("Z", 0),
    ("EDT", -240),
    ("EST", -300),
    ("CDT", -300),
    ("CST", -360),
    ("MDT", -360),
    ("MST", -420),
    ("PDT", -420),
    ("PST", -480),
    ("WET", 0),
    ("WEST", 60),
    ("CET", 60),
    ("CEST", 120),
    ("EET", 120),
    ("EEST", 180),
];

/// Two-digit years are those from 1950 to 2049.
fn full_year(year: i64) -> i64 {
    match year {
        ..50 => year + 2000,
        50..100 => year + 1900,
        _ => year,
    }
}

/// What has been found so far in a loose date.
struct Loose {
    date: Date,
    year: bool,
    month: bool,
    time: bool,
    /// Numbers that may be days, months or short years.
    numbers: Vec<i64>,
}

/// Reads a loose date.
pub(super) fn loose(mut text: Text<'_>) -> Option<Date> {
    let mut found = Loose {
        date: Date::new(2001),
        year: false,
        month: false,
        time: false,
        numbers: Vec::new(),
    };
    loop {
        while text.eat(b' ') {}
        if text.at >= text.bytes.len() {
            break;
        }
        if found.piece(&mut text)? {
            while matches!(text.peek(), b'-' | b'/' | b'.' | b',') {
                text.at += 1;
            }
        }
    }
    found.finish()
}

impl Loose {
    /// Reads one piece; tells whether separators may follow it.
    fn piece(&mut self, text: &mut Text<'_>) -> Option<bool> {
        let first = text.peek();
        if matches!(first, b'+' | b'-') {
            if self.time
                && let Some(zone) = text.zone(false)
            {
                self.date.zone = zone;
            } else {
                text.at += 1;
                if let Some(year) = text.digits(1, 0) {
                    if first == b'-' && year == 0 {
                        return None;
                    }
                    self.date.year = if first == b'-' { -year } else { year };
                    self.year = true;
                }
            }
        } else if first.is_ascii_digit() && self.number(text)? {
            // A number may be followed by separators, as what follows here.
        } else if let Some(month) = text.month() {
            self.date.month = month;
            self.month = true;
            text.skip_until(b"0123456789 -/(");
        } else if self.time && text.word("PM") {
            self.date.hour += if self.date.hour < 12 { 12 } else { 0 };
            return Some(false);
        } else if self.time && text.word("AM") {
            self.date.hour -= if self.date.hour == 12 { 12 } else { 0 };
            return Some(false);
        } else if let Some((_, zone)) = ZONES.iter().find(|(name, _)| text.word(name)) {
            self.date.zone = *zone;
            return Some(false);
        } else if first == b'(' {
            skip_comment(text)?;
        } else if first == b')' || self.anything() {
            return None;
        } else {
            text.skip_until(b" -/(");
        }
        Some(true)
    }

    fn anything(&self) -> bool {
        self.year || self.month || self.time || !self.numbers.is_empty()
    }

    /// Reads a clock time, a year or another number; `Some(false)` for one that is too long.
    fn number(&mut self, text: &mut Text<'_>) -> Option<bool> {
        let start = text.at;
        let Some(number) = text.digits(1, 0) else {
            return Some(false);
        };
        if text.eat(b':') {
            self.date.hour = number;
            self.date.minute = text.digits(1, 2)?;
            if text.eat(b':') {
                self.date.second = text.digits(1, 2)?;
                self.date.milliseconds = text.fraction();
            }
            self.time = true;
        } else if text.at - start > 2 {
            self.date.year = number;
            self.year = true;
        } else if !(1..=31).contains(&number) {
            self.date.year = full_year(number);
            self.year = true;
        } else if self.numbers.len() == 3 {
            return None;
        } else {
            self.numbers.push(number);
        }
        Some(true)
    }

    fn finish(mut self) -> Option<Date> {
        let date = &mut self.date;
        if self.numbers.len() + usize::from(self.year) + usize::from(self.month) > 3 {
            return None;
        }
        match *self.numbers.as_slice() {
            [] if !self.year => return None,
            [day] if self.month => date.day = day,
            [month] => date.month = month,
            [day, year] if self.month && !self.year => {
                date.day = day;
                date.year = full_year(year);
            }
            [month, day] => (date.month, date.day) = (month, day),
            [month, day, year] => {
                (date.month, date.day) = (month, day);
                date.year = full_year(year);
            }
            _ => {}
        }
        Some(self.date)
    }
}

/// Skips a parenthesised text, which must close.
fn skip_comment(text: &mut Text<'_>) -> Option<()> {
    let mut depth = 0_usize;
    while text.at < text.bytes.len() {
        match text.peek() {
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        text.at += 1;
        if depth == 0 {
            return Some(());
        }
    }
    None
}
