//! The recorded rows: which there are, and which of them are chats of what protocol.

use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use crabllm::chat::Protocol;
use serde_json::Value;

/// The families that hold chats, and whose they are where a row does not say.
pub const FAMILIES: [(&str, Protocol); 8] = [
    ("openai_chat", Protocol::Openai),
    ("openai_compatible", Protocol::Openai),
    ("azure", Protocol::Openai),
    ("anthropic", Protocol::Anthropic),
    ("gemini", Protocol::Gemini),
    ("vertex", Protocol::Gemini),
    ("bedrock", Protocol::Bedrock),
    ("ollama", Protocol::Ollama),
];

/// One exchange.
#[derive(Debug)]
pub struct Row {
    /// Where it comes from, to find it again.
    pub source: String,
    pub path: String,
    /// The model, where the path names it.
    pub model: Option<String>,
    pub request: Option<Value>,
    pub status: u16,
    pub body: Vec<u8>,
    /// What it is; none is no chat.
    pub protocol: Option<Protocol>,
    pub stream: bool,
    /// Whether it is a stream in the frames of AWS.
    pub framed: bool,
}

/// The folder of the rows, if there is one.
pub fn folder() -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/recorded");
    let folder = PathBuf::from(std::env::var_os("CRABLLM_RECORDED").unwrap_or(default.into()));
    folder.is_dir().then_some(folder)
}

/// The rows of a family.
pub fn rows(family: &str, usual: Protocol) -> Vec<Row> {
    let folder = folder().expect("a folder");
    let text = std::fs::read_to_string(folder.join(format!("{family}.jsonl"))).expect("a family");
    text.lines().map(|line| row(line, usual)).collect()
}

fn row(line: &str, usual: Protocol) -> Row {
    let row: Value = serde_json::from_str(line).expect("a row");
    let body = match row["body_b64"].as_str() {
        Some(text) => BASE64_STANDARD.decode(text).expect("base64"),
        None => row["body"].as_str().unwrap_or_default().as_bytes().to_vec(),
    };
    let path = row["path"].as_str().unwrap_or_default().to_owned();
    let kind = row["ctype"].as_str().unwrap_or_default();
    let stream = ["event-stream", "eventstream", "ndjson"].iter().any(|word| kind.contains(word));
    Row {
        source: row["src"].as_str().unwrap_or_default().to_owned(),
        request: row.get("req").filter(|request| request.is_object()).cloned(),
        status: row["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(0),
        protocol: if path.is_empty() { by_body(&body, usual) } else { by_path(&path) },
        stream,
        framed: kind.contains("amazon.eventstream"),
        model: model(&path),
        path,
        body,
    }
}

/// The model in a path: of Bedrock behind `/model/`, of Gemini behind `/models/`.
fn model(path: &str) -> Option<String> {
    let (_, behind) = path.split_once("/model/").or_else(|| path.split_once("/models/"))?;
    let name = behind.split('/').next()?.replace("%3A", ":").replace("%2F", "/");
    let end = name.find(":generate").or_else(|| name.find(":stream")).unwrap_or(name.len());
    name.get(..end).map(str::to_owned)
}

fn by_path(path: &str) -> Option<Protocol> {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let known = [
        ("/chat/completions", Protocol::Openai),
        ("/v1/messages", Protocol::Anthropic),
        (":generateContent", Protocol::Gemini),
        (":streamGenerateContent", Protocol::Gemini),
        ("/converse", Protocol::Bedrock),
        ("/converse-stream", Protocol::Bedrock),
        ("/api/chat", Protocol::Ollama),
    ];
    // A server that echoes what it is sent, no model.
    let echo = path.starts_with("/bin/");
    known.into_iter().find(|(end, _)| path.ends_with(end) && !echo).map(|(_, protocol)| protocol)
}

/// Rows without a path tell by their words.
fn by_body(body: &[u8], usual: Protocol) -> Option<Protocol> {
    let has = |words: &[u8]| body.windows(words.len()).any(|window| window == words);
    if usual == Protocol::Openai && !(has(b"\"chat.completion") || has(b"\"error\"")) {
        return None;
    }
    let anthropic = has(b"\"type\":\"message") || has(b"event: message_start");
    Some(if anthropic { Protocol::Anthropic } else { usual })
}
