//! A chat request in no provider's words, borrowed from the body it was read from.
//!
//! A reader puts into it all that it understands, and what only its own protocol has words for as
//! [`Extra`]. A writer writes what its protocol can say, and tells `Losses` what it cannot.

use std::borrow::Cow;

use crate::chat::Protocol;
use crate::chat::text::Arguments;
use crate::chat::text::Json;
use crate::chat::text::Text;
use crate::chat::turn::Turn;

/// What a client asks of a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request<'a> {
    /// As the client names it. A writer is told the upstream's name apart from this.
    pub model: Text<'a>,
    /// Whether the answer is to be a stream.
    pub stream: bool,
    /// The conversation, system turns included, in the client's order.
    pub turns: Vec<Turn<'a>>,
    /// What the model may call.
    pub tools: Vec<Tool<'a>>,
    /// Whether they came in OpenAI's older form, `functions`: the client then knows calls in that form
    /// only, one in an answer.
    pub functions: bool,
    /// Whether it must.
    pub tool_choice: Option<ToolChoice<'a>>,
    /// Whether it may make several calls in one turn.
    pub parallel_tools: Option<bool>,
    /// What form the answer must have.
    pub format: Option<Format<'a>>,
    /// How much it is to think.
    pub thinking: Thinking,
    /// Most tokens to generate, thinking included.
    pub max_tokens: Option<u64>,
    /// What makes the model stop.
    pub stop: Vec<Text<'a>>,
    /// How tokens are chosen.
    pub sampling: Sampling<'a>,
    /// How many answers; none is one.
    pub choices: Option<u64>,
    /// Whether the probabilities of tokens are told, and of how many others.
    pub logprobs: Option<bool>,
    /// How many alternatives for each token.
    pub top_logprobs: Option<u64>,
    /// Which capacity serves it, in OpenAI's words: auto, default, flex, priority...
    pub tier: Option<Text<'a>>,
    /// Who asks, as an opaque id.
    pub user: Option<Text<'a>>,
    /// Names and values of the client's own, a JSON object of strings.
    pub metadata: Option<Json<'a>>,
    /// A mark on the last part that can bear one.
    pub cache: Option<Cache>,
    /// What only one protocol has words for.
    pub extra: Vec<Extra<'a>>,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Instructions. OpenAI's `developer` is this too.
    System,
    /// The person, and what tools returned.
    User,
    /// The model.
    Assistant,
}

/// A part of a message.
#[derive(Clone, Debug, PartialEq)]
pub struct Part<'a> {
    /// What it is.
    pub content: Content<'a>,
    /// Whether the prompt up to and with this part is to be kept by the provider.
    pub cache: Option<Cache>,
    /// What the provider of an earlier answer signed this part with, to have it back unchanged.
    /// Of thinking, of a call, or of a text (Gemini).
    pub signature: Option<Signature<'a>>,
    /// What only one protocol has words for.
    pub extra: Vec<Extra<'a>>,
}

/// What a part holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Content<'a> {
    /// Text.
    Text(Text<'a>),
    /// The model's own words for why it will not answer.
    Refusal(Text<'a>),
    /// An image, a document or a sound.
    Media(Media<'a>),
    /// The model calls a tool.
    Call(Call<'a>),
    /// What the tool returned.
    Result(CallResult<'a>),
    /// What the model thought.
    Thinking(Text<'a>),
    /// What the model thought, readable to its provider alone; the signature is all there is.
    Redacted,
    /// A part that only one protocol has words for: name is its kind, value the whole part.
    Other(Extra<'a>),
}

/// What kind of media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaKind {
    /// A picture.
    Image,
    /// A PDF, a text or an office file.
    Document,
    /// A sound.
    Audio,
    /// A film.
    Video,
}

/// An image, a document, a sound or a film.
#[derive(Clone, Debug, PartialEq)]
pub struct Media<'a> {
    /// What kind.
    pub kind: MediaKind,
    /// Where it is.
    pub source: Source<'a>,
    /// Its type, such as `image/png`, where it was told. Always told of [`Source::Base64`].
    pub mime: Option<Text<'a>>,
    /// How closely an image is looked at, in OpenAI's words: low, high, auto, original.
    pub detail: Option<Text<'a>>,
    /// A document's name or title.
    pub name: Option<Text<'a>>,
}

/// Where media are.
#[derive(Clone, Debug, PartialEq)]
pub enum Source<'a> {
    /// Here, in base64 as RFC 4648, 4 has it.
    Base64(Text<'a>),
    /// Here, as plain text (a document only).
    Plain(Text<'a>),
    /// At an address that the provider is to read.
    Url(Text<'a>),
    /// In the store of the provider of this protocol, under this id.
    File(Protocol, Text<'a>),
}

/// A call of a tool.
#[derive(Clone, Debug, PartialEq)]
pub struct Call<'a> {
    /// What the result refers to. Empty where the protocol has none.
    pub id: Text<'a>,
    /// The tool.
    pub name: Text<'a>,
    /// A JSON object; of a custom tool the text itself, as [`Arguments::Quoted`].
    pub arguments: Arguments<'a>,
    /// Whether the tool takes free text ([`ToolKind::Custom`]).
    pub custom: bool,
}

/// What a tool returned.
#[derive(Clone, Debug, PartialEq)]
pub struct CallResult<'a> {
    /// The id of the call. Empty where the protocol has none.
    pub id: Text<'a>,
    /// The tool, where it was told.
    pub name: Option<Text<'a>>,
    /// Text and media. A JSON object that a protocol holds as such is text here.
    pub parts: Vec<Part<'a>>,
    /// Whether the call failed.
    pub failed: bool,
}

/// A tool.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool<'a> {
    /// How it is called.
    pub name: Text<'a>,
    /// What it does.
    pub description: Option<Text<'a>>,
    /// What it takes.
    pub kind: ToolKind<'a>,
    /// Whether arguments must fit the schema exactly.
    pub strict: Option<bool>,
    /// Whether the prompt up to and with this tool is to be kept by the provider.
    pub cache: Option<Cache>,
    /// What only one protocol has words for.
    pub extra: Vec<Extra<'a>>,
}

/// What a tool takes.
#[derive(Clone, Debug, PartialEq)]
pub enum ToolKind<'a> {
    /// An object of this JSON Schema; none is an object without members.
    Function(Option<Json<'a>>),
    /// Free text, perhaps in a format (OpenAI's words).
    Custom(Option<Json<'a>>),
    /// A tool of the provider's own, such as a web search: the whole definition.
    Own(Extra<'a>),
}

/// Whether tools are called.
#[derive(Clone, Debug, PartialEq)]
pub enum ToolChoice<'a> {
    /// The model decides.
    Auto,
    /// None is.
    None,
    /// At least one is.
    Required,
    /// This one is.
    Named(Text<'a>),
    /// As `required` says, but of these only.
    Allowed {
        /// Whether one must be called.
        required: bool,
        /// Their names.
        names: Vec<Text<'a>>,
    },
}

/// What form an answer must have.
#[derive(Clone, Debug, PartialEq)]
pub enum Format<'a> {
    /// Any.
    Text,
    /// A JSON object.
    Object,
    /// JSON that fits a schema.
    Schema {
        /// The schema's name, where it has one.
        name: Option<Text<'a>>,
        /// What it is for.
        description: Option<Text<'a>>,
        /// The schema itself.
        schema: Json<'a>,
        /// Whether it must fit exactly.
        strict: Option<bool>,
    },
}

/// How much a model is to think.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Thinking {
    /// Whether at all.
    pub mode: Option<ThinkingMode>,
    /// How hard.
    pub effort: Option<Effort>,
    /// For how many tokens at most.
    pub budget: Option<u64>,
    /// Whether the client wants to see it.
    pub visible: Option<bool>,
}

/// Whether a model thinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThinkingMode {
    /// It does not.
    Off,
    /// It does.
    On,
    /// It decides.
    Adaptive,
    /// It does between calls only.
    BetweenTools,
}

/// How hard a model thinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// Not at all.
    None,
    /// As little as it can.
    Minimal,
    /// A little.
    Low,
    /// The middle.
    Medium,
    /// Much.
    High,
    /// Very much.
    Xhigh,
    /// As much as it can.
    Max,
}

impl Effort {
    /// All, from the least on.
    pub const ALL: [Self; 7] =
        [Self::None, Self::Minimal, Self::Low, Self::Medium, Self::High, Self::Xhigh, Self::Max];

    /// The word all providers use for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Xhigh => "xhigh",
            Self::Max => "max",
        }
    }

    /// The effort that `word` means, in any case.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effort| effort.as_str().eq_ignore_ascii_case(word))
    }
}

/// How tokens are chosen. Numbers stay as they were written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampling<'a> {
    /// 0 to 2; Anthropic's and Bedrock's end at 1.
    pub temperature: Option<Json<'a>>,
    /// 0 to 1.
    pub top_p: Option<Json<'a>>,
    /// A count.
    pub top_k: Option<Json<'a>>,
    /// 0 to 1.
    pub min_p: Option<Json<'a>>,
    /// An integer.
    pub seed: Option<Json<'a>>,
    /// -2 to 2.
    pub presence_penalty: Option<Json<'a>>,
    /// -2 to 2.
    pub frequency_penalty: Option<Json<'a>>,
}

/// How long a prompt is kept by the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    /// As long as the provider keeps it by itself (Anthropic, Bedrock: 5 minutes).
    Standard,
    /// 30 minutes (OpenAI).
    HalfHour,
    /// An hour (Anthropic, Bedrock).
    Hour,
    /// 12 hours (OpenAI).
    HalfDay,
}

/// What a provider signed something with. It means nothing to any other provider.
#[derive(Clone, Debug, PartialEq)]
pub struct Signature<'a> {
    /// The protocol of that provider.
    pub by: Protocol,
    /// The signature.
    pub data: Text<'a>,
}

/// A member that only one protocol has words for.
#[derive(Clone, Debug, PartialEq)]
pub struct Extra<'a> {
    /// Whose words.
    pub by: Protocol,
    /// The member's name, or the kind of a part.
    pub name: Cow<'a, str>,
    /// Its value, as it was written.
    pub value: Json<'a>,
}

impl<'a> Part<'a> {
    /// A part with nothing beside its content.
    #[must_use]
    pub const fn new(content: Content<'a>) -> Self {
        Self { content, cache: None, signature: None, extra: Vec::new() }
    }

    /// A part of text.
    #[must_use]
    pub const fn text(text: Text<'a>) -> Self {
        Self::new(Content::Text(text))
    }
}

impl Request<'_> {
    /// The name of the tool that the call `id` in an earlier turn was for.
    #[must_use]
    pub fn tool_of_call(&self, id: &Text<'_>) -> Option<&Text<'_>> {
        self.turns.iter().rev().flat_map(|turn| &turn.parts).find_map(|part| match &part.content {
            Content::Call(call) if call.id == *id => Some(&call.name),
            Content::Call(_)
            | Content::Text(_)
            | Content::Refusal(_)
            | Content::Media(_)
            | Content::Result(_)
            | Content::Thinking(_)
            | Content::Redacted
            | Content::Other(_) => None,
        })
    }
}

impl Media<'_> {
    /// The same on its own.
    #[must_use]
    pub fn into_owned(self) -> Media<'static> {
        Media {
            kind: self.kind,
            source: match self.source {
                Source::Base64(data) => Source::Base64(data.into_owned()),
                Source::Plain(text) => Source::Plain(text.into_owned()),
                Source::Url(url) => Source::Url(url.into_owned()),
                Source::File(by, id) => Source::File(by, id.into_owned()),
            },
            mime: self.mime.map(Text::into_owned),
            detail: self.detail.map(Text::into_owned),
            name: self.name.map(Text::into_owned),
        }
    }
}

impl Signature<'_> {
    /// The same on its own.
    #[must_use]
    pub fn into_owned(self) -> Signature<'static> {
        Signature { by: self.by, data: self.data.into_owned() }
    }
}

impl Extra<'_> {
    /// The same on its own.
    #[must_use]
    pub fn into_owned(self) -> Extra<'static> {
        let name = Cow::Owned(self.name.into_owned());
        Extra { by: self.by, name, value: self.value.into_owned() }
    }
}
