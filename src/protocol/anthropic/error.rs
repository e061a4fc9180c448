//! Refusals: `{"type":"error","error":{"type","message"}}`.

use crate::chat::Class;
use crate::chat::Failure;
use crate::chat::Text;
use crate::codec::json;
use crate::codec::json::Object;
use crate::codec::json::Value;
use crate::protocol::anthropic::present;

/// Anthropic's words, and what they say of a refusal.
const WORDS: [(&str, Class); 11] = [
    ("invalid_request_error", Class::BadRequest),
    ("authentication_error", Class::Unauthorized),
    ("billing_error", Class::Quota),
    ("permission_error", Class::Forbidden),
    ("not_found_error", Class::NotFound),
    ("conflict_error", Class::Conflict),
    ("request_too_large", Class::TooLarge),
    ("rate_limit_error", Class::RateLimit),
    ("api_error", Class::Server),
    ("timeout_error", Class::Timeout),
    ("overloaded_error", Class::Overloaded),
];

/// Reads an upstream's refusal. Of a body that says nothing, the status does.
#[must_use]
pub fn read(status: u16, body: &[u8]) -> Failure<'static> {
    /// Of a body that is no JSON this many characters are told.
    const EXCERPT: usize = 300;
    let silent = |excerpt: &str| {
        let colon = if excerpt.is_empty() { "" } else { ": " };
        Text::plain(&format!("the provider answered with status {status}{colon}{excerpt}"))
    };
    let Ok(value) = json::validate(body) else {
        let body = String::from_utf8_lossy(body);
        let excerpt: String = body.trim().chars().take(EXCERPT).collect();
        let failure = Failure::new(Class::of_status(status), "");
        return Failure { status, message: silent(&excerpt), ..failure };
    };
    let error = value.get("error").filter(|error| !error.is_null()).unwrap_or(value);
    let mut failure = of_value(status, error);
    if failure.message.is_empty() {
        let found = ["message", "detail"].into_iter().find_map(|name| value.get(name));
        let found = found.and_then(Text::from_value).filter(|text| !text.is_empty());
        failure.message = found.map_or_else(|| silent(""), Text::into_owned);
    }
    failure
}

/// Reads the object `error`. `status` is that of the answer: 200 in a stream, where the type tells
/// what it would have been.
pub(super) fn of_value(status: u16, error: Value<'_>) -> Failure<'static> {
    let text = |value: Value<'_>| {
        Text::from_value(value).filter(|text| !text.is_empty()).map(Text::into_owned)
    };
    let mut failure = Failure { status, ..Failure::new(Class::Server, "") };
    failure.message = text(error).unwrap_or_default();
    for member in present(error) {
        match &*member.key.name() {
            b"type" => failure.kind = text(member.value),
            b"message" => failure.message = text(member.value).unwrap_or_default(),
            b"details" => failure.code = member.value.get("error_code").and_then(text),
            _ => {}
        }
    }
    let kind = failure.kind.as_ref().map(Text::decode).unwrap_or_default();
    let known = WORDS.iter().find(|(word, _)| *word == kind).map(|(_, class)| *class);
    let by_status = (status >= 400).then(|| Class::of_status(status));
    failure.class = known.or(by_status).unwrap_or(Class::Server);
    if matches!(failure.class, Class::BadRequest | Class::RateLimit) {
        let said = failure.message.decode().to_ascii_lowercase();
        failure.class = said_class(&said, failure.class);
    }
    if status < 400 {
        failure.status = status_of(failure.class);
    }
    failure
}

/// What the words of a refusal tell beyond its type.
fn said_class(said: &str, class: Class) -> Class {
    const TOO_LONG: [&str; 3] = ["prompt is too long", "context window", "context limit"];
    const UNPAID: [&str; 3] = ["credit balance", "spend limit", "usage limits"];
    let has = |words: &[&str]| words.iter().any(|words| said.contains(words));
    if class == Class::BadRequest && has(&TOO_LONG) {
        Class::ContextLength
    } else if class == Class::BadRequest && said.contains("content filtering policy") {
        Class::ContentFilter
    } else if has(&UNPAID) {
        Class::Quota
    } else {
        class
    }
}

/// Appends a refusal in this format.
pub fn write(failure: &Failure<'_>, out: &mut Vec<u8>) {
    let mut body = Object::open(out);
    body.word("type", "error");
    let mut error = Object::open(body.key("error"));
    // Clients switch on the type, so another provider's is of no use to them.
    let means = |kind: &&Text<'_>| {
        WORDS.iter().any(|(word, class)| kind.is(word) && kind_of(*class) == kind_of(failure.class))
    };
    let own = failure.kind.as_ref().filter(means);
    match own {
        Some(own) => error.text("type", own),
        None => error.word("type", kind_of(failure.class)),
    }
    error.text("message", &failure.message);
    if let Some(code) = &failure.code {
        let mut details = Object::open(error.key("details"));
        details.text("error_code", code);
        details.close();
    }
    error.close();
    body.close();
}

const fn kind_of(class: Class) -> &'static str {
    match class {
        Class::BadRequest | Class::ContextLength | Class::ContentFilter => "invalid_request_error",
        Class::TooLarge => "request_too_large",
        Class::Unauthorized => "authentication_error",
        Class::Forbidden => "permission_error",
        Class::Quota => "billing_error",
        Class::NotFound => "not_found_error",
        Class::Conflict => "conflict_error",
        Class::RateLimit => "rate_limit_error",
        Class::Overloaded => "overloaded_error",
        Class::Timeout => "timeout_error",
        Class::Server => "api_error",
    }
}

/// The status that Anthropic gives to a class.
const fn status_of(class: Class) -> u16 {
    match class {
        Class::Quota => 402,
        Class::Overloaded => 529,
        Class::BadRequest
        | Class::ContextLength
        | Class::ContentFilter
        | Class::TooLarge
        | Class::Unauthorized
        | Class::Forbidden
        | Class::NotFound
        | Class::Conflict
        | Class::RateLimit
        | Class::Timeout
        | Class::Server => class.status(),
    }
}

/// The status for a client of this format: the upstream's own where Anthropic gives such a one.
#[must_use]
pub fn status(failure: &Failure<'_>) -> u16 {
    match failure.status {
        status @ (400..=404 | 409 | 413 | 429 | 500 | 504 | 529) if failure.status_tells() => {
            status
        }
        // With 429 for a used-up quota a client would try again, and nobody pays in the meantime.
        _ => status_of(failure.class),
    }
}
