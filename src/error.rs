//! What can go wrong with a request, and what follows from it.
//!
//! A [`Kind`] answers every question the rest of the gateway asks of a failure: whose fault it is,
//! which status and code the client sees, and under which label it is counted. Each answer is one
//! match without a wildcard, so a new kind does not compile until all are given.

use std::borrow::Cow;
use std::fmt;

/// Every way a request can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request is not what the endpoint takes.
    BadRequest,
    /// The path is none of ours.
    NoSuchRoute,
    /// The path is ours, the method is not.
    MethodNotAllowed,
    /// The body's encoding is not served.
    UnsupportedEncoding,
    /// No key, or one we do not know.
    Unauthorized,
    /// A key that may not use the model.
    ModelNotAllowed,
    /// No deployment serves the model.
    NoSuchModel,
    /// The body is larger than `limits.max_body`.
    BodyTooLarge,
    /// The client took too long to send its request.
    RequestTimeout,
    /// A limit of the key is reached.
    RateLimited,
    /// The gateway has no room for another request.
    Overloaded,
    /// The gateway is going away.
    ShuttingDown,
    /// A fault of our own.
    Internal,
    /// The client went away before its answer was complete.
    ClientGone,
    /// No connection to the upstream came about.
    UpstreamConnect,
    /// The upstream's TLS handshake or certificate failed.
    UpstreamTls,
    /// The upstream closed or reset the connection before its answer was complete.
    UpstreamClosed,
    /// The upstream sent something that is not an answer.
    UpstreamGarbage,
    /// The upstream was silent for longer than allowed.
    UpstreamTimeout,
    /// The upstream answered with an error of its own.
    UpstreamRefused,
}

/// Who has to act on a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The client sent something wrong, or left.
    Client,
    /// This process.
    Gateway,
    /// The provider behind the gateway.
    Upstream,
}

impl Kind {
    /// All kinds, for tables and tests.
    pub const ALL: [Self; 20] = [
        Self::BadRequest,
        Self::NoSuchRoute,
        Self::MethodNotAllowed,
        Self::UnsupportedEncoding,
        Self::Unauthorized,
        Self::ModelNotAllowed,
        Self::NoSuchModel,
        Self::BodyTooLarge,
        Self::RequestTimeout,
        Self::RateLimited,
        Self::Overloaded,
        Self::ShuttingDown,
        Self::Internal,
        Self::ClientGone,
        Self::UpstreamConnect,
        Self::UpstreamTls,
        Self::UpstreamClosed,
        Self::UpstreamGarbage,
        Self::UpstreamTimeout,
        Self::UpstreamRefused,
    ];

    /// Who has to act.
    #[must_use]
    pub const fn fault(self) -> Fault {
        match self {
            Self::BadRequest
            | Self::NoSuchRoute
            | Self::MethodNotAllowed
            | Self::UnsupportedEncoding
            | Self::Unauthorized
            | Self::ModelNotAllowed
            | Self::NoSuchModel
            | Self::BodyTooLarge
            | Self::RequestTimeout
            | Self::RateLimited
            | Self::ClientGone => Fault::Client,
            Self::Overloaded | Self::ShuttingDown | Self::Internal => Fault::Gateway,
            Self::UpstreamConnect
            | Self::UpstreamTls
            | Self::UpstreamClosed
            | Self::UpstreamGarbage
            | Self::UpstreamTimeout
            | Self::UpstreamRefused => Fault::Upstream,
        }
    }

    /// The HTTP status of the answer. A refusal by the upstream keeps its own status instead; a
    /// client that left gets no answer, and 499 stands in its record.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::ModelNotAllowed => 403,
            Self::NoSuchRoute | Self::NoSuchModel => 404,
            Self::MethodNotAllowed => 405,
            Self::RequestTimeout => 408,
            Self::BodyTooLarge => 413,
            Self::UnsupportedEncoding => 415,
            Self::RateLimited => 429,
            Self::ClientGone => 499,
            Self::Internal => 500,
            Self::UpstreamConnect
            | Self::UpstreamTls
            | Self::UpstreamClosed
            | Self::UpstreamGarbage
            | Self::UpstreamRefused => 502,
            Self::Overloaded | Self::ShuttingDown => 503,
            Self::UpstreamTimeout => 504,
        }
    }

    /// The `code` of the answer's error object, and the label in records and metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::BadRequest => "invalid_request",
            Self::NoSuchRoute => "unknown_url",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::UnsupportedEncoding => "unsupported_content_encoding",
            Self::Unauthorized => "invalid_api_key",
            Self::ModelNotAllowed => "model_not_allowed",
            Self::NoSuchModel => "model_not_found",
            Self::BodyTooLarge => "request_too_large",
            Self::RequestTimeout => "request_timeout",
            Self::RateLimited => "rate_limit_exceeded",
            Self::Overloaded => "overloaded",
            Self::ShuttingDown => "shutting_down",
            Self::Internal => "internal_error",
            Self::ClientGone => "client_gone",
            Self::UpstreamConnect => "upstream_connect",
            Self::UpstreamTls => "upstream_tls",
            Self::UpstreamClosed => "upstream_closed",
            Self::UpstreamGarbage => "upstream_garbage",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::UpstreamRefused => "upstream_refused",
        }
    }
}

/// A failure with the words for the person who has to act on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What kind of failure.
    pub kind: Kind,
    /// What was wrong, where, and what to do.
    pub message: Cow<'static, str>,
    /// The request field at fault, where there is one.
    pub param: Option<&'static str>,
}

impl Error {
    /// A failure without a field at fault.
    pub fn new(kind: Kind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into(), param: None }
    }

    /// A 400 that names the field at fault.
    pub fn field(param: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: Kind::BadRequest, message: message.into(), param: Some(param) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.label(), self.message)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::{Fault, Kind};

    #[test]
    fn status_follows_fault() {
        for kind in Kind::ALL {
            let status = kind.status();
            match kind.fault() {
                Fault::Client => assert!((400..500).contains(&status), "{kind:?}"),
                Fault::Gateway => assert!(matches!(status, 500 | 503), "{kind:?}"),
                Fault::Upstream => assert!(matches!(status, 502 | 504), "{kind:?}"),
            }
        }
    }

    #[test]
    fn labels_differ() {
        let mut labels: Vec<_> = Kind::ALL.iter().map(|kind| kind.label()).collect();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), Kind::ALL.len());
    }
}
