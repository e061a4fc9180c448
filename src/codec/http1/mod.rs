//! A strict HTTP/1.1 codec without I/O: message heads and chunked bodies (RFC 9110, RFC 9112).
//!
//! The caller owns the buffers and says how many bytes there are; a parser answers "complete",
//! "not yet" or exactly what is wrong. Whatever two peers could read in two ways is an error, and
//! any cut of the input gives the same answer. Not here: reading a body by its length, timeouts,
//! and routing. `docs/decisions/2026-11-22-own-http1-codec.md` says why it is our own.

mod chunk;
mod error;
mod field;
mod framing;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod head;
mod request;
mod response;
mod target;
#[cfg(test)]
mod tests;

pub use self::chunk::ChunkDecoder;
pub use self::chunk::ChunkError;
pub use self::chunk::Decoded;
pub use self::chunk::write_chunk_size;
pub use self::error::HeadError;
pub use self::error::RequestError;
pub use self::error::ResponseError;
pub use self::field::Known;
pub use self::request::Method;
pub use self::request::RequestHead;
pub use self::request::RequestParser;
pub use self::response::ResponseBody;
pub use self::response::ResponseHead;
pub use self::response::ResponseParser;

/// The most header fields a head can have, whatever [`Limits::max_headers`] says.
pub const MAX_HEADERS: usize = 128;

/// A range of bytes in the buffer that was parsed; half the size of a slice and free of borrows,
/// so that a head can be kept beside its buffer.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// The bytes from `start` up to `end`, counted from the start of the buffer.
    pub const fn new(start: u32, end: u32) -> Self {
        Self { start, end }
    }

    /// The bytes meant, in the buffer that was parsed; empty if they are not in `buf`.
    pub fn of(self, buf: &[u8]) -> &[u8] {
        buf.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// How many bytes it covers.
    pub const fn len(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }

    /// Whether it covers no byte.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// From positions in a head; heads are far shorter than 4 GiB, see [`Limits::max_head`].
    fn at(start: usize, end: usize) -> Self {
        let short = |at| u32::try_from(at).unwrap_or(u32::MAX);
        Self::new(short(start), short(end))
    }

    /// Where `part`, a slice of `buf`, lies in it.
    fn within(buf: &[u8], part: &[u8]) -> Self {
        let start = (part.as_ptr() as usize).wrapping_sub(buf.as_ptr() as usize);
        Self::at(start, start.saturating_add(part.len()))
    }
}

/// The protocol version of a message; there are no others here.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0: one message a connection unless both sides say keep-alive.
    Http10,
    /// HTTP/1.1.
    #[default]
    Http11,
}

/// What a head may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a whole head, its blank line included.
    pub max_head: usize,
    /// Header fields; [`MAX_HEADERS`] holds if this is more.
    pub max_headers: usize,
    /// Bytes of a request's target.
    pub max_target: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_head: 64 << 10, max_headers: 100, max_target: 8 << 10 }
    }
}

/// How a request's body is framed (RFC 9112, section 6.3).
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub enum Body {
    /// There is none.
    #[default]
    None,
    /// So many bytes follow the head.
    Length(u64),
    /// A [`ChunkDecoder`] finds the end.
    Chunked,
}

/// The header fields of a head, in the order they came; reused from message to message.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
struct Headers(Vec<(Span, Span)>);

impl Headers {
    fn iter<'b>(&'b self, buf: &'b [u8]) -> impl Iterator<Item = (&'b [u8], &'b [u8])> {
        self.0.iter().map(move |(name, value)| (name.of(buf), value.of(buf)))
    }
}

/// Whether `byte` may stand in a token, such as a method or a field name (RFC 9110, 5.6.2).
const fn is_token(byte: u8) -> bool {
    matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'0'..=b'9'
        | b'A'..=b'Z' | b'^'..=b'z' | b'|' | b'~')
}

/// Whether `byte` may stand in a field value (RFC 9110, 5.5), the bytes above ASCII included.
const fn is_value(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}
