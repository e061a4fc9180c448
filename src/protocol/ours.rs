//! Failures of our own, in the words of the client's protocol.

use crate::chat::Class;
use crate::chat::Failure;
use crate::chat::Protocol;
use crate::chat::Text;
use crate::error::Error;
use crate::error::Kind;
use crate::protocol::any;
use crate::protocol::openai;

/// Appends the body of an answer that tells of `error`.
pub fn write(protocol: Protocol, error: &Error, out: &mut Vec<u8>) {
    match protocol {
        Protocol::Openai => openai::error::write(out, error),
        Protocol::Anthropic | Protocol::Gemini | Protocol::Bedrock | Protocol::Ollama => {
            any::write_error(protocol, &failure(error), out);
        }
    }
}

/// `error` as a refusal.
#[must_use]
pub fn failure(error: &Error) -> Failure<'static> {
    Failure {
        status: error.kind.status(),
        code: Some(Text::plain(error.kind.label())),
        param: error.param.map(Text::plain),
        ..Failure::new(class(error.kind), &error.message)
    }
}

const fn class(kind: Kind) -> Class {
    match kind {
        Kind::BadRequest | Kind::MethodNotAllowed | Kind::UnsupportedEncoding => Class::BadRequest,
        Kind::NoSuchRoute | Kind::NoSuchModel => Class::NotFound,
        Kind::Unauthorized => Class::Unauthorized,
        Kind::ModelNotAllowed => Class::Forbidden,
        Kind::BodyTooLarge => Class::TooLarge,
        Kind::RateLimited => Class::RateLimit,
        Kind::Overloaded | Kind::ShuttingDown => Class::Overloaded,
        Kind::RequestTimeout | Kind::UpstreamTimeout => Class::Timeout,
        Kind::Internal
        | Kind::ClientGone
        | Kind::UpstreamConnect
        | Kind::UpstreamTls
        | Kind::UpstreamClosed
        | Kind::UpstreamGarbage
        | Kind::UpstreamRefused => Class::Server,
    }
}

#[cfg(test)]
mod tests {
    use super::{failure, write};
    use crate::chat::Protocol;
    use crate::codec::json;
    use crate::error::{Error, Kind};

    #[test]
    fn every_protocol_is_told_what_was_wrong() {
        for kind in Kind::ALL {
            let error = Error { param: Some("model"), ..Error::new(kind, "say \"which\"") };
            assert_eq!(failure(&error).status, kind.status());
            for protocol in Protocol::ALL {
                let mut out = Vec::new();
                write(protocol, &error, &mut out);
                let text = String::from_utf8(out.clone()).unwrap();
                json::validate(&out).unwrap();
                assert!(text.contains(r#"say \"which\""#), "{protocol:?}: {text}");
            }
        }
    }
}
