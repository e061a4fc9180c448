//! Every protocol's halves behind one name each: which one is decided by the request, not by the
//! compiler.

use std::borrow::Cow;

use crate::chat::Answer;
use crate::chat::AnySink;
use crate::chat::Event;
use crate::chat::Failure;
use crate::chat::Losses;
use crate::chat::Protocol;
use crate::chat::Request;
use crate::chat::Sink;
use crate::chat::Text;
use crate::codec::json::Value;
use crate::error::Error;
use crate::protocol::Garbage;
use crate::protocol::Seed;
use crate::protocol::Target;
use crate::protocol::anthropic;
use crate::protocol::bedrock;
use crate::protocol::gemini;
use crate::protocol::ollama;
use crate::protocol::openai::chat as openai;

/// Reads a client's request.
///
/// # Errors
/// A 400 that names the field.
pub fn read_request(protocol: Protocol, body: &[u8]) -> Result<Request<'_>, Error> {
    match protocol {
        Protocol::Openai => openai::request::read(body),
        Protocol::Anthropic => anthropic::request::read(body),
        Protocol::Gemini => gemini::request::read(body),
        Protocol::Bedrock => bedrock::request::read(body),
        Protocol::Ollama => ollama::request::read(body),
    }
}

/// The same of a body that was validated, as by [`Document`](crate::codec::json::Document).
///
/// # Errors
/// A 400 that names the field.
pub fn read_valid(protocol: Protocol, body: Value<'_>) -> Result<Request<'_>, Error> {
    match protocol {
        Protocol::Openai => openai::request::read_valid(body),
        Protocol::Anthropic => anthropic::request::read_valid(body),
        Protocol::Gemini => gemini::request::read_valid(body),
        Protocol::Bedrock => bedrock::request::read_valid(body),
        Protocol::Ollama => ollama::request::read_valid(body),
    }
}

/// Writes the request for an upstream; what it cannot carry is told to `losses`.
///
/// # Errors
/// A 400 that names what cannot be carried faithfully.
pub fn write_request(
    protocol: Protocol,
    request: &Request<'_>,
    target: &Target<'_>,
    out: &mut Vec<u8>,
    losses: &mut Losses,
) -> Result<(), Error> {
    match protocol {
        Protocol::Openai => openai::request::write(request, target, out, losses),
        Protocol::Anthropic => anthropic::request::write(request, target, out, losses),
        Protocol::Gemini => gemini::request::write(request, target, out, losses),
        Protocol::Bedrock => bedrock::request::write(request, target, out, losses),
        Protocol::Ollama => ollama::request::write(request, target, out, losses),
    }
}

/// Reads an upstream's whole answer.
///
/// # Errors
/// Where it is none.
pub fn read_answer<'a>(
    protocol: Protocol,
    body: &'a [u8],
    seed: Seed,
    sink: &mut dyn Sink<'a>,
) -> Result<(), Garbage> {
    match protocol {
        Protocol::Openai => openai::response::read(body, seed, sink),
        Protocol::Anthropic => anthropic::response::read(body, seed, sink),
        Protocol::Gemini => gemini::response::read(body, seed, sink),
        Protocol::Bedrock => bedrock::response::read(body, seed, sink),
        Protocol::Ollama => ollama::response::read(body, seed, sink),
    }
}

/// Writes a whole answer for a client.
pub fn write_answer(protocol: Protocol, answer: &Answer<'_>, seed: Seed, out: &mut Vec<u8>) {
    match protocol {
        Protocol::Openai => openai::response::write(answer, seed, out),
        Protocol::Anthropic => anthropic::response::write(answer, seed, out),
        Protocol::Gemini => gemini::response::write(answer, seed, out),
        Protocol::Bedrock => bedrock::response::write(answer, seed, out),
        Protocol::Ollama => ollama::response::write(answer, seed, out),
    }
}

/// Reads an upstream's refusal. `kind` is the value of `x-amzn-errortype`, where there is one.
#[must_use]
pub fn read_error(
    protocol: Protocol,
    status: u16,
    kind: Option<&str>,
    body: &[u8],
) -> Failure<'static> {
    match protocol {
        Protocol::Openai => openai::error::read(status, body),
        Protocol::Anthropic => anthropic::error::read(status, body),
        Protocol::Gemini => gemini::error::read(status, body),
        Protocol::Bedrock => bedrock::error::read_typed(status, kind, body),
        Protocol::Ollama => ollama::error::read(status, body),
    }
}

/// Writes a refusal for a client.
pub fn write_error(protocol: Protocol, failure: &Failure<'_>, out: &mut Vec<u8>) {
    match protocol {
        Protocol::Openai => openai::error::write(failure, out),
        Protocol::Anthropic => anthropic::error::write(failure, out),
        Protocol::Gemini => gemini::error::write(failure, out),
        Protocol::Bedrock => bedrock::error::write(failure, out),
        Protocol::Ollama => ollama::error::write(failure, out),
    }
}

/// The status a client of `protocol` is told of a refusal.
#[must_use]
pub fn error_status(protocol: Protocol, failure: &Failure<'_>) -> u16 {
    match protocol {
        Protocol::Openai => openai::error::status(failure),
        Protocol::Anthropic => anthropic::error::status(failure),
        Protocol::Gemini => gemini::error::status(failure),
        Protocol::Bedrock => bedrock::error::status(failure),
        Protocol::Ollama => ollama::error::status(failure),
    }
}

/// What an upstream is told as the name of a tool that the client calls `name`.
#[must_use]
pub fn tool_name<'t>(protocol: Protocol, name: &'t Text<'_>) -> Cow<'t, str> {
    match protocol {
        Protocol::Openai => openai::tool_name(name),
        Protocol::Anthropic => anthropic::tool_name(name),
        Protocol::Gemini => gemini::tool_name(name),
        Protocol::Bedrock => bedrock::tool_name(name),
        Protocol::Ollama => name.decode(),
    }
}

/// The value of `content-type` of a stream.
#[must_use]
pub const fn stream_type(protocol: Protocol) -> &'static [u8] {
    match protocol {
        Protocol::Openai | Protocol::Anthropic | Protocol::Gemini => b"text/event-stream",
        Protocol::Bedrock => b"application/vnd.amazon.eventstream",
        Protocol::Ollama => b"application/x-ndjson",
    }
}

/// Reads an upstream's stream.
#[derive(Debug)]
pub enum Reader {
    /// OpenAI's.
    Openai(openai::stream::Reader),
    /// Anthropic's.
    Anthropic(anthropic::stream::Reader),
    /// Gemini's.
    Gemini(gemini::stream::Reader),
    /// Bedrock's.
    Bedrock(bedrock::stream::Reader),
    /// Ollama's.
    Ollama(ollama::stream::Reader),
}

impl Reader {
    /// A stream that has not begun.
    #[must_use]
    pub fn new(protocol: Protocol, seed: Seed) -> Self {
        match protocol {
            Protocol::Openai => Self::Openai(openai::stream::Reader::new(seed)),
            Protocol::Anthropic => Self::Anthropic(anthropic::stream::Reader::new(seed)),
            Protocol::Gemini => Self::Gemini(gemini::stream::Reader::new(seed)),
            Protocol::Bedrock => Self::Bedrock(bedrock::stream::Reader::new(seed)),
            Protocol::Ollama => Self::Ollama(ollama::stream::Reader::new(seed)),
        }
    }

    /// Reads what is whole in `bytes` and tells how much of it was used.
    ///
    /// # Errors
    /// Where the stream is none of the protocol.
    pub fn push(&mut self, bytes: &[u8], sink: &mut AnySink<'_>) -> Result<usize, Garbage> {
        match self {
            Self::Openai(reader) => reader.push(bytes, sink),
            Self::Anthropic(reader) => reader.push(bytes, sink),
            Self::Gemini(reader) => reader.push(bytes, sink),
            Self::Bedrock(reader) => reader.push(bytes, sink),
            Self::Ollama(reader) => reader.push(bytes, sink),
        }
    }

    /// The body has ended, with `rest` unused.
    ///
    /// # Errors
    /// Where the stream was cut.
    pub fn finish(&mut self, rest: &[u8], sink: &mut AnySink<'_>) -> Result<(), Garbage> {
        match self {
            Self::Openai(reader) => reader.finish(rest, sink),
            Self::Anthropic(reader) => reader.finish(rest, sink),
            Self::Gemini(reader) => reader.finish(rest, sink),
            Self::Bedrock(reader) => reader.finish(rest, sink),
            Self::Ollama(reader) => reader.finish(rest, sink),
        }
    }

    /// Whether the stream is over: what follows is not read.
    #[must_use]
    pub fn is_done(&self) -> bool {
        match self {
            Self::Openai(reader) => reader.is_done(),
            Self::Anthropic(reader) => reader.is_done(),
            Self::Gemini(reader) => reader.is_done(),
            Self::Bedrock(reader) => reader.is_done(),
            Self::Ollama(reader) => reader.is_done(),
        }
    }
}

/// Writes a stream for a client.
#[derive(Debug)]
pub enum Writer {
    /// OpenAI's.
    Openai(openai::stream::Writer),
    /// Anthropic's.
    Anthropic(anthropic::stream::Writer),
    /// Gemini's.
    Gemini(gemini::stream::Writer),
    /// Bedrock's.
    Bedrock(bedrock::stream::Writer),
    /// Ollama's.
    Ollama(ollama::stream::Writer),
}

impl Writer {
    /// A stream that has not begun. `usage`: whether an OpenAI client asked for it.
    #[must_use]
    pub fn new(protocol: Protocol, seed: Seed, usage: bool) -> Self {
        match protocol {
            Protocol::Openai => Self::Openai(openai::stream::Writer::new(seed, usage)),
            Protocol::Anthropic => Self::Anthropic(anthropic::stream::Writer::new(seed, usage)),
            Protocol::Gemini => Self::Gemini(gemini::stream::Writer::new(seed, usage)),
            Protocol::Bedrock => Self::Bedrock(bedrock::stream::Writer::new(seed, usage)),
            Protocol::Ollama => Self::Ollama(ollama::stream::Writer::new(seed, usage)),
        }
    }

    /// Appends what `event` comes to: whole frames, or nothing yet.
    pub fn write(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        // A frame of most protocols ends with its line, and a value may stand on several.
        let flat = event.on_one_line();
        let event = flat.as_ref().unwrap_or(event);
        match self {
            Self::Openai(writer) => writer.write(event, out),
            Self::Anthropic(writer) => writer.write(event, out),
            Self::Gemini(writer) => writer.write(event, out),
            Self::Bedrock(writer) => writer.write(event, out),
            Self::Ollama(writer) => writer.write(event, out),
        }
    }
}
