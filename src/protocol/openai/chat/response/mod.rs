//! Whole answers.

mod images;
mod read;
mod said;
mod write;

pub use images::shows;
pub use read::read;
pub use write::write;
pub use write::write_older;

pub(super) use images::write as write_images;
pub(super) use read::made_id;
pub(super) use read::seconds;
pub(super) use said::Call;
pub(super) use said::Choice;
pub(super) use said::Message;
pub(super) use said::finish;
pub(super) use said::finish_word;
pub(super) use said::is_nothing;
pub(super) use write::is_in_message;
pub(super) use write::write_arguments;
pub(super) use write::write_citation;
pub(super) use write::write_id;
