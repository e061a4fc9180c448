//! Validated values, and walking through their members and elements.

use std::fmt;

use crate::codec::json::marks::Mark;
use crate::codec::json::skim;
use crate::codec::json::string::Str;

/// A validated JSON value: its slice of the text, without whitespace around it.
#[derive(Clone, Copy)]
pub struct Value<'a> {
    raw: &'a [u8],
    /// Those of its parts, as far as there are any.
    marks: &'a [Mark],
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number of any form.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// One name and value of an object.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    /// The name.
    pub key: Str<'a>,
    /// The value.
    pub value: Value<'a>,
}

impl<'a> Value<'a> {
    /// Takes a value that was validated or made by a writer of ours, with no whitespace around it.
    /// Of anything else the walks below make no sense, though they end.
    #[must_use]
    pub const fn trusted(raw: &'a [u8]) -> Self {
        Self { raw, marks: &[] }
    }

    /// The same of a container whose parts have these marks.
    pub(super) const fn marked(raw: &'a [u8], marks: &'a [Mark]) -> Self {
        Self { raw, marks }
    }

    /// The value as it stands in the text. It is UTF-8.
    #[inline]
    #[must_use]
    pub const fn raw(self) -> &'a [u8] {
        self.raw
    }

    /// What the value is; its first byte tells.
    #[inline]
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self.raw.first() {
            Some(b'"') => Kind::String,
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'n') | None => Kind::Null,
            Some(_) => Kind::Number,
        }
    }

    /// Whether it is `null`.
    #[inline]
    #[must_use]
    pub const fn is_null(self) -> bool {
        matches!(self.kind(), Kind::Null)
    }

    /// The boolean it is.
    #[inline]
    #[must_use]
    pub const fn as_bool(self) -> Option<bool> {
        match self.raw.first() {
            Some(b't') => Some(true),
            Some(b'f') => Some(false),
            Some(_) | None => None,
        }
    }

    /// The number it is, if it is written in digits alone and fits: `1.0`, `1e3` and `-0` are not.
    #[must_use]
    pub fn as_u64(self) -> Option<u64> {
        if self.raw.is_empty() {
            return None;
        }
        self.raw.iter().try_fold(0_u64, |n, byte| {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            n.checked_mul(10)?.checked_add(u64::from(digit))
        })
    }

    /// The string it is.
    #[inline]
    #[must_use]
    pub fn as_str(self) -> Option<Str<'a>> {
        self.raw.strip_prefix(b"\"")?.strip_suffix(b"\"").map(Str::trusted)
    }

    /// The members, in the order and with the duplicates of the text; none if it is no object.
    #[inline]
    #[must_use]
    pub fn members(self) -> Members<'a> {
        Members(Parts::of(self, b"{"))
    }

    /// The elements; none if it is no array.
    #[inline]
    #[must_use]
    pub fn elements(self) -> Elements<'a> {
        Elements(Parts::of(self, b"["))
    }

    /// Whether it is an array without elements.
    #[must_use]
    pub fn is_empty_array(self) -> bool {
        // Its first element need not be passed to know that there is one.
        let inside = self.raw.strip_prefix(b"[").map(skip_separators);
        inside.is_some_and(|inside| matches!(inside.first(), None | Some(b']')))
    }

    /// The one string that stands between `start` and `end`, which are all else of the object: for those
    /// who know how most of its kind are written. None where it is otherwise, or only a walk could tell.
    #[inline]
    #[must_use]
    pub fn string_between(self, start: &[u8], end: &[u8]) -> Option<Str<'a>> {
        let string = self.raw.strip_prefix(start)?.strip_suffix(end)?;
        let (len, _none) = Mark::take(&mut { self.marks }, start.len())?;
        if len == string.len() { Value::trusted(string).as_str() } else { None }
    }

    /// The value of the first member named `key`.
    #[must_use]
    pub fn get(self, key: &str) -> Option<Self> {
        self.members().find(|member| member.key.is(key)).map(|member| member.value)
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.raw))
    }
}

/// Walks through the members of an object.
#[derive(Debug, Clone)]
pub struct Members<'a>(Parts<'a>);

impl<'a> Iterator for Members<'a> {
    type Item = Member<'a>;

    #[inline(always)]
    fn next(&mut self) -> Option<Member<'a>> {
        let at_key = skip_separators(self.0.rest);
        if at_key.first() != Some(&b'"') {
            self.0.rest = &[];
            return None;
        }
        let (key, behind) = at_key.split_at_checked(skim::string_end(at_key, 1))?;
        let key = Value::trusted(key).as_str()?;
        let value = self.0.take(skip_separators(behind))?;
        Some(Member { key, value })
    }
}

/// Walks through the elements of an array.
#[derive(Debug, Clone)]
pub struct Elements<'a>(Parts<'a>);

impl<'a> Iterator for Elements<'a> {
    type Item = Value<'a>;

    #[inline(always)]
    fn next(&mut self) -> Option<Value<'a>> {
        let at_value = skip_separators(self.0.rest);
        if matches!(at_value.first(), None | Some(b']')) {
            self.0.rest = &[];
            return None;
        }
        self.0.take(at_value)
    }
}

/// A place in a container.
#[derive(Debug, Clone)]
struct Parts<'a> {
    /// What is behind the opening bracket or the part before.
    rest: &'a [u8],
    /// The length of the container.
    len: usize,
    /// The marks of parts in `rest`.
    marks: &'a [Mark],
}

impl<'a> Parts<'a> {
    #[inline]
    fn of(container: Value<'a>, open: &[u8; 1]) -> Self {
        let rest = container.raw.strip_prefix(open).unwrap_or_default();
        Self { rest, len: container.raw.len(), marks: container.marks }
    }

    /// Passes the value that starts `at_value`, an end of `rest`. A call would have to leave the value
    /// in memory, and the caller to wait for it there.
    #[inline(always)]
    fn take(&mut self, at_value: &'a [u8]) -> Option<Value<'a>> {
        let (len, marks) = Mark::take(&mut self.marks, self.len - at_value.len())
            .unwrap_or_else(|| (skim::value_end(at_value), &[]));
        let (raw, rest) = at_value.split_at_checked(len)?;
        self.rest = rest;
        Some(Value { raw, marks })
    }
}

/// Skips what stands between a validated text's parts; which of it stands where is known to be right.
#[inline]
fn skip_separators(text: &[u8]) -> &[u8] {
    let mut rest = text;
    while let [b' ' | b'\n' | b'\r' | b'\t' | b',' | b':', behind @ ..] = rest {
        rest = behind;
    }
    rest
}
