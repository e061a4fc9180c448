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

/// A chat request, its keys in the order of the official clients (`messages` before `model`), of
/// exactly `bytes` bytes (at least about `MIN_BYTES`), streamed or not.
pub fn chat(bytes: usize, stream: bool) -> Vec<u8> {
    let bytes = bytes.max(MIN_BYTES);
    let mut messages = vec![
        json!({"role": "system", "content": "You are a careful reviewer. Answer in short sentences."}),
    ];
    loop {
        let left = bytes.saturating_sub(encode(&messages, "", stream).len());
        if left < 2 * MESSAGE {
            break;
        }
        let role = if messages.len() % 2 == 1 { "user" } else { "assistant" };
        messages.push(json!({"role": role, "content": text(MESSAGE, messages.len())}));
    }
    fill(&messages, bytes, stream)
}

/// Adds a last message that makes the body exactly `bytes` long: real text, then full stops, each
/// of which is one byte of JSON.
fn fill(messages: &[Value], bytes: usize, stream: bool) -> Vec<u8> {
    let mut left = bytes.saturating_sub(encode(messages, "", stream).len());
    let mut last = String::new();
    for character in text(2 * MESSAGE, messages.len()).chars() {
        let Some(after) = left.checked_sub(escaped_len(character)) else {
            break;
        };
        last.push(character);
        left = after;
    }
    last.extend(std::iter::repeat_n('.', left));
    encode(messages, &last, stream).into_bytes()
}

/// Bytes of one character of `TEXT` in a JSON string.
const fn escaped_len(character: char) -> usize {
    match character {
        '"' | '\\' | '\n' | '\t' => 2,
        other => other.len_utf8(),
    }
}

fn encode(messages: &[Value], last: &str, stream: bool) -> String {
    let mut messages = messages.to_vec();
    messages.push(json!({"role": "user", "content": last}));
    let mut body = json!({
        "model": MODEL,
        "messages": messages,
        "temperature": 0.7,
        "max_tokens": 512,
        "user": "team-42",
    });
    if stream && let Some(fields) = body.as_object_mut() {
        fields.insert("stream".into(), json!(true));
        fields.insert("stream_options".into(), json!({"include_usage": true}));
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

    #[test]
    fn a_body_is_json_of_exactly_the_size_asked_for() {
        for size in [512, 1_024, 4_096, 20_480, 204_800] {
            for stream in [false, true] {
                let body = chat(size, stream);
                assert_eq!(body.len(), size, "stream: {stream}");
                let value: Value = serde_json::from_slice(&body).unwrap();
                assert_eq!(value["model"], MODEL);
                assert_eq!(value["stream"], if stream { json!(true) } else { Value::Null });
                assert!(value["messages"].as_array().unwrap().len() >= 2);
            }
        }
    }

    #[test]
    fn a_large_body_has_many_messages_with_escapes_and_wide_characters() {
        let body = String::from_utf8(chat(204_800, false)).unwrap();
        let value: Value = serde_json::from_str(&body).unwrap();
        assert!(value["messages"].as_array().unwrap().len() > 50);
        assert!(body.matches("\\n").count() > 500);
        assert!(body.matches("\\\"").count() > 500);
        assert!(body.matches('\u{1f980}').count() > 100);
    }

    #[test]
    fn the_smallest_body_is_still_whole() {
        let value: Value = serde_json::from_slice(&chat(0, true)).unwrap();
        assert_eq!(value["stream_options"]["include_usage"], true);
    }
}
