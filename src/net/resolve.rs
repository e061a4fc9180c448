//! Names to addresses, without ever asking on the data plane.
//!
//! A shard looks in its own table. What is missing is asked of the control plane, which blocks in
//! the system's resolver on a thread of its own; what is old is used while the answer to the same
//! question is on its way. The system's resolver tells no time to live, so an answer is kept for
//! [`FRESH`]; see `docs/decisions/2026-11-22-system-resolver.md`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use crate::runtime;
use crate::runtime::clock::Clock;
use crate::runtime::clock::Micros;

/// How long an answer is used without asking again.
pub const FRESH: Duration = Duration::from_secs(10);

/// How long an answer is used at most while newer ones fail to come.
pub const STALE: Duration = Duration::from_secs(3600);

/// The addresses of a host, or why there are none.
pub type Answer = Result<Vec<IpAddr>, String>;

/// A question to the control plane.
#[derive(Debug)]
pub struct Question {
    /// The name to look up.
    pub host: String,
    /// Where the answer goes.
    pub answer: flume::Sender<Answer>,
}

/// The table of one shard.
#[derive(Clone, Debug)]
pub struct Resolver {
    shared: Rc<Shared>,
}

#[derive(Debug)]
struct Shared {
    ask: flume::Sender<Question>,
    clock: Clock,
    table: RefCell<HashMap<Box<str>, Entry>>,
}

#[derive(Debug)]
struct Entry {
    addresses: Rc<[IpAddr]>,
    asked: Micros,
    answered: Micros,
}

impl Resolver {
    /// An empty table that asks through `ask`.
    #[must_use]
    pub fn new(ask: flume::Sender<Question>, clock: Clock) -> Self {
        Self { shared: Rc::new(Shared { ask, clock, table: RefCell::default() }) }
    }

    /// The addresses of `host`, in the order of the system's preference.
    ///
    /// # Errors
    /// What the system's resolver says, where no answer is known that may still be used.
    pub async fn resolve(&self, host: &str) -> Result<Rc<[IpAddr]>, String> {
        if let Ok(address) = host.parse() {
            return Ok(Rc::new([address]));
        }
        let now = self.shared.clock.refresh();
        if let Some(addresses) = self.known(host, now) {
            return Ok(addresses);
        }
        self.ask(host.to_owned()).await
    }

    fn known(&self, host: &str, now: Micros) -> Option<Rc<[IpAddr]>> {
        let mut table = self.shared.table.borrow_mut();
        let entry = table.get_mut(host)?;
        if now > entry.answered.after(STALE) {
            return None;
        }
        // One question at a time: the next is asked when this one's answer would be old.
        if now > entry.asked.after(FRESH) {
            entry.asked = now;
            let (this, host) = (self.clone(), host.to_owned());
            runtime::spawn(async move {
                // The old answer stays in use where there is no new one.
                let _old = this.ask(host).await;
            });
        }
        Some(Rc::clone(&entry.addresses))
    }

    async fn ask(&self, host: String) -> Result<Rc<[IpAddr]>, String> {
        let shared = &*self.shared;
        let (answer, answered) = flume::bounded(1);
        let question = Question { host: host.clone(), answer };
        let gone = || "the resolver is gone".to_owned();
        shared.ask.send(question).map_err(|_| gone())?;
        let addresses: Rc<[IpAddr]> = answered.recv_async().await.map_err(|_| gone())??.into();
        let now = shared.clock.refresh();
        let entry = Entry { addresses: Rc::clone(&addresses), asked: now, answered: now };
        shared.table.borrow_mut().insert(host.into(), entry);
        Ok(addresses)
    }
}
