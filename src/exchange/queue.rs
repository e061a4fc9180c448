//! Requests of one shard that wait for a place at a deployment whose provider takes only so many
//! at a time. The count is that of all shards; the queue is each shard's own.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::task::Waker;
use std::time::Duration;

use crate::error::Error;
use crate::error::Kind;
use crate::exchange::Exchange;
use crate::exchange::core::Core;
use crate::provider::Provider;
use crate::route::Deployment;
use crate::route::Gate;
use crate::runtime::clock::Micros;

/// How often who waits looks for places that other shards gave back.
const LOOK: Duration = Duration::from_millis(5);

/// All queues of a shard.
#[derive(Debug, Default)]
pub struct Queues {
    waiting: RefCell<HashMap<usize, VecDeque<Ticket>>>,
    next: Cell<u64>,
}

#[derive(Debug)]
struct Ticket {
    number: u64,
    waker: Option<Waker>,
}

impl Queues {
    fn join(&self, slot: usize) -> u64 {
        let number = self.next.get();
        self.next.set(number + 1);
        let ticket = Ticket { number, waker: None };
        self.waiting.borrow_mut().entry(slot).or_default().push_back(ticket);
        number
    }

    fn leave(&self, slot: usize, number: u64) {
        let mut waiting = self.waiting.borrow_mut();
        if let Some(line) = waiting.get_mut(&slot) {
            line.retain(|ticket| ticket.number != number);
            if line.is_empty() {
                waiting.remove(&slot);
            }
        }
        drop(waiting);
        self.wake(slot);
    }

    /// A place was given back: whoever waits longest looks for it.
    fn wake(&self, slot: usize) {
        let mut waiting = self.waiting.borrow_mut();
        let first = waiting.get_mut(&slot).and_then(VecDeque::front_mut);
        let waker = first.and_then(|ticket| ticket.waker.take());
        drop(waiting);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether `number` is at the front; if not, or if it has to wait on, it is woken later.
    fn is_first(&self, slot: usize, number: u64, waker: &Waker) -> bool {
        let mut waiting = self.waiting.borrow_mut();
        let Some(line) = waiting.get_mut(&slot) else { return true };
        let first = line.front().is_some_and(|ticket| ticket.number == number);
        if let Some(ticket) = line.iter_mut().find(|ticket| ticket.number == number) {
            ticket.waker = Some(waker.clone());
        }
        first
    }
}

/// A place at a deployment; given back when dropped.
#[derive(Debug)]
pub struct Place<'c> {
    core: &'c Core,
    slot: usize,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(gate) = gate(self.core, self.slot) {
            gate.leave();
            if gate.is_bounded() {
                self.core.queues.wake(self.slot);
            }
        }
    }
}

fn gate(core: &Core, slot: usize) -> Option<&Gate> {
    core.snapshot.table.gates().get(slot)
}

/// A turn in the queue; given up when dropped.
struct Turn<'c> {
    core: &'c Core,
    gate: &'c Gate,
    slot: usize,
    number: u64,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.gate.leave_queue();
        self.core.queues.leave(self.slot, self.number);
    }
}

/// A place at `deployment`, at once or after a wait, for as long as the client stays. `ends` is
/// when the request must be answered.
///
/// # Errors
/// [`Kind::Overloaded`] where too many wait already, or none came in time.
pub async fn enter<'c>(
    x: &Exchange<'c>,
    provider: &Provider,
    deployment: &Deployment,
    ends: Micros,
) -> Result<Place<'c>, Error> {
    let (core, slot) = (x.core, deployment.slot);
    let place = Place { core, slot };
    let Some(gate) = gate(core, slot) else { return Ok(place) };
    if gate.has_room() && gate.enter() {
        return Ok(place);
    }
    // It holds nothing yet.
    std::mem::forget(place);
    if !gate.join_queue() {
        return Err(full(provider, "too many wait for it already (max_queue)"));
    }
    let turn = Turn { core, gate, slot, number: core.queues.join(slot) };
    let until = core.clock.now().after(provider.queue_timeout).min(ends);
    let waiting = pin!(wait(core, &turn, until));
    if x.while_client_stays(waiting).await?? {
        return Ok(Place { core, slot });
    }
    Err(full(provider, "no place came free in time (queue_timeout)"))
}

fn full(provider: &Provider, what: &str) -> Error {
    let name = &provider.name;
    let message = format!("the provider `{name}` is busy (max_parallel): {what}");
    Error::new(Kind::Overloaded, message)
}

/// Waits for a place; whether it was taken before `until`.
async fn wait(core: &Core, turn: &Turn<'_>, until: Micros) -> Result<bool, Error> {
    let deadline = core.deadlines.register();
    deadline.set_busy(true);
    loop {
        let now = core.clock.refresh();
        deadline.arm_at(now.after(LOOK).min(until));
        let taken = poll_fn(|context| {
            let first = core.queues.is_first(turn.slot, turn.number, context.waker());
            if first && turn.gate.enter() { Poll::Ready(()) } else { Poll::Pending }
        });
        if deadline.limit(taken).await.is_ok() {
            return Ok(true);
        }
        if deadline.is_killed() {
            return Err(Error::new(Kind::ShuttingDown, "the gateway is shutting down"));
        }
        if core.clock.refresh() >= until {
            return Ok(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::Queues;

    #[test]
    fn who_came_first_is_first() {
        let (queues, waker) = (Queues::default(), Waker::noop());
        let (one, two) = (queues.join(7), queues.join(7));
        assert!(queues.is_first(7, one, waker) && !queues.is_first(7, two, waker));
        assert!(queues.is_first(8, queues.join(8), waker), "each deployment has its own");
        queues.leave(7, one);
        assert!(queues.is_first(7, two, waker));
        queues.leave(7, two);
        assert!(!queues.waiting.borrow().contains_key(&7));
    }
}
