//! What is counted while the window is open.

use std::time::Duration;

use crate::stats::Latencies;

/// Counts and latencies of one window.
#[derive(Debug)]
pub struct Tally {
    /// Whether anything is counted: not before the window opens, nor after it closes.
    pub recording: bool,
    /// Requests answered to their end.
    pub requests: u64,
    /// Those with a status other than 2xx.
    pub non_2xx: u64,
    /// Requests that got no whole answer, and connections that could not be opened.
    pub errors: u64,
    /// Streams that ended without their terminator, however they ended.
    pub truncated: u64,
    /// Connections the server closed between two requests.
    pub closed_idle: u64,
    /// Stream events.
    pub events: u64,
    /// From due (open loop) or sent (closed loop) to the last byte of the answer.
    pub latency: Latencies,
    /// From due or sent to the first event of a stream.
    pub first_event: Latencies,
    /// Between two events of a stream; zero for events that arrived together.
    pub gap: Latencies,
}

impl Tally {
    /// Nothing counted, and not counting.
    pub fn new() -> Self {
        Self {
            recording: false,
            requests: 0,
            non_2xx: 0,
            errors: 0,
            truncated: 0,
            closed_idle: 0,
            events: 0,
            latency: Latencies::new(),
            first_event: Latencies::new(),
            gap: Latencies::new(),
        }
    }

    /// Counts an answer that came to its end.
    pub fn answered(&mut self, status: u16, took: Duration) {
        if self.recording {
            self.requests += 1;
            self.non_2xx += u64::from(!(200..300).contains(&status));
            self.latency.record(took);
        }
    }

    /// Counts a request without a whole answer.
    pub fn failed(&mut self) {
        self.errors += u64::from(self.recording);
    }

    /// Counts a stream that stopped before its terminator.
    pub fn cut(&mut self) {
        self.truncated += u64::from(self.recording);
    }

    /// Counts a close between two requests.
    pub fn closed_while_idle(&mut self) {
        self.closed_idle += u64::from(self.recording);
    }

    /// Counts events that arrived together.
    pub fn events(&mut self, count: u64, arrival: Arrival) {
        if !self.recording || count == 0 {
            return;
        }
        self.events += count;
        match arrival {
            Arrival::First(wait) => self.first_event.record(wait),
            Arrival::Next(gap) => self.gap.record(gap),
        }
        self.gap.record_many(Duration::ZERO, count - 1);
    }
}

/// The place in its stream of the first of some events.
#[derive(Clone, Copy, Debug)]
pub enum Arrival {
    /// It is the stream's first, so long after the request.
    First(Duration),
    /// It is a later one, so long after the last.
    Next(Duration),
}
