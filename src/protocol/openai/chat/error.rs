//! Refusals: `{"error":{"message","type","param","code"}}`, and what others make of it.

use crate::chat::Class;
use crate::chat::Failure;
use crate::chat::Text;
use crate::codec::json;
use crate::codec::json::Kind as JsonKind;
use crate::codec::json::Object;
use crate::codec::json::Value;

/// Reads an upstream's refusal. Of a body that says nothing, the status does.
#[must_use]
pub fn read(status: u16, body: &[u8]) -> Failure<'static> {
    /// Of a body that is no JSON this many characters are told.
    const EXCERPT: usize = 300;
    if let Ok(value) = json::validate(body) {
        let error = value.get("error").filter(|error| !error.is_null()).unwrap_or(value);
        let mut failure = of_value(status, error);
        if failure.message.is_empty() {
            failure.message = detail(value).unwrap_or_else(|| silent(status, ""));
            // A filter or a limit may be named in there.
            failure.class = class(status, &failure, inner_code(error));
        }
        return failure;
    }
    let excerpt: String = String::from_utf8_lossy(body).trim().chars().take(EXCERPT).collect();
    let message = silent(status, &excerpt);
    Failure { status, message, ..Failure::new(Class::of_status(status), "") }
}

fn silent(status: u16, excerpt: &str) -> Text<'static> {
    let colon = if excerpt.is_empty() { "" } else { ": " };
    Text::plain(&format!("the provider answered with status {status}{colon}{excerpt}"))
}

/// What FastAPI and others say outside of an error object.
fn detail(value: Value<'_>) -> Option<Text<'static>> {
    let found = ["message", "detail", "error_description", "msg"];
    let found = found.into_iter().find_map(|name| value.get(name))?;
    let text = match Text::from_value(found) {
        Some(text) => text.into_owned(),
        None => Text::plain(&String::from_utf8_lossy(found.raw())),
    };
    Some(text).filter(|text| !text.is_empty())
}

/// Reads the value of `error`. `status` is that of the answer; 200 in a stream, where the error
/// may tell another one.
pub(super) fn of_value(status: u16, error: Value<'_>) -> Failure<'static> {
    let mut failure = Failure { status, ..Failure::new(Class::Server, "") };
    if let Some(words) = Text::from_value(error) {
        failure.message = words.into_owned();
    }
    let mut own_status = None;
    for member in error.members() {
        let value = member.value;
        match member.key.raw() {
            b"message" => failure.message = word(value).unwrap_or_default(),
            b"type" => failure.kind = word(value),
            b"code" => failure.code = word(value),
            b"param" => failure.param = word(value),
            b"status" | b"status_code" => own_status = value.as_u64(),
            _ => {}
        }
    }
    if status < 400 {
        let code = failure.code.as_ref().and_then(|code| code.decode().parse().ok());
        let told = own_status.or(code).and_then(|told| u16::try_from(told).ok());
        failure.status = told.filter(|told| (400..600).contains(told)).unwrap_or(0);
    }
    failure.class = class(failure.status, &failure, inner_code(error));
    if failure.status == 0 {
        failure.status = failure.class.status();
    }
    failure
}

/// Azure's reason within the error.
fn inner_code(error: Value<'_>) -> Option<Value<'_>> {
    error.get("innererror").and_then(|inner| inner.get("code"))
}

/// A string, or a number as one.
fn word(value: Value<'_>) -> Option<Text<'static>> {
    let text = match value.kind() {
        JsonKind::String => Text::from_value(value).map(Text::into_owned),
        JsonKind::Number => Some(Text::plain(&String::from_utf8_lossy(value.raw()))),
        JsonKind::Null | JsonKind::Bool | JsonKind::Array | JsonKind::Object => None,
    };
    text.filter(|text| !text.is_empty())
}

/// What kind it is: some words are told with any status, for the rest the status counts, if any.
fn class(status: u16, failure: &Failure<'_>, inner: Option<Value<'_>>) -> Class {
    let code = failure.code.as_ref().map(Text::decode).unwrap_or_default();
    let kind = failure.kind.as_ref().map(Text::decode).unwrap_or_default();
    let inner = inner.and_then(Value::as_str).map(json::Str::decode).unwrap_or_default();
    let words = [code.as_ref(), kind.as_ref(), inner.as_ref()];
    if let Some(class) = words.into_iter().find_map(sure) {
        return class;
    }
    let is_request = matches!(status, 0 | 400 | 413 | 422);
    if is_request && is_too_long(&failure.message.decode()) {
        return Class::ContextLength;
    }
    if status >= 400 {
        return Class::of_status(status);
    }
    words.into_iter().find_map(likely).unwrap_or(Class::Server)
}

/// Words that say more than a status.
fn sure(word: &str) -> Option<Class> {
    match word {
        "context_length_exceeded" | "string_above_max_length" | "context_window_exceeded" => {
            Some(Class::ContextLength)
        }
        "content_filter"
        | "content_policy_violation"
        | "ResponsibleAIPolicyViolation"
        | "moderation_blocked"
        | "cyber_policy_violation" => Some(Class::ContentFilter),
        "insufficient_quota"
        | "billing_hard_limit_reached"
        | "billing_not_active"
        | "insufficient_balance" => Some(Class::Quota),
        "engine_overloaded" | "server_overloaded" | "overloaded" | "overloaded_error" => {
            Some(Class::Overloaded)
        }
        "request_too_large" => Some(Class::TooLarge),
        _ => None,
    }
}

/// Words that go with a status, for where there is none.
fn likely(word: &str) -> Option<Class> {
    match word {
        "rate_limit_exceeded" | "rate_limit_error" | "requests" | "tokens" => {
            Some(Class::RateLimit)
        }
        "invalid_api_key" | "authentication_error" => Some(Class::Unauthorized),
        "permission_denied" | "permission_error" => Some(Class::Forbidden),
        "model_not_found" | "not_found_error" | "DeploymentNotFound" => Some(Class::NotFound),
        "timeout" | "timeout_error" | "request_timeout" => Some(Class::Timeout),
        "invalid_request_error" | "BadRequestError" | "invalid_prompt" => Some(Class::BadRequest),
        _ => None,
    }
}

fn is_too_long(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["maximum context length", "context length exceeded", "context window", "prompt is too long"]
        .into_iter()
        .any(|words| message.contains(words))
}

/// Appends a refusal in this format.
pub fn write(failure: &Failure<'_>, out: &mut Vec<u8>) {
    let (kind, code) = words(failure.class);
    let mut body = Object::open(out);
    let mut error = Object::open(body.key("error"));
    failure.message.write(error.key("message"));
    match &failure.kind {
        Some(own) => own.write(error.key("type")),
        None => json::write_str(error.key("type"), kind),
    }
    match &failure.param {
        Some(param) => param.write(error.key("param")),
        None => error.fixed("param", "null"),
    }
    match (&failure.code, code) {
        (Some(own), _) => own.write(error.key("code")),
        (None, Some(code)) => json::write_str(error.key("code"), code),
        (None, None) => error.fixed("code", "null"),
    }
    error.close();
    body.close();
}

/// OpenAI's type and code for each class.
const fn words(class: Class) -> (&'static str, Option<&'static str>) {
    match class {
        Class::BadRequest => ("invalid_request_error", None),
        Class::ContextLength => ("invalid_request_error", Some("context_length_exceeded")),
        Class::ContentFilter => ("invalid_request_error", Some("content_policy_violation")),
        Class::TooLarge => ("invalid_request_error", Some("request_too_large")),
        Class::Unauthorized => ("invalid_request_error", Some("invalid_api_key")),
        Class::Forbidden => ("invalid_request_error", Some("permission_denied")),
        Class::Quota => ("insufficient_quota", Some("insufficient_quota")),
        Class::NotFound => ("invalid_request_error", Some("model_not_found")),
        Class::Conflict => ("invalid_request_error", Some("conflict")),
        Class::RateLimit => ("requests", Some("rate_limit_exceeded")),
        Class::Overloaded => ("server_error", Some("overloaded")),
        Class::Timeout => ("server_error", Some("timeout")),
        Class::Server => ("server_error", None),
    }
}

/// The status for a client of this format: the upstream's own where these clients know it and it
/// says what is meant.
#[must_use]
pub fn status(failure: &Failure<'_>) -> u16 {
    match failure.status {
        // The upstream's time ran out, not the client's.
        408 | 529 => failure.class.status(),
        status @ 400..=599 if failure.status_tells() => status,
        _ => failure.class.status(),
    }
}
