//! JSON as slices of its text: checked strictly in one walk, then looked at where it stands.
//!
//! Nothing is copied and no tree is built. A value is the bytes it was written with, so that what is
//! not changed can be passed on byte for byte. The grammar is RFC 8259 with nothing added, the text
//! is UTF-8, and depth is bounded. Left to the caller: duplicate names, the range of numbers, and
//! lone surrogates in `\u` escapes, all of which the grammar lets through.

mod block;
mod document;
mod error;
mod escapes;
#[cfg(any(test, fuzzing))]
mod fuzz;
mod marks;
mod object;
mod scalars;
mod scan;
#[cfg(target_arch = "x86_64")]
mod simd;
mod skim;
mod string;
mod strings;
mod swar;
mod value;
mod vector;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tiers;

pub use document::Document;
pub use error::Error;
pub use error::ErrorKind;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub use fuzz::fuzz_json;
pub use object::List;
pub use object::Object;
pub use string::Str;
pub use string::write_escaped;
pub use string::write_str;
pub use value::Elements;
pub use value::Kind;
pub use value::Member;
pub use value::Members;
pub use value::Value;

use marks::Notes;
use marks::Unmarked;
use scan::Scan;

/// How many arrays and objects may stand within each other. A request of any provider stays far
/// below it, and what reads the text after us may use a stack.
pub const MAX_DEPTH: usize = 128;

/// Validates all of `text`: one value with nothing but whitespace around it.
///
/// # Errors
/// The first fault found; see `ErrorKind`.
pub fn validate(text: &[u8]) -> Result<Value<'_>, Error> {
    let mut scan = Scan::new(text)?;
    let _ = scan.peek();
    let start = scan.at();
    scan.value(0, &mut Unmarked)?;
    let raw = text.get(start..scan.at()).unwrap_or_default();
    scan.end()?;
    Ok(Value::trusted(raw))
}

/// Validates all of `text`, which must be an object, and hands each of its members to `visit` in
/// the same pass, with the offset of the member's value in `text`.
///
/// A member is valid when it is handed out; what follows it may turn out not to be.
///
/// # Errors
/// The first fault found; see `ErrorKind`.
pub fn object<'a>(text: &'a [u8], visit: impl FnMut(Member<'a>, usize)) -> Result<(), Error> {
    members(text, begin_object(text)?, &mut Unmarked, visit)
}

/// Validates all of `text`, which must be an object.
///
/// # Errors
/// The first fault found; see `ErrorKind`.
pub fn validate_object(text: &[u8]) -> Result<Value<'_>, Error> {
    let mut scan = begin_object(text)?;
    let start = scan.at();
    scan.value(0, &mut Unmarked)?;
    let raw = text.get(start..scan.at()).unwrap_or_default();
    scan.end()?;
    Ok(Value::trusted(raw))
}

/// Starts at the outermost brace of `text`.
fn begin_object(text: &[u8]) -> Result<Scan<'_>, Error> {
    let mut scan = Scan::new(text)?;
    match scan.peek() {
        Some(b'{') => Ok(scan),
        Some(_) | None => Err(scan.fault(ErrorKind::ExpectedObject)),
    }
}

/// Goes through the object that `scan` is at, to the end of `text`.
#[inline]
fn members<'a>(
    text: &'a [u8],
    mut scan: Scan<'a>,
    notes: &mut impl Notes,
    mut visit: impl FnMut(Member<'a>, usize),
) -> Result<(), Error> {
    let _ = scan.eat(b'{');
    if scan.eat(b'}') {
        return scan.end();
    }
    loop {
        let key = Str::trusted(scan.key()?);
        let _ = scan.peek();
        let start = scan.at();
        scan.value(1, notes)?;
        let value = Value::trusted(text.get(start..scan.at()).unwrap_or_default());
        visit(Member { key, value }, start);
        if scan.eat(b'}') {
            return scan.end();
        }
        if !scan.eat(b',') {
            return Err(scan.fault(ErrorKind::ExpectedCommaOrBrace));
        }
    }
}
