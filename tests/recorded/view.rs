//! An answer as a JSON tree, so that it can be compared but for the fields that are known to be
//! lost, and shown where it differs.

use crabllm::chat::Answer;
use crabllm::chat::Choice;
use crabllm::chat::Citation;
use crabllm::chat::Extra;
use crabllm::chat::Failure;
use crabllm::chat::Finish;
use crabllm::chat::Said;
use crabllm::chat::Signature;
use crabllm::chat::Text;
use crabllm::chat::Usage;
use serde_json::Value;
use serde_json::json;

/// All of an answer.
pub fn answer(answer: &Answer<'_>) -> Value {
    let start = &answer.start;
    json!({
        "id": said(&start.id),
        "model": said(&start.model),
        "created": start.created,
        "choices": answer.choices.iter().map(choice).collect::<Vec<_>>(),
        "usage": answer.usage.map(|usage| self::usage(&usage)),
        "extra": extras(&answer.extra),
        "failure": answer.failure.as_ref().map(failure),
        "complete": answer.complete,
    })
}

fn said(text: &Text<'_>) -> String {
    text.decode().into_owned()
}

fn tree(text: &[u8]) -> Value {
    serde_json::from_slice(text).unwrap_or_else(|_| String::from_utf8_lossy(text).into())
}

fn extras(extras: &[Extra<'_>]) -> Value {
    let pair = |extra: &Extra<'_>| {
        let name = format!("{}.{}", extra.by.as_str(), extra.name);
        (name, tree(extra.value.raw()))
    };
    extras.iter().map(pair).collect::<serde_json::Map<_, _>>().into()
}

fn signature(signature: &Signature<'_>) -> String {
    format!("{}.{}", signature.by.as_str(), signature.data.decode())
}

fn choice(choice: &Choice<'_>) -> Value {
    let mut parts: Vec<Value> = Vec::new();
    for part in choice.parts.iter().map(part) {
        let joined = parts.last_mut().is_some_and(|last| join(last, &part));
        if !joined {
            parts.push(part);
        }
    }
    json!({
        "parts": parts,
        "finish": choice.finish.as_ref().map(finish),
        "logprobs": choice.logprobs.iter().map(|value| tree(value.raw())).collect::<Vec<_>>(),
        "extra": extras(&choice.extra),
    })
}

/// Joins two neighbours that say no more than text, or thinking without a signature.
pub fn join(last: &mut Value, next: &Value) -> bool {
    for kind in ["text", "thinking", "refusal"] {
        let (Some(one), Some(other)) = (last.get(kind), next.get(kind)) else { continue };
        let signed = |name: &str| last.get(name).is_some_and(|it| !it.is_null());
        if signed("signature") || signed("text_signature") {
            return false;
        }
        let both = format!("{}{}", one.as_str().unwrap_or(""), other.as_str().unwrap_or(""));
        let mut citations = last["citations"].as_array().cloned().unwrap_or_default();
        citations.extend(next["citations"].as_array().cloned().unwrap_or_default());
        last["citations"] = citations.into();
        for name in ["signature", "text_signature"] {
            last[name] = next[name].clone();
        }
        last[kind] = both.into();
        return true;
    }
    false
}

fn part(part: &Said<'_>) -> Value {
    match part {
        Said::Text { text, citations, signature } => json!({
            "text": said(text),
            "citations": citations.iter().map(citation).collect::<Vec<_>>(),
            "text_signature": signature.as_ref().map(self::signature),
        }),
        Said::Refusal(text) => json!({ "refusal": said(text) }),
        Said::Thinking { text, signature } => json!({
            "thinking": said(text),
            "signature": signature.as_ref().map(self::signature),
        }),
        Said::Redacted(data) => json!({ "redacted": self::signature(data) }),
        Said::Call { id, name, arguments, custom, signature } => json!({
            "call": said(name),
            "id": said(id),
            "arguments": call_arguments(&arguments.json(), *custom),
            "custom": custom,
            "call_signature": signature.as_ref().map(self::signature),
        }),
    }
}

/// None at all are an empty object.
fn call_arguments(json: &[u8], custom: bool) -> Value {
    match json {
        _ if custom => String::from_utf8_lossy(json).into(),
        b"" => json!({}),
        json => tree(json),
    }
}

fn citation(citation: &Citation<'_>) -> Value {
    json!({
        "url": said(&citation.url),
        "title": citation.title.as_ref().map(said),
        "range": citation.range.map(|(from, to)| vec![from, to]),
    })
}

/// The word for a finish.
pub fn finish(finish: &Finish<'_>) -> Value {
    match finish {
        Finish::Stop => json!("stop"),
        Finish::StopSequence(text) => json!({ "sequence": text.as_ref().map(said), "was": "stop" }),
        Finish::Length => json!("length"),
        Finish::ContextFull => json!("context"),
        Finish::Calls => json!("calls"),
        Finish::Filtered => json!("filtered"),
        Finish::Refused => json!("refused"),
        Finish::Paused => json!("paused"),
    }
}

/// Tokens by class.
pub fn usage(usage: &Usage) -> Value {
    json!({
        "prompt": usage.prompt,
        "completion": usage.completion,
        "cached": usage.cached,
        "cache_write": usage.cache_write,
        "cache_write_long": usage.cache_write_long,
        "reasoning": usage.reasoning,
        "audio_prompt": usage.audio_prompt,
        "audio_completion": usage.audio_completion,
    })
}

fn failure(failure: &Failure<'_>) -> Value {
    json!({
        "status": failure.status,
        "class": format!("{:?}", failure.class),
        "message": said(&failure.message),
        "kind": failure.kind.as_ref().map(said),
        "code": failure.code.as_ref().map(said),
        "param": failure.param.as_ref().map(said),
        "retry_after_ms": failure.retry_after_ms,
    })
}
