//! Days and times of the proleptic Gregorian calendar, in UTC: servers run in UTC.

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// A moment taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fields {
    pub(crate) year: i64,
    /// Counted from 0.
    pub(crate) month: usize,
    /// Counted from 1.
    pub(crate) day: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
    /// 0 is Sunday.
    pub(crate) weekday: usize,
}

/// Takes a time value apart; `None` for an invalid one.
#[expect(clippy::cast_possible_truncation, reason = "time values are whole and below 2^53")]
pub(crate) fn fields(time: f64) -> Option<Fields> {
    if !time.is_finite() {
        return None;
    }
    let time = time as i64;
    let (days, clock) = (time.div_euclid(DAY), time.rem_euclid(DAY));
    // Years are counted from March, so that the leap day ends one; 400 years are an era.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = (from_march + 2) % 12;
    Some(Fields {
        year: year_of_era + era * 400 + i64::from(month < 2),
        month: usize::try_from(month).unwrap_or_default(),
        day: of_year - (153 * from_march + 2) / 5 + 1,
        hour: clock / 3_600_000,
        minute: clock / 60_000 % 60,
        second: clock / 1000 % 60,
        weekday: usize::try_from((days + 4).rem_euclid(7)).unwrap_or_default(),
    })
}

/// The days from 1970-01-01 to a date whose month (from 0) and day (from 1) may exceed the calendar.
pub(super) fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year + month.div_euclid(12);
    let month = month.rem_euclid(12);
    let year = if month < 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 10) % 12) + 2) / 5;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    era * 146_097 + of_era - 719_468 + day - 1
}

/// How many days a month (from 1) has.
pub(super) fn days_in_month(year: i64, month: i64) -> i64 {
    days(year, month, 1) - days(year, month - 1, 1)
}

/// A time value within what a Date can hold, otherwise NaN.
#[expect(clippy::cast_precision_loss, reason = "time values in range are below 2^53")]
pub(super) fn clip(time: i64) -> f64 {
    if time.abs() <= 8_640_000_000_000_000 { time as f64 } else { f64::NAN }
}

/// The time value of a date and clock time, all of which may exceed their ranges.
pub(super) fn time(date: (i64, i64, i64), clock: (i64, i64, i64), milliseconds: i64) -> i64 {
    let (year, month, day) = date;
    let (hour, minute, second) = clock;
    days(year, month, day) * DAY + (hour * 3600 + minute * 60 + second) * 1000 + milliseconds
}
