//! One connection of the load generator: sends a request, reads its answer.

use std::io;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::time::Instant;

use crate::clock;
use crate::http::response::Reader;
use crate::load::tally::Arrival;
use crate::load::tally::Tally;
use crate::poller::Ready;
use crate::sse::Counter;

/// What all connections use.
#[derive(Debug)]
pub struct Shared {
    /// The bytes of every request.
    pub request: Vec<u8>,
    /// The answers are event streams.
    pub stream: bool,
    /// Where reads go.
    pub scratch: Vec<u8>,
    /// What has been counted.
    pub tally: Tally,
    /// Connections that have not received a byte yet.
    pub opening: usize,
}

/// What became of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It waits for the socket.
    Waiting,
    /// Its request is answered; another may follow.
    Answered,
    /// It is over. What it cost has been counted.
    Over,
}

/// A connection and the request it carries.
#[derive(Debug)]
pub struct Connection {
    socket: TcpStream,
    opened: bool,
    busy: bool,
    /// Bytes of the request the socket has taken.
    sent: usize,
    reader: Reader,
    events: Counter,
    /// When the request was due, or sent.
    since: Instant,
    last_event: Option<Instant>,
}

impl Connection {
    /// A connection that was told to connect.
    pub fn new(socket: TcpStream, now: Instant) -> Self {
        Self {
            socket,
            opened: false,
            busy: false,
            sent: 0,
            reader: Reader::default(),
            events: Counter::default(),
            since: now,
            last_event: None,
        }
    }

    /// The socket.
    pub const fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Whether a request is under way.
    pub const fn is_busy(&self) -> bool {
        self.busy
    }

    /// Whether a stream is under way that has brought an event.
    pub const fn is_streaming(&self) -> bool {
        self.busy && self.last_event.is_some()
    }

    /// Notes that the connection is no longer being opened.
    pub fn settle(&mut self, shared: &mut Shared) {
        if !std::mem::replace(&mut self.opened, true) {
            shared.opening -= 1;
        }
    }

    /// Sends the next request, due at `since`.
    pub fn send(&mut self, since: Instant, shared: &mut Shared) -> Outcome {
        self.busy = true;
        self.sent = 0;
        self.since = since;
        self.last_event = None;
        self.events = Counter::default();
        self.reader.reset();
        self.write_rest(shared)
    }

    /// Does what the socket now allows.
    pub fn on_ready(&mut self, event: Ready, shared: &mut Shared) -> Outcome {
        if event.writable && self.busy && self.write_rest(shared) == Outcome::Over {
            return Outcome::Over;
        }
        if !event.readable {
            return Outcome::Waiting;
        }
        let mut scratch = std::mem::take(&mut shared.scratch);
        let outcome = self.read_all(&mut scratch, event.closed, shared);
        shared.scratch = scratch;
        outcome
    }

    fn write_rest(&mut self, shared: &mut Shared) -> Outcome {
        while let Some(rest) = shared.request.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match self.socket.write(rest) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return self.lose(shared),
            }
        }
        Outcome::Waiting
    }

    fn read_all(&mut self, scratch: &mut [u8], closed: bool, shared: &mut Shared) -> Outcome {
        let mut outcome = Outcome::Waiting;
        loop {
            let count = match self.socket.read(scratch) {
                Ok(0) => return self.close(shared),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return outcome,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return self.lose(shared),
            };
            self.settle(shared);
            outcome = self.take_in(scratch.get(..count).unwrap_or_default(), shared);
            // A short read means the socket is empty; only a close may still be behind it.
            if outcome == Outcome::Over || (count < scratch.len() && !closed) {
                return outcome;
            }
        }
    }

    fn take_in(&mut self, bytes: &[u8], shared: &mut Shared) -> Outcome {
        if !self.busy {
            return self.lose(shared);
        }
        let counter = &mut self.events;
        let mut events = 0;
        let used = self.reader.read(bytes, |content| {
            if shared.stream {
                events += counter.read(content);
            }
        });
        // Bytes after the answer belong to nothing that was asked.
        if used != Ok(bytes.len()) {
            return self.lose(shared);
        }
        let now = clock::now();
        if events > 0 {
            let arrival = self.last_event.map_or_else(
                || Arrival::First(now.saturating_duration_since(self.since)),
                |last| Arrival::Next(now.saturating_duration_since(last)),
            );
            shared.tally.events(events, arrival);
            self.last_event = Some(now);
        }
        if self.reader.is_done() { self.complete(now, shared) } else { Outcome::Waiting }
    }

    fn complete(&mut self, now: Instant, shared: &mut Shared) -> Outcome {
        self.busy = false;
        let Some(head) = self.reader.head() else {
            return Outcome::Over;
        };
        if shared.stream && (200..300).contains(&head.status) && !self.events.is_done() {
            shared.tally.cut();
        }
        shared.tally.answered(head.status, now.saturating_duration_since(self.since));
        let sent_all = self.sent == shared.request.len();
        if head.keep_alive && sent_all { Outcome::Answered } else { self.end(shared) }
    }

    /// The peer closed.
    fn close(&mut self, shared: &mut Shared) -> Outcome {
        if self.busy && self.reader.ends_at_close() {
            self.complete(clock::now(), shared);
            return Outcome::Over;
        }
        self.lose(shared)
    }

    /// The connection failed, or said what it should not.
    fn lose(&mut self, shared: &mut Shared) -> Outcome {
        if self.busy {
            shared.tally.failed();
            if self.reader.head().is_some() && shared.stream {
                shared.tally.cut();
            }
        } else {
            shared.tally.closed_while_idle();
        }
        self.busy = false;
        self.end(shared)
    }

    fn end(&mut self, shared: &mut Shared) -> Outcome {
        self.settle(shared);
        Outcome::Over
    }
}
