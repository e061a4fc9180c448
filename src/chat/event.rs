//! What a model says, piece by piece, in no provider's words. A whole answer is the same pieces,
//! each whole; [`Fold`](crate::chat::Fold) puts pieces together again.

use crate::chat::Protocol;
use crate::chat::Usage;
use crate::chat::failure::Failure;
use crate::chat::request::Extra;
use crate::chat::request::Media;
use crate::chat::request::Signature;
use crate::chat::text::Arguments;
use crate::chat::text::Json;
use crate::chat::text::Text;

/// One piece of an answer. Most answers have one choice, number 0.
///
/// A reader makes them in this order: one [`Event::Start`]; then of each choice its text, thinking
/// and calls as they come, a call's pieces between its start and its end, and its
/// [`Event::Finish`] last; [`Event::Usage`] anywhere, the last one counts; [`Event::End`] when the
/// protocol's proper end was seen, and nothing after it. A stream that fails has an
/// [`Event::Failure`] and no end.
#[derive(Clone, Debug, PartialEq)]
pub enum Event<'a> {
    /// The answer begins.
    Start(Start<'a>),
    /// More text.
    Text {
        /// Of which choice.
        choice: u32,
        /// The text.
        text: Text<'a>,
    },
    /// More words for why the model will not answer.
    Refusal {
        /// Of which choice.
        choice: u32,
        /// The words.
        text: Text<'a>,
    },
    /// More of what the model thinks.
    Thinking {
        /// Of which choice.
        choice: u32,
        /// The thought.
        text: Text<'a>,
    },
    /// What the part before, thinking or text, is signed with. It ends that part.
    Signature {
        /// Of which choice.
        choice: u32,
        /// The signature.
        signature: Signature<'a>,
    },
    /// A whole thought that only its provider can read.
    Redacted {
        /// Of which choice.
        choice: u32,
        /// The thought.
        data: Signature<'a>,
    },
    /// A call begins.
    CallStart {
        /// Of which choice.
        choice: u32,
        /// Its number in the choice, counted from 0 without a gap.
        call: u32,
        /// Its id; made by the reader where the protocol has none.
        id: Text<'a>,
        /// The tool.
        name: Text<'a>,
        /// Whether the tool takes free text.
        custom: bool,
        /// What the call is signed with.
        signature: Option<Signature<'a>>,
    },
    /// More of a call's arguments. [`Arguments::Value`] is all of them at once.
    CallArguments {
        /// Of which choice.
        choice: u32,
        /// Of which call.
        call: u32,
        /// A piece of the JSON text, cut anywhere.
        piece: Arguments<'a>,
    },
    /// The call is complete. Without any piece its arguments are an empty object.
    CallEnd {
        /// Of which choice.
        choice: u32,
        /// Which call.
        call: u32,
    },
    /// Probabilities of the tokens of the text before, in OpenAI's words: the object `logprobs`.
    Logprobs {
        /// Of which choice.
        choice: u32,
        /// The object.
        value: Json<'a>,
    },
    /// A source that the text before rests on.
    Citation {
        /// Of which choice.
        choice: u32,
        /// The source.
        citation: Citation<'a>,
    },
    /// An image, a sound or a film that the model made, whole. It comes behind an
    /// [`Event::Extra`] that tells the same in the words of its own protocol.
    Media {
        /// Of which choice.
        choice: u32,
        /// The protocol it came in.
        by: Protocol,
        /// What was made.
        media: Media<'a>,
    },
    /// What only one protocol has words for. Of a choice, or of the answer as such.
    Extra {
        /// Of which choice, if of one.
        choice: Option<u32>,
        /// The member.
        extra: Extra<'a>,
    },
    /// The choice is complete.
    Finish {
        /// Which choice.
        choice: u32,
        /// Why.
        reason: Finish<'a>,
    },
    /// Tokens so far; the last one counts.
    Usage(Usage),
    /// The provider failed. Nothing follows.
    Failure(Failure<'a>),
    /// The answer is complete. Nothing follows.
    End,
}

/// What is told of an answer before its content.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Start<'a> {
    /// Its id, the provider's where it gives one.
    pub id: Text<'a>,
    /// The model that answers, in the provider's words.
    pub model: Text<'a>,
    /// When it was made, in Unix seconds, where the provider says so.
    pub created: Option<u64>,
    /// Tokens of the prompt, where they are known already.
    pub usage: Option<Usage>,
}

/// A source of the web.
#[derive(Clone, Debug, PartialEq)]
pub struct Citation<'a> {
    /// Its address.
    pub url: Text<'a>,
    /// Its title.
    pub title: Option<Text<'a>>,
    /// The part of the text that rests on it, as offsets in characters.
    pub range: Option<(u64, u64)>,
}

/// Why a choice is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finish<'a> {
    /// The model had said all.
    Stop,
    /// It came to one of the request's stop sequences; this one, where it was told.
    StopSequence(Option<Text<'a>>),
    /// It had no tokens left.
    Length,
    /// The prompt and the answer filled the model's context.
    ContextFull,
    /// It made calls and waits for their results.
    Calls,
    /// A filter of the provider stepped in.
    Filtered,
    /// The model declined.
    Refused,
    /// It paused a long turn of tools of the provider's own, to be continued.
    Paused,
}

impl Finish<'_> {
    /// The same on its own.
    #[must_use]
    pub fn into_owned(self) -> Finish<'static> {
        match self {
            Self::Stop => Finish::Stop,
            Self::StopSequence(text) => Finish::StopSequence(text.map(Text::into_owned)),
            Self::Length => Finish::Length,
            Self::ContextFull => Finish::ContextFull,
            Self::Calls => Finish::Calls,
            Self::Filtered => Finish::Filtered,
            Self::Refused => Finish::Refused,
            Self::Paused => Finish::Paused,
        }
    }
}

/// What takes events: a writer, or something that puts them together.
pub trait Sink<'a> {
    /// Takes the next event.
    fn event(&mut self, event: Event<'a>);
}

/// What takes events of a stream, which are gone when the next piece of it is read.
pub type AnySink<'s> = dyn for<'e> Sink<'e> + 's;

/// Keeps the events of a stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kept(pub Vec<Event<'static>>);

impl<'e> Sink<'e> for Kept {
    fn event(&mut self, event: Event<'e>) {
        self.0.push(event.into_owned());
    }
}

impl<'a> Sink<'a> for Vec<Event<'a>> {
    fn event(&mut self, event: Event<'a>) {
        self.push(event);
    }
}

impl Event<'_> {
    /// The same with its value on one line, if that stands on several: JSON laid out for
    /// readers, which would break the frames of most streams.
    #[must_use]
    pub fn on_one_line(&self) -> Option<Event<'static>> {
        match self {
            Self::CallArguments { choice, call, piece: Arguments::Value(value) } => {
                let piece = Arguments::Value(value.on_one_line()?);
                Some(Event::CallArguments { choice: *choice, call: *call, piece })
            }
            Self::Logprobs { choice, value } => {
                Some(Event::Logprobs { choice: *choice, value: value.on_one_line()? })
            }
            Self::Extra { choice, extra } => {
                let value = extra.value.on_one_line()?;
                let extra = Extra { value, ..extra.clone().into_owned() };
                Some(Event::Extra { choice: *choice, extra })
            }
            Self::CallArguments { piece: Arguments::Quoted(_), .. }
            | Self::Start(_)
            | Self::Text { .. }
            | Self::Refusal { .. }
            | Self::Thinking { .. }
            | Self::Signature { .. }
            | Self::Redacted { .. }
            | Self::CallStart { .. }
            | Self::CallEnd { .. }
            | Self::Citation { .. }
            | Self::Media { .. }
            | Self::Finish { .. }
            | Self::Usage(_)
            | Self::Failure(_)
            | Self::End => None,
        }
    }

    /// The same on its own.
    #[must_use]
    pub fn into_owned(self) -> Event<'static> {
        match self {
            Self::Start(start) => Event::Start(start.into_owned()),
            Self::Text { choice, text } => Event::Text { choice, text: text.into_owned() },
            Self::Refusal { choice, text } => Event::Refusal { choice, text: text.into_owned() },
            Self::Thinking { choice, text } => Event::Thinking { choice, text: text.into_owned() },
            Self::Signature { choice, signature } => {
                Event::Signature { choice, signature: signature.into_owned() }
            }
            Self::Redacted { choice, data } => Event::Redacted { choice, data: data.into_owned() },
            Self::CallStart { choice, call, id, name, custom, signature } => Event::CallStart {
                choice,
                call,
                id: id.into_owned(),
                name: name.into_owned(),
                custom,
                signature: signature.map(Signature::into_owned),
            },
            Self::CallArguments { choice, call, piece } => {
                Event::CallArguments { choice, call, piece: piece.into_owned() }
            }
            Self::CallEnd { choice, call } => Event::CallEnd { choice, call },
            Self::Logprobs { choice, value } => {
                Event::Logprobs { choice, value: value.into_owned() }
            }
            Self::Citation { choice, citation } => {
                Event::Citation { choice, citation: citation.into_owned() }
            }
            Self::Media { choice, by, media } => {
                Event::Media { choice, by, media: media.into_owned() }
            }
            Self::Extra { choice, extra } => Event::Extra { choice, extra: extra.into_owned() },
            Self::Finish { choice, reason } => {
                Event::Finish { choice, reason: reason.into_owned() }
            }
            Self::Usage(usage) => Event::Usage(usage),
            Self::Failure(failure) => Event::Failure(failure.into_owned()),
            Self::End => Event::End,
        }
    }
}

impl Start<'_> {
    /// The same on its own.
    #[must_use]
    pub fn into_owned(self) -> Start<'static> {
        Start {
            id: self.id.into_owned(),
            model: self.model.into_owned(),
            created: self.created,
            usage: self.usage,
        }
    }
}

impl Citation<'_> {
    /// The same on its own.
    #[must_use]
    pub fn into_owned(self) -> Citation<'static> {
        Citation {
            url: self.url.into_owned(),
            title: self.title.map(Text::into_owned),
            range: self.range,
        }
    }
}
