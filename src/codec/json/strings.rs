//! Passes over the strings of a text, checking them.
//!
//! The masks of one block at a time are kept, with the escapes already resolved, so that neither an
//! escape nor the next string in the same block costs another look at its bytes.

use crate::codec::json::block;
use crate::codec::json::error::Error;
use crate::codec::json::error::ErrorKind;

/// The masks of the block last looked at.
#[derive(Debug)]
pub struct Strings<'a> {
    text: &'a [u8],
    /// Where the kept block ends; blocks start at multiples of their length. 0 before the first.
    end: usize,
    quotes: u64,
    escaped: u64,
    control: u64,
    /// Whether the kept block escapes the first byte of the next one.
    carry: u64,
}

impl<'a> Strings<'a> {
    /// Starts at the beginning of `text`.
    pub const fn new(text: &'a [u8]) -> Self {
        Self { text, end: 0, quotes: 0, escaped: 0, control: 0, carry: 0 }
    }

    /// Passes over the string whose opening quote is before `at`; the result is behind the closing
    /// one. Its UTF-8 is not looked at. Calls must go forward.
    #[inline]
    pub fn pass(&mut self, mut at: usize) -> Result<usize, Error> {
        loop {
            if at >= self.end {
                self.load(at)?;
            }
            let base = self.end - block::LEN;
            let from = u64::MAX << (at % block::LEN);
            let ends = self.quotes & from;
            // The bits below the first end; all of them if there is none.
            let span = from & !ends & ends.wrapping_sub(1);
            self.check(base, span)?;
            if ends != 0 {
                return Ok(base + ends.trailing_zeros() as usize + 1);
            }
            at = self.end;
        }
    }

    /// Takes the masks of the block around `at`.
    #[inline]
    fn load(&mut self, at: usize) -> Result<(), Error> {
        let base = at - at % block::LEN;
        let Some(masks) = block::masks_at(self.text, base) else {
            return Err(Error { at: self.text.len(), kind: ErrorKind::UnexpectedEnd });
        };
        // Blocks left out between strings end in no escape: the grammar has no backslash there.
        let carry = if base == self.end { self.carry } else { 0 };
        (self.escaped, self.carry) = block::escaped(masks.slash, carry);
        self.quotes = masks.quote & !self.escaped;
        self.control = masks.control;
        self.end = base + block::LEN;
        Ok(())
    }

    /// Checks control characters and escapes among the bytes `span` of the block at `base`.
    #[inline]
    fn check(&self, base: usize, span: u64) -> Result<(), Error> {
        let control = self.control & span;
        let mut escaped = self.escaped & span;
        let mut plain = control == 0;
        while escaped != 0 {
            let at = base + escaped.trailing_zeros() as usize;
            plain &= self.text.get(at..).is_some_and(is_escape);
            escaped &= escaped - 1;
        }
        if plain { Ok(()) } else { Err(self.fault_in(base, span)) }
    }

    /// The first fault among those bytes, of which at least one is faulty.
    #[cold]
    #[inline(never)]
    fn fault_in(&self, base: usize, span: u64) -> Error {
        let control = self.control & span;
        let mut faults = control;
        let mut escaped = self.escaped & span;
        while escaped != 0 {
            let lowest = escaped & escaped.wrapping_neg();
            let at = base + lowest.trailing_zeros() as usize;
            if !self.text.get(at..).is_some_and(is_escape) {
                faults |= lowest;
            }
            escaped ^= lowest;
        }
        let first = faults.trailing_zeros();
        let at = base + first as usize;
        if at >= self.text.len() {
            return Error { at: self.text.len(), kind: ErrorKind::UnexpectedEnd };
        }
        if control.trailing_zeros() == first {
            return Error { at, kind: ErrorKind::ControlCharacter };
        }
        Error { at: at.saturating_sub(1), kind: ErrorKind::BadEscape }
    }
}

/// Whether `bytes`, which follow a backslash, begin with what makes an escape of it.
#[inline]
fn is_escape(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|byte| is_simple(*byte)) || is_unicode(bytes)
}

/// Whether `byte` makes an escape of the backslash before it all by itself.
///
/// Two sets of bits, because a `match` becomes a jump that is as hard to predict as the text.
#[inline]
const fn is_simple(byte: u8) -> bool {
    const LOW: u64 = 1 << b'"' | 1 << b'/';
    const HIGH: u64 = {
        let letters = 1 << (b'b' - 64) | 1 << (b'f' - 64) | 1 << (b'n' - 64) | 1 << (b'r' - 64);
        letters | 1 << (b't' - 64) | 1 << (b'\\' - 64)
    };
    let set = if byte < 64 { LOW } else { HIGH };
    (byte < 128) & (set >> (byte % 64) & 1 == 1)
}

#[inline]
fn is_unicode(bytes: &[u8]) -> bool {
    match bytes {
        [b'u', rest @ ..] => rest.first_chunk().is_some_and(|four| are_hex_digits(*four)),
        [] | [_, ..] => false,
    }
}

/// All four at once, because some libraries escape every letter beyond ASCII.
#[inline]
const fn are_hex_digits(four: [u8; 4]) -> bool {
    const ONES: u32 = 0x0101_0101;
    let word = u32::from_le_bytes(four);
    // Each sum stays below 0x100 because the bytes are ASCII; the high bit says that one is at least
    // the number which was taken from 0x80.
    let ascii = word & (ONES * 0x7F);
    let folded = ascii | (ONES * 0x20);
    let digit = (ascii + ONES * (0x80 - 0x30)) & !(ascii + ONES * (0x80 - 0x3A));
    let letter = (folded + ONES * (0x80 - 0x61)) & !(folded + ONES * (0x80 - 0x67));
    (digit | letter) & !word & (ONES * 0x80) == ONES * 0x80
}
