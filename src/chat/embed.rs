//! Embeddings, in no provider's words.

use crate::chat::request::Extra;
use crate::chat::text::Json;
use crate::chat::text::Text;

/// What is to be turned into vectors.
#[derive(Clone, Debug, PartialEq)]
pub struct Request<'a> {
    /// As the client names it.
    pub model: Text<'a>,
    /// Each becomes one vector.
    pub inputs: Vec<Input<'a>>,
    /// Length of the vectors.
    pub dimensions: Option<u64>,
    /// Whether the client wants base64 of little-endian 32-bit floats in place of numbers.
    pub base64: bool,
    /// Who asks, as an opaque id.
    pub user: Option<Text<'a>>,
    /// What only one protocol has words for.
    pub extra: Vec<Extra<'a>>,
}

/// One input.
#[derive(Clone, Debug, PartialEq)]
pub enum Input<'a> {
    /// Text.
    Text(Text<'a>),
    /// Tokens of OpenAI's tokenizers, an array of numbers.
    Tokens(Json<'a>),
}

/// Vectors.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer<'a> {
    /// In the provider's words.
    pub model: Text<'a>,
    /// In the order of the inputs.
    pub vectors: Vec<Vector<'a>>,
    /// Tokens of all inputs, where the provider counts them.
    pub tokens: Option<u64>,
}

/// One vector, as it was written.
#[derive(Clone, Debug, PartialEq)]
pub enum Vector<'a> {
    /// An array of numbers.
    Numbers(Json<'a>),
    /// Base64 of little-endian 32-bit floats.
    Base64(Text<'a>),
}
