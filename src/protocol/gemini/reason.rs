//! Why an answer ended, in Google's words.

use crate::chat::Finish;

/// What follows from a finish reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// None yet.
    None,
    /// The model had said all, or waits for the results of its calls.
    Stop,
    /// It had no tokens left.
    Length,
    /// A filter stepped in.
    Filtered,
    /// It is no answer.
    Failed,
}

/// Reads a finish reason. One that is not known is no answer: what it means for the text before it
/// cannot be told.
pub(super) fn read(word: &[u8]) -> Reason {
    match word {
        b"" | b"FINISH_REASON_UNSPECIFIED" => Reason::None,
        b"STOP" => Reason::Stop,
        b"MAX_TOKENS" | b"CONTINUATION" => Reason::Length,
        b"SAFETY"
        | b"RECITATION"
        | b"LANGUAGE"
        | b"BLOCKLIST"
        | b"PROHIBITED_CONTENT"
        | b"SPII"
        | b"MODEL_ARMOR"
        | b"ESCALATION"
        | b"PUP_LIMITED_DISABLED"
        | b"IMAGE_SAFETY"
        | b"IMAGE_PROHIBITED_CONTENT"
        | b"IMAGE_RECITATION" => Reason::Filtered,
        _ => Reason::Failed,
    }
}

/// Whether writing what `word` means gives `word` again.
pub(super) const fn is_plain(word: &[u8]) -> bool {
    matches!(word, b"STOP" | b"MAX_TOKENS" | b"SAFETY")
}

/// The word for a reason.
pub(super) const fn word(finish: &Finish<'_>) -> &'static str {
    match finish {
        Finish::Stop | Finish::StopSequence(_) | Finish::Calls | Finish::Paused => "STOP",
        Finish::Length | Finish::ContextFull => "MAX_TOKENS",
        Finish::Filtered | Finish::Refused => "SAFETY",
    }
}
