//! One shard: a thread on a core, its event loop, and everything that lives there.

use std::cell::Cell;
use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rtrb::Producer;

use crate::config::DriverChoice;
use crate::exchange::Queues;
use crate::exchange::core::Core;
use crate::exchange::core::Date;
use crate::exchange::core::Snapshot;
use crate::exchange::signatures::Signatures;
use crate::limit::Limits;
use crate::net::buffers::Buffers;
use crate::net::pool::Pool;
use crate::net::resolve::Question;
use crate::net::resolve::Resolver;
use crate::observe::Ledger;
use crate::observe::Record;
use crate::route::Health;
use crate::runtime;
use crate::runtime::clock::Clock;
use crate::runtime::clock::Epoch;
use crate::runtime::deadline::Deadlines;
use crate::runtime::driver;
use crate::runtime::driver::Driver;
use crate::runtime::random::Random;
use crate::server;
use crate::server::Door;

/// How often a shard looks after what nobody is waiting for.
const SWEEP: Duration = Duration::from_secs(1);

/// Turns of the loop that a shard makes after its last connection: one to have waits cancelled, one to
/// have sockets closed, and as many to spare.
const LAST_TURNS: usize = 4;

/// What a shard is made of; all of it may cross to its thread.
#[derive(Debug)]
pub struct Seed {
    /// Position among the shards.
    pub index: usize,
    /// The core it is pinned to, if any.
    pub core: Option<core_affinity::CoreId>,
    /// What it should run on.
    pub driver: DriverChoice,
    /// The configuration.
    pub snapshot: Arc<Snapshot>,
    /// The process's time.
    pub epoch: Epoch,
    /// Where its records go.
    pub records: Producer<Record>,
    /// Where its questions go.
    pub questions: flume::Sender<Question>,
    /// What clients cannot hold of their answers.
    pub signatures: Arc<Signatures>,
    /// Where what it wants logged goes.
    pub notices: flume::Sender<String>,
    /// What it accepts with.
    pub door: Door,
}

/// What a shard started on, and why it is not what was wanted.
pub type Ready = io::Result<(Driver, Option<String>)>;

/// Starts the shard's thread. It says on `ready` how that went.
///
/// # Errors
/// Where the system has no thread to give.
pub fn start(seed: Seed, ready: flume::Sender<Ready>) -> io::Result<thread::JoinHandle<()>> {
    let name = format!("shard-{}", seed.index);
    thread::Builder::new().name(name).spawn(move || run(seed, &ready))
}

fn run(seed: Seed, ready: &flume::Sender<Ready>) {
    if let Some(core) = seed.core {
        // A core that is refused (a container's limits) costs some speed and nothing else.
        let _pinned = core_affinity::set_for_current(core);
    }
    let mut started = match driver::start(seed.driver) {
        Ok(started) => started,
        Err(error) => {
            let _gone = ready.send(Err(error));
            return;
        }
    };
    let driver = started.driver;
    let notices = seed.notices.clone();
    let _gone = ready.send(Ok((driver, started.fallback.take())));
    let index = seed.index;
    if let Err(error) = started.runtime.block_on(live(seed, driver)) {
        let _gone = notices.send(format!("shard {index} ended: {error}"));
    }
    // Operations may still be in flight, and the kernel writes into their buffers until they are
    // done; the process ends soon, the runtime must not end before.
    std::mem::forget(started.runtime);
}

async fn live(seed: Seed, driver: Driver) -> io::Result<()> {
    let clock = Clock::new(seed.epoch);
    let deadlines = Deadlines::new(clock.clone());
    let snapshot = seed.snapshot;
    let pool = Pool::new(snapshot.providers.iter().map(|provider| provider.pool));
    let (slots, keys, pools) = snapshot.table.sizes();
    let core = Rc::new(Core {
        pool,
        health: RefCell::new(Health::new(slots, keys, pools)),
        queues: Queues::default(),
        snapshot,
        shard: seed.index,
        driver,
        resolver: Resolver::new(seed.questions, clock.clone()),
        ledger: Rc::new(Ledger::new(seed.records, clock.clone())),
        limits: Rc::new(Limits::default()),
        signatures: seed.signatures,
        random: Random::from_system(),
        draining: Rc::new(Cell::new(false)),
        date: Date::default(),
        notices: seed.notices,
        buffers: Buffers::default(),
        deadlines: deadlines.clone(),
        clock,
    });
    let beat = deadlines.beat().clone();
    runtime::spawn(async move { deadlines.run().await });
    runtime::spawn(async move { beat.run().await });
    let sweeper = Rc::clone(&core);
    runtime::spawn(async move {
        let mut told = 0;
        loop {
            runtime::sleep(SWEEP).await;
            sweeper.pool.sweep(sweeper.clock.refresh());
            sweeper.ledger.retry();
            let lost = sweeper.ledger.lost();
            if lost > told {
                sweeper.notice(format!("{lost} records lost: nobody took them in time"));
                told = lost;
            }
        }
    });
    let served = server::serve(Rc::clone(&core), seed.door).await;
    // The control plane takes records every few milliseconds, so what waits goes out shortly.
    while core.ledger.waiting() > 0 {
        core.ledger.retry();
        runtime::sleep(Duration::from_millis(5)).await;
    }
    // A dropped connection's wait is cancelled first and its socket closed after that, both by the
    // loop: until then a client whose connection was idle would not know that it is over.
    for _ in 0..LAST_TURNS {
        runtime::sleep(Duration::from_millis(1)).await;
    }
    served
}
