//! Answers that come whole.

use crate::chat::Answer;
use crate::chat::Choice;
use crate::chat::Extra;
use crate::chat::Finish;
use crate::chat::Protocol;
use crate::chat::Said;
use crate::chat::Signature;
use crate::chat::Sink;
use crate::chat::Text;
use crate::chat::Usage;
use crate::codec::json;
use crate::codec::json::Kind;
use crate::protocol::Garbage;
use crate::protocol::Seed;
use crate::protocol::gemini::error;
use crate::protocol::gemini::logprobs;
use crate::protocol::gemini::out;
use crate::protocol::gemini::reading::PARTS;
use crate::protocol::gemini::reading::Reading;
use crate::protocol::gemini::reason;
use crate::protocol::gemini::sources;
use crate::protocol::gemini::usage;

/// Reads a whole answer.
///
/// # Errors
/// Where it is no answer.
pub fn read<'a>(body: &'a [u8], seed: Seed, sink: &mut dyn Sink<'a>) -> Result<(), Garbage> {
    let mut body = body.trim_ascii();
    if body.first() == Some(&b'[') {
        // Errors come so at times.
        let array = json::validate(body)?;
        let mut elements = array.elements();
        match (elements.next(), elements.next()) {
            (Some(only), None) if only.kind() == Kind::Object => body = only.raw(),
            _ => return Err(Garbage::new("an answer must be an object")),
        }
    }
    let mut reading = Reading::new(seed);
    let usage = reading.object(json::validate_object(body)?, sink)?;
    if reading.done { Ok(()) } else { reading.end(true, usage, sink) }
}

/// Writes a whole answer.
pub fn write(answer: &Answer<'_>, seed: Seed, out: &mut Vec<u8>) {
    if let Some(failure) = &answer.failure {
        error::write(failure, out);
        return;
    }
    out.push(b'{');
    if !is_blocked(answer) {
        out::name(out, "candidates");
        out.push(b'[');
        for (index, choice) in (0..).zip(&answer.choices) {
            out::comma(out);
            candidate(index, choice, out);
        }
        out.push(b']');
    }
    top(&answer.extra, answer.usage.as_ref(), out);
    identity(&answer.start.id, &answer.start.model, seed, out);
    out.push(b'}');
}

/// Whether it is no answer at all, for what is wrong with the prompt.
fn is_blocked(answer: &Answer<'_>) -> bool {
    let filtered =
        |choice: &Choice<'_>| choice.parts.is_empty() && choice.finish == Some(Finish::Filtered);
    answer.choices.iter().all(filtered) && own(&answer.extra, "promptFeedback").is_some()
}

/// The last member of our own of this name.
pub(super) fn own<'e>(extras: &'e [Extra<'e>], name: &str) -> Option<&'e Extra<'e>> {
    extras.iter().rev().find(|extra| extra.by == Protocol::Gemini && extra.name == name)
}

/// Appends the members of the answer itself: those of our own, and the usage.
pub(super) fn top(extras: &[Extra<'_>], tokens: Option<&Usage>, out: &mut Vec<u8>) {
    for_each_own(extras, |extra| out::extra(out, &extra.name, extra));
    if let (Some(tokens), None) = (tokens, own(extras, "usageMetadata")) {
        out::name(out, "usageMetadata");
        usage::write(tokens, out);
    }
}

/// Visits the members of our own, of each name the last one.
fn for_each_own(extras: &[Extra<'_>], mut visit: impl FnMut(&Extra<'_>)) {
    for (at, extra) in extras.iter().enumerate() {
        let later = extras.get(at + 1..).unwrap_or_default();
        if extra.by == Protocol::Gemini && own(later, &extra.name).is_none() {
            visit(extra);
        }
    }
}

/// Appends what every object of an answer ends with.
pub(super) fn identity(id: &Text<'_>, model: &Text<'_>, seed: Seed, out: &mut Vec<u8>) {
    out::text(out, "modelVersion", model);
    if id.is_empty() {
        out::text(out, "responseId", &Text::plain(&seed.id("resp-", u64::MAX)));
    } else {
        out::text(out, "responseId", id);
    }
}

fn candidate(index: u32, choice: &Choice<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"content\":{\"parts\":[");
    for said in &choice.parts {
        part(said, out);
    }
    for extra in &choice.extra {
        if extra.by == Protocol::Gemini && extra.name == PARTS {
            out::comma(out);
            extra.value.write(out);
        }
    }
    out.extend_from_slice(b"],\"role\":\"model\"}");
    end(index, choice.finish.as_ref(), &choice.extra, out);
    let cited =
        |part: &Said<'_>| matches!(part, Said::Text { citations, .. } if !citations.is_empty());
    let told = own(&choice.extra, "groundingMetadata").or(own(&choice.extra, "citationMetadata"));
    if told.is_none() && choice.parts.iter().any(cited) {
        out::name(out, "groundingMetadata");
        let texts = choice.parts.iter().filter_map(|part| match part {
            Said::Text { citations, .. } => Some(citations),
            Said::Refusal(_) | Said::Thinking { .. } | Said::Redacted(_) | Said::Call { .. } => {
                None
            }
        });
        sources::write(texts.flatten(), out);
    }
    if !choice.logprobs.is_empty() && own(&choice.extra, "logprobsResult").is_none() {
        out::name(out, "logprobsResult");
        logprobs::write(&choice.logprobs.iter().collect::<Vec<_>>(), out);
    }
    out.push(b'}');
}

/// Appends why a candidate ended, its number, and its members of our own.
pub(super) fn end(
    index: u32,
    finish: Option<&Finish<'_>>,
    extras: &[Extra<'_>],
    out: &mut Vec<u8>,
) {
    if let (Some(finish), None) = (finish, own(extras, "finishReason")) {
        out::name(out, "finishReason");
        out.push(b'"');
        out.extend_from_slice(reason::word(finish).as_bytes());
        out.push(b'"');
    }
    out::number(out, "index", index.into());
    for_each_own(extras, |extra| {
        if extra.name != PARTS {
            out::extra(out, &extra.name, extra);
        }
    });
}

fn part(said: &Said<'_>, out: &mut Vec<u8>) {
    match said {
        Said::Text { text, citations: _, signature } => {
            self::text(text, false, signature.as_ref(), out);
        }
        Said::Refusal(text) => self::text(text, false, None, out),
        Said::Thinking { text, signature } => {
            self::text(text, !text.is_empty(), signature.as_ref(), out);
        }
        Said::Redacted(signature) => {
            self::text(&Text::default(), false, Some(signature), out);
        }
        Said::Call { id, name, arguments, custom: _, signature } => {
            call((id, name), signature.as_ref(), out, |out| out::arguments(out, arguments));
        }
    }
}

/// Appends a part of text, unless it says nothing.
pub(super) fn text(
    text: &Text<'_>,
    thought: bool,
    signature: Option<&Signature<'_>>,
    out: &mut Vec<u8>,
) {
    let signature = signature.filter(|signature| signature.by == Protocol::Gemini);
    if text.is_empty() && signature.is_none() {
        return;
    }
    out::comma(out);
    out.push(b'{');
    out::text(out, "text", text);
    if thought {
        out::raw(out, "thought", b"true");
    }
    if let Some(signature) = signature {
        out::text(out, "thoughtSignature", &signature.data);
    }
    out.push(b'}');
}

/// Appends a part with a call: its id and name, what it is signed with, and its arguments.
pub(super) fn call(
    (id, name): (&Text<'_>, &Text<'_>),
    signature: Option<&Signature<'_>>,
    out: &mut Vec<u8>,
    arguments: impl FnOnce(&mut Vec<u8>),
) {
    out::comma(out);
    out.extend_from_slice(b"{\"functionCall\":{");
    if !id.is_empty() {
        out::text(out, "id", id);
    }
    out::text(out, "name", name);
    out::name(out, "args");
    arguments(out);
    out.push(b'}');
    if let Some(signature) = signature.filter(|signature| signature.by == Protocol::Gemini) {
        out::text(out, "thoughtSignature", &signature.data);
    }
    out.push(b'}');
}
