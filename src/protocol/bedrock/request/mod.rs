//! Requests of Converse and ConverseStream.

pub(super) mod blocks;
mod options;
mod parts;
mod read;
mod think;
mod tools;
mod turns;
mod write;

pub use read::read;
pub use read::read_valid;
pub use write::write;

pub(super) use parts::write_input;
pub(super) use write::write_counted;

/// What of an object within the body stands in the vocabulary's extras: its name, and a member's.
const NESTED: [&str; 5] = [
    "inferenceConfig",
    "toolConfig",
    "additionalModelRequestFields",
    "outputConfig",
    "serviceTier",
];
