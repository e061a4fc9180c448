//! The control plane: starts the shards, answers their questions, takes their records, and brings
//! the process down in order. Nothing here is on a request's way.

mod lifecycle;
mod log;
mod resolve;
mod shard;
mod tls;

pub use lifecycle::compile;
pub use lifecycle::run;
