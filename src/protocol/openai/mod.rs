//! OpenAI's HTTP API (chat completions, embeddings, models), as read from the types of its Python
//! SDK 3.54.0.

pub mod error;
pub mod models;
pub mod request;
pub mod response;
pub mod stream;

use crate::chat::Usage;
use crate::codec::json::Value;

/// The endpoints served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `POST /v1/chat/completions`.
    Chat,
    /// `POST /v1/embeddings`.
    Embeddings,
}

impl Endpoint {
    /// The path clients use.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Embeddings => "/v1/embeddings",
        }
    }

    /// What follows a base URL that ends in the version.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Chat => "/chat/completions",
            Self::Embeddings => "/embeddings",
        }
    }
}

/// Reads a `usage` object. What is missing is zero; what is no number is not counted.
#[must_use]
pub fn usage(object: Value<'_>) -> Usage {
    let count = |of: Value<'_>, key| of.get(key).and_then(Value::as_u64).unwrap_or(0);
    let detail = |group, key| object.get(group).map_or(0, |details| count(details, key));
    Usage {
        prompt: count(object, "prompt_tokens"),
        completion: count(object, "completion_tokens"),
        cached: detail("prompt_tokens_details", "cached_tokens"),
        cache_write: detail("prompt_tokens_details", "cache_write_tokens"),
        reasoning: detail("completion_tokens_details", "reasoning_tokens"),
    }
}
