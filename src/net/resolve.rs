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
    /// Who waits for the answer to a question that is on its way.
    waiting: RefCell<HashMap<Box<str>, Vec<flume::Sender<Found>>>>,
}

type Found = Result<Rc<[IpAddr]>, String>;

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
        let (table, waiting) = (RefCell::default(), RefCell::default());
        Self { shared: Rc::new(Shared { ask, clock, table, waiting }) }
    }

    /// The addresses of `host`, in the order of the system's preference.
    ///
    /// # Errors
    /// What the system's resolver says, where no answer is known that may still be used.
    pub async fn resolve(&self, host: &str) -> Found {
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

    /// One question at a time for each host, however many wait for its answer; it comes to its end
    /// whoever gives up on it.
    async fn ask(&self, host: String) -> Found {
        let (found, waiter) = flume::bounded(1);
        let first = {
            let mut waiting = self.shared.waiting.borrow_mut();
            let waiting = waiting.entry(host.as_str().into()).or_default();
            waiting.push(found);
            waiting.len() == 1
        };
        if first {
            let this = self.clone();
            runtime::spawn(async move {
                let answer = this.question(&host).await;
                let waiting = this.shared.waiting.borrow_mut().remove(host.as_str());
                for waiter in waiting.into_iter().flatten() {
                    // Whoever gave up meanwhile needs no answer.
                    let _gone = waiter.send(answer.clone());
                }
            });
        }
        waiter.recv_async().await.unwrap_or_else(|_| Err("the resolver is gone".to_owned()))
    }

    async fn question(&self, host: &str) -> Found {
        let shared = &*self.shared;
        let (answer, answered) = flume::bounded(1);
        let gone = || "the resolver is gone".to_owned();
        shared.ask.send(Question { host: host.to_owned(), answer }).map_err(|_| gone())?;
        let addresses: Rc<[IpAddr]> = answered.recv_async().await.map_err(|_| gone())??.into();
        let now = shared.clock.refresh();
        let entry = Entry { addresses: Rc::clone(&addresses), asked: now, answered: now };
        shared.table.borrow_mut().insert(host.into(), entry);
        Ok(addresses)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{Answer, FRESH, Question, Resolver, STALE};
    use crate::config::DriverChoice;
    use crate::runtime::clock::{Clock, Epoch};
    use crate::runtime::driver;

    /// A resolver, what it asks, and a way to make its table older.
    fn resolver() -> (Resolver, flume::Receiver<Question>) {
        let (ask, asked) = flume::unbounded();
        (Resolver::new(ask, Clock::new(Epoch::start())), asked)
    }

    fn age(resolver: &Resolver, host: &str, by: std::time::Duration) {
        // The clock began when the process did, so an age is a shift of the other sides.
        let mut table = resolver.shared.table.borrow_mut();
        let entry = table.get_mut(host).unwrap();
        let now = resolver.shared.clock.now();
        resolver.shared.clock.set(now.after(by));
        assert!(entry.answered <= now);
    }

    fn answer(question: &Question, address: &str) {
        let answer: Answer = Ok(vec![address.parse().unwrap()]);
        question.answer.send(answer).unwrap();
    }

    fn run(test: impl AsyncFnOnce()) {
        driver::start(DriverChoice::Epoll).unwrap().runtime.block_on(test());
    }

    #[test]
    fn addresses_are_no_question() {
        run(async || {
            let (resolver, asked) = resolver();
            let found = resolver.resolve("::1").await.unwrap();
            assert_eq!(&*found, ["::1".parse::<IpAddr>().unwrap()]);
            assert!(asked.is_empty());
        });
    }

    #[test]
    fn many_wait_for_one_answer() {
        run(async || {
            let (resolver, asked) = resolver();
            let waiters: Vec<_> = (0..3)
                .map(|_| {
                    let resolver = resolver.clone();
                    monoio::spawn(async move { resolver.resolve("h").await })
                })
                .collect();
            answer(&asked.recv_async().await.unwrap(), "1.2.3.4");
            for waiter in waiters {
                assert_eq!(waiter.await.unwrap().len(), 1);
            }
            assert!(asked.is_empty(), "one question only");
            resolver.resolve("h").await.unwrap();
            assert!(asked.is_empty(), "a fresh answer is used");
        });
    }

    #[test]
    fn an_old_answer_is_used_while_the_next_is_on_its_way() {
        run(async || {
            let (resolver, asked) = resolver();
            let first = monoio::spawn({
                let resolver = resolver.clone();
                async move { resolver.resolve("h").await }
            });
            answer(&asked.recv_async().await.unwrap(), "1.1.1.1");
            let old = first.await.unwrap();
            age(&resolver, "h", FRESH * 2);
            assert_eq!(resolver.known("h", resolver.shared.clock.now()).unwrap(), old);
            assert_eq!(resolver.known("h", resolver.shared.clock.now()).unwrap(), old);
            let question = asked.recv_async().await.unwrap();
            assert!(asked.is_empty(), "asked once");
            question.answer.send(Err("down".to_owned())).unwrap();
            let now = resolver.shared.clock.now();
            assert!(resolver.known("h", now.after(STALE)).is_none(), "not for ever");
        });
    }
}
