//! Events that differ from the one before only inside a string, and in how much was counted.
//!
//! Nearly every event of a stream is the last one with other text in it. Where all bytes around
//! the text are those of an event that was validated, and the text is a valid string, the event is
//! valid too and says the same of itself. That is proved here by comparing bytes, at a tenth of
//! the cost of reading the event; whatever does not match is read in full.

use std::ops::Range;

use smallvec::SmallVec;

use crate::codec::json::Value;

/// Longest event worth remembering.
const MAX: usize = 2048;

/// Digits of the longest number that may differ: any of them fits into 64 bits.
const DIGITS: usize = 19;

/// An event that was validated, and the places in it that may differ.
#[derive(Debug, Default)]
pub struct Template {
    event: Vec<u8>,
    /// In their order, the text's among them.
    holes: SmallVec<[Hole; 2]>,
    /// The object whose numbers may differ, behind the text.
    counts: Range<usize>,
}

#[derive(Clone, Debug)]
struct Hole {
    place: Range<usize>,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Text,
    Padding,
    Number,
}

impl Template {
    /// Remembers `event`, a valid JSON object, and `text`, what stands inside the string in it that
    /// may differ. `padding` is a second string of no use to anybody, which OpenAI adds to hide how
    /// long the first is. Where there is no text, nothing is remembered from now on.
    pub fn learn(&mut self, event: &[u8], text: Option<&[u8]>, padding: Option<Value<'_>>) {
        self.event.clear();
        self.holes.clear();
        self.counts = 0..0;
        let Some(place) = text.and_then(|text| inside(event, text)) else { return };
        if event.len() > MAX {
            return;
        }
        self.holes.push(Hole { place, what: What::Text });
        let padding = padding.and_then(Value::as_str);
        if let Some(place) = padding.and_then(|padding| inside(event, padding.raw())) {
            self.holes.push(Hole { place, what: What::Padding });
            self.holes.sort_unstable_by_key(|hole| hole.place.start);
        }
        self.event.extend_from_slice(event);
    }

    /// The same with `counts`, an object of the event whose numbers may differ. They must stand
    /// behind the text, as those of all providers do, or nothing is remembered.
    pub fn learn_counting(&mut self, event: &[u8], text: Option<&[u8]>, counts: Option<Value<'_>>) {
        self.learn(event, text, None);
        let Some(counts) = counts.filter(|_| !self.event.is_empty()) else { return };
        let (place, text) = (inside(event, counts.raw()), self.holes.first());
        match (place, text) {
            (Some(place), Some(text)) if text.place.end < place.start => {
                let holes = numbers(counts.raw()).map(|number| Hole {
                    place: place.start + number.start..place.start + number.end,
                    what: What::Number,
                });
                self.holes.extend(holes);
                self.counts = place;
            }
            _ => self.event.clear(),
        }
    }

    /// Remembers nothing from now on.
    pub fn forget(&mut self) {
        self.learn(&[], None, None);
    }

    /// Whether `event` is the remembered one but for what may differ.
    #[must_use]
    pub fn matches(&self, event: &[u8]) -> bool {
        self.text(event).is_some()
    }

    /// The text in `event`, if that is the remembered one but for what may differ.
    #[must_use]
    pub fn text<'e>(&self, event: &'e [u8]) -> Option<&'e [u8]> {
        if self.event.is_empty() {
            return None;
        }
        let (mut text, mut rest, mut at) = (None, event, 0);
        for hole in &self.holes {
            rest = rest.strip_prefix(self.part(at..hole.place.start))?;
            at = hole.place.end;
            rest = match hole.what {
                What::Text => {
                    let (found, rest) = split_text(rest)?;
                    text = Some(found);
                    rest
                }
                What::Padding => split_text(rest)?.1,
                What::Number => split_number(rest)?,
            };
        }
        text.filter(|_| rest == self.part(at..self.event.len()))
    }

    /// The same, and the object whose numbers may differ, if one was remembered.
    #[must_use]
    pub fn text_and_counts<'e>(&self, event: &'e [u8]) -> Option<(&'e [u8], Option<Value<'e>>)> {
        let text = self.text(event)?;
        let learnt = self.holes.first().filter(|_| !self.counts.is_empty());
        let counts = learnt.and_then(|learnt| {
            let start = (self.counts.start + text.len()).checked_sub(learnt.place.len())?;
            let end = (event.len() + self.counts.end).checked_sub(self.event.len())?;
            event.get(start..end)
        });
        Some((text, counts.map(Value::trusted)))
    }

    fn part(&self, range: Range<usize>) -> &[u8] {
        self.event.get(range).unwrap_or_default()
    }
}

/// Where in `event` a slice of it stands.
fn inside(event: &[u8], slice: &[u8]) -> Option<Range<usize>> {
    let start = slice.as_ptr().addr().checked_sub(event.as_ptr().addr())?;
    (start + slice.len() <= event.len()).then(|| start..start + slice.len())
}

/// Where the numbers of digits alone stand in `json`, a valid text.
fn numbers(json: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = json.get(at..)?;
            let len = match rest.first()? {
                b'"' => string_len(rest),
                b'-' | b'0'..=b'9' => number_len(rest),
                _ => 1,
            };
            let place = at..at + len;
            at += len;
            let digits = |byte: &u8| byte.is_ascii_digit();
            if len <= DIGITS && json.get(place.clone()).is_some_and(|n| n.iter().all(digits)) {
                return Some(place);
            }
        }
    })
}

/// The length of the string that begins `json`, quotes included.
fn string_len(json: &[u8]) -> usize {
    let inside = json.get(1..).and_then(split_text);
    // What is not plainly a string ends the search for numbers.
    inside.map_or(json.len(), |(text, _)| text.len() + 2)
}

/// The length of the number that begins `json`.
fn number_len(json: &[u8]) -> usize {
    let belongs = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    json.iter().position(|byte| !belongs(byte)).unwrap_or(json.len())
}

/// What follows the digits that `bytes` begin with, if they are a whole number as JSON has it.
fn split_number(bytes: &[u8]) -> Option<&[u8]> {
    let len = bytes.iter().position(|byte| !byte.is_ascii_digit())?;
    let plain = (1..=DIGITS).contains(&len) && (len == 1 || bytes.first() != Some(&b'0'));
    plain.then(|| bytes.get(len..)).flatten()
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
    use crate::codec::json::Str;
    use crate::codec::json::Value;

    fn learnt(event: &str) -> Template {
        let value = json::validate(event.as_bytes()).unwrap();
        let choice = value.get("choices").unwrap().elements().next().unwrap();
        let text = choice.get("delta").unwrap().get("content").and_then(Value::as_str);
        let mut template = Template::default();
        template.learn(event.as_bytes(), text.map(Str::raw), value.get("obfuscation"));
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
    fn nothing_matches_where_nothing_was_learnt() {
        assert!(!Template::default().matches(b""));
        let no_text = r#"{"choices":[{"index":0,"delta":{}}]}"#;
        assert!(!learnt(no_text).matches(no_text.as_bytes()));
    }

    fn counted(text: &str, counts: &str) -> String {
        format!(r#"{{"parts":[{{"text":"{text}"}}],"usage":{counts},"id":"7"}}"#)
    }

    fn learnt_counting(event: &str) -> Template {
        let value = json::validate(event.as_bytes()).unwrap();
        let part = value.get("parts").unwrap().elements().next().unwrap();
        let text = part.get("text").and_then(Value::as_str).unwrap();
        let mut template = Template::default();
        template.learn_counting(event.as_bytes(), Some(text.raw()), value.get("usage"));
        template
    }

    #[test]
    fn counts_may_differ_too() {
        let usage = r#"{"a":1,"b":[{"c":"T 5","d":12}],"e":0,"f":-1,"g":1.5}"#;
        let template = learnt_counting(&counted("one", usage));
        for (text, usage) in [
            ("one", usage),
            ("", r#"{"a":0,"b":[{"c":"T 5","d":1}],"e":9999999999999999999,"f":-1,"g":1.5}"#),
            ("more than before", r#"{"a":100,"b":[{"c":"T 5","d":7}],"e":10,"f":-1,"g":1.5}"#),
        ] {
            let event = counted(text, usage);
            let (found, counts) = template.text_and_counts(event.as_bytes()).unwrap();
            assert_eq!(found, text.as_bytes(), "{event}");
            assert_eq!(counts.unwrap().raw(), usage.as_bytes());
        }
    }

    #[test]
    fn other_counts_are_looked_at() {
        let usage = r#"{"a":1,"b":"5"}"#;
        let template = learnt_counting(&counted("one", usage));
        for other in [
            r#"{"a":01,"b":"5"}"#,
            r#"{"a":,"b":"5"}"#,
            r#"{"a":-1,"b":"5"}"#,
            r#"{"a":1.5,"b":"5"}"#,
            r#"{"a":1e3,"b":"5"}"#,
            r#"{"a":10000000000000000000,"b":"5"}"#,
            r#"{"a":"1","b":"5"}"#,
            r#"{"a":1,"b":"6"}"#,
            r#"{"a":1,"b":"5","c":1}"#,
        ] {
            assert!(!template.matches(counted("one", other).as_bytes()), "{other}");
        }
        let other_id = counted("one", usage).replace(r#""7""#, r#""8""#);
        assert!(!template.matches(other_id.as_bytes()), "numbers beside the counts");
    }

    #[test]
    fn counts_before_the_text_are_not_learnt() {
        let event = r#"{"usage":{"a":1},"parts":[{"text":"one"}]}"#;
        assert!(!learnt_counting(event).matches(event.as_bytes()));
    }

    #[test]
    fn without_counts_all_numbers_are_the_same() {
        let event = |n: u32| format!(r#"{{"parts":[{{"text":"one"}}],"n":{n}}}"#);
        let template = learnt_counting(&event(1));
        assert!(template.matches(event(1).as_bytes()) && !template.matches(event(2).as_bytes()));
        assert!(template.text_and_counts(event(1).as_bytes()).unwrap().1.is_none());
    }
}
