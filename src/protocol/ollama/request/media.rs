//! Images, which stand in a message as bare base64, and documents, which can only be text.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::chat::Losses;
use crate::chat::Media;
use crate::chat::MediaKind;
use crate::chat::Source;
use crate::chat::Text;
use crate::error::Error;
use crate::protocol::fields::Named;
use crate::protocol::ollama::request::fields::Field;

/// Base64 of the first 15 bytes, which is as far as one must look to know a kind of file.
const HEAD: usize = 20;

/// Reads one of `images`. What it is, its first bytes say; some models take sounds there too.
pub(super) fn read(data: Text<'_>) -> Result<Media<'_>, Error> {
    let text = data.decode();
    if text.starts_with("data:") || text.starts_with("http") {
        return Err(Field::Messages.wrong("has `images` that are no bare base64"));
    }
    let (kind, mime) = sniff(text.as_bytes())
        .ok_or_else(|| Field::Messages.wrong("has an image of an unknown type"))?;
    let mime = Some(Text::plain(mime));
    Ok(Media { kind, source: Source::Base64(data), mime, detail: None, name: None })
}

fn sniff(base64: &[u8]) -> Option<(MediaKind, &'static str)> {
    let head = base64.get(..HEAD.min(base64.len() / 4 * 4))?;
    let head = STANDARD.decode(head).ok()?;
    let starts = |magic: &[u8]| head.starts_with(magic);
    let form = head.get(8..12);
    match () {
        () if starts(b"\xff\xd8\xff") => Some((MediaKind::Image, "image/jpeg")),
        () if starts(b"\x89PNG\r\n\x1a\n") => Some((MediaKind::Image, "image/png")),
        () if starts(b"GIF8") => Some((MediaKind::Image, "image/gif")),
        () if starts(b"RIFF") && form == Some(b"WEBP") => Some((MediaKind::Image, "image/webp")),
        () if starts(b"RIFF") && form == Some(b"WAVE") => Some((MediaKind::Audio, "audio/wav")),
        () if starts(b"BM") => Some((MediaKind::Image, "image/bmp")),
        () => None,
    }
}

/// What a message can hold of a medium.
#[derive(Debug)]
pub(super) enum Carried<'m> {
    /// One of `images`.
    Image,
    /// More text.
    Text(Cow<'m, Text<'m>>),
}

/// How `media` is carried.
///
/// # Errors
/// A 400 where it cannot be.
pub(super) fn carried<'m>(
    media: &'m Media<'m>,
    images: bool,
    losses: &mut Losses,
) -> Result<Carried<'m>, Error> {
    let refuse = |what: &str| Err(Field::Messages.wrong(what));
    match (media.kind, &media.source) {
        (MediaKind::Image, _) if !images => refuse("has an image, and the model takes none"),
        (MediaKind::Image, Source::Base64(_)) => {
            let detail = media.detail.as_ref();
            losses.drop_if(detail.is_some_and(|detail| !detail.is("auto")), "detail");
            Ok(Carried::Image)
        }
        (MediaKind::Image, Source::Url(_)) => {
            refuse("has an image by address; this model's provider takes base64 alone")
        }
        (MediaKind::Image, Source::File(..) | Source::Plain(_)) => {
            refuse("has an image by file id, which means nothing to this model's provider")
        }
        (MediaKind::Document, Source::Plain(text)) => {
            losses.drop_if(media.name.is_some(), "filename");
            Ok(Carried::Text(Cow::Borrowed(text)))
        }
        (MediaKind::Document, Source::Base64(data)) => {
            let mime = media.mime.as_ref().map(Text::decode).unwrap_or_default();
            let text = mime.starts_with("text/").then(|| inline(data)).flatten();
            losses.drop_if(media.name.is_some(), "filename");
            match text {
                Some(text) => Ok(Carried::Text(Cow::Owned(text))),
                None => refuse("has a document that is no text; this model's provider takes none"),
            }
        }
        (MediaKind::Document, Source::Url(_) | Source::File(..)) => {
            refuse("has a document by reference, which this model's provider cannot read")
        }
        (MediaKind::Audio, _) => refuse("has a sound, which this model's provider does not take"),
        (MediaKind::Video, _) => refuse("has a film, which this model's provider does not take"),
    }
}

/// The text that base64 stands for.
fn inline(data: &Text<'_>) -> Option<Text<'static>> {
    let bytes = STANDARD.decode(data.decode().as_bytes()).ok()?;
    String::from_utf8(bytes).ok().map(|text| Text::plain(&text))
}
