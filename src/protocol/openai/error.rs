//! Errors in OpenAI's shape: `{"error":{"message","type","param","code"}}`.

use crate::codec::json;
use crate::codec::json::Kind as JsonKind;
use crate::error::Error;
use crate::error::Fault;
use crate::error::Kind;

/// What the SDKs switch on besides the status.
const fn error_type(kind: Kind) -> &'static str {
    match kind {
        Kind::RateLimited => "requests",
        Kind::Overloaded | Kind::ShuttingDown | Kind::Internal => "server_error",
        Kind::UpstreamConnect
        | Kind::UpstreamTls
        | Kind::UpstreamClosed
        | Kind::UpstreamGarbage
        | Kind::UpstreamTimeout
        | Kind::UpstreamRefused => "upstream_error",
        Kind::BadRequest
        | Kind::NoSuchRoute
        | Kind::MethodNotAllowed
        | Kind::UnsupportedEncoding
        | Kind::Unauthorized
        | Kind::ModelNotAllowed
        | Kind::NoSuchModel
        | Kind::BodyTooLarge
        | Kind::RequestTimeout
        | Kind::ClientGone => "invalid_request_error",
    }
}

/// Appends the error object of `error`.
pub fn write(out: &mut Vec<u8>, error: &Error) {
    object(out, &error.message, error_type(error.kind), error.param, Some(error.kind.label()));
}

fn object(out: &mut Vec<u8>, message: &str, kind: &str, param: Option<&str>, code: Option<&str>) {
    out.extend_from_slice(br#"{"error":{"message":"#);
    json::write_str(out, message);
    out.extend_from_slice(br#","type":"#);
    json::write_str(out, kind);
    for (key, value) in [(&br#","param":"#[..], param), (br#","code":"#, code)] {
        out.extend_from_slice(key);
        match value {
            Some(value) => json::write_str(out, value),
            None => out.extend_from_slice(b"null"),
        }
    }
    out.extend_from_slice(b"}}");
}

/// Whether `body` is an error in OpenAI's shape already: then it goes through as it is.
#[must_use]
pub fn is_openai_shaped(body: &[u8]) -> bool {
    let error = json::validate(body).ok().and_then(|value| value.get("error"));
    error.is_some_and(|error| {
        let is_string = |key| error.get(key).is_some_and(|value| value.kind() == JsonKind::String);
        is_string("message") && error.get("type").is_some()
    })
}

/// Appends an upstream's refusal in OpenAI's shape, with as much of its own words as can be found.
pub fn wrap(out: &mut Vec<u8>, status: u16, body: &[u8]) {
    /// Of a body that is no JSON this much is told.
    const EXCERPT: usize = 300;
    let value = json::validate(body).ok();
    let error = value.and_then(|value| value.get("error").or(Some(value)));
    let text = |key| {
        let found = error.and_then(|error| error.get(key)).and_then(json::Value::as_str)?;
        Some(found.decode().into_owned())
    };
    let plain = error.and_then(json::Value::as_str).map(|found| found.decode().into_owned());
    let message = text("message").or(plain).or_else(|| text("detail")).unwrap_or_else(|| {
        let excerpt: String = String::from_utf8_lossy(body).trim().chars().take(EXCERPT).collect();
        let colon = if excerpt.is_empty() { "" } else { ": " };
        format!("the provider answered with status {status}{colon}{excerpt}")
    });
    let own_type = text("type");
    let kind = own_type.as_deref().unwrap_or(match status {
        401 | 403 => "authentication_error",
        429 => "requests",
        400..=499 => "invalid_request_error",
        _ => "server_error",
    });
    object(out, &message, kind, text("param").as_deref(), text("code").as_deref());
}

/// Whether a refusal of ours is worth another try by the client itself.
#[must_use]
pub const fn should_retry(kind: Kind) -> bool {
    match kind.fault() {
        Fault::Gateway => matches!(kind, Kind::Overloaded | Kind::ShuttingDown),
        Fault::Upstream => !matches!(kind, Kind::UpstreamRefused | Kind::UpstreamTls),
        Fault::Client => matches!(kind, Kind::RateLimited | Kind::RequestTimeout),
    }
}

#[cfg(test)]
mod tests {
    use super::{is_openai_shaped, wrap, write};
    use crate::error::{Error, Kind};

    fn wrapped(status: u16, body: &[u8]) -> String {
        let mut out = Vec::new();
        wrap(&mut out, status, body);
        assert!(is_openai_shaped(&out));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_error_of_ours_names_the_field() {
        let mut out = Vec::new();
        write(&mut out, &Error::field("model", "say \"which\""));
        let text = r#"{"error":{"message":"say \"which\"","type":"invalid_request_error","#;
        let text = format!("{text}\"param\":\"model\",\"code\":\"invalid_request\"}}}}");
        assert_eq!(String::from_utf8(out.clone()).unwrap(), text);
        assert!(is_openai_shaped(&out));
        out.clear();
        write(&mut out, &Error::new(Kind::Internal, "x"));
        assert!(String::from_utf8(out).unwrap().contains(r#""param":null"#));
    }

    #[test]
    fn shapes_are_told_apart() {
        assert!(is_openai_shaped(br#"{"error":{"message":"m","type":null,"code":1}}"#));
        for other in [&b"{}"[..], b"x", br#"{"error":"x"}"#, br#"{"error":{"message":"m"}}"#] {
            assert!(!is_openai_shaped(other));
        }
    }

    #[test]
    fn foreign_errors_keep_their_words() {
        assert_eq!(
            wrapped(401, br#"{"error":{"code":"401","message":"no"}}"#),
            r#"{"error":{"message":"no","type":"authentication_error","param":null,"code":"401"}}"#
        );
        assert!(wrapped(400, br#"{"error":"plain"}"#).contains(r#""message":"plain""#));
        assert!(wrapped(422, br#"{"detail":"pydantic"}"#).contains("pydantic"));
        assert!(wrapped(502, b"<html>bad</html>").contains("status 502: <html>bad</html>"));
        assert!(wrapped(503, b"").contains("status 503\""));
    }
}
