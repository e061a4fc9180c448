//! One response, from the first byte of its head to the last of its body.

use crate::http::Malformed;
use crate::http::body::Body;
use crate::http::head;
use crate::http::head::Response;

/// Reads one response out of the pieces in which it arrives.
#[derive(Debug, Default)]
pub struct Reader {
    /// The beginning of a head that is not whole yet; empty for nearly every response.
    partial: Vec<u8>,
    inside: Option<(Response, Body)>,
}

impl Reader {
    /// The head, once it has been read.
    pub fn head(&self) -> Option<Response> {
        self.inside.as_ref().map(|(head, _)| *head)
    }

    /// Whether the response has ended.
    pub fn is_done(&self) -> bool {
        self.inside.as_ref().is_some_and(|(_, body)| body.is_done())
    }

    /// Whether the peer's close would end this response rather than cut it.
    pub fn ends_at_close(&self) -> bool {
        self.inside.as_ref().is_some_and(|(_, body)| body.ends_at_close())
    }

    /// Makes ready for the next response.
    pub fn reset(&mut self) {
        self.partial.clear();
        self.inside = None;
    }

    /// Reads to the end of the response or of `input`, hands content to `sink` and returns how
    /// much it used.
    pub fn read(&mut self, input: &[u8], sink: impl FnMut(&[u8])) -> Result<usize, Malformed> {
        let mut used = 0;
        while self.inside.is_none() {
            let rest = input.get(used..).unwrap_or_default();
            let Some((head, length)) = self.read_head(rest)? else {
                return Ok(input.len());
            };
            used += length;
            if head.status >= 200 {
                self.inside = Some((head, Body::new(head.framing)));
            }
        }
        let rest = input.get(used..).unwrap_or_default();
        match &mut self.inside {
            Some((_, body)) => Ok(used + body.read(rest, sink)?),
            None => Ok(used),
        }
    }

    /// The head and how much of `input` belongs to it. A part of a head is kept for the next call.
    fn read_head(&mut self, input: &[u8]) -> Result<Option<(Response, usize)>, Malformed> {
        if self.partial.is_empty() {
            let found = head::response(input)?;
            if found.is_none() {
                self.partial.extend_from_slice(input);
            }
            return Ok(found);
        }
        let before = self.partial.len();
        self.partial.extend_from_slice(input);
        let Some((head, length)) = head::response(&self.partial)? else {
            return Ok(None);
        };
        self.partial.clear();
        Ok(Some((head, length.saturating_sub(before))))
    }
}
