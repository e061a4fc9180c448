//! When measuring begins and ends, and what the measured process used in between.

use std::time::Duration;
use std::time::Instant;

use crate::load::Options;
use crate::usage;
use crate::usage::CpuTime;

/// Figures of the measured process at one moment.
#[derive(Clone, Debug)]
pub struct Reading {
    /// When they were read.
    pub at: Instant,
    /// CPU time of the process and its children.
    pub cpu: Option<CpuTime>,
    /// Their resident memory, in KiB.
    pub resident_kib: Option<u64>,
    /// Microseconds for which the watched core was busy, whoever used it.
    pub core_busy: Option<f64>,
}

impl Reading {
    /// Reads them.
    pub fn take(options: &Options, at: Instant) -> Self {
        Self {
            at,
            resident_kib: options.pid.map(usage::resident_kib),
            core_busy: options.watch_core.and_then(usage::busy_core),
            cpu: options.pid.map(CpuTime::of),
        }
    }
}

/// Where in its life a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing is counted until then.
    Warmup {
        /// The latest moment at which the window opens.
        until: Instant,
    },
    /// Everything is counted until then.
    Measure {
        /// The moment at which the window closes.
        until: Instant,
    },
    /// The run is over.
    Over,
}

impl Phase {
    /// The phase that follows at `now`, if it is another. `settled` opens the window early.
    pub fn next(self, now: Instant, settled: bool, window: Duration) -> Option<Self> {
        match self {
            Self::Warmup { until } if settled || now >= until => {
                Some(Self::Measure { until: now + window })
            }
            Self::Measure { until } if now >= until => Some(Self::Over),
            Self::Warmup { .. } | Self::Measure { .. } | Self::Over => None,
        }
    }

    /// When to look again.
    pub const fn ends(self) -> Option<Instant> {
        match self {
            Self::Warmup { until } | Self::Measure { until } => Some(until),
            Self::Over => None,
        }
    }
}
