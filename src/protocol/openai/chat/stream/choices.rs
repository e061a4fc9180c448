//! The choices of a stream: which calls are open, and why each choice ended.

use crate::chat::Arguments;
use crate::chat::Event;
use crate::chat::Finish;
use crate::chat::Json;
use crate::chat::Sink;
use crate::chat::Text;
use crate::codec::json::Kind as JsonKind;
use crate::codec::json::Value;
use crate::protocol::Garbage;
use crate::protocol::Seed;
use crate::protocol::openai::chat::hash;
use crate::protocol::openai::chat::response;
use crate::protocol::openai::chat::response::Call;
use crate::protocol::openai::chat::response::Choice;
use crate::protocol::openai::chat::response::Message;
use crate::protocol::openai::chat::stream::extent::Extent;

/// Most choices of one answer.
const MAX_CHOICES: usize = 128;

/// Most calls of one choice.
const MAX_CALLS: usize = 1024;

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
    /// The calls begun. Their places are their numbers.
    calls: Vec<Begun>,
    finish: Option<Finish<'static>>,
}

/// A call that has begun.
#[derive(Clone, Copy, Debug)]
struct Begun {
    /// Its number on the wire, which need not be ours.
    index: Option<u64>,
    /// The hash of its id; 0 where it has none.
    id: u64,
    /// What came of its arguments.
    extent: Extent,
    /// Whether its end was told.
    ended: bool,
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
            state.end_calls(choice, |_| true, sink);
            state.finish =
                Some(response::finish(found.reason, found.stop, !state.calls.is_empty()));
        }
        Ok(None)
    }

    /// More arguments of a call have come, of which nobody had to tell the call.
    pub(super) fn passed(&mut self, choice: u32, call: u32, piece: &Arguments<'_>) {
        let state = self.states.get_mut(choice as usize);
        if let Some(begun) = state.and_then(|state| state.calls.get_mut(call as usize)) {
            begun.extent.pass(piece);
        }
    }

    /// The stream is complete: tells why each choice ended.
    pub(super) fn end<'e>(&mut self, sink: &mut (impl Sink<'e> + ?Sized)) {
        for (choice, state) in (0..).zip(&mut self.states) {
            if !state.seen {
                continue;
            }
            state.end_calls(choice, |_| true, sink);
            let calls = !state.calls.is_empty();
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
        let place = match self.place(&found) {
            Some(place) => place,
            None => match found.name {
                Some(name) => {
                    let Call { index, id, custom, .. } = found;
                    self.begin((index, id, name, custom), choice, seed, sink)?
                }
                // Nothing is said of nothing.
                None if found.arguments.is_none() => return Ok(()),
                None => return Err(Garbage::new("a piece of a call that is not open")),
            },
        };
        let (Some(piece), Some(begun)) = (found.arguments, self.calls.get_mut(place)) else {
            return Ok(());
        };
        if begun.ended {
            let blank = matches!(&piece, Arguments::Quoted(text) if text.is_blank());
            let error = Garbage::new("a piece of a call that is not open");
            return if blank { Ok(()) } else { Err(error) };
        }
        begun.extent.pass(&piece);
        sink.event(Event::CallArguments { choice, call: number(place), piece });
        Ok(())
    }

    /// The call that `found` is a piece of; none if it begins one.
    ///
    /// Calls may come side by side, and their numbers tell them apart. But some servers number nothing, or
    /// all calls alike: then a new id is a new call, and so is a name where there is no id either.
    fn place(&self, found: &Call<'_>) -> Option<usize> {
        let id = id_of(found.id.as_ref());
        let numbered = |begun: &Begun| {
            found.index.is_none() || begun.index.is_none() || found.index == begun.index
        };
        let last = |fits: &dyn Fn(&Begun) -> bool| self.calls.iter().rposition(fits);
        let place = last(&|begun| id != 0 && begun.id == id && numbered(begun)).or_else(|| {
            let new = found.name.is_some() && (id != 0 || found.index.is_none());
            let exact = || last(&|begun| found.index.is_some() && found.index == begun.index);
            let newest = || self.calls.len().checked_sub(1);
            let place = if new { None } else { exact().or_else(newest) };
            place.filter(|place| self.calls.get(*place).is_some_and(numbered))
        })?;
        // Named again, with more arguments than all: another call of a server that numbers all alike.
        let whole = self.calls.get(place).is_some_and(|begun| begun.extent.is_whole());
        let again = id == 0 && found.name.is_some() && found.arguments.is_some() && whole;
        (!again).then_some(place)
    }

    /// Begins a call. Those before it whose arguments are whole are over.
    fn begin<'e>(
        &mut self,
        (index, id, name, custom): (Option<u64>, Option<Text<'e>>, Text<'e>, bool),
        choice: u32,
        seed: Seed,
        sink: &mut (impl Sink<'e> + ?Sized),
    ) -> Result<usize, Garbage> {
        let place = self.calls.len();
        if place >= MAX_CALLS {
            return Err(Garbage::new("a choice has too many calls"));
        }
        self.end_calls(choice, |begun| begun.extent.is_whole(), sink);
        let hashed = id_of(id.as_ref());
        self.calls.push(Begun { index, id: hashed, extent: Extent::default(), ended: false });
        let call = number(place);
        let id = id.unwrap_or_else(|| response::made_id(choice, call, seed));
        sink.event(Event::CallStart { choice, call, id, name, custom, signature: None });
        Ok(place)
    }

    /// Tells the end of the calls that are `over`.
    fn end_calls<'e>(
        &mut self,
        choice: u32,
        over: impl Fn(&Begun) -> bool,
        sink: &mut (impl Sink<'e> + ?Sized),
    ) {
        for (call, begun) in (0..).zip(&mut self.calls) {
            if !begun.ended && over(begun) {
                begun.ended = true;
                sink.event(Event::CallEnd { choice, call });
            }
        }
    }
}

fn id_of(id: Option<&Text<'_>>) -> u64 {
    id.map_or(0, |id| hash(id.raw()))
}

/// A place as a number; there are fewer than it can count.
fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}
