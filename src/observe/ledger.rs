//! The way of records from a shard to the control plane.
//!
//! A [`Meter`] is opened with the request. Whatever way the request ends, a panic or a future
//! dropped half-way included, dropping the meter writes one record.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use rtrb::Consumer;
use rtrb::Producer;
use rtrb::RingBuffer;

use crate::chat::Usage;
use crate::limit::Permit;
use crate::observe::record::Outcome;
use crate::observe::record::Record;
use crate::runtime::clock::Clock;
use crate::runtime::clock::Micros;

/// Records under way at most; the control plane takes them out every few milliseconds.
const QUEUE: usize = 4096;

/// Records that wait on the shard at most while the control plane is late.
const OVERFLOW: usize = 1_000_000;

/// The control plane's end.
#[derive(Debug)]
pub struct Reader {
    records: Consumer<Record>,
}

impl Reader {
    /// The next record, if there is one.
    pub fn take(&mut self) -> Option<Record> {
        self.records.pop().ok()
    }
}

/// The shard's end.
#[derive(Debug)]
pub struct Ledger {
    records: RefCell<Producer<Record>>,
    overflow: RefCell<VecDeque<Record>>,
    lost: Cell<u64>,
    clock: Clock,
}

/// Both ends of a shard's queue of records.
#[must_use]
pub fn queue() -> (Producer<Record>, Reader) {
    let (producer, consumer) = RingBuffer::new(QUEUE);
    (producer, Reader { records: consumer })
}

impl Ledger {
    /// A ledger that writes to `records`.
    #[must_use]
    pub fn new(records: Producer<Record>, clock: Clock) -> Self {
        Self {
            records: RefCell::new(records),
            overflow: RefCell::default(),
            lost: Cell::new(0),
            clock,
        }
    }

    /// Opens the record of a request that began at `started`.
    #[must_use]
    pub fn meter(self: &Rc<Self>, record: Record, started: Micros) -> Meter {
        Meter { ledger: Rc::clone(self), record, permit: None, started }
    }

    fn push(&self, record: Record) {
        self.retry();
        let mut overflow = self.overflow.borrow_mut();
        let late = if overflow.is_empty() {
            self.records.borrow_mut().push(record).err().map(|rtrb::PushError::Full(late)| late)
        } else {
            Some(record)
        };
        let Some(late) = late else { return };
        if overflow.len() < OVERFLOW {
            overflow.push_back(late);
        } else {
            self.lost.set(self.lost.get() + 1);
        }
    }

    /// Sends what the queue had no room for before. Called now and then, so that the last records
    /// of a busy time do not wait for the next request.
    pub fn retry(&self) {
        let mut overflow = self.overflow.borrow_mut();
        let mut records = self.records.borrow_mut();
        while !records.is_full() {
            let Some(record) = overflow.pop_front() else { return };
            if records.push(record).is_err() {
                return;
            }
        }
    }

    /// Records not yet handed over.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.overflow.borrow().len()
    }

    /// Records given up because a million others waited.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.get()
    }
}

/// The open record of a request.
#[derive(Debug)]
pub struct Meter {
    ledger: Rc<Ledger>,
    /// What is known so far.
    pub record: Record,
    /// What the request holds, once it holds something.
    permit: Option<Permit>,
    started: Micros,
}

impl Meter {
    /// Holds `permit` until the request is over.
    pub fn hold(&mut self, permit: Permit) {
        self.permit = Some(permit);
    }

    /// Notes what was used so far; `exact` where the provider counted it.
    pub fn settle(&mut self, usage: Usage, exact: bool) {
        self.record.usage = usage;
        self.record.usage_exact = exact;
        if let Some(permit) = &mut self.permit {
            permit.settle(usage);
        }
    }

    /// When the request began.
    #[must_use]
    pub const fn started(&self) -> Micros {
        self.started
    }

    /// Notes that the first byte of the answer goes out at `now`.
    pub fn first_byte(&mut self, now: Micros) {
        self.record.first_byte_us.get_or_insert(now.since(self.started));
    }

    /// Forgets an attempt of which nothing reached the client.
    pub fn discard(&mut self) {
        self.record.first_byte_us = None;
        self.record.response_bytes = 0;
        self.settle(Usage::default(), false);
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.record.outcome = Outcome::Panicked;
            self.record.status = 500;
        }
        let now = self.ledger.clock.refresh();
        self.record.duration_us = now.since(self.started);
        self.record.unix_ms = self.ledger.clock.unix_ms(now);
        let empty = Record::new(Box::default(), self.record.path);
        self.ledger.push(std::mem::replace(&mut self.record, empty));
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::{Ledger, QUEUE, queue};
    use crate::observe::Outcome;
    use crate::observe::Record;
    use crate::runtime::clock::{Clock, Epoch, Micros};

    fn ledger() -> (Rc<Ledger>, super::Reader) {
        let (producer, reader) = queue();
        (Rc::new(Ledger::new(producer, Clock::new(Epoch::start()))), reader)
    }

    fn record() -> Record {
        Record::new("id".into(), "/")
    }

    #[test]
    fn a_dropped_meter_writes_one_record() {
        let (ledger, mut reader) = ledger();
        drop(ledger.meter(record(), Micros::default()));
        assert_eq!(reader.take().unwrap().outcome, Outcome::ClientGone);
        assert!(reader.take().is_none());
    }

    #[test]
    fn a_panic_writes_one_record_that_says_so() {
        let (ledger, mut reader) = ledger();
        let inner = Rc::clone(&ledger);
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
            let _meter = inner.meter(record(), Micros::default());
            panic!("on purpose");
        }));
        assert!(caught.is_err());
        let record = reader.take().unwrap();
        assert_eq!((record.outcome, record.status), (Outcome::Panicked, 500));
    }

    #[test]
    fn records_wait_in_order_while_the_queue_is_full() {
        let (ledger, mut reader) = ledger();
        for n in 0..QUEUE as u64 + 10 {
            let mut meter = ledger.meter(record(), Micros::default());
            meter.record.request_bytes = n;
        }
        assert_eq!((ledger.waiting(), ledger.lost()), (10, 0));
        let mut seen = 0;
        while let Some(record) = reader.take() {
            assert_eq!(record.request_bytes, seen);
            seen += 1;
            ledger.retry();
        }
        assert_eq!(seen, QUEUE as u64 + 10);
    }
}
