//! Writing a request: the members at its top.

use crate::chat::Content;
use crate::chat::Extra;
use crate::chat::Json;
use crate::chat::Losses;
use crate::chat::Part;
use crate::chat::Protocol;
use crate::chat::Request;
use crate::chat::Role;
use crate::error::Error;
use crate::protocol::Target;
use crate::protocol::gemini::out;
use crate::protocol::gemini::request::turns;
use crate::protocol::gemini::request::write_config;
use crate::protocol::gemini::request::write_tools;
use crate::protocol::whole;

/// Writes a request; the model and whether a stream is asked for belong in the URL. What cannot be
/// carried is told to `losses`. Nothing is written where it fails.
///
/// # Errors
/// A 400 that names what Gemini cannot take.
pub fn write(
    request: &Request<'_>,
    target: &Target<'_>,
    out: &mut Vec<u8>,
    losses: &mut Losses,
) -> Result<(), Error> {
    whole(out, |out| {
        out.push(b'{');
        members(request, target, out, losses)?;
        out.push(b'}');
        Ok(())
    })
}

/// Appends the members of a request to an object that is open.
pub(in crate::protocol::gemini) fn members(
    request: &Request<'_>,
    target: &Target<'_>,
    out: &mut Vec<u8>,
    losses: &mut Losses,
) -> Result<(), Error> {
    system(request, out, losses)?;
    turns::write(request, target, out, losses)?;
    write_tools::tools(request, out, losses)?;
    write_tools::config(request, target, out, losses)?;
    write_config::write(request, target, out, losses)?;
    tier(request, out, losses);
    for extra in &request.extra {
        if write_config::asks_for_images(extra) {
            continue;
        }
        if extra.by != Protocol::Gemini {
            losses.drop_extra(extra);
        } else if nested(extra).is_none() {
            out::extra(out, &extra.name, extra);
        }
    }
    losses.drop_if(request.user.is_some(), "user");
    let says = |metadata: &Json<'_>| !metadata.is_empty();
    losses.drop_if(request.metadata.as_ref().is_some_and(says), "metadata");
    losses.drop_if(request.cache.is_some(), "cache_control");
    let one_by_one = request.parallel_tools == Some(false) && !request.tools.is_empty();
    losses.drop_if(one_by_one, "parallel_tool_calls");
    losses.drop_number(request.sampling.min_p.as_ref(), 0.0, "min_p");
    Ok(())
}

/// The objects in which members of our own may stand, the innermost first.
const PATHS: [&str; 4] = [
    "generationConfig.thinkingConfig.",
    "generationConfig.",
    "toolConfig.functionCallingConfig.",
    "toolConfig.",
];

/// Where in the request it belongs, if not at the top.
fn nested(extra: &Extra<'_>) -> Option<&'static str> {
    PATHS.into_iter().find(|path| extra.name.starts_with(path))
}

/// The members of our own that belong in `path`.
pub(super) fn extras_in(request: &Request<'_>, path: &str, out: &mut Vec<u8>) {
    for extra in request.extra.iter().filter(|extra| extra.by == Protocol::Gemini) {
        if nested(extra) == Some(path) {
            out::extra(out, extra.name.get(path.len()..).unwrap_or_default(), extra);
        }
    }
}

/// All instructions, wherever they stood.
fn system(request: &Request<'_>, out: &mut Vec<u8>, losses: &mut Losses) -> Result<(), Error> {
    let start = out.len();
    let mut any = false;
    out::name(out, "systemInstruction");
    out.extend_from_slice(b"{\"parts\":[");
    let turns = || request.turns.iter().filter(|turn| turn.role == Role::System);
    for part in turns().flat_map(|turn| &turn.parts) {
        any |= instruction(part, out, losses)?;
    }
    out.push(b']');
    for turn in turns() {
        out::extras(out, &turn.extra, losses);
    }
    out.push(b'}');
    if !any {
        out.truncate(start);
        turns().flat_map(|turn| &turn.extra).for_each(|extra| losses.drop_extra(extra));
    }
    Ok(())
}

fn instruction(part: &Part<'_>, out: &mut Vec<u8>, losses: &mut Losses) -> Result<bool, Error> {
    let text = match &part.content {
        Content::Text(text) | Content::Refusal(text) => text,
        Content::Thinking(_) | Content::Redacted => return Ok(false),
        Content::Media(_) | Content::Call(_) | Content::Result(_) | Content::Other(_) => {
            let message = "instructions may hold text only for this provider";
            return Err(Error::field("messages", message));
        }
    };
    losses.drop_if(part.cache.is_some(), "cache_control");
    if text.is_empty() {
        part.extra.iter().for_each(|extra| losses.drop_extra(extra));
        return Ok(false);
    }
    out::comma(out);
    out.push(b'{');
    out::text(out, "text", text);
    out::extras(out, &part.extra, losses);
    out.push(b'}');
    Ok(true)
}

/// The tier in Google's words.
fn tier(request: &Request<'_>, out: &mut Vec<u8>, losses: &mut Losses) {
    let Some(tier) = &request.tier else { return };
    let word = match &*tier.decode().to_ascii_lowercase() {
        "auto" => return,
        "default" | "standard" => "\"standard\"",
        "flex" => "\"flex\"",
        "priority" | "fast" => "\"priority\"",
        _ => return losses.drop("service_tier"),
    };
    out::raw(out, "serviceTier", word.as_bytes());
}
