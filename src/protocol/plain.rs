//! Plain messages, a role and a text: OpenAI, Anthropic and Ollama write them alike. So most of a long
//! conversation is the same in the client's body and in the upstream's, and need not be copied from
//! the one to the other: a writer leaves it out and notes where it belongs.

use std::cell::Cell;

use crate::chat::Role;
use crate::chat::Text;
use crate::chat::Turn;
use crate::codec::json::List;
use crate::codec::json::Value;

/// The shortest stretch that is left out. To send a body in three pieces costs no less than to copy
/// a shorter one.
const LONG: usize = 8 * 1024;

/// How most clients write them, before and behind the text.
const FORMS: [(Role, &[u8], &[u8]); 6] = [
    (Role::User, br#"{"role":"user","content":"#, b"}"),
    (Role::Assistant, br#"{"role":"assistant","content":"#, b"}"),
    (Role::User, br#"{"content":"#, br#","role":"user"}"#),
    (Role::Assistant, br#"{"content":"#, br#","role":"assistant"}"#),
    (Role::User, br#"{"role": "user", "content": "#, b"}"),
    (Role::Assistant, br#"{"role": "assistant", "content": "#, b"}"),
];

/// Reads a message if it is plain and says something; None of any other, which may be right all the same.
#[inline]
pub fn read(message: Value<'_>) -> Option<Turn<'_>> {
    for (role, start, end) in FORMS {
        if let Some(text) = message.string_between(start, end).map(Text::of) {
            return (!text.is_blank()).then(|| Turn::plain(role, text, message.raw()));
        }
    }
    let mut members = message.members();
    let (first, second) = (members.next()?, members.next()?);
    let (role, content) = match (first.key.raw(), second.key.raw()) {
        (b"role", b"content") => (first.value, second.value),
        (b"content", b"role") => (second.value, first.value),
        _ => return None,
    };
    let role = match role.raw() {
        br#""user""# => Role::User,
        br#""assistant""# => Role::Assistant,
        _ => return None,
    };
    let text = Text::from_value(content).filter(|text| !text.is_blank())?;
    members.next().is_none().then(|| Turn::plain(role, text, message.raw()))
}

/// Bytes of the client's body that belong in the upstream's, where its writer left them out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stretch {
    /// Where in what was written they belong.
    pub at: usize,
    /// Where in the client's body they start.
    pub start: usize,
    /// Where in it they end.
    pub end: usize,
}

impl Stretch {
    /// How many bytes there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.start == self.end
    }
}

/// A client's body that is sent to the upstream from where it is: the first long run of its plain
/// messages, with all that stands between them.
#[derive(Debug)]
pub struct Lent<'b> {
    body: &'b [u8],
    stretch: Cell<Stretch>,
}

impl<'b> Lent<'b> {
    /// Of `body`, which the request was read from.
    #[must_use]
    pub fn new(body: &'b [u8]) -> Self {
        Self { body, stretch: Cell::default() }
    }

    /// Writes `message`, a plain one, as the next of `list`, or leaves it out.
    pub fn message(&self, message: &[u8], list: &mut List, out: &mut Vec<u8>) {
        let Some(start) = self.place(message) else {
            list.next(out);
            out.extend_from_slice(message);
            return;
        };
        let (end, stretch) = (start + message.len(), self.stretch.get());
        if !stretch.is_empty() && stretch.at == out.len() && self.is_comma(stretch.end, start) {
            self.stretch.set(Stretch { end, ..stretch });
            return;
        }
        list.next(out);
        if stretch.len() >= LONG {
            out.extend_from_slice(message);
            return;
        }
        self.copy(out);
        self.stretch.set(Stretch { at: out.len(), start, end });
    }

    /// What was left out of `out`, if it is most of the body and long; else it is put where it belongs.
    pub fn finish(self, out: &mut Vec<u8>) -> Option<Stretch> {
        if self.stretch.get().len() < LONG.max(out.len()) {
            self.copy(out);
        }
        Some(self.stretch.get()).filter(|stretch| !stretch.is_empty())
    }

    /// Puts what was left out where it belongs.
    fn copy(&self, out: &mut Vec<u8>) {
        let Stretch { at, start, end } = self.stretch.take();
        let bytes = self.body.get(start..end).unwrap_or_default();
        let at = at.min(out.len());
        out.splice(at..at, bytes.iter().copied());
    }

    /// Where in the body `message` stands.
    fn place(&self, message: &[u8]) -> Option<usize> {
        let start = message.as_ptr().addr().checked_sub(self.body.as_ptr().addr())?;
        let end = start.checked_add(message.len())?;
        (end <= self.body.len()).then_some(start)
    }

    /// Whether from `start` to `end` there is a comma and nothing else, but for whitespace.
    fn is_comma(&self, start: usize, end: usize) -> bool {
        let between = self.body.get(start..end);
        between.is_some_and(|between| between == b"," || between.trim_ascii() == b",")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::FORMS;
    use super::LONG;
    use super::Lent;
    use super::Stretch;
    use super::read;
    use crate::chat::Part;
    use crate::chat::Role;
    use crate::chat::Text;
    use crate::chat::Turn;
    use crate::codec::json::Document;
    use crate::codec::json::List;
    use crate::codec::json::Str;
    use crate::codec::json::Value;

    #[test]
    fn plain_messages_are_read() {
        for (message, role) in [
            (r#"{"role":"user","content":"a"}"#, Role::User),
            (r#"{"role":"assistant","content":"a \\u0041\\" b"}"#, Role::Assistant),
            (r#"{"content":"a","role":"user"}"#, Role::User),
            ("{ \"role\" : \"user\" ,\n \"content\" : \"a\" }", Role::User),
        ] {
            let turn = read(Value::trusted(message.as_bytes()));
            let turn = turn.unwrap_or_else(|| panic!("{message} is plain"));
            assert_eq!((turn.role, turn.parts.len()), (role, 1), "{message}");
            assert_eq!(turn.as_plain(), Some(message.as_bytes()));
        }
    }

    #[test]
    fn they_are_read_the_same_with_and_without_marks() {
        let (text, blank) = (r#"a text of some length, \"quoted\""#, " ".repeat(20));
        let mores = [("", true), (r#","x":1"#, false), (r#","role":"user""#, false)];
        let cases = FORMS.into_iter().flat_map(|form| mores.map(|more| (form, more)));
        for ((role, start, end), (more, plain)) in cases {
            let (start, end) = (String::from_utf8_lossy(start), String::from_utf8_lossy(end));
            let end = end.trim_end_matches('}');
            let body = format!(r#"{{"messages":[{start}"{text}"{end}{more}}}]}}"#);
            let document = Document::read(body.as_bytes(), |_, _| {}).expect("JSON");
            let messages = document.value().get("messages").expect("messages");
            let marked = messages.elements().next().expect("a message");
            let part = Part::text(Text::of(Str::trusted(text.as_bytes())));
            let wanted = plain.then(|| Turn::new(role, vec![part]));
            for message in [marked, Value::trusted(marked.raw())] {
                let turn = read(message);
                assert_eq!(turn, wanted, "{body}");
                assert_eq!(turn.and_then(|turn| turn.as_plain()), plain.then_some(marked.raw()));
            }
            let silent = body.replace(text, &blank);
            let document = Document::read(silent.as_bytes(), |_, _| {}).expect("JSON");
            let messages = document.value().get("messages").expect("messages");
            assert_eq!(messages.elements().find_map(read), None, "{silent}");
        }
    }

    #[test]
    fn all_others_are_left_to_their_protocol() {
        for message in [
            "{}",
            "[]",
            r#""user""#,
            "null",
            r#"{"role":"user"}"#,
            r#"{"role":"user","role":"user"}"#,
            r#"{"content":"a","content":"b"}"#,
            r#"{"role":"user","content":""}"#,
            r#"{"role":"user","content":" \n"}"#,
            r#"{"role":"user","content":null}"#,
            r#"{"role":"user","content":["a"]}"#,
            r#"{"role":"system","content":"a"}"#,
            r#"{"role":"developer","content":"a"}"#,
            r#"{"role":"tool","content":"a"}"#,
            r#"{"role":"\u0075ser","content":"a"}"#,
            r#"{"role":"user","content":"a","name":"b"}"#,
            r#"{"role":"user","content":"a","role":"assistant"}"#,
            r#"{"role":"user","text":"a"}"#,
            r#"{"name":"user","content":"a"}"#,
        ] {
            assert_eq!(read(Value::trusted(message.as_bytes())), None, "{message}");
        }
    }

    /// What a writer is given, in turn.
    #[derive(Clone, Debug)]
    enum Step {
        /// A plain message of so many bytes, behind this in the client's list.
        Plain(usize, &'static str),
        /// Another message, written as so many bytes.
        Other(usize),
        /// A plain message that is not written where it stands in the client's list.
        Skipped(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let len = prop_oneof![30..80_usize, 3000..9000_usize, Just(LONG), Just(LONG - 1)];
        let gap = prop_oneof![
            6 => Just(","), 1 => Just(" , "), 1 => Just(",\n  "), 1 => Just(",,"), 1 => Just(""),
        ];
        let step = prop_oneof![
            6 => (len.clone(), gap).prop_map(|(len, gap)| Step::Plain(len, gap)),
            1 => len.clone().prop_map(Step::Other),
            1 => len.prop_map(Step::Skipped),
        ];
        proptest::collection::vec(step, 0..9)
    }

    proptest! {
        #[test]
        fn what_is_left_out_and_what_is_written_are_all(steps in steps(), before in 0..300_usize) {
            let (mut client, mut places) = (b"[".to_vec(), Vec::new());
            for (at, step) in steps.iter().enumerate() {
                let (len, gap) = match step {
                    Step::Plain(len, gap) => (*len, *gap),
                    Step::Other(len) | Step::Skipped(len) => (*len, ","),
                };
                client.extend_from_slice(gap.as_bytes());
                let start = client.len();
                client.extend(std::iter::repeat_n(b'a' + at as u8, len));
                places.push(start..client.len());
            }
            let lent = Lent::new(&client);
            let (mut out, mut list) = (vec![b'.'; before], List::default());
            let mut wanted = Vec::new();
            for (at, (step, place)) in steps.iter().zip(&places).enumerate() {
                let letter = b'a' + at as u8;
                match step {
                    Step::Plain(len, _) => {
                        lent.message(&client[place.clone()], &mut list, &mut out);
                        wanted.extend(std::iter::repeat_n(letter, *len));
                    }
                    Step::Other(len) => {
                        list.next(&mut out);
                        out.extend(std::iter::repeat_n(b'A' + at as u8, *len));
                        wanted.extend(std::iter::repeat_n(b'A' + at as u8, *len));
                    }
                    Step::Skipped(_) => continue,
                }
                wanted.push(b',');
            }
            wanted.pop();
            out.push(b']');
            let stretch = lent.finish(&mut out);
            let Stretch { at, start, end } = stretch.unwrap_or_default();
            prop_assert!(stretch.is_none_or(|stretch| stretch.len() >= LONG.max(out.len())));
            let (front, back) = out.split_at(at);
            let all = [front, &client[start..end], back].concat();
            let all = all.strip_prefix(&*vec![b'.'; before]).expect("what was there before");
            // As JSON reads it: with one comma between two messages, and whitespace for nothing.
            let bare: Vec<u8> =
                all.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
            prop_assert_eq!(bare, [&wanted[..], b"]"].concat());
        }
    }

    #[test]
    fn a_message_from_elsewhere_is_copied() {
        let (client, other) = (vec![b'a'; 2 * LONG], vec![b'b'; 2 * LONG]);
        let (mut out, mut list) = (Vec::new(), List::default());
        let lent = Lent::new(&client[..LONG]);
        lent.message(&other, &mut list, &mut out);
        lent.message(&client[1..], &mut list, &mut out);
        assert_eq!(out, [&other[..], b",", &client[1..]].concat());
        assert_eq!(lent.finish(&mut out), None);
    }
}
