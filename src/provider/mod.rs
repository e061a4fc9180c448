//! Providers: where a deployment is, how it is spoken to and with which credentials.
//!
//! A provider is a file with a `build` and a [`Service`], and a line in `config::kinds`.

pub mod base;
pub mod demo;
pub mod trust;

use std::fmt;
use std::time::Duration;

use crate::chat::Protocol;
use crate::config;
use crate::error::Error;
use crate::net::pool::Policy;
use crate::protocol::Dialect;
use crate::provider::base::Base;
use crate::secret::Secret;

/// How long an attempt may take, phase by phase.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// From the request to the end of its answer.
    pub total: Duration,
    /// For a connection, TLS and a proxy included.
    pub connect: Duration,
    /// From the request's last byte to the answer's head.
    pub first_byte: Duration,
    /// Between two reads of an answer's body.
    pub idle: Duration,
}

/// A provider, ready to be used.
#[derive(Debug)]
pub struct Provider {
    /// Its name in the configuration.
    pub name: Box<str>,
    /// How its requests are answered.
    pub upstream: Upstream,
    /// How long that may take.
    pub timeouts: Timeouts,
    /// How its idle connections are kept.
    pub pool: Policy,
    /// How long a request may wait for others at a time.
    pub queue_timeout: Duration,
}

/// What answers for a provider.
#[derive(Debug)]
pub enum Upstream {
    /// A server, once for each of the provider's keys.
    Servers(Box<[Server]>),
    /// The gateway itself.
    Demo(demo::Demo),
}

/// A server that is called.
#[derive(Debug)]
pub struct Server {
    /// Where it is.
    pub base: Base,
    /// How it is spoken to.
    pub service: Box<dyn Service>,
}

/// What is asked of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// An answer of a model.
    Chat,
    /// Vectors.
    Embed,
    /// How many tokens a prompt has.
    Count,
}

/// One request, as far as its head depends on it.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// What is asked.
    pub operation: Operation,
    /// The model, in the provider's words.
    pub model: &'a str,
    /// Whether the answer is to be a stream.
    pub stream: bool,
    /// The body, where a signature must cover it.
    pub body: &'a [u8],
    /// The version of Anthropic's API that the client speaks.
    pub version: Option<&'a [u8]>,
    /// Unix seconds.
    pub now: u64,
}

impl Call<'_> {
    /// A call with everything else empty.
    #[must_use]
    pub const fn of(operation: Operation) -> Self {
        Self { operation, model: "", stream: false, body: b"", version: None, now: 0 }
    }
}

/// What a kind of provider adds to its protocol: paths and credentials.
pub trait Service: fmt::Debug + Send + Sync {
    /// The protocol it speaks.
    fn protocol(&self) -> Protocol;

    /// How much of its protocol it knows.
    fn dialect(&self) -> Dialect {
        Dialect::default()
    }

    /// Whether there is a path for `operation`.
    fn serves(&self, operation: Operation) -> bool;

    /// Appends a request's head up to, and without, the headers of its framing.
    ///
    /// # Errors
    /// Where the request cannot be signed.
    fn head(&self, base: &Base, call: &Call<'_>, out: &mut Vec<u8>) -> Result<(), Error>;
}

/// How a provider is made of its configuration.
type Build =
    fn(&config::Provider, &config::Env, &trust::Trust) -> Result<(Base, Box<dyn Service>), String>;

macro_rules! served {
    ($($(#[$what:meta])* $kind:ident = $name:literal in $file:ident,)*) => {
        $(pub mod $file;)*

        /// The kinds that are servers. The gateway itself answers for the one that is not.
        const fn served(kind: config::Kind) -> Option<Build> {
            match kind {
                $(config::Kind::$kind => Some($file::build),)*
                config::Kind::Demo => None,
            }
        }
    };
}

config::kinds!(served);

impl Provider {
    /// Makes a provider of its configuration.
    ///
    /// # Errors
    /// What is wrong, and with which key.
    pub fn new(
        config: &config::Provider,
        env: &config::Env,
        trust: &trust::Trust,
    ) -> Result<Self, String> {
        let upstream = match served(config.kind) {
            Some(build) => Upstream::Servers(servers(build, config, env, trust)?),
            None => Upstream::Demo(demo::Demo::new(config.tokens_per_second)),
        };
        Ok(Self {
            name: config.name.as_str().into(),
            upstream,
            timeouts: Timeouts {
                total: config.timeout,
                connect: config.connect_timeout,
                first_byte: config.first_byte_timeout,
                idle: config.stream_idle_timeout,
            },
            pool: Policy {
                max_idle: config.max_idle_connections,
                idle_timeout: config.idle_timeout,
            },
            queue_timeout: config.queue_timeout,
        })
    }

    /// How many servers it has: one a key.
    #[must_use]
    pub fn servers(&self) -> usize {
        match &self.upstream {
            Upstream::Servers(servers) => servers.len(),
            Upstream::Demo(_) => 0,
        }
    }

    /// What its servers speak; none where there are none.
    #[must_use]
    pub fn protocol(&self) -> Option<Protocol> {
        match &self.upstream {
            Upstream::Servers(servers) => servers.first().map(|server| server.service.protocol()),
            Upstream::Demo(_) => None,
        }
    }
}

/// The same server once for each key.
fn servers(
    build: Build,
    config: &config::Provider,
    env: &config::Env,
    trust: &trust::Trust,
) -> Result<Box<[Server]>, String> {
    let one = |config: &config::Provider| {
        let (base, service) = build(config, env, trust)?;
        Ok(Server { base, service })
    };
    if config.api_keys.len() < 2 {
        return Ok(Box::new([one(config)?]));
    }
    let keyed =
        |key: &Secret| one(&config::Provider { api_keys: vec![key.clone()], ..config.clone() });
    config.api_keys.iter().map(keyed).collect()
}
