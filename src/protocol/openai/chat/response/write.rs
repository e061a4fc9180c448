//! A whole answer for a client of this format.

use crate::chat::Answer;
use crate::chat::Arguments;
use crate::chat::Choice;
use crate::chat::Citation;
use crate::chat::Extra;
use crate::chat::Finish;
use crate::chat::Json;
use crate::chat::Protocol;
use crate::chat::Said;
use crate::chat::Text;
use crate::codec::json;
use crate::codec::json::Kind as JsonKind;
use crate::codec::json::List;
use crate::codec::json::Object;
use crate::protocol::Seed;
use crate::protocol::openai::chat::response::images::write as write_images;
use crate::protocol::openai::chat::response::read::made_id;
use crate::protocol::openai::chat::response::said::finish_word;
use crate::protocol::openai::chat::usage;

/// Whether a carried member stands in the message and not beside it.
pub(in crate::protocol::openai::chat) fn is_in_message(name: &str) -> bool {
    matches!(
        name,
        "audio"
            | "extra_content"
            | "images"
            | "provider_specific_fields"
            | "reasoning_details"
            | "thought_signature"
    )
}

/// What an answer is written with.
#[derive(Clone, Copy)]
struct Form {
    seed: Seed,
    /// Whether a call is told in the older form, `function_call`, which knows one only.
    older: bool,
}

/// Appends an answer.
pub fn write(answer: &Answer<'_>, seed: Seed, out: &mut Vec<u8>) {
    write_as(answer, Form { seed, older: false }, out);
}

/// The same for a client that gave `functions`: of several calls it is told the first.
pub fn write_older(answer: &Answer<'_>, seed: Seed, out: &mut Vec<u8>) {
    write_as(answer, Form { seed, older: true }, out);
}

fn write_as(answer: &Answer<'_>, form: Form, out: &mut Vec<u8>) {
    let seed = form.seed;
    let mut body = Object::open(out);
    write_id(&answer.start.id, seed, body.key("id"));
    body.word("object", "chat.completion");
    body.number("created", answer.start.created.unwrap_or(seed.now));
    answer.start.model.write(body.key("model"));
    let out = body.key("choices");
    let mut list = List::open(out);
    for (at, each) in answer.choices.iter().enumerate() {
        list.next(out);
        choice(each, at, form, out);
    }
    out.push(b']');
    if let Some(tokens) = &answer.usage {
        usage::write(tokens, body.key("usage"));
    }
    extras(&answer.extra, &mut body, |_| true);
    body.close();
}

/// Appends the id of an answer, a new one where there is none.
pub(in crate::protocol::openai::chat) fn write_id(id: &Text<'_>, seed: Seed, out: &mut Vec<u8>) {
    if id.is_empty() {
        json::write_str(out, &seed.id("chatcmpl-", u64::MAX));
    } else {
        id.write(out);
    }
}

fn extras(extras: &[Extra<'_>], object: &mut Object<'_>, takes: impl Fn(&str) -> bool) {
    for extra in extras {
        if extra.by == Protocol::Openai && takes(&extra.name) {
            extra.value.write(object.any_key(&extra.name));
        }
    }
}

fn choice(choice: &Choice<'_>, at: usize, form: Form, out: &mut Vec<u8>) {
    let mut object = Object::open(out);
    object.number("index", at as u64);
    let mut message = Object::open(object.key("message"));
    said(choice, at, form, &mut message);
    extras(&choice.extra, &mut message, is_in_message);
    message.close();
    logprobs(&choice.logprobs, object.key("logprobs"));
    let calls = choice.parts.iter().any(|part| matches!(part, Said::Call { .. }));
    let unfinished = if calls { Finish::Calls } else { Finish::Stop };
    let reason = finish_word(choice.finish.as_ref().unwrap_or(&unfinished), form.older);
    json::write_str(object.key("finish_reason"), reason);
    extras(&choice.extra, &mut object, |name| !is_in_message(name));
    object.close();
}

fn said(choice: &Choice<'_>, at: usize, form: Form, message: &mut Object<'_>) {
    let parts = &choice.parts;
    let texts = || parts.iter().filter_map(text);
    let refusals = || parts.iter().filter_map(refusal);
    let thoughts = || parts.iter().filter_map(thought).filter(|text| !text.is_empty());
    let has_calls = parts.iter().any(|part| matches!(part, Said::Call { .. }));
    message.word("role", "assistant");
    if texts().next().is_none() && (has_calls || refusals().next().is_some()) {
        message.fixed("content", "null");
    } else {
        join(texts(), message.key("content"));
    }
    if refusals().next().is_some() {
        join(refusals(), message.key("refusal"));
    } else {
        message.fixed("refusal", "null");
    }
    if thoughts().next().is_some() {
        join(thoughts(), message.key("reasoning_content"));
    }
    let mut citations = parts.iter().flat_map(citations).peekable();
    if citations.peek().is_some() {
        let out = message.key("annotations");
        let mut list = List::open(out);
        for citation in citations {
            list.next(out);
            write_citation(citation, out);
        }
        out.push(b']');
    }
    // Those of our own stand among what is carried.
    let made = choice.media.iter().filter(|(by, _)| *by != Protocol::Openai);
    write_images(made.map(|(_, media)| media), message);
    if form.older {
        first_call(parts, message);
    } else if has_calls {
        calls(parts, at, form.seed, message.key("tool_calls"));
    }
}

fn text<'p, 'a>(part: &'p Said<'a>) -> Option<&'p Text<'a>> {
    match part {
        Said::Text { text, .. } => Some(text),
        Said::Refusal(_) | Said::Thinking { .. } | Said::Redacted(_) | Said::Call { .. } => None,
    }
}

fn refusal<'p, 'a>(part: &'p Said<'a>) -> Option<&'p Text<'a>> {
    match part {
        Said::Refusal(text) => Some(text),
        Said::Text { .. } | Said::Thinking { .. } | Said::Redacted(_) | Said::Call { .. } => None,
    }
}

fn thought<'p, 'a>(part: &'p Said<'a>) -> Option<&'p Text<'a>> {
    match part {
        Said::Thinking { text, .. } => Some(text),
        Said::Text { .. } | Said::Refusal(_) | Said::Redacted(_) | Said::Call { .. } => None,
    }
}

fn citations<'p, 'a>(part: &'p Said<'a>) -> &'p [Citation<'a>] {
    match part {
        Said::Text { citations, .. } => citations,
        Said::Refusal(_) | Said::Thinking { .. } | Said::Redacted(_) | Said::Call { .. } => &[],
    }
}

fn join<'p, 'a: 'p>(texts: impl Iterator<Item = &'p Text<'a>>, out: &mut Vec<u8>) {
    out.push(b'"');
    texts.for_each(|text| out.extend_from_slice(text.raw()));
    out.push(b'"');
}

fn calls(parts: &[Said<'_>], at: usize, seed: Seed, out: &mut Vec<u8>) {
    let mut list = List::open(out);
    let mut count = 0;
    let choice = u32::try_from(at).unwrap_or(u32::MAX);
    for part in parts {
        let Said::Call { id, name, arguments, custom, signature: _ } = part else { continue };
        list.next(out);
        let mut call = Object::open(out);
        if id.is_empty() {
            made_id(choice, count, seed).write(call.key("id"));
        } else {
            id.write(call.key("id"));
        }
        count += 1;
        let (kind, inside) = if *custom { ("custom", "input") } else { ("function", "arguments") };
        json::write_str(call.key("type"), kind);
        let mut function = Object::open(call.key(kind));
        name.write(function.key("name"));
        let out = function.key(inside);
        if arguments.is_empty() && !custom {
            out.extend_from_slice(b"\"{}\"");
        } else {
            write_arguments(arguments, out);
        }
        function.close();
        call.close();
    }
    out.push(b']');
}

/// The first call, in the older form.
fn first_call(parts: &[Said<'_>], message: &mut Object<'_>) {
    let call = parts.iter().find_map(|part| match part {
        Said::Call { name, arguments, .. } => Some((name, arguments)),
        Said::Text { .. } | Said::Refusal(_) | Said::Thinking { .. } | Said::Redacted(_) => None,
    });
    let Some((name, arguments)) = call else { return };
    let mut function = Object::open(message.key("function_call"));
    name.write(function.key("name"));
    if arguments.is_empty() {
        function.word("arguments", "{}");
    } else {
        write_arguments(arguments, function.key("arguments"));
    }
    function.close();
}

/// Appends arguments, or a piece of them, as a string.
pub(in crate::protocol::openai::chat) fn write_arguments(
    arguments: &Arguments<'_>,
    out: &mut Vec<u8>,
) {
    out.push(b'"');
    arguments.write_inside(out);
    out.push(b'"');
}

/// Appends one of `annotations`.
pub(in crate::protocol::openai::chat) fn write_citation(
    citation: &Citation<'_>,
    out: &mut Vec<u8>,
) {
    let (start, end) = citation.range.unwrap_or((0, 0));
    let mut outer = Object::open(out);
    outer.word("type", "url_citation");
    let mut inner = Object::open(outer.key("url_citation"));
    inner.number("start_index", start);
    inner.number("end_index", end);
    match &citation.title {
        Some(title) => title.write(inner.key("title")),
        None => inner.word("title", ""),
    }
    citation.url.write(inner.key("url"));
    inner.close();
    outer.close();
}

/// Pieces of probabilities, joined.
fn logprobs(pieces: &[Json<'_>], out: &mut Vec<u8>) {
    match pieces {
        [] => out.extend_from_slice(b"null"),
        [whole] => whole.write(out),
        [..] => {
            let mut object = Object::open(out);
            for name in ["content", "refusal"] {
                let lists = || {
                    let lists = pieces.iter().filter_map(|piece| piece.value().get(name));
                    lists.filter(|list| list.kind() == JsonKind::Array)
                };
                let out = object.key(name);
                if lists().next().is_none() {
                    out.extend_from_slice(b"null");
                    continue;
                }
                let mut list = List::open(out);
                for token in lists().flat_map(json::Value::elements) {
                    list.next(out);
                    out.extend_from_slice(token.raw());
                }
                out.push(b']');
            }
            object.close();
        }
    }
}
