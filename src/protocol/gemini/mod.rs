//! Google's Gemini API: `generateContent`, `streamGenerateContent?alt=sse`, `countTokens` and
//! `batchEmbedContents`, as read from the types of its Python SDK 3.4.0. Vertex differs by URL only.

pub mod count;
pub mod embed;
pub mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod logprobs;
mod names;
mod out;
mod pairs;
mod part;
mod reading;
mod reason;
pub mod request;
pub mod response;
mod schema;
mod sources;
pub mod stream;
mod usage;

#[cfg(test)]
mod tests;

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub use fuzz::fuzz;

/// A tool's name within the pattern of this protocol.
#[must_use]
pub fn tool_name<'t>(name: &'t crate::chat::Text<'_>) -> std::borrow::Cow<'t, str> {
    std::borrow::Cow::Owned(names::legal(&name.decode()).into_owned())
}
