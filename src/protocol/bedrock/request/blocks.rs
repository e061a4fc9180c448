//! A client's content blocks into the vocabulary.

use crate::chat::Arguments;
use crate::chat::Cache;
use crate::chat::Call;
use crate::chat::CallResult;
use crate::chat::Content;
use crate::chat::Extra;
use crate::chat::Json;
use crate::chat::Media;
use crate::chat::MediaKind;
use crate::chat::Part;
use crate::chat::Protocol;
use crate::chat::Source;
use crate::chat::Text;
use crate::codec::json::Kind as JsonKind;
use crate::codec::json::Member;
use crate::codec::json::Value;
use crate::error::Error;
use crate::protocol::bedrock::extra;
use crate::protocol::bedrock::media;
use crate::protocol::bedrock::signature;

/// Where blocks stand, which decides what they may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Instructions.
    System,
    /// What the person says.
    User,
    /// What the model said.
    Assistant,
    /// What a tool returned.
    Result,
}

/// Why a block is refused.
type Fault = &'static str;

/// Reads an array of blocks that stands in `field`.
///
/// # Errors
/// A 400 that names `field`.
pub fn blocks<'a>(
    list: Value<'a>,
    place: Place,
    field: &'static str,
) -> Result<Vec<Part<'a>>, Error> {
    let fault = |at: usize, what: &str| {
        Error::field(field, format!("`{field}`: content block {at} {what}"))
    };
    if list.kind() != JsonKind::Array {
        return Err(Error::field(field, format!("`{field}`: content must be an array of blocks")));
    }
    let mut parts = Vec::new();
    for (at, value) in list.elements().enumerate() {
        let mut members = value.members().filter(|member| !member.value.is_null());
        let member = members.next().filter(|_| members.next().is_none());
        let member = member.ok_or_else(|| fault(at, "must be an object with one member"))?;
        block(value, member, place, &mut parts).map_err(|what| fault(at, what))?;
    }
    if place == Place::Assistant {
        give_signatures_to_calls(&mut parts);
    }
    Ok(parts)
}

/// Appends the part that a block is, or marks the part before.
fn block<'a>(
    whole: Value<'a>,
    member: Member<'a>,
    place: Place,
    parts: &mut Vec<Part<'a>>,
) -> Result<(), Fault> {
    let value = member.value;
    let key = member.key.name();
    let part = match (&*key, place) {
        (b"text", _) => {
            Some(Part::text(Text::from_value(value).ok_or("has a `text` that is no string")?))
        }
        (b"cachePoint", _) => match parts.last_mut() {
            Some(part) => {
                part.cache = Some(cache_of(value));
                return Ok(());
            }
            None => None,
        },
        (b"toolUse", Place::Assistant) => tool_use(value)?,
        (b"toolUse", _) => return Err("is a `toolUse` that is not the assistant's"),
        (b"toolResult", Place::User) => Some(tool_result(value)?),
        (b"reasoningContent", Place::Assistant) => reasoning(value),
        (b"citationsContent", Place::Assistant) => cited(value),
        // A JSON value that a tool returned is text in the vocabulary.
        (b"json", Place::Result) => {
            let text = std::str::from_utf8(value.raw()).unwrap_or_default();
            Some(Part::text(Text::plain(text)))
        }
        (key, _) => match media::kind(key) {
            Some(kind) => read_media(kind, value)?
                .map(|(media, extra)| Part { extra, ..Part::new(Content::Media(media)) }),
            None => None,
        },
    };
    let other = || Part::new(Content::Other(extra(member.key.decode(), whole)));
    parts.push(part.unwrap_or_else(other));
    Ok(())
}

/// How long a cache point keeps.
pub fn cache_of(point: Value<'_>) -> Cache {
    let ttl = point.get("ttl").and_then(Value::as_str);
    if ttl.is_some_and(|ttl| ttl.is("1h")) { Cache::Hour } else { Cache::Standard }
}

/// A call; none if the provider itself answers it.
fn tool_use(value: Value<'_>) -> Result<Option<Part<'_>>, Fault> {
    let (mut id, mut tool, mut arguments) = (None, None, None);
    let mut kept = Vec::new();
    for member in value.members().filter(|member| !member.value.is_null()) {
        match &*member.key.name() {
            b"toolUseId" => id = Text::from_value(member.value),
            b"name" => tool = Text::from_value(member.value),
            b"input" => arguments = Some(member.value),
            b"type" => match member.value.as_str() {
                Some(word) if word.is("tool_use") => {}
                Some(_) | None => return Ok(None),
            },
            _ => kept.push(extra(member.key.decode(), member.value)),
        }
    }
    let arguments = arguments.ok_or("is a `toolUse` without an `input`")?;
    if arguments.kind() != JsonKind::Object {
        return Err("is a `toolUse` whose `input` is no object");
    }
    let id = id.ok_or("is a `toolUse` without a `toolUseId`")?;
    let name = tool.ok_or("is a `toolUse` without a `name`")?;
    let arguments = Arguments::Value(Json::of(arguments));
    let mut part = Part::new(Content::Call(Call { id, name, arguments, custom: false }));
    part.extra = kept;
    Ok(Some(part))
}

fn tool_result(value: Value<'_>) -> Result<Part<'_>, Fault> {
    let mut result =
        CallResult { id: Text::default(), name: None, parts: Vec::new(), failed: false };
    let mut kept = Vec::new();
    let mut known = false;
    for member in value.members().filter(|member| !member.value.is_null()) {
        match &*member.key.name() {
            b"toolUseId" => {
                result.id = Text::from_value(member.value).ok_or("has a wrong `toolUseId`")?;
                known = true;
            }
            b"content" => {
                result.parts = blocks(member.value, Place::Result, "messages")
                    .map_err(|_| "is a `toolResult` with wrong `content`")?;
            }
            b"status" => {
                result.failed = member.value.as_str().is_some_and(|word| word.is("error"));
            }
            _ => kept.push(extra(member.key.decode(), member.value)),
        }
    }
    if !known {
        return Err("is a `toolResult` without a `toolUseId`");
    }
    let mut part = Part::new(Content::Result(result));
    part.extra = kept;
    Ok(part)
}

/// A thought; none if it has neither text nor a signature.
fn reasoning(value: Value<'_>) -> Option<Part<'_>> {
    if let Some(data) = value.get("redactedContent").and_then(Value::as_str) {
        let mut part = Part::new(Content::Redacted);
        part.signature = Some(signature::read_redacted(data));
        return Some(part);
    }
    let thought = value.get("reasoningText")?;
    let text = thought.get("text").and_then(Text::from_value);
    let signed = thought.get("signature").and_then(Value::as_str);
    if text.is_none() && signed.is_none() {
        return None;
    }
    let mut part = Part::new(Content::Thinking(text.unwrap_or_default()));
    part.signature = signed.map(signature::read);
    Some(part)
}

/// Text with what it rests on; none if there is no text.
fn cited(value: Value<'_>) -> Option<Part<'_>> {
    let mut texts = value.get("content")?.elements();
    let mut text = texts.next()?.get("text").and_then(Text::from_value)?;
    for more in texts {
        text.push(&more.get("text").and_then(Text::from_value)?);
    }
    let mut part = Part::text(text);
    let sources = value.get("citations").filter(|list| !rests_on_ours(*list));
    part.extra.extend(sources.map(|list| extra("citations", list)));
    Some(part)
}

/// Whether sources are such as we write of other providers' answers, or none at all. They come back
/// with the answer, and say nothing to any provider: what was cited is not in them.
fn rests_on_ours(sources: Value<'_>) -> bool {
    let ours = |source: Value<'_>| {
        let web = source.get("location").is_some_and(|place| place.get("web").is_some());
        let known = |member: Member<'_>| matches!(&*member.key.name(), b"title" | b"location");
        web && source.members().all(known)
    };
    sources.kind() == JsonKind::Array && sources.elements().all(ours)
}

/// What a model made, if it can be told elsewhere.
pub(in crate::protocol::bedrock) fn made(kind: MediaKind, value: Value<'_>) -> Option<Media<'_>> {
    read_media(kind, value).ok()?.map(|(media, _kept)| media)
}

/// Media, and what only Converse says of them; none if their source has no place in the vocabulary.
fn read_media(
    kind: MediaKind,
    value: Value<'_>,
) -> Result<Option<(Media<'_>, Vec<Extra<'_>>)>, Fault> {
    let (mut source, mut mime, mut title) = (None, None, None);
    let mut kept = Vec::new();
    for member in value.members().filter(|member| !member.value.is_null()) {
        match &*member.key.name() {
            b"format" => {
                let format = member.value.as_str().ok_or("has a `format` that is no string")?;
                mime = Some(media::mime(kind, &format.decode()));
            }
            b"name" if kind == MediaKind::Document => title = Text::from_value(member.value),
            b"source" => source = Some(member.value),
            _ => kept.push(extra(member.key.decode(), member.value)),
        }
    }
    let source = source.ok_or("has media without a `source`")?;
    let string = |key| source.get(key).and_then(Text::from_value);
    let source = if let Some(bytes) = string("bytes") {
        Source::Base64(bytes)
    } else if let Some(text) = string("text") {
        Source::Plain(text)
    } else if let Some(place) = source.get("s3Location") {
        kept.extend(place.get("bucketOwner").map(|owner| extra("bucketOwner", owner)));
        let uri = place.get("uri").and_then(Text::from_value);
        Source::Url(uri.ok_or("has an `s3Location` without a `uri`")?)
    } else {
        return Ok(None);
    };
    if mime.is_none() && matches!(source, Source::Base64(_)) {
        return Ok(None);
    }
    Ok(Some((Media { kind, source, mime, detail: None, name: title }, kept)))
}

/// A signature of Gemini's is one of a call, which has no place for it in this format: it stands in an
/// empty thought before the call.
fn give_signatures_to_calls(parts: &mut Vec<Part<'_>>) {
    let is_held = |part: &Part<'_>| {
        let gemini = part.signature.as_ref().is_some_and(|s| s.by == Protocol::Gemini);
        gemini && matches!(&part.content, Content::Thinking(text) if text.is_empty())
    };
    while let Some(at) = parts.iter().position(is_held) {
        let is_open = |part: &Part<'_>| matches!(part.content, Content::Call(_));
        let behind = parts.get_mut(at..).unwrap_or_default().split_first_mut();
        let Some((held, rest)) = behind else { return };
        let Some(call) = rest.iter_mut().find(|part| is_open(part)) else { return };
        call.signature = held.signature.take();
        parts.remove(at);
    }
}
