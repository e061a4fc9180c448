//! Why bytes are no event stream.

use std::fmt;

/// The first fault of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The lengths at a message's start are not what their CRC says.
    PreludeCrc {
        /// The CRC in the stream.
        told: u32,
        /// That of the bytes.
        found: u32,
    },
    /// A message is not what its CRC says.
    MessageCrc {
        /// The CRC in the stream.
        told: u32,
        /// That of the bytes.
        found: u32,
    },
    /// A message is longer than allowed.
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The longest allowed.
        max: usize,
    },
    /// The headers of a message are longer than the framing allows.
    HeadersTooLong {
        /// Their length in bytes.
        length: usize,
    },
    /// A message is too short for its headers and the framing.
    TooShort {
        /// Its length in bytes.
        length: usize,
        /// That of its headers.
        headers: usize,
    },
    /// A header ends outside of the headers.
    HeaderCut {
        /// Where it starts, in bytes from the first header on.
        at: usize,
    },
    /// A header is of a type that the framing does not define.
    HeaderType {
        /// Where it starts, in bytes from the first header on.
        at: usize,
        /// The type.
        kind: u8,
    },
    /// A header's name or text is not UTF-8.
    HeaderText {
        /// Where it starts, in bytes from the first header on.
        at: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PreludeCrc { told, found } => {
                write!(f, "the CRC of a message's lengths is {found:08x} and not {told:08x}")
            }
            Self::MessageCrc { told, found } => {
                write!(f, "the CRC of a message is {found:08x} and not {told:08x}")
            }
            Self::TooLong { length, max } => {
                write!(f, "a message of {length} bytes where {max} are allowed")
            }
            Self::HeadersTooLong { length } => write!(f, "headers of {length} bytes"),
            Self::TooShort { length, headers } => {
                write!(f, "a message of {length} bytes with headers of {headers}")
            }
            Self::HeaderCut { at } => write!(f, "the header at byte {at} is cut"),
            Self::HeaderType { at, kind } => {
                write!(f, "the header at byte {at} is of the unknown type {kind}")
            }
            Self::HeaderText { at } => write!(f, "the header at byte {at} is not UTF-8"),
        }
    }
}

impl std::error::Error for Error {}
