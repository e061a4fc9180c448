//! End-to-end tests: a real gateway process between a raw client and a scripted upstream.
//!
//! The driver under test comes from `CRABLLM_TEST_DRIVER` (default `io_uring`).

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "a test may block, lock, look at the clock and give up"
)]

#[path = "../support/mod.rs"]
mod support;

mod auth;
mod chat;
mod config_cli;
mod cut;
mod demo;
mod drivers;
mod embeddings;
mod errors;
#[cfg(feature = "failpoints")]
mod failpoints;
mod hangup;
mod lab;
mod lifecycle;
mod limits_deadlines;
mod long_talks;
mod models;
mod outage;
mod pool;
mod proxy;
mod queue;
mod requests;
mod routing;
mod stall40;
mod stalls;
mod stream;
mod stream_faults;
mod tls;
mod translate;
mod translate_stream;
mod waits;
