//! What a scripted upstream does with one request, step by step.

use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::time::Duration;

use crate::support::http;

/// Longest stay at a gate: what a test does meanwhile has deadlines of its own, one for each step.
const PATIENCE: Duration = Duration::from_secs(120);

/// One step of an answer.
#[derive(Clone, Debug)]
pub enum Step {
    /// One write of these bytes.
    Send(Vec<u8>),
    /// These bytes and the orderly end of the connection, in one segment where they fit: nobody sees the
    /// bytes and not yet the end.
    Last(Vec<u8>),
    /// The pace of the upstream.
    Pause(Duration),
    /// Waits until the test opens the gate.
    Wait(Gate),
    /// Ends the connection in an orderly way.
    Fin,
    /// Ends the connection with a reset.
    Reset,
    /// Says nothing more until the gateway closes.
    Hold,
    /// Sends these bytes again and again until the gateway closes.
    Flood(Vec<u8>),
}

/// The steps of one answer. A script without an end leaves the connection open for the next request.
#[derive(Clone, Debug, Default)]
pub struct Script(pub Vec<Step>);

/// How a connection is broken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    Fin,
    Reset,
}

impl Script {
    pub fn send(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.0.push(Step::Send(bytes.into()));
        self
    }

    pub fn last(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.0.push(Step::Last(bytes.into()));
        self
    }

    pub fn pause(mut self, millis: u64) -> Self {
        self.0.push(Step::Pause(Duration::from_millis(millis)));
        self
    }

    pub fn wait(mut self, gate: &Gate) -> Self {
        self.0.push(Step::Wait(gate.clone()));
        self
    }

    pub fn fin(mut self) -> Self {
        self.0.push(Step::Fin);
        self
    }

    pub fn reset(mut self) -> Self {
        self.0.push(Step::Reset);
        self
    }

    pub fn hold(mut self) -> Self {
        self.0.push(Step::Hold);
        self
    }

    pub fn flood(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.0.push(Step::Flood(bytes.into()));
        self
    }

    /// A JSON answer by length that leaves the connection open.
    pub fn json(status: u16, body: &str) -> Self {
        Self::answer(status, "", body)
    }

    /// A JSON answer with further header lines, each ended by CRLF.
    pub fn answer(status: u16, lines: &str, body: &str) -> Self {
        Self::default().send(answer_bytes(status, lines, body))
    }

    /// A stream in chunked framing, one write an event, that leaves the connection open. The framing's end
    /// comes with the last event: the gateway waits a moment only for one that comes apart from it.
    pub fn stream(events: &[String]) -> Self {
        let mut writes: Vec<_> =
            events.iter().map(|event| http::as_chunk(event.as_bytes())).collect();
        writes.last_mut().expect("an event").extend_from_slice(http::LAST_CHUNK);
        writes.into_iter().fold(Self::default().send(STREAM_HEAD), Self::send)
    }

    /// The first `at` bytes, then the break.
    pub fn cut(bytes: &[u8], at: usize, how: Cut) -> Self {
        let sent = Self::default().send(&bytes[..at]);
        match how {
            Cut::Fin => sent.fin(),
            Cut::Reset => sent.reset(),
        }
    }
}

/// The head of a stream in chunked framing.
pub const STREAM_HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// The head of a stream that ends with the connection.
pub const STREAM_HEAD_CLOSE: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

/// A whole JSON answer by length.
pub fn answer_bytes(status: u16, lines: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n{lines}\r\n{body}"
    )
    .into_bytes()
}

/// A whole JSON answer in chunks of 100 bytes.
pub fn chunked_answer_bytes(body: &str) -> Vec<u8> {
    let mut out = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n".to_vec();
    out.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n");
    body.as_bytes().chunks(100).for_each(|piece| out.extend(http::as_chunk(piece)));
    out.extend_from_slice(b"0\r\n\r\n");
    out
}

/// A door in a script that the test opens.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub fn open(&self) {
        *self.0.0.lock().expect("gate") = true;
        self.0.1.notify_all();
    }

    /// Waits for the gate at most [`PATIENCE`]; whether it was opened.
    pub fn wait(&self) -> bool {
        let shut = self.0.0.lock().expect("gate");
        let (open, _) = self.0.1.wait_timeout_while(shut, PATIENCE, |open| !*open).expect("gate");
        *open
    }
}
