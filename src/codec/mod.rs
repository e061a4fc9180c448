//! Wire formats below the level of any provider: bytes in, bytes out, no clock and no I/O.

pub mod eventstream;
pub mod http1;
pub mod json;
pub mod ndjson;
pub mod percent;
pub mod sse;
pub mod time;
