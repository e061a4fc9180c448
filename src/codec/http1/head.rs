//! Finds the lines of a message head as its bytes arrive, and reads its header fields.

use httparse::Header;
use httparse::Status;
use memchr::memchr;

use crate::codec::http1::HeadError;
use crate::codec::http1::Limits;
use crate::codec::http1::MAX_HEADERS;
use crate::codec::http1::is_token;
use crate::codec::http1::is_value;

/// Looks at each byte once, however the head is cut, and so reports faults in byte order.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Scanner {
    /// Bytes in which every LF has been found.
    searched: usize,
    /// Where the unfinished line begins.
    line: usize,
    /// Lines finished.
    lines: usize,
}

/// What the scanner found.
pub(super) enum Scan {
    /// The bytes end before the head does.
    More,
    /// The start line, which ends before this position; the scanner goes on behind it.
    StartLine(usize),
    /// The start line does not end within the bytes granted to it.
    StartLineTooLong,
    /// The head, with its blank line, has this many bytes.
    Complete(usize),
}

impl Scanner {
    /// Whether nothing has been looked at.
    pub fn is_fresh(&self) -> bool {
        self.searched == 0
    }

    /// Header fields seen so far.
    pub fn fields(&self) -> usize {
        self.lines.saturating_sub(1)
    }

    /// Goes on where it stopped. `buf` starts with the same bytes as before.
    pub fn advance(
        &mut self,
        buf: &[u8],
        limits: &Limits,
        max_start_line: usize,
    ) -> Result<Scan, HeadError> {
        loop {
            let cap = if self.lines == 0 { max_start_line } else { usize::MAX };
            let window = buf.len().min(limits.max_head).min(cap);
            let rest = buf.get(self.searched..window).unwrap_or_default();
            let Some(lf) = memchr(b'\n', rest).map(|at| self.searched + at) else {
                self.searched = window.max(self.searched);
                return starved(buf.len(), cap, limits);
            };
            let line = std::mem::replace(&mut self.line, lf + 1);
            self.searched = lf + 1;
            let end = lf.wrapping_sub(1);
            if lf == line || buf.get(end) != Some(&b'\r') {
                return Err(HeadError::BareLf);
            }
            if end == line {
                return Ok(Scan::Complete(lf + 1));
            }
            self.lines += 1;
            if self.lines == 1 {
                return Ok(Scan::StartLine(end));
            }
            if self.fields() > limits.max_headers.min(MAX_HEADERS) {
                return Err(HeadError::TooManyHeaders);
            }
        }
    }
}

/// The answer when no LF is left: wait, or give up because a limit is reached.
fn starved(have: usize, cap: usize, limits: &Limits) -> Result<Scan, HeadError> {
    if have >= limits.max_head && limits.max_head <= cap {
        Err(HeadError::TooLarge)
    } else if have >= cap {
        Ok(Scan::StartLineTooLong)
    } else {
        Ok(Scan::More)
    }
}

/// Gives each header field of `fields`, all lines behind the start line with the blank one, to
/// `take`. `count` is the number of lines that the scanner saw.
pub(super) fn read_fields<'b, E: From<HeadError>>(
    fields: &'b [u8],
    count: usize,
    take: impl FnMut(&'b [u8], &'b [u8]) -> Result<(), E>,
) -> Result<(), E> {
    // Clearing the array costs as much as parsing a few fields, and most heads are small.
    if count <= 16 {
        read_up_to::<16, E>(fields, take)
    } else {
        read_up_to::<MAX_HEADERS, E>(fields, take)
    }
}

fn read_up_to<'b, const N: usize, E: From<HeadError>>(
    fields: &'b [u8],
    mut take: impl FnMut(&'b [u8], &'b [u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut headers: [Header<'b>; N] = [httparse::EMPTY_HEADER; N];
    let Ok(Status::Complete((len, headers))) = httparse::parse_headers(fields, &mut headers) else {
        return Err(diagnose(fields).into());
    };
    // An end elsewhere than at the blank line we found: two readings of the same bytes.
    if len != fields.len() {
        return Err(HeadError::BadField.into());
    }
    for header in headers {
        take(header.name.as_bytes(), header.value)?;
    }
    Ok(())
}

/// Names the first fault of fields that the tokeniser refused. Off the fast path.
#[cold]
fn diagnose(fields: &[u8]) -> HeadError {
    fields
        .split(|&byte| byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .find_map(|line| fault_of(line).err())
        .unwrap_or(HeadError::BadField)
}

/// What is wrong with one field line.
fn fault_of(line: &[u8]) -> Result<(), HeadError> {
    let Some(&first) = line.first() else { return Ok(()) };
    if line.contains(&b'\r') {
        return Err(HeadError::BareCr);
    }
    if matches!(first, b' ' | b'\t') {
        return Err(HeadError::FoldedLine);
    }
    let colon = memchr(b':', line).ok_or(HeadError::MissingColon)?;
    let (name, value) = line.split_at_checked(colon).unwrap_or_default();
    let bare = name.trim_ascii_end();
    if name.is_empty() {
        return Err(HeadError::EmptyName);
    }
    if !bare.iter().copied().all(is_token) {
        return Err(HeadError::BadName);
    }
    if bare.len() != name.len() {
        return Err(HeadError::SpaceBeforeColon);
    }
    if value.iter().copied().all(is_value) { Ok(()) } else { Err(HeadError::ControlInValue) }
}
