//! An upstream's stream, as events.

use crate::chat::AnySink;
use crate::chat::Arguments;
use crate::chat::Event;
use crate::chat::Failure;
use crate::chat::Sink;
use crate::chat::Start;
use crate::chat::Text;
use crate::codec::eventstream::Decoder;
use crate::codec::eventstream::Header;
use crate::codec::eventstream::MAX_MESSAGE;
use crate::codec::eventstream::Message;
use crate::codec::json;
use crate::codec::json::Str;
use crate::codec::json::Value;
use crate::protocol::Garbage;
use crate::protocol::Seed;
use crate::protocol::alike::Alike;
use crate::protocol::alike::Watch;
use crate::protocol::bedrock::error;
use crate::protocol::bedrock::extra;
use crate::protocol::bedrock::name;
use crate::protocol::bedrock::read_usage;
use crate::protocol::bedrock::response;
use crate::protocol::bedrock::response::ADDITIONAL;
use crate::protocol::bedrock::response::TOLD;
use crate::protocol::bedrock::signature;
use crate::protocol::template::Template;

/// The one choice of an answer.
const CHOICE: u32 = 0;
/// Most blocks that may be open at once; Converse opens one after the other.
const MAX_OPEN: usize = 128;

/// Reads a stream.
#[derive(Debug)]
pub struct Reader {
    decoder: Decoder,
    /// Blocks that have not stopped, by their number in the stream.
    open: Vec<(u64, Block)>,
    calls: u32,
    started: bool,
    stopped: bool,
    done: bool,
    /// A delta that was one piece of text, and of what; most are like the one before.
    common: Template,
    alike: Alike,
}

/// A block that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    Call(u32),
    /// Text or a thought, and whether a thought was shown.
    Said(bool),
    /// One that the vocabulary has no words for.
    Other,
}

/// What a payload says, as far as any event asks.
#[derive(Default)]
struct Payload<'a> {
    index: Option<u64>,
    start: Option<Value<'a>>,
    delta: Option<Value<'a>>,
    stop: Option<Str<'a>>,
    usage: Option<Value<'a>>,
    padding: Option<Value<'a>>,
    told: [Option<Value<'a>>; TOLD.len()],
}

impl<'a> Payload<'a> {
    fn read(payload: &'a [u8]) -> Result<Self, Garbage> {
        let mut found = Self::default();
        json::object(payload, |member, _| {
            if member.value.is_null() {
                return;
            }
            match &*name(member.key) {
                b"contentBlockIndex" => found.index = member.value.as_u64(),
                b"delta" => found.delta = Some(member.value),
                b"start" => found.start = Some(member.value),
                b"stopReason" => found.stop = member.value.as_str(),
                b"usage" => found.usage = Some(member.value),
                // `p` is padding that hides the length of a token.
                b"p" => found.padding = Some(member.value),
                key => {
                    let names = TOLD.iter().zip(&mut found.told);
                    for (_, place) in names.filter(|(name, _)| name.as_bytes() == key) {
                        *place = Some(member.value);
                    }
                }
            }
        })?;
        Ok(found)
    }

    fn index(&self) -> Result<u64, Garbage> {
        self.index.ok_or_else(|| Garbage::new("an event without contentBlockIndex"))
    }
}

impl Reader {
    /// A reader at the start of a stream. It makes no ids: Converse gives those of calls.
    #[must_use]
    pub fn new(_: Seed) -> Self {
        Self {
            decoder: Decoder::new(MAX_MESSAGE),
            open: Vec::new(),
            calls: 0,
            started: false,
            stopped: false,
            done: false,
            common: Template::default(),
            alike: Alike::default(),
        }
    }

    /// Reads the messages that are whole in `bytes`; how many bytes they took. The caller keeps the
    /// rest and calls again with more behind it.
    ///
    /// # Errors
    /// Where it is no stream of Converse.
    pub fn push(&mut self, bytes: &[u8], sink: &mut AnySink<'_>) -> Result<usize, Garbage> {
        let mut used = 0;
        while !self.done {
            let rest = bytes.get(used..).unwrap_or_default();
            let message = self.decoder.decode(rest).map_err(|e| Garbage::new(e.to_string()))?;
            let Some(message) = message else { break };
            self.message(&message, sink)?;
            used += message.len();
        }
        Ok(used)
    }

    /// The body has ended, with `rest` not read.
    ///
    /// # Errors
    /// Where the stream was cut.
    pub fn finish(&mut self, rest: &[u8], sink: &mut AnySink<'_>) -> Result<(), Garbage> {
        if self.done {
            return Ok(());
        }
        if !rest.is_empty() {
            return Err(Garbage::new("the stream ends within a message"));
        }
        if !self.stopped {
            return Err(Garbage::new("the stream ends before its messageStop"));
        }
        self.done = true;
        sink.event(Event::End);
        Ok(())
    }

    /// Whether the answer is complete or has failed: what follows is not read.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.done
    }

    fn message(&mut self, message: &Message<'_>, sink: &mut AnySink<'_>) -> Result<(), Garbage> {
        let (mut class, mut event) = (&b"event"[..], None);
        for (name, value) in message.headers() {
            if let Header::Text(text) = value {
                match name {
                    b":message-type" => class = text,
                    b":event-type" => event = Some(text),
                    _ => {}
                }
            }
        }
        let payload = message.payload();
        match class {
            b"event" => {
                let kind = event.ok_or_else(|| Garbage::new("a message without :event-type"))?;
                self.event(kind, payload, sink)?;
            }
            b"exception" => {
                let words = error::words(payload);
                let words = words.as_deref().unwrap_or("the stream failed");
                self.fail(error::failure(None, message.header(":exception-type"), words), sink);
            }
            b"error" => {
                let kind = message.header(":error-code");
                let words = message.header(":error-message").unwrap_or("the stream failed");
                self.fail(error::failure(None, kind, words), sink);
            }
            // A kind of message that is not known yet.
            _ => {}
        }
        Ok(())
    }

    fn fail(&mut self, failure: Failure<'_>, sink: &mut AnySink<'_>) {
        self.done = true;
        sink.event(Event::Failure(failure));
    }

    fn event(
        &mut self,
        kind: &[u8],
        payload: &[u8],
        sink: &mut AnySink<'_>,
    ) -> Result<(), Garbage> {
        if kind == b"contentBlockDelta" {
            return self.any_delta(payload, sink);
        }
        self.common.forget();
        match kind {
            b"messageStart" => {
                Payload::read(payload)?;
                self.begin(sink);
            }
            b"contentBlockStart" => self.block_start(&Payload::read(payload)?, sink)?,
            b"contentBlockStop" => self.block_stop(Payload::read(payload)?.index()?, sink),
            b"messageStop" => self.message_stop(&Payload::read(payload)?, sink)?,
            b"metadata" => self.metadata(&Payload::read(payload)?, sink)?,
            _ => {}
        }
        Ok(())
    }

    fn begin<'a, S: Sink<'a> + ?Sized>(&mut self, sink: &mut S) {
        if !self.started {
            self.started = true;
            sink.event(Event::Start(Start::default()));
        }
    }

    /// The block of a number. A text and a thought begin without a word.
    fn block(&mut self, index: u64, new: Block) -> Result<&mut Block, Garbage> {
        let at = match self.open.iter().position(|(open, _)| *open == index) {
            Some(at) => at,
            None if self.open.len() < MAX_OPEN => {
                self.open.push((index, new));
                self.open.len() - 1
            }
            None => return Err(Garbage::new("too many open content blocks")),
        };
        let found = self.open.get_mut(at).map(|(_, block)| block);
        found.ok_or_else(|| Garbage::new("no such content block"))
    }

    fn block_start(
        &mut self,
        payload: &Payload<'_>,
        sink: &mut AnySink<'_>,
    ) -> Result<(), Garbage> {
        self.begin(sink);
        let index = payload.index()?;
        let Some(start) = payload.start else { return Ok(()) };
        if self.open.iter().any(|(open, _)| *open == index) {
            return Err(Garbage::new("a content block that starts twice"));
        }
        match start.get("toolUse").filter(|call| !response::is_servers(*call)) {
            Some(call) => {
                let text = |key: &str| {
                    let found = call.get(key).and_then(Text::from_value);
                    found.ok_or_else(|| Garbage::new(format!("a toolUse without {key}")))
                };
                let (id, name) = (text("toolUseId")?, text("name")?);
                let call = self.calls;
                self.block(index, Block::Call(call))?;
                self.calls += 1;
                let (custom, signature) = (false, None);
                sink.event(Event::CallStart { choice: CHOICE, call, id, name, custom, signature });
            }
            None => {
                self.block(index, Block::Other)?;
                let extra = extra("contentBlockStart", start);
                sink.event(Event::Extra { choice: Some(CHOICE), extra });
            }
        }
        Ok(())
    }

    fn any_delta(&mut self, payload: &[u8], sink: &mut AnySink<'_>) -> Result<(), Garbage> {
        if let Some(text) = self.common.text(payload) {
            if !text.is_empty() {
                sink.event(self.alike.event(Text::of(Str::trusted(text))));
            }
            return Ok(());
        }
        let (read, mut watch) = (Payload::read(payload)?, Watch::new(sink));
        self.delta(&read, &mut watch)?;
        let (alike, text) = watch.only().unzip();
        self.alike = alike.unwrap_or_default();
        self.common.learn(payload, text, read.padding);
        Ok(())
    }

    fn delta<'a, S: Sink<'a> + ?Sized>(
        &mut self,
        payload: &Payload<'a>,
        sink: &mut S,
    ) -> Result<(), Garbage> {
        self.begin(sink);
        let index = payload.index()?;
        let delta = payload.delta.ok_or_else(|| Garbage::new("a delta without its content"))?;
        let block = self.block(index, Block::Said(false))?;
        if *block == Block::Other {
            let extra = extra("contentBlockDelta", delta);
            sink.event(Event::Extra { choice: Some(CHOICE), extra });
            return Ok(());
        }
        for member in delta.members().filter(|member| !member.value.is_null()) {
            let value = member.value;
            match (&*name(member.key), &mut *block) {
                (b"text", _) => {
                    let text =
                        Text::from_value(value).ok_or_else(|| Garbage::new("text is no string"))?;
                    if !text.is_empty() {
                        sink.event(Event::Text { choice: CHOICE, text });
                    }
                }
                (b"toolUse", Block::Call(call)) => {
                    let call = *call;
                    let piece = value.get("input").and_then(Text::from_value);
                    let piece = piece.ok_or_else(|| Garbage::new("a toolUse without input"))?;
                    if !piece.is_empty() {
                        let piece = Arguments::Quoted(piece);
                        sink.event(Event::CallArguments { choice: CHOICE, call, piece });
                    }
                }
                (b"toolUse", Block::Said(_) | Block::Other) => {
                    return Err(Garbage::new("a toolUse that did not start"));
                }
                (b"reasoningContent", Block::Said(shown)) => thought(value, shown, sink),
                (b"citation", _) => sink.event(response::read_citation(value)),
                (_, _) => {
                    let extra = extra("contentBlockDelta", delta);
                    sink.event(Event::Extra { choice: Some(CHOICE), extra });
                }
            }
        }
        Ok(())
    }

    fn block_stop(&mut self, index: u64, sink: &mut AnySink<'_>) {
        let Some(at) = self.open.iter().position(|(open, _)| *open == index) else { return };
        if let (_, Block::Call(call)) = self.open.remove(at) {
            sink.event(Event::CallEnd { choice: CHOICE, call });
        }
    }

    fn message_stop(
        &mut self,
        payload: &Payload<'_>,
        sink: &mut AnySink<'_>,
    ) -> Result<(), Garbage> {
        self.begin(sink);
        let reason = payload.stop;
        let reason = reason.ok_or_else(|| Garbage::new("a messageStop without stopReason"))?;
        for (_, block) in std::mem::take(&mut self.open) {
            if let Block::Call(call) = block {
                sink.event(Event::CallEnd { choice: CHOICE, call });
            }
        }
        let more = payload.told.first().copied().flatten();
        response::read_finish(reason, more, sink);
        if let Some(more) = more {
            sink.event(Event::Extra { choice: None, extra: extra(ADDITIONAL, more) });
        }
        self.stopped = true;
        Ok(())
    }

    fn metadata(&mut self, payload: &Payload<'_>, sink: &mut AnySink<'_>) -> Result<(), Garbage> {
        if !self.stopped {
            return Err(Garbage::new("metadata before messageStop"));
        }
        for (name, value) in TOLD.into_iter().zip(payload.told) {
            if let Some(value) = value {
                sink.event(Event::Extra { choice: None, extra: extra(name, value) });
            }
        }
        if let Some(usage) = payload.usage {
            sink.event(Event::Usage(read_usage(usage)));
        }
        self.done = true;
        sink.event(Event::End);
        Ok(())
    }
}

/// A piece of a thought, its signature, or a whole one that cannot be read.
fn thought<'a, S: Sink<'a> + ?Sized>(value: Value<'a>, shown: &mut bool, sink: &mut S) {
    for member in value.members() {
        let Some(text) = member.value.as_str() else { continue };
        match &*name(member.key) {
            b"text" if !text.raw().is_empty() => {
                *shown = true;
                sink.event(Event::Thinking { choice: CHOICE, text: Text::of(text) });
            }
            b"signature" => {
                if !*shown {
                    sink.event(Event::Thinking { choice: CHOICE, text: Text::default() });
                }
                *shown = false;
                let signature = signature::read(text);
                sink.event(Event::Signature { choice: CHOICE, signature });
            }
            b"redactedContent" => {
                let data = signature::read_redacted(text);
                sink.event(Event::Redacted { choice: CHOICE, data });
            }
            _ => {}
        }
    }
}
