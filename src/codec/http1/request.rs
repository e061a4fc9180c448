//! Request heads, as a server reads them.

use memchr::memchr;

use crate::codec::http1::Body;
use crate::codec::http1::HeadError;
use crate::codec::http1::Headers;
use crate::codec::http1::Known;
use crate::codec::http1::Limits;
use crate::codec::http1::RequestError;
use crate::codec::http1::Span;
use crate::codec::http1::Version;
use crate::codec::http1::field::Field;
use crate::codec::http1::framing::Framing;
use crate::codec::http1::head;
use crate::codec::http1::head::Scan;
use crate::codec::http1::head::Scanner;
use crate::codec::http1::is_token;
use crate::codec::http1::target;
use crate::codec::http1::target::Target;

/// What a request line may have besides its target: the longest method in use, two spaces, the
/// version and CRLF, with room to spare.
const LINE_OVERHEAD: usize = 64;

/// A method. Names are compared as they are, since case matters in them (RFC 9110, 9.1).
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET
    #[default]
    Get,
    /// HEAD
    Head,
    /// POST
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
    /// OPTIONS
    Options,
    /// Any other token; nothing is served by it.
    Other,
}

/// A request's head. Everything in it points into the buffer that was parsed.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// What is asked for.
    pub method: Method,
    /// The client's version.
    pub version: Version,
    /// The target as it came.
    pub target: Span,
    /// The path of the target without the query; never empty.
    pub path: Span,
    /// What follows the first question mark, if there is one.
    pub query: Option<Span>,
    /// How the body is framed.
    pub body: Body,
    /// Whether another request may follow on the connection.
    pub keep_alive: bool,
    /// Whether the client waits for a `100 Continue` before it sends the body.
    pub expect_continue: bool,
    /// Bytes of the head, its blank line included: the body starts here.
    pub len: usize,
    host: Option<Span>,
    known: [Option<Span>; Known::COUNT],
    headers: Headers,
}

impl RequestHead {
    /// The value of a known field. Fields with a single value occur at most once; of a list the
    /// first line is given, and [`RequestHead::headers`] has the others.
    pub fn known<'b>(&self, buf: &'b [u8], field: Known) -> Option<&'b [u8]> {
        self.known.get(field as usize).copied().flatten().map(|span| span.of(buf))
    }

    /// The host and port that the request is for; absent in HTTP/1.0 only.
    pub fn host<'b>(&self, buf: &'b [u8]) -> Option<&'b [u8]> {
        self.host.map(|span| span.of(buf))
    }

    /// All fields, name and value, as they came and in their order.
    pub fn headers<'b>(&'b self, buf: &'b [u8]) -> impl Iterator<Item = (&'b [u8], &'b [u8])> {
        self.headers.iter(buf)
    }
}

/// Reads request heads. It remembers how much of the buffer it has looked at: call again with the
/// same start and more bytes, and no byte is searched twice.
#[derive(Default, Debug)]
pub struct RequestParser {
    scanner: Scanner,
    line: RequestLine,
}

impl RequestParser {
    /// Ready for the first byte of a request.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether `buf` starts with a complete head, which is then in `head`. After a complete head
    /// or an error the parser is as new. Faults are found as early as the bytes show them, and
    /// in any cut of the bytes the same one.
    pub fn parse(
        &mut self,
        buf: &[u8],
        limits: &Limits,
        head: &mut RequestHead,
    ) -> Result<bool, RequestError> {
        let result = self.advance(buf, limits, head);
        if result != Ok(false) {
            *self = Self::new();
        }
        result
    }

    fn advance(
        &mut self,
        buf: &[u8],
        limits: &Limits,
        head: &mut RequestHead,
    ) -> Result<bool, RequestError> {
        if self.scanner.is_fresh() {
            match buf.first() {
                None => return Ok(false),
                Some(b'\r' | b'\n') => return Err(HeadError::LeadingBlankLine.into()),
                // A TLS hello, for one, would otherwise wait for a line end that never comes.
                Some(&byte) if !is_token(byte) => return Err(RequestError::BadMethod),
                Some(_) => {}
            }
        }
        let max_line = limits.max_target.saturating_add(LINE_OVERHEAD);
        loop {
            match self.scanner.advance(buf, limits, max_line)? {
                Scan::More => return Ok(false),
                Scan::StartLineTooLong => return Err(RequestError::TargetTooLong),
                Scan::StartLine(end) => self.line = RequestLine::parse(buf, end, limits)?,
                Scan::Complete(len) => {
                    let bytes = buf.get(..len).unwrap_or_default();
                    self.line.fill(bytes, self.scanner.fields(), head)?;
                    return Ok(true);
                }
            }
        }
    }
}

/// The first line, taken apart as soon as it is there.
#[derive(Clone, Copy, Default, Debug)]
struct RequestLine {
    method: Method,
    version: Version,
    target: Target,
    /// Where the fields begin.
    len: usize,
}

impl RequestLine {
    /// Reads the line that ends before position `end` of `buf`.
    fn parse(buf: &[u8], end: usize, limits: &Limits) -> Result<Self, RequestError> {
        let line = buf.get(..end).unwrap_or_default();
        let space = memchr(b' ', line).unwrap_or(end);
        let (name, rest) = line.split_at_checked(space).unwrap_or_default();
        let method = method_of(name)?;
        let rest = rest.get(1..).ok_or(RequestError::BadRequestLine)?;
        let target_len = memchr(b' ', rest).unwrap_or(rest.len());
        if target_len > limits.max_target {
            return Err(RequestError::TargetTooLong);
        }
        if target_len == 0 {
            return Err(RequestError::BadRequestLine);
        }
        let start = space + 1;
        let target_end = start + target_len;
        let word = line.get(target_end + 1..).ok_or(RequestError::MissingVersion)?;
        let version = version_of(word)?;
        let target = Target::parse(buf, start, target_end, method)?;
        Ok(Self { method, version, target, len: end + 2 })
    }

    /// Reads the fields and fills `head`. `bytes` is the whole head and nothing else.
    fn fill(&self, bytes: &[u8], count: usize, head: &mut RequestHead) -> Result<(), RequestError> {
        head.host = None;
        head.known = [None; Known::COUNT];
        head.headers.0.clear();
        let mut framing = Framing::default();
        let mut expect = None;
        let fields = bytes.get(self.len..).unwrap_or_default();
        head::read_fields(fields, count, |name, value| {
            let name_at = Span::within(bytes, name);
            let at = value_span(bytes, name_at, value);
            head.headers.0.push((name_at, at));
            match Field::of(name) {
                Field::Other => Ok(()),
                Field::Host => once(&mut head.host, at),
                Field::Expect => once(&mut expect, at),
                Field::ContentLength => Ok(framing.content_length(value)?),
                Field::TransferEncoding => Ok(framing.transfer_encoding(value)?),
                Field::Connection => Ok(framing.connection(value)?),
                Field::Lookalike => Err(HeadError::FramingLookalike.into()),
                Field::Known(known) => keep(head, known, at),
            }
        })?;
        self.check_host(bytes, head.host)?;
        let body = framing.body(self.version)?.unwrap_or_default();
        head.expect_continue = self.expects_continue(expect.map(|at| at.of(bytes)), body)?;
        head.body = body;
        head.keep_alive = framing.keeps_alive(self.version);
        head.method = self.method;
        head.version = self.version;
        head.target = self.target.whole;
        head.path = self.target.path;
        head.query = self.target.query;
        head.len = bytes.len();
        Ok(())
    }

    /// The target's authority and `host` must be one (RFC 9112, 3.2).
    fn check_host(&self, bytes: &[u8], host: Option<Span>) -> Result<(), RequestError> {
        let Some(host) = host.map(|at| at.of(bytes)) else {
            return match self.version {
                Version::Http10 => Ok(()),
                Version::Http11 => Err(RequestError::MissingHost),
            };
        };
        if !target::is_host(host) {
            return Err(RequestError::BadHost);
        }
        match self.target.authority.map(|at| at.of(bytes)) {
            Some(authority) if !authority.eq_ignore_ascii_case(host) => {
                Err(RequestError::AuthorityIsNotHost)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Whether to send `100 Continue`: never to HTTP/1.0, and not where no body will come
    /// (RFC 9110, 10.1.1).
    fn expects_continue(&self, value: Option<&[u8]>, body: Body) -> Result<bool, RequestError> {
        match value {
            None => Ok(false),
            Some(value) if value.eq_ignore_ascii_case(b"100-continue") => {
                let announced = !matches!(body, Body::None | Body::Length(0));
                Ok(announced && self.version == Version::Http11)
            }
            Some(_) => Err(RequestError::UnknownExpectation),
        }
    }
}

/// Stores a field that may come once.
fn once(slot: &mut Option<Span>, at: Span) -> Result<(), RequestError> {
    match slot.replace(at) {
        None => Ok(()),
        Some(_) => Err(RequestError::DuplicateField),
    }
}

/// Stores a known field.
fn keep(head: &mut RequestHead, known: Known, at: Span) -> Result<(), RequestError> {
    let Some(slot) = head.known.get_mut(known as usize) else { return Ok(()) };
    if known.is_list() {
        slot.get_or_insert(at);
        return Ok(());
    }
    once(slot, at)
}

/// Where a value lies; the tokeniser gives an empty one no place of its own.
pub(super) fn value_span(bytes: &[u8], name: Span, value: &[u8]) -> Span {
    if value.is_empty() { Span::new(name.end, name.end) } else { Span::within(bytes, value) }
}

fn method_of(name: &[u8]) -> Result<Method, RequestError> {
    match name {
        b"GET" => Ok(Method::Get),
        b"HEAD" => Ok(Method::Head),
        b"POST" => Ok(Method::Post),
        b"PUT" => Ok(Method::Put),
        b"PATCH" => Ok(Method::Patch),
        b"DELETE" => Ok(Method::Delete),
        b"OPTIONS" => Ok(Method::Options),
        _ if !name.is_empty() && name.iter().copied().all(is_token) => Ok(Method::Other),
        _ => Err(RequestError::BadMethod),
    }
}

fn version_of(word: &[u8]) -> Result<Version, RequestError> {
    match word {
        b"HTTP/1.1" => Ok(Version::Http11),
        b"HTTP/1.0" => Ok(Version::Http10),
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
            Err(RequestError::UnsupportedVersion)
        }
        _ if word.contains(&b'\r') => Err(HeadError::BareCr.into()),
        _ => Err(RequestError::BadVersion),
    }
}
