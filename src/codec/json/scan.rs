//! Checks a text against the grammar of RFC 8259, in one pass and without a stack of calls.

use crate::codec::json::MAX_DEPTH;
use crate::codec::json::error::Error;
use crate::codec::json::error::ErrorKind;
use crate::codec::json::error::fault;
use crate::codec::json::marks::Notes;
use crate::codec::json::scalars;
use crate::codec::json::strings::Strings;

/// A place in a text, of which everything before is checked. The text is UTF-8.
#[derive(Debug)]
pub struct Scan<'a> {
    place: Place<'a>,
    strings: Strings<'a>,
}

/// The place itself. It is small and copied, so that it stays in registers for as long as nothing that
/// is not inlined is given a pointer to it.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    text: &'a [u8],
    at: usize,
}

/// The arrays and objects around a place: how many, and for each a bit that is set for an object.
#[derive(Debug, Clone, Copy)]
struct Nest {
    depth: usize,
    objects: u128,
}

// One bit for each level that is let through.
const _: () = assert!(MAX_DEPTH <= u128::BITS as usize);

/// What stands before a place in the grammar.
#[derive(Debug, Clone, Copy)]
enum Before {
    /// An opening bracket or a comma: a value follows, in an object behind its name.
    Opening,
    /// A value.
    Value,
}

impl<'a> Scan<'a> {
    /// Starts at the beginning of `text`, which must be UTF-8.
    ///
    /// That is checked beforehand: by all of its bytes at once it costs a tenth of what the grammar
    /// does, and nothing later has to keep track of it.
    #[inline]
    pub fn new(text: &'a [u8]) -> Result<Self, Error> {
        match simdutf8::basic::from_utf8(text) {
            Ok(_) => Ok(Self { place: Place { text, at: 0 }, strings: Strings::new(text) }),
            Err(_) => Err(not_utf8(text)),
        }
    }

    /// Offset of the next byte.
    pub const fn at(&self) -> usize {
        self.place.at
    }

    /// Passes whitespace and takes `byte` if it is next.
    #[inline]
    pub fn eat(&mut self, byte: u8) -> bool {
        self.place.eat(byte)
    }

    /// Passes whitespace; the byte behind it, if any.
    #[inline]
    pub fn peek(&mut self) -> Option<u8> {
        self.place.peek()
    }

    /// Passes whitespace, a member's name and the colon. The result is the name between its quotes.
    #[inline(never)]
    pub fn key(&mut self) -> Result<&'a [u8], Error> {
        let mut place = self.place;
        let _ = place.peek();
        let start = place.at + 1;
        let end = place.name(&mut self.strings)?;
        self.place = place;
        Ok(place.text.get(start..end).unwrap_or_default())
    }

    /// Passes whitespace and a value that stands within `depth` others, and tells `notes` of its parts.
    #[inline(never)]
    pub fn value(&mut self, depth: usize, notes: &mut impl Notes) -> Result<(), Error> {
        let (mut place, strings) = (self.place, &mut self.strings);
        let mut nest = Nest { depth: 0, objects: 0 };
        let room = MAX_DEPTH - depth;
        loop {
            // One place for all names, of the first member and of those behind a comma.
            if nest.in_object() {
                place.name(strings)?;
            }
            if let Before::Value = place.begin(strings, &mut nest, room, notes)?
                && place.finish(&mut nest, notes)?
            {
                self.place = place;
                return Ok(());
            }
        }
    }

    /// Checks that only whitespace is left.
    pub fn end(mut self) -> Result<(), Error> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(Error { at: self.at(), kind: ErrorKind::TrailingBytes }),
        }
    }

    /// The fault `kind` here; the end of the text is always the same one.
    #[inline]
    pub const fn fault(&self, kind: ErrorKind) -> Error {
        self.place.fault(kind)
    }
}

// All inlined: each is called from one place or two, and a call would put the place into memory.
impl Place<'_> {
    #[inline(always)]
    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    #[inline(always)]
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.text.get(self.at) {
                // All others in one comparison, because most places have no whitespace.
                Some(byte) if *byte > b' ' => return Some(*byte),
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    /// Passes whitespace, a member's name and the colon; the result is where the name ends.
    #[inline(always)]
    fn name(&mut self, strings: &mut Strings<'_>) -> Result<usize, Error> {
        if !self.eat(b'"') {
            return Err(self.fault(ErrorKind::ExpectedKey));
        }
        self.at = strings.pass(self.at)?;
        let end = self.at - 1;
        if !self.eat(b':') {
            return Err(self.fault(ErrorKind::ExpectedColon));
        }
        Ok(end)
    }

    /// Passes a scalar, an empty container, or the opening of another one.
    #[inline(always)]
    fn begin(
        &mut self,
        strings: &mut Strings<'_>,
        nest: &mut Nest,
        room: usize,
        notes: &mut impl Notes,
    ) -> Result<Before, Error> {
        let next = self.peek();
        let start = self.at;
        match next {
            Some(b'"') => {
                self.at = strings.pass(start + 1)?;
                notes.string(start, self.at);
            }
            Some(b'{') => {
                self.open(nest, room, true)?;
                if !self.eat(b'}') {
                    notes.open(start);
                    return Ok(Before::Opening);
                }
                nest.pop();
            }
            Some(b'[') => {
                self.open(nest, room, false)?;
                if !self.eat(b']') {
                    notes.open(start);
                    return Ok(Before::Opening);
                }
                nest.pop();
            }
            Some(b'-' | b'0'..=b'9') if nest.in_array() => {
                self.at = scalars::numbers(self.text, start)?;
            }
            Some(b'-' | b'0'..=b'9') => self.at = scalars::number(self.text, start)?,
            Some(b't') => self.at = scalars::word(self.text, self.at, b"true")?,
            Some(b'f') => self.at = scalars::word(self.text, self.at, b"false")?,
            Some(b'n') => self.at = scalars::word(self.text, self.at, b"null")?,
            Some(_) | None => return Err(self.fault(ErrorKind::ExpectedValue)),
        }
        Ok(Before::Value)
    }

    /// Behind a value: closes what ends here. True if nothing is open any more, false behind a comma.
    #[inline(always)]
    fn finish(&mut self, nest: &mut Nest, notes: &mut impl Notes) -> Result<bool, Error> {
        while nest.depth > 0 {
            let object = nest.in_object();
            let (close, kind) = if object {
                (b'}', ErrorKind::ExpectedCommaOrBrace)
            } else {
                (b']', ErrorKind::ExpectedCommaOrBracket)
            };
            match self.peek() {
                Some(b',') => {
                    self.at += 1;
                    return Ok(false);
                }
                Some(byte) if byte == close => {
                    self.at += 1;
                    nest.pop();
                    notes.close(self.at);
                }
                Some(_) | None => return Err(self.fault(kind)),
            }
        }
        Ok(true)
    }

    #[inline(always)]
    fn open(&mut self, nest: &mut Nest, room: usize, object: bool) -> Result<(), Error> {
        if nest.depth >= room {
            return Err(self.fault(ErrorKind::TooDeep));
        }
        nest.push(object);
        self.at += 1;
        Ok(())
    }

    #[inline]
    const fn fault(&self, kind: ErrorKind) -> Error {
        fault(self.text, self.at, kind)
    }
}

impl Nest {
    #[inline]
    const fn push(&mut self, object: bool) {
        self.depth += 1;
        self.objects = self.objects << 1 | object as u128;
    }

    #[inline]
    const fn pop(&mut self) {
        self.depth -= 1;
        self.objects >>= 1;
    }

    #[inline]
    const fn in_array(self) -> bool {
        self.depth > 0 && !self.in_object()
    }

    #[inline]
    const fn in_object(self) -> bool {
        self.objects & 1 == 1
    }
}

/// The fault of a text that is not UTF-8.
#[cold]
fn not_utf8(text: &[u8]) -> Error {
    let at = std::str::from_utf8(text).err().map_or(0, |e| e.valid_up_to());
    Error { at, kind: ErrorKind::InvalidUtf8 }
}
