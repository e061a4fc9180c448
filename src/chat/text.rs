//! Text and JSON on their way from one protocol to another, as they were written.
//!
//! A string that no protocol looks into is never unescaped: it is copied from between its quotes in
//! one body to between the quotes in the other. The same holds for schemas and arguments.

use std::borrow::Cow;
use std::fmt;

use crate::codec::json;
use crate::codec::json::Kind;
use crate::codec::json::Object;
use crate::codec::json::Str;
use crate::codec::json::Value;

/// The inside of a JSON string, escaped as it stood in its body or as we wrote it.
#[derive(Clone, Default)]
pub struct Text<'a>(Cow<'a, [u8]>);

impl<'a> Text<'a> {
    /// The text of a string of a body.
    #[must_use]
    pub const fn of(string: Str<'a>) -> Self {
        Self(Cow::Borrowed(string.raw()))
    }

    /// The text of a value that is a string.
    #[must_use]
    pub fn from_value(value: Value<'a>) -> Option<Self> {
        value.as_str().map(Self::of)
    }

    /// Text of our own, which is escaped here.
    #[must_use]
    pub fn plain(text: &str) -> Text<'static> {
        let mut out = Vec::new();
        json::write_escaped(&mut out, text);
        Text(Cow::Owned(out))
    }

    /// As it stands between the quotes.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.0
    }

    /// The same, where it still is the slice of the body that it was read from.
    #[must_use]
    pub const fn in_place(&self) -> Option<&'a [u8]> {
        match self.0 {
            Cow::Borrowed(raw) => Some(raw),
            Cow::Owned(_) => None,
        }
    }

    /// As a string of a body.
    #[must_use]
    pub fn as_str(&self) -> Str<'_> {
        Str::trusted(&self.0)
    }

    /// What it says.
    #[must_use]
    pub fn decode(&self) -> Cow<'_, str> {
        self.as_str().decode()
    }

    /// Whether it says `other`, however it is escaped.
    #[must_use]
    pub fn is(&self, other: &str) -> bool {
        self.as_str().is(other)
    }

    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether nothing but whitespace is said.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        let mut rest = self.raw();
        while let Some(first) = rest.first() {
            // One character, or one half of a pair, which is no whitespace.
            let len = match first {
                b'\\' if rest.get(1) == Some(&b'u') => 6,
                b'\\' => 2,
                b' ' => 1,
                0x80.. => first.leading_ones() as usize,
                _ => return false,
            };
            let (one, behind) = rest.split_at_checked(len).unwrap_or((rest, &[]));
            if !Str::trusted(one).decode().trim().is_empty() {
                return false;
            }
            rest = behind;
        }
        true
    }

    /// Appends it as a JSON string, with quotes.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.reserve(self.0.len() + 2);
        out.push(b'"');
        out.extend_from_slice(&self.0);
        out.push(b'"');
    }

    /// Adds text behind it.
    pub fn push(&mut self, more: &Text<'_>) {
        if !more.is_empty() {
            self.0.to_mut().extend_from_slice(&more.0);
        }
    }

    /// The same text, borrowed.
    #[must_use]
    pub fn borrowed(&self) -> Text<'_> {
        Text(Cow::Borrowed(&self.0))
    }

    /// The same text on its own.
    #[must_use]
    pub fn into_owned(self) -> Text<'static> {
        Text(Cow::Owned(self.0.into_owned()))
    }
}

impl PartialEq for Text<'_> {
    /// Two texts are equal if they say the same.
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 || self.decode() == other.decode()
    }
}

impl Eq for Text<'_> {}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.as_str(), f)
    }
}

impl Object<'_> {
    /// A member that is a string of a body.
    pub fn text(&mut self, name: &str, text: &Text<'_>) {
        text.write(self.key(name));
    }
}

/// A valid JSON value, as it was written.
#[derive(Clone, PartialEq, Eq)]
pub struct Json<'a>(Cow<'a, [u8]>);

impl<'a> Json<'a> {
    /// A value of a body.
    #[must_use]
    pub const fn of(value: Value<'a>) -> Self {
        Self(Cow::Borrowed(value.raw()))
    }

    /// Text of our own.
    ///
    /// # Errors
    /// Where it is not JSON.
    pub fn parse(text: &[u8]) -> Result<Json<'static>, json::Error> {
        let value = json::validate(text)?.raw().to_vec();
        Ok(Json(Cow::Owned(value)))
    }

    /// A value that was made by a writer of ours, and so is known to be JSON.
    #[must_use]
    pub const fn made(text: Vec<u8>) -> Json<'static> {
        Json(Cow::Owned(text))
    }

    /// A constant.
    #[must_use]
    pub const fn fixed(text: &'static str) -> Json<'static> {
        Json(Cow::Borrowed(text.as_bytes()))
    }

    /// As it stands.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.0
    }

    /// Whether it is null, or a text, a list or an object with nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let value = self.value();
        match value.kind() {
            Kind::Null => true,
            Kind::String => value.as_str().is_some_and(|text| text.raw().is_empty()),
            Kind::Array => value.is_empty_array(),
            Kind::Object => value.members().next().is_none(),
            Kind::Bool | Kind::Number => false,
        }
    }

    /// The number that it is.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        std::str::from_utf8(&self.0).ok()?.parse().ok()
    }

    /// To look into.
    #[must_use]
    pub fn value(&self) -> Value<'_> {
        Value::trusted(&self.0)
    }

    /// Appends it as it stands.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }

    /// Appends it on one line, as a line of a stream must be. In JSON a line end is whitespace only.
    pub fn write_line(&self, out: &mut Vec<u8>) {
        let start = out.len();
        self.write(out);
        for byte in out.get_mut(start..).unwrap_or_default() {
            if matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
    }

    /// The same value without the space between its words, if it stands on several lines.
    #[must_use]
    pub fn on_one_line(&self) -> Option<Json<'static>> {
        memchr::memchr2(b'\n', b'\r', &self.0)?;
        let mut out = Vec::with_capacity(self.0.len());
        let (mut inside, mut escaped) = (false, false);
        for &byte in self.0.iter() {
            // A string has no line ends of its own.
            if !inside && byte.is_ascii_whitespace() {
                continue;
            }
            inside ^= byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            out.push(byte);
        }
        Some(Json(Cow::Owned(out)))
    }

    /// The same value, borrowed.
    #[must_use]
    pub fn borrowed(&self) -> Json<'_> {
        Json(Cow::Borrowed(&self.0))
    }

    /// The same value on its own.
    #[must_use]
    pub fn into_owned(self) -> Json<'static> {
        Json(Cow::Owned(self.0.into_owned()))
    }
}

impl fmt::Debug for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

/// The arguments of a call, or a piece of them, in either of the two ways they are written.
#[derive(Clone, Debug)]
pub enum Arguments<'a> {
    /// A JSON value where it belongs (Anthropic, Gemini, Bedrock, Ollama).
    Value(Json<'a>),
    /// JSON as the text of a string (OpenAI, and the pieces of most streams).
    Quoted(Text<'a>),
}

/// Arguments that are not a JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnObject;

impl Arguments<'_> {
    /// The JSON text itself. Of a piece, the piece of it.
    #[must_use]
    pub fn json(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Value(value) => Cow::Borrowed(value.raw()),
            Self::Quoted(text) => match text.decode() {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            },
        }
    }

    /// Appends them as a JSON object. No arguments at all are an empty one.
    ///
    /// # Errors
    /// [`NotAnObject`]; nothing is appended then.
    pub fn write_object(&self, out: &mut Vec<u8>) -> Result<(), NotAnObject> {
        let text = self.json();
        if text.trim_ascii().is_empty() {
            out.extend_from_slice(b"{}");
            return Ok(());
        }
        let value = match self {
            Self::Value(value) => value.value(),
            Self::Quoted(_) => json::validate(&text).map_err(|_| NotAnObject)?,
        };
        if value.kind() != Kind::Object {
            return Err(NotAnObject);
        }
        out.extend_from_slice(value.raw());
        Ok(())
    }

    /// Appends them as the inside of a JSON string, without its quotes.
    pub fn write_inside(&self, out: &mut Vec<u8>) {
        match self {
            Self::Quoted(text) => out.extend_from_slice(text.raw()),
            Self::Value(value) => {
                let flat = value.on_one_line();
                let value = flat.as_ref().unwrap_or(value);
                // A valid value is UTF-8.
                let text = std::str::from_utf8(value.raw()).unwrap_or_default();
                json::write_escaped(out, text);
            }
        }
    }

    /// Whether there is nothing in them.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Value(value) => value.raw().is_empty(),
            Self::Quoted(text) => text.is_empty(),
        }
    }

    /// The same, borrowed.
    #[must_use]
    pub fn borrowed(&self) -> Arguments<'_> {
        match self {
            Self::Value(value) => Arguments::Value(value.borrowed()),
            Self::Quoted(text) => Arguments::Quoted(text.borrowed()),
        }
    }

    /// The same on their own.
    #[must_use]
    pub fn into_owned(self) -> Arguments<'static> {
        match self {
            Self::Value(value) => Arguments::Value(value.into_owned()),
            Self::Quoted(text) => Arguments::Quoted(text.into_owned()),
        }
    }
}

impl PartialEq for Arguments<'_> {
    /// Two are equal if they are the same JSON text, but for none at all and an empty object.
    fn eq(&self, other: &Self) -> bool {
        let (one, other) = (self.json(), other.json());
        let none = |text: &[u8]| matches!(text.trim_ascii(), b"" | b"{}");
        one == other || (none(&one) && none(&other))
    }
}

impl Eq for Arguments<'_> {}

#[cfg(test)]
mod tests {
    use super::{Arguments, Json, NotAnObject, Text};
    use crate::codec::json;

    fn text(raw: &str) -> Text<'static> {
        let body = format!("\"{raw}\"");
        Text::from_value(json::validate(body.as_bytes()).unwrap()).unwrap().into_owned()
    }

    proptest::proptest! {
        #[test]
        fn blank_is_what_trimming_leaves_nothing_of(
            raw in r#"( |\\[ntrfb"\\/]|\\u(0020|00a0|2003|200b|d83d|3000)|\u{a0}|\u{2003}|\u{3000}|\u{e9}|\u{1f980}|a){0,4}"#,
        ) {
            let text = text(&raw);
            proptest::prop_assert_eq!(text.is_blank(), text.decode().trim().is_empty(), "{}", raw);
        }
    }

    #[test]
    fn text_is_what_it_says() {
        assert_eq!(text(r"\u0061b"), Text::plain("ab"));
        assert_ne!(text("ab"), text("abc"));
        assert_eq!(Text::plain("a\"\n").raw(), br#"a\"\n"#);
        assert_eq!(Text::plain("").raw(), b"");
        let mut both = text("a");
        both.push(&text(r"\n"));
        assert_eq!(both.decode(), "a\n");
        for (raw, blank) in
            [("", true), (r"\n \t", true), ("\u{a0}", true), ("x", false), (" .", false)]
        {
            assert_eq!(text(raw).is_blank(), blank, "{raw}");
        }
    }

    #[test]
    fn arguments_are_written_both_ways() {
        let value = Arguments::Value(Json::parse(br#" {"a": "\u00e9"} "#).unwrap());
        let quoted = Arguments::Quoted(text(r#"{\"a\": \"\\u00e9\"}"#));
        assert_eq!(value, quoted);
        let (mut object, mut inside) = (Vec::new(), Vec::new());
        quoted.write_object(&mut object).unwrap();
        value.write_inside(&mut inside);
        assert_eq!(object, br#"{"a": "\u00e9"}"#);
        assert_eq!(inside, br#"{\"a\": \"\\u00e9\"}"#);
    }

    #[test]
    fn a_value_laid_out_for_readers_goes_on_one_line() {
        let json = |text: &str| Json::parse(text.as_bytes()).unwrap();
        let long = json("{\r\n \"a b\\\\\": [1,\n  \" \\\" \\n\" ], \"c\":\t{ }\n}");
        let flat = json(r#"{"a b\\":[1," \" \n"],"c":{}}"#);
        assert_eq!(long.on_one_line(), Some(flat.borrowed().into_owned()));
        assert_eq!(json(r#"{ "a": 1 }"#).on_one_line(), None);
        let mut out = Vec::new();
        Arguments::Value(json("{\n \"a\": 1\n}")).write_inside(&mut out);
        assert_eq!(out, br#"{\"a\":1}"#);
    }

    #[test]
    fn what_is_no_object_is_told() {
        let mut out = Vec::new();
        for wrong in ["[1]", "1", "{", r#"{\"a\":}"#, "null"] {
            let result = Arguments::Quoted(text(wrong)).write_object(&mut out);
            assert_eq!((result, out.len()), (Err(NotAnObject), 0), "{wrong}");
        }
        Arguments::Quoted(text(" ")).write_object(&mut out).unwrap();
        assert_eq!(out, b"{}");
    }
}
