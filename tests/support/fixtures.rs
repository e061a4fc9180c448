//! The answers and requests that most tests share.

/// The client's key in every test configuration.
pub const KEY: &str = "sk-crab-test-0123456789abcdef";

/// The provider's key in every test configuration; it must never reach a client.
pub const UPSTREAM_KEY: &str = "sk-upstream-fedcba9876543210";

/// A whole chat answer with usage.
pub const COMPLETION: &str = concat!(
    r#"{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"real-model","#,
    r#""choices":[{"index":0,"message":{"role":"assistant","content":"H\u00e9llo \"you\"\n"},"#,
    r#""logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":11,"#,
    r#""completion_tokens":7,"total_tokens":18,"prompt_tokens_details":{"cached_tokens":4},"#,
    r#""completion_tokens_details":{"reasoning_tokens":3}},"vendor_extra":{"kept":[1.0,1e400]}}"#
);

/// A whole embeddings answer.
pub const EMBEDDING: &str = concat!(
    r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.25,-1.5]}],"#,
    r#""model":"embed-model","usage":{"prompt_tokens":5,"total_tokens":5}}"#
);

/// A chat request for `model`, streaming or not, with something of its own in `user`.
pub fn ask(model: &str, stream: bool, user: &str) -> String {
    format!(
        concat!(
            r#"{{"model":"{}","stream":{},"messages":[{{"role":"user","content":"hi"}}],"#,
            r#""user":"{}"}}"#
        ),
        model, stream, user
    )
}

/// A whole answer whose content is `content` (no escapes needed).
pub fn completion(content: &str) -> String {
    COMPLETION.replace(r#"H\u00e9llo \"you\"\n"#, content)
}

/// One chunk of a stream with the given delta and finish reason, as an event.
pub fn chunk(delta: &str, finish: &str) -> String {
    format!(
        concat!(
            r#"data: {{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"#,
            r#""model":"real-model","choices":[{{"index":0,"delta":{},"finish_reason":{}}}]}}"#,
            "\n\n"
        ),
        delta, finish
    )
}

/// The chunk that carries only usage.
pub fn usage_chunk() -> String {
    concat!(
        r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"#,
        r#""model":"real-model","choices":[],"usage":{"prompt_tokens":11,"completion_tokens":7,"#,
        r#""total_tokens":18,"prompt_tokens_details":{"cached_tokens":4},"#,
        r#""completion_tokens_details":{"reasoning_tokens":3}}}"#,
        "\n\n"
    )
    .to_owned()
}

/// The events of a complete stream of `words` words; the usage chunk is the last but one.
pub fn stream(words: usize) -> Vec<String> {
    let mut events = vec![chunk(r#"{"role":"assistant","content":""}"#, "null")];
    events.extend((0..words).map(|n| chunk(&format!(r#"{{"content":"w{n} "}}"#), "null")));
    events.push(chunk("{}", r#""stop""#));
    events.push(usage_chunk());
    events.push("data: [DONE]\n\n".to_owned());
    events
}
