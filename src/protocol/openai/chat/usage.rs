//! Tokens, as OpenAI and those who look like it count them.

use crate::chat::Usage;
use crate::codec::json::Object;
use crate::codec::json::Value;
use crate::protocol::openai;

/// Reads a `usage` object.
pub(super) fn read(object: Value<'_>) -> Usage {
    let (mut usage, mut total, mut loose, mut cached) = (Usage::default(), None, 0, 0);
    for member in object.members() {
        if openai::count(&member, &mut usage) {
            continue;
        }
        let count = || member.value.as_u64().unwrap_or(0);
        match member.key.raw() {
            b"total_tokens" => total = member.value.as_u64(),
            b"reasoning_tokens" => loose = count(),
            // DeepSeek, Moonshot and Mistral, in this order.
            b"prompt_cache_hit_tokens" | b"cached_tokens" | b"num_cached_tokens" if cached == 0 => {
                cached = count();
            }
            _ => {}
        }
    }
    if usage.cached == 0 {
        usage.cached = cached;
    }
    usage.reasoning = usage.reasoning.max(loose);
    // Some (xAI) count reasoning beside the completion; only their total tells.
    let apart = usage.prompt.checked_add(usage.completion);
    let apart = apart.and_then(|sum| sum.checked_add(usage.reasoning));
    if usage.reasoning > 0 && total.is_some() && apart == total {
        usage.completion = usage.completion.saturating_add(usage.reasoning);
    }
    usage
}

/// Appends a `usage` object.
pub(super) fn write(usage: &Usage, out: &mut Vec<u8>) {
    let mut object = Object::open(out);
    object.number("prompt_tokens", usage.prompt);
    object.number("completion_tokens", usage.completion);
    object.number("total_tokens", usage.prompt.saturating_add(usage.completion));
    let mut prompt = Object::open(object.key("prompt_tokens_details"));
    prompt.number("cached_tokens", usage.cached);
    prompt.number("cache_write_tokens", usage.cache_write);
    prompt.number("audio_tokens", usage.audio_prompt);
    prompt.close();
    let mut completion = Object::open(object.key("completion_tokens_details"));
    completion.number("reasoning_tokens", usage.reasoning);
    completion.number("audio_tokens", usage.audio_completion);
    completion.number("accepted_prediction_tokens", 0);
    completion.number("rejected_prediction_tokens", 0);
    completion.close();
    object.close();
}
