//! Events that differ from the one before only inside a string.
//!
//! Nearly every event of a stream is the last one with other text in it. Where all bytes around
//! the text are those of an event that was validated, and the text is a valid string, the event is
//! valid too and says the same of itself. That is proved here by comparing bytes, at a tenth of
//! the cost of reading the event; whatever does not match is read in full.

use std::ops::Range;

use crate::codec::json::Kind;
use crate::codec::json::Value;

/// Longest event worth remembering.
const MAX: usize = 2048;

/// An event that was validated, and where in it the strings stand whose text may differ.
#[derive(Debug, Default)]
pub struct Template {
    event: Vec<u8>,
    holes: [Range<usize>; 2],
    /// Whether the text is the first of the two.
    text_first: bool,
}

impl Template {
    /// Remembers `event`, a valid JSON object with one choice.
    pub fn learn(&mut self, event: &[u8], choice: Value<'_>, obfuscation: Option<Value<'_>>) {
        self.learn_text(event, text_of(choice), obfuscation);
    }

    /// Remembers `event`, a valid JSON object, and `text`, the string in it that may differ. Where
    /// there is none, nothing is remembered from now on.
    pub fn learn_text(
        &mut self,
        event: &[u8],
        text: Option<Value<'_>>,
        obfuscation: Option<Value<'_>>,
    ) {
        self.event.clear();
        let Some(text) = text.and_then(|text| inside(event, text)) else { return };
        if event.len() > MAX {
            return;
        }
        let end = event.len();
        // A second string of no use to anybody, which OpenAI adds to hide how long the first is.
        let other = obfuscation.and_then(|value| inside(event, value));
        self.text_first = other.as_ref().is_none_or(|other| text.start < other.start);
        self.holes = match other {
            Some(other) if other.start < text.start => [other, text],
            Some(other) => [text, other],
            None => [text, end..end],
        };
        self.event.extend_from_slice(event);
    }

    /// Whether `event` is the remembered one but for the text in its strings.
    #[must_use]
    pub fn matches(&self, event: &[u8]) -> bool {
        self.text(event).is_some()
    }

    /// The text in `event`, if that is the remembered one but for the text in its strings.
    #[must_use]
    pub fn text<'e>(&self, event: &'e [u8]) -> Option<&'e [u8]> {
        if self.event.is_empty() {
            return None;
        }
        let [first, second] = &self.holes;
        let rest = event.strip_prefix(self.part(0..first.start))?;
        let (one, rest) = split_text(rest)?;
        if second.is_empty() && second.end == self.event.len() {
            return (rest == self.part(first.end..self.event.len())).then_some(one);
        }
        let rest = rest.strip_prefix(self.part(first.end..second.start))?;
        let (two, rest) = split_text(rest)?;
        let same = rest == self.part(second.end..self.event.len());
        same.then_some(if self.text_first { one } else { two })
    }

    fn part(&self, range: Range<usize>) -> &[u8] {
        self.event.get(range).unwrap_or_default()
    }
}

/// The string that carries what a delta adds.
fn text_of(choice: Value<'_>) -> Option<Value<'_>> {
    let delta = choice.get("delta")?;
    let found =
        delta.members().map(|member| (member.key.raw(), member.value)).find(|(key, value)| {
            let carries = [&b"content"[..], b"reasoning_content", b"reasoning", b"refusal"];
            value.kind() == Kind::String && carries.contains(key)
        });
    if let Some((_, text)) = found {
        return Some(text);
    }
    let call = delta.get("tool_calls")?.elements().next()?;
    call.get("function")?.get("arguments").filter(|value| value.kind() == Kind::String)
}

/// Where in `event` the text of `string`, one of its values, stands.
fn inside(event: &[u8], string: Value<'_>) -> Option<Range<usize>> {
    let raw = string.as_str()?.raw();
    let start = raw.as_ptr().addr().checked_sub(event.as_ptr().addr())?;
    (start + raw.len() <= event.len()).then(|| start..start + raw.len())
}

/// The text that `bytes` begin with, and what follows it from its closing quote on. None where it
/// is not plainly a valid string, which then has to be found out by reading the event in full.
fn split_text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut at = 0;
    let mut high = false;
    loop {
        match bytes.get(at)? {
            b'"' => break,
            b'\\' => match bytes.get(at + 1)? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => at += 2,
                _ => return None,
            },
            0..0x20 => return None,
            byte => {
                high |= *byte >= 0x80;
                at += 1;
            }
        }
    }
    let (text, rest) = bytes.split_at_checked(at)?;
    (!high || std::str::from_utf8(text).is_ok()).then_some((text, rest))
}

#[cfg(test)]
mod tests {
    use super::Template;
    use crate::codec::json;

    fn learnt(event: &str) -> Template {
        let value = json::validate(event.as_bytes()).unwrap();
        let choice = value.get("choices").unwrap().elements().next().unwrap();
        let mut template = Template::default();
        template.learn(event.as_bytes(), choice, value.get("obfuscation"));
        template
    }

    fn event(text: &str, tail: &str) -> String {
        format!(
            r#"{{"id":"a","choices":[{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":null}}]{tail}}}"#
        )
    }

    #[test]
    fn other_text_matches() {
        let template = learnt(&event("one", ""));
        for text in ["", "two", "a longer text than before", r"\n\\\/", "\u{20ac}\u{1f980}", "}]"] {
            assert!(template.matches(event(text, "").as_bytes()), "{text}");
        }
    }

    #[test]
    fn anything_else_is_looked_at() {
        let template = learnt(&event("one", ""));
        let whole = event("one", "");
        for end in 0..whole.len() {
            assert!(!template.matches(&whole.as_bytes()[..end]), "cut at {end}");
        }
        for other in [
            event("one", r#","usage":{}"#),
            event("one", " "),
            whole.replace(r#""a""#, r#""b""#),
            whole.replace("null", "\"stop\""),
            event(r"\u0041", ""),
            event(r"\x", ""),
            event(r"\", ""),
            event("a\nb", ""),
            event("a\",\"error\":\"b", ""),
        ] {
            assert!(!template.matches(other.as_bytes()), "{other}");
        }
        let mut broken = whole.into_bytes();
        let at = broken.windows(3).position(|three| three == b"one").unwrap();
        broken[at] = 0xff;
        assert!(!template.matches(&broken));
    }

    #[test]
    fn padding_may_differ_too() {
        for tail in [r#","obfuscation":"abc""#, r#","obfuscation":"""#] {
            let template = learnt(&event("one", tail));
            assert!(template.matches(event("two", r#","obfuscation":"zzzzzzzz""#).as_bytes()));
            assert!(!template.matches(event("two", r#","obfuscation":1"#).as_bytes()));
            assert!(!template.matches(event("two", "").as_bytes()));
        }
    }

    #[test]
    fn arguments_of_calls_are_text_too() {
        let event = |text: &str| {
            format!(
                r#"{{"choices":[{{"delta":{{"tool_calls":[{{"index":0,"function":{{"arguments":"{text}"}}}}]}},"finish_reason":null}}]}}"#
            )
        };
        assert!(learnt(&event("{")).matches(event("\\\"city\\\":").as_bytes()));
    }

    #[test]
    fn nothing_matches_where_nothing_was_learnt() {
        assert!(!Template::default().matches(b""));
        let no_text = r#"{"choices":[{"index":0,"delta":{}}]}"#;
        assert!(!learnt(no_text).matches(no_text.as_bytes()));
    }
}
