//! What every chat protocol can say, in no provider's words.
//!
//! A protocol reads its requests, answers and streams into this and writes them from it, so that
//! any two protocols can be joined: N readers and N writers in place of N x N translators. All is
//! borrowed from the body that was read: text stays escaped, numbers and schemas stay as written.

mod answer;
pub mod embed;
pub mod estimate;
mod event;
mod facts;
mod failure;
mod losses;
mod request;
mod text;
mod turn;
mod usage;

pub use answer::Answer;
pub use answer::Choice;
pub use answer::Fold;
pub use answer::Said;
pub use event::AnySink;
pub use event::Citation;
pub use event::Event;
pub use event::Finish;
pub use event::Kept;
pub use event::Sink;
pub use event::Start;
pub use facts::Facts;
pub use facts::ThinkingRule;
pub use failure::Class;
pub use failure::Failure;
pub use losses::Losses;
pub use request::Cache;
pub use request::Call;
pub use request::CallResult;
pub use request::Content;
pub use request::Effort;
pub use request::Extra;
pub use request::Format;
pub use request::Media;
pub use request::MediaKind;
pub use request::Part;
pub use request::Request;
pub use request::Role;
pub use request::Sampling;
pub use request::Signature;
pub use request::Source;
pub use request::Thinking;
pub use request::ThinkingMode;
pub use request::Tool;
pub use request::ToolChoice;
pub use request::ToolKind;
pub use text::Arguments;
pub use text::Json;
pub use text::NotAnObject;
pub use text::Text;
pub use turn::Turn;
pub use usage::Usage;

/// The protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// OpenAI's chat completions, and all that look like them.
    Openai,
    /// Anthropic's messages.
    Anthropic,
    /// Google's Gemini: generateContent.
    Gemini,
    /// AWS Bedrock's Converse.
    Bedrock,
    /// Ollama's own.
    Ollama,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Openai, Self::Anthropic, Self::Gemini, Self::Bedrock, Self::Ollama];

    /// Its name in documents and errors.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Bedrock => "bedrock",
            Self::Ollama => "ollama",
        }
    }
}
