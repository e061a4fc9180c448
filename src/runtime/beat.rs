//! A shared pause: all who wait for the next beat go on together, a millisecond or two later.
//!
//! Whoever reads pieces that come faster than anybody needs them reads several at once after it. One timer
//! serves all who wait, and there is none while nobody does.

use std::cell::Cell;
use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::task::Waker;
use std::time::Duration;

use crate::runtime::clock::Clock;
use crate::runtime::clock::Micros;

/// From the first who waits to the beat. The runtime's timers come up to a millisecond late.
const BEAT: Duration = Duration::from_millis(1);

/// The beat of one shard.
#[derive(Clone, Debug)]
pub struct Beat {
    shared: Rc<Shared>,
}

#[derive(Debug)]
struct Shared {
    clock: Clock,
    /// Beats so far.
    count: Cell<u64>,
    /// When the next one is due; never while nobody waits.
    due: Cell<Micros>,
    waiting: RefCell<Vec<Waker>>,
    /// Who beats, while nobody waits.
    asleep: RefCell<Option<Waker>>,
}

impl Beat {
    /// A beat that nobody waits for yet.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let shared = Shared {
            clock,
            count: Cell::new(0),
            due: Cell::new(Micros::NEVER),
            waiting: RefCell::default(),
            asleep: RefCell::default(),
        };
        Self { shared: Rc::new(shared) }
    }

    /// Beats for as long as it is polled. Run it once a shard.
    pub async fn run(&self) {
        loop {
            poll_fn(|context| {
                if self.shared.due.get() != Micros::NEVER {
                    return Poll::Ready(());
                }
                *self.shared.asleep.borrow_mut() = Some(context.waker().clone());
                Poll::Pending
            })
            .await;
            crate::runtime::sleep(BEAT).await;
            self.strike();
        }
    }

    /// Beats if that is due at `now`. The runtime's timers run only when no task is ready; where there always
    /// is one, whoever keeps the shard busy asks.
    pub fn catch_up(&self, now: Micros) {
        if self.shared.due.get() <= now {
            self.strike();
        }
    }

    fn strike(&self) {
        self.shared.due.set(Micros::NEVER);
        self.shared.count.set(self.shared.count.get().wrapping_add(1));
        // A waker only queues its task, so it may be called while the list is borrowed.
        self.shared.waiting.borrow_mut().drain(..).for_each(Waker::wake);
    }

    /// Waits for the next beat.
    pub async fn next(&self) {
        let begun = self.shared.count.get();
        let mut known: Option<Waker> = None;
        poll_fn(|context| {
            if self.shared.count.get() != begun {
                return Poll::Ready(());
            }
            if !known.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
                known = Some(context.waker().clone());
                self.wait(context.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }

    fn wait(&self, waker: Waker) {
        self.shared.waiting.borrow_mut().push(waker);
        if self.shared.due.get() == Micros::NEVER {
            self.shared.due.set(self.shared.clock.now().after(BEAT));
            if let Some(asleep) = self.shared.asleep.borrow_mut().take() {
                asleep.wake();
            }
        }
    }
}
