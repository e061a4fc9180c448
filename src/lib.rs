//! CrabLLM, an LLM API gateway.
//!
//! The modules stand in layers. A module uses modules of lower layers only; `tests/tidy.rs` reads
//! the numbers below and holds it to that. `docs/architecture.md` draws the picture.

// 0. Leaves: bytes in, bytes out; no clock, no I/O.
pub mod codec;
pub mod error;
pub mod secret;

// 1. Vocabulary: what every protocol can say.
pub mod chat;

// 2. Protocols: a provider's bytes to the vocabulary and back.
pub mod protocol;

// 3. Decisions: (state, input, now) -> verdict.
pub mod auth;
pub mod cache;
pub mod limit;
pub mod route;

// 4. What the process is told.
pub mod config;

// 5. World: what it runs on.
pub mod runtime;

// 6. Sockets and records.
pub mod net;
pub mod observe;

// 7. Providers: a protocol, an address and credentials.
pub mod provider;

// 8. The line: one request from its head to its record.
pub mod exchange;

// 9. The data listener.
pub mod server;

// 10. The control plane: signals, names, records, the threads of the shards.
pub mod control;

// 11. The command line.
pub mod cli;
