//! A mock OpenAI upstream: one thread, one epoll set, answers made in advance.
//!
//! It checks no more of a request than a proxy could spoil, so that it never is what is measured.

mod connection;
mod incoming;
pub mod settings;
#[cfg(test)]
mod tests;
mod wire;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::time::Duration;
use std::time::Instant;

use crate::clock;
use crate::error::Context;
use crate::error::Result;
use crate::mock::connection::Connection;
use crate::mock::connection::Ended;
use crate::mock::settings::Settings;
use crate::mock::wire::Pages;
use crate::poller;
use crate::poller::Poller;
use crate::poller::Ready;
use crate::slab::Slab;
use crate::slab::Token;

/// The listener's token; the slab never makes this one.
const LISTENER: Token = Token(u64::MAX);

/// Taken from one socket at once. Larger than the largest body of a scenario, so that most
/// requests cost one read.
const SCRATCH: usize = 256 * 1024;

/// How to start the mock.
#[derive(Debug)]
pub struct Options {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// Chunks, pace and delay to begin with.
    pub settings: Settings,
    /// If set, a request whose `Authorization` is not `Bearer KEY` is refused.
    pub key: Option<String>,
}

/// Serves until the process ends. `listening` is told the address, once it takes connections.
pub fn serve(options: &Options, listening: impl FnOnce(SocketAddr)) -> Result<()> {
    let mut server = Server::new(options).during("starting the mock")?;
    listening(server.listener.local_addr().during("reading the mock's address")?);
    let mut ready = Vec::new();
    loop {
        let timeout = server.until_next_timer();
        server.poller.wait(&mut ready, timeout).during("waiting for sockets")?;
        for event in &ready {
            server.handle(*event).during("accepting a connection")?;
        }
        server.fire_timers();
    }
}

struct Server {
    poller: Poller,
    listener: TcpListener,
    connections: Slab<Connection>,
    shared: Shared,
}

/// What all connections use.
struct Shared {
    settings: Settings,
    authorization: Option<Vec<u8>>,
    pages: Pages,
    counts: Counts,
    timers: Timers,
    scratch: Vec<u8>,
}

/// Figures of /_mock/stats.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    /// Connections open now.
    open: u64,
    /// Connections accepted since the start.
    accepted: u64,
    /// Requests for an answer of a model, whole and understood.
    requests: u64,
    /// Bytes of their bodies.
    request_bytes: u64,
    /// Streams that are being sent now.
    streams_active: u64,
    /// Streams sent to their end.
    streams_done: u64,
    /// Streams whose client left before their end.
    streams_cut: u64,
    /// Requests that were malformed, for an unknown path or without the right key.
    bad_requests: u64,
}

/// Connections to look at again later.
#[derive(Debug, Default)]
struct Timers(BinaryHeap<Reverse<(Instant, Token)>>);

impl Timers {
    fn at(&mut self, due: Instant, token: Token) {
        self.0.push(Reverse((due, token)));
    }

    fn next(&self) -> Option<Instant> {
        self.0.peek().map(|Reverse((due, _))| *due)
    }

    fn pop_due(&mut self, now: Instant) -> Option<Token> {
        self.next().filter(|due| *due <= now)?;
        self.0.pop().map(|Reverse((_, token))| token)
    }
}

impl Server {
    fn new(options: &Options) -> io::Result<Self> {
        let listener = poller::listen(options.listen)?;
        let poller = Poller::new()?;
        poller.add(&listener, LISTENER)?;
        let shared = Shared {
            settings: options.settings,
            authorization: options.key.as_ref().map(|key| format!("Bearer {key}").into_bytes()),
            pages: Pages::new(),
            counts: Counts::default(),
            timers: Timers::default(),
            scratch: vec![0; SCRATCH],
        };
        Ok(Self { poller, listener, connections: Slab::new(), shared })
    }

    fn until_next_timer(&self) -> Option<Duration> {
        let due = self.shared.timers.next()?;
        Some(due.saturating_duration_since(clock::now()))
    }

    fn handle(&mut self, event: Ready) -> io::Result<()> {
        if event.token == LISTENER {
            return self.accept_all();
        }
        let Some(connection) = self.connections.get_mut(event.token) else {
            return Ok(());
        };
        if let Err(Ended) = connection.on_ready(event, &mut self.shared) {
            self.close(event.token);
        }
        Ok(())
    }

    fn accept_all(&mut self) -> io::Result<()> {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let token = self.connections.insert(|token| Connection::new(stream, token));
            if let Some(connection) = self.connections.get_mut(token) {
                self.poller.add(connection.socket(), token)?;
            }
            self.shared.counts.open += 1;
            self.shared.counts.accepted += 1;
        }
    }

    fn fire_timers(&mut self) {
        let now = clock::now();
        while let Some(token) = self.shared.timers.pop_due(now) {
            let Some(connection) = self.connections.get_mut(token) else {
                continue;
            };
            if let Err(Ended) = connection.on_timer(&mut self.shared) {
                self.close(token);
            }
        }
    }

    fn close(&mut self, token: Token) {
        if let Some(connection) = self.connections.remove(token) {
            connection.account_for_end(&mut self.shared.counts);
            self.shared.counts.open -= 1;
        }
    }
}
