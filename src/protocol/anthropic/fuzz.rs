//! What must hold for any bytes.

use crate::chat::Facts;
use crate::chat::Fold;
use crate::chat::Kept;
use crate::chat::Losses;
use crate::chat::ThinkingRule;
use crate::codec::json;
use crate::protocol::Garbage;
use crate::protocol::Seed;
use crate::protocol::Target;
use crate::protocol::anthropic::count;
use crate::protocol::anthropic::error;
use crate::protocol::anthropic::request;
use crate::protocol::anthropic::response;
use crate::protocol::anthropic::stream;

/// Feeds `data` to every reader, and what they make of it to the writers.
///
/// # Panics
/// When something does not hold.
pub fn fuzz(data: &[u8]) {
    requests(data);
    answers(data);
    let failure = error::read(u16::from(data.first().copied().unwrap_or(0)) + 400, data);
    valid(|out| error::write(&failure, out));
    assert!((400..600).contains(&error::status(&failure)));
    let _ = count::read_answer(data);
    streams(data);
}

fn valid(write: impl FnOnce(&mut Vec<u8>)) {
    let mut out = Vec::new();
    write(&mut out);
    assert!(json::validate(&out).is_ok(), "{}", out.escape_ascii());
}

fn requests(data: &[u8]) {
    let Ok(read) = request::read(data) else { return };
    for thinking in [ThinkingRule::Unknown, ThinkingRule::Budget, ThinkingRule::BetweenTools] {
        let plain = thinking == ThinkingRule::Unknown;
        let facts = Facts { thinking, json_schema: plain, sampling: plain, ..Facts::default() };
        let target = Target::new("claude", &facts);
        let mut out = Vec::new();
        if request::write(&read, &target, &mut out, &mut Losses::default()).is_err() {
            assert!(out.is_empty());
            continue;
        }
        assert!(json::validate(&out).is_ok(), "{}", out.escape_ascii());
        let mut counted = Vec::new();
        let result = count::write_request(&read, &target, &mut counted, &mut Losses::default());
        assert!(result.is_ok() && json::validate(&counted).is_ok());
    }
}

fn answers(data: &[u8]) {
    let mut fold = Fold::default();
    if response::read(data, Seed::default(), &mut fold).is_ok() {
        let answer = fold.answer();
        valid(|out| response::write(&answer, Seed::default(), out));
    }
}

fn streams(data: &[u8]) {
    let (whole, result) = drive(&[data]);
    let bytes: Vec<&[u8]> = data.chunks(1).collect();
    assert_eq!(drive(&bytes), (whole.clone(), result.clone()), "byte by byte");
    let size = usize::from(data.first().copied().unwrap_or(0)).max(1);
    let pieces: Vec<&[u8]> = data.chunks(size).collect();
    assert_eq!(drive(&pieces), (whole.clone(), result.clone()), "pieces of {size}");
    if result.is_ok() {
        let mut writer = stream::Writer::new(Seed::default(), true);
        let mut out = Vec::new();
        whole.0.iter().for_each(|event| writer.write(event, &mut out));
        let (_, again) = drive(&[&out]);
        assert_eq!(again, Ok(()), "{}", out.escape_ascii());
    }
}

/// Reads a stream that arrives in `pieces`, as a caller would.
pub(super) fn drive(pieces: &[&[u8]]) -> (Kept, Result<(), Garbage>) {
    let mut events = Kept::default();
    let result = read(pieces, &mut events);
    (events, result)
}

fn read(pieces: &[&[u8]], events: &mut Kept) -> Result<(), Garbage> {
    let mut reader = stream::Reader::new(Seed::default());
    let mut buf = Vec::new();
    for piece in pieces {
        buf.extend_from_slice(piece);
        let used = reader.push(&buf, events)?;
        buf.drain(..used);
        if reader.is_done() {
            break;
        }
    }
    reader.finish(&buf, events)
}
