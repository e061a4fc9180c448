//! One client of the mock: reads a request, answers it, begins again.

use std::io;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;
use std::time::Instant;

use crate::clock;
use crate::http::Malformed;
use crate::mock::Counts;
use crate::mock::Shared;
use crate::mock::incoming::Incoming;
use crate::mock::incoming::Route;
use crate::mock::wire;
use crate::poller::Ready;
use crate::slab::Token;

/// The most a client may send ahead of its turn.
const MAX_PENDING: usize = 4 * 1024 * 1024;

/// The connection is over, for whatever reason.
#[derive(Debug)]
pub struct Ended;

/// A client and the answer it is being sent.
#[derive(Debug)]
pub struct Connection {
    socket: TcpStream,
    token: Token,
    /// Bytes that arrived before their turn: a part of a head, or a pipelined request.
    pending: Vec<u8>,
    incoming: Option<Incoming>,
    answer: Answer,
    /// Bytes the socket has not taken yet, from `sent` on.
    output: Vec<u8>,
    sent: usize,
    close_after: bool,
    /// A timer will call; one at a time, or each would set the next for ever.
    timer_set: bool,
}

/// What is being answered.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Nothing,
    Delayed { until: Instant, then: Then },
    Streaming(Stream),
}

/// What follows a delay.
#[derive(Clone, Copy, Debug)]
enum Then {
    Chat,
    Embeddings,
    Stream { chunks: u32, pace: Duration, usage: bool },
}

/// A stream and how far it is.
#[derive(Clone, Copy, Debug)]
struct Stream {
    next: Next,
    chunks: u32,
    pace: Duration,
    usage: bool,
    due: Instant,
}

/// The event that comes next.
#[derive(Clone, Copy, Debug)]
enum Next {
    Content(u32),
    Finish,
    Usage,
    Done,
}

impl Connection {
    /// A connection from which nothing has been read.
    pub const fn new(socket: TcpStream, token: Token) -> Self {
        Self {
            socket,
            token,
            pending: Vec::new(),
            incoming: None,
            answer: Answer::Nothing,
            output: Vec::new(),
            sent: 0,
            close_after: false,
            timer_set: false,
        }
    }

    /// The socket.
    pub const fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Puts an end in mid-answer into the figures.
    pub fn account_for_end(&self, counts: &mut Counts) {
        if matches!(self.answer, Answer::Streaming(_)) {
            counts.streams_active -= 1;
            counts.streams_cut += 1;
        }
    }

    /// Does what the socket now allows.
    pub fn on_ready(&mut self, event: Ready, shared: &mut Shared) -> Result<(), Ended> {
        if event.readable {
            let mut scratch = std::mem::take(&mut shared.scratch);
            let result = self.read_all(&mut scratch, event.closed, shared);
            shared.scratch = scratch;
            result?;
        }
        if event.writable && !self.output.is_empty() {
            self.flush()?;
            self.advance(shared)?;
        }
        Ok(())
    }

    /// Does what a timer was set for.
    pub fn on_timer(&mut self, shared: &mut Shared) -> Result<(), Ended> {
        self.timer_set = false;
        self.advance(shared)
    }

    /// Sends what is due, and when the answer is complete begins with the next request.
    fn advance(&mut self, shared: &mut Shared) -> Result<(), Ended> {
        loop {
            self.continue_answer(shared)?;
            if !matches!(self.answer, Answer::Nothing) || !self.output.is_empty() {
                return Ok(());
            }
            if self.close_after {
                return Err(Ended);
            }
            if self.pending.is_empty() {
                return Ok(());
            }
            let pending = std::mem::take(&mut self.pending);
            self.take_in(&pending, shared)?;
            if matches!(self.answer, Answer::Nothing) && self.output.is_empty() {
                return Ok(());
            }
        }
    }

    fn read_all(
        &mut self,
        scratch: &mut [u8],
        closed: bool,
        shared: &mut Shared,
    ) -> Result<(), Ended> {
        loop {
            let count = match self.socket.read(scratch) {
                Ok(0) => return Err(Ended),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return Err(Ended),
            };
            let bytes = scratch.get(..count).unwrap_or_default();
            if self.pending.is_empty() {
                self.take_in(bytes, shared)?;
            } else {
                let mut joined = std::mem::take(&mut self.pending);
                joined.extend_from_slice(bytes);
                self.take_in(&joined, shared)?;
            }
            self.advance(shared)?;
            // A short read means the socket is empty; only an end may still be behind it.
            if count < scratch.len() && !closed {
                return Ok(());
            }
        }
    }

    /// Reads requests out of `input` until one must be answered first, and keeps the rest.
    fn take_in(&mut self, input: &[u8], shared: &mut Shared) -> Result<(), Ended> {
        let mut rest = input;
        while !rest.is_empty() && matches!(self.answer, Answer::Nothing) && !self.close_after {
            let used = match self.read_some(rest, shared) {
                Ok(Some(used)) => used,
                Ok(None) => break,
                Err(_) => return self.refuse(shared),
            };
            rest = rest.get(used..).unwrap_or_default();
            if let Some(incoming) = self.incoming.take_if(|incoming| incoming.is_whole()) {
                self.begin(&incoming, shared)?;
            }
        }
        self.pending.extend_from_slice(rest);
        if self.pending.len() > MAX_PENDING { Err(Ended) } else { Ok(()) }
    }

    /// Reads a head or a part of a body; `None` if a head is not whole.
    fn read_some(&mut self, input: &[u8], shared: &Shared) -> Result<Option<usize>, Malformed> {
        if let Some(incoming) = &mut self.incoming {
            return incoming.read_body(input).map(Some);
        }
        let wanted = shared.authorization.as_deref();
        let Some((incoming, length)) = Incoming::read_head(input, shared.settings, wanted)? else {
            return Ok(None);
        };
        if incoming.expects_continue && !incoming.is_whole() {
            self.output.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        self.incoming = Some(incoming);
        Ok(Some(length))
    }

    fn refuse(&mut self, shared: &mut Shared) -> Result<(), Ended> {
        shared.counts.bad_requests += 1;
        self.close_after = true;
        self.send(&shared.pages.bad_request)
    }

    fn begin(&mut self, request: &Incoming, shared: &mut Shared) -> Result<(), Ended> {
        self.close_after = !request.keep_alive;
        let settings = request.settings;
        let then = match request.route {
            Route::Stats => return self.send(&wire::stats(&shared.counts)),
            Route::Health => return self.send(&shared.pages.ok),
            Route::Control(settings) => {
                shared.settings = settings;
                return self.send(&shared.pages.ok);
            }
            Route::Unknown => return self.refuse(shared),
            Route::Chat | Route::Embeddings if !request.is_object() => return self.refuse(shared),
            Route::Chat | Route::Embeddings if !request.authorized => {
                shared.counts.bad_requests += 1;
                return self.send(&shared.pages.unauthorized);
            }
            Route::Chat if request.wants_stream() => Then::Stream {
                chunks: settings.chunks,
                pace: settings.pace,
                usage: request.wants_usage(),
            },
            Route::Chat => Then::Chat,
            Route::Embeddings => Then::Embeddings,
        };
        shared.counts.requests += 1;
        shared.counts.request_bytes += request.body_len() as u64;
        if settings.delay.is_zero() {
            return self.start(then, shared);
        }
        let until = clock::now() + settings.delay;
        self.wake_at(until, shared);
        self.answer = Answer::Delayed { until, then };
        Ok(())
    }

    fn start(&mut self, then: Then, shared: &mut Shared) -> Result<(), Ended> {
        self.answer = Answer::Nothing;
        match then {
            Then::Chat => self.send(&shared.pages.chat),
            Then::Embeddings => self.send(&shared.pages.embeddings),
            Then::Stream { chunks, pace, usage } => {
                shared.counts.streams_active += 1;
                let next = if chunks == 0 { Next::Finish } else { Next::Content(0) };
                let due = clock::now();
                self.answer = Answer::Streaming(Stream { next, chunks, pace, usage, due });
                self.send(&shared.pages.stream_head)
            }
        }
    }

    fn continue_answer(&mut self, shared: &mut Shared) -> Result<(), Ended> {
        match self.answer {
            Answer::Nothing => return Ok(()),
            Answer::Delayed { until, .. } if until > clock::now() => return Ok(()),
            Answer::Delayed { then, .. } => self.start(then, shared)?,
            Answer::Streaming(_) => {}
        }
        while let Answer::Streaming(stream) = self.answer {
            if !self.output.is_empty() {
                return Ok(());
            }
            if !stream.pace.is_zero() && stream.due > clock::now() {
                self.wake_at(stream.due, shared);
                return Ok(());
            }
            self.send_event(stream, shared)?;
        }
        Ok(())
    }

    /// Sends the next event of `stream`, with a write of its own.
    fn send_event(&mut self, stream: Stream, shared: &mut Shared) -> Result<(), Ended> {
        let pages = &shared.pages;
        let (event, next) = match stream.next {
            Next::Content(index) => {
                let kinds = pages.contents.len().max(1);
                let event = pages.contents.get(index as usize % kinds).ok_or(Ended)?;
                let last = index + 1 >= stream.chunks;
                (event, Some(if last { Next::Finish } else { Next::Content(index + 1) }))
            }
            Next::Finish => {
                (&pages.finish, Some(if stream.usage { Next::Usage } else { Next::Done }))
            }
            Next::Usage => (&pages.usage, Some(Next::Done)),
            Next::Done => (&pages.done, None),
        };
        self.answer = next.map_or(Answer::Nothing, |next| {
            // What follows the content comes with its last event, as it does from a real model.
            let paced = matches!(next, Next::Content(_));
            let due = if paced { stream.due + stream.pace } else { stream.due };
            Answer::Streaming(Stream { next, due, ..stream })
        });
        if next.is_none() {
            shared.counts.streams_active -= 1;
            shared.counts.streams_done += 1;
        }
        self.send(event)
    }

    fn wake_at(&mut self, due: Instant, shared: &mut Shared) {
        if !std::mem::replace(&mut self.timer_set, true) {
            shared.timers.at(due, self.token);
        }
    }

    /// Sends, or keeps what the socket does not take.
    fn send(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        if !self.output.is_empty() {
            self.output.extend_from_slice(bytes);
            return self.flush();
        }
        let count = write_some(&self.socket, bytes)?;
        self.output.extend_from_slice(bytes.get(count..).unwrap_or_default());
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Ended> {
        while let Some(rest) = self.output.get(self.sent..).filter(|rest| !rest.is_empty()) {
            let count = write_some(&self.socket, rest)?;
            if count == 0 {
                return Ok(());
            }
            self.sent += count;
        }
        self.output.clear();
        self.sent = 0;
        Ok(())
    }
}

/// Writes once: how much the socket took, which is nothing when it is full.
fn write_some(mut socket: &TcpStream, bytes: &[u8]) -> Result<usize, Ended> {
    loop {
        match socket.write(bytes) {
            Ok(count) => return Ok(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(0),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Err(Ended),
        }
    }
}
