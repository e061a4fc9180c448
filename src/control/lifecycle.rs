//! From start to end of the process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use rustls::ServerConfig;
use signal_hook::consts::SIGHUP;
use signal_hook::consts::SIGINT;
use signal_hook::consts::SIGTERM;
use signal_hook::iterator::Signals;

use crate::config::AuthMode;
use crate::config::Config;
use crate::config::Env;
use crate::control::log::Log;
use crate::control::resolve;
use crate::control::shard;
use crate::control::shard::Seed;
use crate::control::tls;
use crate::exchange::core::Snapshot;
use crate::exchange::signatures::Signatures;
use crate::net::resolve::Question;
use crate::observe::Reader;
use crate::observe::queue;
use crate::runtime::clock::Epoch;
use crate::runtime::driver::Driver;
use crate::runtime::resources;
use crate::runtime::resources::Resources;
use crate::server::Door;
use crate::server::Stop;
use crate::server::bind;

/// Descriptors that are not connections: rings, sockets, files, and some to spare.
const OTHER_DESCRIPTORS: u64 = 128;

/// Connections where nothing else sets a bound.
const MAX_CONNECTIONS: u64 = 1_000_000;

/// The signals that end the gateway. A terminal that goes away asks for no other end than the rest.
const ENDINGS: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

/// How often signals and notices are looked for.
const PERIOD: Duration = Duration::from_millis(20);

/// Notices that wait to be logged; more are dropped.
const NOTICES: usize = 64;

/// How a wait for the shards was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// They have ended.
    All,
    /// The time was up.
    Late,
    /// A signal said not to wait.
    Signal,
}

/// What a configuration comes to before anything starts.
type Compiled = (Arc<Snapshot>, Option<Arc<ServerConfig>>);

/// The shards, as the control plane sees them.
struct Shards {
    threads: Vec<JoinHandle<()>>,
    stops: Vec<flume::Sender<Stop>>,
    readers: Vec<Reader>,
    notices: flume::Receiver<String>,
    address: SocketAddr,
    drivers: Vec<Driver>,
}

/// Runs the gateway until a signal ends it.
///
/// # Errors
/// Why it cannot start.
pub fn run(config: &Config, env: &Env) -> Result<(), String> {
    let mut signals = Signals::new(ENDINGS).map_err(|error| error.to_string())?;
    let resources = resources::raise();
    tracing::info!(
        "limits: {} open files, {} bytes of locked memory",
        resources.descriptors,
        resources.locked_memory
    );
    let mut shards = start(config, env, resources)?;
    let level = config.extensions.logging;
    let readers = std::mem::take(&mut shards.readers);
    let log = Log::start(readers, level).map_err(|error| error.to_string())?;
    announce(config, &shards);
    wait(&mut signals, &shards)?;
    tracing::info!("draining: {} s for what is under way", config.shutdown_timeout.as_secs());
    shards.tell(Stop::Drain);
    let why = match shards.wait_end(config.shutdown_timeout, &mut signals) {
        End::All => None,
        End::Late => Some("shutdown_timeout is over"),
        End::Signal => Some("a second signal came"),
    };
    if let Some(why) = why {
        tracing::warn!("{why}: ending what is left");
        shards.tell(Stop::Kill);
        shards.wait_end(Duration::from_secs(2), &mut signals);
    }
    shards.log_notices();
    let totals = log.finish();
    tracing::info!(
        "stopped after {} requests ({} not answered), {} tokens",
        totals.requests,
        totals.failed,
        totals.tokens
    );
    Ok(())
}

/// A gateway without keys is for its own host only, unless the configuration says otherwise.
fn check_exposure(config: &Config) -> Result<(), String> {
    let open = config.keys.is_empty() && config.auth != AuthMode::None;
    if open && !config.listen.ip().is_loopback() {
        return Err(format!(
            "listen = \"{}\" is reachable from other hosts and there are no [[keys]]: add a key, or \
             say auth = \"none\"",
            config.listen
        ));
    }
    Ok(())
}

/// What `config` and the files it names make, as far as that is known before anything starts: the
/// compiled configuration and the listener's certificate.
///
/// # Errors
/// What is wrong, and with which key.
pub fn compile(config: &Config, env: &Env) -> Result<Compiled, String> {
    check_exposure(config)?;
    let snapshot = Arc::new(Snapshot::new(config, env)?);
    let tls = config.tls.as_ref().map(tls::load).transpose()?;
    Ok((snapshot, tls))
}

fn start(config: &Config, env: &Env, resources: Resources) -> Result<Shards, String> {
    let (snapshot, tls) = compile(config, env)?;
    let (cores, count) = cores(config);
    let sockets = bind(config.listen, count)
        .map_err(|error| format!("cannot listen on {}: {error}", config.listen))?;
    let address = sockets.first().and_then(|socket| socket.local_addr().ok());
    let address = address.unwrap_or(config.listen);
    let (asked, questions) = flume::unbounded::<Question>();
    resolve::start(&questions).map_err(|error| error.to_string())?;
    let (noticed, notices) = flume::bounded(NOTICES);
    let (ready, started) = flume::unbounded();
    let (threads, stops, readers) = (Vec::new(), Vec::new(), Vec::new());
    let mut shards = Shards { threads, stops, readers, notices, address, drivers: Vec::new() };
    let (epoch, signatures) = (Epoch::start(), Arc::new(Signatures::default()));
    let max_connections = max_connections(config, resources).div_ceil(count);
    for (index, socket) in sockets.into_iter().enumerate() {
        let (stop, stopped) = flume::unbounded();
        let (records, reader) = queue();
        let door = Door { socket, tls: tls.clone(), max_connections, stop: stopped };
        let seed = Seed {
            index,
            core: cores.get(index).copied(),
            driver: config.runtime.driver,
            snapshot: Arc::clone(&snapshot),
            epoch,
            records,
            questions: asked.clone(),
            signatures: Arc::clone(&signatures),
            notices: noticed.clone(),
            door,
        };
        let thread = shard::start(seed, ready.clone());
        shards.threads.push(thread.map_err(|error| format!("cannot start a shard: {error}"))?);
        shards.stops.push(stop);
        shards.readers.push(reader);
    }
    drop(ready);
    for outcome in started.iter().take(count) {
        let (driver, fallback) = outcome.map_err(|error| error.to_string())?;
        if let Some(why) = fallback.filter(|_| shards.drivers.is_empty()) {
            tracing::warn!("running on epoll: {why}");
        }
        shards.drivers.push(driver);
    }
    Ok(shards)
}

/// The cores to pin to, and how many shards there are. More shards than cores are not pinned.
fn cores(config: &Config) -> (Vec<core_affinity::CoreId>, usize) {
    let allowed = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let count = if config.runtime.shards == 0 { allowed } else { config.runtime.shards };
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let pin = config.runtime.pin && count <= cores.len();
    (if pin { cores } else { Vec::new() }, count)
}

/// A request may need two descriptors, the client's and the upstream's.
fn max_connections(config: &Config, resources: Resources) -> usize {
    let by_descriptors = resources.descriptors.saturating_sub(OTHER_DESCRIPTORS) / 2;
    let most = usize::try_from(by_descriptors.clamp(1, MAX_CONNECTIONS)).unwrap_or(1);
    match config.limits.max_connections {
        0 => most,
        wanted => wanted,
    }
}

fn announce(config: &Config, shards: &Shards) {
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let address = shards.address;
    let count = shards.threads.len();
    let plural = if count == 1 { "" } else { "s" };
    let driver = shards.drivers.first().map_or_else(String::new, ToString::to_string);
    tracing::info!("listening on {scheme}://{address} ({count} shard{plural}, {driver})");
    let model = config.providers.iter().flat_map(|provider| &provider.models);
    let model = model.map(|model| model.name.as_str()).find(|name| *name != "*").unwrap_or("MODEL");
    let key = if config.keys.is_empty() { "" } else { " -H 'authorization: Bearer KEY'" };
    tracing::info!(
        "try: curl {scheme}://{address}/v1/chat/completions{key} -H 'content-type: \
         application/json' -d '{{\"model\":\"{model}\",\"stream\":true,\"messages\":\
         [{{\"role\":\"user\",\"content\":\"Hi\"}}]}}'"
    );
}

/// Until a signal comes. A shard that ends by itself ends the process.
fn wait(signals: &mut Signals, shards: &Shards) -> Result<(), String> {
    loop {
        shards.log_notices();
        if signals.pending().next().is_some() {
            return Ok(());
        }
        if shards.threads.iter().any(JoinHandle::is_finished) {
            shards.log_notices();
            return Err("a shard has ended; the process ends with it".to_owned());
        }
        thread::park_timeout(PERIOD);
    }
}

impl Shards {
    fn tell(&self, stop: Stop) {
        for sender in &self.stops {
            // A shard that is gone need not be told.
            let _gone = sender.send(stop);
        }
    }

    fn log_notices(&self) {
        for notice in self.notices.try_iter() {
            tracing::warn!("{notice}");
        }
    }

    /// Waits until every shard has ended, for so long at most, or until another signal comes.
    fn wait_end(&self, time: Duration, signals: &mut Signals) -> End {
        const STEP: Duration = Duration::from_millis(5);
        let mut left = time.as_millis() / STEP.as_millis();
        while !self.threads.iter().all(JoinHandle::is_finished) {
            if left == 0 {
                return End::Late;
            }
            if signals.pending().next().is_some() {
                return End::Signal;
            }
            left -= 1;
            thread::park_timeout(STEP);
        }
        End::All
    }
}
