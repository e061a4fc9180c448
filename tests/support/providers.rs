//! Configurations and answers of upstreams that do not speak OpenAI's protocol.

use crate::support::gateway::Setup;
use crate::support::http;
use crate::support::script::STREAM_HEAD;
use crate::support::script::Script;

/// One provider of each kind besides openai, all at the same scripted upstream.
pub fn every_kind(setup: Setup) -> Setup {
    let host = setup.base_url.trim_end_matches("/v1").to_owned();
    let bedrock = "region = \"eu-west-1\"\naccess_key = \"AKIDEXAMPLE\"\nsecret_key = \"secret\"";
    let tables = [
        ("claude", "anthropic", "", "api_key = \"sk-ant-up\""),
        ("gem", "google", "/v1beta", "api_key = \"goog-up\""),
        ("az", "azure", "", "api_key = \"az-up\""),
        ("rock", "bedrock", "", bedrock),
        ("llama", "ollama", "", ""),
    ]
    .map(|(name, kind, path, lines)| {
        format!(
            "[providers.{name}]\nkind = \"{kind}\"\nbase_url = \"{host}{path}\"\n\
             max_retries = 0\n{lines}\n"
        )
    });
    setup.tables(&tables.concat())
}

/// A whole answer of Anthropic's: text, 100 fresh + 20 cached + 10 written tokens in, 25 out.
pub const MESSAGE: &str = r#"{"id":"msg_up","type":"message","role":"assistant","model":"claude-x","content":[{"type":"text","text":"Hello from Claude."}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":100,"cache_creation_input_tokens":10,"cache_read_input_tokens":20,"output_tokens":25}}"#;

/// The same as events.
pub fn message_events() -> Vec<String> {
    let event =
        |name: &str, rest: &str| format!("event: {name}\ndata: {{\"type\":\"{name}\"{rest}}}\n\n");
    vec![
        event(
            "message_start",
            r#","message":{"id":"msg_up","type":"message","role":"assistant","model":"claude-x","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":100,"cache_creation_input_tokens":10,"cache_read_input_tokens":20,"output_tokens":1}}"#,
        ),
        event("content_block_start", r#","index":0,"content_block":{"type":"text","text":""}"#),
        event("ping", ""),
        event("content_block_delta", r#","index":0,"delta":{"type":"text_delta","text":"Hello "}"#),
        event(
            "content_block_delta",
            r#","index":0,"delta":{"type":"text_delta","text":"from Claude."}"#,
        ),
        event("content_block_stop", r#","index":0"#),
        event(
            "message_delta",
            r#","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":25}"#,
        ),
        event("message_stop", ""),
    ]
}

/// The bytes of the events' answer in chunked framing.
pub fn message_stream_bytes() -> Vec<u8> {
    let mut bytes = STREAM_HEAD.as_bytes().to_vec();
    message_events().iter().for_each(|event| bytes.extend(http::as_chunk(event.as_bytes())));
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

/// Answers as Anthropic does, whole or streamed by the request's own wish.
pub fn claude(stream: bool) -> Script {
    if stream { Script::stream(&message_events()) } else { Script::json(200, MESSAGE) }
}

/// A whole answer of Gemini's with a signed call.
pub const GEMINI_CALL: &str = r#"{"candidates":[{"index":0,"content":{"role":"model","parts":[{"functionCall":{"name":"get_weather","args":{"city":"Berlin"}},"thoughtSignature":"c2lnbmVk"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":4,"totalTokenCount":13},"modelVersion":"gemini-3-pro","responseId":"r1"}"#;

/// A whole answer of Gemini's with text.
pub const GEMINI_TEXT: &str = r#"{"candidates":[{"index":0,"content":{"role":"model","parts":[{"text":"Sunny."}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":4,"totalTokenCount":13},"modelVersion":"gemini-3-pro","responseId":"r2"}"#;

/// A whole answer of Converse.
pub const CONVERSE: &str = r#"{"metrics":{"latencyMs":5},"output":{"message":{"role":"assistant","content":[{"text":"Hello from Bedrock."}]}},"stopReason":"end_turn","usage":{"inputTokens":100,"outputTokens":25,"totalTokens":155,"cacheReadInputTokens":20,"cacheWriteInputTokens":10}}"#;

/// A whole answer of OpenAI's.
pub const COMPLETION: &str = r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hello from Azure."},"finish_reason":"stop"}],"usage":{"prompt_tokens":11,"completion_tokens":7,"total_tokens":18}}"#;

/// A whole answer of Ollama's.
pub const OLLAMA: &str = r#"{"model":"llama3","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant","content":"Hello from Ollama."},"done":true,"done_reason":"stop","prompt_eval_count":130,"eval_count":25}"#;
