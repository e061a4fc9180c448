//! What an answer rests on: `groundingMetadata` and `citationMetadata`.

use crate::chat::Citation;
use crate::chat::Event;
use crate::chat::Sink;
use crate::chat::Text;
use crate::codec::json::Value;
use crate::protocol::gemini::names;
use crate::protocol::gemini::out;

/// Tells the sources with an address. To which part of the text they belong is not told: Google
/// counts bytes of UTF-8 of a text that a stream has let go.
pub(super) fn read<'a, S: Sink<'a> + ?Sized>(
    choice: u32,
    grounding: Option<Value<'a>>,
    citations: Option<Value<'a>>,
    sink: &mut S,
) {
    let chunks = grounding.and_then(|value| names::get(value, "groundingChunks"));
    let webs =
        chunks.into_iter().flat_map(names::each).filter_map(|chunk| names::get(chunk, "web"));
    let cited = citations.and_then(|value| names::get(value, "citations"));
    for source in webs.chain(cited.into_iter().flat_map(names::each)) {
        let Some(url) = names::get(source, "uri").and_then(Text::from_value) else { continue };
        let title = names::get(source, "title").and_then(Text::from_value);
        sink.event(Event::Citation { choice, citation: Citation { url, title, range: None } });
    }
}

/// Whether grounding says more than [`write()`] would.
pub(super) fn says_more(grounding: Value<'_>) -> bool {
    let known = |value: Value<'_>, wanted: &[&str]| {
        value.members().all(|member| wanted.iter().any(|name| member.key.is(name)))
    };
    let plain = known(grounding, &["groundingChunks"])
        && names::get(grounding, "groundingChunks").is_some_and(|chunks| {
            chunks.elements().next().is_some()
                && chunks.elements().all(|chunk| {
                    known(chunk, &["web"])
                        && names::get(chunk, "web").is_some_and(|web| {
                            known(web, &["uri", "title"]) && names::get(web, "uri").is_some()
                        })
                })
        });
    !plain
}

/// Appends sources as the value of `groundingMetadata`.
pub(super) fn write<'c>(citations: impl Iterator<Item = &'c Citation<'c>>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"groundingChunks\":[");
    for citation in citations {
        out::comma(out);
        out.extend_from_slice(b"{\"web\":{");
        out::text(out, "uri", &citation.url);
        if let Some(title) = &citation.title {
            out::text(out, "title", title);
        }
        out.extend_from_slice(b"}}");
    }
    out.extend_from_slice(b"]}");
}
