//! What an event says that is one piece of text, so that the next one like it need not be read: see
//! [`Template`](crate::protocol::template::Template).

use crate::chat::AnySink;
use crate::chat::Arguments;
use crate::chat::Event;
use crate::chat::Sink;
use crate::chat::Text;

/// What a piece of text is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Piece {
    /// Text for the user.
    #[default]
    Text,
    /// A thought.
    Thinking,
    /// The arguments of a call.
    Arguments,
}

/// What a piece of text belongs to, until something else is told of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Alike {
    /// What it is.
    pub piece: Piece,
    /// Of which choice.
    pub choice: u32,
    /// Of which call, if it is arguments.
    pub call: u32,
}

impl Alike {
    /// The event of another such piece.
    #[must_use]
    pub const fn event(self, text: Text<'_>) -> Event<'_> {
        let Self { piece, choice, call } = self;
        match piece {
            Piece::Text => Event::Text { choice, text },
            Piece::Thinking => Event::Thinking { choice, text },
            Piece::Arguments => {
                let piece = Arguments::Quoted(text);
                Event::CallArguments { choice, call, piece }
            }
        }
    }

    /// What `event` is a piece of, and the piece as it stands in its body.
    fn of<'e>(event: &Event<'e>) -> Option<(Self, &'e [u8])> {
        let (piece, choice, call, text) = match event {
            Event::Text { choice, text } => (Piece::Text, *choice, 0, text),
            Event::Thinking { choice, text } => (Piece::Thinking, *choice, 0, text),
            Event::CallArguments { choice, call, piece: Arguments::Quoted(text) } => {
                (Piece::Arguments, *choice, *call, text)
            }
            Event::CallArguments { piece: Arguments::Value(_), .. }
            | Event::Start(_)
            | Event::Refusal { .. }
            | Event::Signature { .. }
            | Event::Redacted { .. }
            | Event::CallStart { .. }
            | Event::CallEnd { .. }
            | Event::Logprobs { .. }
            | Event::Citation { .. }
            | Event::Media { .. }
            | Event::Extra { .. }
            | Event::Finish { .. }
            | Event::Usage(_)
            | Event::Failure(_)
            | Event::End => return None,
        };
        Some((Self { piece, choice, call }, text.in_place()?))
    }
}

/// Passes on what is read of one event, and sees whether it is one piece of text and nothing else.
pub struct Watch<'s, 'd, 'e> {
    sink: &'s mut AnySink<'d>,
    events: u32,
    piece: Option<(Alike, &'e [u8])>,
}

impl<'s, 'd, 'e> Watch<'s, 'd, 'e> {
    /// Passes events on to `sink`.
    pub const fn new(sink: &'s mut AnySink<'d>) -> Self {
        Self { sink, events: 0, piece: None }
    }

    /// The one piece of text, as it stands in its body.
    #[must_use]
    pub fn only(&self) -> Option<(Alike, &'e [u8])> {
        self.piece.filter(|_| self.events == 1)
    }
}

impl<'e> Sink<'e> for Watch<'_, '_, 'e> {
    fn event(&mut self, event: Event<'e>) {
        self.events += 1;
        self.piece = Alike::of(&event);
        self.sink.event(event);
    }
}
