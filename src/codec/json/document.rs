//! A whole text that was checked, with the places of its parts.

use crate::codec::json::Member;
use crate::codec::json::Value;
use crate::codec::json::begin_object;
use crate::codec::json::error::Error;
use crate::codec::json::marks::Marks;
use crate::codec::json::members;

/// A validated object, to be walked through to the depth. The first pass notes where its longer parts
/// end, so that walking looks at none of their bytes.
#[derive(Debug)]
pub struct Document<'a> {
    text: &'a [u8],
    marks: Marks,
}

impl<'a> Document<'a> {
    /// Validates all of `text`, which must be an object, and hands each of its members to `visit`, as
    /// [`object`](crate::codec::json::object()) does.
    ///
    /// # Errors
    /// The first fault found; see [`ErrorKind`](crate::codec::json::ErrorKind).
    pub fn read(text: &'a [u8], visit: impl FnMut(Member<'a>, usize)) -> Result<Self, Error> {
        let scan = begin_object(text)?;
        let start = scan.at();
        let mut marks = Marks::new(text.len(), start);
        members(text, scan, &mut marks, visit)?;
        // The grammar's whitespace, of which ASCII's is more; but there is no other outside the object.
        let text = text.get(start..).unwrap_or_default().trim_ascii_end();
        Ok(Self { text, marks })
    }

    #[cfg(test)]
    pub(super) fn marks(&self) -> &[crate::codec::json::marks::Mark] {
        self.marks.as_slice()
    }

    /// The object.
    #[must_use]
    pub fn value(&self) -> Value<'_> {
        Value::marked(self.text, self.marks.as_slice())
    }
}
