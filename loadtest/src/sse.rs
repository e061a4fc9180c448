//! Counts the events of a server-sent event stream and notices its end.

use memchr::memchr;

/// The data of the event that ends an OpenAI stream.
const DONE: &[u8] = b"[DONE]";

/// The data of the event that ends a stream of Anthropic's.
const STOP: &[u8] = b"{\"type\":\"message_stop\"}";

/// As much of a line as is needed to recognise either.
const KEPT: usize = 32;

/// Counts events in whatever pieces the stream arrives. Comments are no events, nor is the
/// terminator.
#[derive(Debug, Default)]
pub struct Counter {
    line: [u8; KEPT],
    length: usize,
    has_data: bool,
    line_is_done: bool,
    done: bool,
}

impl Counter {
    /// Whether the terminator has been seen.
    pub const fn is_done(&self) -> bool {
        self.done
    }

    /// Reads a piece and returns how many events ended in it.
    pub fn read(&mut self, piece: &[u8]) -> u64 {
        let mut events = 0;
        let mut rest = piece;
        while let Some((line, after)) = split_line(rest) {
            self.extend(line);
            events += u64::from(self.end_line());
            rest = after;
        }
        self.extend(rest);
        events
    }

    fn extend(&mut self, bytes: &[u8]) {
        if let Some(room) = self.line.get_mut(self.length..) {
            for (kept, byte) in room.iter_mut().zip(bytes) {
                *kept = *byte;
            }
        }
        self.length += bytes.len();
    }

    /// Takes the line in; true if it ended an event.
    fn end_line(&mut self) -> bool {
        let kept = self.line.get(..self.length).unwrap_or(&self.line);
        let line = kept.strip_suffix(b"\r").unwrap_or(kept);
        self.length = 0;
        if line.is_empty() {
            let event = std::mem::take(&mut self.has_data);
            let last = std::mem::take(&mut self.line_is_done);
            self.done |= last;
            return event && !last;
        }
        if let Some(data) = line.strip_prefix(b"data:") {
            self.has_data = true;
            self.line_is_done = matches!(data.trim_ascii(), DONE | STOP);
        }
        false
    }
}

fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (line, rest) = bytes.split_at_checked(memchr(b'\n', bytes)?)?;
    Some((line, rest.get(1..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] = b": hello\n\ndata: {\"a\":1}\n\nevent: x\r\ndata: {\"b\":2}\r\n\r\n\
        : keep-alive\n\ndata: one\ndata: two\n\ndata: [DONE]\n\n";

    #[test]
    fn counts_the_same_at_every_cut() {
        for cut in 0..=STREAM.len() {
            let (head, tail) = STREAM.split_at(cut);
            let mut counter = Counter::default();
            assert_eq!(counter.read(head) + counter.read(tail), 3, "cut at byte {cut}");
            assert!(counter.is_done(), "cut at byte {cut}");
        }
    }

    #[test]
    fn a_message_has_an_end_too() {
        let mut counter = Counter::default();
        let text = "event: message_delta\ndata: {}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
        assert_eq!((counter.read(text.as_bytes()), counter.is_done()), (1, true));
    }

    #[test]
    fn text_that_speaks_of_the_end_is_not_the_end() {
        let mut counter = Counter::default();
        assert_eq!(counter.read(b"data: {\"content\":\"data: [DONE]\"}\n\n"), 1);
        assert_eq!(counter.read(b"data: [DONE] and more\n\ndata: [DONE]\n"), 1);
        assert!(!counter.is_done());
        assert_eq!(counter.read(b"\n"), 0);
        assert!(counter.is_done());
    }
}
