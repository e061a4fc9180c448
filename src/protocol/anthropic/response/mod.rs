//! Whole answers.

mod read;
mod write;

pub use read::read;
pub use write::write;

pub(super) use write::call_id;
pub(super) use write::write_id;
