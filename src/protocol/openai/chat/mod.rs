//! Chat completions and embeddings to the vocabulary and back, for answers of OpenAI itself, of
//! Azure, and of the many servers that speak the same format with an accent.
//!
//! The folder above forwards such bodies unread between two ends of this format; here they are
//! taken apart, for clients and upstreams of other formats.

pub mod embed;
pub mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
pub mod request;
pub mod response;
pub mod stream;
#[cfg(test)]
mod tests;
mod usage;

use std::borrow::Cow;

use crate::chat::Extra;
use crate::chat::Json;
use crate::chat::Protocol;
use crate::chat::Text;
use crate::codec::json;
use crate::codec::json::Member;

/// Longest id of a call that OpenAI takes back.
const MAX_CALL_ID: usize = 40;

/// Longest name of a tool or a schema.
const MAX_NAME: usize = 64;

/// Longest `safety_identifier`.
const MAX_USER: usize = 128;

/// A member that only this protocol has words for.
fn extra<'a>(member: &Member<'a>) -> Extra<'a> {
    let value = Json::of(member.value);
    Extra { by: Protocol::Openai, name: member.key.decode(), value }
}

/// The name of a member.
#[inline]
fn key<'a>(member: &Member<'a>) -> Cow<'a, [u8]> {
    member.key.name()
}

/// Appends `text`, shortened to `max` bytes if it says more: a prefix of it and a hash of the
/// whole. The same text always becomes the same, however it was escaped.
fn write_short(text: &Text<'_>, max: usize, out: &mut Vec<u8>) {
    const HASH: usize = 16;
    if text.raw().len() <= max {
        out.extend_from_slice(text.raw());
        return;
    }
    let whole = text.decode();
    if whole.len() <= max {
        json::write_escaped(out, &whole);
        return;
    }
    // A letter that needs more than one byte here would be cut in half.
    let prefix = whole.bytes().take(max.saturating_sub(HASH));
    out.extend(prefix.map(|byte| match byte {
        b'"' | b'\\' | 0..=b' ' | 0x7f.. => b'_',
        byte => byte,
    }));
    out.extend_from_slice(format!("{:016x}", hash(whole.as_bytes())).as_bytes());
}

/// A tool's name within the pattern of this protocol.
#[must_use]
pub fn tool_name<'t>(name: &'t Text<'_>) -> Cow<'t, str> {
    let mut out = Vec::new();
    write_name(name, &mut out);
    if out == name.raw() {
        name.decode()
    } else {
        String::from_utf8_lossy(&out).into_owned().into()
    }
}

/// The same for names of tools and schemas, which are of `[a-zA-Z0-9_-]`.
fn write_name(text: &Text<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    write_short(text, MAX_NAME, out);
    for byte in out.get_mut(start..).unwrap_or_default() {
        if !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) {
            *byte = b'_';
        }
    }
}

/// FNV-1a of 64 bits (Fowler, Noll, Vo).
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
