//! An upstream's whole answer, as events.

use crate::chat::Event;
use crate::chat::Json;
use crate::chat::Sink;
use crate::chat::Start;
use crate::chat::Text;
use crate::codec::json;
use crate::codec::json::Kind as JsonKind;
use crate::codec::json::Value;
use crate::protocol::Garbage;
use crate::protocol::Seed;
use crate::protocol::openai::chat::error;
use crate::protocol::openai::chat::extra;
use crate::protocol::openai::chat::response::said::Call;
use crate::protocol::openai::chat::response::said::Choice;
use crate::protocol::openai::chat::response::said::Message;
use crate::protocol::openai::chat::response::said::finish;
use crate::protocol::openai::chat::response::said::is_nothing;
use crate::protocol::openai::chat::usage;

/// Most choices of one answer.
const MAX_CHOICES: u64 = 128;

/// The members of an answer.
#[derive(Default)]
struct Parts<'a> {
    start: Start<'a>,
    choices: Option<Value<'a>>,
    usage: Option<Value<'a>>,
    error: Option<Value<'a>>,
    extra: Vec<Event<'a>>,
}

/// Reads an answer. One that tells of an error in spite of its status ends with
/// [`Event::Failure`].
///
/// # Errors
/// Where it is no answer of this format.
pub fn read<'a>(body: &'a [u8], seed: Seed, sink: &mut dyn Sink<'a>) -> Result<(), Garbage> {
    let mut parts = Parts::default();
    json::object(body, |member, _| {
        let value = member.value;
        if is_nothing(value) && member.key.raw() != b"choices" {
            return;
        }
        match member.key.raw() {
            b"id" => parts.start.id = Text::from_value(value).unwrap_or_default(),
            b"model" => parts.start.model = Text::from_value(value).unwrap_or_default(),
            b"created" => parts.start.created = seconds(value),
            b"choices" => parts.choices = Some(value),
            b"usage" => parts.usage = Some(value),
            b"error" => parts.error = Some(value),
            b"object" => {}
            _ => parts.extra.push(Event::Extra { choice: None, extra: extra(&member) }),
        }
    })?;
    let choices = parts.choices.filter(|value| value.kind() == JsonKind::Array);
    if let (Some(error), None) = (parts.error, choices) {
        sink.event(Event::Failure(error::of_value(200, error)));
        return Ok(());
    }
    let choices = choices.ok_or_else(|| Garbage::new("the answer has no array `choices`"))?;
    sink.event(Event::Start(parts.start));
    parts.extra.into_iter().for_each(|event| sink.event(event));
    for (at, value) in choices.elements().enumerate() {
        if let Some(error) = choice(value, at as u64, seed, sink)? {
            sink.event(Event::Failure(error::of_value(200, error)));
            return Ok(());
        }
    }
    if let Some(value) = parts.usage {
        sink.event(Event::Usage(usage::read(value)));
    }
    sink.event(Event::End);
    Ok(())
}

/// Unix seconds, also where they are written with a point.
pub(in crate::protocol::openai::chat) fn seconds(value: Value<'_>) -> Option<u64> {
    let before_point = || {
        let whole = value.raw().split(|byte| *byte == b'.').next()?;
        Value::trusted(whole).as_u64()
    };
    value.as_u64().or_else(before_point).filter(|seconds| *seconds > 0)
}

/// Emits one choice. The error that it tells of in place of an answer, if it does.
fn choice<'a>(
    value: Value<'a>,
    at: u64,
    seed: Seed,
    sink: &mut dyn Sink<'a>,
) -> Result<Option<Value<'a>>, Garbage> {
    if value.kind() != JsonKind::Object {
        return Err(Garbage::new("a choice is no object"));
    }
    let found = Choice::read(value);
    if found.error.is_some() {
        return Ok(found.error);
    }
    let index = found.index.unwrap_or(at);
    let choice = u32::try_from(index).ok().filter(|_| index < MAX_CHOICES);
    let choice = choice.ok_or_else(|| Garbage::new("a choice has too great an `index`"))?;
    // Azure leaves the message out where a filter stepped in.
    let message = found.message.map(Message::read).unwrap_or_default();
    message.emit(choice, sink);
    let calls = message.calls.into_iter().flat_map(Value::elements).map(Call::read);
    let older = message.function.map(Call::older).filter(|call| call.name.is_some());
    let mut count = 0;
    for call in calls.chain(older) {
        emit_call(call, choice, count, seed, sink)?;
        count += 1;
    }
    if let Some(value) = found.logprobs {
        sink.event(Event::Logprobs { choice, value: Json::of(value) });
    }
    found.emit_extras(value, choice, sink);
    let reason = finish(found.reason, found.stop, count > 0);
    sink.event(Event::Finish { choice, reason });
    Ok(None)
}

fn emit_call<'a>(
    found: Call<'a>,
    choice: u32,
    call: u32,
    seed: Seed,
    sink: &mut dyn Sink<'a>,
) -> Result<(), Garbage> {
    let name = found.name.ok_or_else(|| Garbage::new("a call without a name"))?;
    let id = found.id.unwrap_or_else(|| made_id(choice, call, seed));
    let custom = found.custom;
    sink.event(Event::CallStart { choice, call, id, name, custom, signature: None });
    if let Some(piece) = found.arguments {
        sink.event(Event::CallArguments { choice, call, piece });
    }
    sink.event(Event::CallEnd { choice, call });
    Ok(())
}

/// An id for a call that came without one.
pub(in crate::protocol::openai::chat) fn made_id(
    choice: u32,
    call: u32,
    seed: Seed,
) -> Text<'static> {
    Text::plain(&seed.id("call_", u64::from(choice) << 32 | u64::from(call)))
}
