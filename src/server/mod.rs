//! The data listener of a shard: connections in, requests to the line, and the way out.

mod connection;
mod listener;
mod models;

pub use listener::Door;
pub use listener::Stop;
pub use listener::bind;
pub use listener::serve;
