//! Refusals.

use crate::chat::Class;
use crate::chat::Failure;
use crate::protocol::openai::chat::error;

fn class(status: u16, body: &str) -> Class {
    error::read(status, body.as_bytes()).class
}

#[test]
fn what_is_written_is_read_again() {
    for class in Class::ALL {
        let failure = Failure::new(class, "a \"b\"\n\u{e9}");
        let mut out = Vec::new();
        error::write(&failure, &mut out);
        let back = error::read(error::status(&failure), &out);
        assert_eq!((back.class, &back.message), (class, &failure.message), "{class:?}");
        let mut again = Vec::new();
        error::write(&back, &mut again);
        assert_eq!(out, again);
    }
}

#[test]
fn words_say_more_than_a_status() {
    for (status, body, expected) in [
        (
            429,
            r#"{"error":{"type":"insufficient_quota","code":"insufficient_quota"}}"#,
            Class::Quota,
        ),
        (
            429,
            r#"{"error":{"message":"x","type":"tokens","code":"rate_limit_exceeded"}}"#,
            Class::RateLimit,
        ),
        (
            400,
            r#"{"error":{"code":"context_length_exceeded","message":"x"}}"#,
            Class::ContextLength,
        ),
        (
            400,
            r#"{"object":"error","message":"This model's maximum context length is 4096 tokens","code":400}"#,
            Class::ContextLength,
        ),
        (
            400,
            r#"{"error":{"code":null,"status":400,"innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#,
            Class::ContentFilter,
        ),
        (404, r#"{"error":{"code":"DeploymentNotFound","message":"x"}}"#, Class::NotFound),
        (401, r#"{"error":{"code":"401","message":"no"}}"#, Class::Unauthorized),
        (503, r#"{"error":"plain"}"#, Class::Overloaded),
        (502, "<html>bad gateway</html>", Class::Server),
        (529, "", Class::Overloaded),
        (422, r#"{"detail":[{"loc":["body"],"msg":"field required"}]}"#, Class::BadRequest),
    ] {
        assert_eq!(class(status, body), expected, "{body}");
    }
}

#[test]
fn all_its_words_are_kept() {
    let body = r#"{"error":{"message":"m","type":"t","param":"messages[0]","code":7}}"#;
    let failure = error::read(400, body.as_bytes());
    let mut out = Vec::new();
    error::write(&failure, &mut out);
    let expected = r#"{"error":{"message":"m","type":"t","param":"messages[0]","code":"7"}}"#;
    super::same(std::str::from_utf8(&out).unwrap(), expected);
    for (body, words) in [
        (r#"{"detail":"not here"}"#, "not here"),
        (r#"{"message":"m"}"#, "m"),
        (r#"{"error":"plain"}"#, "plain"),
        ("<html>", "the provider answered with status 500: <html>"),
        ("", "the provider answered with status 500"),
        (r#"{"error":{}}"#, "the provider answered with status 500"),
    ] {
        assert_eq!(error::read(500, body.as_bytes()).message.decode(), words, "{body}");
    }
}

#[test]
fn a_status_is_one_that_clients_know() {
    let mut failure = Failure::new(Class::Overloaded, "");
    assert_eq!(error::status(&failure), 503);
    failure.status = 529;
    assert_eq!(error::status(&failure), 503);
    failure.status = 200;
    assert_eq!(error::status(&failure), 503);
    let with = |status, class| error::status(&Failure { status, ..Failure::new(class, "") });
    assert_eq!(with(402, Class::Quota), 402);
    assert_eq!(with(422, Class::BadRequest), 422);
    // What others say with a status that says something else here.
    assert_eq!(with(400, Class::Quota), 429);
    assert_eq!(with(400, Class::Unauthorized), 401);
    assert_eq!(with(408, Class::Timeout), 504);
    assert_eq!(with(424, Class::Server), 500);
}
