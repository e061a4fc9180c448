//! One message and the headers in it.

use crate::codec::eventstream::OVERHEAD;
use crate::codec::eventstream::PRELUDE;
use crate::codec::eventstream::error::Error;

/// A message whose lengths, CRCs and headers were checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'b> {
    raw: &'b [u8],
    headers: &'b [u8],
    payload: &'b [u8],
}

/// A header's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header<'b> {
    /// True or false.
    Bool(bool),
    /// 8 bits.
    Byte(i8),
    /// 16 bits.
    Short(i16),
    /// 32 bits.
    Integer(i32),
    /// 64 bits.
    Long(i64),
    /// Bytes, up to 65,535.
    Bytes(&'b [u8]),
    /// Text, up to 65,535 bytes of UTF-8.
    Text(&'b [u8]),
    /// Milliseconds since 1970.
    Timestamp(i64),
    /// A UUID.
    Uuid([u8; 16]),
}

impl<'b> Message<'b> {
    /// Takes a whole message whose lengths and CRCs are right and checks its headers.
    pub(super) fn new(raw: &'b [u8]) -> Result<Self, Error> {
        let headers = u32_at(raw, 4) as usize;
        let end = raw.len().saturating_sub(OVERHEAD - PRELUDE);
        let message = Self {
            raw,
            headers: raw.get(PRELUDE..PRELUDE + headers).unwrap_or_default(),
            payload: raw.get(PRELUDE + headers..end).unwrap_or_default(),
        };
        let mut walk = message.headers();
        loop {
            let at = walk.at;
            let Some((name, value)) = walk.step()? else { return Ok(message) };
            let text = if let Header::Text(text) = value { text } else { &[] };
            if !is_text(name) || !is_text(text) {
                return Err(Error::HeaderText { at });
            }
        }
    }

    /// Bytes of the stream that the message takes.
    #[expect(clippy::len_without_is_empty, reason = "a message has 16 bytes at least")]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.raw.len()
    }

    /// The headers, in the order of the message.
    #[must_use]
    pub const fn headers(&self) -> Headers<'b> {
        Headers { all: self.headers, at: 0 }
    }

    /// The text of the first header of this name that has text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'b str> {
        self.headers().find_map(|(found, value)| match value {
            Header::Text(text) if found == name.as_bytes() => std::str::from_utf8(text).ok(),
            Header::Text(_)
            | Header::Bool(_)
            | Header::Byte(_)
            | Header::Short(_)
            | Header::Integer(_)
            | Header::Long(_)
            | Header::Bytes(_)
            | Header::Timestamp(_)
            | Header::Uuid(_) => None,
        })
    }

    /// What the message carries.
    #[must_use]
    pub const fn payload(&self) -> &'b [u8] {
        self.payload
    }
}

/// Walks through the headers of a message: names, which are UTF-8, and values.
#[derive(Clone, Debug)]
pub struct Headers<'b> {
    all: &'b [u8],
    at: usize,
}

impl<'b> Headers<'b> {
    fn step(&mut self) -> Result<Option<(&'b [u8], Header<'b>)>, Error> {
        let start = self.at;
        if start >= self.all.len() {
            return Ok(None);
        }
        let length = self.bytes(1)?.first().copied().unwrap_or(0);
        let name = self.bytes(usize::from(length))?;
        let kind = self.bytes(1)?.first().copied().unwrap_or(0);
        let value = match kind {
            0 => Header::Bool(true),
            1 => Header::Bool(false),
            2 => Header::Byte(i8::from_be_bytes(self.array()?)),
            3 => Header::Short(i16::from_be_bytes(self.array()?)),
            4 => Header::Integer(i32::from_be_bytes(self.array()?)),
            5 => Header::Long(i64::from_be_bytes(self.array()?)),
            6 => {
                let length = usize::from(u16::from_be_bytes(self.array()?));
                Header::Bytes(self.bytes(length)?)
            }
            7 => {
                let length = usize::from(u16::from_be_bytes(self.array()?));
                Header::Text(self.bytes(length)?)
            }
            8 => Header::Timestamp(i64::from_be_bytes(self.array()?)),
            9 => Header::Uuid(self.array()?),
            kind => return Err(Error::HeaderType { at: start, kind }),
        };
        Ok(Some((name, value)))
    }

    fn bytes(&mut self, length: usize) -> Result<&'b [u8], Error> {
        let end = self.at.saturating_add(length);
        let bytes = self.all.get(self.at..end).ok_or(Error::HeaderCut { at: self.at })?;
        self.at = end;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let at = self.at;
        self.bytes(N)?.first_chunk().copied().ok_or(Error::HeaderCut { at })
    }
}

/// Whether it is UTF-8. Headers are short, and nearly always ASCII.
fn is_text(bytes: &[u8]) -> bool {
    bytes.is_ascii() || std::str::from_utf8(bytes).is_ok()
}

impl<'b> Iterator for Headers<'b> {
    type Item = (&'b [u8], Header<'b>);

    fn next(&mut self) -> Option<Self::Item> {
        // They were checked when the message was made.
        self.step().ok().flatten()
    }
}

/// The number at `at`; what is missing of it is 0.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..).and_then(<[u8]>::first_chunk);
    four.copied().map_or(0, u32::from_be_bytes)
}
