//! How long to wait before asking again: what a provider says, and what we choose.

use std::time::Duration;
use std::time::UNIX_EPOCH;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// First step of the back-off; it doubles with each attempt.
const STEP_MS: u64 = 200;

/// The most that back-off alone waits.
const MOST_MS: u64 = 5_000;

/// A wait longer than this is taken for this: a typing error must not bench for days.
const LONGEST_MS: u64 = 600_000;

/// Full jitter (Brooker, "Exponential Backoff And Jitter", 2015): anything from nothing to 200 ms
/// doubled `attempt` times, in microseconds.
#[must_use]
pub const fn backoff_us(attempt: u32, seed: u64) -> u64 {
    let doubled = if attempt < 16 { STEP_MS << attempt } else { MOST_MS };
    let most = if doubled < MOST_MS { doubled } else { MOST_MS };
    super::below(seed, most * 1000)
}

/// How many milliseconds a refusal's header lines ask to wait: `retry-after-ms`, `retry-after`
/// (seconds or a date), else the resets of those rate limits of which nothing remains, in OpenAI's
/// and Anthropic's names. `lines` are whole lines with names in lower case; `now` is Unix seconds.
#[must_use]
pub fn asked_for(lines: &[u8], now: u64) -> Option<u64> {
    let get = |name: &str| field(lines, name);
    let exact = get("retry-after-ms").and_then(|value| value.parse::<f64>().ok()).map(whole);
    let after = || get("retry-after").and_then(|value| seconds_or_date(value, now));
    exact.or_else(after).or_else(|| resets(lines, now)).map(|wait| wait.min(LONGEST_MS))
}

/// Whether the lines say `x-should-retry: false`.
#[must_use]
pub fn says_no_more(lines: &[u8]) -> bool {
    field(lines, "x-should-retry").is_some_and(|value| value.eq_ignore_ascii_case("false"))
}

fn field<'l>(lines: &'l [u8], name: &str) -> Option<&'l str> {
    let value = lines.split(|byte| *byte == b'\n').find_map(|line| {
        line.strip_prefix(name.as_bytes())?.strip_prefix(b":").map(<[u8]>::trim_ascii)
    })?;
    std::str::from_utf8(value).ok()
}

/// The longest reset among the limits that are used up.
fn resets(lines: &[u8], now: u64) -> Option<u64> {
    let openai = ["requests", "tokens"]
        .map(|what| (format!("x-ratelimit-remaining-{what}"), format!("x-ratelimit-reset-{what}")));
    let anthropic = ["requests", "tokens", "input-tokens", "output-tokens"].map(|what| {
        let start = "anthropic-ratelimit-";
        (format!("{start}{what}-remaining"), format!("{start}{what}-reset"))
    });
    let used_up = openai.iter().chain(&anthropic).filter(|(remaining, _)| {
        field(lines, remaining).is_some_and(|value| value.parse() == Ok(0_u64))
    });
    used_up.filter_map(|(_, reset)| span_or_date(field(lines, reset)?, now)).max()
}

fn seconds_or_date(value: &str, now: u64) -> Option<u64> {
    match value.parse::<f64>() {
        Ok(seconds) => Some(whole(seconds * 1000.0)),
        Err(_) => until(httpdate::parse_http_date(value).ok()?.duration_since(UNIX_EPOCH), now),
    }
}

/// A span as Go writes it (`6m0s`, `1.5s`, `120ms`), plain seconds, or a date of RFC 3339.
fn span_or_date(value: &str, now: u64) -> Option<u64> {
    if value.contains('T') {
        let date = OffsetDateTime::parse(value, &Rfc3339).ok()?;
        return until(Duration::try_from(date - OffsetDateTime::UNIX_EPOCH), now);
    }
    if let Ok(seconds) = value.parse::<f64>() {
        return Some(whole(seconds * 1000.0));
    }
    let (mut total, mut rest) = (0.0, value);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let (number, behind) = rest.split_at(digits);
        let unit = behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(unit);
        let scale = match unit {
            "h" => 3_600_000.0,
            "m" => 60_000.0,
            "s" => 1000.0,
            "ms" => 1.0,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * scale;
        rest = behind;
    }
    Some(whole(total))
}

fn until<E>(date: Result<Duration, E>, now: u64) -> Option<u64> {
    let left = date.ok()?.saturating_sub(Duration::from_secs(now));
    u64::try_from(left.as_millis()).ok()
}

/// Milliseconds, rounded up; nothing for what is no time.
fn whole(millis: f64) -> u64 {
    if millis.is_finite() && millis > 0.0 { millis.ceil().min(LONGEST_MS as f64) as u64 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::{asked_for, backoff_us, says_no_more};

    #[test]
    fn what_a_provider_says_is_read() {
        // 1994-11-06T08:49:37Z is 784111777.
        for (lines, expected) in [
            ("retry-after: 7\r\n", Some(7_000)),
            ("retry-after: 1.5\r\n", Some(1_500)),
            ("retry-after: 7\r\nretry-after-ms: 250\r\n", Some(250)),
            ("retry-after: Sun, 06 Nov 1994 08:49:40 GMT\r\n", Some(3_000)),
            ("retry-after: Sun, 06 Nov 1994 08:49:30 GMT\r\n", Some(0)),
            ("retry-after: soon\r\n", None),
            ("retry-after: -3\r\n", Some(0)),
            ("retry-after: 1e99\r\n", Some(600_000)),
            ("x-ratelimit-reset-requests: 20ms\r\n", None),
            (
                "x-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: 6m0.5s\r\n",
                Some(360_500),
            ),
            (
                "x-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: 20ms\r\n\
                 x-ratelimit-remaining-tokens: 0\r\nx-ratelimit-reset-tokens: 1h2m\r\n",
                Some(600_000),
            ),
            ("x-ratelimit-remaining-tokens: 0\r\nx-ratelimit-reset-tokens: 7.66s\r\n", Some(7_660)),
            ("x-ratelimit-remaining-tokens: 0\r\nx-ratelimit-reset-tokens: 12\r\n", Some(12_000)),
            ("x-ratelimit-remaining-tokens: 0\r\nx-ratelimit-reset-tokens: x1\r\n", None),
            (
                "anthropic-ratelimit-input-tokens-remaining: 0\r\n\
                 anthropic-ratelimit-input-tokens-reset: 1994-11-06T08:49:39Z\r\n",
                Some(2_000),
            ),
            ("", None),
        ] {
            assert_eq!(asked_for(lines.as_bytes(), 784_111_777), expected, "{lines}");
        }
        assert!(says_no_more(b"x-should-retry: false\r\n"));
        assert!(!says_no_more(b"x-should-retry: true\r\n"));
    }

    #[test]
    fn back_off_grows_and_is_spread() {
        assert_eq!(backoff_us(0, 0), 0);
        assert_eq!(backoff_us(0, u64::MAX), 199_999);
        assert_eq!(backoff_us(1, u64::MAX / 2), 199_999);
        assert_eq!(backoff_us(40, u64::MAX), 4_999_999);
    }
}
