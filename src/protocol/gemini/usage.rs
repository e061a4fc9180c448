//! `usageMetadata`. Google's prompt includes what was cached; its candidates exclude the thoughts.

use crate::chat::Usage;
use crate::codec::json::Value;
use crate::protocol::gemini::names;
use crate::protocol::gemini::out;

/// Reads it, and tells whether it says more than [`write()`] would. What is missing is zero.
pub(super) fn read(metadata: Value<'_>) -> (Usage, bool) {
    let (mut usage, mut tools, mut visible, mut more) = (Usage::default(), 0, 0, false);
    for member in metadata.members() {
        let count = || names::number(member.value).unwrap_or(0);
        match &*names::camel(member.key) {
            b"promptTokenCount" => usage.prompt = count(),
            b"candidatesTokenCount" => visible = count(),
            b"thoughtsTokenCount" => usage.reasoning = count(),
            b"cachedContentTokenCount" => usage.cached = count(),
            b"totalTokenCount" => {}
            b"toolUsePromptTokenCount" => {
                tools = count();
                more = true;
            }
            b"promptTokensDetails" => {
                usage.audio_prompt = sound(member.value);
                more = true;
            }
            b"candidatesTokensDetails" => {
                usage.audio_completion = sound(member.value);
                more = true;
            }
            _ => more = true,
        }
    }
    usage.prompt = usage.prompt.saturating_add(tools);
    usage.completion = usage.reasoning.saturating_add(visible);
    (usage, more)
}

/// The tokens of sound among the details.
fn sound(details: Value<'_>) -> u64 {
    let is_sound = |detail: &Value<'_>| {
        let modality = names::get(*detail, "modality").and_then(Value::as_str);
        modality.is_some_and(|modality| modality.is("AUDIO"))
    };
    let found = details.elements().find(is_sound);
    found.and_then(|detail| names::get(detail, "tokenCount")).and_then(names::number).unwrap_or(0)
}

/// Appends it as an object.
pub(super) fn write(usage: &Usage, out: &mut Vec<u8>) {
    out.push(b'{');
    out::number(out, "promptTokenCount", usage.prompt);
    if usage.cached > 0 {
        out::number(out, "cachedContentTokenCount", usage.cached);
    }
    out::number(out, "candidatesTokenCount", usage.completion.saturating_sub(usage.reasoning));
    if usage.reasoning > 0 {
        out::number(out, "thoughtsTokenCount", usage.reasoning);
    }
    let sounds = [
        ("promptTokensDetails", usage.audio_prompt, usage.prompt),
        (
            "candidatesTokensDetails",
            usage.audio_completion,
            usage.completion - usage.reasoning.min(usage.completion),
        ),
    ];
    for (name, sound, all) in sounds {
        if sound > 0 {
            out::name(out, name);
            let text = all.saturating_sub(sound);
            out.extend_from_slice(b"[");
            for (modality, count) in [("\"AUDIO\"", sound), ("\"TEXT\"", text)] {
                out::comma(out);
                out.push(b'{');
                out::raw(out, "modality", modality.as_bytes());
                out::number(out, "tokenCount", count);
                out.push(b'}');
            }
            out.push(b']');
        }
    }
    out::number(out, "totalTokenCount", usage.prompt.saturating_add(usage.completion));
    out.push(b'}');
}
