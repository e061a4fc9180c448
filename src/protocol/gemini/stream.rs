//! Streams of answers: server-sent events without names, each a whole object, and the end of the
//! body behind the finish reason.

use crate::chat::AnySink;
use crate::chat::Arguments;
use crate::chat::Event;
use crate::chat::Extra;
use crate::chat::Finish;
use crate::chat::Protocol;
use crate::chat::Signature;
use crate::chat::Text;
use crate::chat::Usage;
use crate::codec::json;
use crate::codec::json::Document;
use crate::codec::json::Str;
use crate::codec::json::Value;
use crate::codec::sse::Decoder;
use crate::codec::sse::Frame;
use crate::protocol::Garbage;
use crate::protocol::Seed;
use crate::protocol::alike::Alike;
use crate::protocol::alike::Watch;
use crate::protocol::gemini::error;
use crate::protocol::gemini::logprobs;
use crate::protocol::gemini::out;
use crate::protocol::gemini::reading::PARTS;
use crate::protocol::gemini::reading::Reading;
use crate::protocol::gemini::response;
use crate::protocol::gemini::sources;
use crate::protocol::gemini::usage;
use crate::protocol::template::Template;

/// Most bytes of one event; images come in one.
const MAX_EVENT: usize = 32 * 1024 * 1024;

/// Reads a stream.
#[derive(Debug)]
pub struct Reader {
    frames: Decoder,
    reading: Reading,
    /// The last usage told.
    usage: Vec<u8>,
    /// An object that was one piece of text, and which; most are like the one before.
    common: Template,
    alike: Alike,
}

impl Reader {
    /// A stream of which nothing was read.
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        let (frames, reading) = (Decoder::new(MAX_EVENT), Reading::new(seed));
        let (usage, common, alike) = (Vec::new(), Template::default(), Alike::default());
        Self { frames, reading, usage, common, alike }
    }

    /// Reads what is whole in `bytes` and tells how much of it was used; the caller keeps the rest
    /// and calls again with more behind it.
    ///
    /// # Errors
    /// Where it is no stream of this format. That is final.
    pub fn push(&mut self, bytes: &[u8], sink: &mut AnySink<'_>) -> Result<usize, Garbage> {
        let mut rest = bytes;
        while !self.is_done() {
            let frame = self.frames.decode(rest).map_err(|e| Garbage::new(e.to_string()))?;
            let Some(frame) = frame else { return Ok(bytes.len() - rest.len()) };
            self.frame(&frame, sink)?;
            rest = rest.get(frame.len()..).unwrap_or_default();
        }
        Ok(bytes.len())
    }

    /// The body has ended with `rest` unused.
    ///
    /// # Errors
    /// Where the stream was cut off.
    pub fn finish(&mut self, rest: &[u8], sink: &mut AnySink<'_>) -> Result<(), Garbage> {
        let mut rest = rest;
        while !self.is_done() {
            let Some(frame) = self.frames.finish(rest) else { break };
            self.frame(&frame, sink)?;
            rest = rest.get(frame.len()..).unwrap_or_default();
        }
        if self.is_done() {
            return Ok(());
        }
        let last = rest.trim_ascii();
        if matches!(last.first(), Some(b'{' | b'[')) {
            self.bare(last, sink)?;
            if self.is_done() {
                return Ok(());
            }
        } else if !last.is_empty() && !last.starts_with(b":") {
            return Err(Garbage::new("the stream ended within an event"));
        }
        let usage = std::mem::take(&mut self.usage);
        let metadata = (!usage.is_empty()).then(|| Value::trusted(&usage));
        self.reading.end(false, metadata, sink)
    }

    /// Whether the end or a failure was told: what follows is not read.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.reading.done
    }

    fn frame(&mut self, frame: &Frame<'_>, sink: &mut AnySink<'_>) -> Result<(), Garbage> {
        if let Some(data) = frame.data() {
            // Some servers between us and Google end streams in OpenAI's way.
            let empty = data.is_empty() || *data == *b"[DONE]";
            return if empty { Ok(()) } else { self.bare(&data, sink) };
        }
        let text = frame.raw().trim_ascii();
        if matches!(text.first(), Some(b'{' | b'[')) { self.bare(text, sink) } else { Ok(()) }
    }

    /// Reads an object, or an array of them: in mid-stream errors come so, without `data:`.
    fn bare(&mut self, text: &[u8], sink: &mut AnySink<'_>) -> Result<(), Garbage> {
        if text.trim_ascii_start().first() != Some(&b'[') {
            return self.object(text, sink);
        }
        for element in json::validate(text)?.elements() {
            if !self.is_done() {
                self.object(element.raw(), sink)?;
            }
        }
        Ok(())
    }

    fn object(&mut self, object: &[u8], sink: &mut AnySink<'_>) -> Result<(), Garbage> {
        if let Some((text, counts)) = self.common.text_and_counts(object) {
            if !text.is_empty() {
                sink.event(self.alike.event(Text::of(Str::trusted(text))));
            }
            counts.into_iter().for_each(|counts| self.count(counts, sink));
            return Ok(());
        }
        // What is said stands five levels deep.
        let document = Document::read(object, |_, _| {})?;
        let mut watch = Watch::new(sink);
        let metadata = self.reading.object(document.value(), &mut watch)?;
        let (alike, text) = watch.only().unzip();
        self.alike = alike.unwrap_or_default();
        self.common.learn_counting(object, text, metadata);
        metadata.into_iter().for_each(|metadata| self.count(metadata, sink));
        Ok(())
    }

    /// Tells all tokens so far: what is known where the stream breaks off.
    fn count(&mut self, metadata: Value<'_>, sink: &mut AnySink<'_>) {
        if !self.is_done() {
            sink.event(Event::Usage(usage::read(metadata).0));
        }
        self.usage.clear();
        self.usage.extend_from_slice(metadata.raw());
    }
}

/// Writes a stream.
#[derive(Debug)]
pub struct Writer {
    seed: Seed,
    /// What every object ends with, and the end of the frame.
    tail: Vec<u8>,
    calls: Vec<OpenCall>,
    /// What is told in the last object: of each choice, and of the answer.
    ends: Vec<Ending>,
    extra: Vec<Extra<'static>>,
    usage: Option<Usage>,
    /// Whether there was any content.
    content: bool,
}

/// A call of which not all arguments are known.
#[derive(Debug)]
struct OpenCall {
    choice: u32,
    call: u32,
    id: Text<'static>,
    name: Text<'static>,
    signature: Option<Signature<'static>>,
    arguments: Arguments<'static>,
}

/// What is told of a choice at its end.
#[derive(Debug)]
struct Ending {
    choice: u32,
    finish: Option<Finish<'static>>,
    extra: Vec<Extra<'static>>,
}

impl Writer {
    /// A stream of which nothing was written. Gemini always tells its usage.
    #[must_use]
    pub fn new(seed: Seed, _usage: bool) -> Self {
        let mut writer = Self {
            seed,
            tail: Vec::new(),
            calls: Vec::new(),
            ends: Vec::new(),
            extra: Vec::new(),
            usage: None,
            content: false,
        };
        writer.identify(&Text::default(), &Text::default());
        writer
    }

    fn identify(&mut self, id: &Text<'_>, model: &Text<'_>) {
        self.tail.clear();
        // Behind a member, so that a comma is written.
        self.tail.push(b']');
        response::identity(id, model, self.seed, &mut self.tail);
        self.tail.remove(0);
        self.tail.extend_from_slice(b"}\r\n\r\n");
    }

    /// Appends an event as frames. What is told at the end only is kept until then.
    pub fn write(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Start(start) => {
                self.usage = start.usage.or(self.usage);
                self.identify(&start.id, &start.model);
            }
            Event::Text { choice, text } | Event::Refusal { choice, text } => {
                self.parts(*choice, out, |out| response::text(text, false, None, out));
            }
            Event::Thinking { choice, text } => {
                self.parts(*choice, out, |out| response::text(text, true, None, out));
            }
            Event::Signature { choice, signature }
            | Event::Redacted { choice, data: signature } => {
                let none = Text::default();
                self.parts(*choice, out, |out| response::text(&none, false, Some(signature), out));
            }
            Event::CallStart { choice, call, id, name, custom: _, signature } => {
                self.calls.push(OpenCall {
                    choice: *choice,
                    call: *call,
                    id: id.clone().into_owned(),
                    name: name.clone().into_owned(),
                    signature: signature.clone().map(Signature::into_owned),
                    arguments: Arguments::Quoted(Text::default()),
                });
            }
            Event::CallArguments { choice, call, piece } => self.arguments(*choice, *call, piece),
            Event::CallEnd { choice, call } => self.call(*choice, *call, out),
            Event::Logprobs { choice, value } => {
                self.member(*choice, "logprobsResult", out, |out| {
                    logprobs::write(&[value], out);
                })
            }
            Event::Citation { choice, citation } => {
                self.member(*choice, "groundingMetadata", out, |out| {
                    sources::write(std::iter::once(citation), out);
                });
            }
            // Those of our own stand in the part that came before.
            Event::Media { .. } => {}
            Event::Extra { choice, extra } => self.extra(*choice, extra, out),
            Event::Finish { choice, reason } => {
                self.ending(*choice, |ending| ending.finish = Some(reason.clone().into_owned()));
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Failure(failure) => {
                out.extend_from_slice(b"data: ");
                error::write(failure, out);
                out.extend_from_slice(b"\r\n\r\n");
            }
            Event::End => self.end(out),
        }
    }

    /// A frame with parts of one choice, if any are written.
    fn parts(&mut self, choice: u32, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        let start = out.len();
        out.extend_from_slice(b"data: {\"candidates\":[{\"content\":{\"parts\":[");
        let parts = out.len();
        write(out);
        if out.len() == parts {
            out.truncate(start);
            return;
        }
        self.content = true;
        out.extend_from_slice(b"],\"role\":\"model\"}");
        out::number(out, "index", choice.into());
        out.extend_from_slice(b"}]");
        out.extend_from_slice(&self.tail);
    }

    /// A frame with another member of one choice.
    fn member(
        &mut self,
        choice: u32,
        name: &str,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let told = |ending: &Ending| ending.choice == choice && tells(&ending.extra, name);
        if self.ends.iter().any(told) {
            return;
        }
        out.extend_from_slice(b"data: {\"candidates\":[{");
        out::name(out, name);
        write(out);
        out::number(out, "index", choice.into());
        out.extend_from_slice(b"}]");
        out.extend_from_slice(&self.tail);
    }

    fn arguments(&mut self, choice: u32, call: u32, piece: &Arguments<'_>) {
        let open = self.calls.iter_mut().find(|open| open.choice == choice && open.call == call);
        let Some(open) = open else { return };
        match (&mut open.arguments, piece) {
            (Arguments::Quoted(text), Arguments::Quoted(more)) => text.push(more),
            (arguments, piece) => *arguments = piece.clone().into_owned(),
        }
    }

    fn call(&mut self, choice: u32, call: u32, out: &mut Vec<u8>) {
        let place = self.calls.iter().position(|open| open.choice == choice && open.call == call);
        let Some(place) = place else { return };
        let open = self.calls.remove(place);
        self.parts(choice, out, |out| {
            response::call((&open.id, &open.name), open.signature.as_ref(), out, |out| {
                out::arguments(out, &open.arguments);
            });
        });
    }

    fn extra(&mut self, choice: Option<u32>, extra: &Extra<'_>, out: &mut Vec<u8>) {
        if extra.by != Protocol::Gemini {
            return;
        }
        match choice {
            None => self.extra.push(extra.clone().into_owned()),
            Some(choice) if extra.name == PARTS => {
                self.parts(choice, out, |out| extra.value.write(out));
            }
            Some(choice) => {
                // The last one counts; some chunks repeat what others said.
                self.ending(choice, |ending| {
                    ending.extra.retain(|other| other.name != extra.name);
                    ending.extra.push(extra.clone().into_owned());
                });
            }
        }
    }

    fn ending(&mut self, choice: u32, change: impl FnOnce(&mut Ending)) {
        if let Some(ending) = self.ends.iter_mut().find(|ending| ending.choice == choice) {
            change(ending);
            return;
        }
        let mut ending = Ending { choice, finish: None, extra: Vec::new() };
        change(&mut ending);
        self.ends.push(ending);
    }

    /// The last frame: why each choice ended, and the usage.
    fn end(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"data: {");
        let blocked = !self.content && response::own(&self.extra, "promptFeedback").is_some();
        if !blocked {
            out::name(out, "candidates");
            out.push(b'[');
            for ending in &self.ends {
                out::comma(out);
                out.extend_from_slice(b"{\"content\":{\"parts\":[],\"role\":\"model\"}");
                response::end(ending.choice, ending.finish.as_ref(), &ending.extra, out);
                out.push(b'}');
            }
            out.push(b']');
        }
        response::top(&self.extra, self.usage.as_ref(), out);
        if out.ends_with(b"{") {
            // An object of nothing but its identity: the comma that follows needs a member before.
            out.extend_from_slice(b"\"candidates\":[]");
        }
        out.extend_from_slice(&self.tail);
    }
}

/// Whether a member says already what this one would.
fn tells(extras: &[Extra<'_>], name: &str) -> bool {
    let same = |other: &str| response::own(extras, other).is_some();
    same(name) || (name == "groundingMetadata" && same("citationMetadata"))
}
