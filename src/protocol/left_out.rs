//! What of an answer a client's format has no place for: told, never kept quiet.

use crate::chat::Answer;
use crate::chat::Losses;
use crate::chat::Media;
use crate::chat::MediaKind;
use crate::chat::Protocol;
use crate::chat::Said;
use crate::protocol::openai::chat::response;

/// The calls behind the first, for a client that knows OpenAI's older form only.
const CALLS: &str = "answer.tool_calls";

/// Notes the images, sounds and films of a whole answer for a client of `protocol`.
pub fn note_media(protocol: Protocol, answer: &Answer<'_>, losses: &mut Losses) {
    let media = answer.choices.iter().flat_map(|choice| &choice.media);
    let lost = media.filter(|(by, media)| {
        *by != protocol && !(protocol == Protocol::Openai && response::shows(media))
    });
    lost.for_each(|(_, media)| losses.drop(name(media.kind)));
}

/// Notes the calls of a whole answer, of each choice the first of which is told.
pub fn note_calls(answer: &Answer<'_>, losses: &mut Losses) {
    let is_call = |part: &&Said<'_>| matches!(part, Said::Call { .. });
    let several =
        answer.choices.iter().any(|choice| choice.parts.iter().filter(is_call).count() > 1);
    losses.drop_if(several, CALLS);
}

/// Tells of a medium in a stream.
pub fn tell_media(media: &Media<'_>, out: &mut Vec<u8>) {
    comment(name(media.kind), out);
}

/// Tells of a call in a stream.
pub fn tell_call(out: &mut Vec<u8>) {
    comment(CALLS, out);
}

/// Server-sent events have room for it: what else could be told has gone with the head.
fn comment(what: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b": ");
    out.extend_from_slice(what.as_bytes());
    out.extend_from_slice(b" is left out, this format has no place for it\n\n");
}

const fn name(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Image => "answer.image",
        MediaKind::Document => "answer.document",
        MediaKind::Audio => "answer.audio",
        MediaKind::Video => "answer.video",
    }
}
