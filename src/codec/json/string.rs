//! Strings as they stand in a text, and writing them.

use std::borrow::Cow;
use std::fmt;

use crate::codec::json::block;

/// A validated JSON string: the bytes between its quotes, escapes as they are.
#[derive(Clone, Copy)]
pub struct Str<'a>(&'a [u8]);

impl<'a> Str<'a> {
    /// Takes bytes that stood between the quotes of a validated string, or that
    /// [`write_str`] wrote there.
    #[must_use]
    pub const fn trusted(raw: &'a [u8]) -> Self {
        Self(raw)
    }

    /// The bytes between the quotes. They are UTF-8, and valid between two quotes elsewhere.
    #[inline]
    #[must_use]
    pub const fn raw(self) -> &'a [u8] {
        self.0
    }

    /// Whether the string means `s`, however it is escaped.
    #[inline]
    #[must_use]
    pub fn is(self, s: &str) -> bool {
        // An escape is longer than what it stands for, so equal lengths leave no room for one.
        if self.0.len() <= s.len() {
            return self.0 == s.as_bytes() && !s.contains('\\');
        }
        // Most names that are not asked for differ in their first byte, if it starts no escape.
        let first = self.0.first();
        (first == s.as_bytes().first() || first == Some(&b'\\'))
            && self.has_escapes()
            && self.unescape() == s
    }

    /// What the string means. A lone surrogate, which UTF-8 cannot say, becomes U+FFFD.
    #[must_use]
    pub fn decode(self) -> Cow<'a, str> {
        if self.has_escapes() {
            return Cow::Owned(self.unescape());
        }
        // A valid string always is. The check alone is a fraction of what the lossy one takes.
        std::str::from_utf8(self.0).map_or_else(|_| String::from_utf8_lossy(self.0), Cow::Borrowed)
    }

    /// The bytes of what a short string means, such as a member's name, which rarely has escapes.
    #[inline]
    #[must_use]
    pub fn name(self) -> Cow<'a, [u8]> {
        // A plain loop is done before a search for bytes has begun.
        if self.0.iter().any(|byte| matches!(byte, b'\\')) {
            return Cow::Owned(self.unescape().into_bytes());
        }
        Cow::Borrowed(self.0)
    }

    fn has_escapes(self) -> bool {
        memchr::memchr(b'\\', self.0).is_some()
    }

    #[inline(never)]
    fn unescape(self) -> String {
        let mut out = String::with_capacity(self.0.len());
        let mut rest = self.0;
        while let Some(at) = memchr::memchr(b'\\', rest) {
            let (plain, escape) = rest.split_at_checked(at).unwrap_or_default();
            out.push_str(&String::from_utf8_lossy(plain));
            let (character, length) = escaped_char(escape);
            out.push(character);
            rest = escape.get(length..).unwrap_or_default();
        }
        out.push_str(&String::from_utf8_lossy(rest));
        out
    }
}

impl fmt::Debug for Str<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", String::from_utf8_lossy(self.0))
    }
}

/// The character that the escape at the start of `text` stands for, and the escape's length.
fn escaped_char(text: &[u8]) -> (char, usize) {
    match text {
        [_, b'b', ..] => ('\u{8}', 2),
        [_, b'f', ..] => ('\u{c}', 2),
        [_, b'n', ..] => ('\n', 2),
        [_, b'r', ..] => ('\r', 2),
        [_, b't', ..] => ('\t', 2),
        [_, b'u', ..] => utf16(text),
        [_, same, ..] => (char::from(*same), 2),
        [] | [_] => (char::REPLACEMENT_CHARACTER, text.len()),
    }
}

/// The same for `\u` and for two of them that are a surrogate pair.
fn utf16(text: &[u8]) -> (char, usize) {
    let high = unit(text);
    if let Some(character) = high.and_then(char::from_u32) {
        return (character, 6);
    }
    let low = text.get(6..).and_then(unit);
    match (high, low) {
        (Some(high @ 0xD800..=0xDBFF), Some(low @ 0xDC00..=0xDFFF)) => {
            let code = 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00);
            (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
        }
        (Some(_) | None, Some(_) | None) => (char::REPLACEMENT_CHARACTER, 6),
    }
}

/// The number of the `\uXXXX` at the start of `text`.
fn unit(text: &[u8]) -> Option<u32> {
    let digits = text.strip_prefix(b"\\u")?.first_chunk::<4>()?;
    digits.iter().try_fold(0, |n, byte| Some(n << 4 | char::from(*byte).to_digit(16)?))
}

/// Appends `s` as a JSON string with its quotes. Only what RFC 8259 demands is escaped.
pub fn write_str(out: &mut Vec<u8>, s: &str) {
    out.reserve(s.len() + 2);
    out.push(b'"');
    write_escaped(out, s);
    out.push(b'"');
}

/// Appends what stands between the quotes of `s` as a JSON string.
pub fn write_escaped(out: &mut Vec<u8>, s: &str) {
    let text = s.as_bytes();
    let mut copied = 0;
    let mut at = 0;
    while let Some(masks) = block::masks_at(text, at) {
        let mut special = masks.quote | masks.slash | masks.control;
        while special != 0 {
            let found = at + special.trailing_zeros() as usize;
            out.extend_from_slice(text.get(copied..found).unwrap_or_default());
            text.get(found).into_iter().for_each(|byte| write_escape(out, *byte));
            copied = found + 1;
            special &= special - 1;
        }
        at += block::LEN;
    }
    out.extend_from_slice(text.get(copied..).unwrap_or_default());
}

fn write_escape(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        0x08 => b'b',
        0x0C => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        b'"' | b'\\' => byte,
        other => {
            let digit = |n: u8| char::from_digit(u32::from(n), 16).map_or(b'0', |c| c as u8);
            return out.extend_from_slice(&[
                b'\\',
                b'u',
                b'0',
                b'0',
                digit(other >> 4),
                digit(other & 15),
            ]);
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}
