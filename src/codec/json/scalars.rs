//! Passes over numbers and words, checking them.

use crate::codec::json::block::Level;
use crate::codec::json::error::Error;
use crate::codec::json::error::ErrorKind;
use crate::codec::json::error::fault;

/// Passes `word` at `at`; the result is behind it.
pub fn word(text: &[u8], at: usize, word: &[u8]) -> Result<usize, Error> {
    let rest = text.get(at..).unwrap_or_default();
    if rest.starts_with(word) {
        return Ok(at + word.len());
    }
    let same = rest.iter().zip(word).take_while(|(a, b)| a == b).count();
    let at = if same == rest.len() { text.len() } else { at };
    Err(fault(text, at, ErrorKind::BadLiteral))
}

/// Passes the number at `at` in an array and those that follow it there; the result is behind the last
/// one. Vectors have thousands.
pub fn numbers(text: &[u8], mut at: usize) -> Result<usize, Error> {
    let level = Level::best();
    loop {
        let behind = level.pass_numbers(text, at);
        // Back to the comma, so that it is no number's if no number follows.
        at = if behind == at { number(text, at)? } else { behind - 1 };
        match gap_before_number(text.get(at..).unwrap_or_default()) {
            Some(len) => at += len,
            None => return Ok(at),
        }
    }
}

/// The length of the comma and the whitespace that `rest` begins with, if a number follows.
fn gap_before_number(rest: &[u8]) -> Option<usize> {
    let behind = rest.strip_prefix(b",")?;
    let len = behind.iter().position(|byte| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t'))?;
    matches!(behind.get(len), Some(b'-' | b'0'..=b'9')).then_some(len + 1)
}

/// Passes the number at `at`; the result is behind it.
#[inline]
pub fn number(text: &[u8], mut at: usize) -> Result<usize, Error> {
    let next = |at: usize| text.get(at).copied();
    // Added and not branched to: the signs of a vector's numbers are as good as random.
    at += usize::from(next(at) == Some(b'-'));
    if next(at) == Some(b'0') {
        at += 1;
        if next(at).is_some_and(|b| b.is_ascii_digit()) {
            return Err(fault(text, at, ErrorKind::BadNumber));
        }
    } else {
        at = digits(text, at)?;
    }
    if next(at) == Some(b'.') {
        at = digits(text, at + 1)?;
    }
    if matches!(next(at), Some(b'e' | b'E')) {
        at += 1;
        if matches!(next(at), Some(b'+' | b'-')) {
            at += 1;
        }
        at = digits(text, at)?;
    }
    Ok(at)
}

/// Passes one digit or more.
#[inline]
fn digits(text: &[u8], start: usize) -> Result<usize, Error> {
    let mut at = start;
    while let Some(eight) = text.get(at..).and_then(<[u8]>::first_chunk) {
        let others = no_digits(*eight);
        if others != 0 {
            return passed(text, start, at + others.trailing_zeros() as usize / 8);
        }
        at += eight.len();
    }
    while text.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    passed(text, start, at)
}

#[inline]
fn passed(text: &[u8], start: usize, at: usize) -> Result<usize, Error> {
    if at == start { Err(fault(text, at, ErrorKind::BadNumber)) } else { Ok(at) }
}

/// The high bit of each byte that is no digit, found in one word. Only the lowest one is sure.
#[inline]
const fn no_digits(eight: [u8; 8]) -> u64 {
    // A digit is 0 to 9 now, and of all else adding sets the high bit, if it was not set before. What
    // is carried changes bytes behind the first of those only.
    let word = u64::from_le_bytes(eight) ^ 0x3030_3030_3030_3030;
    (word.wrapping_add(0x7676_7676_7676_7676) | word) & 0x8080_8080_8080_8080
}
