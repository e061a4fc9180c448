//! Ollama's own API (`/api/chat`, `/api/embed`), as read from the types of its Python client 0.6.3
//! and of its server 0.33: newline-delimited JSON, text and images apart, calls whole.

pub mod embed;
pub mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod line;
mod logprobs;
pub mod request;
pub mod response;
pub mod stream;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use crate::chat::Extra;
use crate::chat::Json;
use crate::chat::Protocol;
use crate::codec::json::Value;

/// A member that only this protocol has words for.
fn own<'a>(name: impl Into<Cow<'a, str>>, value: Value<'a>) -> Extra<'a> {
    Extra { by: Protocol::Ollama, name: name.into(), value: Json::of(value) }
}
