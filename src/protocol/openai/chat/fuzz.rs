//! What must hold for any bytes: nothing panics, no cut of a stream changes what it says, and what
//! is written from what was read is valid.
#![expect(clippy::panic, reason = "a panic is how a fuzz body tells what does not hold")]

use crate::chat::Event;
use crate::chat::Facts;
use crate::chat::Fold;
use crate::chat::Kept;
use crate::chat::Losses;
use crate::chat::Sink;
use crate::codec::json;
use crate::protocol::Seed;
use crate::protocol::Target;
use crate::protocol::openai::chat::embed;
use crate::protocol::openai::chat::error;
use crate::protocol::openai::chat::request;
use crate::protocol::openai::chat::response;
use crate::protocol::openai::chat::stream::Reader;
use crate::protocol::openai::chat::stream::Writer;

const SEED: Seed = Seed { now: 1, random: 2 };

/// Feeds `data` to every reader and what they make of it to the writers.
///
/// # Panics
/// When something does not hold.
pub fn fuzz(data: &[u8]) {
    requests(data);
    answers(data);
    streams(data);
    embeddings(data);
    let mut out = Vec::new();
    let failure = error::read(400, data);
    error::write(&failure, &mut out);
    valid(&out);
    assert!((400..600).contains(&error::status(&failure)));
}

fn valid(text: &[u8]) {
    if let Err(error) = json::validate(text) {
        panic!("{error}: {}", String::from_utf8_lossy(text));
    }
}

fn target(facts: &Facts) -> Target<'_> {
    Target::new("m", facts)
}

fn requests(data: &[u8]) {
    let Ok(read) = request::read(data) else { return };
    let facts = Facts::default();
    let mut out = Vec::new();
    if request::write(&read, &target(&facts), &mut out, &mut Losses::default()).is_err() {
        assert!(out.is_empty(), "half a request");
        return;
    }
    valid(&out);
    if let Err(error) = request::read(&out) {
        panic!("what was written is not read: {error}");
    }
}

fn answers(data: &[u8]) {
    let mut fold = Fold::default();
    if response::read(data, SEED, &mut fold).is_err() {
        return;
    }
    let mut out = Vec::new();
    response::write(&fold.answer(), SEED, &mut out);
    valid(&out);
}

/// All that a stream says when it comes in these pieces, and whether it is whole.
pub(super) fn drive<'p>(pieces: impl Iterator<Item = &'p [u8]>) -> (Vec<Event<'static>>, bool) {
    let mut reader = Reader::new(SEED);
    let mut kept = Kept::default();
    let mut buffer = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        match reader.push(&buffer, &mut kept) {
            Ok(used) => drop(buffer.drain(..used)),
            Err(_) => return (kept.0, false),
        }
    }
    let whole = reader.finish(&buffer, &mut kept).is_ok();
    assert_eq!(whole, reader.is_done());
    (kept.0, whole)
}

fn streams(data: &[u8]) {
    let whole = drive(std::iter::once(data));
    assert_eq!(drive(data.chunks(1)), whole, "byte by byte");
    assert_eq!(drive(data.chunks(7)), whole, "by seven");
    let (events, complete) = whole;
    let ended = matches!(events.last(), Some(Event::End | Event::Failure(_)));
    assert_eq!(ended, complete, "an end is told if and only if there is one");
    let mut writer = Writer::new(SEED, true);
    let mut out = Vec::new();
    events.iter().for_each(|event| writer.write(event, &mut out));
    for frame in String::from_utf8_lossy(&out).split_terminator("\n\n") {
        match frame.strip_prefix("data: ") {
            Some("[DONE]") => {}
            Some(data) => valid(data.as_bytes()),
            None => panic!("no frame: {frame}"),
        }
    }
    let mut fold = Fold::default();
    events.into_iter().for_each(|event| fold.event(event));
}

fn embeddings(data: &[u8]) {
    let mut out = Vec::new();
    if let Ok(read) = embed::read_request(data) {
        let facts = Facts::default();
        let written =
            embed::write_request(&read, &target(&facts), &mut out, &mut Losses::default());
        assert!(written.is_ok());
        valid(&out);
    }
    if let Ok(read) = embed::read_answer(data) {
        for base64 in [false, true] {
            out.clear();
            embed::write_answer(&read, base64, &mut out);
            valid(&out);
        }
    }
}
