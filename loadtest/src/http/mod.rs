//! As much of HTTP/1.1 as a load generator and a mock need, strict where a proxy's faults would show.

pub mod body;
pub mod head;
pub mod response;

#[cfg(test)]
mod tests;

/// How the length of a body is known (RFC 9112, section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// This many bytes.
    Length(u64),
    /// Chunks, ended by one of size zero.
    Chunked,
    /// All that comes before the peer closes.
    UntilClose,
}

/// Why a message cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The head is not HTTP/1.1.
    Head,
    /// The head is longer than `head::MAX_BYTES`.
    HeadTooLong,
    /// `Content-Length` is no number, or disagrees with another header.
    Length,
    /// A chunk does not begin or end as it must.
    Chunk,
}
