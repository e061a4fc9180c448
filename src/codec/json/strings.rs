//! Passes over the strings of a text, checking them.
//!
//! Where one block has its stops is kept, with the escapes already resolved and checked, so that
//! neither an escape nor the next string in the same block costs another look at its bytes.

use crate::codec::json::block;
use crate::codec::json::block::Level;
use crate::codec::json::block::Stop;
use crate::codec::json::error::Error;
use crate::codec::json::error::ErrorKind;

/// What is known of the block last looked at.
#[derive(Debug)]
pub struct Strings<'a> {
    text: &'a [u8],
    level: Level,
    /// Ends at 0 before the first.
    block: Stop,
}

impl<'a> Strings<'a> {
    /// Starts at the beginning of `text`.
    #[inline]
    pub fn new(text: &'a [u8]) -> Self {
        Self { text, level: Level::best(), block: Stop::default() }
    }

    /// Passes over the string whose opening quote is before `at`; the result is behind the closing
    /// one. Its UTF-8 is not looked at. Calls must go forward.
    #[inline(always)]
    pub fn pass(&mut self, at: usize) -> Result<usize, Error> {
        if at < self.block.end {
            let stops = self.stops() & u64::MAX << (at % block::LEN);
            let lowest = stops & stops.wrapping_neg();
            if self.block.quotes & lowest != 0 {
                return Ok(self.block.end - block::LEN + stops.trailing_zeros() as usize + 1);
            }
        }
        self.pass_on(at)
    }

    /// The same if the string is at fault in the kept block or does not end there. By itself, because
    /// most strings are short and the call in it would have them all save registers.
    #[inline(never)]
    fn pass_on(&mut self, at: usize) -> Result<usize, Error> {
        let mut stops = 0;
        if at < self.block.end {
            stops = self.stops() & u64::MAX << (at % block::LEN);
        }
        if stops == 0 {
            stops = self.seek(at.max(self.block.end))?;
        }
        let lowest = stops & stops.wrapping_neg();
        let found = self.block.end - block::LEN + stops.trailing_zeros() as usize;
        if self.block.quotes & lowest == 0 {
            return Err(self.fault(found));
        }
        Ok(found + 1)
    }

    /// Takes the first block from `at` on with a stop in it; those of its stops that are not before `at`.
    #[inline]
    fn seek(&mut self, at: usize) -> Result<u64, Error> {
        // A branch, so that the next block is looked at before it is known where in it `at` is.
        if at - self.block.end >= block::LEN {
            // The carry is 0: between strings the grammar has no backslash.
            self.block.end = at - at % block::LEN;
        }
        if !self.level.seek(self.text, at, &mut self.block) {
            return Err(Error { at: self.text.len(), kind: ErrorKind::UnexpectedEnd });
        }
        let first = self.block.end - block::LEN;
        Ok(self.stops() & if at > first { u64::MAX << (at % block::LEN) } else { u64::MAX })
    }

    /// Where strings end in the block, or are at fault.
    #[inline]
    const fn stops(&self) -> u64 {
        self.block.quotes | self.block.faults
    }

    /// The fault at `at`, which is behind the text if an escape was expected there.
    #[cold]
    #[inline(never)]
    fn fault(&self, at: usize) -> Error {
        match self.text.get(at) {
            None => Error { at: self.text.len(), kind: ErrorKind::UnexpectedEnd },
            Some(..0x20) => Error { at, kind: ErrorKind::ControlCharacter },
            Some(_) => Error { at: at.saturating_sub(1), kind: ErrorKind::BadEscape },
        }
    }
}
