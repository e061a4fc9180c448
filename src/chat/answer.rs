//! A whole answer, and putting events together into one.

use crate::chat::Protocol;
use crate::chat::Usage;
use crate::chat::event::Citation;
use crate::chat::event::Event;
use crate::chat::event::Finish;
use crate::chat::event::Sink;
use crate::chat::event::Start;
use crate::chat::failure::Failure;
use crate::chat::request::Extra;
use crate::chat::request::Media;
use crate::chat::request::Signature;
use crate::chat::text::Arguments;
use crate::chat::text::Json;
use crate::chat::text::Text;

/// Most choices of one answer: OpenAI's limit.
const MAX_CHOICES: usize = 128;

/// An answer, whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer<'a> {
    /// What came before the content, but for the tokens, which stand in `usage`.
    pub start: Start<'a>,
    /// The choices by number. Most answers have one.
    pub choices: Vec<Choice<'a>>,
    /// Tokens, where the provider told them.
    pub usage: Option<Usage>,
    /// What only one protocol has words for.
    pub extra: Vec<Extra<'a>>,
    /// How the provider failed, if it did.
    pub failure: Option<Failure<'a>>,
    /// Whether the proper end was seen.
    pub complete: bool,
}

/// One of the answers that were asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice<'a> {
    /// What was said, in order.
    pub parts: Vec<Said<'a>>,
    /// Why it ended; none while it has not.
    pub finish: Option<Finish<'a>>,
    /// Probabilities of tokens, each as it came.
    pub logprobs: Vec<Json<'a>>,
    /// What only one protocol has words for.
    pub extra: Vec<Extra<'a>>,
    /// What the model made beside what it said, and in which protocol it came. That one's own words
    /// for it stand in `extra`.
    pub media: Vec<(Protocol, Media<'a>)>,
}

/// A part of what was said.
#[derive(Clone, Debug, PartialEq)]
pub enum Said<'a> {
    /// Text.
    Text {
        /// The text.
        text: Text<'a>,
        /// What it rests on.
        citations: Vec<Citation<'a>>,
        /// What it is signed with.
        signature: Option<Signature<'a>>,
    },
    /// Words for why there is no answer.
    Refusal(Text<'a>),
    /// A thought.
    Thinking {
        /// The thought. Empty where the provider shows only the signature.
        text: Text<'a>,
        /// What it is signed with.
        signature: Option<Signature<'a>>,
    },
    /// A thought that only its provider can read.
    Redacted(Signature<'a>),
    /// A call.
    Call {
        /// Its id.
        id: Text<'a>,
        /// The tool.
        name: Text<'a>,
        /// All of them.
        arguments: Arguments<'a>,
        /// Whether the tool takes free text.
        custom: bool,
        /// What it is signed with.
        signature: Option<Signature<'a>>,
    },
}

/// Puts events together. Events of a whole answer stay slices of its body; pieces of a stream
/// become text of their own where they meet.
#[derive(Clone, Debug, Default)]
pub struct Fold<'a> {
    answer: Answer<'a>,
    /// What else is known of each choice.
    tracks: Vec<Track>,
}

/// What is known of a choice while it is put together.
#[derive(Clone, Debug)]
struct Track {
    /// Where in its parts each call stands.
    calls: Vec<usize>,
    /// Whether its last part has ended.
    ended: bool,
}

impl<'a> Fold<'a> {
    /// The answer so far.
    #[must_use]
    pub fn answer(self) -> Answer<'a> {
        self.answer
    }

    /// The place of a choice. A number beyond all bounds is the last one allowed.
    fn place(&mut self, choice: u32) -> usize {
        let at = (choice as usize).min(MAX_CHOICES - 1);
        // Most answers have one choice, and one is large.
        let missing = (at + 1).saturating_sub(self.tracks.len());
        self.answer.choices.reserve_exact(missing);
        self.tracks.reserve_exact(missing);
        for _ in 0..missing {
            self.answer.choices.push(Choice::default());
            self.tracks.push(Track { calls: Vec::new(), ended: true });
        }
        at
    }

    /// The last part of a choice if more can be added to it.
    fn open(&mut self, choice: u32) -> Option<&mut Said<'a>> {
        let at = self.place(choice);
        let ended = self.tracks.get(at).is_none_or(|track| track.ended);
        let choice = self.answer.choices.get_mut(at)?;
        choice.parts.last_mut().filter(|_| !ended)
    }

    fn add(&mut self, choice: u32, part: Said<'a>, ended: bool) {
        let at = self.place(choice);
        if let Some(track) = self.tracks.get_mut(at) {
            track.ended = ended;
        }
        if let Some(choice) = self.answer.choices.get_mut(at) {
            if choice.parts.is_empty() {
                choice.parts.reserve_exact(1);
            }
            choice.parts.push(part);
        }
    }

    fn end(&mut self, choice: u32) {
        let at = self.place(choice);
        if let Some(track) = self.tracks.get_mut(at) {
            track.ended = true;
        }
    }

    fn text(&mut self, choice: u32, more: Text<'a>) {
        match self.open(choice) {
            Some(Said::Text { text, .. }) => text.push(&more),
            Some(
                Said::Refusal(_) | Said::Thinking { .. } | Said::Redacted(_) | Said::Call { .. },
            )
            | None => {
                let part = Said::Text { text: more, citations: Vec::new(), signature: None };
                self.add(choice, part, false);
            }
        }
    }

    fn refusal(&mut self, choice: u32, more: Text<'a>) {
        match self.open(choice) {
            Some(Said::Refusal(text)) => text.push(&more),
            Some(
                Said::Text { .. } | Said::Thinking { .. } | Said::Redacted(_) | Said::Call { .. },
            )
            | None => self.add(choice, Said::Refusal(more), false),
        }
    }

    fn thinking(&mut self, choice: u32, more: Text<'a>) {
        match self.open(choice) {
            Some(Said::Thinking { text, .. }) => text.push(&more),
            Some(Said::Text { .. } | Said::Refusal(_) | Said::Redacted(_) | Said::Call { .. })
            | None => {
                self.add(choice, Said::Thinking { text: more, signature: None }, false);
            }
        }
    }

    fn signature(&mut self, choice: u32, new: Signature<'a>) {
        match self.open(choice) {
            Some(Said::Text { signature, .. } | Said::Thinking { signature, .. }) => {
                *signature = Some(new);
            }
            Some(Said::Refusal(_) | Said::Redacted(_) | Said::Call { .. }) | None => {
                // The thought itself was not shown.
                let part = Said::Thinking { text: Text::default(), signature: Some(new) };
                self.add(choice, part, true);
            }
        }
        self.end(choice);
    }

    fn citation(&mut self, choice: u32, citation: Citation<'a>) {
        let at = self.place(choice);
        let parts = self.answer.choices.get_mut(at).map(|choice| &mut choice.parts);
        let texts = parts.into_iter().flatten().rev().find_map(|part| match part {
            Said::Text { citations, .. } => Some(citations),
            Said::Refusal(_) | Said::Thinking { .. } | Said::Redacted(_) | Said::Call { .. } => {
                None
            }
        });
        match texts {
            Some(citations) => citations.push(citation),
            None => {
                let citations = vec![citation];
                let part = Said::Text { text: Text::default(), citations, signature: None };
                self.add(choice, part, false);
            }
        }
    }

    fn call(&mut self, choice: u32, part: Said<'a>) {
        let at = self.place(choice);
        let place = self.answer.choices.get(at).map_or(0, |choice| choice.parts.len());
        if let Some(track) = self.tracks.get_mut(at) {
            track.calls.push(place);
        }
        self.add(choice, part, true);
    }

    fn arguments(&mut self, choice: u32, call: u32, piece: Arguments<'a>) {
        let at = self.place(choice);
        let place = self.tracks.get(at).and_then(|track| track.calls.get(call as usize)).copied();
        let parts = self.answer.choices.get_mut(at).map(|choice| &mut choice.parts);
        let part = parts.zip(place).and_then(|(parts, place)| parts.get_mut(place));
        let Some(Said::Call { arguments, .. }) = part else { return };
        match (&mut *arguments, piece) {
            (Arguments::Quoted(text), Arguments::Quoted(more)) if !text.is_empty() => {
                text.push(&more);
            }
            (_, piece) => *arguments = piece,
        }
    }

    fn finish(&mut self, choice: u32, reason: Finish<'a>) {
        let at = self.place(choice);
        if let Some(choice) = self.answer.choices.get_mut(at) {
            choice.finish = Some(reason);
        }
    }

    fn extra(&mut self, choice: Option<u32>, extra: Extra<'a>) {
        let Some(choice) = choice else {
            self.answer.extra.push(extra);
            return;
        };
        let at = self.place(choice);
        if let Some(choice) = self.answer.choices.get_mut(at) {
            choice.extra.push(extra);
        }
    }
}

impl<'a> Sink<'a> for Fold<'a> {
    fn event(&mut self, event: Event<'a>) {
        match event {
            Event::Start(start) => {
                self.answer.usage = start.usage.or(self.answer.usage);
                self.answer.start = Start { usage: None, ..start };
            }
            Event::Text { choice, text } => self.text(choice, text),
            Event::Refusal { choice, text } => self.refusal(choice, text),
            Event::Thinking { choice, text } => self.thinking(choice, text),
            Event::Signature { choice, signature } => self.signature(choice, signature),
            Event::Redacted { choice, data } => self.add(choice, Said::Redacted(data), true),
            Event::CallStart { choice, call: _, id, name, custom, signature } => {
                let arguments = Arguments::Quoted(Text::default());
                self.call(choice, Said::Call { id, name, arguments, custom, signature });
            }
            Event::CallArguments { choice, call, piece } => self.arguments(choice, call, piece),
            Event::CallEnd { choice, .. } => self.end(choice),
            Event::Logprobs { choice, value } => {
                let at = self.place(choice);
                if let Some(choice) = self.answer.choices.get_mut(at) {
                    choice.logprobs.push(value);
                }
            }
            Event::Citation { choice, citation } => self.citation(choice, citation),
            Event::Media { choice, by, media } => {
                let at = self.place(choice);
                if let Some(choice) = self.answer.choices.get_mut(at) {
                    choice.media.push((by, media));
                }
            }
            Event::Extra { choice, extra } => self.extra(choice, extra),
            Event::Finish { choice, reason } => self.finish(choice, reason),
            Event::Usage(usage) => self.answer.usage = Some(usage),
            Event::Failure(failure) => self.answer.failure = Some(failure),
            Event::End => self.answer.complete = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Fold, Said};
    use crate::chat::Usage;
    use crate::chat::event::{Event, Finish, Sink, Start};
    use crate::chat::text::{Arguments, Text};

    fn text(choice: u32, text: &str) -> Event<'static> {
        Event::Text { choice, text: Text::plain(text) }
    }

    fn start(call: u32) -> Event<'static> {
        let id = Text::plain(&format!("call-{call}"));
        let name = Text::plain("f");
        Event::CallStart { choice: 0, call, id, name, custom: false, signature: None }
    }

    fn piece(call: u32, text: &str) -> Event<'static> {
        let piece = Arguments::Quoted(Text::plain(text));
        Event::CallArguments { choice: 0, call, piece }
    }

    #[test]
    fn pieces_become_parts_in_order() {
        let mut fold = Fold::default();
        let thought = Event::Thinking { choice: 0, text: Text::plain("hm") };
        for event in [
            Event::Start(Start::default()),
            thought,
            text(0, "a"),
            text(0, "b"),
            start(0),
            start(1),
            piece(1, "{\"x\""),
            piece(0, "{}"),
            piece(1, ":1}"),
            Event::CallEnd { choice: 0, call: 0 },
            text(0, "c"),
            Event::Finish { choice: 0, reason: Finish::Calls },
            Event::Usage(Usage { prompt: 1, ..Usage::default() }),
            Event::End,
        ] {
            fold.event(event);
        }
        let answer = fold.answer();
        assert!(answer.complete);
        assert_eq!(answer.usage.map(|usage| usage.prompt), Some(1));
        let choice = &answer.choices[0];
        assert_eq!(choice.finish, Some(Finish::Calls));
        let shown: Vec<String> = choice
            .parts
            .iter()
            .map(|part| match part {
                Said::Text { text, .. } => format!("text {}", text.decode()),
                Said::Call { id, arguments, .. } => {
                    format!("{} {}", id.decode(), String::from_utf8_lossy(&arguments.json()))
                }
                Said::Thinking { text, .. } => format!("thinking {}", text.decode()),
                Said::Refusal(_) | Said::Redacted(_) => String::new(),
            })
            .collect();
        assert_eq!(shown, ["thinking hm", "text ab", "call-0 {}", "call-1 {\"x\":1}", "text c"]);
    }

    #[test]
    fn choices_do_not_mix_and_are_bounded() {
        let mut fold = Fold::default();
        [text(1, "b"), text(0, "a"), text(u32::MAX, "z")].into_iter().for_each(|e| fold.event(e));
        let answer = fold.answer();
        assert_eq!(answer.choices.len(), super::MAX_CHOICES);
        assert_eq!(answer.choices[1].parts.len(), 1);
    }
}
