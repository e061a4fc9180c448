//! Chunked bodies (RFC 9112, 7.1), decoded in the buffer they came in.

use std::error::Error;
use std::fmt;

use crate::codec::http1::is_token;
use crate::codec::http1::is_value;

/// Hexadecimal digits of a chunk's size: as many as 64 bits take.
const MAX_SIZE_DIGITS: u8 = 16;

/// Writes the line before a chunk of `n` bytes, such as `1a` CRLF. The caller ends the chunk's
/// data with CRLF, and the body with a chunk of size 0 and one more CRLF.
pub fn write_chunk_size(out: &mut Vec<u8>, n: usize) {
    let digits = (usize::BITS - n.leading_zeros()).div_ceil(4).max(1);
    for place in (0..digits).rev() {
        let digit = (n >> (place * 4)) as u8 & 0xf;
        out.push(if digit < 10 { b'0' + digit } else { b'a' - 10 + digit });
    }
    out.extend_from_slice(b"\r\n");
}

/// What one call of [`ChunkDecoder::decode`] did.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Bytes of payload, now at the front of the buffer.
    pub payload: usize,
    /// Bytes used up. All of them, unless the body is done: then the next message starts here.
    pub consumed: usize,
    /// The last chunk, the trailers and the blank line after them have been read.
    pub done: bool,
}

/// Why a chunked body is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkError {
    /// No digit where a chunk's size must be.
    MissingSize,
    /// A byte after the size that is neither a digit nor `;` nor CR.
    BadSize,
    /// More than 16 digits.
    SizeTooLong,
    /// LF without CR in a size line or a trailer.
    BareLf,
    /// CR without LF.
    BareCr,
    /// An extension that is not `name`, `name=token` or `name="text"`.
    BadExtension,
    /// The extensions of the body, added up, are over the limit.
    ExtensionsTooLong,
    /// The data of a chunk does not end in CRLF where its size says.
    DataNotTerminated,
    /// A trailer line that is not a header field.
    BadTrailer,
    /// The trailers, added up, are over the limit.
    TrailersTooLong,
}

impl fmt::Display for ChunkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MissingSize => "chunk without a size",
            Self::BadSize => "invalid byte in a chunk size",
            Self::SizeTooLong => "chunk size of more than 16 digits",
            Self::BareLf => "line of a chunked body ends in LF without CR",
            Self::BareCr => "CR without LF in a chunked body",
            Self::BadExtension => "malformed chunk extension",
            Self::ExtensionsTooLong => "chunk extensions too long",
            Self::DataNotTerminated => "chunk data longer than its size",
            Self::BadTrailer => "malformed trailer",
            Self::TrailersTooLong => "trailers too long",
        })
    }
}

impl Error for ChunkError {}

/// Decodes one chunked body, in any cut. Extensions and trailers are checked and dropped.
#[derive(Clone, Debug)]
pub struct ChunkDecoder {
    state: State,
    /// The size of the chunk whose line is being read, then what is left of its data.
    left: u64,
    extensions: usize,
    trailers: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In the size, after so many digits.
    Size(u8),
    Extension(Extension),
    SizeLf,
    Data,
    DataCr,
    DataLf,
    Trailer(Trailer),
    Done,
    Failed(ChunkError),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extension {
    NameStart,
    Name,
    ValueStart,
    Value,
    Quoted,
    Escaped,
    /// Behind a closing quote.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trailer {
    LineStart,
    Name,
    Value,
    ValueLf,
    /// Before the last LF of the body.
    LastLf,
}

impl ChunkDecoder {
    /// For one body. `max_extensions` and `max_trailers` are bytes over the whole body: a limit
    /// per chunk would let a peer send a kilobyte of extensions for each byte of payload.
    pub fn new(max_extensions: usize, max_trailers: usize) -> Self {
        Self { state: State::Size(0), left: 0, extensions: max_extensions, trailers: max_trailers }
    }

    /// Decodes `buf`, the bytes that follow those of the call before. The payload moves to the
    /// front, `buf[..payload]`; what is behind it has no meaning up to `consumed`. After an error
    /// every call gives it again.
    pub fn decode(&mut self, buf: &mut [u8]) -> Result<Decoded, ChunkError> {
        let mut payload = 0;
        let mut consumed = 0;
        while self.state != State::Done {
            if self.state == State::Data {
                let taken = self.take_data(buf, consumed, payload);
                if taken == 0 {
                    break;
                }
                consumed += taken;
                payload += taken;
                continue;
            }
            let Some(&byte) = buf.get(consumed) else { break };
            consumed += 1;
            let next = self.step(byte);
            self.state = next.unwrap_or_else(State::Failed);
            next?;
        }
        Ok(Decoded { payload, consumed, done: self.state == State::Done })
    }

    /// Moves what `buf` has of the chunk's data from `from` to `to`, and says how much it was.
    fn take_data(&mut self, buf: &mut [u8], from: usize, to: usize) -> usize {
        let have = buf.len().saturating_sub(from);
        let taken = usize::try_from(self.left).map_or(have, |left| left.min(have));
        if from != to {
            buf.copy_within(from..from + taken, to);
        }
        self.left -= taken as u64;
        if self.left == 0 {
            self.state = State::DataCr;
        }
        taken
    }

    #[inline]
    fn step(&mut self, byte: u8) -> Result<State, ChunkError> {
        match self.state {
            State::Size(digits) => self.size(digits, byte),
            State::Extension(at) => self.extension(at, byte),
            State::SizeLf => match byte {
                b'\n' if self.left == 0 => Ok(State::Trailer(Trailer::LineStart)),
                b'\n' => Ok(State::Data),
                _ => Err(ChunkError::BareCr),
            },
            State::DataCr if byte == b'\r' => Ok(State::DataLf),
            State::DataLf if byte == b'\n' => Ok(State::Size(0)),
            State::DataCr | State::DataLf => Err(ChunkError::DataNotTerminated),
            State::Trailer(at) => self.trailer(at, byte),
            State::Failed(error) => Err(error),
            // Not stepped in: data is moved whole, and nothing follows the end.
            State::Data | State::Done => Ok(self.state),
        }
    }

    #[inline]
    fn size(&mut self, digits: u8, byte: u8) -> Result<State, ChunkError> {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ if digits == 0 => return Err(ChunkError::MissingSize),
            b'\r' => return Ok(State::SizeLf),
            b'\n' => return Err(ChunkError::BareLf),
            b';' => return self.extension(Extension::NameStart, b' '),
            _ => return Err(ChunkError::BadSize),
        };
        if digits == MAX_SIZE_DIGITS {
            return Err(ChunkError::SizeTooLong);
        }
        let above = if digits == 0 { 0 } else { self.left << 4 };
        self.left = above | u64::from(digit);
        Ok(State::Size(digits + 1))
    }

    /// `;` name, `=`, and a token or a quoted text, with spaces around each.
    fn extension(&mut self, at: Extension, byte: u8) -> Result<State, ChunkError> {
        self.extensions = self.extensions.checked_sub(1).ok_or(ChunkError::ExtensionsTooLong)?;
        let ends = matches!(at, Extension::Name | Extension::Value | Extension::End);
        Ok(State::Extension(match (at, byte) {
            (_, b'\n') => return Err(ChunkError::BareLf),
            (_, b'\r') if ends => return Ok(State::SizeLf),
            (_, b';') if ends => Extension::NameStart,
            (Extension::Quoted, b'"') => Extension::End,
            (Extension::Quoted, b'\\') => Extension::Escaped,
            (Extension::Quoted | Extension::Escaped, b'\t' | b' '..=b'~') => Extension::Quoted,
            (Extension::Name, b'=') => Extension::ValueStart,
            (Extension::ValueStart, b'"') => Extension::Quoted,
            (Extension::NameStart | Extension::Name, _) if is_token(byte) => Extension::Name,
            (Extension::ValueStart | Extension::Value, _) if is_token(byte) => Extension::Value,
            (_, b' ' | b'\t') => at,
            _ => return Err(ChunkError::BadExtension),
        }))
    }

    /// Field lines up to an empty one; a folded line is none.
    fn trailer(&mut self, at: Trailer, byte: u8) -> Result<State, ChunkError> {
        if at == Trailer::LastLf {
            return if byte == b'\n' { Ok(State::Done) } else { Err(ChunkError::BareCr) };
        }
        if at == Trailer::LineStart && byte == b'\r' {
            return Ok(State::Trailer(Trailer::LastLf));
        }
        self.trailers = self.trailers.checked_sub(1).ok_or(ChunkError::TrailersTooLong)?;
        Ok(State::Trailer(match at {
            Trailer::ValueLf if byte == b'\n' => Trailer::LineStart,
            Trailer::ValueLf => return Err(ChunkError::BareCr),
            _ if byte == b'\n' => return Err(ChunkError::BareLf),
            Trailer::LineStart | Trailer::Name if is_token(byte) => Trailer::Name,
            Trailer::Name if byte == b':' => Trailer::Value,
            Trailer::Value if byte == b'\r' => Trailer::ValueLf,
            Trailer::Value if is_value(byte) => Trailer::Value,
            Trailer::LineStart | Trailer::Name | Trailer::Value | Trailer::LastLf => {
                return Err(ChunkError::BadTrailer);
            }
        }))
    }
}
