//! Connections: to clients, to upstreams, and what they are made of.

pub mod buffers;
pub mod connect;
pub mod downstream;
pub mod pool;
pub mod resolve;
pub mod stream;
pub mod tls;
pub mod upstream;

pub use stream::Stream;
