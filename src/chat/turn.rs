//! One message of a conversation.

use crate::chat::request::Content;
use crate::chat::request::Extra;
use crate::chat::request::Part;
use crate::chat::request::Role;
use crate::chat::text::Text;

/// One message.
#[derive(Clone, Debug)]
pub struct Turn<'a> {
    /// Whose.
    pub role: Role,
    /// What was said, in order.
    pub parts: Vec<Part<'a>>,
    /// What only one protocol has words for.
    pub extra: Vec<Extra<'a>>,
    /// How a plain message stood in its body.
    plain: Option<Plain<'a>>,
}

/// A message of one text and nothing else, as several protocols write it.
#[derive(Clone, Copy, Debug)]
struct Plain<'a> {
    role: Role,
    message: &'a [u8],
}

impl<'a> Turn<'a> {
    /// A turn with nothing beside its parts.
    #[must_use]
    pub const fn new(role: Role, parts: Vec<Part<'a>>) -> Self {
        Self { role, parts, extra: Vec::new(), plain: None }
    }

    /// The turn of `message`, an object of a `role` and of a `content` that is the string `text`, which
    /// must not be blank.
    #[must_use]
    pub fn plain(role: Role, text: Text<'a>, message: &'a [u8]) -> Self {
        // Made where it stays: a part is large.
        let parts = vec![Part::text(text)];
        Self { role, parts, extra: Vec::new(), plain: Some(Plain { role, message }) }
    }

    /// The same turn with what only one protocol has words for.
    #[must_use]
    pub fn with(mut self, extra: Vec<Extra<'a>>) -> Self {
        self.extra = extra;
        self
    }

    /// The message that it was read from, where that is plain and still says all that the turn does. Its
    /// one part is a text then, and not a blank one.
    #[must_use]
    pub fn as_plain(&self) -> Option<&'a [u8]> {
        let Plain { role, message } = self.plain?;
        let [Part { content: Content::Text(text), cache: None, signature: None, extra }] =
            self.parts.as_slice()
        else {
            return None;
        };
        let in_it = |text: &[u8]| message.as_ptr_range().contains(&text.as_ptr());
        let same = text.in_place().is_some_and(in_it) && role == self.role;
        (same && extra.is_empty() && self.extra.is_empty()).then_some(message)
    }
}

impl PartialEq for Turn<'_> {
    /// Two turns are equal if they say the same, wherever they were read.
    fn eq(&self, other: &Self) -> bool {
        let Self { role, parts, extra, plain: _ } = self;
        *role == other.role && *parts == other.parts && *extra == other.extra
    }
}

#[cfg(test)]
mod tests {
    use super::Turn;
    use crate::chat::Cache;
    use crate::chat::Content;
    use crate::chat::Extra;
    use crate::chat::Json;
    use crate::chat::Part;
    use crate::chat::Protocol;
    use crate::chat::Role;
    use crate::chat::Signature;
    use crate::chat::Text;
    use crate::codec::json::Str;

    const MESSAGE: &[u8] = br#"{"role":"user","content":"hi"}"#;

    fn turn() -> Turn<'static> {
        let text = MESSAGE.get(25..27).map(Str::trusted).map(Text::of).unwrap_or_default();
        Turn::plain(Role::User, text, MESSAGE)
    }

    fn extra() -> Extra<'static> {
        Extra { by: Protocol::Openai, name: "name".into(), value: Json::fixed("1") }
    }

    #[test]
    fn a_plain_message_stands_for_its_turn_until_that_says_something_else() {
        assert_eq!(turn().as_plain(), Some(MESSAGE));
        assert_eq!(Turn::new(Role::User, turn().parts).as_plain(), None);
        let changes: [fn(&mut Turn<'static>); 9] = [
            |turn| turn.role = Role::Assistant,
            |turn| turn.extra.push(extra()),
            |turn| turn.parts.clear(),
            |turn| turn.parts.push(Part::text(Text::default())),
            |turn| turn.parts = vec![Part::text(Text::plain("hi"))],
            |turn| turn.parts = vec![Part::text(Text::of(Str::trusted(b"other")))],
            |turn| turn.parts.iter_mut().for_each(|part| part.cache = Some(Cache::Hour)),
            |turn| turn.parts.iter_mut().for_each(|part| part.extra.push(extra())),
            |turn| {
                let signature = Signature { by: Protocol::Gemini, data: Text::default() };
                turn.parts.iter_mut().for_each(|part| part.signature = Some(signature.clone()));
            },
        ];
        for (at, change) in changes.into_iter().enumerate() {
            let mut turn = turn();
            change(&mut turn);
            assert_eq!(turn.as_plain(), None, "change {at}");
        }
        let mut refusal = turn();
        for part in &mut refusal.parts {
            if let Content::Text(text) = &part.content {
                part.content = Content::Refusal(text.clone());
            }
        }
        assert_eq!(refusal.as_plain(), None);
    }

    #[test]
    fn turns_that_say_the_same_are_equal_wherever_they_were_read() {
        assert_eq!(turn(), Turn::new(Role::User, turn().parts));
        assert_ne!(turn(), Turn::new(Role::Assistant, turn().parts));
        assert_ne!(turn(), turn().with(vec![extra()]));
        assert_ne!(turn(), Turn::new(Role::User, Vec::new()));
    }
}
