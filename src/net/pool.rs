//! Idle connections to upstreams, per shard: the one used last is used first, so that the others
//! can age out.

use std::cell::RefCell;
use std::time::Duration;

use crate::net::stream::Stream;
use crate::runtime::clock::Micros;

/// How many connections a provider may leave idle, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Connections kept at most.
    pub max_idle: usize,
    /// Time after which one is closed. Below what upstreams themselves allow, so that we close
    /// first.
    pub idle_timeout: Duration,
}

/// The idle connections of one shard.
#[derive(Debug)]
pub struct Pool {
    providers: RefCell<Vec<Shelf>>,
}

#[derive(Debug)]
struct Shelf {
    policy: Policy,
    /// Oldest first.
    idle: Vec<(Stream, Micros)>,
}

impl Pool {
    /// An empty pool for the providers with these policies, in their order.
    #[must_use]
    pub fn new(policies: impl Iterator<Item = Policy>) -> Self {
        let shelves = policies.map(|policy| Shelf { policy, idle: Vec::new() });
        Self { providers: RefCell::new(shelves.collect()) }
    }

    /// The connection to `provider` that was used last, if one is left that nothing has happened
    /// to: one that the upstream has closed, or said something on unasked, is dropped.
    pub fn take(&self, provider: usize, now: Micros) -> Option<Stream> {
        loop {
            let (stream, since) = self.providers.borrow_mut().get_mut(provider)?.idle.pop()?;
            if self.is_young(provider, since, now) && stream.is_quiet() {
                return Some(stream);
            }
        }
    }

    fn is_young(&self, provider: usize, since: Micros, now: Micros) -> bool {
        let shelves = self.providers.borrow();
        shelves.get(provider).is_some_and(|shelf| now < since.after(shelf.policy.idle_timeout))
    }

    /// Keeps a connection whose last answer was read to its end.
    pub fn give(&self, provider: usize, stream: Stream, now: Micros) {
        if let Some(shelf) = self.providers.borrow_mut().get_mut(provider)
            && shelf.idle.len() < shelf.policy.max_idle
        {
            shelf.idle.push((stream, now));
        }
    }

    /// Closes what has been idle for too long or was closed by its upstream.
    pub fn sweep(&self, now: Micros) {
        for shelf in self.providers.borrow_mut().iter_mut() {
            let timeout = shelf.policy.idle_timeout;
            shelf.idle.retain(|(stream, since)| now < since.after(timeout) && stream.is_quiet());
        }
    }

    /// Closes all.
    pub fn clear(&self) {
        for shelf in self.providers.borrow_mut().iter_mut() {
            shelf.idle.clear();
        }
    }
}
