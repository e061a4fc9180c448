//! A load generator: one thread, one epoll set, many connections.
//!
//! Closed loop: each connection sends its next request when the last is answered. Open loop
//! (a rate is set): requests are due at fixed times whatever the server does, and latency counts
//! from the time a request was due, so that a stall is seen by every request it delays.

mod calm;
mod connection;
mod generator;
mod report;
mod tally;
#[cfg(test)]
mod tests;
mod window;

use std::time::Duration;

use crate::error::Result;
use crate::load::generator::Generator;
pub use crate::load::report::Report;
use crate::load::target::Target;

pub mod target;

/// What to send, how, and for how long.
#[derive(Debug)]
pub struct Options {
    /// Where to.
    pub target: Target,
    /// Headers to add, as "name: value".
    pub headers: Vec<String>,
    /// The body of every request.
    pub body: Vec<u8>,
    /// Connections kept open.
    pub connections: usize,
    /// Length of the measured window.
    pub duration: Duration,
    /// Time before it.
    pub warmup: Duration,
    /// Requests a second of the open loop; closed loop without.
    pub rate: Option<f64>,
    /// The answers are event streams.
    pub stream: bool,
    /// One request a connection, which is then left idle.
    pub once: bool,
    /// The process whose CPU time and memory are read, with its children.
    pub pid: Option<u32>,
    /// The core whose total use is read.
    pub watch_core: Option<usize>,
}

/// Puts load on the target and says what came back.
pub fn run(options: &Options) -> Result<Report> {
    Generator::new(options)?.run()
}
