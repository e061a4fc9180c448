//! Response heads, as a client of an upstream reads them. As strict as with requests: an upstream
//! whose framing has two readings would give one caller's answer to the next.

use crate::codec::http1::Body;
use crate::codec::http1::HeadError;
use crate::codec::http1::Headers;
use crate::codec::http1::Limits;
use crate::codec::http1::ResponseError;
use crate::codec::http1::Span;
use crate::codec::http1::Version;
use crate::codec::http1::field::Field;
use crate::codec::http1::framing::Framing;
use crate::codec::http1::head;
use crate::codec::http1::head::Scan;
use crate::codec::http1::head::Scanner;
use crate::codec::http1::is_value;
use crate::codec::http1::request::value_span;

/// How a response's body is framed (RFC 9112, 6.3).
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub enum ResponseBody {
    /// There is none.
    #[default]
    None,
    /// So many bytes follow the head.
    Length(u64),
    /// A [`ChunkDecoder`](super::ChunkDecoder) finds the end.
    Chunked,
    /// Everything up to the end of the connection; a cut cannot be told from an end.
    Close,
}

/// A response's head. Everything in it points into the buffer that was parsed.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// 100 to 599 without 101.
    pub status: u16,
    /// The upstream's version.
    pub version: Version,
    /// How the body is framed.
    pub body: ResponseBody,
    /// Whether the connection may be used again after this message.
    pub keep_alive: bool,
    /// Bytes of the head, its blank line included: the body starts here.
    pub len: usize,
    headers: Headers,
}

impl ResponseHead {
    /// The value of the first field of that name, in any case.
    pub fn header<'b>(&self, buf: &'b [u8], name: &str) -> Option<&'b [u8]> {
        let is_it =
            |at: &Span| at.len() == name.len() && at.of(buf).eq_ignore_ascii_case(name.as_bytes());
        self.headers.0.iter().find(|(at, _)| is_it(at)).map(|(_, value)| value.of(buf))
    }

    /// All fields, name and value, as they came and in their order.
    pub fn headers<'b>(&'b self, buf: &'b [u8]) -> impl Iterator<Item = (&'b [u8], &'b [u8])> {
        self.headers.iter(buf)
    }
}

/// Reads response heads, with a memory like [`RequestParser`](super::RequestParser)'s.
#[derive(Default, Debug)]
pub struct ResponseParser {
    scanner: Scanner,
    line: StatusLine,
}

impl ResponseParser {
    /// Ready for the first byte of a response.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether `buf` starts with a complete head, which is then in `head`. `method_was_head` says
    /// that the request was a HEAD. An interim head (1xx) is given like any other: the caller
    /// skips its `len` bytes and calls again. [`Limits::max_target`] is not looked at. After a
    /// complete head or an error the parser is as new.
    pub fn parse(
        &mut self,
        buf: &[u8],
        limits: &Limits,
        method_was_head: bool,
        head: &mut ResponseHead,
    ) -> Result<bool, ResponseError> {
        let result = self.advance(buf, limits, method_was_head, head);
        if result != Ok(false) {
            *self = Self::new();
        }
        result
    }

    fn advance(
        &mut self,
        buf: &[u8],
        limits: &Limits,
        method_was_head: bool,
        head: &mut ResponseHead,
    ) -> Result<bool, ResponseError> {
        if self.scanner.is_fresh() {
            match buf.first() {
                None => return Ok(false),
                Some(b'H') => {}
                Some(b'\r' | b'\n') => return Err(HeadError::LeadingBlankLine.into()),
                Some(_) => return Err(ResponseError::BadStatusLine),
            }
        }
        loop {
            match self.scanner.advance(buf, limits, usize::MAX)? {
                Scan::More => return Ok(false),
                Scan::StartLineTooLong => return Err(HeadError::TooLarge.into()),
                Scan::StartLine(end) => self.line = StatusLine::parse(buf, end)?,
                Scan::Complete(len) => {
                    let bytes = buf.get(..len).unwrap_or_default();
                    self.line.fill(bytes, self.scanner.fields(), method_was_head, head)?;
                    return Ok(true);
                }
            }
        }
    }
}

/// The first line, taken apart as soon as it is there.
#[derive(Clone, Copy, Default, Debug)]
struct StatusLine {
    version: Version,
    status: u16,
    /// Where the fields begin.
    len: usize,
}

impl StatusLine {
    /// Reads the line that ends before position `end` of `buf`. The space after the status may
    /// be missing with the reason: servers in the field do that, and it has one reading.
    fn parse(buf: &[u8], end: usize) -> Result<Self, ResponseError> {
        let line = buf.get(..end).unwrap_or_default();
        let (word, rest) = line.split_at_checked(8).ok_or(ResponseError::BadStatusLine)?;
        let version = match word {
            b"HTTP/1.1" => Version::Http11,
            b"HTTP/1.0" => Version::Http10,
            [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
                return Err(ResponseError::UnsupportedVersion);
            }
            _ => return Err(ResponseError::BadStatusLine),
        };
        let (digits, reason) = match rest {
            [b' ', a, b, c] => ([*a, *b, *c], [].as_slice()),
            [b' ', a, b, c, b' ', reason @ ..] => ([*a, *b, *c], reason),
            _ => return Err(ResponseError::BadStatusLine),
        };
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(ResponseError::BadStatusLine);
        }
        if reason.contains(&b'\r') {
            return Err(HeadError::BareCr.into());
        }
        if !reason.iter().copied().all(is_value) {
            return Err(ResponseError::BadStatusLine);
        }
        let status = digits.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
        match status {
            101 => Err(ResponseError::SwitchingProtocols),
            100..=599 => Ok(Self { version, status, len: end + 2 }),
            _ => Err(ResponseError::BadStatus),
        }
    }

    /// Reads the fields and fills `head`. `bytes` is the whole head and nothing else.
    fn fill(
        &self,
        bytes: &[u8],
        count: usize,
        method_was_head: bool,
        head: &mut ResponseHead,
    ) -> Result<(), ResponseError> {
        head.headers.0.clear();
        let mut framing = Framing::default();
        let fields = bytes.get(self.len..).unwrap_or_default();
        head::read_fields(fields, count, |name, value| {
            let at = Span::within(bytes, name);
            head.headers.0.push((at, value_span(bytes, at, value)));
            match Field::of(name) {
                Field::ContentLength => framing.content_length(value),
                Field::TransferEncoding => framing.transfer_encoding(value),
                Field::Connection => framing.connection(value),
                Field::Lookalike => Err(HeadError::FramingLookalike),
                Field::Host | Field::Expect | Field::Known(_) | Field::Other => Ok(()),
            }
        })?;
        head.body = self.body(framing.body(self.version)?, method_was_head)?;
        head.keep_alive = head.body != ResponseBody::Close && framing.keeps_alive(self.version);
        head.status = self.status;
        head.version = self.version;
        head.len = bytes.len();
        Ok(())
    }

    /// What follows the head: the status first, then what the fields announce.
    fn body(
        &self,
        announced: Option<Body>,
        method_was_head: bool,
    ) -> Result<ResponseBody, ResponseError> {
        if matches!(self.status, ..200 | 204) {
            return match announced {
                // Common and harmless with a 204.
                None | Some(Body::None | Body::Length(0)) => Ok(ResponseBody::None),
                Some(Body::Length(_) | Body::Chunked) => Err(ResponseError::FramedWithoutBody),
            };
        }
        if method_was_head || self.status == 304 {
            return Ok(ResponseBody::None);
        }
        Ok(match announced {
            None | Some(Body::None) => ResponseBody::Close,
            Some(Body::Length(length)) => ResponseBody::Length(length),
            Some(Body::Chunked) => ResponseBody::Chunked,
        })
    }
}
