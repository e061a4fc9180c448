//! Writing images, documents, sounds and films.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::chat::Facts;
use crate::chat::Losses;
use crate::chat::Media;
use crate::chat::MediaKind;
use crate::chat::Protocol;
use crate::chat::Source;
use crate::chat::Text;
use crate::error::Error;
use crate::protocol::gemini::out;

/// What of Google's own stores begins an address.
const STORES: [&str; 2] = ["gs://", "https://generativelanguage.googleapis.com/"];

/// The addresses of films that Google itself fetches.
const FILMS: [&str; 4] = [
    "https://www.youtube.com/",
    "https://youtube.com/",
    "https://m.youtube.com/",
    "https://youtu.be/",
];

fn begins(address: &str, with: &[&str]) -> bool {
    let same = |prefix: &&str| {
        address.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    with.iter().any(same)
}

/// Whether it is in a store of Google's.
pub(super) fn is_stored(address: &str) -> bool {
    begins(address, &STORES)
}

/// Whether it is a film that Google fetches.
pub(super) fn is_film(address: &str) -> bool {
    begins(address, &FILMS)
}

/// What media are called in the client's words.
const fn field(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Image => "image_url",
        MediaKind::Document => "file",
        MediaKind::Audio => "input_audio",
        MediaKind::Video => "video_url",
    }
}

/// Begins a part with media, up to the inside of their object, and tells by which path further
/// members of that object are named.
pub(super) fn write(
    media: &Media<'_>,
    facts: &Facts,
    out: &mut Vec<u8>,
    losses: &mut Losses,
) -> Result<&'static str, Error> {
    let field = field(media.kind);
    let taken = match media.kind {
        MediaKind::Image => facts.images,
        MediaKind::Document => facts.documents,
        MediaKind::Audio => facts.audio,
        MediaKind::Video => true,
    };
    if !taken {
        return Err(Error::field(field, format!("this model does not take `{field}`")));
    }
    losses.drop_if(media.detail.as_ref().is_some_and(|detail| !detail.is("auto")), "detail");
    losses.drop_if(media.name.is_some(), "filename");
    match &media.source {
        Source::Base64(data) => {
            let mime = media
                .mime
                .as_ref()
                .ok_or_else(|| Error::field(field, format!("the type of `{field}` is not told")))?;
            inline(mime, out);
            out::text(out, "data", data);
            Ok("inlineData.")
        }
        Source::Plain(text) => {
            let mime = Text::plain("text/plain");
            inline(media.mime.as_ref().unwrap_or(&mime), out);
            out::name(out, "data");
            out.push(b'"');
            out.extend_from_slice(STANDARD.encode(text.decode().as_bytes()).as_bytes());
            out.push(b'"');
            Ok("inlineData.")
        }
        Source::Url(url) => {
            let address = url.decode();
            if !is_stored(&address) && !is_film(&address) {
                let message = format!(
                    "this provider does not fetch addresses such as that of `{field}`: send the \
                     data inline"
                );
                return Err(Error::field(field, message));
            }
            file(url, media, out);
            Ok("fileData.")
        }
        Source::File(Protocol::Gemini, uri) => {
            file(uri, media, out);
            Ok("fileData.")
        }
        Source::File(by, _) => {
            let by = by.as_str();
            let message = format!("a file stored with {by} cannot be read by this provider");
            Err(Error::field(field, message))
        }
    }
}

fn inline(mime: &Text<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"inlineData\":{");
    out::text(out, "mimeType", mime);
}

fn file(uri: &Text<'_>, media: &Media<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"fileData\":{");
    out::text(out, "fileUri", uri);
    if let Some(mime) = &media.mime {
        out::text(out, "mimeType", mime);
    }
}
