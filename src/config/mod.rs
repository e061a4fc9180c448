//! The configuration: a TOML file or the environment, read once into types that cannot be wrong.
//!
//! Nothing here opens a socket, resolves a name or starts anything; files named by the
//! configuration (certificates, stores) are opened by the modules that use them.

#[macro_use]
mod named;
mod check;
mod client;
mod decimal;
mod env;
mod environment;
mod facts;
mod file;
mod keys;
mod load;
mod mask;
mod models;
mod problem;
mod provider;
mod sections;
mod size;
mod source;
mod suggest;
#[cfg(test)]
mod tests;
mod upstream;
mod url;

pub use self::client::Budget;
pub use self::client::Key;
pub use self::client::KeySecret;
pub use self::client::Period;
pub use self::env::Env;
pub use self::environment::from_environment;
pub use self::facts::ModelFacts;
pub use self::load::load;
pub use self::load::parse;
pub use self::models::Models;
pub use self::named::UnknownName;
pub use self::problem::Problem;
pub use self::problem::Problems;
pub use self::sections::SHARDS;
pub use self::size::format_size;
pub use self::size::parse_size;
pub use self::upstream::Kind;
pub use self::upstream::Model;
pub use self::upstream::Provider;
pub(crate) use self::upstream::kinds;
pub use self::url::BaseUrl;
pub use self::url::BaseUrlError;

use crate::secret::Secret;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// A whole configuration, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where clients connect; 127.0.0.1:8080 unless set.
    pub listen: SocketAddr,
    /// How long running requests may go on after a stop is asked for; 30 s, 0 = not at all.
    pub shutdown_timeout: Duration,
    /// Whether clients must show a key.
    pub auth: AuthMode,
    /// Shards and their driver.
    pub runtime: Runtime,
    /// Certificate and key when `listen` speaks HTTPS.
    pub tls: Option<Tls>,
    /// The admin listener, when there is one.
    pub admin: Option<Admin>,
    /// What a client may use.
    pub limits: Limits,
    /// Upstreams, in the order of the file.
    pub providers: Vec<Provider>,
    /// Friendly model name to canonical name; one hop.
    pub aliases: BTreeMap<String, String>,
    /// Model name to the models tried after it.
    pub fallbacks: BTreeMap<String, Vec<Fallback>>,
    /// Model name, or `*` for all others, to how a request finds its deployment.
    pub strategies: BTreeMap<String, Strategy>,
    /// Client keys, in the order of the file.
    pub keys: Vec<Key>,
    /// Model name to prices.
    pub pricing: BTreeMap<String, Price>,
    /// How the names of models begin, to what is known of them beside the table of the binary.
    pub models: BTreeMap<String, ModelFacts>,
    /// What is switched on beside the relay itself.
    pub extensions: Extensions,
    /// Where counters and budgets are kept.
    pub storage: Storage,
    /// What the operator should know though the configuration is valid; a line each.
    pub warnings: Vec<String>,
}

impl Default for Config {
    /// What an empty file means.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            shutdown_timeout: Duration::from_secs(30),
            auth: AuthMode::Keys,
            runtime: Runtime::default(),
            tls: None,
            admin: None,
            limits: Limits::default(),
            providers: Vec::new(),
            aliases: BTreeMap::new(),
            fallbacks: BTreeMap::new(),
            strategies: BTreeMap::new(),
            keys: Vec::new(),
            pricing: BTreeMap::new(),
            models: BTreeMap::new(),
            extensions: Extensions::default(),
            storage: Storage::Memory,
            warnings: Vec::new(),
        }
    }
}

/// A model that answers in the place of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// Its name, as a client would write it.
    pub model: String,
    /// What it stands in for; [`FallbackOn::Error`] alone unless set.
    pub on: Vec<FallbackOn>,
}

named! {
    /// Why another model may answer in a model's place.
    FallbackOn {
        /// No deployment of the model could answer.
        Error = "error",
        /// The prompt is too long for the model.
        ContextLength = "context_length",
        /// The prompt or the answer is against the provider's rules.
        ContentFilter = "content_filter",
    }
}

named! {
    /// How a request finds its deployment among those that are well.
    Strategy {
        /// By chance, in proportion to the weights.
        Weighted = "weighted",
        /// The one with the fewest requests under way for its weight.
        LeastBusy = "least_busy",
        /// The faster of two by the time to the first byte.
        Fastest = "fastest",
    }
}

named! {
    /// Whether clients must show a key.
    AuthMode {
        /// They must. With no key configured, anyone who reaches `listen` is served; the reader
        /// accepts that on a loopback address only.
        Keys = "keys",
        /// They need not: anyone who reaches `listen` is served.
        None = "none",
    }
}

/// Shards and their driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runtime {
    /// Threads that serve; 0 = one a core.
    pub shards: usize,
    /// How they wait for the kernel.
    pub driver: DriverChoice,
    /// Whether each is bound to its core.
    pub pin: bool,
}

impl Default for Runtime {
    fn default() -> Self {
        Self { shards: 0, driver: DriverChoice::Auto, pin: true }
    }
}

named! {
    /// How a shard waits for the kernel.
    DriverChoice {
        /// io_uring where the kernel has it, else epoll.
        Auto = "auto",
        /// io_uring, or refuse to start.
        IoUring = "io_uring",
        /// epoll.
        Epoll = "epoll",
    }
}

/// The files of the server's own certificate, PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate chain, leaf first.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// The admin listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Its address; 127.0.0.1:8081 unless set.
    pub listen: SocketAddr,
    /// The bearer token that every admin path but /health asks for.
    pub token: Secret,
}

/// What a client may use. Sizes are bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A request's body; 32 MiB.
    pub max_body: usize,
    /// An upstream's answer that must be held whole; 64 MiB.
    pub max_response: usize,
    /// A request's head; 64 KiB.
    pub max_headers: usize,
    /// Header lines of a request; 100.
    pub max_header_count: usize,
    /// Open client connections; 0 = as many as the limit on open files allows.
    pub max_connections: usize,
    /// From the first byte of a head to its last; 10 s.
    pub header_timeout: Duration,
    /// Without progress in a body; 30 s.
    pub body_timeout: Duration,
    /// Between two requests of a connection; 75 s.
    pub idle_timeout: Duration,
    /// Without progress of a client that does not read; 30 s.
    pub write_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_body: 32 << 20,
            max_response: 64 << 20,
            max_headers: 64 << 10,
            max_header_count: 100,
            max_connections: 0,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(30),
        }
    }
}

/// Prices of a model, picodollars a token. 1 USD per million tokens = 1 000 000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Price {
    /// Prompt tokens.
    pub prompt: Option<u64>,
    /// Completion tokens.
    pub completion: Option<u64>,
    /// Prompt tokens read from the provider's cache.
    pub cached: Option<u64>,
    /// Prompt tokens written to the provider's cache.
    pub cache_write: Option<u64>,
    /// Reasoning tokens.
    pub reasoning: Option<u64>,
    /// Audio tokens.
    pub audio: Option<u64>,
}

/// What is switched on beside the relay itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// Answers kept for equal requests.
    pub cache: Option<CacheExt>,
    /// Rates for every key that has none of its own.
    pub rate_limit: Option<RateLimitExt>,
    /// Token counts per key and model.
    pub usage: bool,
    /// Budgets for every key that has none of its own.
    pub budget: Option<BudgetExt>,
    /// A log line a request, and the level of the log.
    pub logging: Option<LogLevel>,
}

/// Answers kept for equal requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheExt {
    /// How long an answer is kept; 300 s.
    pub ttl: Duration,
}

/// Rates for every key that has none of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimitExt {
    /// Requests a minute.
    pub rpm: Option<u64>,
    /// Tokens a minute.
    pub tpm: Option<u64>,
}

/// Budgets, in picodollars, that are never reset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetExt {
    /// For every key that has none of its own.
    pub default: Option<u128>,
    /// By the name of a key.
    pub keys: BTreeMap<String, u128>,
}

named! {
    /// The level of the log.
    LogLevel {
        /// Failures.
        Error = "error",
        /// And what may become one.
        Warn = "warn",
        /// And a line a request.
        Info = "info",
        /// The same, and what libraries say of themselves.
        Debug = "debug",
        /// And all that they say.
        Trace = "trace",
    }
}

/// Where counters and budgets are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Storage {
    /// In the process; lost when it ends.
    Memory,
    /// In a file.
    Redb {
        /// The file.
        path: PathBuf,
    },
    /// In a Redis server.
    Redis {
        /// Its address; secret since it may hold a password.
        url: Secret,
    },
    /// An older name of a file store. Read, warned about, not served.
    Sqlite {
        /// The file.
        path: PathBuf,
    },
}
