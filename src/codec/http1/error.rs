//! What can be wrong with a message head, each misbehaviour by its own name.

use std::error::Error;
use std::fmt;

/// A fault that requests and responses share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadError {
    /// A line ends in LF without CR.
    BareLf,
    /// A CR that no LF follows.
    BareCr,
    /// The message begins with an empty line.
    LeadingBlankLine,
    /// No end of the head within [`Limits::max_head`](super::Limits::max_head).
    TooLarge,
    /// More fields than [`Limits::max_headers`](super::Limits::max_headers).
    TooManyHeaders,
    /// A line begins with whitespace: a folded value (RFC 9112, 5.2).
    FoldedLine,
    /// A field line without a colon.
    MissingColon,
    /// A field without a name.
    EmptyName,
    /// Whitespace between a field's name and its colon.
    SpaceBeforeColon,
    /// A byte in a field's name that no token has.
    BadName,
    /// A control character, such as NUL, in a field's value.
    ControlInValue,
    /// Refused by the tokeniser for a reason not named above.
    BadField,
    /// A name that a lenient peer reads as `content-length` or `transfer-encoding`.
    FramingLookalike,
    /// Not `1*DIGIT`, or more than 64 bits hold.
    BadContentLength,
    /// More than one `content-length`.
    DuplicateContentLength,
    /// Not a list of coding names.
    BadTransferEncoding,
    /// More than one `transfer-encoding`.
    DuplicateTransferEncoding,
    /// A coding, or a list of codings, other than `chunked`.
    UnsupportedTransferCoding,
    /// HTTP/1.0 has no `transfer-encoding`.
    TransferEncodingInHttp10,
    /// Two ways to find the end of the body.
    LengthAndTransferEncoding,
    /// Not a list of tokens.
    BadConnection,
    /// `connection` names a field that may not be dropped on the way.
    ConnectionNominates,
}

impl fmt::Display for HeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BareLf => "line ends in LF without CR",
            Self::BareCr => "CR without LF",
            Self::LeadingBlankLine => "empty line before the start line",
            Self::TooLarge => "head too large",
            Self::TooManyHeaders => "too many header fields",
            Self::FoldedLine => "folded header line",
            Self::MissingColon => "header line without a colon",
            Self::EmptyName => "empty header name",
            Self::SpaceBeforeColon => "whitespace before a header's colon",
            Self::BadName => "invalid byte in a header name",
            Self::ControlInValue => "control character in a header value",
            Self::BadField => "malformed header field",
            Self::FramingLookalike => "header name that resembles a framing header",
            Self::BadContentLength => "content-length is not a number",
            Self::DuplicateContentLength => "more than one content-length",
            Self::BadTransferEncoding => "malformed transfer-encoding",
            Self::DuplicateTransferEncoding => "more than one transfer-encoding",
            Self::UnsupportedTransferCoding => "transfer coding other than chunked",
            Self::TransferEncodingInHttp10 => "transfer-encoding in HTTP/1.0",
            Self::LengthAndTransferEncoding => "both content-length and transfer-encoding",
            Self::BadConnection => "malformed connection header",
            Self::ConnectionNominates => "connection names a header that must be kept",
        })
    }
}

impl Error for HeadError {}

/// Why a request's head is refused. The connection is closed after any of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// A fault that responses can have too.
    Head(HeadError),
    /// The method is not a token.
    BadMethod,
    /// The request line is not three words with one space between them.
    BadRequestLine,
    /// No version: a request of HTTP/0.9.
    MissingVersion,
    /// The third word is not `HTTP/` digit `.` digit.
    BadVersion,
    /// A version other than 1.0 and 1.1.
    UnsupportedVersion,
    /// The target, or the whole request line, is too long.
    TargetTooLong,
    /// A byte in the target that must be percent-encoded.
    BadTargetByte,
    /// Neither a path nor a URL nor `*` (which is for OPTIONS alone).
    BadTarget,
    /// The URL in the target has no valid authority.
    BadAuthority,
    /// The URL in the target names another host than `host` does.
    AuthorityIsNotHost,
    /// HTTP/1.1 without `host`.
    MissingHost,
    /// `host` is not a host and a port.
    BadHost,
    /// An expectation other than `100-continue`.
    UnknownExpectation,
    /// More than one of a field that has one value: `host`, credentials, `content-type`...
    DuplicateField,
}

impl RequestError {
    /// The status to answer with before the connection is closed.
    pub const fn status(self) -> u16 {
        match self {
            Self::Head(HeadError::TooLarge | HeadError::TooManyHeaders) => 431,
            Self::Head(HeadError::UnsupportedTransferCoding) => 501,
            Self::TargetTooLong => 414,
            Self::UnsupportedVersion => 505,
            Self::UnknownExpectation => 417,
            Self::Head(_)
            | Self::BadMethod
            | Self::BadRequestLine
            | Self::MissingVersion
            | Self::BadVersion
            | Self::BadTargetByte
            | Self::BadTarget
            | Self::BadAuthority
            | Self::AuthorityIsNotHost
            | Self::MissingHost
            | Self::BadHost
            | Self::DuplicateField => 400,
        }
    }
}

impl From<HeadError> for RequestError {
    fn from(error: HeadError) -> Self {
        Self::Head(error)
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Head(error) => return error.fmt(f),
            Self::BadMethod => "method is not a token",
            Self::BadRequestLine => "malformed request line",
            Self::MissingVersion => "request line without a version",
            Self::BadVersion => "malformed protocol version",
            Self::UnsupportedVersion => "protocol version other than HTTP/1.1 and HTTP/1.0",
            Self::TargetTooLong => "request target too long",
            Self::BadTargetByte => "invalid byte in the request target",
            Self::BadTarget => "request target is neither a path nor a URL",
            Self::BadAuthority => "invalid authority in the request target",
            Self::AuthorityIsNotHost => "authority of the request target differs from host",
            Self::MissingHost => "no host header",
            Self::BadHost => "invalid host header",
            Self::UnknownExpectation => "expectation other than 100-continue",
            Self::DuplicateField => "more than one of a header that has a single value",
        })
    }
}

impl Error for RequestError {}

/// Why an upstream's response head is refused. Its connection must not be used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseError {
    /// A fault that requests can have too.
    Head(HeadError),
    /// Not `HTTP/1.x`, a space, three digits, and at most a reason after one more space.
    BadStatusLine,
    /// A version other than 1.0 and 1.1.
    UnsupportedVersion,
    /// A status below 100 or above 599.
    BadStatus,
    /// 101: nobody asked to switch protocols.
    SwitchingProtocols,
    /// A length or a coding on a 1xx or a 204, which have no body (RFC 9110, 8.6 and 9112, 6.1).
    FramedWithoutBody,
}

impl From<HeadError> for ResponseError {
    fn from(error: HeadError) -> Self {
        Self::Head(error)
    }
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Head(error) => return error.fmt(f),
            Self::BadStatusLine => "malformed status line",
            Self::UnsupportedVersion => "protocol version other than HTTP/1.1 and HTTP/1.0",
            Self::BadStatus => "status out of range",
            Self::SwitchingProtocols => "unasked switch of protocols",
            Self::FramedWithoutBody => "a length or a coding on a status without a body",
        })
    }
}

impl Error for ResponseError {}
