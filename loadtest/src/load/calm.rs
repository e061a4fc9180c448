//! The calm parts of a window: those in which the hypervisor took nothing from the watched core.
//!
//! On a shared machine the time for which a virtual core is taken away is charged to whatever ran
//! on it, and a proxy then seems to need several times the CPU it does. The window is cut into
//! slices; a slice counts where the kernel's figure of stolen time stood still, in it and in the
//! one behind it (the kernel notes a theft after the fact).

use std::time::Duration;
use std::time::Instant;

use crate::load::Options;
use crate::load::tally::Tally;
use crate::usage;
use crate::usage::CpuTime;

/// Length of a slice: long against the few milliseconds by which a CPU figure may be late, short
/// against the pauses between thefts.
const SLICE: Duration = Duration::from_millis(50);

/// What the proxy did in some time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Work {
    /// Seconds.
    pub seconds: f64,
    /// Microseconds of CPU.
    pub cpu: f64,
    /// Requests answered.
    pub requests: u64,
    /// Events passed on.
    pub events: u64,
}

/// The state at the end of a slice.
#[derive(Clone, Debug)]
struct Mark {
    at: Instant,
    cpu: CpuTime,
    stolen: f64,
    requests: u64,
    events: u64,
}

/// Follows a window slice by slice.
#[derive(Debug)]
pub struct Calm {
    /// The process and its children, as they were when the window opened.
    family: Vec<u32>,
    core: usize,
    last: Option<Mark>,
    slices: Vec<(bool, Work)>,
}

impl Calm {
    /// Nothing is followed without a process and a core.
    pub fn new(options: &Options) -> Option<Self> {
        let (process, core) = options.pid.zip(options.watch_core)?;
        Some(Self { family: usage::family(process), core, last: None, slices: Vec::new() })
    }

    /// When the next slice ends.
    pub fn next(&self) -> Option<Instant> {
        self.last.as_ref().map(|mark| mark.at + SLICE)
    }

    /// Begins with the window.
    pub fn begin(&mut self, now: Instant) {
        self.last = self.read(now, &Tally::new());
    }

    /// Ends a slice if it is time.
    pub fn tick(&mut self, now: Instant, tally: &Tally) {
        if self.next().is_none_or(|next| now < next) {
            return;
        }
        let Some(mark) = self.read(now, tally) else { return };
        if let Some(last) = self.last.replace(mark.clone()) {
            let work = Work {
                seconds: (mark.at - last.at).as_secs_f64(),
                cpu: mark.cpu.since(&last.cpu),
                requests: mark.requests - last.requests,
                events: mark.events - last.events,
            };
            self.slices.push((mark.stolen <= last.stolen, work));
        }
    }

    fn read(&self, at: Instant, tally: &Tally) -> Option<Mark> {
        let stolen = usage::stolen(self.core)?;
        let (requests, events) = (tally.requests, tally.events);
        Some(Mark { at, cpu: CpuTime::of_all(&self.family), stolen, requests, events })
    }

    /// What was done in the calm slices together.
    pub fn work(&self) -> Work {
        sum(&self.slices)
    }
}

fn sum(slices: &[(bool, Work)]) -> Work {
    let mut sum = Work::default();
    for (at, (calm, work)) in slices.iter().enumerate() {
        if *calm && slices.get(at + 1).is_some_and(|(calm, _)| *calm) {
            sum.seconds += work.seconds;
            sum.cpu += work.cpu;
            sum.requests += work.requests;
            sum.events += work.events;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::{Work, sum};

    #[test]
    fn a_theft_spoils_its_slice_and_the_one_before() {
        let work = |cpu| Work { seconds: 1.0, cpu, requests: 1, events: 2 };
        let slices = [
            (true, work(1.0)),
            (true, work(10.0)),
            (false, work(100.0)),
            (true, work(1000.0)),
            (true, work(1e4)),
        ];
        let expected = Work { seconds: 2.0, cpu: 1001.0, requests: 2, events: 4 };
        assert_eq!(sum(&slices), expected);
        assert_eq!(sum(&[]), Work::default());
    }
}
