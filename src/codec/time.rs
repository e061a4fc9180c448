//! Times as RFC 3339 writes them, to whole seconds.

/// Seconds of a day.
pub const DAY: u64 = 86_400;

/// Days from 0000-03-01, where a count of leap years is simplest, to 1970-01-01.
const TO_EPOCH: u64 = 719_468;

/// Days of 400 years.
const ERA: u64 = 146_097;

/// The Unix seconds of a time, parts of a second left out. None before 1970 and of what is no time.
#[must_use]
pub fn parse(text: &str) -> Option<u64> {
    let (date, clock) = text.split_once(['T', 't', ' '])?;
    let [year, month, day] = numbers(date, '-')?;
    let zone = clock.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = clock.split_at_checked(zone)?;
    let whole = clock.split_once('.').map_or(clock, |(whole, _)| whole);
    let [hour, minute, second] = numbers(whole, ':')?;
    let fits = (1..=12).contains(&month) && (1..=31).contains(&day) && year <= 9999;
    if !fits || hour > 24 || minute > 59 || second > 60 {
        return None;
    }
    let here = days(year, month, day)? * DAY + hour * 3600 + minute * 60 + second;
    let (sign, offset) = zone.split_at_checked(1)?;
    if sign.eq_ignore_ascii_case("z") {
        return Some(here);
    }
    let (hours, minutes) = offset.split_once(':')?;
    let ahead =
        hours.parse::<u64>().ok()?.checked_mul(3600)? + minutes.parse::<u8>().ok()? as u64 * 60;
    if sign == "+" { here.checked_sub(ahead) } else { here.checked_add(ahead) }
}

fn numbers(text: &str, between: char) -> Option<[u64; 3]> {
    let mut parts = text.splitn(3, between);
    let mut next = || parts.next().filter(|part| part.len() <= 4)?.parse().ok();
    Some([next()?, next()?, next()?])
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, month and day counted from 1 (Hinnant's
/// `days_from_civil`). None before.
#[must_use]
pub fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let year = if month <= 2 { year.checked_sub(1)? } else { year };
    let (era, year) = (year / 400, year % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let of_era = year * 365 + year / 4 - year / 100 + of_year;
    (era * ERA + of_era).checked_sub(TO_EPOCH)
}

/// Appends a time as a JSON string.
pub fn write(seconds: u64, out: &mut Vec<u8>) {
    // The year 9999 is the last with four digits.
    let seconds = seconds.min(253_402_300_799);
    let (year, month, day) = civil(seconds / DAY + TO_EPOCH);
    let clock = seconds % DAY;
    out.push(b'"');
    digits(year, 1000, out);
    for (before, value) in [
        (b'-', month),
        (b'-', day),
        (b'T', clock / 3600),
        (b':', clock / 60 % 60),
        (b':', clock % 60),
    ] {
        out.push(before);
        digits(value, 10, out);
    }
    out.extend_from_slice(b"Z\"");
}

/// The date of a day counted from 0000-03-01 (Hinnant's `civil_from_days`).
const fn civil(days: u64) -> (u64, u64, u64) {
    let (era, day) = (days / ERA, days % ERA);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = (from_march + 2) % 12 + 1;
    let before_march = if month <= 2 { 1 } else { 0 };
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    (era * 400 + year + before_march, month, day)
}

fn digits(value: u64, mut place: u64, out: &mut Vec<u8>) {
    while place > 0 {
        let digit = u8::try_from(value / place % 10).unwrap_or(0);
        out.push(b'0' + digit);
        place /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::{parse, write};

    fn written(seconds: u64) -> String {
        let mut out = Vec::new();
        write(seconds, &mut out);
        String::from_utf8(out).unwrap().trim_matches('"').to_owned()
    }

    #[test]
    fn times_are_read() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2024-05-24T20:26:46.294874Z", Some(1_716_582_406)),
            ("2024-05-24T13:26:46.294874-07:00", Some(1_716_582_406)),
            ("2024-05-25t02:26:46+06:00", Some(1_716_582_406)),
            ("2024-02-29T23:59:59Z", Some(1_709_251_199)),
            ("0001-01-01T00:00:00Z", None),
            ("1969-12-31T23:59:59Z", None),
            ("2024-13-01T00:00:00Z", None),
            ("2024-01-01T00:00:00", None),
            ("2024-01-01", None),
            ("2024-01-01T00:00:00+99999999999999999999:00", None),
            ("", None),
        ] {
            assert_eq!(parse(text), seconds, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        assert_eq!(written(0), "1970-01-01T00:00:00Z");
        assert_eq!(written(1_716_582_406), "2024-05-24T20:26:46Z");
        assert_eq!(written(u64::MAX), "9999-12-31T23:59:59Z");
        for day in 0..200_000 {
            let seconds = day * 86_400 + day % 86_400;
            assert_eq!(parse(&written(seconds)), Some(seconds));
        }
    }
}
