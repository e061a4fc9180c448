//! Server-sent events: the frames of a `text/event-stream`, as the WHATWG HTML standard, section
//! 9.2.6, cuts them. Any cut of the input gives the same frames.
//!
//! Frames are slices of the caller's buffer, exact to the byte, so that they can be passed on
//! unread. What a frame says is read from it on demand. Ids and retry times are left to the client.

mod frame;
#[cfg(any(test, fuzzing))]
mod fuzz;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use frame::Frame;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub use fuzz::fuzz_sse;

use std::fmt;

/// The byte order mark that may begin a stream.
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Cuts a stream into frames.
///
/// The caller keeps the bytes and calls `decode` with all of them that are not consumed yet, each
/// time from the same place on. After a frame it moves that place by the frame's length.
#[derive(Debug, Clone)]
pub struct Decoder {
    max_frame: usize,
    /// Nothing but a byte order mark was seen yet.
    at_start: bool,
    line: Line,
}

/// How far into the present frame was looked.
#[derive(Debug, Clone, Copy, Default)]
struct Line {
    /// Bytes looked at; none of those in the present line ends it.
    scanned: usize,
    /// Where the present line starts.
    start: usize,
    /// Where the fields start: behind a byte order mark, if there is one.
    fields: usize,
    /// The end of the first line, without its line end.
    first_end: usize,
    /// Lines that are complete.
    count: usize,
}

/// More bytes than allowed without a blank line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameTooLong {
    /// The bytes allowed, with line ends.
    pub max_frame: usize,
}

impl fmt::Display for FrameTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an event of more than {} bytes", self.max_frame)
    }
}

impl std::error::Error for FrameTooLong {}

/// Whether the stream may go on behind the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum More {
    Perhaps,
    No,
}

impl Decoder {
    /// A decoder at the start of a stream. A frame has at most `max_frame` bytes, line ends included.
    #[must_use]
    pub fn new(max_frame: usize) -> Self {
        Self { max_frame, at_start: true, line: Line::default() }
    }

    /// The frame at the start of `buf`, or nothing until `buf` holds more. Bytes looked at before
    /// are not looked at again.
    ///
    /// # Errors
    /// More than `max_frame` bytes and no blank line among those. It is final: there is no way to
    /// tell where the next frame starts.
    pub fn decode<'b>(&mut self, buf: &'b [u8]) -> Result<Option<Frame<'b>>, FrameTooLong> {
        self.next(buf, More::Perhaps)
    }

    /// The next frame of `buf`, of which it is known that nothing follows: a carriage return at its
    /// end is a line end. An unfinished frame is discarded, as the standard demands, and so is one
    /// that is too long.
    pub fn finish<'b>(&mut self, buf: &'b [u8]) -> Option<Frame<'b>> {
        self.next(buf, More::No).ok().flatten()
    }

    fn next<'b>(&mut self, buf: &'b [u8], more: More) -> Result<Option<Frame<'b>>, FrameTooLong> {
        // One byte above the limit shows that a frame is too long, or what follows a final CR.
        let window = buf.get(..self.max_frame.saturating_add(1)).unwrap_or(buf);
        if self.at_start && !self.pass_bom(window) {
            return self.wait(window);
        }
        match self.line.blank(window, more) {
            Some(end) if end > self.max_frame => Err(self.too_long()),
            Some(end) => {
                let line = std::mem::take(&mut self.line);
                self.at_start = false;
                Ok(buf
                    .get(..end)
                    .map(|raw| Frame::new(raw, line.fields, line.first_end, line.count)))
            }
            None => self.wait(window),
        }
    }

    /// Passes a byte order mark. False while it cannot be told whether there is one.
    fn pass_bom(&mut self, window: &[u8]) -> bool {
        if self.line.scanned == 0 {
            if window.len() < BOM.len() && BOM.starts_with(window) {
                return false;
            }
            if window.starts_with(BOM) {
                let at = BOM.len();
                self.line = Line { scanned: at, start: at, fields: at, ..Line::default() };
            }
        }
        true
    }

    fn wait<'b>(&self, window: &[u8]) -> Result<Option<Frame<'b>>, FrameTooLong> {
        if window.len() > self.max_frame { Err(self.too_long()) } else { Ok(None) }
    }

    const fn too_long(&self) -> FrameTooLong {
        FrameTooLong { max_frame: self.max_frame }
    }
}

impl Line {
    /// Looks for a blank line; the end of it, line end included.
    #[inline]
    fn blank(&mut self, buf: &[u8], more: More) -> Option<usize> {
        loop {
            let rest = buf.get(self.scanned..)?;
            // Most blank lines follow a line end at once.
            let length = match rest.first() {
                Some(b'\n' | b'\r') => 0,
                Some(_) | None => memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len()),
            };
            let at = self.scanned + length;
            self.scanned = at;
            let end = match (buf.get(at)?, buf.get(at + 1)) {
                (b'\n', _) => at + 1,
                (_, Some(b'\n')) => at + 2,
                (_, Some(_)) => at + 1,
                // Whether a line feed belongs to it is not known yet.
                (_, None) if more == More::Perhaps => return None,
                (_, None) => at + 1,
            };
            if at == self.start {
                return Some(end);
            }
            if self.count == 0 {
                self.first_end = at;
            }
            self.count += 1;
            self.scanned = end;
            self.start = end;
        }
    }
}
