//! Writing JSON member by member.

use crate::chat::Json;
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

    /// Begins a member; its value is then appended. The name needs no escapes.
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
        json::write_str(self.out, name);
        self.out.push(b':');
        self.out
    }

    /// A member that is written out already.
    #[inline]
    pub fn fixed(&mut self, name: &str, value: &str) {
        self.key(name).extend_from_slice(value.as_bytes());
    }

    /// A member that is a number.
    pub fn number(&mut self, name: &str, number: u64) {
        let mut digits = itoa::Buffer::new();
        self.fixed(name, digits.format(number));
    }

    /// A member that is a string of ours.
    pub fn string(&mut self, name: &str, text: &str) {
        json::write_str(self.key(name), text);
    }

    /// A member that is a string of a body.
    pub fn text(&mut self, name: &str, text: &Text<'_>) {
        text.write(self.key(name));
    }

    /// A member that is true or false.
    pub fn truth(&mut self, name: &str, value: bool) {
        self.fixed(name, if value { "true" } else { "false" });
    }

    /// A member that is an object, left out if `fill` adds nothing to it.
    pub fn section(&mut self, name: &str, fill: impl FnOnce(&mut Object<'_>)) {
        let (mark, any) = (self.out.len(), self.any);
        let mut inner = Object::open(self.key(name));
        fill(&mut inner);
        let used = inner.any;
        inner.close();
        if !used {
            self.out.truncate(mark);
            self.any = any;
        }
    }

    /// Completes the object.
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

/// Elements with commas between.
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
}

/// Appends a value on one line, as a line of a stream must be. In JSON a line end is whitespace only.
pub fn write_line(value: &Json<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    value.write(out);
    for byte in out.get_mut(start..).unwrap_or_default() {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
}
