//! Errors.

use crate::chat::Class;
use crate::chat::Failure;
use crate::protocol::ollama::error::read;
use crate::protocol::ollama::error::status;
use crate::protocol::ollama::error::write;

#[test]
fn refusals_are_classed() {
    for (code, body, class, words) in [
        (404, r#"{"error":"model 'x' not found"}"#, Class::NotFound, "model 'x' not found"),
        (
            400,
            r#"{"error":"\"m\" does not support tools"}"#,
            Class::BadRequest,
            "does not support tools",
        ),
        (
            400,
            r#"{"error":"the input length exceeds the context length"}"#,
            Class::ContextLength,
            "exceeds",
        ),
        (401, r#"{"error":"unauthorized","signin_url":"x"}"#, Class::Unauthorized, "unauthorized"),
        (402, r#"{"error":"you have reached your weekly usage limit"}"#, Class::Quota, "weekly"),
        (429, r#"{"error":"too many requests"}"#, Class::RateLimit, "too many"),
        (429, r#"{"error":"you have reached your hourly usage limit"}"#, Class::Quota, "hourly"),
        (500, r#"{"error":"model runner has unexpectedly stopped"}"#, Class::Server, "runner"),
        (503, r#"{"error":"server busy, please try again."}"#, Class::Overloaded, "busy"),
        (502, r#"{"error":{"message":"of another format"}}"#, Class::Server, "of another format"),
        (502, "<html>nginx</html>", Class::Server, "status 502"),
        (503, "upstream connect error", Class::Overloaded, "upstream connect error"),
        (500, "", Class::Server, "status 500"),
        (404, "{}", Class::NotFound, "status 404"),
        (413, "\u{0}\u{1}", Class::TooLarge, ""),
    ] {
        let failure = read(code, body.as_bytes());
        assert_eq!((failure.status, failure.class), (code, class), "{body}");
        assert!(failure.message.decode().contains(words), "{:?}", failure.message);
    }
    assert_eq!(read(500, &[0xff, 0xfe]).class, Class::Server);
}

#[test]
fn a_refusal_is_one_string() {
    let failure = Failure::new(Class::Overloaded, "no \"room\"");
    let mut out = Vec::new();
    write(&failure, &mut out);
    assert_eq!(out, br#"{"error":"no \"room\""}"#);
    assert_eq!(status(&failure), 503);
    let odd = Failure { status: 529, ..failure };
    assert_eq!(status(&odd), 503);
    for class in Class::ALL {
        let failure = Failure::new(class, "x");
        let mut out = Vec::new();
        write(&failure, &mut out);
        let again = read(status(&failure), &out);
        let in_words = matches!(class, Class::ContextLength | Class::ContentFilter | Class::Quota);
        assert!(in_words || again == failure, "{class:?}");
    }
}
