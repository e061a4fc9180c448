//! Requests.

mod blocks;
mod foreign;
mod media;
mod parts;
mod plan;
mod read;
mod read_tools;
mod rest;
mod schema;
mod think;
mod tools;
mod write;

pub use foreign::holds_foreign;
pub use read::read;
pub use read::read_valid;
pub use write::write;

pub(super) use parts::write_arguments;
pub(super) use read::read_counted;
pub(super) use write::write_counted;

/// The tool whose input is the answer, where a model cannot be held to a schema otherwise.
pub const FORMAT_TOOL: &str = "crabllm_json";
