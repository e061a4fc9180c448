//! OpenAI's HTTP API (chat completions, embeddings, models), as read from the types of its Python
//! SDK 3.54.0.

pub mod chat;
pub mod error;
pub mod models;
pub mod request;
pub mod response;
pub mod stream;

use crate::chat::Protocol;
use crate::chat::Usage;
use crate::codec::json::Member;
use crate::codec::json::Value;

/// The endpoints served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `POST /v1/chat/completions`.
    Chat,
    /// `POST /v1/embeddings`.
    Embeddings,
    /// `POST /v1/messages`, Anthropic's.
    Messages,
    /// `POST /v1/messages/count_tokens`, Anthropic's.
    CountTokens,
}

impl Endpoint {
    /// The path clients use.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Embeddings => "/v1/embeddings",
            Self::Messages => "/v1/messages",
            Self::CountTokens => "/v1/messages/count_tokens",
        }
    }

    /// The protocol its clients speak.
    #[must_use]
    pub const fn protocol(self) -> Protocol {
        match self {
            Self::Chat | Self::Embeddings => Protocol::Openai,
            Self::Messages | Self::CountTokens => Protocol::Anthropic,
        }
    }

    /// Whether its answers can be streams.
    #[must_use]
    pub const fn streams(self) -> bool {
        matches!(self, Self::Chat | Self::Messages)
    }
}

/// Reads a `usage` object. What is missing is zero; what is no number is not counted.
#[must_use]
pub fn usage(object: Value<'_>) -> Usage {
    let mut usage = Usage::default();
    for member in object.members() {
        let _other = count(&member, &mut usage);
    }
    usage
}

/// Reads a member of a `usage` object. False if it is none of OpenAI's.
fn count(member: &Member<'_>, usage: &mut Usage) -> bool {
    let number = |value: Value<'_>| value.as_u64().unwrap_or(0);
    match member.key.raw() {
        b"prompt_tokens" => usage.prompt = number(member.value),
        b"completion_tokens" => usage.completion = number(member.value),
        b"prompt_tokens_details" => {
            for detail in member.value.members() {
                match detail.key.raw() {
                    b"cached_tokens" => usage.cached = number(detail.value),
                    b"cache_write_tokens" => usage.cache_write = number(detail.value),
                    b"audio_tokens" => usage.audio_prompt = number(detail.value),
                    _ => {}
                }
            }
        }
        b"completion_tokens_details" => {
            for detail in member.value.members() {
                match detail.key.raw() {
                    b"reasoning_tokens" => usage.reasoning = number(detail.value),
                    b"audio_tokens" => usage.audio_completion = number(detail.value),
                    _ => {}
                }
            }
        }
        _ => return false,
    }
    true
}
