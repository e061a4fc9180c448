//! How many requests may be under way at a deployment at the same time, over all shards.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

/// What may be under way, and what may wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Requests at a time; 0 = as many as come.
    pub parallel: u32,
    /// Requests that may wait for a place.
    pub queue: u32,
}

/// The door of one deployment, on a cache line of its own.
#[derive(Debug)]
#[repr(align(64))]
pub struct Gate {
    bounds: Bounds,
    inside: AtomicU32,
    waiting: AtomicU32,
}

impl Gate {
    /// A door that nobody has gone through.
    #[must_use]
    pub const fn new(bounds: Bounds) -> Self {
        Self { bounds, inside: AtomicU32::new(0), waiting: AtomicU32::new(0) }
    }

    /// Whether it ever stays shut.
    #[must_use]
    pub const fn is_bounded(&self) -> bool {
        self.bounds.parallel > 0
    }

    /// Whether a newcomer may go in: there is a place, and nobody waits for it.
    #[must_use]
    pub fn has_room(&self) -> bool {
        !self.is_bounded()
            || (self.waiting.load(Ordering::Relaxed) == 0
                && self.inside.load(Ordering::Relaxed) < self.bounds.parallel)
    }

    /// Takes a place, if there is one. The caller has seen to it that nobody is overtaken.
    #[must_use]
    pub fn enter(&self) -> bool {
        let one_more = |inside| (inside < self.bounds.parallel).then_some(inside + 1);
        !self.is_bounded()
            || self.inside.fetch_update(Ordering::AcqRel, Ordering::Relaxed, one_more).is_ok()
    }

    /// Gives a place back.
    pub fn leave(&self) {
        if self.is_bounded() {
            self.inside.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// Joins those who wait, if there is room among them.
    #[must_use]
    pub fn join_queue(&self) -> bool {
        let one_more = |waiting| (waiting < self.bounds.queue).then_some(waiting + 1);
        self.waiting.fetch_update(Ordering::AcqRel, Ordering::Relaxed, one_more).is_ok()
    }

    /// Leaves them.
    pub fn leave_queue(&self) {
        self.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::{Bounds, Gate};

    #[test]
    fn so_many_and_no_more() {
        let gate = Gate::new(Bounds { parallel: 2, queue: 1 });
        assert!(gate.enter() && gate.has_room() && gate.enter());
        assert!(!gate.has_room() && !gate.enter());
        assert!(gate.join_queue() && !gate.join_queue());
        gate.leave();
        assert!(!gate.has_room(), "the place is for whoever waits");
        assert!(gate.enter());
        gate.leave_queue();
        gate.leave();
        assert!(gate.has_room());
    }

    #[test]
    fn no_bound_is_no_count() {
        let gate = Gate::new(Bounds { parallel: 0, queue: 0 });
        assert!((0..100).all(|_| gate.enter() && gate.has_room()));
    }
}
