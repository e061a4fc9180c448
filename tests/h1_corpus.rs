//! HTTP/1.1 inputs that parsers get wrong, at a real gateway in front of a strict upstream.
//!
//! Requests: nothing ambiguous and nothing extra may reach the upstream, and every refusal is an
//! error status and a close. Responses: no answer may bleed into another exchange. The inputs are the
//! project's own table, and the file `h1.jsonl` of the folder named by `CRABLLM_H1_CORPUS` (default
//! `../shared/corpora`) where there is one.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "a test may block, lock, look at the clock and give up"
)]

#[expect(dead_code, reason = "the end-to-end tests use the rest")]
#[path = "support/mod.rs"]
mod support;

#[path = "h1_corpus/judge.rs"]
mod judge;
#[path = "h1_corpus/requests.rs"]
mod requests;
#[path = "h1_corpus/responses.rs"]
mod responses;
#[path = "h1_corpus/table.rs"]
mod table;

use std::path::PathBuf;

use serde_json::Value;

/// One input of the outside corpus.
struct Payload {
    id: String,
    bytes: Vec<u8>,
}

/// The outside corpus, its requests or its responses; empty when the folder is not there.
fn corpus(kind: &str) -> Vec<Payload> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpora");
    let folder = std::env::var_os("CRABLLM_H1_CORPUS").unwrap_or_else(|| default.into());
    let file = PathBuf::from(folder).join("h1.jsonl");
    let Ok(text) = std::fs::read_to_string(&file) else {
        println!("no corpus at {}: the own table alone is used", file.display());
        return Vec::new();
    };
    let payload = |line: &str| {
        let row: Value = serde_json::from_str(line).expect("a line of the corpus");
        let field = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let payload = Payload { id: field("id"), bytes: from_base64(&field("b64")) };
        (field("kind") == kind).then_some(payload)
    };
    let found: Vec<Payload> = text.lines().filter_map(payload).collect();
    println!("{} {kind} payloads from {}", found.len(), file.display());
    found
}

/// Standard base64.
fn from_base64(text: &str) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => Some(u32::from(byte - b'A')),
        b'a'..=b'z' => Some(u32::from(byte - b'a') + 26),
        b'0'..=b'9' => Some(u32::from(byte - b'0') + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let digits: Vec<u32> = text.bytes().filter_map(digit).collect();
    let mut out = Vec::new();
    for group in digits.chunks(4) {
        let bits = group.iter().fold(0, |bits, digit| bits << 6 | digit) << (6 * (4 - group.len()));
        let bytes = bits.to_be_bytes();
        out.extend_from_slice(&bytes[1..group.len()]);
    }
    out
}

#[test]
fn base64_is_read() {
    assert_eq!(from_base64("aGVsbG8="), b"hello");
    assert_eq!(from_base64("aGVsbA=="), b"hell");
    assert_eq!(from_base64("/+8B"), [0xff, 0xef, 0x01]);
}
