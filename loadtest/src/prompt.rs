//! Chat requests of an exact size, made like those of real applications.

use serde_json::Value;
use serde_json::json;

/// The model every scenario asks for.
pub const MODEL: &str = "mock-gpt";

/// The smallest body there is; a smaller wish gets this many bytes or a few more.
pub const MIN_BYTES: usize = 320;

/// Characters in a long message. Real histories hold files, logs and answers of about this size.
const MESSAGE: usize = 1_800;

/// Text with what makes JSON strings slow: quotes, newlines, backslashes, and characters of two,
/// three and four bytes.
const TEXT: &str = "Please review this change before Friday. It reads \"limits.toml\" and says:\n\
    \tfn parse(path: &str) -> Result<Limits, Error> { read(path)?.parse() }\n\
    The path on the other machine is C:\\srv\\gateway\\limits.toml, and the r\u{e9}sum\u{e9} of the \
    na\u{ef}ve run (\u{3b1} = 0.05) \u{2014} \u{201c}fine\u{201d} \u{2014} is attached. \
    \u{4f60}\u{597d}\u{ff0c}\u{8bf7}\u{68c0}\u{67e5}\u{4ee3}\u{7801}\u{3002} \u{1f980}\n\n\
    1. Which inputs make it fail, and what does the caller see?\n\
    2. Is there a faster way that is as plain?\n";

/// Anthropic's path; every other one is OpenAI's.
pub const MESSAGES: &str = "/v1/messages";

/// What the model is told to be.
const SYSTEM: &str = "You are a careful reviewer. Answer in short sentences.";

/// Whose format a request is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Openai,
    Anthropic,
}

/// A chat request for `path`, its keys in the order of the official clients (`messages` before `model`), of
/// exactly `bytes` bytes (at least about `MIN_BYTES`), streamed or not.
pub fn chat(path: &str, bytes: usize, stream: bool) -> Vec<u8> {
    let format = if path == MESSAGES { Format::Anthropic } else { Format::Openai };
    let bytes = bytes.max(MIN_BYTES);
    let mut turns = Vec::new();
    loop {
        let left = bytes.saturating_sub(encode(format, &turns, "", stream).len());
        if left < 2 * MESSAGE {
            break;
        }
        let role = if turns.len() % 2 == 0 { "user" } else { "assistant" };
        turns.push(json!({"role": role, "content": text(MESSAGE, turns.len() + 1)}));
    }
    fill(format, &turns, bytes, stream)
}

/// Adds a last message that makes the body exactly `bytes` long: real text, then full stops, each
/// of which is one byte of JSON.
fn fill(format: Format, turns: &[Value], bytes: usize, stream: bool) -> Vec<u8> {
    let mut left = bytes.saturating_sub(encode(format, turns, "", stream).len());
    let mut last = String::new();
    for character in text(2 * MESSAGE, turns.len() + 1).chars() {
        let Some(after) = left.checked_sub(escaped_len(character)) else {
            break;
        };
        last.push(character);
        left = after;
    }
    last.extend(std::iter::repeat_n('.', left));
    encode(format, turns, &last, stream).into_bytes()
}

/// Bytes of one character of `TEXT` in a JSON string.
const fn escaped_len(character: char) -> usize {
    match character {
        '"' | '\\' | '\n' | '\t' => 2,
        other => other.len_utf8(),
    }
}

fn encode(format: Format, turns: &[Value], last: &str, stream: bool) -> String {
    let mut messages = turns.to_vec();
    messages.push(json!({"role": "user", "content": last}));
    let mut body = match format {
        Format::Openai => {
            messages.insert(0, json!({"role": "system", "content": SYSTEM}));
            json!({
                "messages": messages,
                "model": MODEL,
                "temperature": 0.7,
                "max_tokens": 512,
                "user": "team-42",
            })
        }
        Format::Anthropic => json!({
            "max_tokens": 512,
            "messages": messages,
            "model": MODEL,
            "metadata": {"user_id": "team-42"},
            "system": SYSTEM,
            "temperature": 0.7,
        }),
    };
    if stream && let Some(fields) = body.as_object_mut() {
        fields.insert("stream".into(), json!(true));
        if format == Format::Openai {
            fields.insert("stream_options".into(), json!({"include_usage": true}));
        }
    }
    body.to_string()
}

/// `length` characters of text that differ from message to message.
fn text(length: usize, turn: usize) -> String {
    TEXT.chars().cycle().skip(turn * 37 % TEXT.len()).take(length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAT: &str = "/v1/chat/completions";

    #[test]
    fn a_body_is_json_of_exactly_the_size_asked_for() {
        for size in [512, 1_024, 4_096, 20_480, 204_800] {
            for (path, stream) in [(CHAT, false), (CHAT, true), (MESSAGES, false), (MESSAGES, true)]
            {
                let body = chat(path, size, stream);
                assert_eq!(body.len(), size, "{path}, stream: {stream}");
                let value: Value = serde_json::from_slice(&body).unwrap();
                assert_eq!(value["model"], MODEL);
                assert_eq!(value["stream"], if stream { json!(true) } else { Value::Null });
                assert!(!value["messages"].as_array().unwrap().is_empty());
            }
        }
    }

    #[test]
    fn each_format_has_its_own_place_for_instructions_and_user() {
        let openai: Value = serde_json::from_slice(&chat(CHAT, 1_024, false)).unwrap();
        assert_eq!(openai["messages"][0], json!({"role": "system", "content": SYSTEM}));
        assert_eq!(openai["user"], "team-42");
        let anthropic: Value = serde_json::from_slice(&chat(MESSAGES, 1_024, true)).unwrap();
        assert_eq!(anthropic["messages"][0]["role"], "user");
        assert_eq!(anthropic["system"], SYSTEM);
        assert_eq!(anthropic["metadata"], json!({"user_id": "team-42"}));
        assert_eq!(anthropic.get("user"), None);
        assert_eq!(anthropic.get("stream_options"), None);
    }

    #[test]
    fn a_large_body_has_many_messages_with_escapes_and_wide_characters() {
        let body = String::from_utf8(chat(CHAT, 204_800, false)).unwrap();
        let value: Value = serde_json::from_str(&body).unwrap();
        assert!(value["messages"].as_array().unwrap().len() > 50);
        assert!(body.matches("\\n").count() > 500);
        assert!(body.matches("\\\"").count() > 500);
        assert!(body.matches('\u{1f980}').count() > 100);
    }

    #[test]
    fn the_smallest_body_is_still_whole() {
        let value: Value = serde_json::from_slice(&chat(CHAT, 0, true)).unwrap();
        assert_eq!(value["stream_options"]["include_usage"], true);
    }
}
