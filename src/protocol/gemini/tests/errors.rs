//! Refusals.

use crate::chat::Class;
use crate::chat::Failure;
use crate::protocol::gemini::error::read;
use crate::protocol::gemini::error::status;
use crate::protocol::gemini::error::write;

fn body(code: u16, status: &str, message: &str, details: &str) -> String {
    format!(
        r#"{{"error":{{"code":{code},"message":"{message}","status":"{status}","details":[{details}]}}}}"#
    )
}

fn detail(name: &str, rest: &str) -> String {
    format!(r#"{{"@type":"type.googleapis.com/google.rpc.{name}",{rest}}}"#)
}

#[test]
fn classes_follow_status_and_body() {
    let key = detail("ErrorInfo", r#""reason":"API_KEY_INVALID""#);
    let retry = detail("RetryInfo", r#""retryDelay":"7s""#);
    let daily = detail("QuotaFailure", r#""violations":[{"quotaId":"RequestsPerDay"}]"#);
    let too_long = "The input token count (9) exceeds the maximum number of tokens allowed (8).";
    for (code, word, message, details, class) in [
        (400, "INVALID_ARGUMENT", "bad", "", Class::BadRequest),
        (400, "INVALID_ARGUMENT", "API key not valid.", &*key, Class::Unauthorized),
        (400, "INVALID_ARGUMENT", too_long, "", Class::ContextLength),
        (400, "FAILED_PRECONDITION", "User location is not supported", "", Class::Forbidden),
        (400, "FAILED_PRECONDITION", "enable billing", "", Class::Quota),
        (401, "UNAUTHENTICATED", "x", "", Class::Unauthorized),
        (403, "PERMISSION_DENIED", "x", "", Class::Forbidden),
        (404, "NOT_FOUND", "x", "", Class::NotFound),
        (429, "RESOURCE_EXHAUSTED", "check your plan and billing", &*retry, Class::RateLimit),
        (429, "RESOURCE_EXHAUSTED", "x", &*daily, Class::Quota),
        (499, "CANCELLED", "x", "", Class::Server),
        (500, "INTERNAL", "x", "", Class::Server),
        (503, "UNAVAILABLE", "x", "", Class::Overloaded),
        (504, "DEADLINE_EXCEEDED", "x", "", Class::Timeout),
    ] {
        let failure = read(code, body(code, word, message, details).as_bytes());
        assert_eq!((failure.class, failure.status), (class, code), "{message}");
        assert!(failure.message.is(message) && failure.code.unwrap().is(word));
    }
}

#[test]
fn times_and_fields_are_read() {
    for (delay, expected) in [
        ("7s", Some(7000)),
        ("0.25s", Some(250)),
        ("1.0001s", Some(1001)),
        ("x", None),
        ("1.xs", None),
    ] {
        let details = detail("RetryInfo", &format!(r#""retryDelay":"{delay}""#));
        let failure = read(429, body(429, "RESOURCE_EXHAUSTED", "m", &details).as_bytes());
        assert_eq!(failure.retry_after_ms, expected, "{delay}");
    }
    let details = detail("BadRequest", r#""fieldViolations":[{"field":"contents"}]"#);
    let failure = read(400, body(400, "INVALID_ARGUMENT", "m", &details).as_bytes());
    assert!(failure.param.unwrap().is("contents"));
}

#[test]
fn any_body_is_a_refusal() {
    for (body, message) in [
        (&b""[..], "the provider answered with status 502"),
        (b"<html>", "the provider answered with status 502: <html>"),
        (b"null", "the provider answered with status 502: null"),
        (br#"{"error":"plain"}"#, "plain"),
        (br#"[{"error":{"message":"in an array"}}]"#, "in an array"),
        (br#"{"message":"bare"}"#, "bare"),
    ] {
        let failure = read(502, body);
        assert_eq!(failure.message.decode(), message);
        assert_eq!((failure.status, failure.class), (502, Class::Server));
    }
}

#[test]
fn what_is_written_is_read() {
    for class in Class::ALL {
        let failure = Failure { retry_after_ms: Some(1250), ..Failure::new(class, "why \"so\"") };
        let mut out = Vec::new();
        write(&failure, &mut out);
        let again = read(status(&failure), &out);
        let by_the_body =
            matches!(class, Class::ContextLength | Class::ContentFilter | Class::Quota);
        assert!(by_the_body || again.class == class, "{class:?}");
        assert_eq!((&again.message, again.retry_after_ms), (&failure.message, Some(1250)));
    }
}
