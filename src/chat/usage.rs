//! Tokens of one request, by the classes that have prices of their own.

/// Tokens as the provider counted them. The classes overlap as OpenAI's do: `prompt` includes
/// `cached` and `cache_write`, and `completion` includes `reasoning`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompt, all of them.
    pub prompt: u64,
    /// Tokens generated, reasoning included.
    pub completion: u64,
    /// Tokens of the prompt that came from the provider's cache.
    pub cached: u64,
    /// Tokens of the prompt that were written to the provider's cache.
    pub cache_write: u64,
    /// Those of `cache_write` that are kept for an hour or longer.
    pub cache_write_long: u64,
    /// Generated tokens that the client does not see.
    pub reasoning: u64,
    /// Tokens of the prompt that are sound.
    pub audio_prompt: u64,
    /// Generated tokens that are sound.
    pub audio_completion: u64,
}

impl Usage {
    /// Tokens of the prompt that the provider had to read and did not keep: Anthropic's and
    /// Bedrock's `input_tokens`.
    #[must_use]
    pub const fn uncached(&self) -> u64 {
        self.prompt.saturating_sub(self.cached).saturating_sub(self.cache_write)
    }
}

#[cfg(test)]
mod tests {
    use super::Usage;

    #[test]
    fn what_is_cached_is_not_read_again() {
        let usage = Usage { prompt: 130, cached: 20, cache_write: 10, ..Usage::default() };
        assert_eq!(usage.uncached(), 100);
        assert_eq!(Usage { cached: 1, ..Usage::default() }.uncached(), 0, "a provider's mistake");
    }
}
