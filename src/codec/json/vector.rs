//! Passes lists of numbers, such as vectors, 64 bytes a step.

use crate::codec::json::block::LEN;
use crate::codec::json::swar;
use crate::codec::json::swar::ONES;

/// Where the bytes that lists of plain numbers are made of stand in a block, as bit masks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numerals {
    /// `0` to `9`
    pub digit: u64,
    /// `0`
    pub zero: u64,
    /// `-`
    pub minus: u64,
    /// `.`
    pub point: u64,
    /// `,`
    pub comma: u64,
    /// Space and line feed.
    pub space: u64,
}

impl Numerals {
    /// The bytes that cannot stand where they do if the block begins where a number of a list may. Only
    /// the lowest one is sure, and that it is at fault is not: exponents and rare whitespace are left to
    /// a reader of single numbers.
    #[inline(always)]
    const fn odd(self) -> u64 {
        let Self { digit, zero, minus, point, comma, space } = self;
        let behind_digit = digit << 1;
        let begin = (comma | space) << 1 | 1;
        let leading_zero = zero & (begin | minus << 1);
        // Added, a point's bit runs through the digits behind it to where the fraction ends.
        let behind_fraction = (point << 1).wrapping_add(digit) & !digit;
        let other = !(digit | minus | point | comma | space);
        let unbegun = (minus | space) & !begin;
        let unended = (comma | point) & !behind_digit;
        other | unbegun | unended | digit & leading_zero << 1 | point & behind_fraction
    }
}

/// Passes numbers and what is between them, from `at`, which must be where a number of a list begins. The
/// result is behind the last comma passed, or `at`: every number before it is one, and none is cut.
#[inline(always)]
pub fn pass(text: &[u8], mut at: usize, numerals: impl Fn(&[u8; LEN]) -> Numerals) -> usize {
    while let Some(block) = text.get(at..).and_then(<[u8]>::first_chunk) {
        let found = numerals(block);
        let odd = found.odd();
        // The bits below the lowest one that is set.
        let good = odd.wrapping_sub(1) & !odd;
        let commas = found.comma & good;
        if commas == 0 {
            break;
        }
        at += LEN - commas.leading_zeros() as usize;
    }
    at
}

/// What `block` holds, told by plain arithmetic.
pub fn numerals(block: &[u8; LEN]) -> Numerals {
    let equal = |byte: u8| swar::gather(block, |word| swar::zeros(word ^ (ONES * u64::from(byte))));
    Numerals {
        digit: swar::gather(block, swar::digits),
        zero: equal(b'0'),
        minus: equal(b'-'),
        point: equal(b'.'),
        comma: equal(b','),
        space: equal(b' ') | equal(b'\n'),
    }
}
