//! Providers: where a deployment is, how it is spoken to and with which credentials.

pub mod demo;
pub mod openai;
pub mod trust;

use std::time::Duration;

use crate::config;
use crate::net::connect::Endpoint;
use crate::net::pool::Policy;

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
}

/// What answers for a provider.
#[derive(Debug)]
pub enum Upstream {
    /// A server that speaks OpenAI's protocol.
    Openai {
        /// Where it is.
        endpoint: Endpoint,
        /// What its requests begin with.
        dialect: openai::Dialect,
    },
    /// The gateway itself.
    Demo(demo::Demo),
    /// A kind that this version knows by name only.
    NotServed(config::Kind),
}

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
        let upstream = match config.kind {
            config::Kind::Openai => openai::build(config, env, trust)?,
            config::Kind::Demo => Upstream::Demo(demo::Demo::new(config.tokens_per_second)),
            kind @ (config::Kind::Anthropic
            | config::Kind::Google
            | config::Kind::Azure
            | config::Kind::Bedrock
            | config::Kind::Ollama) => Upstream::NotServed(kind),
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
        })
    }
}
