//! What the tool asks of its own process: a core, open files, sharp timers, an end with its parent.

use std::num::NonZeroU64;

use rustix::process::Resource;
use rustix::process::Rlimit;
use rustix::process::Signal;
use rustix::thread::CpuSet;

use crate::error::Context;
use crate::error::Failure;
use crate::error::Result;

/// Allows this process as many open files as its hard limit does. Children inherit it.
pub fn raise_open_files() -> Result<()> {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    rustix::process::setrlimit(Resource::Nofile, raised).during("raising the open file limit")
}

/// Keeps the calling thread, and the processes it starts from now on, on one core.
pub fn pin(core: usize) -> Result<()> {
    if core >= CpuSet::MAX_CPU {
        return Err(Failure::new(format!("core {core}: no such core")));
    }
    let mut set = CpuSet::new();
    set.set(core);
    rustix::thread::sched_setaffinity(None, &set).during(&format!("moving to core {core}"))
}

/// The cores the calling thread may use now.
pub fn affinity() -> Result<CpuSet> {
    rustix::thread::sched_getaffinity(None).during("reading the allowed cores")
}

/// Undoes `pin` with what `affinity` returned before it.
pub fn unpin(cores: &CpuSet) -> Result<()> {
    rustix::thread::sched_setaffinity(None, cores).during("restoring the allowed cores")
}

/// Lets the kernel wake this thread when it asked, instead of up to 50 us later.
pub fn sharpen_timers() -> Result<()> {
    rustix::thread::set_current_timer_slack(NonZeroU64::new(1)).during("setting the timer slack")
}

/// Ends this process when the one that started it ends.
pub fn end_with_parent() -> Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .during("tying the process to its parent")
}

/// The kernel shares the cores out by session first, where it has this file; a process's own
/// priority then counts only within its session.
const SESSION: &str = "/proc/self/autogroup";

/// A changed priority. The session gets its old one back when this value goes.
#[derive(Debug)]
pub struct Priority {
    session_before: Option<String>,
}

impl Priority {
    /// Gives this process, its session and its children more of the cores than others get
    /// (negative, root only) or less (positive).
    pub fn change(nice: i32) -> Result<Self> {
        rustix::process::setpriority_process(None, nice).during("changing the priority")?;
        // Reads "/autogroup-5 nice 0".
        let session = std::fs::read_to_string(SESSION).ok();
        let before = session.as_deref().and_then(|text| text.split_whitespace().last());
        if before.is_some() {
            std::fs::write(SESSION, nice.to_string()).during("changing the session's priority")?;
        }
        Ok(Self { session_before: before.map(str::to_owned) })
    }
}

impl Drop for Priority {
    fn drop(&mut self) {
        if let Some(before) = &self.session_before {
            let _ = std::fs::write(SESSION, before);
        }
    }
}
