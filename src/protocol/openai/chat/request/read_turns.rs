//! Messages into turns.

use std::borrow::Cow;

use crate::chat::Arguments;
use crate::chat::Call;
use crate::chat::CallResult;
use crate::chat::Content;
use crate::chat::Extra;
use crate::chat::Json;
use crate::chat::Part;
use crate::chat::Protocol;
use crate::chat::Role;
use crate::chat::Text;
use crate::chat::Turn;
use crate::codec::json::Kind as JsonKind;
use crate::codec::json::Value;
use crate::error::Error;
use crate::protocol::openai::chat::extra;
use crate::protocol::openai::chat::key;
use crate::protocol::openai::chat::request::Fault;
use crate::protocol::openai::chat::request::read_parts;
use crate::protocol::plain;

/// Reads all messages. Results of tools that stand side by side become one turn.
pub(super) fn read(messages: Value<'_>) -> Result<Vec<Turn<'_>>, Error> {
    // A guess: the turns of a long conversation are not moved more than once.
    const SHORT: usize = 512;
    let mut turns = Vec::with_capacity((messages.raw().len() / SHORT).clamp(2, 1024));
    for (at, message) in messages.elements().enumerate() {
        if let Some(turn) = plain::read(message) {
            turns.push(turn);
            continue;
        }
        add(message, &mut turns)
            .map_err(|fault| Error::field("messages", format!("`messages[{at}]`: {fault}")))?;
    }
    Ok(turns)
}

fn add<'a>(message: Value<'a>, turns: &mut Vec<Turn<'a>>) -> Result<(), Fault> {
    // It is large, and read and emptied where it is: moved, it would be copied each time.
    let mut found = Message::default();
    found.read(message)?;
    let message = &mut found;
    let role = message.role.and_then(Value::as_str).ok_or("`role` must be a string")?;
    match role.name().as_ref() {
        b"user" => turns.push(message.said(Role::User)?),
        name @ (b"system" | b"developer") => {
            let mut turn = message.said(Role::System)?;
            if name == b"developer" {
                let value = Json::fixed("\"developer\"");
                turn.extra.push(Extra { by: Protocol::Openai, name: "role".into(), value });
            }
            turns.push(turn);
        }
        b"assistant" => turns.push(message.assistant()?),
        name @ (b"tool" | b"function") => {
            let result = message.result(name == b"function")?;
            match turns.last_mut() {
                Some(turn) if holds_results(turn) => turn.parts.push(result),
                Some(_) | None => turns.push(Turn::new(Role::User, vec![result])),
            }
        }
        _ => {
            let role = role.decode();
            return Err(format!("`role` is {role:?}, which is none").into());
        }
    }
    Ok(())
}

fn holds_results(turn: &Turn<'_>) -> bool {
    turn.parts.last().is_some_and(|part| matches!(part.content, Content::Result(_)))
}

/// What is wrong with content that is none.
const CONTENT: &str = "`content` must be a string or an array";

/// The members of a message that mean something in some role.
#[derive(Default)]
struct Message<'a> {
    role: Option<Value<'a>>,
    content: Option<Value<'a>>,
    name: Option<Value<'a>>,
    tool_calls: Option<Value<'a>>,
    tool_call_id: Option<Value<'a>>,
    function_call: Option<Value<'a>>,
    refusal: Option<Value<'a>>,
    reasoning: Option<Value<'a>>,
    mark: Option<Value<'a>>,
    extra: Vec<Extra<'a>>,
}

impl<'a> Message<'a> {
    fn read(&mut self, value: Value<'a>) -> Result<(), Fault> {
        if value.kind() != JsonKind::Object {
            return Err("it must be an object".into());
        }
        for member in value.members().filter(|member| !member.value.is_null()) {
            let value = member.value;
            match key(&member).as_ref() {
                b"role" => self.role = Some(value),
                b"content" => self.content = Some(value),
                b"name" => self.name = Some(value),
                b"tool_calls" => self.tool_calls = Some(value),
                b"tool_call_id" => self.tool_call_id = Some(value),
                b"function_call" => self.function_call = Some(value),
                b"refusal" => self.refusal = Some(value),
                b"reasoning_content" => self.reasoning = Some(value),
                b"reasoning" if self.reasoning.is_none() => self.reasoning = Some(value),
                b"cache_control" => self.mark = Some(value),
                _ => self.extra.push(extra(&member)),
            }
        }
        Ok(())
    }

    /// What a person or an operator said.
    #[inline]
    fn said(&mut self, role: Role) -> Result<Turn<'a>, Fault> {
        if self.content.is_none() {
            return Err(CONTENT.into());
        }
        let mut turn = Turn::new(role, self.content()?);
        self.mark_last(&mut turn.parts);
        turn.extra = self.rest();
        Ok(turn)
    }

    fn assistant(&mut self) -> Result<Turn<'a>, Fault> {
        let mut turn = Turn::new(Role::Assistant, self.content()?);
        let thought = self.reasoning.and_then(Text::from_value).filter(|text| !text.is_empty());
        if let Some(text) = thought {
            turn.parts.insert(0, Part::new(Content::Thinking(text)));
        }
        if let Some(value) = self.refusal {
            let words = Text::from_value(value).ok_or("`refusal` must be a string")?;
            if !words.is_empty() {
                turn.parts.push(Part::new(Content::Refusal(words)));
            }
        }
        if let Some(calls) = self.tool_calls {
            if calls.kind() != JsonKind::Array {
                return Err("`tool_calls` must be an array".into());
            }
            for value in calls.elements() {
                turn.parts.push(call(value)?);
            }
        }
        if let Some(value) = self.function_call {
            let function = Function::read(value, "function_call")?;
            turn.parts.push(Part::new(Content::Call(function.call(Text::default(), false))));
        }
        self.mark_last(&mut turn.parts);
        turn.extra = self.rest();
        Ok(turn)
    }

    fn result(&mut self, older: bool) -> Result<Part<'a>, Fault> {
        let id = match self.tool_call_id.map(Text::from_value) {
            Some(Some(id)) => id,
            None if older => Text::default(),
            Some(None) | None => return Err("`tool_call_id` must be a string".into()),
        };
        let mut parts = self.content()?;
        let mut mark = self.mark.map(read_parts::cache);
        // A tool that returned nothing. A mark on that is one on the result.
        parts.retain(|part| {
            let silent = matches!(&part.content, Content::Text(text) if text.is_empty());
            mark = mark.or(part.cache.filter(|_| silent));
            !silent
        });
        let name = self.name.and_then(Text::from_value);
        let mut part = Part::new(Content::Result(CallResult { id, name, parts, failed: false }));
        part.cache = mark;
        part.extra = std::mem::take(&mut self.extra);
        Ok(part)
    }

    #[inline]
    fn content(&self) -> Result<Vec<Part<'a>>, Fault> {
        let Some(content) = self.content else { return Ok(Vec::new()) };
        if let Some(text) = Text::from_value(content) {
            // Made where it stays: a part is large.
            Ok(vec![Part::text(text)])
        } else if content.kind() == JsonKind::Array {
            content.elements().map(read_parts::part).collect()
        } else {
            Err(CONTENT.into())
        }
    }

    /// Puts the mark of the message on its last part. What was thought cannot bear one; where there is
    /// nothing else the mark is carried as it is, so that nobody loses it without a word.
    #[inline]
    fn mark_last(&mut self, parts: &mut [Part<'a>]) {
        let Some(mark) = self.mark else { return };
        let last = parts.last_mut();
        if let Some(last) = last.filter(|last| !matches!(last.content, Content::Thinking(_))) {
            last.cache = Some(read_parts::cache(mark));
            return;
        }
        let (name, value) = (Cow::Borrowed("cache_control"), Json::of(mark));
        self.extra.push(Extra { by: Protocol::Openai, name, value });
    }

    /// What is only carried.
    fn rest(&mut self) -> Vec<Extra<'a>> {
        let mut extra = std::mem::take(&mut self.extra);
        let name = self.name.map(Json::of);
        extra.extend(name.map(|value| Extra {
            by: Protocol::Openai,
            name: Cow::Borrowed("name"),
            value,
        }));
        extra
    }
}

/// One of `tool_calls`.
fn call(value: Value<'_>) -> Result<Part<'_>, Fault> {
    let (mut id, mut kind, mut function, mut custom) = (None, None, None, None);
    let mut carried = Vec::new();
    for member in value.members().filter(|member| !member.value.is_null()) {
        match key(&member).as_ref() {
            b"id" => id = Text::from_value(member.value),
            b"type" => kind = Text::from_value(member.value),
            b"function" => function = Some(member.value),
            b"custom" => custom = Some(member.value),
            _ => carried.push(extra(&member)),
        }
    }
    let id = id.filter(|id| !id.is_empty()).ok_or("a call has no `id`")?;
    let free =
        custom.is_some() && (kind.is_some_and(|kind| kind.is("custom")) || function.is_none());
    let (value, name) = if free { (custom, "custom") } else { (function, "function") };
    let value = value.ok_or("a call has no `function`")?;
    let mut part = Part::new(Content::Call(Function::read(value, name)?.call(id, free)));
    part.extra = carried;
    Ok(part)
}

/// What is called, and with what.
struct Function<'a> {
    name: Text<'a>,
    arguments: Arguments<'a>,
}

impl<'a> Function<'a> {
    fn read(value: Value<'a>, of: &str) -> Result<Self, Fault> {
        let (mut name, mut arguments) = (None, Arguments::Quoted(Text::default()));
        for member in value.members().filter(|member| !member.value.is_null()) {
            match key(&member).as_ref() {
                b"name" => name = Text::from_value(member.value),
                b"arguments" | b"input" => {
                    arguments = match Text::from_value(member.value) {
                        Some(text) => Arguments::Quoted(text),
                        None => Arguments::Value(Json::of(member.value)),
                    };
                }
                _ => {}
            }
        }
        let name = name.filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| format!("`{of}` has no `name`"))?;
        Ok(Self { name, arguments })
    }

    fn call(self, id: Text<'a>, custom: bool) -> Call<'a> {
        Call { id, name: self.name, arguments: self.arguments, custom }
    }
}
