//! `[[keys]]`: the keys of clients.

use super::Budget;
use super::Key;
use super::KeySecret;
use super::Period;
use super::file::Table;
use super::file::Value;
use super::provider::model_name;
use super::sections::MOST_BUDGET;
use super::sections::PICODOLLAR_PLACES;
use super::sections::REQUESTS;
use super::sections::TOKENS;
use crate::codec::time::DAY;
use crate::codec::time::days;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use toml::value::Datetime;
use toml::value::Offset;

/// Names stand in logs and usage records.
const LONGEST_NAME: usize = 128;

/// More requests at a time than a process can have connections.
const PARALLEL: RangeInclusive<u32> = 1..=10_000_000;

/// Reads the list; a name or key that occurs twice is a problem.
pub(super) fn read(list: &Value<'_>) -> Vec<Key> {
    let mut keys: Vec<Key> = Vec::new();
    let mut names = BTreeSet::new();
    let mut secrets = BTreeMap::new();
    for item in list.list().unwrap_or_default() {
        let Some(key) = item.table().and_then(key) else { continue };
        if !names.insert(key.name.clone()) {
            item.fail(format!("has the name of an earlier key, {:?}; names are unique", key.name));
        }
        let secret = match &key.secret {
            KeySecret::Plain(secret) => secret.expose().as_bytes().to_vec(),
            KeySecret::Sha256(hash) => hash.to_vec(),
        };
        if let Some(twin) = secrets.insert(secret, key.name.clone()) {
            item.fail(format!("is the same key as {twin:?}"));
        }
        keys.push(key);
    }
    keys
}

fn key(mut table: Table<'_>) -> Option<Key> {
    let name = table.need("name", "name the key for logs and usage").and_then(|v| name(&v));
    let secret = secret(&mut table);
    let models = table.get("models").map(|value| models(&value));
    let rpm = table.get("rpm").and_then(|value| value.whole(&REQUESTS));
    let tpm = table.get("tpm").and_then(|value| value.whole(&TOKENS));
    let max_parallel = table.get("max_parallel").and_then(|value| value.whole(&PARALLEL));
    let budget = table.table("budget").and_then(budget);
    let expires = table.get("expires").and_then(|value| expires(&value));
    table.finish();
    let models = models.unwrap_or_else(|| vec!["*".to_owned()]);
    Some(Key { name: name?, secret: secret?, models, rpm, tpm, max_parallel, budget, expires })
}

fn name(value: &Value<'_>) -> Option<String> {
    let name = value.text()?;
    if name.len() <= LONGEST_NAME && !name.contains(char::is_control) {
        return Some(name);
    }
    value.fail(format!("a key's name has at most {LONGEST_NAME} bytes, no control characters"));
    None
}

fn secret(table: &mut Table<'_>) -> Option<KeySecret> {
    match (table.get("key"), table.get("key_sha256")) {
        (Some(key), None) => Some(KeySecret::Plain(key.credential()?)),
        (None, Some(hash)) => {
            let bytes = hex(&hash.text()?);
            if bytes.is_none() {
                hash.fail("must be the SHA-256 of the key in 64 hexadecimal digits");
            }
            bytes.map(KeySecret::Sha256)
        }
        (Some(_), Some(hash)) => {
            hash.fail("says the same as `key`; keep one of them");
            None
        }
        (None, None) => {
            table.fail("has no key; write `key` or `key_sha256`");
            None
        }
    }
}

fn hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() == 2 * bytes.len())?;
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        let value = pair.iter().fold(0, |value, digit| value * 16 + digit);
        *byte = u8::try_from(value).ok()?;
    }
    Some(bytes)
}

/// An empty list is refused: it could be meant as all or as none.
fn models(value: &Value<'_>) -> Vec<String> {
    let items = value.list();
    if items.as_ref().is_some_and(Vec::is_empty) {
        value.fail("is empty; write [\"*\"] for all models");
    }
    items.unwrap_or_default().iter().filter_map(model_name).collect()
}

fn budget(mut table: Table<'_>) -> Option<Budget> {
    let usd = table.need("usd", "write an amount in USD");
    let usd = usd.and_then(|value| value.usd(PICODOLLAR_PLACES, MOST_BUDGET));
    let period = table.need("period", "write \"day\", \"week\", \"month\" or \"total\"");
    let period = period.and_then(|value| value.choice(Period::ALL));
    table.finish();
    Some(Budget { picodollars: usd?, period: period? })
}

fn expires(value: &Value<'_>) -> Option<u64> {
    if value.inner().is_integer() {
        return value.whole(&(0..=u64::MAX >> 1));
    }
    let seconds = value.inner().as_datetime().and_then(unix_seconds);
    if seconds.is_none() {
        let example = "2027-01-01T00:00:00Z, without quotes";
        value.fail(format!("must be a date-time with an offset, such as {example}"));
    }
    seconds
}

/// Seconds since 1970 of a date-time with an offset; `None` without one and for earlier times.
fn unix_seconds(moment: &Datetime) -> Option<u64> {
    let (date, time, offset) = (moment.date?, moment.time?, moment.offset?);
    let minutes = match offset {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes),
    };
    let days = days(date.year.into(), date.month.into(), date.day.into())?;
    let minutes = i64::from(time.hour) * 60 + i64::from(time.minute) - minutes;
    let of_day = minutes * 60 + i64::from(time.second.unwrap_or(0));
    (days * DAY).checked_add_signed(of_day)
}

#[cfg(test)]
mod tests {
    use super::hex;
    use super::unix_seconds;

    #[test]
    fn date_times() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-02-29T12:30:15Z", Some(951_827_415)),
            ("2027-01-01T00:00:00Z", Some(1_798_761_600)),
            ("2027-01-01T00:00:00+02:00", Some(1_798_754_400)),
            ("2100-03-01T00:00:00Z", Some(4_107_542_400)),
            ("1969-12-31T23:59:59Z", None),
            ("2027-01-01T00:00:00", None),
            ("2027-01-01", None),
        ] {
            let moment = text.parse().expect(text);
            assert_eq!(unix_seconds(&moment), seconds, "{text}");
        }
    }

    #[test]
    fn hexadecimal() {
        assert_eq!(hex(&"0aF".repeat(22)), None);
        assert_eq!(hex(&"0g".repeat(32)), None);
        assert_eq!(hex(&"a5".repeat(32)), Some([0xa5; 32]));
        assert_eq!(hex(&"A5".repeat(32)), Some([0xa5; 32]));
        assert_eq!(hex(&"a5".repeat(33)), None);
    }
}
