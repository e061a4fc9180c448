//! An upstream's stream, as events.

use crate::chat::AnySink;
use crate::chat::Event;
use crate::chat::Finish;
use crate::chat::Start;
use crate::chat::Text;
use crate::chat::Usage;
use crate::codec::json;
use crate::codec::json::Str;
use crate::codec::json::Value;
use crate::codec::sse::Decoder;
use crate::codec::sse::Frame;
use crate::protocol::Garbage;
use crate::protocol::Seed;
use crate::protocol::anthropic::CHOICE;
use crate::protocol::anthropic::error;
use crate::protocol::anthropic::extra;
use crate::protocol::anthropic::present;
use crate::protocol::anthropic::read_stop;
use crate::protocol::anthropic::stream::block::Block;
use crate::protocol::anthropic::usage::Tokens;

/// Longest event: room for a document that a tool of Anthropic's own returned.
const MAX_EVENT: usize = 8 * 1024 * 1024;

/// Most blocks that may be open at once; Anthropic opens one after the other.
const MAX_OPEN: usize = 128;

/// Reads a stream.
///
/// Why the answer ended is told at the end of the stream: an earlier word of it may be corrected.
#[derive(Debug)]
pub struct Reader {
    frames: Decoder,
    /// Blocks that have not stopped, by their number in the stream.
    open: Vec<(u64, Block)>,
    calls: u32,
    tokens: Tokens,
    finish: Option<Finish<'static>>,
    started: bool,
    done: bool,
}

/// The members of an event.
#[derive(Default)]
struct Payload<'a> {
    kind: Option<Str<'a>>,
    index: Option<Value<'a>>,
    delta: Option<Value<'a>>,
    block: Option<Value<'a>>,
    message: Option<Value<'a>>,
    usage: Option<Value<'a>>,
    error: Option<Value<'a>>,
    others: Vec<json::Member<'a>>,
}

impl<'a> Payload<'a> {
    fn read(data: &'a [u8]) -> Result<Self, Garbage> {
        let mut found = Self::default();
        json::object(data, |member, _| {
            let value = Some(member.value);
            match member.key.raw() {
                b"type" => found.kind = member.value.as_str(),
                b"index" => found.index = value,
                b"delta" => found.delta = value,
                b"content_block" => found.block = value,
                b"message" => found.message = value,
                b"usage" => found.usage = value,
                b"error" => found.error = value,
                _ if member.value.is_null() => {}
                _ => found.others.push(member),
            }
        })?;
        Ok(found)
    }

    fn index(&self) -> Result<u64, Garbage> {
        let index = self.index.and_then(Value::as_u64);
        index.ok_or_else(|| Garbage::new("an event of a content block without index"))
    }
}

impl Reader {
    /// A reader at the start of a stream. It makes no ids: Anthropic gives them.
    #[must_use]
    pub fn new(_: Seed) -> Self {
        Self {
            frames: Decoder::new(MAX_EVENT),
            open: Vec::new(),
            calls: 0,
            tokens: Tokens::default(),
            finish: None,
            started: false,
            done: false,
        }
    }

    /// Reads the events that are whole in `bytes`; how many bytes they took. The caller keeps the
    /// rest and calls again with more behind it.
    ///
    /// # Errors
    /// Where it is no stream of the Messages API.
    pub fn push(&mut self, bytes: &[u8], sink: &mut AnySink<'_>) -> Result<usize, Garbage> {
        let mut used = 0;
        while !self.done {
            let rest = bytes.get(used..).unwrap_or_default();
            let frame =
                self.frames.decode(rest).map_err(|error| Garbage::new(error.to_string()))?;
            let Some(frame) = frame else { break };
            self.frame(&frame, sink)?;
            used += frame.len();
        }
        Ok(used)
    }

    /// The body has ended, with `rest` not read.
    ///
    /// # Errors
    /// Where the stream was cut.
    pub fn finish(&mut self, rest: &[u8], sink: &mut AnySink<'_>) -> Result<(), Garbage> {
        let mut rest = rest;
        while !self.done {
            let Some(frame) = self.frames.finish(rest) else {
                return Err(Garbage::new("the stream ends before its message_stop"));
            };
            self.frame(&frame, sink)?;
            rest = rest.get(frame.len()..).unwrap_or_default();
        }
        Ok(())
    }

    /// Whether the answer is complete or has failed: what follows is not read.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.done
    }

    fn frame(&mut self, frame: &Frame<'_>, sink: &mut AnySink<'_>) -> Result<(), Garbage> {
        let Some(data) = frame.data().filter(|data| !data.is_empty()) else { return Ok(()) };
        let payload = Payload::read(&data)?;
        let name = payload.kind.map(Str::raw).or_else(|| frame.event()).unwrap_or_default();
        match name {
            b"content_block_delta" => {
                let delta = payload.delta;
                let delta = delta.ok_or_else(|| Garbage::new("a delta without its content"))?;
                self.block(payload.index()?)?.delta(delta, sink)?;
            }
            b"content_block_start" => self.block_start(&payload, sink)?,
            b"content_block_stop" => {
                let index = payload.index()?;
                if let Some(at) = self.open.iter().position(|(open, _)| *open == index) {
                    self.open.remove(at).1.stop(sink);
                }
            }
            b"message_start" => self.message_start(&payload, sink)?,
            b"message_delta" => self.message_delta(&payload, sink),
            b"message_stop" => self.message_stop(sink),
            b"error" => self.fail(&payload, sink),
            _ if payload.error.is_some_and(|error| !error.is_null()) => self.fail(&payload, sink),
            // A ping, or what is not known yet.
            _ => {}
        }
        Ok(())
    }

    fn fail(&mut self, payload: &Payload<'_>, sink: &mut AnySink<'_>) {
        let nothing = Value::trusted(b"{}");
        let mut failure = error::of_value(200, payload.error.unwrap_or(nothing));
        if failure.message.is_empty() {
            failure.message = Text::plain("the stream failed");
        }
        self.done = true;
        sink.event(Event::Failure(failure));
    }

    fn begin(&mut self, start: Start<'_>, sink: &mut AnySink<'_>) {
        if !self.started {
            self.started = true;
            sink.event(Event::Start(start));
        }
    }

    fn message_start(
        &mut self,
        payload: &Payload<'_>,
        sink: &mut AnySink<'_>,
    ) -> Result<(), Garbage> {
        let message = payload.message.ok_or_else(|| Garbage::new("a start without a message"))?;
        let mut start = Start::default();
        let mut usage = None;
        let mut others = Vec::new();
        for member in present(message) {
            match &*member.key.name() {
                b"id" => start.id = Text::from_value(member.value).unwrap_or_default(),
                b"model" => start.model = Text::from_value(member.value).unwrap_or_default(),
                b"usage" => usage = Some(member.value),
                b"type" | b"role" | b"content" | b"stop_reason" | b"stop_sequence" => {}
                _ => others.push(member),
            }
        }
        let told = self.count(usage);
        self.begin(Start { usage: told, ..start }, sink);
        for member in others {
            let extra = extra(member.key.decode(), member.value);
            sink.event(Event::Extra { choice: None, extra });
        }
        if let Some(told) = told {
            sink.event(Event::Usage(told));
        }
        Ok(())
    }

    /// All tokens told so far, where `usage` tells some.
    fn count(&mut self, usage: Option<Value<'_>>) -> Option<Usage> {
        self.tokens.read(usage.filter(|usage| !usage.is_null())?);
        Some(self.tokens.usage())
    }

    fn block(&mut self, index: u64) -> Result<&mut Block, Garbage> {
        // The last one that was opened is nearly always the one.
        let found = self.open.iter_mut().rev().find(|(open, _)| *open == index);
        let found = found.map(|(_, block)| block);
        found.ok_or_else(|| Garbage::new("a delta of a content block that is not open"))
    }

    fn block_start(
        &mut self,
        payload: &Payload<'_>,
        sink: &mut AnySink<'_>,
    ) -> Result<(), Garbage> {
        let index = payload.index()?;
        let block = payload.block.ok_or_else(|| Garbage::new("a start without its block"))?;
        if self.open.len() >= MAX_OPEN || self.open.iter().any(|(open, _)| *open == index) {
            return Err(Garbage::new("a content block that starts twice, or too many at once"));
        }
        self.begin(Start::default(), sink);
        let block = Block::start(block, &mut self.calls, sink)?;
        self.open.push((index, block));
        Ok(())
    }

    fn message_delta(&mut self, payload: &Payload<'_>, sink: &mut AnySink<'_>) {
        self.begin(Start::default(), sink);
        let (mut reason, mut sequence) = (None, None);
        for member in payload.delta.into_iter().flat_map(present) {
            match &*member.key.name() {
                b"stop_reason" => reason = Some(member.value),
                b"stop_sequence" => sequence = Some(member.value),
                _ => {
                    let extra = extra(member.key.decode(), member.value);
                    sink.event(Event::Extra { choice: None, extra });
                }
            }
        }
        for member in &payload.others {
            let extra = extra(member.key.decode(), member.value);
            sink.event(Event::Extra { choice: None, extra });
        }
        if let Some(own) = reason {
            let known = read_stop(reason, sequence);
            if known.is_none() {
                let extra = extra("stop_reason", own);
                sink.event(Event::Extra { choice: Some(CHOICE), extra });
            }
            self.finish = known.map(Finish::into_owned);
        }
        if let Some(told) = self.count(payload.usage) {
            sink.event(Event::Usage(told));
        }
    }

    fn message_stop(&mut self, sink: &mut AnySink<'_>) {
        self.begin(Start::default(), sink);
        for (_, block) in std::mem::take(&mut self.open) {
            block.stop(sink);
        }
        let silent = if self.calls > 0 { Finish::Calls } else { Finish::Stop };
        let reason = self.finish.take().unwrap_or(silent);
        sink.event(Event::Finish { choice: CHOICE, reason });
        self.done = true;
        sink.event(Event::End);
    }
}
