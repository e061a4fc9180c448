//! AWS Bedrock's Converse and ConverseStream, as read from botocore's service model of 2023-09-30.
//!
//! The model and whether the answer is a stream are in the URL and not in the body: a reader of
//! requests leaves both to its caller. Signing a request is not done here.

pub mod count;
pub mod embed;
pub mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod media;
mod names;
pub mod request;
pub mod response;
mod signature;
pub mod stream;

#[cfg(test)]
mod tests;

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub use fuzz::fuzz;

use std::borrow::Cow;

use crate::chat::Extra;
use crate::chat::Finish;
use crate::chat::Json;
use crate::chat::Protocol;
use crate::chat::Text;
use crate::chat::Usage;
use crate::codec::json::Object;
use crate::codec::json::Str;
use crate::codec::json::Value;

/// The tool whose input is the answer, where a model cannot be held to a schema otherwise.
pub const FORMAT_TOOL: &str = "crabllm_json";

/// The name of a member, with escapes resolved.
fn name(key: Str<'_>) -> Cow<'_, [u8]> {
    if key.raw().contains(&b'\\') {
        Cow::Owned(key.decode().into_owned().into_bytes())
    } else {
        Cow::Borrowed(key.raw())
    }
}

/// A member that only Bedrock has words for.
fn extra<'a>(name: impl Into<Cow<'a, str>>, value: Value<'a>) -> Extra<'a> {
    Extra { by: Protocol::Bedrock, name: name.into(), value: Json::of(value) }
}

/// A constant that needs no escapes.
const fn fixed(text: &'static str) -> Text<'static> {
    Text::of(Str::trusted(text.as_bytes()))
}

/// Reads a `usage` object. What is missing is zero; what is no number is not counted.
fn read_usage(object: Value<'_>) -> Usage {
    let mut usage = Usage::default();
    for member in object.members() {
        let count = member.value.as_u64().unwrap_or(0);
        match &*member.key.name() {
            b"inputTokens" => usage.prompt = count,
            b"outputTokens" => usage.completion = count,
            b"cacheReadInputTokens" => usage.cached = count,
            b"cacheWriteInputTokens" => usage.cache_write = count,
            b"cacheDetails" => {
                let long = member.value.elements().filter(|detail| {
                    detail.get("ttl").and_then(Value::as_str).is_some_and(|ttl| ttl.is("1h"))
                });
                let counts = long.filter_map(|detail| detail.get("inputTokens")?.as_u64());
                usage.cache_write_long = counts.fold(0, u64::saturating_add);
            }
            _ => {}
        }
    }
    usage.prompt = usage.prompt.saturating_add(usage.cached).saturating_add(usage.cache_write);
    usage
}

/// Appends a `usage` object.
fn write_usage(usage: &Usage, out: &mut Vec<u8>) {
    let mut object = Object::open(out);
    object.number("inputTokens", usage.uncached());
    object.number("outputTokens", usage.completion);
    object.number("totalTokens", usage.prompt.saturating_add(usage.completion));
    if usage.cached > 0 || usage.cache_write > 0 {
        object.number("cacheReadInputTokens", usage.cached);
        object.number("cacheWriteInputTokens", usage.cache_write);
    }
    if usage.cache_write_long > 0 {
        let short = usage.cache_write.saturating_sub(usage.cache_write_long);
        let out = object.key("cacheDetails");
        for (open, ttl, tokens) in [("[", "1h", usage.cache_write_long), (",", "5m", short)] {
            out.extend_from_slice(open.as_bytes());
            let mut detail = Object::open(out);
            detail.word("ttl", ttl);
            detail.number("inputTokens", tokens);
            detail.close();
        }
        out.push(b']');
    }
    object.close();
}

/// Why a choice ended, and whether the word says more than [`Finish`] can: then it is kept as an extra.
fn read_stop(reason: Str<'_>) -> (Finish<'static>, bool) {
    match &*name(reason) {
        b"end_turn" => (Finish::Stop, false),
        b"stop_sequence" => (Finish::StopSequence(None), false),
        b"max_tokens" => (Finish::Length, false),
        b"model_context_window_exceeded" => (Finish::ContextFull, false),
        b"tool_use" => (Finish::Calls, false),
        b"content_filtered" => (Finish::Filtered, false),
        b"guardrail_intervened" => (Finish::Filtered, true),
        // What the model made was of no use, but it is all there is.
        _ => (Finish::Stop, true),
    }
}

const fn stop_word(reason: &Finish<'_>) -> &'static str {
    match reason {
        Finish::Stop | Finish::Paused => "end_turn",
        Finish::StopSequence(_) => "stop_sequence",
        Finish::Length => "max_tokens",
        Finish::ContextFull => "model_context_window_exceeded",
        Finish::Calls => "tool_use",
        Finish::Filtered | Finish::Refused => "content_filtered",
    }
}

/// A tool's name within the pattern of this protocol.
#[must_use]
pub fn tool_name<'t>(name: &'t crate::chat::Text<'_>) -> std::borrow::Cow<'t, str> {
    names::tool(name)
}
