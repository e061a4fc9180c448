//! Streams of server-sent events.
//!
//! `message_start`; of each content block `content_block_start`, `content_block_delta` and
//! `content_block_stop`; `message_delta` with the reason and the usage; `message_stop`.

mod block;
mod reader;
mod writer;

pub use reader::Reader;
pub use writer::Writer;
