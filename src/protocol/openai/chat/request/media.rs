//! Images, sounds and files, in both directions.

use std::borrow::Cow;

use crate::chat::Media;
use crate::chat::MediaKind;
use crate::chat::Protocol;
use crate::chat::Source;
use crate::chat::Text;
use crate::codec::json::Object;
use crate::codec::json::Str;
use crate::codec::json::Value;
use crate::protocol::openai::chat::request::Fault;

/// Reads `image_url`, which some clients send as the address alone.
pub(in crate::protocol::openai::chat) fn image(value: Value<'_>) -> Result<Media<'_>, Fault> {
    let (url, detail) = match value.as_str() {
        Some(url) => (Some(url), None),
        None => (value.get("url").and_then(Value::as_str), value.get("detail")),
    };
    let url = url.ok_or("`image_url` has no `url`")?;
    let (source, mime) = source(url)?;
    let detail = detail.and_then(Text::from_value);
    Ok(Media { kind: MediaKind::Image, source, mime, detail, name: None })
}

/// Reads `input_audio`.
pub(super) fn audio(value: Value<'_>) -> Result<Media<'_>, Fault> {
    let data = value.get("data").and_then(Value::as_str).ok_or("`input_audio` has no `data`")?;
    let format = value.get("format").and_then(Text::from_value);
    let (source, mime) = if is_data_url(data) {
        source(data)?
    } else {
        let format = format.ok_or("`input_audio` has no `format`")?;
        let mime = match format.decode().as_ref() {
            "mp3" => Text::plain("audio/mpeg"),
            other => Text::plain(&format!("audio/{other}")),
        };
        (Source::Base64(Text::of(data)), Some(mime))
    };
    Ok(Media { kind: MediaKind::Audio, source, mime, detail: None, name: None })
}

/// Types of files by the ends of their names: those that any provider reads.
const ENDINGS: [(&str, &str); 19] = [
    ("pdf", "application/pdf"),
    ("txt", "text/plain"),
    ("md", "text/markdown"),
    ("csv", "text/csv"),
    ("html", "text/html"),
    ("htm", "text/html"),
    ("json", "application/json"),
    ("xml", "text/xml"),
    ("doc", "application/msword"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("xls", "application/vnd.ms-excel"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
    ("mp3", "audio/mpeg"),
    ("wav", "audio/wav"),
];

/// Reads `file`.
pub(super) fn file(value: Value<'_>) -> Result<Media<'_>, Fault> {
    let (mut data, mut id, mut name) = (None, None, None);
    for member in value.members() {
        match member.key.raw() {
            b"file_data" => data = member.value.as_str(),
            b"file_id" => id = Text::from_value(member.value),
            b"filename" => name = Text::from_value(member.value),
            _ => {}
        }
    }
    let document =
        |source, mime, name| Media { kind: MediaKind::Document, source, mime, detail: None, name };
    if let Some(data) = data {
        if is_data_url(data) || data.raw().starts_with(b"http") {
            let (source, mime) = source(data)?;
            let mut media = document(source, mime, name);
            media.kind = kind_of(media.mime.as_ref());
            return Ok(media);
        }
        let mime = Some(Text::plain(bare_type(data, name.as_ref())?));
        let media = document(Source::Base64(Text::of(data)), mime, name);
        return Ok(Media { kind: kind_of(media.mime.as_ref()), ..media });
    }
    let id = id.ok_or("`file` has neither `file_data` nor `file_id`")?;
    Ok(document(Source::File(Protocol::Openai, id), None, name))
}

/// The type of bare base64, which the name tells, or the data's own beginning.
fn bare_type(data: Str<'_>, name: Option<&Text<'_>>) -> Result<&'static str, Fault> {
    let name = name.map(Text::decode).unwrap_or_default();
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    let told = |ending: String| ENDINGS.iter().find(|(known, _)| *known == ending);
    match ending.and_then(told) {
        Some((_, mime)) => Ok(mime),
        // `%PDF-`
        None if data.raw().starts_with(b"JVBERi0") => Ok("application/pdf"),
        None => Err("the type of a `file` is told by its `filename` or by a data URL".into()),
    }
}

fn kind_of(mime: Option<&Text<'_>>) -> MediaKind {
    let starts = |with: &[u8]| mime.is_some_and(|mime| mime.raw().starts_with(with));
    match () {
        () if starts(b"image/") => MediaKind::Image,
        () if starts(b"audio/") => MediaKind::Audio,
        () if starts(b"video/") => MediaKind::Video,
        () => MediaKind::Document,
    }
}

fn is_data_url(url: Str<'_>) -> bool {
    url.raw().get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"data:"))
}

/// An address, taken apart if it holds the data itself. Without escapes nothing is copied.
fn source(url: Str<'_>) -> Result<(Source<'_>, Option<Text<'_>>), Fault> {
    if !is_data_url(url) {
        return Ok((Source::Url(Text::of(url)), None));
    }
    match url.decode() {
        Cow::Borrowed(_) => {
            let (mime, data) = data_url(url.raw())?;
            let text = |raw| Text::of(Str::trusted(raw));
            Ok((Source::Base64(text(data)), Some(text(mime))))
        }
        Cow::Owned(url) => {
            let (mime, data) = data_url(url.as_bytes())?;
            let text = |raw| Text::plain(&String::from_utf8_lossy(raw));
            Ok((Source::Base64(text(data)), Some(text(mime))))
        }
    }
}

/// The type and the base64 of a data URL.
fn data_url(url: &[u8]) -> Result<(&[u8], &[u8]), Fault> {
    const LONGEST_HEAD: usize = 256;
    let rest = url.get(5..).unwrap_or_default();
    let head = rest.get(..LONGEST_HEAD).unwrap_or(rest);
    let comma = memchr::memchr(b',', head).ok_or("a data URL has no comma")?;
    let (head, data) = rest.split_at_checked(comma).unwrap_or_default();
    let kind = head.len().checked_sub(7).and_then(|at| head.split_at_checked(at));
    let Some((kind, _)) = kind.filter(|(_, tail)| tail.eq_ignore_ascii_case(b";base64")) else {
        return Err("a data URL must be in base64".into());
    };
    let mime = kind.split(|byte| *byte == b';').next().unwrap_or_default();
    if mime.is_empty() {
        return Err("a data URL must name its type".into());
    }
    Ok((mime, data.get(1..).unwrap_or_default()))
}

/// Appends the members of a part that holds `media`.
pub(super) fn write(media: &Media<'_>, part: &mut Object<'_>) -> Result<(), Fault> {
    match media.kind {
        MediaKind::Image => write_image(media, part),
        MediaKind::Audio => write_audio(media, part),
        MediaKind::Document => write_document(media, part),
        MediaKind::Video => Err("this model's provider takes no films".into()),
    }
}

fn write_image(media: &Media<'_>, part: &mut Object<'_>) -> Result<(), Fault> {
    let data = match &media.source {
        Source::Url(_) | Source::Base64(_) => &media.source,
        Source::File(..) => return Err("images by file id are not taken by this provider".into()),
        Source::Plain(_) => return Err("an image cannot be plain text".into()),
    };
    part.word("type", "image_url");
    let mut image = Object::open(part.key("image_url"));
    let out = image.key("url");
    match data {
        Source::Base64(data) => write_data_url(media.mime.as_ref(), data, out),
        Source::Url(url) => url.write(out),
        Source::File(..) | Source::Plain(_) => {}
    }
    if let Some(detail) = &media.detail {
        detail.write(image.key("detail"));
    }
    image.close();
    Ok(())
}

fn write_audio(media: &Media<'_>, part: &mut Object<'_>) -> Result<(), Fault> {
    let Source::Base64(data) = &media.source else {
        return Err("a sound must stand in the request itself".into());
    };
    let mime = media.mime.as_ref().map_or(Cow::Borrowed("audio/wav"), Text::decode);
    let format = match mime.as_ref() {
        "audio/mpeg" | "audio/mp3" => "mp3",
        "audio/x-wav" | "audio/wave" | "audio/vnd.wave" => "wav",
        other => other.strip_prefix("audio/").ok_or("this is no type of a sound")?,
    };
    part.word("type", "input_audio");
    let mut audio = Object::open(part.key("input_audio"));
    data.write(audio.key("data"));
    Text::plain(format).write(audio.key("format"));
    audio.close();
    Ok(())
}

fn write_document(media: &Media<'_>, part: &mut Object<'_>) -> Result<(), Fault> {
    match &media.source {
        Source::Base64(data) => {
            part.word("type", "file");
            let mut file = Object::open(part.key("file"));
            let out = file.key("filename");
            match &media.name {
                Some(name) => name.write(out),
                None => out.extend_from_slice(default_name(media.mime.as_ref())),
            }
            write_data_url(media.mime.as_ref(), data, file.key("file_data"));
            file.close();
        }
        Source::File(Protocol::Openai, id) => {
            part.word("type", "file");
            let mut file = Object::open(part.key("file"));
            id.write(file.key("file_id"));
            file.close();
        }
        Source::Plain(text) => {
            part.word("type", "text");
            let out = part.key("text");
            out.push(b'"');
            if let Some(name) = &media.name {
                out.extend_from_slice(name.raw());
                out.extend_from_slice(br"\n\n");
            }
            out.extend_from_slice(text.raw());
            out.push(b'"');
        }
        Source::Url(_) => return Err("documents by address are not taken by this provider".into()),
        Source::File(
            Protocol::Anthropic | Protocol::Gemini | Protocol::Bedrock | Protocol::Ollama,
            _,
        ) => return Err("a file id of another provider means nothing to this one".into()),
    }
    Ok(())
}

fn default_name(mime: Option<&Text<'_>>) -> &'static [u8] {
    match mime.map(Text::raw) {
        Some(b"application/pdf") => b"\"document.pdf\"",
        Some(b"text/plain") => b"\"document.txt\"",
        Some(_) | None => b"\"document\"",
    }
}

pub(in crate::protocol::openai::chat) fn write_data_url(
    mime: Option<&Text<'_>>,
    data: &Text<'_>,
    out: &mut Vec<u8>,
) {
    out.reserve(data.raw().len() + 64);
    out.extend_from_slice(b"\"data:");
    out.extend_from_slice(mime.map_or(b"application/octet-stream", Text::raw));
    out.extend_from_slice(b";base64,");
    out.extend_from_slice(data.raw());
    out.push(b'"');
}
