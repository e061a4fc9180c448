//! Reading images, documents, sounds and films.

use std::borrow::Cow;

use crate::chat::Extra;
use crate::chat::Media;
use crate::chat::MediaKind;
use crate::chat::Protocol;
use crate::chat::Source;
use crate::chat::Text;
use crate::codec::json::Value;
use crate::protocol::gemini::names;
use crate::protocol::gemini::request::write_media;

/// Reads media that are here.
pub(in crate::protocol::gemini) fn inline<'a>(
    blob: Value<'a>,
    extra: &mut Vec<Extra<'a>>,
) -> Result<Media<'a>, &'static str> {
    let (mut mime, mut data, mut name) = (None, None, None);
    for member in blob.members().filter(|member| !member.value.is_null()) {
        let place = match &*names::camel(member.key) {
            b"mimeType" => &mut mime,
            b"data" => &mut data,
            b"displayName" => &mut name,
            _ => {
                extra.push(names::extra_in("inlineData.", &member));
                continue;
            }
        };
        *place = Text::from_value(member.value);
    }
    let mime = mime.filter(|mime| !mime.is_empty()).ok_or("`inlineData.mimeType` is missing")?;
    let data = data.ok_or("`inlineData.data` is missing")?;
    let kind = kind(&mime);
    let source = Source::Base64(standard(data));
    Ok(Media { kind, source, mime: Some(mime), detail: None, name })
}

/// Base64 in the standard alphabet: Google takes that of URLs as well, and its SDK writes it.
fn standard(data: Text<'_>) -> Text<'_> {
    let raw = data.raw();
    if memchr::memchr2(b'-', b'_', raw).is_none() {
        return data;
    }
    let mut text = data.decode().replace('-', "+").replace('_', "/");
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    Text::plain(&text)
}

/// Reads media that are elsewhere.
pub(in crate::protocol::gemini) fn file<'a>(
    file: Value<'a>,
    extra: &mut Vec<Extra<'a>>,
) -> Result<Media<'a>, &'static str> {
    let (mut mime, mut uri, mut name) = (None, None, None);
    for member in file.members().filter(|member| !member.value.is_null()) {
        let place = match &*names::camel(member.key) {
            b"mimeType" => &mut mime,
            b"fileUri" => &mut uri,
            b"displayName" => &mut name,
            _ => {
                extra.push(names::extra_in("fileData.", &member));
                continue;
            }
        };
        *place = Text::from_value(member.value);
    }
    let uri = uri.filter(|uri| !uri.is_empty()).ok_or("`fileData.fileUri` is missing")?;
    let address = uri.decode();
    let mime = mime.filter(|mime| !mime.is_empty());
    let kind = match &mime {
        Some(mime) => kind(mime),
        None if write_media::is_film(&address) => MediaKind::Video,
        None => MediaKind::Document,
    };
    let stored = write_media::is_stored(&address);
    drop(address);
    let source = if stored { Source::File(Protocol::Gemini, uri) } else { Source::Url(uri) };
    Ok(Media { kind, source, mime, detail: None, name })
}

/// What kind of media has this type.
fn kind(mime: &Text<'_>) -> MediaKind {
    let mime: Cow<'_, str> = mime.decode();
    match mime.split('/').next() {
        Some("image") => MediaKind::Image,
        Some("audio") => MediaKind::Audio,
        Some("video") => MediaKind::Video,
        Some(_) | None => MediaKind::Document,
    }
}
