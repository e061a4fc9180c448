//! An upstream's stream as events.

use crate::chat::AnySink;
use crate::chat::Class;
use crate::chat::Event;
use crate::chat::Failure;
use crate::chat::Sink;
use crate::chat::Start;
use crate::chat::Text;
use crate::codec::json;
use crate::codec::json::Member;
use crate::codec::json::Str;
use crate::codec::json::Value;
use crate::codec::sse::Decoder;
use crate::codec::sse::Frame;
use crate::protocol::Garbage;
use crate::protocol::Seed;
use crate::protocol::alike::Alike;
use crate::protocol::alike::Watch;
use crate::protocol::openai::chat::error;
use crate::protocol::openai::chat::extra;
use crate::protocol::openai::chat::hash;
use crate::protocol::openai::chat::response;
use crate::protocol::openai::chat::stream::choices::Choices;
use crate::protocol::openai::chat::usage;
use crate::protocol::template::Template;

/// Longest event: room for an image in base64.
const MAX_EVENT: usize = 8 * 1024 * 1024;

/// Most members of chunks that are remembered, to tell each once.
const MAX_TOLD: usize = 32;

/// Members that stand in every chunk and say the same in each.
const COMMON: [&[u8]; 3] = [b"system_fingerprint", b"service_tier", b"provider"];

/// Reads a stream.
///
/// Why a choice ended is told at the end of the stream and not before: what follows the reason may
/// still belong to the choice (Azure, OpenRouter), and a stream that breaks off has no end.
#[derive(Debug)]
pub struct Reader {
    frames: Decoder,
    started: bool,
    done: bool,
    choices: Choices,
    /// Hashes of members of chunks that were told.
    told: Vec<u64>,
    /// Which of the members that stand in every chunk were told.
    common: [bool; COMMON.len()],
    /// A chunk that was one piece of text, and of what; most are like the one before.
    common_chunk: Template,
    alike: Alike,
    /// What came before the start.
    early: Vec<Event<'static>>,
}

/// The members of a chunk.
#[derive(Default)]
struct Chunk<'a> {
    id: Option<Value<'a>>,
    model: Option<Value<'a>>,
    created: Option<Value<'a>>,
    choices: Option<Value<'a>>,
    usage: Option<Value<'a>>,
    error: Option<Value<'a>>,
    /// Of no use to anybody.
    padding: Option<Value<'a>>,
    others: Vec<Member<'a>>,
}

impl<'a> Chunk<'a> {
    fn read(data: &'a [u8], told: &[bool; COMMON.len()]) -> Result<Self, json::Error> {
        let mut chunk = Self::default();
        json::object(data, |member, _| {
            if response::is_nothing(member.value) {
                return;
            }
            let value = Some(member.value);
            match member.key.raw() {
                b"id" => chunk.id = value,
                b"model" => chunk.model = value,
                b"created" => chunk.created = value,
                b"choices" => chunk.choices = value,
                b"usage" => chunk.usage = value,
                b"error" => chunk.error = value,
                // Padding, in two providers' words.
                b"obfuscation" | b"p" => chunk.padding = value,
                b"object" => {}
                name => {
                    let known =
                        COMMON.iter().zip(told).any(|(common, told)| *told && *common == name);
                    if !known {
                        chunk.others.push(member);
                    }
                }
            }
        })?;
        Ok(chunk)
    }
}

impl Reader {
    /// A stream of which nothing was read.
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        Self {
            frames: Decoder::new(MAX_EVENT),
            started: false,
            done: false,
            choices: Choices::new(seed),
            told: Vec::new(),
            common: [false; COMMON.len()],
            common_chunk: Template::default(),
            alike: Alike::default(),
            early: Vec::new(),
        }
    }

    /// Reads what is whole in `bytes` and tells how much of it was used; the caller keeps the rest
    /// and calls again with more behind it.
    ///
    /// # Errors
    /// Where it is no stream of this format. That is final.
    pub fn push(&mut self, bytes: &[u8], sink: &mut AnySink<'_>) -> Result<usize, Garbage> {
        let mut rest = bytes;
        while !self.done {
            let frame = self.frames.decode(rest).map_err(|e| Garbage::new(e.to_string()))?;
            let Some(frame) = frame else { return Ok(bytes.len() - rest.len()) };
            self.frame(&frame, sink)?;
            rest = rest.get(frame.len()..).unwrap_or_default();
        }
        Ok(bytes.len())
    }

    /// The body has ended with `rest` unused. Some servers leave the terminator out: then the
    /// stream is complete if every choice is.
    ///
    /// # Errors
    /// Where the stream was cut off.
    pub fn finish(&mut self, rest: &[u8], sink: &mut AnySink<'_>) -> Result<(), Garbage> {
        let mut rest = rest;
        while !self.done {
            let Some(frame) = self.frames.finish(rest) else { break };
            self.frame(&frame, sink)?;
            rest = rest.get(frame.len()..).unwrap_or_default();
        }
        if self.done {
            return Ok(());
        }
        let last = rest.trim_ascii();
        let terminator = last.strip_prefix(b"data:").map(<[u8]>::trim_ascii_start);
        let whole = match terminator {
            Some(data) => data == b"[DONE]",
            None => (last.is_empty() || last.starts_with(b":")) && self.choices.are_finished(),
        };
        if !whole {
            return Err(Garbage::new("the stream ended before the answer was complete"));
        }
        self.end(sink);
        Ok(())
    }

    /// Whether the end or a failure was told: what follows is not read.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.done
    }

    fn frame(&mut self, frame: &Frame<'_>, sink: &mut AnySink<'_>) -> Result<(), Garbage> {
        let Some(data) = frame.data() else { return Ok(()) };
        // Where a text is empty, another member may have the word.
        if let Some(text) = self.common_chunk.text(&data).filter(|text| !text.is_empty()) {
            let event = self.alike.event(Text::of(Str::trusted(text)));
            if let Event::CallArguments { choice, call, piece } = &event {
                self.choices.passed(*choice, *call, piece);
            }
            sink.event(event);
            return Ok(());
        }
        if data.is_empty() {
            return Ok(());
        }
        if data.starts_with(b"[DONE]") {
            self.end(sink);
            return Ok(());
        }
        let chunk = match Chunk::read(&data, &self.common) {
            Ok(chunk) => chunk,
            Err(_) if frame.event() == Some(b"error") => {
                let words = String::from_utf8_lossy(&data);
                self.fail(Failure::new(Class::Server, &words), sink);
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        if frame.event() == Some(b"error") && chunk.error.is_none() && chunk.choices.is_none() {
            self.fail(error::of_value(200, Value::trusted(data.trim_ascii())), sink);
            return Ok(());
        }
        let mut watch = Watch::new(sink);
        self.chunk(&chunk, &mut watch)?;
        let (alike, text) = watch.only().unzip();
        self.alike = alike.unwrap_or_default();
        self.common_chunk.learn(&data, text, chunk.padding);
        Ok(())
    }

    fn chunk<'a>(
        &mut self,
        chunk: &Chunk<'a>,
        sink: &mut (impl Sink<'a> + ?Sized),
    ) -> Result<(), Garbage> {
        if let Some(error) = chunk.error {
            self.fail(error::of_value(200, error), sink);
            return Ok(());
        }
        // Azure's first chunk has no id and no choices, only what it thinks of the prompt.
        let real = chunk.id.is_some() || chunk.choices.is_some_and(|v| !v.is_empty_array());
        if !self.started && real {
            self.start(chunk, sink);
        }
        for member in &chunk.others {
            self.tell(member, sink);
        }
        for value in chunk.choices.into_iter().flat_map(Value::elements) {
            if let Some(error) = self.choices.read(value, sink)? {
                self.fail(error::of_value(200, error), sink);
                return Ok(());
            }
        }
        if let Some(value) = chunk.usage {
            if !self.started {
                self.start(chunk, sink);
            }
            sink.event(Event::Usage(usage::read(value)));
        }
        Ok(())
    }

    fn start<'e>(&mut self, chunk: &Chunk<'_>, sink: &mut (impl Sink<'e> + ?Sized)) {
        self.started = true;
        let text = |value: Option<Value<'_>>| {
            value.and_then(Text::from_value).unwrap_or_default().into_owned()
        };
        sink.event(Event::Start(Start {
            id: text(chunk.id),
            model: text(chunk.model),
            created: chunk.created.and_then(response::seconds),
            usage: chunk.usage.map(usage::read),
        }));
        self.early.drain(..).for_each(|event| sink.event(event));
    }

    /// Tells a member that is only carried, once.
    fn tell<'e>(&mut self, member: &Member<'e>, sink: &mut (impl Sink<'e> + ?Sized)) {
        for (common, told) in COMMON.iter().zip(&mut self.common) {
            *told |= member.key.raw() == *common;
        }
        let print = hash(member.key.raw()).rotate_left(1) ^ hash(member.value.raw());
        if self.told.contains(&print) || self.told.len() >= MAX_TOLD {
            return;
        }
        self.told.push(print);
        let event = Event::Extra { choice: None, extra: extra(member) };
        if self.started {
            sink.event(event);
        } else {
            self.early.push(event.into_owned());
        }
    }

    fn fail<'e>(&mut self, failure: Failure<'e>, sink: &mut (impl Sink<'e> + ?Sized)) {
        self.done = true;
        sink.event(Event::Failure(failure));
    }

    fn end<'e>(&mut self, sink: &mut (impl Sink<'e> + ?Sized)) {
        if !self.started {
            self.started = true;
            sink.event(Event::Start(Start::default()));
            self.early.drain(..).for_each(|event| sink.event(event));
        }
        self.done = true;
        self.choices.end(sink);
        sink.event(Event::End);
    }
}
