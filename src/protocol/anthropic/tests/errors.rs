//! Refusals.

use crate::chat::Class;
use crate::chat::Failure;
use crate::chat::Text;
use crate::protocol::anthropic::error::read;
use crate::protocol::anthropic::error::status;
use crate::protocol::anthropic::error::write;
use crate::protocol::anthropic::tests::tree;

fn body(kind: &str, message: &str) -> String {
    format!(
        r#"{{"type":"error","error":{{"type":"{kind}","message":"{message}"}},"request_id":"r"}}"#
    )
}

#[test]
fn anthropics_words_come_back() {
    for (at, kind, class) in [
        (400, "invalid_request_error", Class::BadRequest),
        (401, "authentication_error", Class::Unauthorized),
        (402, "billing_error", Class::Quota),
        (403, "permission_error", Class::Forbidden),
        (404, "not_found_error", Class::NotFound),
        (409, "conflict_error", Class::Conflict),
        (413, "request_too_large", Class::TooLarge),
        (429, "rate_limit_error", Class::RateLimit),
        (500, "api_error", Class::Server),
        (504, "timeout_error", Class::Timeout),
        (529, "overloaded_error", Class::Overloaded),
    ] {
        let failure = read(at, body(kind, "m").as_bytes());
        assert_eq!((failure.class, failure.status), (class, at), "{kind}");
        assert_eq!(failure.message, Text::plain("m"));
        let mut out = Vec::new();
        write(&failure, &mut out);
        assert_eq!(read(at, &out), failure);
        assert_eq!(status(&failure), at);
        // Those of other providers have no such type.
        let foreign = Failure { kind: Some(Text::plain("x")), ..Failure::new(class, "m") };
        let mut out = Vec::new();
        write(&foreign, &mut out);
        let told = tree(std::str::from_utf8(&out).unwrap());
        assert_eq!(
            (told["type"].as_str(), told["error"]["type"].as_str()),
            (Some("error"), Some(kind))
        );
        assert_eq!(status(&foreign), at);
    }
}

#[test]
fn words_tell_more_than_types() {
    for (at, kind, message, class) in [
        (400, "invalid_request_error", "prompt is too long: 9 > 8", Class::ContextLength),
        (400, "invalid_request_error", "Your credit balance is too low", Class::Quota),
        (
            400,
            "invalid_request_error",
            "Output blocked by content filtering policy",
            Class::ContentFilter,
        ),
        (429, "rate_limit_error", "You have reached your specified API usage limits", Class::Quota),
        (429, "rate_limit_error", "would exceed the rate limit", Class::RateLimit),
    ] {
        let failure = read(at, body(kind, message).as_bytes());
        assert_eq!((failure.class, failure.status), (class, at), "{message}");
    }
    let unpaid = Failure { status: 429, ..Failure::new(Class::Quota, "m") };
    assert_eq!(status(&unpaid), 402);
    let key = Failure { status: 400, ..Failure::new(Class::Unauthorized, "m") };
    assert_eq!(status(&key), 401);
}

#[test]
fn any_body_is_read() {
    for (at, body, class, message) in [
        (
            502,
            "<html>bad</html>",
            Class::Server,
            "the provider answered with status 502: <html>bad</html>",
        ),
        (503, "", Class::Overloaded, "the provider answered with status 503"),
        (404, "{}", Class::NotFound, "the provider answered with status 404"),
        (400, r#"{"error":"plain"}"#, Class::BadRequest, "plain"),
        (422, r#"{"detail":"d"}"#, Class::BadRequest, "d"),
        (403, r#"{"message":"m"}"#, Class::Forbidden, "m"),
        (500, "7", Class::Server, "the provider answered with status 500"),
    ] {
        let failure = read(at, body.as_bytes());
        assert_eq!((failure.class, failure.status), (class, at), "{body}");
        assert_eq!(failure.message.decode(), message);
    }
    let failure = read(400, br#"{"error":{"message":"m","details":{"error_code":"c"}}}"#);
    assert_eq!(failure.code, Some(Text::plain("c")));
}
