//! The wire formats of providers: bytes to the vocabulary and back. Pure: no clock, no randomness,
//! no socket.
//!
//! Every protocol is a folder with the same halves:
//!
//! | | |
//! |---|---|
//! | `request::read(body)` | a client's request into the vocabulary |
//! | `request::read_valid(body)` | the same of a body that was validated |
//! | `request::write(request, target, out, losses)` | the request for an upstream |
//! | `response::read(body, seed, sink)` | an upstream's whole answer, as events |
//! | `response::write(answer, seed, out)` | a whole answer for a client |
//! | `stream::Reader` | an upstream's stream, framing included, as events |
//! | `stream::Writer` | a stream for a client, framing included |
//! | `error::read(status, body)` | an upstream's refusal |
//! | `error::write(failure, out)` | a refusal for a client |
//!
//! So serving a format and calling it are one folder, and each half tests the other.

mod alike;
pub mod anthropic;
pub mod any;
pub mod bedrock;
mod described;
mod fields;
pub mod gemini;
pub mod given;
pub mod left_out;
pub mod ollama;
pub mod openai;
pub mod ours;
pub mod plain;
mod template;

use std::borrow::Cow;
use std::fmt;

use crate::chat::Facts;
use crate::codec::json;
use crate::codec::json::Value;
use crate::error::Error;
use crate::error::Kind;
use crate::protocol::plain::Lent;

/// What a writer of requests is told of the upstream.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The model, in the upstream's words.
    pub model: &'a str,
    /// What it takes.
    pub facts: &'a Facts,
    /// What its server knows of its protocol.
    pub dialect: Dialect,
    /// The client's body, if parts of it may be left out.
    pub lent: Option<&'a Lent<'a>>,
}

impl<'a> Target<'a> {
    /// A model of the protocol's own maker.
    #[must_use]
    pub fn new(model: &'a str, facts: &'a Facts) -> Self {
        Self { model, facts, dialect: Dialect::default(), lent: None }
    }
}

/// How much of OpenAI's protocol a server knows that speaks it; the others have no dialects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// Whether the limit of an answer is called `max_completion_tokens` where nothing is known of
    /// the model, and not `max_tokens`.
    pub max_completion_tokens: bool,
    /// Whether a stream may be asked for its usage (`stream_options`).
    pub stream_usage: bool,
    /// Who the request is for is told as this, if at all.
    pub end_user: Option<&'static str>,
    /// Whether what a message says may be a list of texts. It may always be one with images.
    pub text_lists: bool,
}

impl Default for Dialect {
    /// OpenAI's own.
    fn default() -> Self {
        let end_user = Some("safety_identifier");
        Self { max_completion_tokens: true, stream_usage: true, end_user, text_lists: true }
    }
}

impl Dialect {
    /// What servers know that look like OpenAI's.
    pub const COMMON: Self = Self {
        max_completion_tokens: false,
        stream_usage: true,
        end_user: Some("user"),
        text_lists: false,
    };
}

/// What readers and writers cannot know by themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seed {
    /// Unix seconds.
    pub now: u64,
    /// A random number, another one for each answer.
    pub random: u64,
}

impl Seed {
    /// An id of our own: `prefix` and 24 characters, the same for the same number `n`.
    #[must_use]
    pub fn id(self, prefix: &str, n: u64) -> String {
        const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        let mut id = String::with_capacity(prefix.len() + 24);
        id.push_str(prefix);
        for round in 0..2 {
            let mut bits = mix(self.random ^ mix(n.wrapping_mul(2).wrapping_add(round)));
            for _ in 0..12 {
                id.push(LETTERS.get((bits & 31) as usize).copied().unwrap_or(b'a').into());
                bits >>= 5;
            }
        }
        id
    }
}

/// The finalizer of `SplitMix64` (Steele, Lea, Flood 2014).
const fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// Validates a client's body, which must be an object.
///
/// # Errors
/// A 400 that names the byte.
pub fn valid(body: &[u8]) -> Result<Value<'_>, Error> {
    json::validate_object(body).map_err(|error| invalid(&error))
}

/// What a client is told whose body is no object.
pub fn invalid(error: &json::Error) -> Error {
    Error::new(Kind::BadRequest, format!("the request body: {error}"))
}

/// Appends all of what `write` does, or nothing where it fails.
fn whole(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), Error>,
) -> Result<(), Error> {
    let start = out.len();
    let result = write(out);
    if result.is_err() {
        out.truncate(start);
    }
    result
}

/// What an upstream sent is not what its protocol allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Garbage(pub Cow<'static, str>);

impl Garbage {
    /// What is wrong, and where.
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Garbage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Garbage {}

impl From<json::Error> for Garbage {
    fn from(error: json::Error) -> Self {
        Self(error.to_string().into())
    }
}

#[cfg(test)]
mod tests {
    use super::Seed;

    #[test]
    fn ids_are_their_own() {
        let seed = Seed { now: 0, random: 7 };
        let id = seed.id("call_", 0);
        assert_eq!(id.len(), 29);
        assert_eq!(id, seed.id("call_", 0));
        assert_ne!(id, seed.id("call_", 1));
        assert_ne!(id, Seed { now: 0, random: 8 }.id("call_", 0));
    }
}
