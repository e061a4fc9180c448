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
use crate::protocol::gemini::count;
use crate::protocol::gemini::embed;
use crate::protocol::gemini::error;
use crate::protocol::gemini::request;
use crate::protocol::gemini::response;
use crate::protocol::gemini::stream::Reader;
use crate::protocol::gemini::stream::Writer;

pub(super) const SEED: Seed = Seed { now: 1, random: 2 };

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

fn requests(data: &[u8]) {
    let _ = count::read_answer(data);
    let Ok(read) = request::read(data) else { return };
    let facts = [Facts::default(), Facts { signed_calls: true, ..Facts::default() }];
    for facts in &facts {
        let target = Target::new("m", facts);
        let mut out = Vec::new();
        if request::write(&read, &target, &mut out, &mut Losses::default()).is_err() {
            assert!(out.is_empty(), "half a request");
            continue;
        }
        valid(&out);
        if let Err(error) = request::read(&out) {
            panic!("what was written is not read: {error}: {}", String::from_utf8_lossy(&out));
        }
        out.clear();
        let counted = count::write_request(&read, &target, &mut out, &mut Losses::default());
        assert!(counted.is_ok());
        valid(&out);
        assert!(count::read_request(&out).is_ok());
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

fn embeddings(data: &[u8]) {
    let facts = Facts::default();
    let target = Target::new("m", &facts);
    let mut out = Vec::new();
    if let Ok(request) = embed::read_request(data) {
        if embed::write_request(&request, &target, &mut out, &mut Losses::default()).is_err() {
            panic!("texts are always taken");
        }
        valid(&out);
        out.clear();
    }
    if let Ok(answer) = embed::read_answer(data) {
        embed::write_answer(&answer, embed::Shape::Batch, &mut out);
        valid(&out);
    }
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
    (kept.0, whole)
}

fn streams(data: &[u8]) {
    let whole = drive(std::iter::once(data));
    assert_eq!(drive(data.chunks(1)), whole, "byte by byte");
    assert_eq!(drive(data.chunks(7)), whole, "in sevens");
    let mut writer = Writer::new(SEED, true);
    let (mut out, mut fold) = (Vec::new(), Fold::default());
    for event in whole.0 {
        writer.write(&event, &mut out);
        fold.event(event);
    }
    let (events, complete) = drive(std::iter::once(&out[..]));
    let answer = fold.answer();
    if answer.complete {
        assert!(complete, "{}", String::from_utf8_lossy(&out));
        assert_eq!(events.last(), Some(&Event::End));
    }
}
