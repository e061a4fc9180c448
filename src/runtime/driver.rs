//! Starting a shard's event loop: io_uring with the best flags the kernel takes, or epoll.

use std::fmt;
use std::future::Future;
use std::io;

use monoio::IoUringDriver;
use monoio::LegacyDriver;
use monoio::RuntimeBuilder;
use monoio::time::TimeDriver;

use crate::config::DriverChoice;

/// Submission entries of a ring.
const ENTRIES: u32 = 1024;

/// Completion entries. Every idle connection has a poll pending, and completions that find the
/// queue full take a slow path, so this is far above the submission entries.
const COMPLETIONS: u32 = 16_384;

/// The event loop that a shard runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// io_uring with `SINGLE_ISSUER` and `COOP_TASKRUN` (Linux 6.0).
    UringSingleIssuer,
    /// io_uring with `COOP_TASKRUN` (Linux 5.19).
    UringCoop,
    /// io_uring without flags.
    UringPlain,
    /// epoll.
    Epoll,
}

impl fmt::Display for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UringSingleIssuer | Self::UringCoop | Self::UringPlain => "io_uring",
            Self::Epoll => "epoll",
        })
    }
}

/// A runtime of either kind.
#[expect(missing_debug_implementations, reason = "monoio's runtimes have none")]
pub enum Runtime {
    /// On io_uring.
    Uring(monoio::Runtime<TimeDriver<IoUringDriver>>),
    /// On epoll.
    Epoll(monoio::Runtime<TimeDriver<LegacyDriver>>),
}

impl Runtime {
    /// Runs `future` to its end on the calling thread. It must only wait: a main future that
    /// wakes itself starves every task.
    pub fn block_on<F: Future>(&mut self, future: F) -> F::Output {
        match self {
            Self::Uring(runtime) => runtime.block_on(future),
            Self::Epoll(runtime) => runtime.block_on(future),
        }
    }
}

/// A runtime, what it runs on, and why it is not io_uring where that was wanted.
#[expect(missing_debug_implementations, reason = "monoio's runtimes have none")]
pub struct Started {
    /// The runtime.
    pub runtime: Runtime,
    /// What it runs on.
    pub driver: Driver,
    /// Why `auto` fell back to epoll.
    pub fallback: Option<String>,
}

/// Builds the runtime of the calling thread; a ring belongs to the thread that made it.
///
/// # Errors
/// Where a driver was asked for by name and cannot start, or not even epoll can.
pub fn start(choice: DriverChoice) -> io::Result<Started> {
    match choice {
        DriverChoice::Epoll => epoll(None),
        DriverChoice::IoUring => uring().map_err(|error| {
            io::Error::new(error.kind(), format!("runtime.driver = \"io_uring\": {}", why(&error)))
        }),
        DriverChoice::Auto => match uring() {
            Ok(started) => Ok(started),
            Err(error) => epoll(Some(why(&error))),
        },
    }
}

fn epoll(fallback: Option<String>) -> io::Result<Started> {
    let runtime = RuntimeBuilder::<LegacyDriver>::new()
        .with_entries(ENTRIES)
        .enable_timer()
        .build()
        .map_err(|error| io::Error::new(error.kind(), format!("epoll cannot start: {error}")))?;
    Ok(Started { runtime: Runtime::Epoll(runtime), driver: Driver::Epoll, fallback })
}

/// Tries the flags from the best to none; the error is that of the ring without flags.
fn uring() -> io::Result<Started> {
    let mut last = io::Error::from(io::ErrorKind::Unsupported);
    for driver in [Driver::UringSingleIssuer, Driver::UringCoop, Driver::UringPlain] {
        let mut ring = io_uring::IoUring::builder();
        ring.setup_cqsize(COMPLETIONS);
        match driver {
            Driver::UringSingleIssuer => {
                ring.setup_coop_taskrun().setup_single_issuer();
            }
            Driver::UringCoop => {
                ring.setup_coop_taskrun();
            }
            Driver::UringPlain | Driver::Epoll => {}
        }
        let built = RuntimeBuilder::<IoUringDriver>::new()
            .with_entries(ENTRIES)
            .uring_builder(ring)
            .enable_timer()
            .build();
        match built {
            Ok(runtime) => {
                let runtime = Runtime::Uring(runtime);
                return Ok(Started { runtime, driver, fallback: None });
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// What an error of `io_uring_setup` means to whoever runs the process.
fn why(error: &io::Error) -> String {
    let cause = match error.raw_os_error() {
        Some(1) => {
            "the kernel forbids it (sysctl kernel.io_uring_disabled, or a seccomp profile \
                    such as Docker's default)"
        }
        Some(12) => "not enough lockable memory for the ring (raise RLIMIT_MEMLOCK)",
        Some(22) => "the kernel is too old for the ring's options",
        Some(23 | 24) => "no descriptor left (raise RLIMIT_NOFILE)",
        Some(38) => "the kernel has no io_uring",
        Some(_) | None => "the ring cannot be made",
    };
    format!("io_uring: {cause}: {error}")
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::{Driver, start, why};
    use crate::config::DriverChoice;

    #[test]
    fn epoll_by_name_is_epoll() {
        let started = start(DriverChoice::Epoll).unwrap();
        assert_eq!((started.driver, started.fallback), (Driver::Epoll, None));
    }

    #[test]
    fn auto_starts_and_says_why_where_it_fell_back() {
        let started = start(DriverChoice::Auto).unwrap();
        assert_eq!(started.driver == Driver::Epoll, started.fallback.is_some());
    }

    #[test]
    fn causes_are_told_apart() {
        for (code, word) in [(1, "seccomp"), (12, "MEMLOCK"), (22, "too old"), (38, "has no")] {
            let text = why(&io::Error::from_raw_os_error(code));
            assert!(text.contains(word), "{text}");
        }
    }
}
