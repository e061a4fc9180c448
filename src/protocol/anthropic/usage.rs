//! Tokens: Anthropic's `input_tokens` leave out what was read from or written to the cache.

use crate::chat::Usage;
use crate::codec::json::Object;
use crate::codec::json::Value;
use crate::protocol::anthropic::present;

/// Tokens as Anthropic counts them. A stream tells of them several times, not always of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    input: u64,
    cached: u64,
    written: u64,
    written_long: u64,
    output: u64,
    thinking: u64,
}

impl Tokens {
    /// Reads a `usage` object. What it does not tell stays as it was; what is no number is not counted.
    pub fn read(&mut self, object: Value<'_>) {
        for member in present(object) {
            let place = match &*member.key.name() {
                b"input_tokens" => &mut self.input,
                b"cache_read_input_tokens" => &mut self.cached,
                b"cache_creation_input_tokens" => &mut self.written,
                b"output_tokens" => &mut self.output,
                b"cache_creation" => {
                    let long = member.value.get("ephemeral_1h_input_tokens");
                    self.written_long = count(long).unwrap_or(self.written_long);
                    continue;
                }
                b"output_tokens_details" => {
                    let thinking = member.value.get("thinking_tokens");
                    self.thinking = count(thinking).unwrap_or(self.thinking);
                    continue;
                }
                _ => continue,
            };
            *place = count(Some(member.value)).unwrap_or(*place);
        }
    }

    /// In the words of all protocols.
    pub fn usage(&self) -> Usage {
        Usage {
            prompt: self.input.saturating_add(self.cached).saturating_add(self.written),
            completion: self.output,
            cached: self.cached,
            cache_write: self.written,
            cache_write_long: self.written_long.min(self.written),
            reasoning: self.thinking.min(self.output),
            audio_prompt: 0,
            audio_completion: 0,
        }
    }
}

fn count(value: Option<Value<'_>>) -> Option<u64> {
    value.and_then(Value::as_u64)
}

/// Appends a `usage` object.
pub fn write(usage: &Usage, out: &mut Vec<u8>) {
    let mut object = Object::open(out);
    object.number("input_tokens", usage.uncached());
    object.number("cache_creation_input_tokens", usage.cache_write);
    object.number("cache_read_input_tokens", usage.cached);
    if usage.cache_write_long > 0 {
        let short = usage.cache_write.saturating_sub(usage.cache_write_long);
        let mut kept = Object::open(object.key("cache_creation"));
        kept.number("ephemeral_5m_input_tokens", short);
        kept.number("ephemeral_1h_input_tokens", usage.cache_write_long);
        kept.close();
    }
    object.number("output_tokens", usage.completion);
    if usage.reasoning > 0 {
        let mut details = Object::open(object.key("output_tokens_details"));
        details.number("thinking_tokens", usage.reasoning);
        details.close();
    }
    object.close();
}
