//! An upstream's whole answer, as events.

use crate::chat::Arguments;
use crate::chat::Event;
use crate::chat::Finish;
use crate::chat::Json;
use crate::chat::Sink;
use crate::chat::Start;
use crate::chat::Text;
use crate::codec::json;
use crate::codec::json::Kind as JsonKind;
use crate::codec::json::Value;
use crate::protocol::Garbage;
use crate::protocol::Seed;
use crate::protocol::anthropic::CHOICE;
use crate::protocol::anthropic::error;
use crate::protocol::anthropic::extra;
use crate::protocol::anthropic::read_citation;
use crate::protocol::anthropic::read_stop;
use crate::protocol::anthropic::signature;
use crate::protocol::anthropic::usage::Tokens;

/// The members of an answer.
#[derive(Default)]
struct Message<'a> {
    id: Option<Value<'a>>,
    model: Option<Value<'a>>,
    content: Option<Value<'a>>,
    reason: Option<Value<'a>>,
    sequence: Option<Value<'a>>,
    usage: Option<Value<'a>>,
    error: Option<Value<'a>>,
    others: Vec<json::Member<'a>>,
}

/// Reads an answer.
///
/// # Errors
/// Where it is no answer of the Messages API.
pub fn read<'a>(body: &'a [u8], _: Seed, sink: &mut dyn Sink<'a>) -> Result<(), Garbage> {
    let mut found = Message::default();
    json::object(body, |member, _| {
        if member.value.is_null() {
            return;
        }
        let value = Some(member.value);
        match &*member.key.name() {
            b"id" => found.id = value,
            b"model" => found.model = value,
            b"content" => found.content = value,
            b"stop_reason" => found.reason = value,
            b"stop_sequence" => found.sequence = value,
            b"usage" => found.usage = value,
            b"error" => found.error = value,
            b"type" | b"role" => {}
            _ => found.others.push(member),
        }
    })?;
    if let Some(error) = found.error {
        sink.event(Event::Failure(error::of_value(200, error)));
        return Ok(());
    }
    let content = found.content.filter(|content| content.kind() == JsonKind::Array);
    let content = content.ok_or_else(|| Garbage::new("an answer without content"))?;
    let text = |value: Option<Value<'a>>| value.and_then(Text::from_value).unwrap_or_default();
    let (id, model) = (text(found.id), text(found.model));
    sink.event(Event::Start(Start { id, model, created: None, usage: None }));
    let mut calls = 0;
    for block in content.elements() {
        read_block(block, &mut calls, sink)?;
    }
    for member in found.others {
        let extra = extra(member.key.decode(), member.value);
        sink.event(Event::Extra { choice: None, extra });
    }
    let reason = read_stop(found.reason, found.sequence);
    if let Some(own) = found.reason.filter(|_| reason.is_none()) {
        let extra = extra("stop_reason", own);
        sink.event(Event::Extra { choice: Some(CHOICE), extra });
    }
    let silent = if calls > 0 { Finish::Calls } else { Finish::Stop };
    sink.event(Event::Finish { choice: CHOICE, reason: reason.unwrap_or(silent) });
    if let Some(usage) = found.usage {
        let mut tokens = Tokens::default();
        tokens.read(usage);
        sink.event(Event::Usage(tokens.usage()));
    }
    sink.event(Event::End);
    Ok(())
}

fn read_block<'a>(
    block: Value<'a>,
    calls: &mut u32,
    sink: &mut dyn Sink<'a>,
) -> Result<(), Garbage> {
    let kind = block.get("type").and_then(Value::as_str);
    let kind = kind.ok_or_else(|| Garbage::new("a content block without a type"))?.decode();
    let text = |name: &str| block.get(name).and_then(Text::from_value);
    match &*kind {
        "text" => {
            let text = text("text").ok_or_else(|| Garbage::new("a text that is no string"))?;
            let mut sources =
                block.get("citations").into_iter().flat_map(Value::elements).peekable();
            if !text.is_empty() || sources.peek().is_some() {
                sink.event(Event::Text { choice: CHOICE, text });
            }
            sources.for_each(|source| sink.event(read_citation(source)));
        }
        "thinking" => {
            let signed = block.get("signature").and_then(Value::as_str).and_then(signature::read);
            let text = text("thinking").unwrap_or_default();
            if !text.is_empty() || signed.is_some() {
                sink.event(Event::Thinking { choice: CHOICE, text });
            }
            if let Some(signature) = signed {
                sink.event(Event::Signature { choice: CHOICE, signature });
            }
        }
        "redacted_thinking" => {
            let data = block.get("data").and_then(Value::as_str).and_then(signature::read);
            if let Some(data) = data {
                sink.event(Event::Redacted { choice: CHOICE, data });
            }
        }
        "tool_use" => {
            let missing = || Garbage::new("a tool_use without id, name or input");
            let id = text("id").ok_or_else(missing)?;
            let name = text("name").ok_or_else(missing)?;
            let input = block.get("input").ok_or_else(missing)?;
            let (choice, call) = (CHOICE, *calls);
            *calls += 1;
            let (custom, signature) = (false, None);
            sink.event(Event::CallStart { choice, call, id, name, custom, signature });
            if input.members().next().is_some() || input.kind() != JsonKind::Object {
                let piece = Arguments::Value(Json::of(input));
                sink.event(Event::CallArguments { choice, call, piece });
            }
            sink.event(Event::CallEnd { choice, call });
        }
        _ => sink.event(Event::Extra { choice: Some(CHOICE), extra: extra(kind, block) }),
    }
    Ok(())
}
