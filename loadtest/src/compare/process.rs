//! Processes the comparison starts, waits for and stops. It stops no others.

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::time::Duration;

use rustix::event::PollFd;
use rustix::event::PollFlags;
use rustix::event::Timespec;
use rustix::io::Errno;
use rustix::process::Pid;
use rustix::process::PidfdFlags;
use rustix::process::Signal;

use crate::clock;
use crate::compare::probe;
use crate::compare::site::Stop;
use crate::error::Context;
use crate::error::Failure;
use crate::error::Result;
use crate::host;
use crate::usage;

/// A server says that it is ready within this time.
const READY_WITHIN: Duration = Duration::from_secs(10);

/// A server that was asked to end has this long before it is made to.
const ENDS_WITHIN: Duration = Duration::from_secs(3);

/// How often the wish to stop is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A running process. It ends, with its children, when this value does.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    ended: bool,
}

impl Process {
    /// Starts a command on `core` (any core without one). What it prints goes to `log`.
    pub fn start(
        name: &str,
        command: &mut Command,
        core: Option<usize>,
        log: &Path,
    ) -> Result<Self> {
        let output = File::create(log).during(&format!("creating {}", log.display()))?;
        let errors = output.try_clone().during("sharing the log")?;
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        let child = spawn(command, core).during(&format!("starting {name}"))?;
        Ok(Self { name: name.to_owned(), child, log: log.to_owned(), ended: false })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `path` answers 200 at `address`.
    pub fn wait_until_ready(&mut self, address: SocketAddr, path: &str, stop: &Stop) -> Result<()> {
        let start = clock::now();
        while start.elapsed() < READY_WITHIN {
            stop.check()?;
            if probe::get(address, path).is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
            if self.wait(Duration::from_millis(20), stop)?.is_some() {
                return Err(self.failure("ended before it was ready"));
            }
        }
        Err(self.failure("was not ready in time"))
    }

    /// Waits for the end of the process, at most `limit`: how it ended, or `None`.
    pub fn wait(&mut self, limit: Duration, stop: &Stop) -> Result<Option<ExitStatus>> {
        let start = clock::now();
        loop {
            let status = self.child.try_wait().during(&format!("waiting for {}", self.name))?;
            if status.is_some() {
                self.ended = true;
                return Ok(status);
            }
            stop.check()?;
            let left = limit.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Ok(None);
            }
            self.sleep_until_end(left.min(LOOK_EVERY))?;
        }
    }

    /// What the process has printed.
    pub fn printed(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// A failure of this process, with the last it printed.
    pub fn failure(&self, what: &str) -> Failure {
        let printed = self.printed();
        let mut last: Vec<&str> = printed.lines().rev().take(3).collect();
        last.reverse();
        Failure::new(format!("{} {what}: {}", self.name, last.join(" | ")))
    }

    /// Sleeps until the process ends, a signal comes, or the time is over.
    fn sleep_until_end(&self, limit: Duration) -> Result<()> {
        let step = "waiting for a process";
        let process =
            rustix::process::pidfd_open(Pid::from_child(&self.child), PidfdFlags::empty())
                .during(step)?;
        let limit = Timespec::try_from(limit).during(step)?;
        match rustix::event::poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&limit)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error).during(step),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        // A master that must be killed would leave its workers behind.
        let family = usage::family(self.id());
        let _ = rustix::process::kill_process(Pid::from_child(&self.child), Signal::TERM);
        let start = clock::now();
        while start.elapsed() < ENDS_WITHIN {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            let _ = self.sleep_until_end(ENDS_WITHIN.saturating_sub(start.elapsed()));
        }
        for process in family.into_iter().filter_map(|id| Pid::from_raw(id.cast_signed())) {
            let _ = rustix::process::kill_process(process, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

/// Starts a child on a core: it inherits where this thread may run.
fn spawn(command: &mut Command, core: Option<usize>) -> Result<Child> {
    let cores = host::affinity()?;
    core.map_or(Ok(()), host::pin)?;
    let child = command.spawn();
    host::unpin(&cores)?;
    child.during("starting a process")
}
