//! A whole answer for a client.

use std::borrow::Cow;

use crate::chat::Answer;
use crate::chat::Choice;
use crate::chat::Citation;
use crate::chat::Finish;
use crate::chat::NotAnObject;
use crate::chat::Said;
use crate::chat::Signature;
use crate::chat::Text;
use crate::codec::json::List;
use crate::codec::json::Object;
use crate::protocol::Seed;
use crate::protocol::anthropic::CITATION;
use crate::protocol::anthropic::is_block;
use crate::protocol::anthropic::is_own;
use crate::protocol::anthropic::names;
use crate::protocol::anthropic::request::write_arguments;
use crate::protocol::anthropic::signature;
use crate::protocol::anthropic::usage;
use crate::protocol::anthropic::write_citation;
use crate::protocol::anthropic::write_stop;

/// Writes the id of an answer: its own, or one that we make.
pub fn write_id(id: &Text<'_>, seed: Seed, object: &mut Object<'_>) {
    if id.is_empty() {
        object.word("id", &seed.id("msg_", 0));
    } else {
        object.text("id", id);
    }
}

/// The id of a call: its own made legal, or one that we make.
pub fn call_id<'t>(id: &'t Text<'_>, call: u64, seed: Seed) -> Cow<'t, str> {
    if id.is_empty() { seed.id("toolu_", call + 1).into() } else { names::legal(id) }
}

/// Appends an answer. Of several choices only the first can be said.
pub fn write(answer: &Answer<'_>, seed: Seed, out: &mut Vec<u8>) {
    let nothing = Choice::default();
    let choice = answer.choices.first().unwrap_or(&nothing);
    let mut body = Object::open(out);
    write_id(&answer.start.id, seed, &mut body);
    body.word("type", "message");
    body.word("role", "assistant");
    body.text("model", &answer.start.model);
    write_content(choice, seed, body.key("content"));
    let stop = |name: &str| choice.extra.iter().find(|extra| is_own(extra) && extra.name == name);
    let silent = choice.parts.iter().any(|part| matches!(part, Said::Call { .. }));
    let silent = silent.then_some(Finish::Calls);
    let finish = choice.finish.as_ref().or(silent.as_ref());
    write_stop(finish, stop("stop_reason"), &mut body);
    let told = answer.usage.unwrap_or_default();
    usage::write(&told, body.key("usage"));
    for extra in answer.extra.iter().filter(|extra| is_own(extra)) {
        extra.value.write(body.any_key(&extra.name));
    }
    body.close();
}

fn write_content(choice: &Choice<'_>, seed: Seed, out: &mut Vec<u8>) {
    let mut list = List::open(out);
    let mut calls = 0;
    let texts = choice.parts.iter().filter(|part| matches!(part, Said::Text { .. })).count();
    let mut text_at = 0;
    for part in &choice.parts {
        text_at += usize::from(matches!(part, Said::Text { .. }));
        match part {
            Said::Text { text, citations, .. } => {
                // To which text a source belongs that is not of the web is not known any more.
                let last = text_at == texts;
                write_text(text, citations, choice, last, &mut list, out);
            }
            Said::Refusal(text) => write_text(text, &[], choice, false, &mut list, out),
            Said::Thinking { text, signature } => {
                list.next(out);
                write_thought(text, signature.as_ref(), out);
            }
            Said::Redacted(data) => {
                list.next(out);
                let mut block = Object::open(out);
                block.word("type", "redacted_thinking");
                signature::write(data, block.key("data"));
                block.close();
            }
            Said::Call { id, name, arguments, custom, signature } => {
                if let Some(signature) = signature {
                    // The client holds it for us, since a call has no place for it.
                    list.next(out);
                    write_thought(&Text::default(), Some(signature), out);
                }
                list.next(out);
                let mut block = Object::open(out);
                block.word("type", "tool_use");
                block.string("id", &call_id(id, calls, seed));
                block.text("name", name);
                let out = block.key("input");
                if let Err(NotAnObject) = write_arguments(arguments, *custom, out) {
                    // The model made it up; a client can read nothing but an object.
                    let _ = write_arguments(arguments, true, out);
                }
                block.close();
                calls += 1;
            }
        }
    }
    // Where such a block stood is not known any more.
    for block in choice.extra.iter().filter(|extra| is_own(extra) && is_block(extra)) {
        list.next(out);
        block.value.write(out);
    }
    out.push(b']');
}

fn write_text(
    text: &Text<'_>,
    citations: &[Citation<'_>],
    choice: &Choice<'_>,
    last: bool,
    list: &mut List,
    out: &mut Vec<u8>,
) {
    let others = choice.extra.iter().filter(|extra| is_own(extra) && extra.name == CITATION);
    let mut others = others.filter(|_| last).peekable();
    if text.is_empty() && citations.is_empty() && others.peek().is_none() {
        return;
    }
    list.next(out);
    let mut block = Object::open(out);
    block.word("type", "text");
    block.text("text", text);
    if !citations.is_empty() || others.peek().is_some() {
        let out = block.key("citations");
        let mut list = List::open(out);
        for citation in citations {
            list.next(out);
            write_citation(citation, out);
        }
        for extra in others {
            list.next(out);
            extra.value.write(out);
        }
        out.push(b']');
    }
    block.close();
}

fn write_thought(text: &Text<'_>, signed: Option<&Signature<'_>>, out: &mut Vec<u8>) {
    let mut block = Object::open(out);
    block.word("type", "thinking");
    block.text("thinking", text);
    match signed {
        Some(signed) => signature::write(signed, block.key("signature")),
        None => block.word("signature", ""),
    }
    block.close();
}
