//! The only place that reads the time.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

/// A point in time: microseconds since the process's clock was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Micros(pub u64);

impl Micros {
    /// A point that is never reached.
    pub const NEVER: Self = Self(u64::MAX);

    /// The point `duration` later.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(micros))
    }

    /// Microseconds from `earlier` to here; zero where that is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Where all clocks of the process start.
#[derive(Clone, Copy, Debug)]
pub struct Epoch {
    instant: Instant,
    unix: Duration,
}

impl Epoch {
    /// Starts the process's time.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this module is where the clock is read")]
    pub fn start() -> Self {
        Self { instant: Instant::now(), unix: unix_time() }
    }

    /// The time now, read from the system.
    #[must_use]
    pub fn read(self) -> Micros {
        Micros(u64::try_from(self.instant.elapsed().as_micros()).unwrap_or(u64::MAX))
    }
}

/// The clock of one shard. Reading it is free; it is as old as the last [`Clock::refresh`].
#[derive(Clone, Debug)]
pub struct Clock {
    epoch: Epoch,
    last: Rc<Cell<Micros>>,
}

impl Clock {
    /// A clock over the process's epoch.
    #[must_use]
    pub fn new(epoch: Epoch) -> Self {
        Self { epoch, last: Rc::new(Cell::new(epoch.read())) }
    }

    /// The time when the clock was last refreshed.
    #[must_use]
    pub fn now(&self) -> Micros {
        self.last.get()
    }

    /// Milliseconds from 1970 (UTC) to `at`, by the system's clock as it stood at the start: a step
    /// of that clock since then does not show.
    #[must_use]
    pub fn unix_ms(&self, at: Micros) -> u64 {
        let since = self.epoch.unix + Duration::from_micros(at.0);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// Makes it a later time, until the next refresh.
    #[cfg(test)]
    pub fn set(&self, now: Micros) {
        self.last.set(now);
    }

    /// Reads the system's clock.
    pub fn refresh(&self) -> Micros {
        let now = self.epoch.read();
        self.last.set(now);
        now
    }
}

/// Time since 1970 (UTC) by the system's clock, which may jump.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this module is where the clock is read")]
pub fn unix_time() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
