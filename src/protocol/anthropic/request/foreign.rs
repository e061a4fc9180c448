//! What a conversation holds that Anthropic never said: thoughts and sources which the gateway
//! wrote for other providers' models. Anthropic refuses the whole request for one of them, so a
//! conversation that went on elsewhere for a turn must be read and written, not forwarded.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::chat::Facts;
use crate::chat::Protocol;
use crate::chat::ThinkingRule;
use crate::codec::json::Str;
use crate::codec::json::Value;
use crate::protocol::anthropic::are_made_up;
use crate::protocol::anthropic::signature;

/// One of these stands in every request that holds such a thing, and in few others.
static TRACES: LazyLock<[Finder<'static>; 2]> =
    LazyLock::new(|| ["thinking\"", "encrypted_index\""].map(Finder::new));

/// Whether a valid request for a model of `facts` holds anything that Anthropic did not say.
#[must_use]
pub fn holds_foreign(body: Value<'_>, facts: &Facts) -> bool {
    if TRACES.iter().all(|trace| trace.find(body.raw()).is_none()) {
        return false;
    }
    let messages = body.get("messages").into_iter().flat_map(Value::elements);
    let contents = messages.filter_map(|message| message.get("content"));
    contents.flat_map(Value::elements).any(|block| is_foreign(block, facts))
}

fn is_foreign(block: Value<'_>, facts: &Facts) -> bool {
    let text = |name: &str| block.get(name).and_then(Value::as_str);
    let by_another = |name: &str| match text(name).and_then(signature::read) {
        Some(signature) => signature.by != Protocol::Anthropic,
        // Claude signs what it thinks. Look-alikes do not, and want it back.
        None => facts.thinking != ThinkingRule::Unknown,
    };
    match text("type").map(Str::name).as_deref() {
        Some(b"thinking") => by_another("signature"),
        Some(b"redacted_thinking") => by_another("data"),
        Some(b"text") => block.get("citations").is_some_and(are_made_up),
        Some(_) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::holds_foreign;
    use crate::chat::Facts;
    use crate::chat::ThinkingRule;
    use crate::codec::json;

    /// Whether a Claude, and a model that is not known, cannot be sent a conversation with `block`.
    fn foreign(block: &str) -> (bool, bool) {
        let body = format!(
            r#"{{"thinking":{{"type":"adaptive"}},"messages":[
                {{"role":"user","content":"\"thinking\" and \"encrypted_index\""}},
                {{"content":[{{"type":"text","text":"a"}},{block}],"role":"assistant"}}]}}"#
        );
        let body = json::validate(body.as_bytes()).unwrap();
        let claude = Facts { thinking: ThinkingRule::Adaptive, ..Facts::default() };
        (holds_foreign(body, &claude), holds_foreign(body, &Facts::default()))
    }

    #[test]
    fn what_anthropic_never_said_is_found() {
        let (everywhere, for_claude, nowhere) = ((true, true), (true, false), (false, false));
        for (block, expected) in [
            (r#"{"type":"thinking","thinking":"hm","signature":"AbC="}"#, nowhere),
            (
                r#"{"type":"thinking","thinking":"hm","signature":"crabllm.gemini.AbC="}"#,
                everywhere,
            ),
            (r#"{"type":"thinking","thinking":"hm","signature":"crabllm.anthropic.A"}"#, nowhere),
            (r#"{"type":"thinking","thinking":"hm","signature":""}"#, for_claude),
            (r#"{"type":"thinking","thinking":"hm"}"#, for_claude),
            (r#"{"type":"redacted_thinking","data":"XyZ="}"#, nowhere),
            (r#"{"type":"redacted_thinking","data":"crabllm.bedrock.XyZ="}"#, everywhere),
            (r#"{"type":"tool_use","id":"t","name":"n","input":{"type":"thinking"}}"#, nowhere),
            (r#"{"type":"text","text":"t","citations":[]}"#, nowhere),
            (
                r#"{"type":"text","text":"t","citations":[{"cited_text":"","encrypted_index":"e"}]}"#,
                nowhere,
            ),
            (
                r#"{"type":"text","text":"t","citations":[{"cited_text":"","encrypted_index":""}]}"#,
                everywhere,
            ),
            (r#""crabllm.gemini.x""#, nowhere),
        ] {
            assert_eq!(foreign(block), expected, "{block}");
        }
    }

    #[test]
    fn what_is_no_conversation_holds_nothing() {
        for body in [r#"{"x":"thinking\""}"#, r#"{"messages":{"thinking":1}}"#, r#"["thinking"]"#] {
            let body = json::validate(body.as_bytes()).unwrap();
            assert!(!holds_foreign(body, &Facts::default()), "{body:?}");
        }
    }
}
