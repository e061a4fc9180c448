//! Anthropic's Messages API, versions 2023-06-01 and 2026-10-21, as read from the types of its Python
//! SDK 2.12.0.
//!
//! What the later version removed (sampling parameters) is written for models that still take it: which
//! version is asked for is decided elsewhere.

pub mod count;
pub mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
pub mod models;
mod names;
pub mod request;
pub mod response;
mod signature;
pub mod stream;
mod unwrap;
mod usage;

#[cfg(test)]
mod tests;

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub use fuzz::fuzz;
pub use unwrap::Unwrap;
pub use unwrap::Unwrapped;

use std::borrow::Cow;

use crate::chat::Citation;
use crate::chat::Event;
use crate::chat::Extra;
use crate::chat::Finish;
use crate::chat::Json;
use crate::chat::Protocol;
use crate::chat::Text;
use crate::codec::json::Member;
use crate::codec::json::Object;
use crate::codec::json::Value;

/// The one choice of an answer.
const CHOICE: u32 = 0;

/// The extra that holds a citation which is not of the web.
const CITATION: &str = "citation";

/// A member that only this protocol has words for.
fn extra<'a>(name: impl Into<Cow<'a, str>>, value: Value<'a>) -> Extra<'a> {
    Extra { by: Protocol::Anthropic, name: name.into(), value: Json::of(value) }
}

/// The same of a member of a member.
fn extra_in<'a>(outer: &str, member: &Member<'a>) -> Extra<'a> {
    extra(format!("{outer}.{}", member.key.decode()), member.value)
}

/// The members that say something: one that is null counts as absent.
fn present(object: Value<'_>) -> impl Iterator<Item = Member<'_>> {
    object.members().filter(|member| !member.value.is_null())
}

/// Whether a member is this protocol's own.
fn is_own(extra: &Extra<'_>) -> bool {
    extra.by == Protocol::Anthropic
}

/// Whether an extra of a choice is a whole content block: then it is named by its type.
fn is_block(extra: &Extra<'_>) -> bool {
    let kind = extra.value.value().get("type").and_then(Value::as_str);
    kind.is_some_and(|kind| kind.is(&extra.name))
}

/// Why an answer ended. None for a word that is not known, or none at all.
fn read_stop<'a>(reason: Option<Value<'a>>, sequence: Option<Value<'a>>) -> Option<Finish<'a>> {
    match &*reason?.as_str()?.decode() {
        "end_turn" => Some(Finish::Stop),
        "stop_sequence" => Some(Finish::StopSequence(sequence.and_then(Text::from_value))),
        "max_tokens" => Some(Finish::Length),
        "model_context_window_exceeded" => Some(Finish::ContextFull),
        "tool_use" => Some(Finish::Calls),
        "refusal" => Some(Finish::Refused),
        "pause_turn" => Some(Finish::Paused),
        _ => None,
    }
}

/// Writes why an answer ended. `own` is the provider's own word, where it says more.
fn write_stop(finish: Option<&Finish<'_>>, own: Option<&Extra<'_>>, object: &mut Object<'_>) {
    let (reason, sequence) = match finish {
        // Which sequence it was cannot be told, and the two go together.
        None | Some(Finish::Stop | Finish::StopSequence(None)) => ("end_turn", None),
        Some(Finish::StopSequence(sequence)) => ("stop_sequence", sequence.as_ref()),
        Some(Finish::Length) => ("max_tokens", None),
        Some(Finish::ContextFull) => ("model_context_window_exceeded", None),
        Some(Finish::Calls) => ("tool_use", None),
        Some(Finish::Filtered | Finish::Refused) => ("refusal", None),
        Some(Finish::Paused) => ("pause_turn", None),
    };
    match own {
        Some(own) => own.value.write_line(object.key("stop_reason")),
        None => object.word("stop_reason", reason),
    }
    match sequence {
        Some(sequence) => object.text("stop_sequence", sequence),
        None => object.fixed("stop_sequence", "null"),
    }
}

/// A source that a text rests on: one of the web has a place in the vocabulary.
fn read_citation(value: Value<'_>) -> Event<'_> {
    let text = |name: &str| value.get(name).and_then(Text::from_value);
    let kind = value.get("type").and_then(Value::as_str);
    let web = kind.is_some_and(|kind| kind.is("web_search_result_location"));
    match text("url").filter(|_| web) {
        Some(url) => {
            let citation = Citation { url, title: text("title"), range: None };
            Event::Citation { choice: CHOICE, citation }
        }
        None => Event::Extra { choice: Some(CHOICE), extra: extra(CITATION, value) },
    }
}

/// Appends a source of the web. What was cited there is not known.
fn write_citation(citation: &Citation<'_>, out: &mut Vec<u8>) {
    let mut object = Object::open(out);
    object.word("type", "web_search_result_location");
    object.text("url", &citation.url);
    match &citation.title {
        Some(title) => object.text("title", title),
        None => object.fixed("title", "null"),
    }
    object.word("cited_text", "");
    object.word("encrypted_index", "");
    object.close();
}

/// Whether all of a text's `citations` are of [`write_citation`]'s making: Anthropic, which has its
/// own index of what it found, takes none without.
fn are_made_up(citations: Value<'_>) -> bool {
    let blank = |citation: Value<'_>, name| {
        citation.get(name).and_then(Value::as_str).is_some_and(|text| text.raw().is_empty())
    };
    let mut citations = citations.elements().peekable();
    citations.peek().is_some()
        && citations.all(|one| blank(one, "cited_text") && blank(one, "encrypted_index"))
}

/// A tool's name within the pattern of this protocol.
#[must_use]
pub fn tool_name<'t>(name: &'t crate::chat::Text<'_>) -> std::borrow::Cow<'t, str> {
    names::legal(name)
}
