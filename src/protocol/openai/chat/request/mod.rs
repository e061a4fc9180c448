//! Requests: `POST /v1/chat/completions`.

mod fields;
mod media;
mod read;
mod read_parts;
mod read_tools;
mod read_turns;
mod write;
mod write_parts;
mod write_tools;
mod write_turns;

pub use read::read;
pub use read::read_valid;
pub use write::write;

use std::borrow::Cow;

pub(super) use media::image;
pub(super) use media::write_data_url;

/// What is wrong with a message, without its place.
type Fault = Cow<'static, str>;
