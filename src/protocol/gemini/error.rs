//! Refusals: `{"error":{"code","message","status","details"}}`, at times in an array of one.

use crate::chat::Class;
use crate::chat::Failure;
use crate::chat::Text;
use crate::codec::json;
use crate::codec::json::Kind;
use crate::codec::json::Value;
use crate::protocol::gemini::names;
use crate::protocol::gemini::out;

/// Of a body that is no JSON this much is told.
const EXCERPT: usize = 300;

/// Google's words for what went wrong, and the status each comes with.
const STATUSES: [(&str, u16); 16] = [
    ("INVALID_ARGUMENT", 400),
    ("FAILED_PRECONDITION", 400),
    ("OUT_OF_RANGE", 400),
    ("UNAUTHENTICATED", 401),
    ("PERMISSION_DENIED", 403),
    ("NOT_FOUND", 404),
    ("ALREADY_EXISTS", 409),
    ("ABORTED", 409),
    ("RESOURCE_EXHAUSTED", 429),
    ("CANCELLED", 499),
    ("INTERNAL", 500),
    ("UNKNOWN", 500),
    ("DATA_LOSS", 500),
    ("UNIMPLEMENTED", 501),
    ("UNAVAILABLE", 503),
    ("DEADLINE_EXCEEDED", 504),
];

/// Reads a refusal, whatever the body is.
#[must_use]
pub fn read(status: u16, body: &[u8]) -> Failure<'static> {
    let value = json::validate(body).ok();
    let object = value.and_then(|value| names::each(value).next());
    let error = object.and_then(|object| names::get(object, "error").or(Some(object)));
    if let Some(error) = error.filter(|error| error.kind() != Kind::Null) {
        let failure = of(error, status);
        if !failure.message.is_empty() {
            return failure.into_owned();
        }
    }
    let excerpt: String = String::from_utf8_lossy(body).trim().chars().take(EXCERPT).collect();
    let colon = if excerpt.is_empty() { "" } else { ": " };
    let message = format!("the provider answered with status {status}{colon}{excerpt}");
    let class = Class::of_status(status);
    Failure { status, ..Failure::new(class, &message) }
}

/// Reads the object `error` that came with `status`; 0 where it came in a stream.
pub(super) fn of(error: Value<'_>, status: u16) -> Failure<'_> {
    let word = names::get(error, "status").and_then(Text::from_value);
    let code = names::get(error, "code").and_then(names::number);
    let code = code.and_then(|code| u16::try_from(code).ok()).filter(|code| *code >= 400);
    let by_word = word.as_ref().and_then(|word| {
        STATUSES.iter().find(|(name, _)| word.is(name)).map(|(_, status)| *status)
    });
    let told = (status >= 400).then_some(status);
    let status = told.or(code).or(by_word).unwrap_or(500);
    let plain = Text::from_value(error);
    let message = names::get(error, "message").and_then(Text::from_value).or(plain);
    let message = message.unwrap_or_default();
    let details = Details::read(error);
    let class = class(status, word.as_ref(), &message, &details);
    Failure {
        status,
        class,
        message,
        kind: details.reason,
        code: word,
        param: details.field,
        retry_after_ms: details.retry_after_ms,
    }
}

/// What the details say.
#[derive(Default)]
struct Details<'a> {
    reason: Option<Text<'a>>,
    field: Option<Text<'a>>,
    retry_after_ms: Option<u64>,
    /// A quota of a day is used up, or there is none.
    used_up: bool,
}

impl<'a> Details<'a> {
    fn read(error: Value<'a>) -> Self {
        let mut details = Self::default();
        for detail in names::get(error, "details").into_iter().flat_map(names::each) {
            let kind = detail.get("@type").and_then(Value::as_str).map(|kind| kind.decode());
            let text =
                |value: Value<'a>, name: &str| names::get(value, name).and_then(Text::from_value);
            let first =
                |name: &str| names::get(detail, name).and_then(|all| names::each(all).next());
            match kind.as_deref().and_then(|kind| kind.rsplit('.').next()) {
                Some("ErrorInfo") => details.reason = text(detail, "reason"),
                Some("RetryInfo") => {
                    let delay = text(detail, "retryDelay");
                    details.retry_after_ms = delay.and_then(|delay| milliseconds(&delay.decode()));
                }
                Some("BadRequest") => {
                    details.field = first("fieldViolations").and_then(|one| text(one, "field"));
                }
                Some("QuotaFailure") => {
                    let all = names::get(detail, "violations").into_iter().flat_map(names::each);
                    details.used_up |= all.into_iter().any(|one| {
                        let id = text(one, "quotaId").unwrap_or_default();
                        let value = text(one, "quotaValue");
                        id.decode().contains("PerDay") || value.is_some_and(|value| value.is("0"))
                    });
                }
                Some(_) | None => {}
            }
        }
        details
    }
}

/// A duration such as `7s` or `0.25s`, rounded up.
fn milliseconds(duration: &str) -> Option<u64> {
    let seconds = duration.strip_suffix('s')?;
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digit = |at: usize| u64::from(fraction.as_bytes().get(at).map_or(0, |byte| byte - b'0'));
    let rest = fraction.bytes().skip(3).any(|byte| byte != b'0');
    let fraction = digit(0) * 100 + digit(1) * 10 + digit(2) + u64::from(rest);
    whole.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(fraction)
}

fn class(status: u16, word: Option<&Text<'_>>, message: &Text<'_>, details: &Details<'_>) -> Class {
    let says = |name: &str| word.is_some_and(|word| word.is(name));
    let reason = |name: &str| details.reason.as_ref().is_some_and(|reason| reason.is(name));
    let message = message.decode().to_ascii_lowercase();
    let has = |text: &str| message.contains(text);
    match status {
        _ if reason("API_KEY_INVALID") || reason("API_KEY_EXPIRED") => Class::Unauthorized,
        400 if has("api key not valid") || has("api key expired") => Class::Unauthorized,
        400 if has("maximum number of tokens") || has("token count") && has("exceeds") => {
            Class::ContextLength
        }
        400 if has("prohibited content") || has("safety") && has("block") => Class::ContentFilter,
        400 if says("FAILED_PRECONDITION") && has("billing") => Class::Quota,
        400 if says("FAILED_PRECONDITION") && has("location") => Class::Forbidden,
        429 if details.used_up => Class::Quota,
        // The usual message speaks of billing as well; then it says when to come again.
        429 if details.retry_after_ms.is_none() && (has("spending") || has("credits")) => {
            Class::Quota
        }
        499 => Class::Server,
        status => Class::of_status(status),
    }
}

/// The word for a class.
const fn word(class: Class) -> &'static str {
    match class {
        Class::BadRequest | Class::ContextLength | Class::ContentFilter | Class::TooLarge => {
            "INVALID_ARGUMENT"
        }
        Class::Unauthorized => "UNAUTHENTICATED",
        Class::Forbidden => "PERMISSION_DENIED",
        Class::Quota | Class::RateLimit => "RESOURCE_EXHAUSTED",
        Class::NotFound => "NOT_FOUND",
        Class::Conflict => "ABORTED",
        Class::Overloaded => "UNAVAILABLE",
        Class::Timeout => "DEADLINE_EXCEEDED",
        Class::Server => "INTERNAL",
    }
}

/// Appends a refusal.
pub fn write(failure: &Failure<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"error\":{");
    out::number(out, "code", status(failure).into());
    out::text(out, "message", &failure.message);
    out::name(out, "status");
    let own = failure.code.as_ref().and_then(|code| {
        let same = |(name, status): &&(&str, u16)| {
            code.is(name) && Class::of_status(*status).status() == failure.class.status()
        };
        STATUSES.iter().find(same).map(|(name, _)| *name)
    });
    json::write_str(out, own.unwrap_or(word(failure.class)));
    details(failure, out);
    out.extend_from_slice(b"}}");
}

fn details(failure: &Failure<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    out::name(out, "details");
    out.push(b'[');
    let inside = out.len();
    let mut detail = |name: &str, write: &mut dyn FnMut(&mut Vec<u8>)| {
        out::comma(out);
        out.extend_from_slice(b"{\"@type\":\"type.googleapis.com/google.rpc.");
        out.extend_from_slice(name.as_bytes());
        out.push(b'"');
        write(out);
        out.push(b'}');
    };
    if let Some(reason) = &failure.kind {
        detail("ErrorInfo", &mut |out| out::text(out, "reason", reason));
    }
    if let Some(field) = &failure.param {
        detail("BadRequest", &mut |out| {
            out::name(out, "fieldViolations");
            out.extend_from_slice(b"[{");
            out::text(out, "field", field);
            out.extend_from_slice(b"}]");
        });
    }
    if let Some(wait) = failure.retry_after_ms {
        detail("RetryInfo", &mut |out| {
            out::name(out, "retryDelay");
            let (whole, rest) = (wait / 1000, wait % 1000);
            match rest {
                0 => out::display(out, format_args!("\"{whole}s\"")),
                rest => out::display(out, format_args!("\"{whole}.{rest:03}s\"")),
            }
        });
    }
    if out.len() == inside {
        out.truncate(start);
    } else {
        out.push(b']');
    }
}

/// The status for a client of this protocol.
#[must_use]
pub const fn status(failure: &Failure<'_>) -> u16 {
    failure.class.status()
}
