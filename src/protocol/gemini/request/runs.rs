//! Which turns make one content, and what a tool said as an object.

use std::ops::Range;

use crate::chat::Content;
use crate::chat::Role;
use crate::chat::Text;
use crate::chat::Turn;
use crate::codec::json;
use crate::codec::json::Kind;
use crate::protocol::gemini::out;

/// Whether the user says something in this turn, besides what tools returned.
pub(super) fn says_something(turn: &Turn<'_>) -> bool {
    turn.role == Role::User
        && turn.parts.iter().any(|part| match &part.content {
            Content::Text(text) | Content::Refusal(text) => !text.is_empty(),
            Content::Media(_) | Content::Other(_) => true,
            Content::Call(_) | Content::Result(_) | Content::Thinking(_) | Content::Redacted => {
                false
            }
        })
}

/// The next turns of one side, instructions between them left out of account.
pub(super) fn next(turns: &[Turn<'_>], rest: Range<usize>) -> Option<(Role, Range<usize>)> {
    let after = turns.get(rest.clone())?;
    let first = after.iter().position(|turn| turn.role != Role::System)?;
    let role = after.get(first)?.role;
    let same = |turn: &Turn<'_>| turn.role == role || turn.role == Role::System;
    let behind = after.get(first..)?;
    let length = behind.iter().position(|turn| !same(turn)).unwrap_or(behind.len());
    let start = rest.start + first;
    Some((role, start..start + length))
}

/// What a tool said, as an object.
pub(super) fn response<'t>(
    texts: impl Iterator<Item = &'t Text<'t>>,
    failed: bool,
    out: &mut Vec<u8>,
) {
    let mut whole: Option<Text<'_>> = None;
    for text in texts {
        match &mut whole {
            None => whole = Some(text.borrowed()),
            Some(whole) => {
                whole.push(&Text::plain("\n"));
                whole.push(text);
            }
        }
    }
    let text = whole.unwrap_or_default();
    // No object is shorter, and most texts are none.
    let decoded = text.raw().trim_ascii_start().starts_with(b"{").then(|| text.decode());
    let object = decoded.as_ref().and_then(|text| json::validate(text.as_bytes()).ok());
    let object = object.filter(|value| value.kind() == Kind::Object);
    match (object, failed) {
        (Some(object), false) => out.extend_from_slice(object.raw()),
        (object, _) => {
            out.push(b'{');
            out::name(out, if failed { "error" } else { "output" });
            match object {
                Some(object) => out.extend_from_slice(object.raw()),
                None => text.write(out),
            }
            out.push(b'}');
        }
    }
}
