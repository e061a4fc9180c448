//! Finds where the parts of a validated text end, without checking them again.
//!
//! Nothing here fails: of a text that is not valid it would say that the part ends with the text.

use crate::codec::json::block;
use crate::codec::json::block::Level;
use crate::codec::json::block::Stop;

/// Strings are looked at in parts up to so many, and in blocks from there on.
const PARTS: usize = 3;

/// The end of the value that starts `text`.
#[inline(never)]
pub fn value_end(text: &[u8]) -> usize {
    match text.first() {
        Some(b'"') => string_end(text, 1),
        Some(b'[' | b'{') => container_end(text),
        Some(_) | None => scalar_end(text),
    }
}

/// The end, with its closing quote, of the string whose opening quote is before `start`.
#[inline]
pub fn string_end(text: &[u8], start: usize) -> usize {
    // Most names end in the first part, and nearly all before the last.
    let mut at = start;
    for _ in 0..PARTS {
        let Some(part) = text.get(at..).and_then(<[u8]>::first_chunk) else {
            return near_string_end(text, at);
        };
        let masks = block::masks_16(part);
        let stops = masks.quote | masks.slash;
        let lowest = stops & stops.wrapping_neg();
        if masks.quote & lowest != 0 {
            return at + stops.trailing_zeros() as usize + 1;
        }
        if stops != 0 {
            return long_string_end(text, at + stops.trailing_zeros() as usize);
        }
        at += block::PART;
    }
    long_string_end(text, at)
}

/// The same near the end of `text`.
fn near_string_end(text: &[u8], start: usize) -> usize {
    let mut at = start;
    loop {
        match text.get(at) {
            Some(b'"') => return at + 1,
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
            None => return text.len(),
        }
    }
}

/// The same from `at` on, which no backslash escapes and which is in the first block.
fn long_string_end(text: &[u8], at: usize) -> usize {
    if text.len() < block::LEN {
        let Some(masks) = block::masks_at(text, 0) else { return text.len() };
        let (escaped, _) = block::escaped(masks.slash, 0);
        let quotes = masks.quote & !escaped & u64::MAX << at;
        return text.len().min(quotes.trailing_zeros() as usize + 1);
    }
    let mut stop = Stop::default();
    if !Level::best().seek_quote(text, at, &mut stop) {
        return text.len();
    }
    let first = stop.end - block::LEN;
    let quotes = stop.quotes & u64::MAX << at.saturating_sub(first);
    first + quotes.trailing_zeros() as usize + 1
}

/// The end of the array or object that starts `text`: where as many brackets outside strings are
/// closed as were opened. In a valid text their kinds need not be told apart.
fn container_end(text: &[u8]) -> usize {
    let level = Level::best();
    let mut stop = Stop::default();
    let mut at = 0;
    let mut in_string = 0;
    let mut depth = 0;
    loop {
        stop.end = at;
        if in_string == 0 {
            let Some(masks) = block::masks_at(text, at) else {
                return text.len();
            };
            let escaped;
            (escaped, stop.carry) = block::escaped(masks.slash, stop.carry);
            stop.quotes = masks.quote & !escaped;
        } else if level.seek_quote(text, at, &mut stop) {
            // A string has no stop but its end, so that brackets in it are passed over unseen.
            at = stop.end - block::LEN;
        } else {
            return text.len();
        }
        let inside = block::inside(stop.quotes) ^ in_string;
        // All ones if the block ends within a string, else none.
        in_string = (inside >> 63).wrapping_neg();
        // Within one string from end to end, as most blocks of a long text are.
        if inside != u64::MAX
            && let Some(found) = block::brackets_at(text, at)
        {
            let (open, close) = (found.open & !inside, found.close & !inside);
            if let Some(bit) = closing(open, close, &mut depth) {
                return at + bit as usize + 1;
            }
        }
        at += block::LEN;
    }
}

/// Adds a block's brackets to `depth`; the bit at which it came back to zero.
///
/// One at a time: not every CPU can count bits, and most blocks have few brackets.
#[inline]
fn closing(open: u64, close: u64, depth: &mut usize) -> Option<u32> {
    let mut brackets = open | close;
    while brackets != 0 {
        let lowest = brackets & brackets.wrapping_neg();
        if close & lowest == 0 {
            *depth += 1;
        } else {
            *depth = depth.saturating_sub(1);
            if *depth == 0 {
                return Some(lowest.trailing_zeros());
            }
        }
        brackets ^= lowest;
    }
    None
}

fn scalar_end(text: &[u8]) -> usize {
    let ends = |byte: &u8| matches!(byte, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t');
    text.iter().position(ends).unwrap_or(text.len())
}
