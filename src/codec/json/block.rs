//! Finds the bytes of 64 that end or interrupt a JSON string, as bit masks.
//!
//! Bit `i` of a mask stands for byte `i`. The masks come from `simd` on x86_64 and from the arithmetic
//! in `portable` elsewhere; a test holds the two equal.

/// Bytes a block has.
pub const LEN: usize = 64;

/// What a block holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Masks {
    /// `"`
    pub quote: u64,
    /// `\`
    pub slash: u64,
    /// Bytes below 0x20.
    pub control: u64,
}

/// Opening and closing brackets of both kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Brackets {
    /// `[` and `{`
    pub open: u64,
    /// `]` and `}`
    pub close: u64,
}

/// What the block of `text` at `at` holds, or nothing at the text's end.
/// A short last block is filled up with spaces, which no mask shows.
#[inline]
pub fn masks_at(text: &[u8], at: usize) -> Option<Masks> {
    let rest = text.get(at..)?;
    match rest.first_chunk() {
        // By reference: a copy on the stack would be written and read for nothing.
        Some(block) => Some(masks(block)),
        None => last(rest).map(|block| masks(&block)),
    }
}

/// The same for brackets.
#[inline]
pub fn brackets_at(text: &[u8], at: usize) -> Option<Brackets> {
    let rest = text.get(at..)?;
    match rest.first_chunk() {
        Some(block) => Some(brackets(block)),
        None => last(rest).map(|block| brackets(&block)),
    }
}

#[cold]
#[inline(never)]
fn last(rest: &[u8]) -> Option<[u8; LEN]> {
    let mut block = [b' '; LEN];
    block.get_mut(..rest.len())?.copy_from_slice(rest);
    (!rest.is_empty()).then_some(block)
}

/// Which bytes are escaped by a backslash before them, and whether the block's last byte escapes the
/// first of the next one. `carry` is 1 if the block before escapes the first byte of this one.
///
/// A run of backslashes escapes in pairs from its first one. Subtracting the run from itself moved
/// by one carries through it, so that comparing with every other bit tells the odd lengths.
#[inline]
pub fn escaped(slash: u64, carry: u64) -> (u64, u64) {
    const ODD: u64 = 0xAAAA_AAAA_AAAA_AAAA;
    let starts = slash & !carry;
    let codes = ((starts << 1) | ODD).wrapping_sub(starts) ^ ODD;
    (codes ^ (slash | carry), (codes & slash) >> 63)
}

/// For each bit, whether an odd number of bits of `quotes` are set up to and including it:
/// the bytes inside strings, with the opening and without the closing quotes.
#[inline]
pub fn inside(quotes: u64) -> u64 {
    let mut mask = quotes;
    for shift in [1, 2, 4, 8, 16, 32] {
        mask ^= mask << shift;
    }
    mask
}

#[cfg(target_arch = "x86_64")]
pub use crate::codec::json::simd::brackets;
#[cfg(target_arch = "x86_64")]
pub use crate::codec::json::simd::masks;

#[cfg(not(target_arch = "x86_64"))]
pub use portable::brackets;
#[cfg(not(target_arch = "x86_64"))]
pub use portable::masks;

#[cfg(any(test, not(target_arch = "x86_64")))]
pub mod portable {
    //! Eight bytes a step, in plain arithmetic.

    use super::Brackets;
    use super::LEN;
    use super::Masks;

    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;

    /// Classifies the bytes of `block`.
    pub fn masks(block: &[u8; LEN]) -> Masks {
        Masks {
            quote: gather(block, |w| zeros(w ^ (ONES * 0x22))),
            slash: gather(block, |w| zeros(w ^ (ONES * 0x5C))),
            control: gather(block, |w| zeros(w & (ONES * 0xE0))),
        }
    }

    /// Finds the brackets of `block`, in strings too.
    pub fn brackets(block: &[u8; LEN]) -> Brackets {
        Brackets {
            open: gather(block, |w| zeros((w | (ONES * 0x20)) ^ (ONES * 0x7B))),
            close: gather(block, |w| zeros((w | (ONES * 0x20)) ^ (ONES * 0x7D))),
        }
    }

    /// The high bit of each byte that is zero.
    fn zeros(word: u64) -> u64 {
        !(((word & !HIGHS) + !HIGHS) | word) & HIGHS
    }

    /// The high bits of what `find` makes of each word, one bit a byte.
    fn gather(block: &[u8; LEN], find: impl Fn(u64) -> u64) -> u64 {
        let (words, _) = block.as_chunks::<8>();
        words.iter().rev().fold(0, |mask, word| {
            let found = find(u64::from_le_bytes(*word)) >> 7;
            // The factor moves bit 8i to bit 56 + i, and no two products meet.
            mask << 8 | found.wrapping_mul(0x0102_0408_1020_4080) >> 56
        })
    }
}
