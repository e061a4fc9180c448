//! Signatures for clients that have no place for them.
//!
//! Some providers sign what a model thought, or a call it made, and want the signature back with
//! the call's result (Gemini 3 refuses the call without it, Claude loses its train of thought).
//! A client of OpenAI's protocol shows neither, so they are kept here by the call's id until the
//! client comes back with it. Bounded in bytes and time; of what is gone the writers know how to
//! go on without.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::VecDeque;

use crate::chat::Answer;
use crate::chat::Content;
use crate::chat::Part;
use crate::chat::Protocol;
use crate::chat::Request;
use crate::chat::Role;
use crate::chat::Said;
use crate::chat::Signature;
use crate::chat::Text;
use crate::chat::Turn;
use crate::runtime::clock::Micros;

/// Bytes kept at most, by one shard.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Longest thoughts of one call that are worth keeping.
const MAX_ENTRY: usize = 256 * 1024;

/// How long a client may take to run a tool, in microseconds: an hour.
const TIME_TO_LIVE: u64 = 3_600_000_000;

/// What is kept of one shard's answers.
#[derive(Debug, Default)]
pub struct Signatures {
    shelf: RefCell<Shelf>,
}

#[derive(Debug, Default)]
struct Shelf {
    by_call: HashMap<Box<str>, Kept>,
    /// Oldest first.
    order: VecDeque<(Box<str>, Micros)>,
    bytes: usize,
}

/// What came with a call.
#[derive(Clone, Debug)]
struct Kept {
    /// What was thought before it.
    thoughts: Vec<Part<'static>>,
    /// Its own signature.
    call: Option<Signature<'static>>,
    bytes: usize,
    at: Micros,
}

/// Whether a client of `protocol` can hold signatures itself.
#[must_use]
pub const fn holds_signatures(protocol: Protocol) -> bool {
    match protocol {
        Protocol::Anthropic | Protocol::Gemini | Protocol::Bedrock => true,
        Protocol::Openai | Protocol::Ollama => false,
    }
}

impl Signatures {
    /// Keeps what `client` cannot.
    pub fn remember(&self, client: Protocol, answer: &Answer<'_>, now: Micros) {
        if holds_signatures(client) {
            return;
        }
        for choice in &answer.choices {
            let mut thoughts = Vec::new();
            for part in &choice.parts {
                match part {
                    Said::Thinking { text, signature: Some(signature) } => {
                        let text = text.clone().into_owned();
                        let signature = Some(signature.clone().into_owned());
                        thoughts.push(Part { signature, ..Part::new(Content::Thinking(text)) });
                    }
                    Said::Redacted(signature) => {
                        let signature = Some(signature.clone().into_owned());
                        thoughts.push(Part { signature, ..Part::new(Content::Redacted) });
                    }
                    Said::Call { id, signature, .. } => {
                        let call = signature.clone().map(Signature::into_owned);
                        self.keep(id, std::mem::take(&mut thoughts), call, now);
                    }
                    Said::Thinking { signature: None, .. }
                    | Said::Text { .. }
                    | Said::Refusal(_) => {}
                }
            }
        }
    }

    fn keep(
        &self,
        id: &Text<'_>,
        thoughts: Vec<Part<'static>>,
        call: Option<Signature<'static>>,
        now: Micros,
    ) {
        if thoughts.is_empty() && call.is_none() {
            return;
        }
        let id: Box<str> = id.decode().into();
        let own = call.as_ref().map_or(0, |signature| signature.data.raw().len());
        let bytes = thoughts.iter().map(size).sum::<usize>() + own + 2 * id.len() + 128;
        if bytes > MAX_ENTRY {
            return;
        }
        let mut shelf = self.shelf.borrow_mut();
        shelf.make_room(bytes, now);
        shelf.bytes += bytes;
        let kept = Kept { thoughts, call, bytes, at: now };
        if let Some(old) = shelf.by_call.insert(id.clone(), kept) {
            shelf.bytes -= old.bytes;
        }
        shelf.order.push_back((id, now));
    }

    /// Puts back into a client's request what was kept of its calls.
    pub fn restore(&self, client: Protocol, request: &mut Request<'_>, now: Micros) {
        let shelf = self.shelf.borrow();
        if holds_signatures(client) || shelf.by_call.is_empty() {
            return;
        }
        let theirs = request.turns.iter_mut().filter(|turn| turn.role == Role::Assistant);
        theirs.for_each(|turn| shelf.restore(turn, now));
    }
}

/// Bytes that a thought takes.
fn size(part: &Part<'_>) -> usize {
    let text = match &part.content {
        Content::Thinking(text) => text.raw().len(),
        Content::Text(_)
        | Content::Refusal(_)
        | Content::Media(_)
        | Content::Call(_)
        | Content::Result(_)
        | Content::Redacted
        | Content::Other(_) => 0,
    };
    text + part.signature.as_ref().map_or(0, |signature| signature.data.raw().len())
        + size_of::<Part<'_>>()
}

impl Shelf {
    /// Lets go of what is too old, and of the oldest while there is no room.
    fn make_room(&mut self, more: usize, now: Micros) {
        while let Some((_, at)) = self.order.front() {
            if now.since(*at) < TIME_TO_LIVE && self.bytes + more <= MAX_BYTES {
                return;
            }
            let Some((id, at)) = self.order.pop_front() else { return };
            // An id that was kept anew stands in the order twice; the newer place counts.
            if self.by_call.get(&id).is_some_and(|kept| kept.at == at)
                && let Some(kept) = self.by_call.remove(&id)
            {
                self.bytes -= kept.bytes;
            }
        }
    }

    fn restore(&self, turn: &mut Turn<'_>, now: Micros) {
        let mut thoughts = Vec::new();
        for part in &mut turn.parts {
            let Content::Call(call) = &part.content else { continue };
            let kept = self.by_call.get(&*call.id.decode());
            let Some(kept) = kept.filter(|kept| now.since(kept.at) < TIME_TO_LIVE) else {
                continue;
            };
            if part.signature.is_none() {
                part.signature.clone_from(&kept.call);
            }
            thoughts.extend(kept.thoughts.iter().cloned());
        }
        if !thoughts.is_empty() {
            // The client's own words for them have no signature.
            turn.parts.retain(|part| !matches!(part.content, Content::Thinking(_)));
            turn.parts.splice(0..0, thoughts);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_BYTES, Signatures, TIME_TO_LIVE};
    use crate::chat::{
        Answer, Arguments, Call, Choice, Content, Part, Protocol, Request, Role, Said, Signature,
        Text, Turn,
    };
    use crate::runtime::clock::Micros;

    fn signature(data: &str) -> Signature<'static> {
        Signature { by: Protocol::Gemini, data: Text::plain(data) }
    }

    fn answer(id: &str, data: &str) -> Answer<'static> {
        let thought = Said::Thinking { text: Text::plain("hm"), signature: Some(signature("t")) };
        let call = Said::Call {
            id: Text::plain(id),
            name: Text::plain("f"),
            arguments: Arguments::Quoted(Text::default()),
            custom: false,
            signature: Some(signature(data)),
        };
        let choice = Choice { parts: vec![thought, call], ..Choice::default() };
        Answer { choices: vec![choice], ..Answer::default() }
    }

    fn request(id: &str) -> Request<'static> {
        let call = Call {
            id: Text::plain(id),
            name: Text::plain("f"),
            arguments: Arguments::Quoted(Text::default()),
            custom: false,
        };
        let parts = vec![Part::text(Text::plain("so")), Part::new(Content::Call(call))];
        Request { turns: vec![Turn::new(Role::Assistant, parts)], ..Request::default() }
    }

    fn restored(signatures: &Signatures, id: &str, now: Micros) -> Option<usize> {
        let mut request = request(id);
        signatures.restore(Protocol::Openai, &mut request, now);
        let parts = &request.turns[0].parts;
        parts.last()?.signature.as_ref()?;
        Some(parts.len())
    }

    #[test]
    fn what_was_kept_comes_back_before_the_call() {
        let (signatures, now) = (Signatures::default(), Micros::default());
        signatures.remember(Protocol::Openai, &answer("a", "s"), now);
        assert_eq!(restored(&signatures, "a", now), Some(3));
        assert_eq!(restored(&signatures, "b", now), None);
    }

    #[test]
    fn a_client_that_holds_them_needs_no_memory() {
        let (signatures, now) = (Signatures::default(), Micros::default());
        signatures.remember(Protocol::Anthropic, &answer("a", "s"), now);
        assert_eq!(restored(&signatures, "a", now), None);
    }

    #[test]
    fn time_and_room_are_bounded() {
        let (signatures, now) = (Signatures::default(), Micros::default());
        signatures.remember(Protocol::Openai, &answer("a", "s"), now);
        let late = now.after(std::time::Duration::from_micros(TIME_TO_LIVE));
        assert_eq!(restored(&signatures, "a", late), None);
        let long = "x".repeat(100_000);
        for n in 0..100 {
            signatures.remember(Protocol::Openai, &answer(&format!("c{n}"), &long), now);
            assert!(signatures.shelf.borrow().bytes <= MAX_BYTES);
        }
        assert_eq!(restored(&signatures, "c0", now), None);
        assert_eq!(restored(&signatures, "c99", now), Some(3));
        for _ in 0..10 {
            signatures.remember(Protocol::Openai, &answer("same", "s"), now);
        }
        assert_eq!(restored(&signatures, "same", now), Some(3));
    }
}
