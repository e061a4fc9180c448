//! One request, as it is accounted for.

use crate::chat::Usage;
use crate::error::Error;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The client has its whole answer.
    Answered,
    /// The client left before.
    ClientGone,
    /// The gateway said no.
    Refused,
    /// The upstream failed, or refused.
    UpstreamFailed,
    /// The gateway shut down in the middle.
    Shutdown,
    /// A fault of our own.
    Panicked,
}

impl Outcome {
    /// The word in logs.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::ClientGone => "client_gone",
            Self::Refused => "refused",
            Self::UpstreamFailed => "upstream_failed",
            Self::Shutdown => "shutdown",
            Self::Panicked => "panicked",
        }
    }
}

/// An attempt that failed, and was followed by another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// Name of the provider.
    pub provider: Box<str>,
    /// The model, in the provider's words.
    pub model: Box<str>,
    /// Which of the provider's keys, counted from one.
    pub key: usize,
    /// The status of its answer, or the label of what went wrong.
    pub why: Box<str>,
    /// Microseconds that it took.
    pub took_us: u64,
}

/// What a request was, what became of it and what it used.
#[derive(Clone, Debug)]
pub struct Record {
    /// As in the answer's `x-request-id`.
    pub request_id: Box<str>,
    /// Name of the key; empty where the caller is not known.
    pub key: Box<str>,
    /// The model's name without alias and provider; what was asked for where it is none.
    pub model: Box<str>,
    /// What the provider calls it, where that is another name.
    pub upstream_model: Option<Box<str>>,
    /// Name of the provider; empty where none was chosen.
    pub provider: Box<str>,
    /// Path of the endpoint.
    pub path: &'static str,
    /// Whether the answer was to be a stream.
    pub stream: bool,
    /// Status of the answer; 499 where the client left before it had one.
    pub status: u16,
    /// How it ended.
    pub outcome: Outcome,
    /// What went wrong.
    pub error: Option<Error>,
    /// Requests sent upstream.
    pub attempts: u32,
    /// Those that failed and were followed by another.
    pub tried: Vec<Tried>,
    /// Tokens by class.
    pub usage: Usage,
    /// Whether the provider counted them. Otherwise `completion` counts the content events of a
    /// stream that broke off, and the rest is not known.
    pub usage_exact: bool,
    /// Bytes of the request's body.
    pub request_bytes: u64,
    /// Bytes of the answer's body.
    pub response_bytes: u64,
    /// Microseconds from the request's head to the answer's first byte.
    pub first_byte_us: Option<u64>,
    /// Microseconds from the request's head to its end.
    pub duration_us: u64,
    /// When it ended, in milliseconds since 1970 (UTC).
    pub unix_ms: u64,
}

impl Record {
    /// A request that has only just begun. Dropped like this, it was abandoned.
    #[must_use]
    pub fn new(request_id: Box<str>, path: &'static str) -> Self {
        Self {
            request_id,
            key: Box::default(),
            model: Box::default(),
            upstream_model: None,
            provider: Box::default(),
            path,
            stream: false,
            status: 499,
            outcome: Outcome::ClientGone,
            error: None,
            attempts: 0,
            tried: Vec::new(),
            usage: Usage::default(),
            usage_exact: false,
            request_bytes: 0,
            response_bytes: 0,
            first_byte_us: None,
            duration_us: 0,
            unix_ms: 0,
        }
    }

    /// What the provider calls the model.
    #[must_use]
    pub fn provider_model(&self) -> &str {
        self.upstream_model.as_deref().unwrap_or(&self.model)
    }
}
