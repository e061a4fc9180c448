//! Tokens of one request, by the classes that have prices of their own.

/// Tokens as the provider counted them. The classes overlap as OpenAI's do: `prompt` includes
/// `cached`, and `completion` includes `reasoning`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompt, cached reads included.
    pub prompt: u64,
    /// Tokens generated, reasoning included.
    pub completion: u64,
    /// Tokens of the prompt that came from the provider's cache.
    pub cached: u64,
    /// Tokens of the prompt that were written to the provider's cache.
    pub cache_write: u64,
    /// Generated tokens that the client does not see.
    pub reasoning: u64,
}
