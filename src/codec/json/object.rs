//! Writing objects and arrays member by member.

use crate::codec::json::string::write_str;

/// An object that is being written.
#[derive(Debug)]
pub struct Object<'o> {
    /// Where it is written. A value goes here right after its name.
    pub out: &'o mut Vec<u8>,
    empty: bool,
}

impl<'o> Object<'o> {
    /// Begins one.
    pub fn open(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, empty: true }
    }

    /// Begins a member, whose name needs no escapes.
    pub fn name(&mut self, name: &str) -> &mut Vec<u8> {
        self.comma();
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// Begins a member of any name.
    pub fn any_name(&mut self, name: &str) -> &mut Vec<u8> {
        self.comma();
        write_str(self.out, name);
        self.out.push(b':');
        self.out
    }

    /// A member that is a constant.
    pub fn fixed(&mut self, name: &str, value: &str) {
        self.name(name).extend_from_slice(value.as_bytes());
    }

    /// A member that is a number.
    pub fn number(&mut self, name: &str, value: u64) {
        let mut digits = itoa::Buffer::new();
        self.fixed(name, digits.format(value));
    }

    /// A member that is an object, left out where `fill` puts nothing into it.
    pub fn unless_empty(&mut self, name: &str, fill: impl FnOnce(&mut Object<'_>)) {
        let (start, was_empty) = (self.out.len(), self.empty);
        let mut inner = Object::open(self.name(name));
        fill(&mut inner);
        let nothing = inner.empty;
        inner.close();
        if nothing {
            self.out.truncate(start);
            self.empty = was_empty;
        }
    }

    /// Ends it.
    pub fn close(self) {
        self.out.push(b'}');
    }

    fn comma(&mut self) {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
    }
}

/// Appends a comma unless it is the first of its array.
pub fn comma(out: &mut Vec<u8>, first: &mut bool) {
    if !*first {
        out.push(b',');
    }
    *first = false;
}
