//! A stream for a client.

use std::collections::VecDeque;

use crate::chat::Arguments;
use crate::chat::Event;
use crate::chat::Extra;
use crate::chat::Finish;
use crate::chat::Json;
use crate::chat::Signature;
use crate::chat::Start;
use crate::chat::Text;
use crate::chat::Usage;
use crate::codec::json;
use crate::codec::json::Object;
use crate::protocol::Seed;
use crate::protocol::anthropic::CITATION;
use crate::protocol::anthropic::error;
use crate::protocol::anthropic::is_block;
use crate::protocol::anthropic::is_own;
use crate::protocol::anthropic::response;
use crate::protocol::anthropic::signature;
use crate::protocol::anthropic::usage;
use crate::protocol::anthropic::write_citation;
use crate::protocol::anthropic::write_stop;
use crate::protocol::left_out;

/// How an event with more of a block begins, up to the block's number.
const DELTA: &[u8] =
    b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":";

/// Members that stand in `message_delta.delta` and not beside it.
const IN_DELTA: [&str; 2] = ["stop_details", "container"];

/// Writes a stream. Blocks never overlap: what belongs to a later one waits for the end of the one that
/// is open.
#[derive(Debug)]
pub struct Writer {
    seed: Seed,
    begun: bool,
    /// The number of the block that is open, or of the next one.
    index: u64,
    open: Open,
    /// Calls begun.
    calls: u64,
    /// Events that wait for the end of the call that is open.
    later: VecDeque<Event<'static>>,
    finish: Option<Finish<'static>>,
    /// Anthropic's own word for it.
    own_finish: Option<Extra<'static>>,
    usage: Usage,
    /// Members that go into the last event.
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
}

impl Writer {
    /// A writer at the start of a stream. Usage is always told.
    #[must_use]
    pub const fn new(seed: Seed, _usage: bool) -> Self {
        Self {
            seed,
            begun: false,
            index: 0,
            open: Open::None,
            calls: 0,
            later: VecDeque::new(),
            finish: None,
            own_finish: None,
            usage: Usage {
                prompt: 0,
                completion: 0,
                cached: 0,
                cache_write: 0,
                cache_write_long: 0,
                reasoning: 0,
                audio_prompt: 0,
                audio_completion: 0,
            },
            extra: Vec::new(),
        }
    }

    /// Appends what an event says, in whole frames. Of several choices only the first can be said.
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
            Event::Extra { choice, extra } => {
                choice.is_some() && (extra.name == CITATION || is_block(extra))
            }
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
        // Each round says at least the first that waited, or all up to the next call and that call.
        while !self.in_call() && !self.later.is_empty() {
            let waited = std::mem::take(&mut self.later);
            for event in waited {
                if self.holds(&event) {
                    self.later.push_back(event);
                } else {
                    self.say(&event, out);
                }
            }
        }
    }

    fn say(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Text { choice: 0, text } | Event::Refusal { choice: 0, text } => {
                self.text(text, out);
            }
            Event::CallArguments { choice: 0, call: _, piece } => self.piece(piece, out),
            Event::Thinking { choice: 0, text } => {
                self.turn_to(Open::Thinking, out);
                if !text.is_empty() {
                    self.delta(b"thinking_delta\",\"thinking\":\"", out, |out| {
                        out.extend_from_slice(text.raw());
                        out.push(b'"');
                    });
                }
            }
            Event::Start(start) => self.start(start, out),
            Event::Signature { choice: 0, signature } => self.sign(signature, out),
            Event::Redacted { choice: 0, data } => {
                self.close(out);
                self.start_block(out, |block| {
                    block.word("type", "redacted_thinking");
                    signature::write(data, block.key("data"));
                });
                self.stop_block(out);
            }
            Event::CallStart { choice: 0, call, id, name, custom, signature } => {
                if let Some(signature) = signature {
                    // The client holds it for us, since a call has no place for it.
                    self.close(out);
                    self.sign(signature, out);
                }
                self.close(out);
                self.start_call(id, name, out);
                self.open = Open::Call { call: *call, custom: *custom };
                if *custom {
                    self.input(out, |out| out.extend_from_slice(br#"{\"input\":\""#));
                }
            }
            Event::CallEnd { choice: 0, call: _ } => {
                if self.in_call() {
                    self.close(out);
                }
            }
            Event::Citation { choice: 0, citation } => {
                self.citation(out, |out| write_citation(citation, out));
            }
            Event::Media { media, .. } => left_out::tell_media(media, out),
            Event::Extra { choice, extra } if is_own(extra) => self.own(*choice, extra, out),
            Event::Finish { choice: 0, reason } => self.finish = Some(reason.clone().into_owned()),
            Event::Usage(usage) => self.usage = *usage,
            Event::Failure(failure) => {
                out.extend_from_slice(b"event: error\ndata: ");
                error::write(failure, out);
                out.extend_from_slice(b"\n\n");
            }
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
            | Event::Extra { .. }
            | Event::Finish { .. } => {}
        }
    }

    fn start(&mut self, start: &Start<'_>, out: &mut Vec<u8>) {
        if self.begun {
            return;
        }
        self.begun = true;
        self.usage = start.usage.unwrap_or(self.usage);
        frame("message_start", out, |event| {
            let mut message = Object::open(event.key("message"));
            response::write_id(&start.id, self.seed, &mut message);
            message.word("type", "message");
            message.word("role", "assistant");
            message.text("model", &start.model);
            message.fixed("content", "[]");
            message.fixed("stop_reason", "null");
            message.fixed("stop_sequence", "null");
            usage::write(&self.usage, message.key("usage"));
            message.close();
        });
    }

    /// Appends more of the block that is open. `kind` is the rest of the delta up to its value.
    fn delta(&self, kind: &[u8], out: &mut Vec<u8>, value: impl FnOnce(&mut Vec<u8>)) {
        out.extend_from_slice(DELTA);
        out.extend_from_slice(itoa::Buffer::new().format(self.index).as_bytes());
        out.extend_from_slice(b",\"delta\":{\"type\":\"");
        out.extend_from_slice(kind);
        value(out);
        out.extend_from_slice(b"}}\n\n");
    }

    fn text(&mut self, text: &Text<'_>, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        self.turn_to(Open::Text, out);
        out.reserve(DELTA.len() + text.raw().len() + 64);
        self.delta(b"text_delta\",\"text\":\"", out, |out| {
            out.extend_from_slice(text.raw());
            out.push(b'"');
        });
    }

    fn citation(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        self.turn_to(Open::Text, out);
        self.delta(b"citations_delta\",\"citation\":", out, write);
    }

    /// Makes sure that a block of this kind is open.
    fn turn_to(&mut self, kind: Open, out: &mut Vec<u8>) {
        if self.open == kind {
            return;
        }
        self.close(out);
        self.start_block(out, |block| {
            if kind == Open::Thinking {
                block.fixed("type", "\"thinking\",\"thinking\":\"\",\"signature\":\"\"");
            } else {
                block.fixed("type", "\"text\",\"text\":\"\"");
            }
        });
        self.open = kind;
    }

    fn start_block(&mut self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        self.start(&Start::default(), out);
        let index = self.index;
        frame("content_block_start", out, |event| {
            event.number("index", index);
            let mut block = Object::open(event.key("content_block"));
            fill(&mut block);
            block.close();
        });
    }

    fn stop_block(&mut self, out: &mut Vec<u8>) {
        frame("content_block_stop", out, |event| event.number("index", self.index));
        self.index += 1;
        self.open = Open::None;
    }

    /// Closes the block that is open, if one is.
    fn close(&mut self, out: &mut Vec<u8>) {
        match self.open {
            Open::None => return,
            Open::Call { custom: true, .. } => {
                self.input(out, |out| out.extend_from_slice(br#"\"}"#));
            }
            Open::Text | Open::Thinking | Open::Call { .. } => {}
        }
        self.stop_block(out);
    }

    fn sign(&mut self, signed: &Signature<'_>, out: &mut Vec<u8>) {
        // A text has no signature in this format.
        if self.open == Open::Text {
            return;
        }
        self.turn_to(Open::Thinking, out);
        self.delta(b"signature_delta\",\"signature\":", out, |out| signature::write(signed, out));
        self.close(out);
    }

    fn start_call(&mut self, id: &Text<'_>, name: &Text<'_>, out: &mut Vec<u8>) {
        let made = response::call_id(id, self.calls, self.seed);
        self.calls += 1;
        self.start_block(out, |block| {
            block.word("type", "tool_use");
            block.string("id", &made);
            block.text("name", name);
            block.fixed("input", "{}");
        });
    }

    fn piece(&self, piece: &Arguments<'_>, out: &mut Vec<u8>) {
        let Open::Call { custom, .. } = self.open else { return };
        if piece.is_empty() {
            return;
        }
        self.input(out, |out| {
            if !custom {
                return piece.write_inside(out);
            }
            // Text within JSON within a string.
            let mut once = Vec::new();
            piece.write_inside(&mut once);
            json::write_escaped(out, &String::from_utf8_lossy(&once));
        });
    }

    /// Appends a piece of arguments, which `write` writes as the inside of a string.
    fn input(&self, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        self.delta(b"input_json_delta\",\"partial_json\":\"", out, |out| {
            write(out);
            out.push(b'"');
        });
    }

    /// What only Anthropic has words for: a block, a citation, or a member of the answer.
    fn own(&mut self, choice: Option<u32>, extra: &Extra<'_>, out: &mut Vec<u8>) {
        match choice {
            None => self.extra.push(extra.clone().into_owned()),
            Some(0) if extra.name == CITATION => {
                self.citation(out, |out| extra.value.write_line(out));
            }
            Some(0) if extra.name == "stop_reason" => {
                self.own_finish = Some(extra.clone().into_owned());
            }
            Some(0) if is_block(extra) => {
                self.close(out);
                self.whole_block(&extra.value, out);
            }
            Some(_) => {}
        }
    }

    fn whole_block(&mut self, block: &Json<'_>, out: &mut Vec<u8>) {
        self.start(&Start::default(), out);
        let index = self.index;
        frame("content_block_start", out, |event| {
            event.number("index", index);
            block.write_line(event.key("content_block"));
        });
        self.stop_block(out);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.start(&Start::default(), out);
        self.close(out);
        // A call that never ended holds back nothing any more.
        self.replay(out);
        self.close(out);
        let silent = Some(if self.calls > 0 { Finish::Calls } else { Finish::Stop });
        let finish = self.finish.take().or(silent);
        let (inner, outer): (Vec<_>, Vec<_>) =
            self.extra.iter().partition(|extra| IN_DELTA.contains(&&*extra.name));
        frame("message_delta", out, |event| {
            let mut delta = Object::open(event.key("delta"));
            write_stop(finish.as_ref(), self.own_finish.as_ref(), &mut delta);
            for extra in inner {
                extra.value.write_line(delta.any_key(&extra.name));
            }
            delta.close();
            usage::write(&self.usage, event.key("usage"));
            for extra in outer {
                extra.value.write_line(event.any_key(&extra.name));
            }
        });
        frame("message_stop", out, |_| {});
    }
}

/// Appends a whole event, whose members `fill` adds to its type.
fn frame(kind: &str, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    let mut event = Object::open(out);
    event.word("type", kind);
    fill(&mut event);
    event.close();
    out.extend_from_slice(b"\n\n");
}
