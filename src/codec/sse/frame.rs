//! One frame and the fields in it.

use std::borrow::Cow;

/// The bytes of a stream up to and including a blank line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'b> {
    raw: &'b [u8],
    /// Where the fields start: behind a byte order mark, if there is one.
    fields: usize,
    /// The end of the first line.
    first_end: usize,
    /// Lines without the blank one.
    lines: usize,
}

impl<'b> Frame<'b> {
    pub(super) const fn new(raw: &'b [u8], fields: usize, first_end: usize, lines: usize) -> Self {
        Self { raw, fields, first_end, lines }
    }

    /// Bytes of the stream that the frame takes.
    #[expect(clippy::len_without_is_empty, reason = "a frame holds a blank line at least")]
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.raw.len()
    }

    /// Those bytes: the blank line, and a byte order mark at the start of the stream, included.
    #[inline]
    #[must_use]
    pub const fn raw(&self) -> &'b [u8] {
        self.raw
    }

    /// The event's name: the last `event` field, unless it is empty. None means `message`.
    #[must_use]
    pub fn event(&self) -> Option<&'b [u8]> {
        self.lines().filter_map(|line| field(line, b"event")).last().filter(|name| !name.is_empty())
    }

    /// The data, of several lines joined by line feeds; nothing if there is no `data` line.
    #[must_use]
    pub fn data(&self) -> Option<Cow<'b, [u8]>> {
        let mut values = self.lines().filter_map(|line| field(line, b"data"));
        let first = values.next()?;
        let Some(second) = values.next() else {
            return Some(Cow::Borrowed(first));
        };
        let mut joined = first.to_vec();
        for value in std::iter::once(second).chain(values) {
            joined.push(b'\n');
            joined.extend_from_slice(value);
        }
        Some(Cow::Owned(joined))
    }

    /// Whether there is nothing but comments, or nothing at all: a keep-alive.
    #[must_use]
    pub fn is_comment_only(&self) -> bool {
        self.lines().all(|line| line.starts_with(b":"))
    }

    /// The lines without their ends, and without the blank one.
    #[inline]
    fn lines(&self) -> Lines<'b> {
        let first = self.raw.get(self.fields..self.first_end).filter(|_| self.lines > 0);
        let rest = self.raw.get(self.first_end..).filter(|_| self.lines > 1).unwrap_or_default();
        Lines { first, rest }
    }
}

struct Lines<'b> {
    /// The first line, which is known.
    first: Option<&'b [u8]>,
    /// What follows a line, from its end on.
    rest: &'b [u8],
}

impl<'b> Iterator for Lines<'b> {
    type Item = &'b [u8];

    #[inline]
    fn next(&mut self) -> Option<&'b [u8]> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        let ([b'\r', b'\n', start @ ..] | [b'\r' | b'\n', start @ ..]) = self.rest else {
            return None;
        };
        let length = memchr::memchr2(b'\n', b'\r', start)?;
        let (line, rest) = start.split_at_checked(length)?;
        self.rest = rest;
        // The blank line is the last one.
        (length > 0).then_some(line)
    }
}

/// The value of the field `name`, if that is what `line` is. One space behind the colon is not part
/// of it; a line without a colon is a name with an empty value.
#[inline]
fn field<'b>(line: &'b [u8], name: &[u8]) -> Option<&'b [u8]> {
    match line.strip_prefix(name)? {
        [] => Some(&[]),
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
        [_, ..] => None,
    }
}
