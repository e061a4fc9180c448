//! Moments in which the machine ran somebody else: whoever measures times leaves them out.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use rustix::thread::CpuSet;

/// How often a watcher looks at the time.
const LOOK: Duration = Duration::from_millis(1);

/// A watcher that is late by this much was not run. Others of ours that want the same processor delay
/// one that has slept by less.
const STALL: Duration = Duration::from_millis(8);

/// Watches every processor until dropped.
pub struct Stalls {
    seen: Arc<Mutex<Vec<(Instant, Instant)>>>,
    over: Arc<AtomicBool>,
    watchers: Vec<JoinHandle<()>>,
}

impl Stalls {
    pub fn watch() -> Self {
        let (seen, over) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let all = rustix::thread::sched_getaffinity(None).expect("the processors that are ours");
        let ours = (0..CpuSet::MAX_CPU).filter(|cpu| all.is_set(*cpu));
        let watchers = ours.map(|cpu| {
            let (seen, over) = (Arc::clone(&seen), Arc::clone(&over));
            thread::spawn(move || watch(cpu, &seen, &over))
        });
        let watchers = watchers.collect();
        Self { seen, over, watchers }
    }

    /// Whether a processor stood still for us at some time from `from` to `to`, or what had piled up
    /// meanwhile was still being worked off: as long again is allowed for that.
    pub fn touched(&self, from: Instant, to: Instant) -> bool {
        let seen = self.seen.lock().expect("stalls");
        seen.iter().any(|(start, end)| from < *end + (*end - *start) && *start < to)
    }
}

impl Drop for Stalls {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.watchers.drain(..).for_each(|watcher| watcher.join().expect("a watcher"));
    }
}

fn watch(cpu: usize, seen: &Mutex<Vec<(Instant, Instant)>>, over: &AtomicBool) {
    let mut only = CpuSet::new();
    only.set(cpu);
    rustix::thread::sched_setaffinity(None, &only).expect("a processor of ours");
    while !over.load(Ordering::Relaxed) {
        let before = Instant::now();
        thread::sleep(LOOK);
        let now = Instant::now();
        if now - before > LOOK + STALL {
            seen.lock().expect("stalls").push((before, now));
        }
    }
}
