//! A client's content blocks into the vocabulary.

use std::borrow::Cow;

use crate::chat::Arguments;
use crate::chat::Call;
use crate::chat::CallResult;
use crate::chat::Content;
use crate::chat::Json;
use crate::chat::Media;
use crate::chat::MediaKind;
use crate::chat::Part;
use crate::chat::Protocol;
use crate::chat::Role;
use crate::chat::Source;
use crate::chat::Text;
use crate::codec::json::Kind as JsonKind;
use crate::codec::json::Str;
use crate::codec::json::Value;
use crate::error::Error;
use crate::protocol::anthropic::are_made_up;
use crate::protocol::anthropic::extra;
use crate::protocol::anthropic::present;
use crate::protocol::anthropic::request::read::read_cache;
use crate::protocol::anthropic::signature;

/// Where in a request a fault is.
#[derive(Clone, Copy, Debug)]
pub struct Spot {
    field: &'static str,
    turn: usize,
    block: Option<usize>,
}

impl Spot {
    /// A turn of `messages`, or `system`.
    pub const fn new(field: &'static str, turn: usize) -> Self {
        Self { field, turn, block: None }
    }

    /// A 400 about what stands there.
    pub fn wrong(&self, rule: &str) -> Error {
        let Self { field, turn, block } = self;
        let turn = if *field == "system" { String::new() } else { format!("[{turn}]") };
        let block = block.map_or_else(String::new, |block| format!(".content[{block}]"));
        Error::field(field, format!("`{field}{turn}{block}` {rule}"))
    }

    fn text<'a>(&self, name: &str, value: Option<Value<'a>>) -> Result<Text<'a>, Error> {
        value
            .and_then(Text::from_value)
            .ok_or_else(|| self.wrong(&format!("must have a string as `{name}`")))
    }
}

/// Reads a content: a string, or an array of blocks.
///
/// # Errors
/// A 400 that names the field.
pub fn read<'a>(content: Value<'a>, role: Role, spot: Spot) -> Result<Vec<Part<'a>>, Error> {
    let mut parts = plain_or(content, spot, |block, spot| read_block(block, role, spot))?;
    if role == Role::Assistant {
        give_signatures_to_calls(&mut parts);
    }
    Ok(parts)
}

fn plain_or<'a>(
    content: Value<'a>,
    spot: Spot,
    read: impl Fn(Value<'a>, Spot) -> Result<Part<'a>, Error>,
) -> Result<Vec<Part<'a>>, Error> {
    if let Some(text) = Text::from_value(content) {
        return Ok(if text.is_empty() { Vec::new() } else { vec![Part::text(text)] });
    }
    if content.kind() != JsonKind::Array {
        return Err(spot.wrong("must have a string or an array as its content"));
    }
    let blocks = content.elements().enumerate();
    blocks.map(|(at, block)| read(block, Spot { block: Some(at), ..spot })).collect()
}

/// The kind of a block.
fn kind_of(block: Value<'_>, spot: Spot) -> Result<Cow<'_, str>, Error> {
    let kind = block.get("type").and_then(Value::as_str);
    kind.map(Str::decode).ok_or_else(|| spot.wrong("must be an object with a type"))
}

fn read_block(block: Value<'_>, role: Role, spot: Spot) -> Result<Part<'_>, Error> {
    let kind = kind_of(block, spot)?;
    match (&*kind, role) {
        ("text", _) => read_text(block, spot),
        ("image", Role::User | Role::Assistant) => read_media(block, MediaKind::Image, spot),
        ("document", Role::User | Role::Assistant) => read_media(block, MediaKind::Document, spot),
        ("tool_use", Role::Assistant) => read_call(block, spot),
        ("tool_result", Role::User) => read_result(block, spot),
        ("thinking" | "redacted_thinking", Role::Assistant) => Ok(read_thought(block)),
        ("tool_use" | "thinking" | "redacted_thinking", Role::User | Role::System) => {
            Err(spot.wrong(&format!("is a `{kind}`, which stands in assistant messages only")))
        }
        ("tool_result", Role::Assistant | Role::System) => {
            Err(spot.wrong("is a `tool_result`, which stands in user messages only"))
        }
        (_, _) => Ok(Part::new(Content::Other(extra(kind, block)))),
    }
}

/// Reads the members that every block may have: its mark, and what there are no words for.
fn dress<'a>(part: &mut Part<'a>, block: Value<'a>, known: &[&str]) {
    for member in present(block) {
        match &*member.key.name() {
            b"type" => {}
            b"cache_control" if read_cache(member.value).is_some() => {
                part.cache = read_cache(member.value);
            }
            name if known.iter().any(|known| known.as_bytes() == name) => {}
            _ => part.extra.push(extra(member.key.decode(), member.value)),
        }
    }
}

fn read_text(block: Value<'_>, spot: Spot) -> Result<Part<'_>, Error> {
    let mut part = Part::text(spot.text("text", block.get("text"))?);
    dress(&mut part, block, &["text"]);
    // No sources, or those that only the gateway told of: nothing for a model to know.
    let says_nothing = |list: Value<'_>| list.is_empty_array() || are_made_up(list);
    part.extra.retain(|extra| extra.name != "citations" || !says_nothing(extra.value.value()));
    Ok(part)
}

fn read_media(block: Value<'_>, kind: MediaKind, spot: Spot) -> Result<Part<'_>, Error> {
    let source = block.get("source").filter(|source| source.kind() == JsonKind::Object);
    let source = source.ok_or_else(|| spot.wrong("must have an object as `source`"))?;
    let way = source.get("type").and_then(Value::as_str).map(Str::decode).unwrap_or_default();
    let text = |name: &str| spot.text(name, source.get(name));
    let mut mime = source.get("media_type").and_then(Text::from_value);
    let found = match &*way {
        "base64" => {
            mime = Some(text("media_type")?);
            Source::Base64(text("data")?)
        }
        "text" => Source::Plain(text("data")?),
        "url" => Source::Url(text("url")?),
        "file" => Source::File(Protocol::Anthropic, text("file_id")?),
        // Such as a document made of blocks.
        _ => {
            let name = if kind == MediaKind::Image { "image" } else { "document" };
            return Ok(Part::new(Content::Other(extra(name, block))));
        }
    };
    let title = block.get("title").and_then(Text::from_value);
    let name = title.filter(|_| kind == MediaKind::Document);
    let known: &[&str] =
        if kind == MediaKind::Document { &["source", "title"] } else { &["source"] };
    let media = Media { kind, source: found, mime, detail: None, name };
    let mut part = Part::new(Content::Media(media));
    dress(&mut part, block, known);
    Ok(part)
}

fn read_call(block: Value<'_>, spot: Spot) -> Result<Part<'_>, Error> {
    let input = block.get("input").filter(|input| input.kind() == JsonKind::Object);
    let input = input.ok_or_else(|| spot.wrong("must have an object as `input`"))?;
    let mut part = Part::new(Content::Call(Call {
        id: spot.text("id", block.get("id"))?,
        name: spot.text("name", block.get("name"))?,
        arguments: Arguments::Value(Json::of(input)),
        custom: false,
    }));
    dress(&mut part, block, &["id", "name", "input"]);
    Ok(part)
}

fn read_result(block: Value<'_>, spot: Spot) -> Result<Part<'_>, Error> {
    let content = block.get("content").filter(|content| !content.is_null());
    let parts = content.map(|content| plain_or(content, spot, read_returned));
    let mut part = Part::new(Content::Result(CallResult {
        id: spot.text("tool_use_id", block.get("tool_use_id"))?,
        name: None,
        parts: parts.transpose()?.unwrap_or_default(),
        failed: block.get("is_error").and_then(Value::as_bool).unwrap_or(false),
    }));
    dress(&mut part, block, &["tool_use_id", "content", "is_error"]);
    Ok(part)
}

/// A block of what a tool returned.
fn read_returned(block: Value<'_>, spot: Spot) -> Result<Part<'_>, Error> {
    let kind = kind_of(block, spot)?;
    match &*kind {
        "text" => read_text(block, spot),
        "image" => read_media(block, MediaKind::Image, spot),
        "document" => read_media(block, MediaKind::Document, spot),
        _ => Ok(Part::new(Content::Other(extra(kind, block)))),
    }
}

/// A thought, or one that only its provider can read.
fn read_thought(block: Value<'_>) -> Part<'_> {
    let text = |name: &str| block.get(name).and_then(Value::as_str);
    let (content, signed) = match text("data") {
        Some(data) => (Content::Redacted, Some(data)),
        None => {
            let thought = text("thinking").map(Text::of).unwrap_or_default();
            (Content::Thinking(thought), text("signature"))
        }
    };
    let mut part = Part::new(content);
    part.signature = signed.and_then(signature::read);
    dress(&mut part, block, &["data", "thinking", "signature"]);
    part
}

/// Gemini signs calls, which have no place for it in this format: the signature stands in an empty
/// thought before the call.
fn give_signatures_to_calls(parts: &mut Vec<Part<'_>>) {
    let is_held = |part: &Part<'_>| {
        let gemini = part.signature.as_ref().is_some_and(|held| held.by == Protocol::Gemini);
        gemini && matches!(&part.content, Content::Thinking(text) if text.is_empty())
    };
    let mut at = 0;
    while let Some(held) = parts.get(at..).and_then(|rest| rest.iter().position(is_held)) {
        at += held;
        let rest = parts.get(at + 1..).unwrap_or_default();
        let next = |part: &Part<'_>| matches!(part.content, Content::Call(_)) || is_held(part);
        let call = rest.iter().position(next).map(|call| at + 1 + call);
        let call = call.filter(|call| parts.get(*call).is_some_and(|part| !is_held(part)));
        let Some(call) = call else {
            at += 1;
            continue;
        };
        let signature = parts.get_mut(at).and_then(|held| held.signature.take());
        if let Some(call) = parts.get_mut(call) {
            call.signature = signature;
        }
        parts.remove(at);
        at = call;
    }
}
