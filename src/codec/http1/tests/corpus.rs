//! Recorded attacks on framing. What the codec lets through is read a second time by a suspicious
//! reader below, which shares no code with it and takes a name for a framing field if any peer
//! could; both must find the same end of the message.
//!
//! `CRABLLM_H1_CORPUS` names a file of JSON lines: `kind` is `req` or `resp`, `b64` the bytes,
//! `expect` one of `accept`, `reject` and `reject|normalise`. Without it the table here is used.

use serde_json::Value;

use crate::codec::http1::Body;
use crate::codec::http1::ChunkDecoder;
use crate::codec::http1::Limits;
use crate::codec::http1::RequestHead;
use crate::codec::http1::RequestParser;
use crate::codec::http1::ResponseBody;
use crate::codec::http1::ResponseHead;
use crate::codec::http1::ResponseParser;

/// Requests that must be refused, the classics of request smuggling.
const ATTACKS: [&str; 16] = [
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nG",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\u{b}chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\n: chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nX: x\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nX: x\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n",
    "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
];

/// A message taken as far as the codec goes.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Refused(String),
    /// The bytes end before the head or its chunked body does.
    Unfinished,
    /// Framed by: a length, chunks, nothing, or the end of the connection.
    Read {
        head: usize,
        length: Option<u64>,
        chunked: bool,
    },
}

#[test]
fn no_attack_gets_through() {
    for attack in ATTACKS {
        for step in [usize::MAX, 1, 3] {
            let verdict = judge(attack.as_bytes(), true, step);
            assert!(matches!(verdict, Verdict::Refused(_)), "{verdict:?}: {attack:?}");
        }
    }
}

#[test]
fn recorded_messages() {
    let path = std::env::var_os("CRABLLM_H1_CORPUS").filter(|path| !path.is_empty());
    let Some(path) = path else {
        eprintln!("CRABLLM_H1_CORPUS is not set: only the table of this file is tested");
        return;
    };
    let file = std::path::Path::new(&path).join("h1.jsonl");
    let text = std::fs::read_to_string(file).unwrap();
    let (mut refused, mut normalised, mut unfinished) = (0, 0, 0);
    for line in text.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let input = from_base64(row["b64"].as_str().unwrap());
        let is_request = row["kind"] == "req";
        let verdict = judge(&input, is_request, usize::MAX);
        for step in [1, 2, 7] {
            let cut = judge(&input, is_request, step);
            assert_eq!(cut, verdict, "{} in steps of {step}", row["id"]);
        }
        match verdict {
            Verdict::Refused(_) => refused += 1,
            Verdict::Unfinished => unfinished += 1,
            Verdict::Read { head, length, chunked } => {
                normalised += 1;
                let seen = suspect(&input[..head]);
                assert_eq!(seen, Ok((length, chunked)), "{}", row["id"]);
                let harmless = row["expect"] != "reject" || is_harmless(&row["id"]);
                assert!(harmless, "{} let through: {}", row["id"], input.escape_ascii());
            }
        }
    }
    eprintln!("{refused} refused, {normalised} read, {unfinished} unfinished");
    assert!(refused > normalised, "is this the corpus of attacks?");
}

/// Reads one message in steps of so many bytes.
fn judge(input: &[u8], is_request: bool, step: usize) -> Verdict {
    let result = if is_request { request(input, step) } else { response(input, step) };
    match result {
        Ok(verdict) => verdict,
        Err(refusal) => Verdict::Refused(refusal),
    }
}

fn request(input: &[u8], step: usize) -> Result<Verdict, String> {
    let (mut parser, mut head) = (RequestParser::new(), RequestHead::default());
    for end in ends(input.len(), step) {
        let complete = parser.parse(&input[..end], &Limits::default(), &mut head);
        if complete.map_err(|error| error.to_string())? {
            let (length, chunked) = match head.body {
                Body::None => (None, false),
                Body::Length(length) => (Some(length), false),
                Body::Chunked => (None, true),
            };
            return finish(input, head.len, length, chunked, step);
        }
    }
    Ok(Verdict::Unfinished)
}

fn response(input: &[u8], step: usize) -> Result<Verdict, String> {
    let (mut parser, mut head) = (ResponseParser::new(), ResponseHead::default());
    for end in ends(input.len(), step) {
        let complete = parser.parse(&input[..end], &Limits::default(), false, &mut head);
        if complete.map_err(|error| error.to_string())? {
            let (length, chunked) = match head.body {
                ResponseBody::None | ResponseBody::Close => (None, false),
                ResponseBody::Length(length) => (Some(length), false),
                ResponseBody::Chunked => (None, true),
            };
            return finish(input, head.len, length, chunked, step);
        }
    }
    Ok(Verdict::Unfinished)
}

fn finish(
    input: &[u8],
    head: usize,
    length: Option<u64>,
    chunked: bool,
    step: usize,
) -> Result<Verdict, String> {
    let read = Verdict::Read { head, length, chunked };
    if !chunked {
        return Ok(read);
    }
    let mut decoder = ChunkDecoder::new(1024, 1024);
    for piece in input[head..].chunks(step.min(input.len())) {
        let decoded = decoder.decode(&mut piece.to_vec()).map_err(|error| error.to_string())?;
        if decoded.done {
            return Ok(read);
        }
    }
    Ok(Verdict::Unfinished)
}

fn ends(len: usize, step: usize) -> impl Iterator<Item = usize> {
    let step = step.min(len).max(1);
    (1..=len.div_ceil(step)).map(move |turn| (turn * step).min(len))
}

/// The length and whether chunks frame the body, if nobody could read the head otherwise.
fn suspect(head: &[u8]) -> Result<(Option<u64>, bool), String> {
    let text: String = head.iter().map(|&byte| char::from(byte)).collect();
    let inner = text.strip_suffix("\r\n\r\n").ok_or("no blank line")?;
    let (mut length, mut chunked) = (None, false);
    for line in inner.split("\r\n").skip(1) {
        if line.contains(|c: char| c.is_control() && c != '\t') || line.starts_with([' ', '\t']) {
            return Err(format!("two ways to end {line:?}"));
        }
        let (name, value) = line.split_once(':').ok_or(line)?;
        let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let value = value.trim_matches([' ', '\t']);
        match letters.to_lowercase().as_str() {
            "contentlength" if length.is_none() && !chunked => {
                assert!(name.eq_ignore_ascii_case("content-length"), "{name}");
                assert!(value.chars().all(|c| c.is_ascii_digit()), "{value}");
                length = Some(value.parse().map_err(|_| value)?);
            }
            "transferencoding" if length.is_none() && !chunked => {
                assert!(name.eq_ignore_ascii_case("transfer-encoding"), "{name}");
                assert!(value.eq_ignore_ascii_case("chunked"), "{value}");
                chunked = true;
            }
            "contentlength" | "transferencoding" => return Err(format!("again: {line}")),
            _ => {}
        }
    }
    Ok((length, chunked))
}

/// Rows whose first message is sound. What the other parser refuses comes behind it: bytes after
/// a connection that is to be closed, an upgrade that we ignore, or a second message.
fn is_harmless(id: &Value) -> bool {
    const ROWS: [&str; 5] = [
        "test/request/connection.md:83",
        "test/request/connection.md:158",
        "test/request/connection.md:755",
        "test/request/connection.md:814",
        "test/response/connection.md:229",
    ];
    ROWS.iter().any(|row| id == row)
}

fn from_base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut out, mut bits, mut count) = (Vec::new(), 0u32, 0);
    for byte in text.bytes().filter(|&byte| byte != b'=') {
        let digit = DIGITS.iter().position(|&digit| digit == byte).expect("base64");
        bits = bits << 6 | digit as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    out
}
