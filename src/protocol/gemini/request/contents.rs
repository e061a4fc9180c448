//! Reading the conversation.

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
use crate::codec::json::Kind;
use crate::codec::json::Value;
use crate::error::Error;
use crate::protocol::gemini::names;
use crate::protocol::gemini::pairs::Pairs;
use crate::protocol::gemini::part;
use crate::protocol::gemini::part::Data;
use crate::protocol::gemini::request::media;

/// The field all faults are told of.
const FIELD: &str = "contents";

/// Reads the contents into turns, and gives ids to calls and results without.
pub(super) fn read<'a>(contents: Value<'a>, turns: &mut Vec<Turn<'a>>) -> Result<(), Error> {
    let mut pairs = Pairs::default();
    let (mut named, mut before) = (0_usize, Role::User);
    for content in names::each(contents) {
        let mut turn = turn(content)?;
        if turn.role == Role::Assistant && before != Role::Assistant {
            pairs = Pairs::default();
        }
        before = turn.role;
        for part in &mut turn.parts {
            match &mut part.content {
                Content::Call(call) => {
                    if call.id.is_empty() {
                        call.id = Text::plain(&format!("call_{named}"));
                        named += 1;
                    }
                    pairs.push(call.id.clone(), call.name.clone());
                }
                Content::Result(result) => {
                    let at = pairs.answer(&result.id, result.name.as_ref());
                    if let Some(id) = at.and_then(|at| pairs.id(at)) {
                        result.id = id.clone();
                    }
                }
                Content::Text(_)
                | Content::Refusal(_)
                | Content::Media(_)
                | Content::Thinking(_)
                | Content::Redacted
                | Content::Other(_) => {}
            }
        }
        turns.push(turn);
    }
    Ok(())
}

fn turn(content: Value<'_>) -> Result<Turn<'_>, Error> {
    if content.kind() != Kind::Object {
        return Err(Error::field(FIELD, "each of `contents` must be an object"));
    }
    let mut turn = Turn::new(Role::User, Vec::new());
    for member in content.members().filter(|member| !member.value.is_null()) {
        match &*names::camel(member.key) {
            b"role" => turn.role = role(member.value)?,
            b"parts" => {
                for value in names::each(member.value) {
                    turn.parts.push(part(value, FIELD)?);
                }
            }
            _ => turn.extra.push(names::extra(&member)),
        }
    }
    Ok(turn)
}

fn role(value: Value<'_>) -> Result<Role, Error> {
    match value.as_str().map(|role| role.raw()) {
        Some(b"model") => Ok(Role::Assistant),
        Some(b"user" | b"function" | b"") => Ok(Role::User),
        Some(_) | None => {
            Err(Error::field("contents.role", "`contents.role` must be `user` or `model`"))
        }
    }
}

/// Reads one part, whose faults are told of `field`.
pub(super) fn part<'a>(value: Value<'a>, field: &'static str) -> Result<Part<'a>, Error> {
    let wrong = |message: &'static str| Error::field(field, message);
    let raw = part::read(value).map_err(wrong)?;
    let mut extra = raw.extra;
    let content = match raw.data {
        Data::Text(text) if raw.thought => Content::Thinking(text),
        Data::Text(text) => Content::Text(text),
        Data::Inline(blob) => Content::Media(media::inline(blob, &mut extra).map_err(wrong)?),
        Data::File(file) => Content::Media(media::file(file, &mut extra).map_err(wrong)?),
        Data::Call(call) => {
            let call = part::call(call).map_err(wrong)?;
            extra.extend(call.extra);
            let arguments = call.args.map_or(Arguments::Quoted(Text::default()), |args| {
                Arguments::Value(Json::of(args))
            });
            let id = call.id.unwrap_or_default();
            Content::Call(Call { id, name: call.name, arguments, custom: false })
        }
        Data::Response(response) => Content::Result(result(response, &mut extra).map_err(wrong)?),
        Data::Other(name) => {
            let other = Extra { by: Protocol::Gemini, name, value: Json::of(value) };
            return Ok(Part::new(Content::Other(other)));
        }
    };
    Ok(Part { content, cache: None, signature: raw.signature, extra })
}

/// Reads what a call returned.
fn result<'a>(
    response: Value<'a>,
    extra: &mut Vec<Extra<'a>>,
) -> Result<CallResult<'a>, &'static str> {
    let id = Text::default();
    let mut result = CallResult { id, name: None, parts: Vec::new(), failed: false };
    let mut media = None;
    for member in response.members().filter(|member| !member.value.is_null()) {
        let value = member.value;
        match &*names::camel(member.key) {
            b"id" => {
                result.id = Text::from_value(value).ok_or("`functionResponse.id` is no string")?;
            }
            b"name" => result.name = Text::from_value(value),
            b"response" => said(value, &mut result)?,
            b"parts" => media = Some(value),
            _ => extra.push(names::extra_in("functionResponse.", &member)),
        }
    }
    if result.name.as_ref().is_none_or(Text::is_empty) {
        return Err("`functionResponse.name` is missing");
    }
    for value in media.into_iter().flat_map(names::each) {
        let raw = part::read(value)?;
        let mut extra = raw.extra;
        let content = match raw.data {
            Data::Inline(blob) => media::inline(blob, &mut extra)?,
            Data::File(file) => media::file(file, &mut extra)?,
            Data::Text(_) | Data::Call(_) | Data::Response(_) | Data::Other(_) => {
                return Err("`functionResponse.parts` may hold media only");
            }
        };
        let content = Content::Media(content);
        result.parts.push(Part { content, cache: None, signature: None, extra });
    }
    Ok(result)
}

/// Reads a response: text where it is nothing but `output` or `error`, else the whole object.
fn said<'a>(response: Value<'a>, result: &mut CallResult<'a>) -> Result<(), &'static str> {
    if response.kind() != Kind::Object {
        return Err("`functionResponse.response` must be an object");
    }
    let mut members = response.members();
    let only = members.next().filter(|_| members.next().is_none());
    let (failed, value) = match only {
        Some(one) if one.key.is("output") && one.value.kind() == Kind::String => (false, one.value),
        Some(one) if one.key.is("error") && !one.value.is_null() => (true, one.value),
        Some(_) | None => (false, response),
    };
    let text = Text::from_value(value)
        .unwrap_or_else(|| Text::plain(std::str::from_utf8(value.raw()).unwrap_or_default()));
    result.failed = failed;
    if !text.is_empty() {
        result.parts.push(Part::text(text));
    }
    Ok(())
}
