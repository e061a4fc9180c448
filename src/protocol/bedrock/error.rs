//! Refusals: the body is `{"message"}`, the type stands in the header `x-amzn-ErrorType` or in the
//! body's `__type`, and in a stream it is the name of the exception.

use crate::chat::Class;
use crate::chat::Failure;
use crate::chat::Text;
use crate::codec::json;
use crate::codec::json::Object;
use crate::codec::json::Value;

/// Of a body that is no JSON this many characters are told.
const EXCERPT: usize = 300;

/// The exceptions with their status and class, as the service model lists them. The first of a class
/// is the one it is written as.
const EXCEPTIONS: [(&str, u16, Class); 21] = [
    ("ValidationException", 400, Class::BadRequest),
    ("AccessDeniedException", 403, Class::Forbidden),
    ("UnrecognizedClientException", 403, Class::Unauthorized),
    ("ExpiredTokenException", 403, Class::Unauthorized),
    ("ExpiredToken", 403, Class::Unauthorized),
    ("InvalidSignatureException", 403, Class::Unauthorized),
    ("SignatureDoesNotMatch", 403, Class::Unauthorized),
    ("IncompleteSignatureException", 403, Class::Unauthorized),
    ("IncompleteSignature", 403, Class::Unauthorized),
    ("MissingAuthenticationTokenException", 403, Class::Unauthorized),
    ("InvalidClientTokenId", 403, Class::Unauthorized),
    ("ResourceNotFoundException", 404, Class::NotFound),
    ("ModelTimeoutException", 408, Class::Timeout),
    ("ConflictException", 409, Class::Conflict),
    ("ThrottlingException", 429, Class::RateLimit),
    ("ModelNotReadyException", 429, Class::RateLimit),
    ("ServiceQuotaExceededException", 400, Class::Quota),
    ("InternalServerException", 500, Class::Server),
    ("ModelErrorException", 424, Class::Server),
    ("ModelStreamErrorException", 424, Class::Server),
    ("ServiceUnavailableException", 503, Class::Overloaded),
];

/// Reads a refusal whose header is not known. Any body is taken.
#[must_use]
pub fn read(status: u16, body: &[u8]) -> Failure<'static> {
    read_typed(status, None, body)
}

/// Reads a refusal. `kind` is the header `x-amzn-ErrorType`.
#[must_use]
pub fn read_typed(status: u16, kind: Option<&str>, body: &[u8]) -> Failure<'static> {
    let kind = kind.map(str::to_owned).or_else(|| first(body, ["__type", "code"]));
    let kind = kind.as_deref().map(bare).filter(|kind| !kind.is_empty());
    let message = words(body).unwrap_or_else(|| {
        let excerpt: String = String::from_utf8_lossy(body).trim().chars().take(EXCERPT).collect();
        let colon = if excerpt.is_empty() { "" } else { ": " };
        format!("Bedrock answered with status {status}{colon}{excerpt}")
    });
    failure(Some(status), kind, &message)
}

/// What a body says in words.
pub(super) fn words(body: &[u8]) -> Option<String> {
    first(body, ["message", "Message"])
}

/// The first of two members that is a string.
fn first(body: &[u8], keys: [&str; 2]) -> Option<String> {
    let value = json::validate(body).ok()?;
    let found = keys.iter().find_map(|key| value.get(key).and_then(Value::as_str))?;
    Some(found.decode().into_owned())
}

/// The failure of an exception, in a stream where there is no status.
pub(super) fn failure(status: Option<u16>, kind: Option<&str>, message: &str) -> Failure<'static> {
    let known = kind.and_then(|kind| {
        // In streams the first letter is a small one.
        EXCEPTIONS.iter().find(|(name, ..)| name.eq_ignore_ascii_case(kind))
    });
    let told = known.map_or(500, |(_, status, _)| *status);
    let status = status.unwrap_or(told);
    let class = known.map_or(Class::of_status(status), |(_, _, class)| *class);
    Failure {
        status,
        class: by_message(class, message),
        message: Text::plain(message),
        kind: kind.map(|kind| Text::plain(known.map_or(kind, |(name, ..)| name))),
        code: None,
        param: None,
        retry_after_ms: None,
    }
}

/// A type without what stands around it: `com.amazon#Name:http://...`.
fn bare(kind: &str) -> &str {
    let kind = kind.rsplit_once('#').map_or(kind, |(_, name)| name);
    kind.split_once(':').map_or(kind, |(name, _)| name).trim()
}

/// What a message says beyond its type: all that is wrong with a request has the same one.
fn by_message(class: Class, message: &str) -> Class {
    const TOO_LONG: [&str; 8] = [
        "input is too long",
        "prompt is too long",
        "too many input tokens",
        "too many tokens in",
        "exceed context limit",
        "maximum context length",
        "context window",
        "exceeds the maximum number of tokens",
    ];
    const FILTERED: [&str; 4] =
        ["content filter", "content policy", "filtering policy", "guardrail intervened"];
    let said = message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|words| said.contains(words));
    match class {
        Class::BadRequest if says(&TOO_LONG) => Class::ContextLength,
        Class::BadRequest if says(&FILTERED) => Class::ContentFilter,
        Class::BadRequest if says(&["model identifier is invalid"]) => Class::NotFound,
        Class::RateLimit if says(&["per day", "daily"]) => Class::Quota,
        Class::BadRequest
        | Class::ContextLength
        | Class::ContentFilter
        | Class::TooLarge
        | Class::Unauthorized
        | Class::Forbidden
        | Class::Quota
        | Class::NotFound
        | Class::Conflict
        | Class::RateLimit
        | Class::Overloaded
        | Class::Timeout
        | Class::Server => class,
    }
}

/// The exception that says a failure to a client, and its status.
fn exception(failure: &Failure<'_>) -> (&'static str, u16) {
    let own =
        failure.kind.as_ref().and_then(|kind| EXCEPTIONS.iter().find(|(name, ..)| kind.is(name)));
    let by_class = || EXCEPTIONS.iter().find(|(_, _, class)| *class == failure.class);
    own.or_else(by_class).map_or(("ValidationException", 400), |(name, status, _)| (*name, *status))
}

/// The type of a failure, for the header `x-amzn-ErrorType`.
#[must_use]
pub fn kind(failure: &Failure<'_>) -> &'static str {
    exception(failure).0
}

/// The status of the answer that tells a failure to a client.
#[must_use]
pub fn status(failure: &Failure<'_>) -> u16 {
    exception(failure).1
}

/// Appends the body that tells a failure to a client. The type belongs into a header, but a client
/// that finds none there looks for it here.
pub fn write(failure: &Failure<'_>, out: &mut Vec<u8>) {
    let mut body = Object::open(out);
    body.word("__type", kind(failure));
    body.text("message", &failure.message);
    body.close();
}
