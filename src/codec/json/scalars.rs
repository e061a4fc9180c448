//! Passes over numbers and words, checking them.

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

/// Passes the number at `at`; the result is behind it.
pub fn number(text: &[u8], mut at: usize) -> Result<usize, Error> {
    let next = |at: usize| text.get(at).copied();
    if next(at) == Some(b'-') {
        at += 1;
    }
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
    while text.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    if at == start { Err(fault(text, at, ErrorKind::BadNumber)) } else { Ok(at) }
}
