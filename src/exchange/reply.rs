//! Answers to the client: their heads, errors, and where the head has gone out, their ends.

use crate::cache::Lookup;
use crate::chat::Event;
use crate::chat::Losses;
use crate::chat::Protocol;
use crate::codec::http1::Known;
use crate::codec::http1::write_chunk_size;
use crate::error::Error;
use crate::error::Kind;
use crate::exchange::core::Core;
use crate::net::buffers::Buffers;
use crate::net::buffers::EVENT;
use crate::net::buffers::SMALL;
use crate::net::downstream::Request;
use crate::observe::Meter;
use crate::observe::Tried;
use crate::protocol::Seed;
use crate::protocol::any::Writer;
use crate::protocol::openai;
use crate::protocol::ours;
use crate::runtime::random::Random;

/// A client's own request id is taken up to this length.
const MAX_REQUEST_ID: usize = 128;

/// How a body's end is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// By its length.
    Length(usize),
    /// It comes in pieces.
    Stream,
}

/// The state of the answer to one request.
#[derive(Debug)]
pub struct Reply {
    /// Whether the connection goes on behind it.
    pub keep_alive: bool,
    /// What the cache said.
    pub cache: Lookup,
    /// Microseconds spent waiting for the upstream.
    pub upstream_us: u64,
    /// What the upstream could not be told.
    pub losses: Losses,
    protocol: Protocol,
    chunked: bool,
    begun: bool,
}

impl Reply {
    /// Nothing has been answered. `chunked`: the client understands chunks (HTTP/1.1); a stream
    /// to any other ends with its connection.
    #[must_use]
    pub fn new(protocol: Protocol, keep_alive: bool, chunked: bool) -> Self {
        Self {
            keep_alive,
            cache: Lookup::Off,
            upstream_us: 0,
            losses: Losses::default(),
            protocol,
            chunked,
            begun: false,
        }
    }

    /// Whether the head has gone out.
    #[must_use]
    pub const fn has_begun(&self) -> bool {
        self.begun
    }

    /// Forgets a head that was written and never sent.
    pub const fn unbegin(&mut self, keep_alive: bool) {
        self.begun = false;
        self.keep_alive = keep_alive;
    }

    /// Appends the head of an answer. `passed` are header lines from the upstream.
    pub fn head(
        &mut self,
        out: &mut Vec<u8>,
        core: &Core,
        meter: &mut Meter,
        framing: Framing,
        passed: &Passed,
    ) {
        let now = core.clock.now();
        self.begun = true;
        meter.first_byte(now);
        let ends_it = framing == Framing::Stream && !self.chunked;
        self.keep_alive &= !ends_it && !core.draining.get();
        status_line(out, meter.record.status);
        out.extend_from_slice(b"date: ");
        core.date.write(out, now);
        out.extend_from_slice(b"\r\ncontent-type: ");
        out.extend_from_slice(passed.content_type.as_bytes());
        match framing {
            Framing::Length(n) => {
                out.extend_from_slice(b"\r\ncontent-length: ");
                number(out, n as u64);
            }
            Framing::Stream => {
                out.extend_from_slice(b"\r\ncache-control: no-cache\r\nx-accel-buffering: no");
                if self.chunked {
                    out.extend_from_slice(b"\r\ntransfer-encoding: chunked");
                }
            }
        }
        let record = &meter.record;
        line(out, b"\r\nx-request-id: ", record.request_id.as_bytes());
        if self.protocol == Protocol::Anthropic {
            line(out, b"\r\nrequest-id: ", record.request_id.as_bytes());
        }
        if !record.provider.is_empty() {
            line(out, b"\r\nx-crabllm-provider: ", record.provider.as_bytes());
            model(out, &record.model);
            out.extend_from_slice(b"\r\nx-crabllm-attempts: ");
            number(out, record.attempts.into());
            tried(out, &record.tried);
            line(out, b"\r\nx-crabllm-cache: ", self.cache.label().as_bytes());
            let total = now.since(meter.started());
            out.extend_from_slice(b"\r\nserver-timing: gateway;dur=");
            millis(out, total.saturating_sub(self.upstream_us));
            out.extend_from_slice(b", upstream;dur=");
            millis(out, self.upstream_us);
            if !self.losses.is_empty() {
                out.extend_from_slice(b"\r\nx-crabllm-dropped: ");
                self.losses.write(out);
            }
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&passed.lines);
        match (self.keep_alive, self.chunked) {
            (true, true) => {}
            // HTTP/1.0 closes unless told otherwise (RFC 9112, 9.3).
            (true, false) => out.extend_from_slice(b"connection: keep-alive\r\n"),
            (false, _) => out.extend_from_slice(b"connection: close\r\n"),
        }
        out.extend_from_slice(b"\r\n");
    }

    /// An answer that says what went wrong.
    pub fn error(&mut self, core: &Core, error: &Error, meter: &mut Meter) -> Vec<u8> {
        let mut body = core.buffers.take(EVENT);
        ours::write(self.protocol, error, &mut body);
        let mut passed = Passed::default();
        passed.lines.extend_from_slice(match extra(error.kind) {
            // It was tried again here.
            b"" if meter.record.attempts > 1 => b"x-should-retry: false\r\n",
            lines => lines,
        });
        let mut out = core.buffers.take(SMALL);
        self.head(&mut out, core, meter, Framing::Length(body.len()), &passed);
        out.extend_from_slice(&body);
        meter.record.response_bytes = body.len() as u64;
        core.buffers.give(body);
        out
    }

    /// The event that ends a stream which failed. No end of the body follows it.
    pub fn failure_event(&self, error: &Error, buffers: &Buffers) -> Vec<u8> {
        let mut event = Vec::new();
        match self.protocol {
            Protocol::Openai => {
                event.extend_from_slice(b"data: ");
                openai::error::write(&mut event, error);
                event.extend_from_slice(b"\n\n");
            }
            Protocol::Anthropic | Protocol::Gemini | Protocol::Bedrock | Protocol::Ollama => {
                let failure = Event::Failure(ours::failure(error));
                Writer::new(self.protocol, Seed::default(), false).write(&failure, &mut event);
            }
        }
        let mut out = buffers.take(EVENT);
        self.piece(&mut out, &event);
        out
    }

    /// Appends a piece of a stream's body.
    pub fn piece(&self, out: &mut Vec<u8>, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if self.chunked {
            write_chunk_size(out, bytes.len());
            out.extend_from_slice(bytes);
            out.extend_from_slice(b"\r\n");
        } else {
            out.extend_from_slice(bytes);
        }
    }

    /// Appends the end of a stream's body.
    pub fn end(&self, out: &mut Vec<u8>) {
        if self.chunked {
            out.extend_from_slice(b"0\r\n\r\n");
        }
    }
}

/// The value of `content-type`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ContentType {
    /// `application/json`.
    #[default]
    Json,
    /// `text/event-stream`, perhaps with parameters.
    EventStream(Box<[u8]>),
    /// Any other.
    Other(Box<[u8]>),
}

impl ContentType {
    /// Reads a header's value.
    #[must_use]
    pub fn of(value: &[u8]) -> Self {
        const STREAM: &[u8] = b"text/event-stream";
        let is_stream = |start: &[u8]| start.eq_ignore_ascii_case(STREAM);
        if value == b"application/json" {
            Self::Json
        } else if value.get(..STREAM.len()).is_some_and(is_stream) {
            Self::EventStream(value.into())
        } else {
            Self::Other(value.into())
        }
    }

    /// Whether it is `other`, parameters aside.
    #[must_use]
    pub fn is(&self, other: &[u8]) -> bool {
        let own = self.as_bytes();
        let own = own.split(|byte| *byte == b';').next().unwrap_or_default();
        own.trim_ascii().eq_ignore_ascii_case(other)
    }

    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Json => b"application/json",
            Self::EventStream(value) | Self::Other(value) => value,
        }
    }
}

/// What goes through from an upstream's head.
#[derive(Clone, Debug, Default)]
pub struct Passed {
    /// The value of `content-type`.
    pub content_type: ContentType,
    /// Whole header lines, each with its end.
    pub lines: Vec<u8>,
}

impl Passed {
    /// Adds a header line.
    pub fn line(&mut self, name: &[u8], value: &[u8]) {
        // Few upstreams send more that goes through; those that do have it grow.
        const USUAL: usize = 256;
        if self.lines.capacity() == 0 {
            self.lines.reserve(USUAL);
        }
        let start = self.lines.len();
        self.lines.extend_from_slice(name);
        self.lines.get_mut(start..).unwrap_or_default().make_ascii_lowercase();
        line(&mut self.lines, b": ", value);
        self.lines.extend_from_slice(b"\r\n");
    }
}

/// What the SDKs want to know beside the status of a failure of ours.
const fn extra(kind: Kind) -> &'static [u8] {
    match (kind, openai::error::should_retry(kind)) {
        (Kind::Overloaded | Kind::ShuttingDown, _) => b"retry-after: 1\r\n",
        (_, true) => b"",
        (_, false) => b"x-should-retry: false\r\n",
    }
}

/// The client's id if it is a sane one, else one of ours.
#[must_use]
pub fn request_id(given: Option<&[u8]>, random: &Random) -> Box<str> {
    let sane = |id: &&[u8]| {
        (1..=MAX_REQUEST_ID).contains(&id.len())
            && id.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(byte))
    };
    if let Some(id) = given.filter(sane).and_then(|id| std::str::from_utf8(id).ok()) {
        return id.into();
    }
    let mut id = [0; 36];
    let (start, digits) = id.split_at_mut(4);
    start.copy_from_slice(b"req_");
    for half in digits.as_chunks_mut().0.iter_mut() {
        *half = hex(random.next());
    }
    str::from_utf8(&id).unwrap_or_default().into()
}

/// The digits of `number`, the least first: eight half bytes at a time become characters.
fn hex(number: u64) -> [u8; 16] {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let mut digits = [0; 16];
    for (half, digits) in
        [number & u64::from(u32::MAX), number >> 32].into_iter().zip(digits.as_chunks_mut().0)
    {
        // Each half byte to a byte of its own.
        let spread = (half | half << 16) & 0x0000_FFFF_0000_FFFF;
        let spread = (spread | spread << 8) & 0x00FF_00FF_00FF_00FF;
        let spread = (spread | spread << 4) & 0x0F0F_0F0F_0F0F_0F0F;
        // 1 in each byte from ten on, which become letters.
        let letters = (spread + ONES * 6) >> 4 & ONES;
        *digits =
            (spread + ONES * u64::from(b'0') + letters * u64::from(b'a' - b'0' - 10)).to_le_bytes();
    }
    digits
}

/// Who is answered outside the line.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'r> {
    /// What the client speaks.
    pub protocol: Protocol,
    /// Its own request id.
    id: Option<&'r [u8]>,
}

impl<'r> Asker<'r> {
    /// Somebody whose request could not be read.
    pub const UNKNOWN: Self = Self { protocol: Protocol::Openai, id: None };

    /// Whoever sends `anthropic-version`, or asks where only Anthropic's clients do, is one of
    /// those.
    #[must_use]
    pub fn of(request: &'r Request) -> Self {
        let says_so = request.known(Known::AnthropicVersion).is_some();
        let is_claude = says_so || request.path().starts_with(b"/v1/messages");
        let protocol = if is_claude { Protocol::Anthropic } else { Protocol::Openai };
        Self { protocol, id: request.known(Known::XRequestId) }
    }
}

/// A whole answer outside the line: health, models, refusals before there is a request to record.
/// `lines` are header lines, each with its end.
pub fn simple(core: &Core, status: u16, asker: Asker<'_>, lines: &[u8], body: &[u8]) -> Vec<u8> {
    let mut out = core.buffers.take(SMALL);
    status_line(&mut out, status);
    out.extend_from_slice(b"date: ");
    core.date.write(&mut out, core.clock.now());
    out.extend_from_slice(b"\r\ncontent-type: application/json\r\ncontent-length: ");
    number(&mut out, body.len() as u64);
    let id = request_id(asker.id, &core.random);
    line(&mut out, b"\r\nx-request-id: ", id.as_bytes());
    if asker.protocol == Protocol::Anthropic {
        line(&mut out, b"\r\nrequest-id: ", id.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(lines);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
    out
}

/// A refusal outside the line, with `status` in the place of the kind's own.
pub fn refuse(core: &Core, status: u16, asker: Asker<'_>, error: &Error, lines: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    ours::write(asker.protocol, error, &mut body);
    let lines = [lines, extra(error.kind)].concat();
    simple(core, status, asker, &lines, &body)
}

fn line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(value);
}

/// A model's name comes from a client, so what a header cannot hold is left out of it.
fn model(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b"\r\nx-crabllm-model: ");
    out.extend(name.bytes().filter(|byte| byte.is_ascii_graphic()));
}

/// What failed before: `provider=why`, in order.
fn tried(out: &mut Vec<u8>, tried: &[Tried]) {
    for (at, attempt) in tried.iter().enumerate() {
        let before: &[u8] = if at == 0 { b"\r\nx-crabllm-tried: " } else { b", " };
        line(out, before, attempt.provider.as_bytes());
        line(out, b"=", attempt.why.as_bytes());
    }
}

fn number(out: &mut Vec<u8>, n: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
}

/// Microseconds as milliseconds with two digits behind the point.
fn millis(out: &mut Vec<u8>, micros: u64) {
    number(out, micros / 1000);
    let rest = micros % 1000 / 10;
    out.extend_from_slice(if rest < 10 { b".0" } else { b"." });
    number(out, rest);
}

fn status_line(out: &mut Vec<u8>, status: u16) {
    out.extend_from_slice(b"HTTP/1.1 ");
    number(out, status.into());
    out.push(b' ');
    out.extend_from_slice(reason(status).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// The reason phrase of RFC 9110, 15; empty where there is none.
const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::{Passed, Reply, hex, millis, model, request_id};
    use crate::chat::Protocol;
    use crate::runtime::random::Random;

    #[test]
    fn a_sane_id_is_kept() {
        let random = Random::new(1);
        assert_eq!(&*request_id(Some(b"a-B_9.z"), &random), "a-B_9.z");
        for odd in [None, Some(&b""[..]), Some(b"a b"), Some(b"a\xff"), Some(&[b'a'; 129])] {
            let id = request_id(odd, &random);
            assert!(id.starts_with("req_") && id.len() == 36, "{id}");
        }
        assert_ne!(request_id(None, &random), request_id(None, &random));
    }

    #[test]
    fn an_id_is_its_number_in_hexadecimal_digits() {
        for number in [0, 1, 0xfedc_ba98_7654_3210, 0x9a09_af90_6990_a9fa, u64::MAX] {
            let digits: String = format!("{number:016x}").chars().rev().collect();
            assert_eq!(hex(number), digits.as_bytes());
        }
    }

    #[test]
    fn a_line_passes_in_small_letters() {
        let mut passed = Passed::default();
        passed.line(b"X-RateLimit-Reset", b"1s");
        passed.line(b"retry-after", b"7");
        assert_eq!(passed.lines, b"x-ratelimit-reset: 1s\r\nretry-after: 7\r\n");
    }

    #[test]
    fn times_are_milliseconds() {
        for (micros, text) in [(0, "0.00"), (1_050, "1.05"), (12_345_678, "12345.67")] {
            let mut out = Vec::new();
            millis(&mut out, micros);
            assert_eq!(out, text.as_bytes());
        }
    }

    #[test]
    fn a_name_cannot_break_a_header() {
        let mut out = Vec::new();
        model(&mut out, "a\r\nx: y\u{e9}");
        assert_eq!(out, b"\r\nx-crabllm-model: ax:y");
    }

    #[test]
    fn pieces_are_chunks_only_where_the_client_knows_them() {
        let mut out = Vec::new();
        Reply::new(Protocol::Openai, true, true).piece(&mut out, b"data");
        Reply::new(Protocol::Openai, true, true).piece(&mut out, b"");
        Reply::new(Protocol::Openai, true, true).end(&mut out);
        assert_eq!(out, b"4\r\ndata\r\n0\r\n\r\n");
        out.clear();
        Reply::new(Protocol::Openai, true, false).piece(&mut out, b"data");
        Reply::new(Protocol::Openai, true, false).end(&mut out);
        assert_eq!(out, b"data");
    }
}
