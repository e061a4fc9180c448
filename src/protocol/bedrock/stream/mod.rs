//! Streams of ConverseStream: AWS event stream messages whose payload is JSON.
//!
//! `messageStart`; of each block `contentBlockStart` (calls only), `contentBlockDelta` and
//! `contentBlockStop`; `messageStop` with the reason; `metadata` with the usage, last.

mod reader;
mod writer;

pub use reader::Reader;
pub use writer::Writer;
