//! What a stream's bytes become on their way to the client.

use crate::chat::Event;
use crate::chat::Failure;
use crate::chat::Fold;
use crate::chat::Protocol;
use crate::chat::Sink;
use crate::chat::Start;
use crate::chat::Text;
use crate::chat::Usage;
use crate::error::Error;
use crate::error::Kind;
use crate::exchange::core::Core;
use crate::exchange::reframe::Reframer;
use crate::exchange::reframe::State;
use crate::exchange::reply::Reply;
use crate::exchange::signatures::holds_signatures;
use crate::exchange::translate;
use crate::protocol::Garbage;
use crate::protocol::Seed;
use crate::protocol::anthropic::Unwrap;
use crate::protocol::any::Reader;
use crate::protocol::any::Writer;
use crate::protocol::given::Given;
use crate::protocol::openai::stream::Tap;

/// The end of a chat completion's stream.
const DONE: &[u8] = b"data: [DONE]\n\n";

/// The way of a stream.
#[derive(Debug)]
pub enum Pipe {
    /// OpenAI's to a client of OpenAI's: the bytes as they are, tapped.
    Tap(Box<Reframer>),
    /// Another protocol's to a client of the same: the bytes as they are, read along.
    Along(Box<Along>),
    /// One protocol's to a client of another.
    Across(Box<Across>),
}

/// A stream that is read and passed on as it is.
#[derive(Debug)]
pub struct Along {
    reader: Reader,
    seen: Seen,
}

/// A stream that is read and written anew.
#[derive(Debug)]
pub struct Across {
    client: Protocol,
    model: Text<'static>,
    reader: Reader,
    writer: Writer,
    seen: Seen,
    /// Thoughts and calls with their signatures, for a client that cannot hold them.
    signed: Option<Fold<'static>>,
    /// Tools that the upstream knows otherwise than the client.
    given: Option<Given>,
    /// Whether the answer was asked for by a call that the client knows nothing of.
    unwrap: Option<Unwrap>,
    fresh: Vec<u8>,
}

/// What was seen of a stream.
#[derive(Debug, Default)]
struct Seen {
    /// What the stream told of its usage, once it told all.
    usage: Option<Usage>,
    /// What it told of it at its beginning: of the answer nothing is known then.
    begun: Option<Usage>,
    content_events: u64,
    /// Whether a client has heard something of the answer, or that it is over.
    content: bool,
    /// Whether a call was begun since [`Pipe::remember`] last looked.
    calls: bool,
    failure: Option<Box<Failure<'static>>>,
    passed: u64,
}

impl Seen {
    fn note(&mut self, event: &Event<'_>) {
        match event {
            Event::Text { .. }
            | Event::Refusal { .. }
            | Event::Thinking { .. }
            | Event::Redacted { .. }
            | Event::CallStart { .. }
            | Event::CallArguments { .. }
            | Event::Media { .. } => {
                self.content_events += 1;
                self.content = true;
                self.calls |= matches!(event, Event::CallStart { .. });
            }
            Event::Start(start) => self.begun = start.usage.or(self.begun),
            // Before any content it can be no more than the prompt's.
            Event::Usage(usage) if !self.content => self.begun = Some(*usage),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Failure(failure) => {
                self.failure = Some(Box::new(failure.clone().into_owned()));
            }
            Event::Finish { .. } => {
                self.content = true;
                self.usage = self.usage.or(self.begun);
            }
            Event::Signature { .. }
            | Event::CallEnd { .. }
            | Event::Logprobs { .. }
            | Event::Citation { .. }
            | Event::Extra { .. }
            | Event::End => {}
        }
    }
}

impl<'e> Sink<'e> for Seen {
    fn event(&mut self, event: Event<'e>) {
        self.note(&event);
    }
}

/// Notes events and writes them.
struct Written<'w> {
    model: &'w Text<'static>,
    seen: &'w mut Seen,
    signed: Option<&'w mut Fold<'static>>,
    writer: &'w mut Writer,
    out: &'w mut Vec<u8>,
}

impl<'e> Sink<'e> for Written<'_> {
    fn event(&mut self, event: Event<'e>) {
        self.seen.note(&event);
        if let Event::Start(start) = &event
            && start.model.is_empty()
        {
            let start = Start { model: self.model.clone(), ..start.clone() };
            self.writer.write(&Event::Start(start), self.out);
            return;
        }
        self.writer.write(&event, self.out);
        if let Some(signed) = &mut self.signed
            && is_signed(&event)
        {
            signed.event(event.into_owned());
        }
    }
}

/// Whether an event is one of those that signatures hang on.
const fn is_signed(event: &Event<'_>) -> bool {
    match event {
        Event::Thinking { .. }
        | Event::Signature { .. }
        | Event::Redacted { .. }
        | Event::CallStart { .. } => true,
        Event::Start(_)
        | Event::Text { .. }
        | Event::Refusal { .. }
        | Event::CallArguments { .. }
        | Event::CallEnd { .. }
        | Event::Logprobs { .. }
        | Event::Citation { .. }
        | Event::Media { .. }
        | Event::Extra { .. }
        | Event::Finish { .. }
        | Event::Usage(_)
        | Event::Failure(_)
        | Event::End => false,
    }
}

impl Pipe {
    /// The same protocol on both sides.
    #[must_use]
    pub fn same(protocol: Protocol, seed: Seed, hide_usage: bool, choices: u32) -> Self {
        if protocol == Protocol::Openai {
            return Self::Tap(Box::new(Reframer::new(Tap::new(hide_usage, choices))));
        }
        let reader = Reader::new(protocol, seed);
        Self::Along(Box::new(Along { reader, seen: Seen::default() }))
    }

    /// One protocol to a client of another. `model` is told where the upstream tells none.
    #[must_use]
    pub fn across(way: translate::Across, given: Option<Given>, model: &str) -> Self {
        let keeps = !holds_signatures(way.client) && holds_signatures(way.upstream);
        Self::Across(Box::new(Across {
            client: way.client,
            model: Text::plain(model),
            reader: Reader::new(way.upstream, way.seed),
            writer: way.writer(),
            seen: Seen::default(),
            given,
            unwrap: way.unwrap.then(Unwrap::default),
            signed: keeps.then(Fold::default),
            fresh: Vec::new(),
        }))
    }

    /// Keeps the signatures that the client, which came with the key `owner`, has no place for. To
    /// be called before the client hears of a call: it may be back with the result at once.
    pub fn remember(&mut self, owner: &str, core: &Core) {
        if let Self::Across(across) = self
            && std::mem::take(&mut across.seen.calls)
            && let Some(signed) = &mut across.signed
        {
            let answer = std::mem::take(signed).answer();
            core.signatures.remember(across.client, owner, &answer, core.clock.now());
        }
    }

    /// Appends to `out` what of `buf` goes to the client, and tells how much of it was used.
    ///
    /// # Errors
    /// [`Kind::UpstreamGarbage`] for what is no event; what came before it is in `out`.
    pub fn push(
        &mut self,
        buf: &[u8],
        out: &mut Vec<u8>,
        reply: &Reply,
    ) -> Result<(usize, State), Error> {
        match self {
            Self::Tap(reframer) => reframer.push(buf, out, reply),
            Self::Along(along) => along.push(buf, out, reply),
            Self::Across(across) => across.push(buf, out, reply),
        }
    }

    /// The body has ended with `rest` unused. `framed`: its framing says that this is its end.
    ///
    /// # Errors
    /// [`Kind::UpstreamClosed`] where the answer is not complete.
    pub fn conclude(
        &mut self,
        rest: &[u8],
        framed: bool,
        out: &mut Vec<u8>,
        reply: &Reply,
    ) -> Result<(), Error> {
        let cut = |what: &Garbage| {
            let message =
                format!("the provider's stream ended before the answer was complete: {what}");
            Error::new(Kind::UpstreamClosed, message)
        };
        match self {
            Self::Tap(reframer) => {
                let whole = framed && rest.trim_ascii().is_empty();
                if !(whole && reframer.tap.is_finished()) {
                    let message = "the provider's stream ended before the answer was complete";
                    return Err(Error::new(Kind::UpstreamClosed, message));
                }
                reply.piece(out, DONE);
                Ok(())
            }
            Self::Along(along) => {
                let ended = along.reader.finish(rest, &mut along.seen);
                reply.piece(out, rest);
                ended.map_err(|garbage| cut(&garbage))
            }
            Self::Across(across) => {
                let ended = across.read(|reader, sink| reader.finish(rest, sink));
                across.flush(out, reply);
                if !framed && across.needs_framing() {
                    return Err(cut(&Garbage::new("the connection was closed")));
                }
                ended.map_err(|garbage| cut(&garbage))
            }
        }
    }

    /// The usage, if the stream told it.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        match self {
            Self::Tap(reframer) => reframer.tap.usage(),
            Self::Along(along) => along.seen.usage,
            Self::Across(across) => across.seen.usage,
        }
    }

    /// What the stream told at its beginning, of which the tokens of the answer are not counted yet.
    #[must_use]
    pub fn usage_at_start(&self) -> Option<Usage> {
        match self {
            Self::Tap(_) => None,
            Self::Along(along) => along.seen.begun,
            Self::Across(across) => across.seen.begun,
        }
    }

    /// Events with content so far: about the number of tokens, where no usage was told.
    #[must_use]
    pub fn content_events(&self) -> u64 {
        match self {
            Self::Tap(reframer) => reframer.tap.content_events(),
            Self::Along(along) => along.seen.content_events,
            Self::Across(across) => across.seen.content_events,
        }
    }

    /// Whether there was content: from here on no other answer can take this one's place.
    #[must_use]
    pub fn has_content(&self) -> bool {
        match self {
            Self::Tap(reframer) => reframer.tap.has_content(),
            Self::Along(along) => along.seen.content,
            Self::Across(across) => across.seen.content,
        }
    }

    /// The failure that the upstream told.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure<'static>> {
        match self {
            Self::Tap(reframer) => reframer.tap.failure(),
            Self::Along(along) => along.seen.failure.as_deref(),
            Self::Across(across) => across.seen.failure.as_deref(),
        }
    }

    /// Bytes of the body that went to the client so far.
    #[must_use]
    pub fn passed(&self) -> u64 {
        match self {
            Self::Tap(reframer) => reframer.passed(),
            Self::Along(along) => along.seen.passed,
            Self::Across(across) => across.seen.passed,
        }
    }
}

fn state(failed: bool, done: bool) -> State {
    match (failed, done) {
        (true, _) => State::Failed,
        (false, true) => State::Done,
        (false, false) => State::Open,
    }
}

fn garbage(garbage: &Garbage) -> Error {
    let message = format!("the provider sent an event that is not valid: {garbage}");
    Error::new(Kind::UpstreamGarbage, message)
}

impl Along {
    fn push(
        &mut self,
        buf: &[u8],
        out: &mut Vec<u8>,
        reply: &Reply,
    ) -> Result<(usize, State), Error> {
        let used = self.reader.push(buf, &mut self.seen).map_err(|error| garbage(&error))?;
        let bytes = buf.get(..used).unwrap_or_default();
        self.seen.passed += bytes.len() as u64;
        reply.piece(out, bytes);
        Ok((used, state(self.seen.failure.is_some(), self.reader.is_done())))
    }
}

impl Across {
    fn push(
        &mut self,
        buf: &[u8],
        out: &mut Vec<u8>,
        reply: &Reply,
    ) -> Result<(usize, State), Error> {
        let used = self.read(|reader, sink| reader.push(buf, sink));
        self.flush(out, reply);
        let used = used.map_err(|error| garbage(&error))?;
        Ok((used, state(self.seen.failure.is_some(), self.reader.is_done())))
    }

    /// Reads with `step`; what is read is written to `fresh`.
    fn read<T>(&mut self, step: impl FnOnce(&mut Reader, &mut crate::chat::AnySink<'_>) -> T) -> T {
        let Self { client: _, model, reader, writer, seen, signed, given, unwrap, fresh } = self;
        let mut written = Written { model, seen, signed: signed.as_mut(), writer, out: fresh };
        match (given, unwrap) {
            (None, None) => step(reader, &mut written),
            (None, Some(unwrap)) => step(reader, &mut unwrap.before(&mut written)),
            (Some(given), None) => step(reader, &mut given.before(&mut written)),
            (Some(given), Some(unwrap)) => {
                step(reader, &mut given.before(&mut unwrap.before(&mut written)))
            }
        }
    }

    fn flush(&mut self, out: &mut Vec<u8>, reply: &Reply) {
        self.seen.passed += self.fresh.len() as u64;
        reply.piece(out, &self.fresh);
        self.fresh.clear();
    }

    /// Whether nothing but the body's framing tells a proper end from a cut.
    const fn needs_framing(&self) -> bool {
        matches!(self.reader, Reader::Openai(_) | Reader::Gemini(_))
    }
}
