//! Requests to generate content.

mod config;
mod contents;
pub(super) mod media;
mod read;
mod runs;
mod thinking;
mod tools;
mod turns;
mod write;
mod write_config;
mod write_media;
mod write_tools;

pub use read::read;
pub use read::read_valid;
pub use write::write;

pub(super) use write::members;
