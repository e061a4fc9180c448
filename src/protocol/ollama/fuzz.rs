//! What must hold for any bytes: nothing panics, any cut of a stream gives the same events, and
//! what is written is what can be read.
#![expect(clippy::panic, reason = "a panic is how a fuzz body tells what does not hold")]

use crate::chat::Event;
use crate::chat::Facts;
use crate::chat::Fold;
use crate::chat::Kept;
use crate::chat::Losses;
use crate::chat::Sink;
use crate::codec::json;
use crate::protocol::Garbage;
use crate::protocol::Seed;
use crate::protocol::Target;
use crate::protocol::ollama::embed;
use crate::protocol::ollama::error;
use crate::protocol::ollama::request;
use crate::protocol::ollama::response;
use crate::protocol::ollama::stream::Reader;
use crate::protocol::ollama::stream::Writer;

const SEED: Seed = Seed { now: 1_700_000_000, random: 7 };

/// Feeds `data` to every reader, and what they make of it to the writers.
///
/// # Panics
/// When something does not hold.
pub fn fuzz(data: &[u8]) {
    requests(data);
    answers(data);
    let mut out = Vec::new();
    error::write(&error::read(500, data), &mut out);
    valid(&out);
    streams(data);
}

fn valid(text: &[u8]) {
    if let Err(e) = json::validate(text) {
        panic!("{e} in {}", String::from_utf8_lossy(text));
    }
}

fn requests(data: &[u8]) {
    let facts = Facts::default();
    let target = Target::new("m\"", &facts);
    let mut losses = Losses::default();
    let mut out = Vec::new();
    if let Ok(request) = request::read(data) {
        if request::write(&request, &target, &mut out, &mut losses).is_ok() {
            valid(&out);
            assert!(request::read(&out).is_ok(), "{}", String::from_utf8_lossy(&out));
        } else {
            assert!(out.is_empty());
        }
    }
    out.clear();
    if let Ok(request) = embed::read_request(data)
        && embed::write_request(&request, &target, &mut out, &mut losses).is_ok()
    {
        valid(&out);
    }
    out.clear();
    if let Ok(answer) = embed::read_answer(data) {
        embed::write_answer(&answer, &mut out);
        valid(&out);
    }
}

fn answers(data: &[u8]) {
    let mut fold = Fold::default();
    if response::read(data, SEED, &mut fold).is_ok() {
        let mut out = Vec::new();
        response::write(&fold.answer(), SEED, &mut out);
        valid(&out);
    }
}

fn streams(data: &[u8]) {
    let whole = drive(&[data]);
    for size in [1, 7, 64] {
        assert_eq!(drive(&data.chunks(size).collect::<Vec<_>>()), whole, "pieces of {size}");
    }
    let mut writer = Writer::new(SEED, true);
    let mut out = Vec::new();
    whole.0.iter().for_each(|event| writer.write(event, &mut out));
    for line in out.split_inclusive(|byte| *byte == b'\n') {
        assert!(line.ends_with(b"\n"));
        valid(line);
    }
}

/// The events of a stream that arrives in `pieces`, and whether it was whole.
pub(super) fn drive(pieces: &[&[u8]]) -> (Vec<Event<'static>>, Result<(), Garbage>) {
    let mut reader = Reader::new(SEED);
    let mut kept = Kept::default();
    let mut buf = Vec::new();
    for piece in pieces {
        buf.extend_from_slice(piece);
        match reader.push(&buf, &mut kept) {
            Ok(used) => drop(buf.drain(..used)),
            Err(e) => return (kept.0, Err(e)),
        }
        if reader.is_done() {
            break;
        }
    }
    let end = reader.finish(&buf, &mut kept);
    (kept.0, end)
}

/// The events put together.
pub(super) fn folded(events: Vec<Event<'static>>) -> crate::chat::Answer<'static> {
    let mut fold = Fold::default();
    events.into_iter().for_each(|event| fold.event(event));
    fold.answer()
}
