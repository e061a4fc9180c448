//! Checks a text against the grammar of RFC 8259, in one pass and without a stack of calls.

use crate::codec::json::MAX_DEPTH;
use crate::codec::json::error::Error;
use crate::codec::json::error::ErrorKind;
use crate::codec::json::strings::Strings;

/// A place in a text, of which everything before is checked. The text is UTF-8.
#[derive(Debug)]
pub struct Scan<'a> {
    text: &'a [u8],
    at: usize,
    strings: Strings<'a>,
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
    /// An opening bracket, a comma or a colon: a value follows.
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
            Ok(_) => Ok(Self { text, at: 0, strings: Strings::new(text) }),
            Err(_) => Err(not_utf8(text)),
        }
    }

    /// Offset of the next byte.
    pub const fn at(&self) -> usize {
        self.at
    }

    /// Passes whitespace and takes `byte` if it is next.
    #[inline]
    pub fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Passes whitespace; the byte behind it, if any.
    #[inline]
    pub fn peek(&mut self) -> Option<u8> {
        loop {
            match self.text.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    /// Passes whitespace, a member's name and the colon. The result is the name between its quotes.
    #[inline]
    pub fn key(&mut self) -> Result<&'a [u8], Error> {
        if !self.eat(b'"') {
            return Err(self.fault(ErrorKind::ExpectedKey));
        }
        let start = self.at;
        self.at = self.strings.pass(start)?;
        let name = self.text.get(start..self.at - 1).unwrap_or_default();
        if !self.eat(b':') {
            return Err(self.fault(ErrorKind::ExpectedColon));
        }
        Ok(name)
    }

    /// Passes whitespace and a value that stands within `depth` others.
    #[inline]
    pub fn value(&mut self, depth: usize) -> Result<(), Error> {
        let mut nest = Nest { depth: 0, objects: 0 };
        let room = MAX_DEPTH - depth;
        loop {
            if let Before::Value = self.begin(&mut nest, room)?
                && self.finish(&mut nest)?
            {
                return Ok(());
            }
        }
    }

    /// Checks that only whitespace is left.
    pub fn end(mut self) -> Result<(), Error> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(Error { at: self.at, kind: ErrorKind::TrailingBytes }),
        }
    }

    /// The fault `kind` here; the end of the text is always the same one.
    pub fn fault(&self, kind: ErrorKind) -> Error {
        let at = self.at.min(self.text.len());
        let kind = if at == self.text.len() { ErrorKind::UnexpectedEnd } else { kind };
        Error { at, kind }
    }

    /// Passes a scalar, an empty container, or the opening of another one.
    #[inline]
    fn begin(&mut self, nest: &mut Nest, room: usize) -> Result<Before, Error> {
        match self.peek() {
            Some(b'"') => self.at = self.strings.pass(self.at + 1)?,
            Some(b'{') => {
                self.open(nest, room, true)?;
                if !self.eat(b'}') {
                    self.key()?;
                    return Ok(Before::Opening);
                }
                nest.pop();
            }
            Some(b'[') => {
                self.open(nest, room, false)?;
                if !self.eat(b']') {
                    return Ok(Before::Opening);
                }
                nest.pop();
            }
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word(b"true")?,
            Some(b'f') => self.word(b"false")?,
            Some(b'n') => self.word(b"null")?,
            Some(_) | None => return Err(self.fault(ErrorKind::ExpectedValue)),
        }
        Ok(Before::Value)
    }

    /// Behind a value: closes what ends here. True if nothing is open any more, false behind a comma.
    #[inline]
    fn finish(&mut self, nest: &mut Nest) -> Result<bool, Error> {
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
                    if object {
                        self.key()?;
                    }
                    return Ok(false);
                }
                Some(byte) if byte == close => {
                    self.at += 1;
                    nest.pop();
                }
                Some(_) | None => return Err(self.fault(kind)),
            }
        }
        Ok(true)
    }

    #[inline]
    fn open(&mut self, nest: &mut Nest, room: usize, object: bool) -> Result<(), Error> {
        if nest.depth >= room {
            return Err(self.fault(ErrorKind::TooDeep));
        }
        nest.push(object);
        self.at += 1;
        Ok(())
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Error> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if rest.starts_with(word) {
            self.at += word.len();
            return Ok(());
        }
        let same = rest.iter().zip(word).take_while(|(a, b)| a == b).count();
        if same == rest.len() {
            self.at = self.text.len();
        }
        Err(self.fault(ErrorKind::BadLiteral))
    }

    fn number(&mut self) -> Result<(), Error> {
        if self.next() == Some(b'-') {
            self.at += 1;
        }
        if self.next() == Some(b'0') {
            self.at += 1;
            if self.next().is_some_and(|b| b.is_ascii_digit()) {
                return Err(self.fault(ErrorKind::BadNumber));
            }
        } else {
            self.digits()?;
        }
        if self.next() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.next(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.next(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    /// Passes one digit or more.
    fn digits(&mut self) -> Result<(), Error> {
        let start = self.at;
        while self.next().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(self.fault(ErrorKind::BadNumber)) } else { Ok(()) }
    }

    #[inline]
    fn next(&self) -> Option<u8> {
        self.text.get(self.at).copied()
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
