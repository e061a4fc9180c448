//! What a shard runs on: monoio behind a few functions of our own.
//!
//! Nothing outside this folder names monoio (tests apart), so that another completion-based runtime
//! can take its place here. Each trap of the runtime is answered once, in this folder:
//!
//! | trap | answer |
//! |---|---|
//! | a panic in a task unwinds through the loop and ends the thread | [`spawn`] catches it |
//! | a task that wakes itself starves I/O and timers | [`fair_yield`] goes to the queue's end |
//! | epoll never makes a busy connection wait | [`Turns`] pauses every so many steps |
//! | a dropped read loses what had arrived | [`tcp::Tcp::readable`] waits without a buffer |
//! | a timer costs a microsecond | [`deadline::Deadlines`], one cell a connection |
//! | the completion queue overflows | [`driver`] asks for a large one |
//! | `block_on` does not fall back by itself | [`driver`] tries the chain by hand |
//! | timers wait while any task is ready | [`deadline::Deadline::arm_at`] makes up for what is due |
//! | epoll wakes for every piece, wanted or not | [`tcp::Tcp::gather`] has the socket hold them back |
//! | accept spins without descriptors | `server::listener` backs off |

pub mod beat;
pub mod clock;
pub mod deadline;
pub mod driver;
pub mod panic;
mod pieces;
pub mod random;
pub mod resources;
pub mod select;
pub mod tcp;

use std::future::Future;
use std::time::Duration;

/// Runs `task` on this shard. A panic ends the task and nothing else.
pub fn spawn<F: Future<Output = ()> + 'static>(task: F) {
    // The hook tells of a panic; whoever waits for the task sees it gone. (Not an `async` block:
    // that would hold the task twice.)
    drop(monoio::spawn(panic::catch(task)));
}

/// Lets every other task that is ready run once.
///
/// A task that wakes itself goes to the front of monoio's queue and starves the others, so this
/// waits for a new task instead: that one is queued at the end.
pub async fn fair_yield() {
    monoio::spawn(async {}).await;
}

/// Turns of a loop that may always find its next step ready: without a pause now and then it would
/// keep every other task from running, as epoll never makes it wait.
#[derive(Debug, Default)]
pub struct Turns {
    taken: u32,
}

impl Turns {
    /// Turns between two pauses.
    const FAIR: u32 = 16;

    /// Takes a turn, after a pause where one is due.
    pub async fn next(&mut self) {
        self.taken = self.taken.wrapping_add(1);
        if self.taken.is_multiple_of(Self::FAIR) {
            fair_yield().await;
        }
    }
}

/// Waits for `duration`, up to 2 ms longer. Costs about a microsecond: for rare waits; a
/// connection's own waits go through [`deadline`].
pub async fn sleep(duration: Duration) {
    // On the heap: a timer is 640 bytes, aligned to 128, and so would be every future that might
    // come to sleep.
    Box::pin(monoio::time::sleep(duration)).await;
}

#[cfg(test)]
mod tests;
