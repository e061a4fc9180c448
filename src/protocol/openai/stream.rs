//! Streams of chat completion chunks, as they pass.
//!
//! [`Tap`] looks at each event and says what to do with it. It knows when a stream is complete, so
//! that one that breaks off is never taken for an answer.

use crate::chat::Failure;
use crate::chat::Usage;
use crate::codec::json;
use crate::codec::json::Error;
use crate::codec::json::Str;
use crate::codec::json::Value;
use crate::protocol::openai::chat;
use crate::protocol::template::Template;

/// What follows from an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes to the client as it is.
    Forward,
    /// It is the usage that the client did not ask for.
    Hide,
    /// It is `[DONE]`: the answer is complete.
    Done,
    /// The upstream tells of a failure: it goes to the client and ends the stream.
    Failure,
}

/// What is known of a stream so far.
#[derive(Debug)]
pub struct Tap {
    hide_usage: bool,
    choices: u32,
    usage: Option<Usage>,
    /// Of which choices there was something. Bit `i` stands for choice `i`; those above 63 share the
    /// last bit.
    seen: u64,
    /// Which of them have their `finish_reason`.
    finished: u64,
    content_events: u64,
    /// Whether a client has heard something of the answer, or that it is over.
    content: bool,
    failure: Option<Box<Failure<'static>>>,
    /// An event that was forwarded and had content. What it finished has been noted.
    common: Template,
}

impl Tap {
    /// A stream of so many choices of which nothing is known. `hide_usage`: an event that holds
    /// nothing but the usage is not for the client.
    #[must_use]
    pub fn new(hide_usage: bool, choices: u32) -> Self {
        Self {
            hide_usage,
            choices,
            usage: None,
            seen: 0,
            finished: 0,
            content_events: 0,
            content: false,
            failure: None,
            common: Template::default(),
        }
    }

    /// Looks at the data of one event.
    ///
    /// # Errors
    /// Where the data is neither `[DONE]` nor a JSON object.
    pub fn event(&mut self, data: &[u8]) -> Result<Verdict, Error> {
        if self.common.matches(data) {
            self.content_events += 1;
            return Ok(Verdict::Forward);
        }
        if data.starts_with(b"[DONE]") {
            return Ok(Verdict::Done);
        }
        self.read(data)
    }

    fn read(&mut self, data: &[u8]) -> Result<Verdict, Error> {
        let (mut choices, mut usage, mut failed, mut padding) = (None, None, None, None);
        let mut prologue = false;
        json::object(data, |member, _| match member.key.raw() {
            b"choices" => choices = Some(member.value),
            b"usage" => usage = Some(member.value).filter(|value| !value.is_null()),
            b"error" => failed = Some(member.value).filter(|value| !value.is_null()),
            b"obfuscation" => padding = Some(member.value),
            b"prompt_filter_results" => prologue = true,
            _ => {}
        })?;
        if let Some(usage) = usage {
            self.usage = Some(super::usage(usage));
        }
        if failed.is_some() {
            self.failure = Some(Box::new(chat::error::read(200, data)));
            return Ok(Verdict::Failure);
        }
        let empty = choices.is_none_or(Value::is_empty_array);
        if let Some(choices) = choices.filter(|_| !empty) {
            self.content_events += 1;
            self.content = self.content || choices.elements().any(says_something);
            choices.elements().for_each(|choice| self.choice(choice));
            let mut each = choices.elements();
            if let (Some(only), None, None) = (each.next(), each.next(), usage) {
                self.common.learn(data, text_of(only), padding);
            }
        }
        let only_usage = empty && usage.is_some();
        // Azure begins with an event that holds what its filters thought of the prompt, and in
        // place of all else nothing: clients of OpenAI's look for a choice in it.
        let only_filters = empty && prologue && usage.is_none();
        let hidden = (only_usage && self.hide_usage) || only_filters;
        Ok(if hidden { Verdict::Hide } else { Verdict::Forward })
    }

    fn choice(&mut self, choice: Value<'_>) {
        let (mut index, mut finished) = (0, false);
        for member in choice.members() {
            match member.key.raw() {
                b"index" => index = member.value.as_u64().unwrap_or(0),
                b"finish_reason" => finished = !member.value.is_null(),
                _ => {}
            }
        }
        let bit = 1 << index.min(63);
        self.seen |= bit;
        if finished {
            self.finished |= bit;
        }
    }

    /// Whether there was content, or a choice's end.
    #[must_use]
    pub const fn has_content(&self) -> bool {
        self.content
    }

    /// The failure that the upstream told.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure<'static>> {
        self.failure.as_deref()
    }

    /// Whether every choice has its `finish_reason`: those that were asked for, and those that came.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.finished == self.seen && self.finished.count_ones() >= self.choices.min(64)
    }

    /// The usage, if the stream told it.
    #[must_use]
    pub const fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// Events with content so far: about the number of tokens, where no usage was told.
    #[must_use]
    pub const fn content_events(&self) -> u64 {
        self.content_events
    }
}

/// Whether a choice of a chunk has more in it than whose turn it is.
fn says_something(choice: Value<'_>) -> bool {
    let is_empty = |value: Value<'_>| {
        value.is_null()
            || value.is_empty_array()
            || value.as_str().is_some_and(|s| s.raw().is_empty())
    };
    choice.members().any(|member| match member.key.raw() {
        b"finish_reason" | b"text" => !is_empty(member.value),
        b"delta" => {
            member.value.members().any(|part| part.key.raw() != b"role" && !is_empty(part.value))
        }
        _ => false,
    })
}

/// The inside of the string that carries what a choice adds, if it adds something.
fn text_of(choice: Value<'_>) -> Option<&[u8]> {
    let delta = choice.get("delta")?;
    let found = delta.members().find_map(|member| {
        let carries = [&b"content"[..], b"reasoning_content", b"reasoning", b"refusal"];
        member.value.as_str().filter(|_| carries.contains(&member.key.raw()))
    });
    let arguments = || {
        let call = delta.get("tool_calls")?.elements().next()?;
        call.get("function")?.get("arguments")?.as_str()
    };
    found.or_else(arguments).map(Str::raw).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{Tap, Verdict};

    const CONTENT: &[u8] =
        br#"{"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}],"usage":null}"#;
    const FINISH: &[u8] = br#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
    const USAGE: &[u8] = br#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#;

    #[test]
    fn a_stream_is_followed_to_its_end() {
        let mut tap = Tap::new(true, 1);
        assert_eq!(tap.event(CONTENT), Ok(Verdict::Forward));
        assert!(!tap.is_finished());
        assert_eq!(tap.event(FINISH), Ok(Verdict::Forward));
        assert!(tap.is_finished());
        assert_eq!(tap.event(USAGE), Ok(Verdict::Hide));
        assert_eq!(tap.event(b"[DONE]"), Ok(Verdict::Done));
        assert_eq!(tap.usage().map(|usage| (usage.prompt, usage.completion)), Some((3, 2)));
        assert_eq!(tap.content_events(), 2);
    }

    #[test]
    fn the_word_of_azures_filters_is_hidden() {
        let prologue = br#"{"id":"","choices":[],"prompt_filter_results":[{"prompt_index":0}]}"#;
        assert_eq!(Tap::new(false, 1).event(prologue), Ok(Verdict::Hide));
        assert_eq!(Tap::new(true, 1).event(br#"{"choices":[]}"#), Ok(Verdict::Forward));
    }

    #[test]
    fn an_event_like_the_one_before_is_not_read_again() {
        let content = |text: &str| format!(r#"{{"content":"{text}"}}"#);
        let call = |text: &str| {
            format!(r#"{{"tool_calls":[{{"index":0,"function":{{"arguments":"{text}"}}}}]}}"#)
        };
        for (one, other) in [(content("a"), content("bc")), (call("{"), call(r#"\"city\":"#))] {
            let event = |delta: &str| {
                format!(r#"{{"choices":[{{"delta":{delta},"finish_reason":null}}]}}"#)
            };
            let mut tap = Tap::new(false, 1);
            assert!(!tap.common.matches(event(&one).as_bytes()));
            tap.event(event(&one).as_bytes()).unwrap();
            assert!(tap.common.matches(event(&other).as_bytes()), "{other}");
        }
    }

    #[test]
    fn content_is_seen_where_the_first_event_has_none() {
        let event = |text: &str| {
            format!(
                r#"{{"choices":[{{"delta":{{"role":"assistant","content":"{text}"}},"finish_reason":null}}]}}"#
            )
        };
        let mut tap = Tap::new(false, 1);
        tap.event(event("").as_bytes()).unwrap();
        assert!(!tap.has_content());
        tap.event(event("Hello").as_bytes()).unwrap();
        assert!(tap.has_content());
    }

    /// An event like the one before is passed by likeness; nothing may be noted otherwise than of one
    /// that is read.
    #[test]
    fn likeness_changes_nothing() {
        const SHAPES: [&str; 14] = [
            r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#,
            r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":"a"},"finish_reason":null}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"b"},"finish_reason":null}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":""},"finish_reason":null}]}"#,
            r#"{"choices":[{"index":0,"d\u0065lta":{"content":"b"},"finish_reason":null}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"b"},"finish_reason":"stop"}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"b"},"finish_reason": null}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"c"},"finish_reason":null,"finish_reason":"stop"}]}"#,
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"},{"index":1,"delta":{"content":"x"},"finish_reason":null}]}"#,
            r#"{"choices":[{"index":1,"delta":{},"finish_reason":"stop"}]}"#,
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":""}}]},"finish_reason":null}]}"#,
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"d"}}]},"finish_reason":null}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"b"},"finish_reason":null}],"usage":{"prompt_tokens":1}}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":2}}"#,
        ];
        let noted = |order: [usize; 4], padded: bool| {
            let mut tap = Tap::new(true, 2);
            let look = |(at, shape): (usize, usize)| {
                // No two events are alike that begin with another number of spaces.
                let padding = if padded { " ".repeat(at) } else { String::new() };
                let verdict = tap.event(format!("{padding}{}", SHAPES[shape]).as_bytes());
                (verdict, tap.has_content(), tap.is_finished(), tap.usage(), tap.content_events())
            };
            order.into_iter().enumerate().map(look).collect::<Vec<_>>()
        };
        let count = SHAPES.len();
        for n in 0..count.pow(3) {
            let (one, two, three) = (n % count, n / count % count, n / count / count);
            let order = [one, two, three, two];
            assert_eq!(noted(order, false), noted(order, true), "{order:?}");
        }
        let both_finish = noted([8, 9, 0, 0], false);
        assert_eq!(
            both_finish.iter().map(|noted| noted.2).collect::<Vec<_>>(),
            [false, true, true, true]
        );
    }

    #[test]
    fn usage_is_shown_to_who_asked() {
        assert_eq!(Tap::new(false, 1).event(USAGE), Ok(Verdict::Forward));
    }

    #[test]
    fn usage_beside_a_choice_is_counted_and_shown() {
        let mut tap = Tap::new(true, 1);
        let both =
            br#"{"choices":[{"index":0,"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}"#;
        assert_eq!(tap.event(both), Ok(Verdict::Forward));
        assert!(tap.usage().is_some());
    }

    #[test]
    fn every_choice_must_finish() {
        let mut tap = Tap::new(false, 2);
        tap.event(br#"{"choices":[{"index":1,"delta":{},"finish_reason":null}]}"#).unwrap();
        tap.event(FINISH).unwrap();
        assert!(!tap.is_finished());
        tap.event(br#"{"choices":[{"index":1,"delta":{},"finish_reason":"length"}]}"#).unwrap();
        assert!(tap.is_finished());
        assert!(!Tap::new(false, 1).is_finished(), "nothing began");
        let mut more = Tap::new(false, 1);
        more.event(FINISH).unwrap();
        more.event(br#"{"choices":[{"index":1,"delta":{"content":"x"}}]}"#).unwrap();
        assert!(!more.is_finished(), "one that nobody asked for");
        let mut spaced = Tap::new(false, 1);
        spaced.event(br#"{"choices": [ {"index": 0, "finish_reason": null} ]}"#).unwrap();
        assert!(!spaced.is_finished());
        spaced.event(br#"{"choices": [ {"finish_reason": "stop", "index": 0} ]}"#).unwrap();
        assert!(spaced.is_finished());
    }

    #[test]
    fn failures_and_garbage_are_told_apart() {
        let mut tap = Tap::new(false, 1);
        assert_eq!(tap.event(br#"{"error":{"message":"x"}}"#), Ok(Verdict::Failure));
        assert_eq!(tap.event(br#"{"error":null,"choices":[]}"#), Ok(Verdict::Forward));
        assert!(tap.event(b"{\"choices\":[").is_err());
        assert!(tap.event(b"hello").is_err());
    }
}
