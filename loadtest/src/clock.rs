//! The one place that reads the clock or sleeps.

use std::time::Duration;
use std::time::Instant;

/// The monotonic clock, now.
pub fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "this is the tool's clock")]
    Instant::now()
}

/// Sleeps; for the comparison's own thread, which serves nobody.
pub fn pause(time: Duration) {
    #[expect(clippy::disallowed_methods, reason = "only the comparison's idle thread sleeps")]
    std::thread::sleep(time);
}
