//! Writing objects and arrays part by part.

use crate::codec::json::string::write_str;

/// An object that is being written.
#[derive(Debug)]
pub struct Object<'o> {
    out: &'o mut Vec<u8>,
    any: bool,
}

impl<'o> Object<'o> {
    /// Begins one at the end of `out`.
    #[inline]
    pub fn open(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, any: false }
    }

    /// Begins a member whose name needs no escapes; its value is then appended.
    // Inlined, because what is known of the name then spares it the general copy.
    #[inline]
    pub fn key(&mut self, name: &str) -> &mut Vec<u8> {
        self.comma();
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// Begins a member of any name.
    pub fn any_key(&mut self, name: &str) -> &mut Vec<u8> {
        self.comma();
        write_str(self.out, name);
        self.out.push(b':');
        self.out
    }

    /// Further members that are written out already, each with a comma before it.
    pub fn append(&mut self, members: &[u8]) {
        self.out.extend_from_slice(members);
    }

    /// A member whose value is written out already.
    #[inline]
    pub fn fixed(&mut self, name: &str, value: &str) {
        self.key(name).extend_from_slice(value.as_bytes());
    }

    /// A member that is a word of ours without escapes.
    #[inline]
    pub fn word(&mut self, name: &str, word: &str) {
        let out = self.key(name);
        out.reserve(word.len() + 2);
        out.push(b'"');
        out.extend_from_slice(word.as_bytes());
        out.push(b'"');
    }

    /// A member that is a string.
    pub fn string(&mut self, name: &str, text: &str) {
        write_str(self.key(name), text);
    }

    /// A member that is a number.
    pub fn number(&mut self, name: &str, number: u64) {
        self.fixed(name, itoa::Buffer::new().format(number));
    }

    /// A member that is true or false.
    #[inline]
    pub fn truth(&mut self, name: &str, value: bool) {
        self.fixed(name, if value { "true" } else { "false" });
    }

    /// A member that is an object, left out if `fill` adds nothing to it.
    pub fn section<T>(&mut self, name: &str, fill: impl FnOnce(&mut Object<'_>) -> T) -> T {
        let (mark, any) = (self.out.len(), self.any);
        let mut inner = Object::open(self.key(name));
        let result = fill(&mut inner);
        let used = inner.any;
        inner.close();
        if !used {
            self.out.truncate(mark);
            self.any = any;
        }
        result
    }

    /// Completes the object.
    #[inline]
    pub fn close(self) {
        self.out.push(b'}');
    }

    #[inline]
    fn comma(&mut self) {
        if self.any {
            self.out.push(b',');
        }
        self.any = true;
    }
}

/// The elements of an array that is being written, with commas between.
#[derive(Debug, Default)]
pub struct List {
    any: bool,
}

impl List {
    /// Begins an array at the end of `out`.
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
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        !self.any
    }
}
