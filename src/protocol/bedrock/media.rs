//! Media types and the formats of Converse.

use std::borrow::Cow;

use crate::chat::MediaKind;
use crate::chat::Text;
use crate::protocol::bedrock::fixed;

/// A kind's formats with their types; of a format the first type is the one it is read as.
type Table = &'static [(&'static str, &'static str)];

const IMAGES: Table = &[
    ("png", "image/png"),
    ("jpeg", "image/jpeg"),
    ("jpeg", "image/jpg"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
];

const DOCUMENTS: Table = &[
    ("pdf", "application/pdf"),
    ("csv", "text/csv"),
    ("doc", "application/msword"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("xls", "application/vnd.ms-excel"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("html", "text/html"),
    ("txt", "text/plain"),
    ("md", "text/markdown"),
    ("md", "text/x-markdown"),
    ("txt", "application/json"),
    ("txt", "application/xml"),
];

const SOUNDS: Table = &[
    ("mp3", "audio/mpeg"),
    ("mp3", "audio/mp3"),
    ("wav", "audio/wav"),
    ("wav", "audio/x-wav"),
    ("wav", "audio/wave"),
    ("opus", "audio/opus"),
    ("aac", "audio/aac"),
    ("x-aac", "audio/x-aac"),
    ("flac", "audio/flac"),
    ("flac", "audio/x-flac"),
    ("mp4", "audio/mp4"),
    ("ogg", "audio/ogg"),
    ("mkv", "audio/x-matroska"),
    ("m4a", "audio/m4a"),
    ("m4a", "audio/x-m4a"),
    ("webm", "audio/webm"),
    ("pcm", "audio/pcm"),
    ("pcm", "audio/l16"),
];

const FILMS: Table = &[
    ("mp4", "video/mp4"),
    ("mov", "video/quicktime"),
    ("mkv", "video/x-matroska"),
    ("webm", "video/webm"),
    ("flv", "video/x-flv"),
    ("mpeg", "video/mpeg"),
    ("mpg", "video/mpg"),
    ("wmv", "video/x-ms-wmv"),
    ("three_gp", "video/3gpp"),
];

const fn table(kind: MediaKind) -> Table {
    match kind {
        MediaKind::Image => IMAGES,
        MediaKind::Document => DOCUMENTS,
        MediaKind::Audio => SOUNDS,
        MediaKind::Video => FILMS,
    }
}

/// The member of a content block that holds such media.
pub const fn member(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Image => "image",
        MediaKind::Document => "document",
        MediaKind::Audio => "audio",
        MediaKind::Video => "video",
    }
}

/// The kind of media that a member of a content block holds.
pub const fn kind(member: &[u8]) -> Option<MediaKind> {
    match member {
        b"image" => Some(MediaKind::Image),
        b"document" => Some(MediaKind::Document),
        b"audio" => Some(MediaKind::Audio),
        b"video" => Some(MediaKind::Video),
        _ => None,
    }
}

/// The type that a format means.
pub fn mime(kind: MediaKind, format: &str) -> Text<'static> {
    match table(kind).iter().find(|(name, _)| *name == format) {
        Some((_, mime)) => fixed(mime),
        None => Text::plain(&format!("{}/{format}", top(kind))),
    }
}

const fn top(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Image => "image",
        MediaKind::Document => "application",
        MediaKind::Audio => "audio",
        MediaKind::Video => "video",
    }
}

/// The format for media of the type `mime`, or else by the end of the address they have.
pub fn format(kind: MediaKind, mime: Option<&str>, address: Option<&str>) -> Option<&'static str> {
    let by_type = mime.and_then(|mime| {
        // Parameters such as a character set say nothing about the format.
        let essence: Cow<'_, str> = match mime.split_once(';') {
            Some((essence, _)) => essence.trim().to_ascii_lowercase().into(),
            None if mime.bytes().any(|b| b.is_ascii_uppercase()) => {
                mime.to_ascii_lowercase().into()
            }
            None => mime.into(),
        };
        let found = table(kind).iter().find(|(_, known)| *known == essence);
        let text = kind == MediaKind::Document && essence.starts_with("text/");
        found.map(|(format, _)| *format).or_else(|| text.then_some("txt"))
    });
    by_type.or_else(|| {
        let (_, end) = address?.rsplit_once('.')?;
        let end = if end.eq_ignore_ascii_case("jpg") { "jpeg" } else { end };
        table(kind)
            .iter()
            .map(|(format, _)| *format)
            .find(|format| format.eq_ignore_ascii_case(end))
    })
}

#[cfg(test)]
mod tests {
    use super::{format, kind, member, mime};
    use crate::chat::MediaKind;

    #[test]
    fn a_format_and_its_type_agree() {
        for media in [MediaKind::Image, MediaKind::Document, MediaKind::Audio, MediaKind::Video] {
            assert_eq!(kind(member(media).as_bytes()), Some(media));
            for (name, _) in super::table(media) {
                assert_eq!(format(media, Some(&mime(media, name).decode()), None), Some(*name));
            }
        }
        assert_eq!(
            format(MediaKind::Document, Some("Text/X-Rust; charset=utf-8"), None),
            Some("txt")
        );
        assert_eq!(format(MediaKind::Image, Some("IMAGE/JPG"), None), Some("jpeg"));
        assert_eq!(format(MediaKind::Image, None, Some("s3://b/a.b.JPG")), Some("jpeg"));
        assert_eq!(format(MediaKind::Image, Some("image/tiff"), Some("s3://b/a")), None);
        assert_eq!(mime(MediaKind::Image, "heic").decode(), "image/heic");
    }
}
