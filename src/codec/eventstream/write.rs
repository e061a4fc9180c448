//! Writing messages.

use crate::codec::eventstream::OVERHEAD;
use crate::codec::eventstream::PRELUDE;

/// The type of a header with text.
const TEXT: u8 = 7;

/// Appends a message with these headers, all of text, and this payload. A header whose name is longer
/// than 255 bytes or whose text is longer than 65,535 cannot be said and is left out.
pub fn write(out: &mut Vec<u8>, headers: &[(&str, &str)], payload: &[u8]) {
    let start = begin(out, headers);
    out.extend_from_slice(payload);
    end(out, start);
}

/// Appends all of a message that comes before its payload; where it starts. The payload is then
/// appended by the caller, and [`end`] completes the message.
pub fn begin(out: &mut Vec<u8>, headers: &[(&str, &str)]) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; PRELUDE]);
    for (name, text) in headers {
        let (Ok(name_len), Ok(text_len)) = (u8::try_from(name.len()), u16::try_from(text.len()))
        else {
            continue;
        };
        out.push(name_len);
        out.extend_from_slice(name.as_bytes());
        out.push(TEXT);
        out.extend_from_slice(&text_len.to_be_bytes());
        out.extend_from_slice(text.as_bytes());
    }
    let headers = out.len() - start - PRELUDE;
    put(out, start + 4, u32::try_from(headers).unwrap_or(u32::MAX));
    start
}

/// Completes the message that [`begin`] began at `start`.
pub fn end(out: &mut Vec<u8>, start: usize) {
    let length = out.len() - start + (OVERHEAD - PRELUDE);
    put(out, start, u32::try_from(length).unwrap_or(u32::MAX));
    let crc = crc32fast::hash(out.get(start..start + 8).unwrap_or_default());
    put(out, start + 8, crc);
    let crc = crc32fast::hash(out.get(start..).unwrap_or_default());
    out.extend_from_slice(&crc.to_be_bytes());
}

fn put(out: &mut [u8], at: usize, number: u32) {
    if let Some(place) = out.get_mut(at..at + 4) {
        place.copy_from_slice(&number.to_be_bytes());
    }
}
