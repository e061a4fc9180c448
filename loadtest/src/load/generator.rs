//! The loop: opens connections, decides what each sends next, keeps to the schedule.

use std::collections::VecDeque;
use std::time::Duration;
use std::time::Instant;

use crate::clock;
use crate::error::Context;
use crate::error::Result;
use crate::load::Options;
use crate::load::calm::Calm;
use crate::load::connection::Connection;
use crate::load::connection::Outcome;
use crate::load::connection::Shared;
use crate::load::report::Report;
use crate::load::tally::Tally;
use crate::load::window::Phase;
use crate::load::window::Reading;
use crate::poller;
use crate::poller::Poller;
use crate::poller::Ready;
use crate::slab::Slab;
use crate::slab::Token;

/// Connections that may wait for their first byte at once; more would overrun a listen queue of
/// the usual length.
const MAX_OPENING: usize = 128;

/// The pause before a lost connection is opened again, so that a dead server is not hammered.
const REOPEN_AFTER: Duration = Duration::from_millis(10);

/// Requests that may be overdue; an overload beyond this only grows the queue.
const MAX_OVERDUE: usize = 1_000_000;

/// One run.
pub struct Generator<'a> {
    options: &'a Options,
    poller: Poller,
    connections: Slab<Connection>,
    shared: Shared,
    phase: Phase,
    /// Connections to open, and from when on.
    to_open: VecDeque<Instant>,
    /// Connections without a request, of the open loop.
    idle: Vec<Token>,
    /// Requests that found no idle connection, by the time they were due.
    overdue: VecDeque<Instant>,
    schedule: Option<Schedule>,
    /// Requests of the open loop that were given up because too many were overdue.
    dropped: u64,
    /// Connections that had their one request.
    settled: usize,
    calm: Option<Calm>,
    first: Reading,
    opened: Reading,
    closed: Reading,
}

/// The times at which the requests of an open loop are due.
#[derive(Clone, Copy, Debug)]
struct Schedule {
    start: Instant,
    rate: f64,
    index: u64,
}

impl Schedule {
    fn next(&self) -> Instant {
        self.start + Duration::from_secs_f64(self.index as f64 / self.rate)
    }
}

impl<'a> Generator<'a> {
    /// A run that has not sent anything.
    pub fn new(options: &'a Options) -> Result<Self> {
        let now = clock::now();
        let first = Reading::take(options, now);
        Ok(Self {
            options,
            poller: Poller::new().during("creating an epoll set")?,
            connections: Slab::new(),
            shared: Shared {
                request: options.target.request(&options.headers, &options.body),
                stream: options.stream,
                scratch: vec![0; 256 * 1024],
                tally: Tally::new(),
                opening: 0,
            },
            phase: Phase::Warmup { until: now + options.warmup },
            to_open: std::iter::repeat_n(now, options.connections).collect(),
            idle: Vec::new(),
            overdue: VecDeque::new(),
            schedule: options.rate.map(|rate| Schedule { start: now, rate, index: 0 }),
            dropped: 0,
            settled: 0,
            calm: Calm::new(options),
            opened: first.clone(),
            closed: first.clone(),
            first,
        })
    }

    /// Runs to the end of the window.
    pub fn run(mut self) -> Result<Report> {
        let mut ready: Vec<Ready> = Vec::new();
        while self.phase != Phase::Over {
            let now = clock::now();
            self.change_phase(now);
            if let Some(calm) = &mut self.calm {
                calm.tick(now, &self.shared.tally);
            }
            self.open_more(now)?;
            self.send_due(now);
            let timeout = self.next_moment().saturating_duration_since(clock::now());
            self.poller.wait(&mut ready, Some(timeout)).during("waiting for sockets")?;
            for event in &ready {
                self.handle(*event);
            }
        }
        Ok(self.report())
    }

    fn change_phase(&mut self, now: Instant) {
        let settled = self.options.once && self.settled == self.options.connections;
        let Some(next) = self.phase.next(now, settled, self.options.duration) else {
            return;
        };
        self.phase = next;
        match next {
            Phase::Measure { .. } => {
                self.opened = Reading::take(self.options, now);
                self.shared.tally.recording = true;
                if let Some(calm) = &mut self.calm {
                    calm.begin(now);
                }
            }
            Phase::Over => {
                self.shared.tally.recording = false;
                self.closed = Reading::take(self.options, now);
            }
            Phase::Warmup { .. } => {}
        }
    }

    fn open_more(&mut self, now: Instant) -> Result<()> {
        while self.shared.opening < MAX_OPENING && self.to_open.front().is_some_and(|at| *at <= now)
        {
            self.to_open.pop_front();
            let Ok(socket) = poller::connect(self.options.target.address) else {
                self.shared.tally.failed();
                self.to_open.push_back(now + REOPEN_AFTER);
                continue;
            };
            let token = self.connections.insert(|_| Connection::new(socket, now));
            if let Some(connection) = self.connections.get_mut(token) {
                self.poller.add(connection.socket(), token).during("watching a socket")?;
            }
            self.shared.opening += 1;
            self.give_work(token, now);
        }
        Ok(())
    }

    /// Sends the requests that have come due over idle connections.
    fn send_due(&mut self, now: Instant) {
        while let Some(schedule) = self.schedule.as_mut().filter(|next| next.next() <= now) {
            let due = schedule.next();
            schedule.index += 1;
            if self.overdue.len() < MAX_OVERDUE {
                self.overdue.push_back(due);
            } else {
                self.dropped += 1;
            }
        }
        while !self.overdue.is_empty()
            && let Some(token) = self.idle.pop()
        {
            self.give_work(token, now);
        }
    }

    /// Sends the next request over this connection, or puts it aside.
    fn give_work(&mut self, token: Token, now: Instant) {
        let Some(connection) = self.connections.get_mut(token) else {
            return;
        };
        let due = match self.schedule {
            None => Some(now),
            Some(_) => self.overdue.pop_front(),
        };
        match due {
            Some(due) => {
                let outcome = connection.send(due, &mut self.shared);
                self.follow(token, outcome);
            }
            None => {
                self.idle.push(token);
                // Nothing was asked, so there is no first byte to wait for.
                connection.settle(&mut self.shared);
            }
        }
    }

    fn handle(&mut self, event: Ready) {
        if let Some(connection) = self.connections.get_mut(event.token) {
            let outcome = connection.on_ready(event, &mut self.shared);
            self.follow(event.token, outcome);
        }
    }

    fn follow(&mut self, token: Token, outcome: Outcome) {
        match outcome {
            Outcome::Waiting => {}
            Outcome::Answered if self.options.once => self.settled += 1,
            Outcome::Answered => self.give_work(token, clock::now()),
            Outcome::Over => {
                self.connections.remove(token);
                self.to_open.push_back(clock::now() + REOPEN_AFTER);
            }
        }
    }

    fn next_moment(&self) -> Instant {
        let phase = self.phase.ends();
        let opening = self.to_open.front().filter(|_| self.shared.opening < MAX_OPENING).copied();
        let due = self.schedule.map(|schedule| schedule.next());
        let slice = self.calm.as_ref().and_then(Calm::next);
        [phase, opening, due, slice].into_iter().flatten().min().unwrap_or(self.closed.at)
    }

    fn report(self) -> Report {
        let connections = || self.connections.iter();
        Report {
            open: connections().count(),
            in_flight: connections().filter(|connection| connection.is_busy()).count(),
            streaming: connections().filter(|connection| connection.is_streaming()).count(),
            overdue: self.overdue.len() as u64 + self.dropped,
            tally: self.shared.tally,
            calm: self.calm.map(|calm| calm.work()),
            first: self.first,
            opened: self.opened,
            closed: self.closed,
        }
    }
}
