//! The request target and the host it is for (RFC 9112, 3.2; RFC 3986).

use std::net::Ipv6Addr;

use memchr::memchr;
use memchr::memchr2;

use crate::codec::http1::Method;
use crate::codec::http1::RequestError;
use crate::codec::http1::Span;

/// A target taken apart; the spans count from the start of the head.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Target {
    pub whole: Span,
    pub path: Span,
    pub query: Option<Span>,
    /// Of a URL only; it must be the same as `host`.
    pub authority: Option<Span>,
}

impl Target {
    /// Reads the target between the positions `start` and `end` of `buf`.
    pub fn parse(
        buf: &[u8],
        start: usize,
        end: usize,
        method: Method,
    ) -> Result<Self, RequestError> {
        let whole = Span::at(start, end);
        let text = whole.of(buf);
        // Without an early way out the compiler checks many bytes at once.
        if !text.iter().fold(true, |ok, &byte| ok & is_target(byte)) {
            return Err(RequestError::BadTargetByte);
        }
        if text.first() == Some(&b'/') {
            return Ok(Self::with_path(whole, start, text));
        }
        if text == b"*" && method == Method::Options {
            return Ok(Self { whole, path: whole, query: None, authority: None });
        }
        let scheme = scheme_of(text).ok_or(RequestError::BadTarget)?;
        let after = text.get(scheme..).unwrap_or_default();
        let host_len = memchr2(b'/', b'?', after).unwrap_or(after.len());
        let (host, rest) = after.split_at_checked(host_len).unwrap_or_default();
        if !is_host(host) {
            return Err(RequestError::BadAuthority);
        }
        let rest_at = start + scheme + host_len;
        let mut target = Self::with_path(whole, rest_at, rest);
        if target.path.is_empty() {
            // An empty path means `/`; the last slash of `://` is one.
            target.path = Span::at(start + scheme - 1, start + scheme);
        }
        target.authority = Some(Span::at(start + scheme, rest_at));
        Ok(target)
    }

    /// Splits `text`, which lies at `start`, at its first question mark.
    fn with_path(whole: Span, start: usize, text: &[u8]) -> Self {
        let end = start + text.len();
        let mark = memchr(b'?', text).map(|at| start + at);
        Self {
            whole,
            path: Span::at(start, mark.unwrap_or(end)),
            query: mark.map(|mark| Span::at(mark + 1, end)),
            authority: None,
        }
    }
}

/// The length of `http://` or `https://` at the start of `text`.
fn scheme_of(text: &[u8]) -> Option<usize> {
    let scheme = ["http://", "https://"].into_iter().find(|scheme| {
        let start = text.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme.as_bytes()))
    })?;
    Some(scheme.len())
}

/// Whether `byte` may stand in a target as it is: visible ASCII, but neither `#` nor what RFC 3986
/// leaves out. Square brackets are let through, since queries in the field have them.
const fn is_target(byte: u8) -> bool {
    matches!(byte, b'!' | b'$'..=b';' | b'=' | b'?'..=b'[' | b']' | b'_' | b'a'..=b'z' | b'~')
}

/// Whether `text` is a host with at most a port. Stricter than RFC 3986 in one thing: no comma,
/// as two hosts merged by a careless proxy look like that.
pub(super) fn is_host(text: &[u8]) -> bool {
    if let Some(rest) = text.strip_prefix(b"[") {
        let Some(close) = memchr(b']', rest) else { return false };
        let (address, port) = rest.split_at_checked(close).unwrap_or_default();
        let address = std::str::from_utf8(address).ok();
        return address.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
            && is_port(port.get(1..).unwrap_or_default());
    }
    let colon = memchr(b':', text).unwrap_or(text.len());
    let (name, port) = text.split_at_checked(colon).unwrap_or_default();
    !name.is_empty() && is_name(name) && is_port(port)
}

/// `reg-name`, which includes the form of an IPv4 address.
fn is_name(name: &[u8]) -> bool {
    let known = name.iter().fold(true, |ok, &byte| ok & is_host_byte(byte));
    known && name.split(|&byte| byte == b'%').skip(1).all(is_escape)
}

/// Whether `text`, which follows a percent sign, begins with two hexadecimal digits.
fn is_escape(text: &[u8]) -> bool {
    text.get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

/// Unreserved, a sub-delimiter but the comma, or the sign of an escape.
const fn is_host_byte(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~'
        | b'!' | b'$'..=b'+' | b';' | b'=')
}

/// Nothing, or a colon and `*DIGIT` up to 65535.
fn is_port(text: &[u8]) -> bool {
    let Some((b':', digits)) = text.split_first() else { return text.is_empty() };
    digits.len() <= 5
        && digits.iter().all(u8::is_ascii_digit)
        && digits.iter().fold(0u32, |sum, digit| sum * 10 + u32::from(digit - b'0')) <= 65535
}
