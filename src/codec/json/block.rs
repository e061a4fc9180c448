//! Finds the bytes of 64 that end or interrupt a JSON string, as bit masks.
//!
//! Bit `i` of a mask stands for byte `i`. The masks come from `simd` on x86_64 and from the arithmetic
//! in `portable` elsewhere; a test holds all ways to get them equal.

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

impl Masks {
    /// Without what is only looked for to be refused.
    #[inline]
    pub const fn unchecked(self) -> Self {
        Self { control: 0, ..self }
    }
}

/// Opening and closing brackets of both kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Brackets {
    /// `[` and `{`
    pub open: u64,
    /// `]` and `}`
    pub close: u64,
}

/// A block in which a string ends or is at fault.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// Where the block ends in the text.
    pub end: usize,
    /// Quotes that are not escaped.
    pub quotes: u64,
    /// Control bytes, and the bytes behind a backslash that make no escape of it.
    pub faults: u64,
    /// 1 if the block escapes the first byte of the next one, else 0.
    pub carry: u64,
}

/// Goes through `text` from `at`, which is inside a string, to the first block with a stop in it, and
/// puts that into `stop`. False if the text ends first. The first block looked at is the one behind that
/// of `stop`, whose carry goes into it; `at` must be in it. Blocks start at multiples of their length.
///
/// What a block holds is told by `masks`, and by `wrong` which of the bytes that are escaped make no
/// escape; it is given the text from the block on as well. A caller compiled for more instructions
/// than the rest of the program has them inlined here only if this is inlined there.
#[inline(always)]
pub fn seek(
    text: &[u8],
    at: usize,
    stop: &mut Stop,
    masks: impl Fn(&[u8; LEN]) -> Masks,
    wrong: impl Fn(&[u8; LEN], &[u8], u64) -> u64,
) -> bool {
    let mut base = stop.end;
    let mut inside = u64::MAX << (at % LEN);
    let mut carry = stop.carry;
    while let Some(rest) = text.get(base..) {
        let found = match (rest.first_chunk(), text.last_chunk()) {
            (Some(block), _) => look(block, rest, 0, carry, &masks, &wrong),
            // The text's last bytes once more, so that nothing has to be filled up.
            (None, Some(block)) if !rest.is_empty() => {
                look(block, block, LEN - rest.len(), carry, &masks, &wrong)
            }
            (None, Some(_) | None) => match last(rest) {
                Some(block) => look(&block, &block, 0, carry, &masks, &wrong),
                None => return false,
            },
        };
        base += LEN;
        if (found.quotes | found.faults) & inside != 0 {
            // In place: read back from a copy of them, numbers just written would have to be waited for.
            *stop = Stop { end: base, ..found };
            return true;
        }
        inside = u64::MAX;
        carry = found.carry;
    }
    false
}

/// The stops of `block` without its first `known` bytes. It starts `rest`.
#[inline(always)]
fn look(
    block: &[u8; LEN],
    rest: &[u8],
    known: usize,
    carry: u64,
    masks: impl Fn(&[u8; LEN]) -> Masks,
    wrong: impl Fn(&[u8; LEN], &[u8], u64) -> u64,
) -> Stop {
    let found = masks(block);
    let (escaped, carry) = escaped(found.slash >> known, carry);
    let quotes = found.quote >> known & !escaped;
    let faults = found.control >> known | wrong(block, rest, escaped << known) >> known;
    Stop { end: 0, quotes, faults, carry }
}

/// What the block of `text` at `at` holds, or nothing at the text's end.
/// Of a short last block no mask shows what is behind it.
#[inline]
pub fn masks_at(text: &[u8], at: usize) -> Option<Masks> {
    let rest = text.get(at..)?;
    match rest.first_chunk() {
        // By reference: a copy on the stack would be written and read for nothing.
        Some(block) => Some(masks(block)),
        None => {
            let [quote, slash, control] = short(rest, |part| {
                let found = masks_16(part);
                [found.quote, found.slash, found.control]
            })?;
            Some(Masks { quote, slash, control })
        }
    }
}

/// The same for brackets.
#[inline]
pub fn brackets_at(text: &[u8], at: usize) -> Option<Brackets> {
    let rest = text.get(at..)?;
    match rest.first_chunk() {
        Some(block) => Some(brackets(block)),
        None => {
            let [open, close] = short(rest, |part| {
                let found = brackets_16(part);
                [found.open, found.close]
            })?;
            Some(Brackets { open, close })
        }
    }
}

/// Bytes of a part of a block.
pub const PART: usize = 16;

/// What `find` makes of fewer bytes than a block has. They are read in parts of which the last one begins
/// in the one before: to fill up a block would be to write bytes and wait for them.
#[inline]
fn short<const N: usize>(rest: &[u8], find: impl Fn(&[u8; PART]) -> [u64; N]) -> Option<[u64; N]> {
    let mut found = [0; N];
    let mut add = |part: &[u8; PART], at: usize| {
        for (all, new) in found.iter_mut().zip(find(part)) {
            *all |= new << at;
        }
    };
    match rest.last_chunk() {
        Some(end) => {
            rest.as_chunks().0.iter().enumerate().for_each(|(n, part)| add(part, n * PART));
            add(end, rest.len() - PART);
        }
        None => add(&few(rest)?, 0),
    }
    let known = (1 << rest.len()) - 1;
    Some(found.map(|mask| mask & known))
}

/// Fewer bytes than a part has, with zeros behind them. They are put together in a register.
#[inline]
fn few(rest: &[u8]) -> Option<[u8; PART]> {
    let behind = |from: usize| 8 * (rest.len() - from) as u32;
    let number = if let (Some(a), Some(b)) = (rest.first_chunk(), rest.last_chunk()) {
        u128::from(u64::from_le_bytes(*a)) | u128::from(u64::from_le_bytes(*b)) << behind(8)
    } else if let (Some(a), Some(b)) = (rest.first_chunk(), rest.last_chunk()) {
        u128::from(u32::from_le_bytes(*a)) | u128::from(u32::from_le_bytes(*b)) << behind(4)
    } else {
        rest.iter().rev().fold(0, |number, byte| number << 8 | u128::from(*byte))
    };
    (!rest.is_empty()).then(|| number.to_le_bytes())
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
pub use crate::codec::json::simd::Level;
#[cfg(target_arch = "x86_64")]
pub use crate::codec::json::simd::brackets;
#[cfg(target_arch = "x86_64")]
pub use crate::codec::json::simd::brackets_16;
#[cfg(target_arch = "x86_64")]
pub use crate::codec::json::simd::masks;
#[cfg(target_arch = "x86_64")]
pub use crate::codec::json::simd::masks_16;

#[cfg(not(target_arch = "x86_64"))]
pub use portable::Level;
#[cfg(not(target_arch = "x86_64"))]
pub use portable::brackets;
#[cfg(not(target_arch = "x86_64"))]
pub use portable::brackets_16;
#[cfg(not(target_arch = "x86_64"))]
pub use portable::masks;
#[cfg(not(target_arch = "x86_64"))]
pub use portable::masks_16;

#[cfg(any(test, not(target_arch = "x86_64")))]
pub mod portable {
    //! Eight bytes a step, in plain arithmetic.

    use super::Brackets;
    use super::LEN;
    use super::Masks;
    use super::PART;
    use super::Stop;
    use crate::codec::json::escapes;
    use crate::codec::json::swar::ONES;
    use crate::codec::json::swar::gather;
    use crate::codec::json::swar::zeros;
    use crate::codec::json::vector;

    /// The instructions to use: those that there are everywhere.
    #[derive(Debug, Clone, Copy)]
    pub struct Level;

    impl Level {
        /// The best that this CPU has.
        #[cfg(not(target_arch = "x86_64"))]
        pub const fn best() -> Self {
            Self
        }

        /// The first stop in `text` from `at` on; see `seek` above.
        pub fn seek(self, text: &[u8], at: usize, stop: &mut Stop) -> bool {
            super::seek(text, at, stop, masks, |_, rest, escaped| escapes::wrong(rest, escaped))
        }

        /// The same in a text that was validated: the stops are the ends of strings alone.
        pub fn seek_quote(self, text: &[u8], at: usize, stop: &mut Stop) -> bool {
            super::seek(text, at, stop, |block| masks(block).unchecked(), |_, _, _| 0)
        }

        /// Passes numbers of a list; see `vector::pass`.
        pub fn pass_numbers(self, text: &[u8], at: usize) -> usize {
            vector::pass(text, at, vector::numerals)
        }
    }

    /// Classifies the bytes of `block`.
    pub fn masks(block: &[u8; LEN]) -> Masks {
        masks_of(block)
    }

    /// The same of a part of one.
    pub fn masks_16(part: &[u8; PART]) -> Masks {
        masks_of(part)
    }

    fn masks_of(block: &[u8]) -> Masks {
        Masks {
            quote: gather(block, |w| zeros(w ^ (ONES * 0x22))),
            slash: gather(block, |w| zeros(w ^ (ONES * 0x5C))),
            control: gather(block, |w| zeros(w & (ONES * 0xE0))),
        }
    }

    /// Finds the brackets of `block`, in strings too.
    pub fn brackets(block: &[u8; LEN]) -> Brackets {
        brackets_of(block)
    }

    /// The same of a part of one.
    pub fn brackets_16(part: &[u8; PART]) -> Brackets {
        brackets_of(part)
    }

    fn brackets_of(block: &[u8]) -> Brackets {
        Brackets {
            open: gather(block, |w| zeros((w | (ONES * 0x20)) ^ (ONES * 0x7B))),
            close: gather(block, |w| zeros((w | (ONES * 0x20)) ^ (ONES * 0x7D))),
        }
    }
}
