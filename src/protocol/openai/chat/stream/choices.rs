//! The choices of a stream: which calls are open, and why each choice ended.

use crate::chat::Event;
use crate::chat::Finish;
use crate::chat::Json;
use crate::chat::Sink;
use crate::codec::json::Kind as JsonKind;
use crate::codec::json::Value;
use crate::protocol::Garbage;
use crate::protocol::Seed;
use crate::protocol::openai::chat::hash;
use crate::protocol::openai::chat::response;
use crate::protocol::openai::chat::response::Call;
use crate::protocol::openai::chat::response::Choice;
use crate::protocol::openai::chat::response::Message;

/// Most choices of one answer.
const MAX_CHOICES: usize = 128;

/// The choices of one stream.
#[derive(Debug)]
pub(super) struct Choices {
    seed: Seed,
    states: Vec<State>,
}

/// What is known of one choice.
#[derive(Debug, Default)]
struct State {
    /// Whether anything came for it.
    seen: bool,
    /// Calls begun.
    calls: u32,
    /// The last call, if it may go on.
    open: Option<Open>,
    finish: Option<Finish<'static>>,
}

/// A call that may go on.
#[derive(Clone, Copy, Debug)]
struct Open {
    /// Its number on the wire, which need not be ours.
    index: Option<u64>,
    /// The hash of its id.
    id: u64,
}

impl Choices {
    pub(super) const fn new(seed: Seed) -> Self {
        Self { seed, states: Vec::new() }
    }

    /// Whether there are choices and each has told why it ended.
    pub(super) fn are_finished(&self) -> bool {
        let mut seen = self.states.iter().filter(|state| state.seen).peekable();
        seen.peek().is_some() && seen.all(|state| state.finish.is_some())
    }

    /// Reads a chunk's part of one choice; the error, if there is one in its place.
    pub(super) fn read<'a>(
        &mut self,
        value: Value<'a>,
        sink: &mut (impl Sink<'a> + ?Sized),
    ) -> Result<Option<Value<'a>>, Garbage> {
        if value.kind() != JsonKind::Object {
            return Err(Garbage::new("a choice is no object"));
        }
        let found = Choice::read(value);
        if found.error.is_some() {
            return Ok(found.error);
        }
        let place = usize::try_from(found.index.unwrap_or(0)).unwrap_or(usize::MAX);
        if place >= MAX_CHOICES {
            return Err(Garbage::new("a choice has too great an `index`"));
        }
        while self.states.len() <= place {
            self.states.push(State::default());
        }
        let Some(state) = self.states.get_mut(place) else { return Ok(None) };
        state.seen = true;
        // It is below the limit.
        let choice = u32::try_from(place).unwrap_or(u32::MAX);
        if let Some(delta) = found.message {
            let message = Message::read(delta);
            message.emit(choice, sink);
            for call in message.calls.into_iter().flat_map(Value::elements) {
                state.call(Call::read(call), choice, self.seed, sink)?;
            }
            if let Some(function) = message.function {
                state.call(Call::older(function), choice, self.seed, sink)?;
            }
        }
        if let Some(value) = found.logprobs {
            sink.event(Event::Logprobs { choice, value: Json::of(value) });
        }
        found.emit_extras(value, choice, sink);
        if found.reason.is_some() && state.finish.is_none() {
            state.close(choice, sink);
            state.finish = Some(response::finish(found.reason, found.stop, state.calls > 0));
        }
        Ok(None)
    }

    /// The stream is complete: tells why each choice ended.
    pub(super) fn end<'e>(&mut self, sink: &mut (impl Sink<'e> + ?Sized)) {
        for (choice, state) in (0..).zip(&mut self.states) {
            if !state.seen {
                continue;
            }
            state.close(choice, sink);
            let calls = state.calls > 0;
            let reason = state.finish.take();
            let reason = reason.unwrap_or_else(|| response::finish(None, None, calls));
            sink.event(Event::Finish { choice, reason });
        }
    }
}

impl State {
    /// A call, whole or a piece of one.
    fn call<'e>(
        &mut self,
        found: Call<'e>,
        choice: u32,
        seed: Seed,
        sink: &mut (impl Sink<'e> + ?Sized),
    ) -> Result<(), Garbage> {
        let id = found.id.as_ref().map_or(0, |id| hash(id.raw()));
        let same = self.open.is_some_and(|open| {
            let number = found.index.is_none() || open.index.is_none() || found.index == open.index;
            // Some servers number nothing, or all calls alike: then a new id is a new call.
            let named = found.name.is_some() && (id != 0 && id != open.id);
            let unnamed = found.index.is_none() && found.name.is_some() && id == 0;
            number && !named && !unnamed
        });
        if !same {
            let Some(name) = found.name else {
                // A piece of a call that was ended by the next one, if there is anything in it.
                return match found.arguments {
                    None => Ok(()),
                    Some(_) => Err(Garbage::new("a piece of a call that is not open")),
                };
            };
            self.close(choice, sink);
            let call = self.calls;
            self.open = Some(Open { index: found.index, id });
            self.calls += 1;
            let id = found.id.unwrap_or_else(|| response::made_id(choice, call, seed));
            let custom = found.custom;
            sink.event(Event::CallStart { choice, call, id, name, custom, signature: None });
        }
        if let Some(piece) = found.arguments {
            let call = self.calls.saturating_sub(1);
            sink.event(Event::CallArguments { choice, call, piece });
        }
        Ok(())
    }

    fn close<'e>(&mut self, choice: u32, sink: &mut (impl Sink<'e> + ?Sized)) {
        if self.open.take().is_some() {
            let call = self.calls.saturating_sub(1);
            sink.event(Event::CallEnd { choice, call });
        }
    }
}
