//! Dates that are not ISO dates: names of months and days, numbers, a clock time, a time zone, in
//! almost any order.

use super::Text;
use crate::engine::standard::calendar;

/// Beyond this no date exists; it keeps the arithmetic in range.
const LAST_YEAR: i64 = 400_000;

/// What a word means.
enum Word {
    Nothing,
    Morning,
    Afternoon,
    /// Counted from 1.
    Month(i64),
    /// Minutes west of Greenwich.
    Zone(i64),
}

/// The words, in the order they are tried: any beginning of two letters or more counts.
const WORDS: [(&str, Word); 32] = [
    ("pdt", Word::Zone(420)),
    ("pst", Word::Zone(480)),
    ("mdt", Word::Zone(360)),
    ("mst", Word::Zone(420)),
    ("cdt", Word::Zone(300)),
    ("cst", Word::Zone(360)),
    ("edt", Word::Zone(240)),
    ("est", Word::Zone(300)),
    ("utc", Word::Zone(0)),
    ("ut", Word::Zone(0)),
    ("gmt", Word::Zone(0)),
    ("december", Word::Month(12)),
    ("november", Word::Month(11)),
    ("october", Word::Month(10)),
    ("september", Word::Month(9)),
    ("august", Word::Month(8)),
    ("july", Word::Month(7)),
    ("june", Word::Month(6)),
    ("may", Word::Month(5)),
    ("april", Word::Month(4)),
    ("march", Word::Month(3)),
    ("february", Word::Month(2)),
    ("january", Word::Month(1)),
    ("sunday", Word::Nothing),
    ("saturday", Word::Nothing),
    ("friday", Word::Nothing),
    ("thursday", Word::Nothing),
    ("wednesday", Word::Nothing),
    ("tuesday", Word::Nothing),
    ("monday", Word::Nothing),
    ("pm", Word::Afternoon),
    ("am", Word::Morning),
];

/// What has been found so far in a loose date.
#[derive(Default)]
struct Loose {
    year: Option<i64>,
    /// Until the end only "the first number", which may turn out to be the year.
    month: Option<i64>,
    day: Option<i64>,
    hour: Option<i64>,
    minute: Option<i64>,
    second: Option<i64>,
    /// Minutes west of Greenwich.
    zone: Option<i64>,
    /// The sign or separator before the number that comes next.
    before: Option<char>,
    offset_seen: bool,
    month_named: bool,
    negative_year: bool,
}

/// Reads a loose date as a time value.
pub(super) fn loose(units: &[u16]) -> Option<f64> {
    let mut text = Text { units, at: 0 };
    let mut found = Loose::default();
    while text.at < units.len() {
        // No lone surrogate can be part of a date.
        let unit = text.peek()?;
        match unit {
            ' ' | ',' | '-' | '\0'..='\x1f' => {
                text.at += 1;
                if unit == '-' && text.peek().is_some_and(|next| next.is_ascii_digit()) {
                    found.before = Some('-');
                }
            }
            '(' => skip_comment(&mut text),
            '0'..='9' => found.number(&mut text)?,
            '/' | ':' | '+' => {
                text.at += 1;
                found.before = Some(unit);
            }
            _ => found.word(&mut text)?,
        }
    }
    found.finish()
}

/// Skips a parenthesised text; one that never closes ends the date.
fn skip_comment(text: &mut Text<'_>) {
    let mut depth = 0;
    while let Some(unit) = text.units.get(text.at) {
        text.at += 1;
        match char::from_u32(u32::from(*unit)) {
            Some('(') => depth += 1,
            Some(')') if depth == 1 => return,
            Some(')') => depth -= 1,
            _ => {}
        }
    }
}

impl Loose {
    fn number(&mut self, text: &mut Text<'_>) -> Option<()> {
        let start = text.at;
        let mut number = 0_i64;
        while let Some(digit) = text.peek().and_then(|unit| unit.to_digit(10)) {
            number = (number * 10 + i64::from(digit)).min(i64::from(i32::MAX));
            text.at += 1;
        }
        let length = text.at - start;
        let before = self.before.take();
        let after = text.peek();
        let signed = matches!(before, Some('+' | '-'));
        if before == Some('-')
            && (self.zone != Some(0) || self.offset_seen)
            && length >= 4
            && self.year.is_none()
        {
            // `29-Feb-2024` is a year before Christ.
            self.year = Some(number);
            self.negative_year = true;
        } else if signed {
            self.offset_seen = true;
            let minutes = if number < 24 { number * 60 } else { number % 100 + number / 100 * 60 };
            if !matches!(self.zone, None | Some(0 | -1)) {
                return None;
            }
            self.zone = Some(if before == Some('+') { -minutes } else { minutes });
        } else if before == Some('/')
            && self.month.is_some()
            && self.day.is_some()
            && self.year.is_none()
        {
            if !after.is_none_or(|unit| unit <= ' ' || unit == ',' || unit == '/') {
                return None;
            }
            self.year = Some(number);
        } else if after == Some(':') {
            let clock = if self.hour.is_none() { &mut self.hour } else { &mut self.minute };
            if clock.is_some() {
                return None;
            }
            *clock = Some(number);
        } else if after == Some('/') {
            let part = if self.month.is_none() { &mut self.month } else { &mut self.day };
            if part.is_some() {
                return None;
            }
            *part = Some(number);
        } else if after.is_some_and(|unit| unit > ' ' && !matches!(unit, ',' | '-' | '(')) {
            return None;
        } else {
            self.plain_number(number, before)?;
        }
        Some(())
    }

    fn plain_number(&mut self, number: i64, before: Option<char>) -> Option<()> {
        let part = match self.zone {
            // The minutes of `GMT-3:30`.
            Some(zone) if self.offset_seen && number < 60 => {
                self.zone = Some(if zone < 0 { zone - number } else { zone + number });
                return Some(());
            }
            _ if self.hour.is_some() && self.minute.is_none() => &mut self.minute,
            _ if before == Some(':') && self.minute.is_some() && self.second.is_none() => {
                &mut self.second
            }
            _ if self.month.is_none() => &mut self.month,
            _ if self.day.is_none() => &mut self.day,
            _ => &mut self.year,
        };
        if part.is_some() {
            return None;
        }
        *part = Some(number);
        Some(())
    }

    fn word(&mut self, text: &mut Text<'_>) -> Option<()> {
        let mut word = String::new();
        while let Some(letter) = text.peek().filter(char::is_ascii_alphabetic) {
            word.push(letter.to_ascii_lowercase());
            text.at += 1;
        }
        if word.len() < 2 {
            return None;
        }
        let (_, meaning) = WORDS.iter().find(|(name, _)| name.starts_with(&word))?;
        match meaning {
            Word::Nothing => {}
            Word::Morning | Word::Afternoon => {
                let hour = self.hour.filter(|hour| *hour <= 12)?;
                self.hour = Some(match meaning {
                    Word::Morning if hour == 12 => 0,
                    Word::Afternoon if hour < 12 => hour + 12,
                    _ => hour,
                });
            }
            Word::Month(month) => {
                if self.month_named {
                    return None;
                }
                self.month_named = true;
                let number = self.month.replace(*month);
                if number.is_some() {
                    // A number that came first was the day or the year.
                    let part = if self.day.is_none() { &mut self.day } else { &mut self.year };
                    if part.is_some() {
                        return None;
                    }
                    *part = number;
                }
            }
            Word::Zone(minutes) => self.zone = Some(*minutes),
        }
        self.before = None;
        Some(())
    }

    fn finish(self) -> Option<f64> {
        let (mut year, mut month, mut day) = (self.year?, self.month?, self.day?);
        let full_year = self.negative_year;
        if self.month_named {
            if year > 0 && (day == 0 || day > 31) && !full_year {
                std::mem::swap(&mut year, &mut day);
            }
            if !(1..=31).contains(&day) {
                return None;
            }
        } else if !((1..=12).contains(&month) && (1..=31).contains(&day)) {
            // Not month/day/year, so year/month/day.
            if month <= 31 || day > 12 || year > 31 || full_year {
                return None;
            }
            (year, month, day) = (month, day, year);
        }
        year = match year {
            0..50 => year + 2000,
            50..100 => year + 1900,
            _ => year,
        };
        if self.negative_year {
            year = -year;
        }
        if year.abs() > LAST_YEAR {
            return None;
        }
        let clock = [self.hour, self.minute, self.second].map(Option::unwrap_or_default);
        let time = calendar::time((year, month - 1, day), clock.into(), 0);
        // Minus one minute reads as "no time zone" in the engine.
        let zone = self.zone.filter(|zone| *zone != -1).unwrap_or_default();
        Some(calendar::clip(time + zone * 60_000))
    }
}
