//! Images, sounds and films of an answer that a client's format has no place for: told, never kept
//! quiet.

use crate::chat::Answer;
use crate::chat::Losses;
use crate::chat::Media;
use crate::chat::MediaKind;
use crate::chat::Protocol;
use crate::protocol::openai::chat::response;

/// Notes those of a whole answer for a client of `protocol`.
pub fn note(protocol: Protocol, answer: &Answer<'_>, losses: &mut Losses) {
    let media = answer.choices.iter().flat_map(|choice| &choice.media);
    let lost = media.filter(|(by, media)| {
        *by != protocol && !(protocol == Protocol::Openai && response::shows(media))
    });
    lost.for_each(|(_, media)| losses.drop(name(media.kind)));
}

/// Tells of one in a stream, as a comment: what else could be told has gone with the head.
pub fn comment(media: &Media<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b": ");
    out.extend_from_slice(name(media.kind).as_bytes());
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
