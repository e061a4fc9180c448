//! Requests: `/api/chat`.

mod fields;
mod media;
mod read;
mod read_turns;
mod write;
mod write_turns;

pub use read::read;
pub use read::read_valid;
pub use write::write;

/// Longest name of a model, in bytes.
pub(super) const MAX_MODEL: usize = 256;
