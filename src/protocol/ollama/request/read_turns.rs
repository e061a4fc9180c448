//! One message of a client's request.

use crate::chat::Arguments;
use crate::chat::Call;
use crate::chat::CallResult;
use crate::chat::Content;
use crate::chat::Extra;
use crate::chat::Json;
use crate::chat::Part;
use crate::chat::Role;
use crate::chat::Text;
use crate::chat::Turn;
use crate::codec::json::Kind as JsonKind;
use crate::codec::json::Value;
use crate::error::Error;
use crate::protocol::fields::Named;
use crate::protocol::fields::of_kind;
use crate::protocol::ollama::own;
use crate::protocol::ollama::request::fields::Field;
use crate::protocol::ollama::request::media;
use crate::protocol::plain;

/// The members of a message.
#[derive(Debug, Default)]
struct Message<'a> {
    role: Option<Text<'a>>,
    content: Text<'a>,
    thinking: Text<'a>,
    images: Option<Value<'a>>,
    calls: Option<Value<'a>>,
    tool_name: Option<Text<'a>>,
    call_id: Option<Text<'a>>,
    extra: Vec<Extra<'a>>,
}

/// Reads a message.
pub(super) fn turn(value: Value<'_>) -> Result<Turn<'_>, Error> {
    if let Some(turn) = plain::read(value) {
        return Ok(turn);
    }
    let value = of_kind(value, JsonKind::Object);
    let message = read(value.ok_or_else(|| wrong("must hold objects"))?)?;
    let role = message.role.as_ref().map(Text::decode);
    let role = match role.as_deref() {
        Some("system") => Role::System,
        Some("user" | "tool") => Role::User,
        Some("assistant") => Role::Assistant,
        Some(_) | None => {
            return Err(wrong("has a `role` other than system, user, assistant and tool"));
        }
    };
    let is_tool = message.role.as_ref().is_some_and(|role| role.is("tool"));
    // Most messages have one part, and a part is large.
    let mut parts = Vec::with_capacity(1);
    if !message.thinking.is_empty() {
        parts.push(Part::new(Content::Thinking(message.thinking)));
    }
    // Ollama shows a model the images of a message before its text.
    for image in message.images.into_iter().flat_map(Value::elements) {
        let image = Text::from_value(image);
        let image = image.ok_or_else(|| wrong("has `images` that are no strings"))?;
        parts.push(Part::new(Content::Media(media::read(image)?)));
    }
    if !message.content.is_empty() {
        parts.push(Part::text(message.content));
    }
    if is_tool {
        let id = message.call_id.unwrap_or_default();
        let result = CallResult { id, name: message.tool_name, parts, failed: false };
        parts = vec![Part::new(Content::Result(result))];
    }
    for value in message.calls.into_iter().flat_map(Value::elements) {
        parts.push(call(value)?);
    }
    Ok(Turn::new(role, parts).with(message.extra))
}

fn read(value: Value<'_>) -> Result<Message<'_>, Error> {
    let mut message = Message::default();
    let text = |value, rule| Text::from_value(value).ok_or_else(|| wrong(rule));
    for member in value.members().filter(|member| !member.value.is_null()) {
        let value = member.value;
        match &*member.key.name() {
            b"role" => message.role = Text::from_value(value),
            b"content" => message.content = text(value, "has a `content` that is no string")?,
            b"thinking" => message.thinking = text(value, "has a `thinking` that is no string")?,
            b"images" => message.images = Some(array(value, "has `images` that are no array")?),
            b"tool_calls" => {
                message.calls = Some(array(value, "has `tool_calls` that are no array")?);
            }
            b"tool_name" => {
                let name = text(value, "has a `tool_name` that is no string")?;
                message.tool_name = Some(name).filter(|name| !name.is_empty());
            }
            b"tool_call_id" => {
                message.call_id = Some(text(value, "has a `tool_call_id` that is no string")?);
            }
            _ => message.extra.push(own(member.key.decode(), value)),
        }
    }
    Ok(message)
}

fn call(value: Value<'_>) -> Result<Part<'_>, Error> {
    let (mut id, mut function, mut extra) = (Text::default(), None, Vec::new());
    for member in value.members().filter(|member| !member.value.is_null()) {
        match &*member.key.name() {
            b"id" => id = Text::from_value(member.value).unwrap_or_default(),
            b"type" => {}
            b"function" => function = Some(member.value),
            _ => extra.push(own(member.key.decode(), member.value)),
        }
    }
    let (mut name, mut arguments) = (None, Arguments::Quoted(Text::default()));
    for member in function.into_iter().flat_map(Value::members) {
        match &*member.key.name() {
            b"name" => name = Text::from_value(member.value),
            // The place in the array says the same.
            b"index" => {}
            b"arguments" => {
                let object = of_kind(member.value, JsonKind::Object);
                let object = object.ok_or_else(|| wrong("has `arguments` that are no object"))?;
                arguments = Arguments::Value(Json::of(object));
            }
            _ if member.value.is_null() => {}
            _ => extra.push(own(format!("function.{}", member.key.decode()), member.value)),
        }
    }
    let name = name.filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| wrong("has a call without a name"))?;
    let call = Call { id, name, arguments, custom: false };
    Ok(Part { extra, ..Part::new(Content::Call(call)) })
}

fn array<'a>(value: Value<'a>, rule: &str) -> Result<Value<'a>, Error> {
    of_kind(value, JsonKind::Array).ok_or_else(|| wrong(rule))
}

fn wrong(rule: &str) -> Error {
    Field::Messages.wrong(rule)
}
