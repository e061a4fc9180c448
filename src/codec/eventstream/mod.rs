//! AWS event stream framing (`application/vnd.amazon.eventstream`): length-prefixed binary messages
//! with typed headers and two CRC-32 checks. Any cut of the input gives the same messages.
//!
//! A message is, all numbers big-endian,
//! `u32 length | u32 length of headers | u32 CRC of those 8 bytes | headers | payload | u32 CRC of
//! all before`. What a message means is left to the protocol above.

mod error;
#[cfg(any(test, fuzzing))]
mod fuzz;
mod message;
mod write;

#[cfg(test)]
mod tests;

pub use error::Error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub use fuzz::fuzz_eventstream;
pub use message::Header;
pub use message::Headers;
pub use message::Message;
pub use write::begin;
pub use write::end;
pub use write::write;

use message::u32_at;

/// Most bytes of a message, by the framing's own definition.
pub const MAX_MESSAGE: usize = 16 * 1024 * 1024;
/// Most bytes of a message's headers, by the same.
pub const MAX_HEADERS: usize = 128 * 1024;

/// The two lengths and their CRC.
const PRELUDE: usize = 12;
/// The prelude and the CRC at the end.
const OVERHEAD: usize = PRELUDE + 4;

/// Cuts a stream into messages.
///
/// The caller keeps the bytes and calls `decode` with all of them that are not consumed yet, each
/// time from the same place on. After a message it moves that place by the message's length.
#[derive(Clone, Copy, Debug)]
pub struct Decoder {
    max_message: usize,
    /// The length of the message that is waited for, once its prelude was checked.
    pending: Option<usize>,
}

impl Decoder {
    /// A decoder for messages of at most `max_message` bytes, framing included. More than
    /// [`MAX_MESSAGE`] is never accepted.
    #[must_use]
    pub const fn new(max_message: usize) -> Self {
        let max_message = if max_message < MAX_MESSAGE { max_message } else { MAX_MESSAGE };
        Self { max_message, pending: None }
    }

    /// The message at the start of `buf`, or nothing until `buf` holds more. Lengths are checked
    /// as soon as they are there, before any waiting for what they promise.
    ///
    /// # Errors
    /// Final: there is no way to tell where the next message starts.
    pub fn decode<'b>(&mut self, buf: &'b [u8]) -> Result<Option<Message<'b>>, Error> {
        let length = match self.pending {
            Some(length) => length,
            None => match self.prelude(buf)? {
                Some(length) => *self.pending.insert(length),
                None => return Ok(None),
            },
        };
        let Some(raw) = buf.get(..length) else { return Ok(None) };
        self.pending = None;
        let (checked, told) = raw.split_at_checked(length - 4).unwrap_or_default();
        let (told, found) = (u32_at(told, 0), crc32fast::hash(checked));
        if told != found {
            return Err(Error::MessageCrc { told, found });
        }
        Message::new(raw).map(Some)
    }

    /// Checks the lengths at the start of `buf`; the message's, once there are enough bytes.
    fn prelude(&self, buf: &[u8]) -> Result<Option<usize>, Error> {
        let Some(prelude) = buf.first_chunk::<PRELUDE>() else { return Ok(None) };
        let (lengths, told) = prelude.split_at_checked(8).unwrap_or_default();
        let (told, found) = (u32_at(told, 0), crc32fast::hash(lengths));
        if told != found {
            return Err(Error::PreludeCrc { told, found });
        }
        let length = u32_at(lengths, 0) as usize;
        let headers = u32_at(lengths, 4) as usize;
        if length > self.max_message {
            return Err(Error::TooLong { length, max: self.max_message });
        }
        if headers > MAX_HEADERS {
            return Err(Error::HeadersTooLong { length: headers });
        }
        if length < headers + OVERHEAD {
            return Err(Error::TooShort { length, headers });
        }
        Ok(Some(length))
    }
}
