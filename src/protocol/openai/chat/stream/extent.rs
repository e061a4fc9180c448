//! Whether the arguments of a call, which come in pieces, are a whole value yet.

use crate::chat::Arguments;

/// What was seen of a JSON array or object that comes in pieces. Anything else is never whole: nothing tells
/// whether a number or a free text goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    /// Brackets that are open.
    depth: u32,
    /// Whether a string is open.
    quoted: bool,
    /// Whether that string goes on behind a backslash.
    escaped: bool,
    /// Whether a bracket was closed and none is open since.
    whole: bool,
}

impl Extent {
    /// Whether what was seen is an array or an object, and all of it.
    pub(super) const fn is_whole(self) -> bool {
        self.whole
    }

    /// Goes on with `piece`.
    pub(super) fn pass(&mut self, piece: &Arguments<'_>) {
        match piece {
            Arguments::Value(_) => *self = Self { whole: true, ..Self::default() },
            Arguments::Quoted(text) => self.pass_escaped(text.raw()),
        }
    }

    /// Goes on with text as it stands inside a JSON string, whose escapes are whole.
    fn pass_escaped(&mut self, mut raw: &[u8]) {
        loop {
            raw = match raw {
                [] => return,
                [b'\\', b'u', a, b, c, d, rest @ ..] => {
                    self.byte(ascii([*a, *b, *c, *d]));
                    rest
                }
                // Of these two the byte itself is meant, of all others one that is no bracket.
                [b'\\', byte @ (b'"' | b'\\'), rest @ ..] => {
                    self.byte(*byte);
                    rest
                }
                [b'\\', _, rest @ ..] => {
                    self.byte(b' ');
                    rest
                }
                [byte, rest @ ..] => {
                    self.byte(*byte);
                    rest
                }
            };
        }
    }

    const fn byte(&mut self, byte: u8) {
        if self.quoted {
            self.quoted = self.escaped || byte != b'"';
            self.escaped = byte == b'\\' && !self.escaped;
            return;
        }
        match byte {
            b'"' => self.quoted = true,
            b'{' | b'[' => {
                self.depth = self.depth.saturating_add(1);
                self.whole = false;
            }
            b'}' | b']' => {
                self.whole = self.depth == 1;
                self.depth = self.depth.saturating_sub(1);
            }
            _ => {}
        }
    }
}

/// The byte that four hexadecimal digits stand for; a space if it is none of ASCII.
fn ascii(digits: [u8; 4]) -> u8 {
    let value = std::str::from_utf8(&digits).ok().and_then(|d| u8::from_str_radix(d, 16).ok());
    value.filter(u8::is_ascii).unwrap_or(b' ')
}

#[cfg(test)]
mod tests {
    use super::Extent;
    use crate::chat::Arguments;
    use crate::chat::Json;
    use crate::chat::Text;

    #[test]
    fn a_value_is_whole_at_its_last_bracket_however_it_is_cut() {
        for (text, whole) in [
            (r#"{}"#, true),
            (r#" {"a":[1,{"b":2}]} "#, true),
            (r#"["]\"]\\","}"]"#, true),
            (r#"{"a":"}""#, false),
            (r#"{"a":{}"#, false),
            (r#"{"a":"\""#, false),
            (r#"{"a":"\\"}"#, true),
            ("", false),
            (" ", false),
            ("12", false),
            ("}", false),
        ] {
            let (mut once, mut split) = (Extent::default(), Extent::default());
            once.pass(&Arguments::Quoted(Text::plain(text)));
            for at in text.chars() {
                split.pass(&Arguments::Quoted(Text::plain(&at.to_string())));
            }
            assert_eq!((once.is_whole(), split), (whole, once), "{text}");
        }
        let mut found = Extent::default();
        found.pass(&Arguments::Value(Json::fixed("{}")));
        assert!(found.is_whole());
    }

    #[test]
    fn escapes_of_brackets_and_quotes_count_as_what_they_mean() {
        let escaped = |raw: &'static str| {
            let mut found = Extent::default();
            found.pass_escaped(raw.as_bytes());
            found.is_whole()
        };
        assert!(escaped(r#"\u007b\u0022}\u0022:1\n\u007D"#));
        assert!(!escaped(r#"\u007b\u0022}\u0022:1"#));
        assert!(!escaped(r#"{\"\u00e9}"#));
        assert!(escaped(r#"{\"\u005c\"}\"}"#));
    }
}
