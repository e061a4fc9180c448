//! Streams of chunks.

mod choices;
mod extent;
mod reader;
mod writer;

pub use reader::Reader;
pub use writer::Writer;
