//! Images and documents for Anthropic.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::chat::Facts;
use crate::chat::Media;
use crate::chat::MediaKind;
use crate::chat::Protocol;
use crate::chat::Source;
use crate::chat::Text;
use crate::codec::json::Object;
use crate::error::Error;

fn refuse(rule: &str) -> Error {
    Error::field("messages", format!("`messages`: {rule}"))
}

/// The type of the block, if Anthropic and the model take such media.
///
/// # Errors
/// A 400 that names `messages`.
pub fn kind(media: &Media<'_>, facts: &Facts) -> Result<&'static str, Error> {
    let (kind, taken) = match media.kind {
        MediaKind::Image => ("image", facts.images),
        MediaKind::Document => ("document", facts.documents),
        MediaKind::Audio | MediaKind::Video => {
            return Err(refuse("Anthropic takes neither sound nor film"));
        }
    };
    if taken { Ok(kind) } else { Err(refuse(&format!("the model takes no {kind}"))) }
}

/// Writes `source`.
///
/// # Errors
/// A 400 that names `messages`; the object is of no use then.
pub fn write_source(media: &Media<'_>, source: &mut Object<'_>) -> Result<(), Error> {
    match &media.source {
        Source::Base64(data) => write_data(media, data, source)?,
        Source::Plain(text) if media.kind == MediaKind::Document => write_plain(text, source),
        Source::Plain(_) => return Err(refuse("an image cannot be plain text")),
        Source::Url(url) => {
            if !url.decode().starts_with("http") {
                return Err(refuse("Anthropic reads no address but those of the web"));
            }
            source.word("type", "url");
            source.text("url", url);
        }
        Source::File(Protocol::Anthropic, id) => {
            source.word("type", "file");
            source.text("file_id", id);
        }
        Source::File(..) => {
            return Err(refuse("the id of another provider's file means nothing to Anthropic"));
        }
    }
    Ok(())
}

fn write_plain(text: &Text<'_>, source: &mut Object<'_>) {
    source.word("type", "text");
    source.word("media_type", "text/plain");
    source.text("data", text);
}

fn write_data(media: &Media<'_>, data: &Text<'_>, source: &mut Object<'_>) -> Result<(), Error> {
    let told = media.mime.as_ref().map(Text::decode).unwrap_or_default();
    let (mime, _) = told.split_once(';').unwrap_or((&told, ""));
    let mime = mime.trim().to_ascii_lowercase();
    let mime = match (media.kind, mime.as_str()) {
        (MediaKind::Image, "image/jpeg" | "image/jpg") => "image/jpeg",
        (MediaKind::Image, "image/png") => "image/png",
        (MediaKind::Image, "image/gif") => "image/gif",
        (MediaKind::Image, "image/webp") => "image/webp",
        (MediaKind::Document, "application/pdf") => "application/pdf",
        (MediaKind::Document, mime) if mime.starts_with("text/") => {
            let bytes = STANDARD.decode(data.decode().as_bytes()).ok();
            let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
            let text = text.ok_or_else(|| refuse("a document of text is not UTF-8 in base64"))?;
            write_plain(&Text::plain(&text), source);
            return Ok(());
        }
        (_, mime) => return Err(refuse(&format!("Anthropic takes no media of type `{mime}`"))),
    };
    source.word("type", "base64");
    source.string("media_type", mime);
    source.text("data", data);
    Ok(())
}
