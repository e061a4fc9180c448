//! Deadlines of all connections of a shard, kept by one timer.
//!
//! A connection waits for its peer several times a request, and a timer of the runtime costs about
//! a microsecond to make. So each connection owns one cell with its current deadline; arming it is
//! a store. One task sweeps the cells every [`TICK`] while anything may run out soon, and wakes
//! whoever is late. A deadline fires at most [`TICK`] and the runtime's own millisecond late.

use std::cell::Cell;
use std::cell::RefCell;
use std::future::Future;
use std::future::poll_fn;
use std::pin::Pin;
use std::pin::pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::time::Duration;

use pin_project_lite::pin_project;

use crate::runtime::beat::Beat;
use crate::runtime::clock::Clock;
use crate::runtime::clock::Micros;

/// How often the cells are swept while requests are under way.
pub const TICK: Duration = Duration::from_millis(4);

/// How often they are swept while every connection is idle.
const IDLE_TICK: Duration = Duration::from_millis(100);

/// Microseconds since the last sweep after which it is made up for, whoever does it.
const OVERDUE: u64 = 250_000;

/// How long a wait may be that begins after [`Deadlines::kill`].
const LAST_WORDS: Duration = Duration::from_millis(500);

/// The deadline passed before the future was ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed;

#[derive(Default)]
struct Cells {
    entries: Vec<Entry>,
    free: Vec<usize>,
}

struct Entry {
    at: Micros,
    busy: bool,
    waker: Option<Waker>,
}

struct Shared {
    clock: Clock,
    beat: Beat,
    cells: RefCell<Cells>,
    busy: Cell<usize>,
    swept: Cell<Micros>,
    killed: Cell<bool>,
    sweeper: RefCell<Option<Waker>>,
}

/// The deadlines of one shard.
#[derive(Clone)]
pub struct Deadlines {
    shared: Rc<Shared>,
}

impl std::fmt::Debug for Deadlines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deadlines").field("busy", &self.shared.busy.get()).finish_non_exhaustive()
    }
}

impl Deadlines {
    /// No deadlines yet, told by `clock`.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            shared: Rc::new(Shared {
                beat: Beat::new(clock.clone()),
                clock,
                cells: RefCell::default(),
                busy: Cell::new(0),
                swept: Cell::default(),
                killed: Cell::new(false),
                sweeper: RefCell::default(),
            }),
        }
    }

    /// The shard's beat.
    #[must_use]
    pub fn beat(&self) -> &Beat {
        &self.shared.beat
    }

    /// A new cell, disarmed.
    #[must_use]
    pub fn register(&self) -> Deadline {
        let mut cells = self.shared.cells.borrow_mut();
        let entry = Entry { at: Micros::NEVER, busy: false, waker: None };
        let slot = if let Some(slot) = cells.free.pop() {
            if let Some(place) = cells.entries.get_mut(slot) {
                *place = entry;
            }
            slot
        } else {
            cells.entries.push(entry);
            cells.entries.len() - 1
        };
        drop(cells);
        Deadline { shared: Rc::clone(&self.shared), slot }
    }

    /// Sweeps for as long as it is polled. Run it once a shard.
    pub async fn run(&self) {
        loop {
            let busy = self.shared.busy.get() > 0;
            let mut nap = pin!(crate::runtime::sleep(if busy { TICK } else { IDLE_TICK }));
            poll_fn(|context| {
                // The first request after a quiet time must not wait for the long nap's end.
                if !busy && self.shared.busy.get() > 0 {
                    return Poll::Ready(());
                }
                *self.shared.sweeper.borrow_mut() = Some(context.waker().clone());
                nap.as_mut().poll(context)
            })
            .await;
            self.sweep(self.shared.clock.refresh());
        }
    }

    /// Ends the wait of every connection that is not in the middle of a request.
    pub fn expire_idle(&self) {
        for entry in &mut self.shared.cells.borrow_mut().entries {
            if !entry.busy {
                entry.at = Micros::default();
            }
        }
        self.sweep(self.shared.clock.refresh());
    }

    /// Ends every wait. Those that begin from now on are short: they are for last words.
    pub fn kill(&self) {
        self.shared.killed.set(true);
        for entry in &mut self.shared.cells.borrow_mut().entries {
            entry.at = Micros::default();
        }
        self.sweep(self.shared.clock.refresh());
    }

    fn sweep(&self, now: Micros) {
        self.shared.sweep(now);
    }
}

impl Shared {
    /// Wakes whoever is late at `now`.
    fn sweep(&self, now: Micros) {
        self.swept.set(now);
        let mut cells = self.cells.borrow_mut();
        // A waker only queues its task, so it may be called while the cells are borrowed.
        for entry in &mut cells.entries {
            if entry.at <= now
                && let Some(waker) = entry.waker.take()
            {
                waker.wake();
            }
        }
    }
}

/// One connection's deadline.
pub struct Deadline {
    shared: Rc<Shared>,
    slot: usize,
}

impl std::fmt::Debug for Deadline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deadline").field("slot", &self.slot).finish_non_exhaustive()
    }
}

impl Deadline {
    /// The shard's clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// Sets the deadline `duration` from now. "Now" is as old as the last sweep or request, so a
    /// deadline may come up to [`TICK`] early as well.
    pub fn arm(&self, duration: Duration) {
        self.arm_at(self.shared.clock.now().after(duration));
    }

    /// Sets the deadline to `at`.
    pub fn arm_at(&self, at: Micros) {
        // The runtime's timers run only when no task is ready. Where there always is one, whoever
        // keeps the shard busy sweeps for the others.
        let now = self.shared.clock.now();
        if now.since(self.shared.swept.get()) > OVERDUE {
            self.shared.sweep(now);
        }
        self.shared.beat.catch_up(now);
        let last = self.shared.clock.now().after(LAST_WORDS);
        let at = if self.is_killed() { at.min(last) } else { at };
        if let Some(entry) = self.shared.cells.borrow_mut().entries.get_mut(self.slot) {
            entry.at = at;
        }
    }

    /// Whether every wait was ended for good, by [`Deadlines::kill`].
    #[must_use]
    pub fn is_killed(&self) -> bool {
        self.shared.killed.get()
    }

    /// Says whether the connection is in the middle of a request: only then are its deadlines
    /// kept to the [`TICK`].
    pub fn set_busy(&self, busy: bool) {
        let mut cells = self.shared.cells.borrow_mut();
        let Some(entry) = cells.entries.get_mut(self.slot) else { return };
        if std::mem::replace(&mut entry.busy, busy) == busy {
            return;
        }
        drop(cells);
        let count = self.shared.busy.get();
        if busy {
            self.shared.busy.set(count + 1);
            if count == 0
                && let Some(sweeper) = self.shared.sweeper.borrow_mut().take()
            {
                sweeper.wake();
            }
        } else {
            self.shared.busy.set(count.saturating_sub(1));
        }
    }

    /// Waits for `future` until the deadline; where that comes first, [`Elapsed`].
    ///
    /// A future that is late may be waited for again if it was handed in by pinned reference, and
    /// is dropped otherwise: then the connection it reads from must be dropped too.
    pub fn limit<F: Future>(&self, future: F) -> Limit<'_, F> {
        Limit { deadline: self, future }
    }

    fn poll_elapsed<T>(&self, waker: &Waker) -> Poll<Result<T, Elapsed>> {
        let mut cells = self.shared.cells.borrow_mut();
        let Some(entry) = cells.entries.get_mut(self.slot) else {
            return Poll::Pending;
        };
        if entry.at <= self.shared.clock.now() {
            entry.waker = None;
            return Poll::Ready(Err(Elapsed));
        }
        match &entry.waker {
            Some(known) if known.will_wake(waker) => {}
            Some(_) | None => entry.waker = Some(waker.clone()),
        }
        Poll::Pending
    }
}

pin_project! {
    /// Made by [`Deadline::limit`]. A type of its own, as an `async fn` would hold the future twice.
    pub struct Limit<'a, F> {
        deadline: &'a Deadline,
        #[pin]
        future: F,
    }
}

impl<F> std::fmt::Debug for Limit<'_, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limit").finish_non_exhaustive()
    }
}

impl<F: Future> Future for Limit<'_, F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(value) = this.future.poll(context) {
            return Poll::Ready(Ok(value));
        }
        this.deadline.poll_elapsed(context.waker())
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        self.set_busy(false);
        let mut cells = self.shared.cells.borrow_mut();
        if let Some(entry) = cells.entries.get_mut(self.slot) {
            entry.at = Micros::NEVER;
            entry.waker = None;
            cells.free.push(self.slot);
        }
    }
}
