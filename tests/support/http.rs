//! A plain reading of HTTP/1.1 heads and bodies, just strict enough to catch a sloppy peer.

/// One parsed head: the start line and the fields in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    pub start: String,
    pub fields: Vec<(String, String)>,
    /// Bytes of the head with its blank line.
    pub len: usize,
}

impl Head {
    /// Reads a complete head from the front of `bytes`; none while the blank line is missing.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let end = find(bytes, b"\r\n\r\n")?;
        let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = text.split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let fields = lines.map(|line| match line.split_once(':') {
            Some((name, value)) => (name.to_owned(), value.trim().to_owned()),
            None => (line.to_owned(), String::new()),
        });
        Some(Self { start, fields: fields.collect(), len: end + 4 })
    }

    /// The first field of that name, whatever its case.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// How often a field occurs.
    pub fn count(&self, name: &str) -> usize {
        self.fields.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).count()
    }

    /// The status code of a response; 0 when the start line is not one.
    pub fn status(&self) -> u16 {
        let code = self.start.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
        code.and_then(|digits| digits.parse().ok()).unwrap_or(0)
    }
}

/// Where the body of a message ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    Length(usize),
    Chunked,
    Close,
}

/// The framing of a response with this head (`bodiless`: the answer to HEAD).
pub fn response_framing(head: &Head, bodiless: bool) -> Framing {
    if bodiless || matches!(head.status(), 100..=199 | 204 | 304) {
        return Framing::Length(0);
    }
    if head.get("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        return Framing::Chunked;
    }
    match head.get("content-length").map(str::parse) {
        Some(Ok(length)) => Framing::Length(length),
        Some(Err(_)) | None => Framing::Close,
    }
}

/// What stands at the front of a chunked body.
#[derive(Debug, PartialEq, Eq)]
pub enum Chunk {
    /// `len` payload bytes start at `start`; the whole chunk takes `used` bytes.
    Data { start: usize, len: usize, used: usize },
    /// The zero chunk and its (empty) trailer section took `used` bytes.
    Last { used: usize },
    /// More bytes are needed.
    Partial,
    /// This is not chunked framing.
    Broken,
}

/// Reads one chunk from the front of `bytes`; extensions and trailers count as broken.
pub fn chunk(bytes: &[u8]) -> Chunk {
    let Some(line) = find(bytes, b"\r\n") else {
        return if bytes.len() > 18 { Chunk::Broken } else { Chunk::Partial };
    };
    let size = std::str::from_utf8(&bytes[..line]).ok();
    let Some(size) = size.and_then(|digits| usize::from_str_radix(digits, 16).ok()) else {
        return Chunk::Broken;
    };
    let start = line + 2;
    let Some(end) = bytes.get(start + size..start + size + 2) else {
        return Chunk::Partial;
    };
    match (end == b"\r\n", size) {
        (false, _) => Chunk::Broken,
        (true, 0) => Chunk::Last { used: start + 2 },
        (true, len) => Chunk::Data { start, len, used: start + size + 2 },
    }
}

/// The end of a body in chunks.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Wraps a payload in one chunk.
pub fn as_chunk(payload: &[u8]) -> Vec<u8> {
    let mut out = format!("{:x}\r\n", payload.len()).into_bytes();
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\r\n");
    out
}

/// The place of `needle` in `bytes`.
pub fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, needle)
}
