//! Answers that were asked for by a tool, because the model cannot be held to a schema otherwise: the
//! tool's input is the answer's text.

use crate::chat::Arguments;
use crate::chat::Event;
use crate::chat::Finish;
use crate::chat::Sink;
use crate::chat::Text;
use crate::protocol::anthropic::request::FORMAT_TOOL;

/// What is known of an answer whose calls of [`FORMAT_TOOL`] are text.
#[derive(Clone, Debug, Default)]
pub struct Unwrap {
    /// Such calls, by choice and number, and whether any text came of them.
    calls: Vec<(u32, u32, bool)>,
    /// The choices that called other tools.
    others: Vec<u32>,
}

/// Takes events for a sink that shall know nothing of the tool.
#[derive(Debug)]
pub struct Unwrapped<'u, S: ?Sized> {
    state: &'u mut Unwrap,
    sink: &'u mut S,
}

impl Unwrap {
    /// What stands before `sink`.
    pub const fn before<'u, S: ?Sized>(&'u mut self, sink: &'u mut S) -> Unwrapped<'u, S> {
        Unwrapped { state: self, sink }
    }

    /// The call, if it is one that becomes text.
    fn found(&mut self, choice: u32, call: u32) -> Option<&mut bool> {
        let mut calls = self.calls.iter_mut();
        let found = calls.find(|(of, number, _)| (*of, *number) == (choice, call));
        found.map(|(_, _, any)| any)
    }

    /// The number of a call among those that stay calls.
    fn number(&self, choice: u32, call: u32) -> u32 {
        let before = self.calls.iter().filter(|(of, number, _)| *of == choice && *number < call);
        call.saturating_sub(u32::try_from(before.count()).unwrap_or(u32::MAX))
    }

    /// What `event` becomes, if anything.
    fn map<'e>(&mut self, event: Event<'e>) -> Option<Event<'e>> {
        match event {
            Event::CallStart { choice, call, name, .. } if name.is(FORMAT_TOOL) => {
                self.calls.push((choice, call, false));
                None
            }
            Event::CallStart { choice, call, id, name, custom, signature } => {
                self.others.push(choice);
                let call = self.number(choice, call);
                Some(Event::CallStart { choice, call, id, name, custom, signature })
            }
            Event::CallArguments { choice, call, piece } => match self.found(choice, call) {
                Some(any) => {
                    *any = true;
                    let text = match piece {
                        Arguments::Quoted(text) => text,
                        Arguments::Value(value) => {
                            Text::plain(std::str::from_utf8(value.raw()).unwrap_or_default())
                        }
                    };
                    Some(Event::Text { choice, text })
                }
                None => {
                    let call = self.number(choice, call);
                    Some(Event::CallArguments { choice, call, piece })
                }
            },
            Event::CallEnd { choice, call } => match self.found(choice, call) {
                Some(true) => None,
                Some(any) => {
                    *any = true;
                    Some(Event::Text { choice, text: Text::plain("{}") })
                }
                None => Some(Event::CallEnd { choice, call: self.number(choice, call) }),
            },
            Event::Finish { choice, reason: Finish::Calls } if !self.others.contains(&choice) => {
                Some(Event::Finish { choice, reason: Finish::Stop })
            }
            Event::Start(_)
            | Event::Text { .. }
            | Event::Refusal { .. }
            | Event::Thinking { .. }
            | Event::Signature { .. }
            | Event::Redacted { .. }
            | Event::Logprobs { .. }
            | Event::Citation { .. }
            | Event::Media { .. }
            | Event::Extra { .. }
            | Event::Finish { .. }
            | Event::Usage(_)
            | Event::Failure(_)
            | Event::End => Some(event),
        }
    }
}

impl<'e, S: Sink<'e> + ?Sized> Sink<'e> for Unwrapped<'_, S> {
    fn event(&mut self, event: Event<'e>) {
        if let Some(event) = self.state.map(event) {
            self.sink.event(event);
        }
    }
}
