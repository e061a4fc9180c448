//! Why a text is not JSON.

use std::fmt;

/// The first fault found in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Error {
    /// Offset in bytes of the fault.
    pub at: usize,
    /// What is wrong there.
    pub kind: ErrorKind,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The text ends within a value.
    UnexpectedEnd,
    /// A value must stand here.
    ExpectedValue,
    /// The text must be an object.
    ExpectedObject,
    /// A member's name must stand here.
    ExpectedKey,
    /// A member's name is not followed by `:`.
    ExpectedColon,
    /// A member is followed by neither `,` nor `}`.
    ExpectedCommaOrBrace,
    /// An element is followed by neither `,` nor `]`.
    ExpectedCommaOrBracket,
    /// A word that begins like `null`, `true` or `false` and is not.
    BadLiteral,
    /// A number against the grammar.
    BadNumber,
    /// A backslash followed by none of RFC 8259's escapes.
    BadEscape,
    /// A byte below 0x20 in a string.
    ControlCharacter,
    /// Bytes that are not UTF-8.
    InvalidUtf8,
    /// More than `MAX_DEPTH` arrays and objects within each other.
    TooDeep,
    /// Something other than whitespace after the value.
    TrailingBytes,
}

/// The fault `kind` at `at` of `text`; the end of the text is always the same one.
#[cold]
#[inline(never)]
pub(super) const fn fault(text: &[u8], at: usize, kind: ErrorKind) -> Error {
    if at >= text.len() {
        return Error { at: text.len(), kind: ErrorKind::UnexpectedEnd };
    }
    Error { at, kind }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid JSON at byte {}: {}", self.at, self.kind)
    }
}

impl std::error::Error for Error {}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnexpectedEnd => "unexpected end",
            Self::ExpectedValue => "expected a value",
            Self::ExpectedObject => "expected an object",
            Self::ExpectedKey => "expected a member name",
            Self::ExpectedColon => "expected `:`",
            Self::ExpectedCommaOrBrace => "expected `,` or `}`",
            Self::ExpectedCommaOrBracket => "expected `,` or `]`",
            Self::BadLiteral => "unknown word",
            Self::BadNumber => "malformed number",
            Self::BadEscape => "unknown escape in a string",
            Self::ControlCharacter => "control character in a string",
            Self::InvalidUtf8 => "invalid UTF-8",
            Self::TooDeep => "nested too deep",
            Self::TrailingBytes => "trailing bytes",
        })
    }
}
