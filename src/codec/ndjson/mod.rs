//! Newline-delimited JSON: the lines of a body, which end at a line feed and at nothing else. Any
//! cut of the input gives the same lines.
//!
//! Lines are slices of the caller's buffer. What a line says is not looked at here; a carriage
//! return before the line feed stays, as JSON takes it for whitespace.

#[cfg(any(test, fuzzing))]
mod fuzz;

#[cfg(test)]
mod tests;

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub use fuzz::fuzz_ndjson;

use std::fmt;

/// Cuts a body into lines.
///
/// The caller keeps the bytes and calls [`Decoder::decode`] with all of them that are not used yet,
/// each time from the same place on.
#[derive(Clone, Debug)]
pub struct Decoder {
    max_line: usize,
    /// Bytes of the present line that were looked at; none of them ends it.
    scanned: usize,
}

/// More bytes than allowed without a line feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineTooLong {
    /// The bytes allowed, without the line feed.
    pub max_line: usize,
}

impl fmt::Display for LineTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a line of more than {} bytes", self.max_line)
    }
}

impl std::error::Error for LineTooLong {}

impl Decoder {
    /// A decoder at the start of a body. A line has at most `max_line` bytes without its end.
    #[must_use]
    pub const fn new(max_line: usize) -> Self {
        Self { max_line, scanned: 0 }
    }

    /// The next line of `buf` that is not blank, without its end; none until `buf` holds more. The
    /// number is how many bytes of `buf` are used up, which also without a line may be some: blank
    /// lines are.
    ///
    /// # Errors
    /// More than `max_line` bytes and no line feed among those. It is final.
    pub fn decode<'b>(&mut self, buf: &'b [u8]) -> Result<(usize, Option<&'b [u8]>), LineTooLong> {
        let mut used = 0;
        loop {
            let rest = buf.get(used..).unwrap_or_default();
            // One byte above the limit may be the line feed.
            let window = rest.get(..self.max_line.saturating_add(1)).unwrap_or(rest);
            let fresh = window.get(self.scanned..).unwrap_or_default();
            let Some(found) = memchr::memchr(b'\n', fresh) else {
                if window.len() > self.max_line {
                    return Err(LineTooLong { max_line: self.max_line });
                }
                self.scanned = window.len();
                return Ok((used, None));
            };
            let length = self.scanned + found;
            self.scanned = 0;
            used += length + 1;
            let line = rest.get(..length).unwrap_or_default();
            if !is_blank(line) {
                return Ok((used, Some(line)));
            }
        }
    }

    /// The last line, where the body ended without a line feed: what is left of it, if that is not
    /// blank. To be called when [`Decoder::decode`] finds nothing more in `rest`.
    #[must_use]
    pub fn finish(rest: &[u8]) -> Option<&[u8]> {
        (!is_blank(rest)).then_some(rest)
    }
}

/// Whether there is nothing but whitespace. The first byte of a line decides nearly always.
fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
}
