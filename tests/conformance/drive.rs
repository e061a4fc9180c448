//! Drives a protocol's halves: whole answers and streams, in any pieces, to events and back.

use crabllm::chat::Answer;
use crabllm::chat::Event;
use crabllm::chat::Fold;
use crabllm::chat::Kept;
use crabllm::chat::Protocol;
use crabllm::chat::Sink;
use crabllm::protocol::Garbage;
use crabllm::protocol::Seed;
use crabllm::protocol::any;

/// The same for all: what is made of the same input must be the same.
pub const SEED: Seed = Seed { now: 1_800_000_000, random: 7 };

/// The events of a whole answer.
pub fn read_whole(protocol: Protocol, body: &[u8]) -> Result<Vec<Event<'static>>, Garbage> {
    let mut kept = Kept::default();
    any::read_answer(protocol, body, SEED, &mut kept)?;
    Ok(kept.0)
}

/// The events of a stream that comes in these pieces, and how it ended. As the gateway does, what
/// the reader did not use is shown to it again with what follows.
pub fn read_stream<'p>(
    protocol: Protocol,
    pieces: impl IntoIterator<Item = &'p [u8]>,
) -> (Vec<Event<'static>>, Result<(), Garbage>) {
    let mut reader = any::Reader::new(protocol, SEED);
    let mut kept = Kept::default();
    let mut buffer = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        match reader.push(&buffer, &mut kept) {
            Ok(used) => drop(buffer.drain(..used)),
            Err(garbage) => return (kept.0, Err(garbage)),
        }
    }
    let end = reader.finish(&buffer, &mut kept);
    assert_eq!(end.is_ok(), reader.is_done(), "{protocol:?}: a proper end is a done reader");
    (kept.0, end)
}

/// The events put together.
pub fn fold(events: &[Event<'static>]) -> Answer<'static> {
    let mut fold = Fold::default();
    events.iter().for_each(|event| fold.event(event.clone()));
    fold.answer()
}

/// A whole answer for a client of `protocol`.
pub fn write_whole(protocol: Protocol, answer: &Answer<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    any::write_answer(protocol, answer, SEED, &mut out);
    out
}

/// A stream for a client of `protocol`.
pub fn write_stream(protocol: Protocol, events: &[Event<'_>]) -> Vec<u8> {
    let mut writer = any::Writer::new(protocol, SEED, true);
    let mut out = Vec::new();
    events.iter().for_each(|event| writer.write(event, &mut out));
    out
}
