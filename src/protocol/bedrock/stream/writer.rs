//! A stream for a client.

use std::collections::VecDeque;

use crate::chat::Arguments;
use crate::chat::Event;
use crate::chat::Extra;
use crate::chat::Failure;
use crate::chat::Finish;
use crate::chat::Signature;
use crate::chat::Text;
use crate::chat::Usage;
use crate::codec::eventstream;
use crate::codec::json;
use crate::codec::json::Object;
use crate::protocol::Seed;
use crate::protocol::bedrock::error;
use crate::protocol::bedrock::names;
use crate::protocol::bedrock::response;
use crate::protocol::bedrock::response::ADDITIONAL;
use crate::protocol::bedrock::signature;
use crate::protocol::bedrock::stop_word;

/// The member that tells why an answer ended, and the extra for what only Bedrock says there.
const STOP: &str = "stopReason";

/// Writes a stream.
#[derive(Debug, Default)]
pub struct Writer {
    /// The number of the block that is open, or of the next one.
    index: u64,
    open: Open,
    /// What came while a call was open that it is no piece of: blocks do not overlap, though the
    /// calls of other protocols may.
    later: VecDeque<Event<'static>>,
    finish: Option<Finish<'static>>,
    usage: Usage,
    /// Bedrock's own members of the choice and of the answer.
    extra: Vec<Extra<'static>>,
}

/// The block that is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Open {
    #[default]
    None,
    Text,
    Thinking,
    Call {
        call: u32,
        custom: bool,
    },
    Other,
}

/// Begins a message; its payload follows.
fn begin(kind: &str, out: &mut Vec<u8>) -> usize {
    let headers =
        [(":event-type", kind), (":content-type", "application/json"), (":message-type", "event")];
    eventstream::begin(out, &headers)
}

impl Writer {
    /// A writer at the start of a stream. Usage is always told.
    #[must_use]
    pub fn new(_: Seed, _usage: bool) -> Self {
        Self::default()
    }

    /// Appends what an event says, in whole messages. Of several choices only the first can be said.
    pub fn write(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        if self.holds(event) {
            self.later.push_back(event.clone().into_owned());
            return;
        }
        self.say(event, out);
        if !self.later.is_empty() && !self.in_call() {
            self.replay(out);
        }
    }

    const fn in_call(&self) -> bool {
        matches!(self.open, Open::Call { .. })
    }

    /// Whether an event must wait for the end of the call that is open.
    fn holds(&self, event: &Event<'_>) -> bool {
        let Open::Call { call: open, .. } = self.open else { return false };
        match event {
            Event::CallArguments { choice: 0, call, .. } | Event::CallEnd { choice: 0, call } => {
                *call != open
            }
            Event::Text { choice, .. }
            | Event::Refusal { choice, .. }
            | Event::Thinking { choice, .. }
            | Event::Signature { choice, .. }
            | Event::Redacted { choice, .. }
            | Event::CallStart { choice, .. }
            | Event::Citation { choice, .. } => *choice == 0,
            Event::Extra { choice, extra } => choice.is_some() && extra.name != STOP,
            Event::CallArguments { .. }
            | Event::CallEnd { .. }
            | Event::Logprobs { .. }
            | Event::Media { .. }
            | Event::Start(_)
            | Event::Finish { .. }
            | Event::Usage(_)
            | Event::Failure(_)
            | Event::End => false,
        }
    }

    /// Says what waited, as far as no call is open again.
    fn replay(&mut self, out: &mut Vec<u8>) {
        let mut queue = std::mem::take(&mut self.later);
        while let Some(event) = queue.pop_front() {
            if self.holds(&event) {
                self.later.push_back(event);
                continue;
            }
            self.say(&event, out);
            if !self.in_call() {
                while let Some(event) = self.later.pop_back() {
                    queue.push_front(event);
                }
            }
        }
    }

    fn say(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Start(start) => {
                self.usage = start.usage.unwrap_or_default();
                let frame = begin("messageStart", out);
                out.extend_from_slice(br#"{"role":"assistant"}"#);
                eventstream::end(out, frame);
            }
            Event::Text { choice: 0, text } | Event::Refusal { choice: 0, text } => {
                self.turn_to(Open::Text, out);
                self.delta(out, |delta| delta.text("text", text));
            }
            Event::Thinking { choice: 0, text } => {
                self.turn_to(Open::Thinking, out);
                if !text.is_empty() {
                    self.thought(out, |thought| thought.text("text", text));
                }
            }
            Event::Signature { choice: 0, signature } => self.sign(signature, out),
            Event::Redacted { choice: 0, data } => {
                self.close(out);
                self.thought(out, |thought| {
                    signature::write_redacted(data, thought.key("redactedContent"));
                });
                self.open = Open::Thinking;
                self.close(out);
            }
            Event::CallStart { choice: 0, call, id, name, custom, signature } => {
                if let Some(signature) = signature {
                    // The client holds it for us, since a call has no place for it.
                    self.turn_to(Open::Thinking, out);
                    self.sign(signature, out);
                }
                self.close(out);
                self.start_call(id, name, out);
                self.open = Open::Call { call: *call, custom: *custom };
                if *custom {
                    self.delta_input(out, |out| out.extend_from_slice(br#"{\"input\":\""#));
                }
            }
            Event::CallArguments { choice: 0, call: _, piece } => self.piece(piece, out),
            Event::CallEnd { choice: 0, call: _ } => self.close_call(out),
            Event::Citation { choice: 0, citation } => {
                self.turn_to(Open::Text, out);
                self.delta(out, |delta| response::write_citation(citation, delta.key("citation")));
            }
            Event::Extra { choice, extra } if response::is_own(extra) => {
                self.extra(*choice, extra, out);
            }
            Event::Finish { choice: 0, reason } => self.finish = Some(reason.clone().into_owned()),
            Event::Usage(usage) => self.usage = *usage,
            Event::Failure(failure) => fail(failure, out),
            Event::End => self.end(out),
            Event::Text { .. }
            | Event::Refusal { .. }
            | Event::Thinking { .. }
            | Event::Signature { .. }
            | Event::Redacted { .. }
            | Event::CallStart { .. }
            | Event::CallArguments { .. }
            | Event::CallEnd { .. }
            | Event::Logprobs { .. }
            | Event::Citation { .. }
            | Event::Media { .. }
            | Event::Extra { .. }
            | Event::Finish { .. } => {}
        }
    }

    /// Appends one delta of the block that is open.
    fn delta(&self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        let frame = begin("contentBlockDelta", out);
        let mut payload = Object::open(out);
        payload.number("contentBlockIndex", self.index);
        let mut delta = Object::open(payload.key("delta"));
        fill(&mut delta);
        delta.close();
        payload.close();
        eventstream::end(out, frame);
    }

    fn thought(&self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        self.delta(out, |delta| {
            let mut inner = Object::open(delta.key("reasoningContent"));
            fill(&mut inner);
            inner.close();
        });
    }

    /// Makes sure that a block of this kind is open.
    fn turn_to(&mut self, kind: Open, out: &mut Vec<u8>) {
        if self.open != kind {
            self.close(out);
            self.open = kind;
        }
    }

    /// Closes the block that is open.
    fn close(&mut self, out: &mut Vec<u8>) {
        if self.open == Open::None {
            return;
        }
        if matches!(self.open, Open::Call { custom: true, .. }) {
            self.delta_input(out, |out| out.extend_from_slice(br#"\"}"#));
        }
        let frame = begin("contentBlockStop", out);
        let mut payload = Object::open(out);
        payload.number("contentBlockIndex", self.index);
        payload.close();
        eventstream::end(out, frame);
        self.index += 1;
        self.open = Open::None;
    }

    fn sign(&mut self, signature: &Signature<'_>, out: &mut Vec<u8>) {
        // A text has no signature in this format.
        if self.open == Open::Text {
            return;
        }
        self.turn_to(Open::Thinking, out);
        self.thought(out, |thought| signature::write(signature, thought.key("signature")));
        self.close(out);
    }

    fn start_call(&self, id: &Text<'_>, name: &Text<'_>, out: &mut Vec<u8>) {
        let frame = begin("contentBlockStart", out);
        let mut payload = Object::open(out);
        payload.number("contentBlockIndex", self.index);
        let mut start = Object::open(payload.key("start"));
        let mut inner = Object::open(start.key("toolUse"));
        inner.word("toolUseId", &names::call_id(id));
        inner.word("name", &names::tool(name));
        inner.close();
        start.close();
        payload.close();
        eventstream::end(out, frame);
    }

    fn close_call(&mut self, out: &mut Vec<u8>) {
        if self.in_call() {
            self.close(out);
        }
    }

    fn piece(&self, piece: &Arguments<'_>, out: &mut Vec<u8>) {
        let Open::Call { custom, .. } = self.open else { return };
        if piece.is_empty() {
            return;
        }
        self.delta_input(out, |out| {
            if !custom {
                return piece.write_inside(out);
            }
            // Text within JSON within a string.
            let mut once = Vec::new();
            let text = piece.json();
            json::write_escaped(&mut once, &String::from_utf8_lossy(&text));
            json::write_escaped(out, &String::from_utf8_lossy(&once));
        });
    }

    /// Appends a piece of arguments, which `fill` writes as the inside of a string.
    fn delta_input(&self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
        self.delta(out, |delta| {
            let mut inner = Object::open(delta.key("toolUse"));
            let out = inner.key("input");
            out.push(b'"');
            fill(out);
            out.push(b'"');
            inner.close();
        });
    }

    fn extra(&mut self, choice: Option<u32>, extra: &Extra<'_>, out: &mut Vec<u8>) {
        match &*extra.name {
            "contentBlockStart" => {
                self.close(out);
                let frame = begin("contentBlockStart", out);
                let mut payload = Object::open(out);
                payload.number("contentBlockIndex", self.index);
                extra.value.write(payload.key("start"));
                payload.close();
                eventstream::end(out, frame);
                self.open = Open::Other;
            }
            "contentBlockDelta" => {
                self.turn_to(Open::Other, out);
                let frame = begin("contentBlockDelta", out);
                let mut payload = Object::open(out);
                payload.number("contentBlockIndex", self.index);
                extra.value.write(payload.key("delta"));
                payload.close();
                eventstream::end(out, frame);
            }
            "citation" => {
                self.turn_to(Open::Text, out);
                self.delta(out, |delta| extra.value.write(delta.key("citation")));
            }
            STOP => self.extra.push(extra.clone().into_owned()),
            _ if choice.is_none() => self.extra.push(extra.clone().into_owned()),
            // A whole block, of an answer that came whole.
            _ => {}
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.close(out);
        while !self.later.is_empty() {
            self.replay(out);
            self.close(out);
        }

        let frame = begin("messageStop", out);
        let mut payload = Object::open(out);
        let own = |name: &str| self.extra.iter().find(|extra| extra.name == name);
        let finish = self.finish.as_ref().unwrap_or(&Finish::Stop);
        match own(STOP) {
            Some(own) => own.value.write(payload.key(STOP)),
            None => payload.word(STOP, stop_word(finish)),
        }
        match (own(ADDITIONAL), response::stop_sequence(finish)) {
            (Some(own), _) => own.value.write(payload.key(ADDITIONAL)),
            (None, Some(word)) => response::write_stop_sequence(word, &mut payload),
            (None, None) => {}
        }
        payload.close();
        eventstream::end(out, frame);

        self.extra.retain(|extra| extra.name != STOP && extra.name != ADDITIONAL);
        let frame = begin("metadata", out);
        let mut payload = Object::open(out);
        response::write_told(&self.extra, &self.usage, &mut payload);
        payload.close();
        eventstream::end(out, frame);
    }
}

fn fail(failure: &Failure<'_>, out: &mut Vec<u8>) {
    // In streams the first letter of an exception is a small one.
    let kind = error::kind(failure);
    let mut word = kind.to_owned();
    if let Some(first) = word.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    let headers = [
        (":exception-type", word.as_str()),
        (":content-type", "application/json"),
        (":message-type", "exception"),
    ];
    let frame = eventstream::begin(out, &headers);
    let mut payload = Object::open(out);
    payload.text("message", &failure.message);
    payload.close();
    eventstream::end(out, frame);
}
