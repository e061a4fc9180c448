//! The bytes the mock sends, made once at the start.

use serde_json::Value;
use serde_json::json;

use crate::mock::Counts;
use crate::prompt::MODEL;

const ID: &str = "chatcmpl-B9MHDbslfkBeAs8l4bebGdFO";
const CREATED: u64 = 1_741_570_283;

/// Words a stream is made of; the many lengths keep events between 180 and 200 bytes.
const WORDS: &[&str] = &[
    " the", " limit", " is", " read", " once", ",", " and", " each", " caller", " keeps", " its",
    " own", " budget", " until", " reload", ".",
];

/// A text of the length of a short answer.
const ANSWER: &str = "The change is sound. It reads the limits once, when the process starts, and \
    keeps them for its lifetime, so a reload needs a restart. Two inputs make it fail: a missing \
    file and a negative number; both are reported with the line they are on.";

/// Everything that can be sent without knowing more of the request.
#[derive(Debug)]
pub struct Pages {
    /// A whole chat completion, head and all.
    pub chat: Vec<u8>,
    /// A whole embeddings answer.
    pub embeddings: Vec<u8>,
    /// The head of a stream.
    pub stream_head: Vec<u8>,
    /// Content events, each a chunk of the transfer encoding.
    pub contents: Vec<Vec<u8>>,
    /// The event with the finish reason.
    pub finish: Vec<u8>,
    /// The event with the usage.
    pub usage: Vec<u8>,
    /// `[DONE]` and the last chunk.
    pub done: Vec<u8>,
    /// Refuses a request that cannot be read or is for no known path.
    pub bad_request: Vec<u8>,
    /// Refuses a request without the right key.
    pub unauthorized: Vec<u8>,
    /// Answers a change of the settings.
    pub ok: Vec<u8>,
}

impl Pages {
    /// Makes all of them.
    pub fn new() -> Self {
        let mut done = chunk("data: [DONE]\n\n");
        done.extend_from_slice(b"0\r\n\r\n");
        Self {
            chat: page("200 OK", &chat()),
            embeddings: page("200 OK", &embeddings()),
            stream_head: stream_head(),
            contents: WORDS.iter().map(|word| event(&json!({"content": word}), None)).collect(),
            finish: event(&json!({}), Some("stop")),
            usage: usage_event(),
            done,
            bad_request: page("400 Bad Request", &error("invalid_request_error", "bad request")),
            unauthorized: page("401 Unauthorized", &error("invalid_api_key", "wrong key")),
            ok: page("200 OK", &json!({"ok": true})),
        }
    }
}

/// The answer to /_mock/stats.
pub fn stats(counts: &Counts) -> Vec<u8> {
    let body = json!({
        "connections": counts.open,
        "accepted": counts.accepted,
        "requests": counts.requests,
        "request_bytes": counts.request_bytes,
        "streams_active": counts.streams_active,
        "streams_done": counts.streams_done,
        "streams_cut": counts.streams_cut,
        "bad_requests": counts.bad_requests,
    });
    page("200 OK", &body)
}

fn page(status: &str, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         x-request-id: req_6f0a4d1c2b3e\r\nopenai-processing-ms: 12\r\n\
         x-ratelimit-remaining-requests: 9999\r\n\r\n",
        body.len()
    );
    (head + &body).into_bytes()
}

fn stream_head() -> Vec<u8> {
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n\
      cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\
      x-request-id: req_6f0a4d1c2b3e\r\nopenai-processing-ms: 12\r\n\r\n"
        .to_vec()
}

fn chat() -> Value {
    json!({
        "id": ID,
        "object": "chat.completion",
        "created": CREATED,
        "model": MODEL,
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": ANSWER},
            "finish_reason": "stop",
        }],
        "usage": usage(),
        "system_fingerprint": "fp_44709d6fcb",
    })
}

fn usage() -> Value {
    json!({"prompt_tokens": 187, "completion_tokens": 54, "total_tokens": 241})
}

fn embeddings() -> Value {
    let vector: Vec<f64> = (0..64_i32).map(|n| f64::from(n - 32) / 1024.0).collect();
    json!({
        "object": "list",
        "model": MODEL,
        "data": [{"object": "embedding", "index": 0, "embedding": vector}],
        "usage": {"prompt_tokens": 187, "total_tokens": 187},
    })
}

fn error(code: &str, message: &str) -> Value {
    json!({"error": {"message": message, "type": code, "param": null, "code": code}})
}

fn event(delta: &Value, finish: Option<&str>) -> Vec<u8> {
    let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
    event_of(&json!({
        "id": ID,
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": MODEL,
        "choices": [choice],
    }))
}

fn usage_event() -> Vec<u8> {
    event_of(&json!({
        "id": ID,
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": MODEL,
        "choices": [],
        "usage": usage(),
    }))
}

fn event_of(body: &Value) -> Vec<u8> {
    chunk(&format!("data: {body}\n\n"))
}

/// One chunk of the transfer encoding.
fn chunk(data: &str) -> Vec<u8> {
    format!("{:x}\r\n{data}\r\n", data.len()).into_bytes()
}
