//! Writing JSON objects, member by member.

use crate::chat::Text;
use crate::codec::json;

/// An object that is being written.
#[derive(Debug)]
pub struct Object<'o> {
    out: &'o mut Vec<u8>,
    any: bool,
}

impl<'o> Object<'o> {
    /// Begins one at the end of `out`.
    pub fn open(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, any: false }
    }

    /// Begins a member whose name is a constant without escapes; its value is then appended.
    pub fn key(&mut self, name: &'static str) -> &mut Vec<u8> {
        self.out.extend_from_slice(if self.any { b",\"" } else { b"\"" });
        self.any = true;
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// Begins a member of any name.
    pub fn named(&mut self, name: &str) -> &mut Vec<u8> {
        if self.any {
            self.out.push(b',');
        }
        self.any = true;
        json::write_str(self.out, name);
        self.out.push(b':');
        self.out
    }

    /// A member that is a word of ours without escapes.
    pub fn word(&mut self, name: &'static str, word: &str) {
        let out = self.key(name);
        out.push(b'"');
        out.extend_from_slice(word.as_bytes());
        out.push(b'"');
    }

    /// A member that is a number.
    pub fn number(&mut self, name: &'static str, number: u64) {
        let out = self.key(name);
        out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    /// A member that is a string of ours.
    pub fn string(&mut self, name: &'static str, text: &str) {
        json::write_str(self.key(name), text);
    }

    /// A member that is a string of a body.
    pub fn text(&mut self, name: &'static str, text: &Text<'_>) {
        text.write(self.key(name));
    }

    /// A member that is true or false.
    pub fn boolean(&mut self, name: &'static str, value: bool) {
        self.key(name).extend_from_slice(if value { b"true" } else { b"false" });
    }

    /// A member that is an object, left out if `fill` adds nothing to it.
    pub fn section<E>(
        &mut self,
        name: &'static str,
        fill: impl FnOnce(&mut Object<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mark, any) = (self.out.len(), self.any);
        let mut inner = Object::open(self.key(name));
        fill(&mut inner)?;
        let used = inner.any;
        inner.close();
        if !used {
            self.out.truncate(mark);
            self.any = any;
        }
        Ok(())
    }

    /// Completes the object.
    pub fn close(self) {
        self.out.push(b'}');
    }
}

/// Appends elements with commas between.
#[derive(Debug)]
pub struct List {
    any: bool,
}

impl List {
    /// Begins an array.
    pub fn open(out: &mut Vec<u8>) -> Self {
        out.push(b'[');
        Self { any: false }
    }

    /// Before every element.
    pub fn next(&mut self, out: &mut Vec<u8>) {
        if self.any {
            out.push(b',');
        }
        self.any = true;
    }

    /// Whether there is none yet.
    pub const fn is_empty(&self) -> bool {
        !self.any
    }
}
