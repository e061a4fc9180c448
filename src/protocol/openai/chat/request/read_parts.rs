//! Parts of a message's content.

use crate::chat::Cache;
use crate::chat::Content;
use crate::chat::Extra;
use crate::chat::Json;
use crate::chat::Part;
use crate::chat::Protocol;
use crate::chat::Text;
use crate::codec::json::Kind as JsonKind;
use crate::codec::json::Value;
use crate::protocol::openai::chat::extra;
use crate::protocol::openai::chat::key;
use crate::protocol::openai::chat::request::Fault;
use crate::protocol::openai::chat::request::media;

/// Reads one part. A kind that is not known is carried whole.
pub(super) fn part(value: Value<'_>) -> Result<Part<'_>, Fault> {
    if let Some(text) = Text::from_value(value) {
        return Ok(Part::text(text));
    }
    if value.kind() != JsonKind::Object {
        return Err("a part of `content` must be an object".into());
    }
    let (mut kind, mut text, mut body, mut mark) = (None, None, None, None);
    let mut carried = Vec::new();
    for member in value.members().filter(|member| !member.value.is_null()) {
        match key(&member).as_ref() {
            b"type" => kind = member.value.as_str(),
            b"text" | b"refusal" if text.is_none() => text = Some(member.value),
            b"image_url" | b"input_audio" | b"file" if body.is_none() => {
                body = Some((member.key, member.value));
            }
            b"prompt_cache_breakpoint" | b"cache_control" => mark = Some(cache(member.value)),
            _ => carried.push(extra(&member)),
        }
    }
    let kind = match kind {
        Some(kind) => kind.decode(),
        None if text.is_some() => "text".into(),
        None => return Err("a part of `content` has no `type`".into()),
    };
    let words = || text.and_then(Text::from_value).ok_or("a part of text has no `text`");
    let told = || {
        let body = body.filter(|(key, _)| key.is(&kind)).map(|(_, value)| value);
        body.ok_or_else(|| Fault::from(format!("a part of type `{kind}` has no `{kind}`")))
    };
    let content = match kind.as_ref() {
        "text" => Content::Text(words()?),
        "refusal" => Content::Refusal(words()?),
        "image_url" => Content::Media(media::image(told()?)?),
        "input_audio" => Content::Media(media::audio(told()?)?),
        "file" => Content::Media(media::file(told()?)?),
        other => {
            let (name, value) = (other.to_owned().into(), Json::of(value));
            return Ok(Part::new(Content::Other(Extra { by: Protocol::Openai, name, value })));
        }
    };
    Ok(Part { content, cache: mark, signature: None, extra: carried })
}

/// Reads a mark: `prompt_cache_breakpoint`, or `cache_control` as clients of Anthropic's models
/// behind this format send it.
pub(super) fn cache(mark: Value<'_>) -> Cache {
    let ttl = mark.get("ttl").and_then(Value::as_str);
    match ttl.map(|ttl| ttl.decode()).as_deref() {
        Some("30m") => Cache::HalfHour,
        Some("1h") => Cache::Hour,
        Some("12h") => Cache::HalfDay,
        Some(_) | None => Cache::Standard,
    }
}
