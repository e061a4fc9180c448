//! The fields that decide where a message ends and whether the connection lives on.

use crate::codec::http1::Body;
use crate::codec::http1::HeadError;
use crate::codec::http1::Version;
use crate::codec::http1::is_token;

/// Fields that `connection` may not name: a proxy that obeyed would change what the message
/// means, how long it is, or who sent it (RFC 9110, 7.6.1).
const KEPT: [&[u8]; 12] = [
    b"host",
    b"content-length",
    b"transfer-encoding",
    b"content-type",
    b"content-encoding",
    b"authorization",
    b"x-api-key",
    b"api-key",
    b"x-goog-api-key",
    b"expect",
    b"trailer",
    b"connection",
];

/// Collects the framing fields of one head.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Framing {
    length: Option<u64>,
    coding: Option<Coding>,
    close: bool,
    keep_alive: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Chunked,
    Other,
    Malformed,
}

impl Framing {
    /// Reads `content-length`: digits only, so neither sign nor list.
    pub fn content_length(&mut self, value: &[u8]) -> Result<(), HeadError> {
        if self.length.is_some() {
            return Err(HeadError::DuplicateContentLength);
        }
        self.length = Some(decimal(value).ok_or(HeadError::BadContentLength)?);
        Ok(())
    }

    /// Notes `transfer-encoding`; [`Framing::body`] judges it, as what else is there matters.
    pub fn transfer_encoding(&mut self, value: &[u8]) -> Result<(), HeadError> {
        if self.coding.is_some() {
            return Err(HeadError::DuplicateTransferEncoding);
        }
        self.coding = Some(if value.eq_ignore_ascii_case(b"chunked") {
            Coding::Chunked
        } else if is_coding_list(value) {
            Coding::Other
        } else {
            Coding::Malformed
        });
        Ok(())
    }

    /// Reads `connection`; several of them are one list.
    pub fn connection(&mut self, value: &[u8]) -> Result<(), HeadError> {
        for member in value.split(|&byte| byte == b',') {
            let member = trim(member);
            if member.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if member.eq_ignore_ascii_case(b"keep-alive") {
                self.keep_alive = true;
            } else if !member.iter().copied().all(is_token) {
                return Err(HeadError::BadConnection);
            } else if KEPT.iter().any(|kept| member.eq_ignore_ascii_case(kept)) {
                return Err(HeadError::ConnectionNominates);
            }
        }
        Ok(())
    }

    /// The framing that the fields announce, if they announce any.
    pub fn body(&self, version: Version) -> Result<Option<Body>, HeadError> {
        let Some(coding) = self.coding else { return Ok(self.length.map(Body::Length)) };
        if self.length.is_some() {
            return Err(HeadError::LengthAndTransferEncoding);
        }
        if version == Version::Http10 {
            return Err(HeadError::TransferEncodingInHttp10);
        }
        match coding {
            Coding::Chunked => Ok(Some(Body::Chunked)),
            Coding::Other => Err(HeadError::UnsupportedTransferCoding),
            Coding::Malformed => Err(HeadError::BadTransferEncoding),
        }
    }

    /// Whether the connection may carry another message.
    pub fn keeps_alive(&self, version: Version) -> bool {
        match version {
            Version::Http11 => !self.close,
            Version::Http10 => self.keep_alive && !self.close,
        }
    }
}

/// `1*DIGIT` that 64 bits hold.
fn decimal(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0u64, |sum, &byte| {
        let digit = byte.is_ascii_digit().then(|| byte - b'0')?;
        sum.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// Whether every member of the comma list is a token, perhaps with parameters: a coding that we
/// do not have, rather than garbage.
fn is_coding_list(value: &[u8]) -> bool {
    value.split(|&byte| byte == b',').all(|member| {
        let name = trim(member.split(|&byte| byte == b';').next().unwrap_or_default());
        !name.is_empty() && name.iter().copied().all(is_token)
    })
}

/// Without the spaces and tabs around it: optional whitespace is these two alone.
fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}
