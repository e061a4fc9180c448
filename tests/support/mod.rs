//! What the process-level tests stand on: a gateway process, a raw client and a scripted upstream.
//!
//! Nothing here waits for a fixed time to "let things settle": every wait is for an event, with a
//! deadline that turns a hang into a failure.

pub mod client;
pub mod fixtures;
pub mod gateway;
pub mod http;
pub mod providers;
pub mod script;
pub mod stalls;
pub mod tls;
pub mod upstream;

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Longest wait for an event that must come: generous, since it only costs time when a test fails.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Largest segment, that of an Ethernet: a kernel sizes its buffers by it, and loopback's is huge.
pub const SEGMENT: u32 = 1460;

/// Rounds of a measurement at most.
pub const ROUNDS: usize = 5;

/// Asserts that what `round` measures is `limit` at most in one round of a few. What else the machine
/// does can only add to a time, so one good round is enough, and a late gateway has none.
#[track_caller]
pub fn assert_within(limit: Duration, what: &str, mut round: impl FnMut() -> Duration) {
    let mut times = Vec::new();
    let good = (0..ROUNDS).any(|_| {
        let took = round();
        times.push(took);
        took <= limit
    });
    assert!(good, "{what}: more than {limit:?} in every round, {times:?}");
}

/// A request id that no other request of this process has.
pub fn fresh_id(label: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("{label}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A small seeded generator (xorshift64*): the same seed gives the same run.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number in `0..below`; `below` must not be zero.
    pub fn below(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % below
    }
}

/// Runs `work` for every number below `count` on `threads` threads and waits for all of them.
pub fn in_parallel(threads: usize, count: usize, work: impl Fn(usize) + Sync) {
    let next = AtomicU64::new(0);
    let run = || {
        let turns = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed) as usize);
        turns.take_while(|turn| *turn < count).for_each(&work);
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(run);
        }
    });
}
