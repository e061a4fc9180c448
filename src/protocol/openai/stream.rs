//! Streams of chat completion chunks, as they pass.
//!
//! [`Tap`] looks at each event and says what to do with it. It knows when a stream is complete, so
//! that one that breaks off is never taken for an answer.

use crate::chat::Usage;
use crate::codec::json;
use crate::codec::json::Error;
use crate::codec::json::Value;

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
#[derive(Debug, Default)]
pub struct Tap {
    hide_usage: bool,
    usage: Option<Usage>,
    /// Bit `i` stands for choice `i`; those above 63 share the last bit.
    begun: u64,
    finished: u64,
    content_events: u64,
}

impl Tap {
    /// A stream of which nothing is known. `hide_usage`: an event that holds nothing but the
    /// usage is not for the client.
    #[must_use]
    pub fn new(hide_usage: bool) -> Self {
        Self { hide_usage, ..Self::default() }
    }

    /// Looks at the data of one event.
    ///
    /// # Errors
    /// Where the data is neither `[DONE]` nor a JSON object.
    pub fn event(&mut self, data: &[u8]) -> Result<Verdict, Error> {
        if data.starts_with(b"[DONE]") {
            return Ok(Verdict::Done);
        }
        let (mut choices, mut usage, mut failed) = (None, None, false);
        json::object(data, |member, _| {
            if member.key.is("choices") {
                choices = Some(member.value);
            } else if member.key.is("usage") {
                usage = Some(member.value).filter(|value| !value.is_null());
            } else if member.key.is("error") {
                failed = !member.value.is_null();
            }
        })?;
        if let Some(usage) = usage {
            self.usage = Some(super::usage(usage));
        }
        if failed {
            return Ok(Verdict::Failure);
        }
        let empty = choices.is_none_or(Value::is_empty_array);
        if let Some(choices) = choices.filter(|_| !empty) {
            self.content_events += 1;
            for choice in choices.elements() {
                self.choice(choice);
            }
        }
        let only_usage = empty && usage.is_some();
        Ok(if only_usage && self.hide_usage { Verdict::Hide } else { Verdict::Forward })
    }

    fn choice(&mut self, choice: Value<'_>) {
        let (mut index, mut finished) = (0, false);
        for member in choice.members() {
            if member.key.is("index") {
                index = member.value.as_u64().unwrap_or(0);
            } else if member.key.is("finish_reason") {
                finished = !member.value.is_null();
            }
        }
        let bit = 1 << index.min(63);
        self.begun |= bit;
        if finished {
            self.finished |= bit;
        }
    }

    /// Whether every choice that began has its `finish_reason`.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        self.begun != 0 && self.begun == self.finished
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

#[cfg(test)]
mod tests {
    use super::{Tap, Verdict};

    const CONTENT: &[u8] =
        br#"{"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}],"usage":null}"#;
    const FINISH: &[u8] = br#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
    const USAGE: &[u8] = br#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#;

    #[test]
    fn a_stream_is_followed_to_its_end() {
        let mut tap = Tap::new(true);
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
    fn usage_is_shown_to_who_asked() {
        assert_eq!(Tap::new(false).event(USAGE), Ok(Verdict::Forward));
    }

    #[test]
    fn usage_beside_a_choice_is_counted_and_shown() {
        let mut tap = Tap::new(true);
        let both =
            br#"{"choices":[{"index":0,"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}"#;
        assert_eq!(tap.event(both), Ok(Verdict::Forward));
        assert!(tap.usage().is_some());
    }

    #[test]
    fn every_choice_must_finish() {
        let mut tap = Tap::new(false);
        tap.event(br#"{"choices":[{"index":1,"delta":{},"finish_reason":null}]}"#).unwrap();
        tap.event(FINISH).unwrap();
        assert!(!tap.is_finished());
        tap.event(br#"{"choices":[{"index":1,"delta":{},"finish_reason":"length"}]}"#).unwrap();
        assert!(tap.is_finished());
        assert!(!Tap::new(false).is_finished(), "nothing began");
    }

    #[test]
    fn failures_and_garbage_are_told_apart() {
        let mut tap = Tap::new(false);
        assert_eq!(tap.event(br#"{"error":{"message":"x"}}"#), Ok(Verdict::Failure));
        assert_eq!(tap.event(br#"{"error":null,"choices":[]}"#), Ok(Verdict::Forward));
        assert!(tap.event(b"{\"choices\":[").is_err());
        assert!(tap.event(b"hello").is_err());
    }
}
