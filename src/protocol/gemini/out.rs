//! Writing objects and arrays member by member.

use std::io::Write;

use crate::chat::Arguments;
use crate::chat::Extra;
use crate::chat::Losses;
use crate::chat::Protocol;
use crate::chat::Text;
use crate::codec::json;
use crate::protocol::gemini::names;

/// Begins another element or member: a comma, but for the first one.
pub(super) fn comma(out: &mut Vec<u8>) {
    if !matches!(out.last(), None | Some(b'{' | b'[')) {
        out.push(b',');
    }
}

/// Begins a member whose name needs no escapes.
pub(super) fn name(out: &mut Vec<u8>, name: &str) {
    comma(out);
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// A member that is JSON already.
pub(super) fn raw(out: &mut Vec<u8>, member: &str, value: &[u8]) {
    name(out, member);
    out.extend_from_slice(value);
}

/// A member that is text.
pub(super) fn text(out: &mut Vec<u8>, member: &str, value: &Text<'_>) {
    name(out, member);
    value.write(out);
}

/// A member that is a number.
pub(super) fn number(out: &mut Vec<u8>, member: &str, value: u64) {
    name(out, member);
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// A member of any name.
pub(super) fn extra(out: &mut Vec<u8>, name: &str, extra: &Extra<'_>) {
    comma(out);
    json::write_str(out, name);
    out.push(b':');
    extra.value.write(out);
}

/// The members of our own among `extras`; of others the names go to `losses`.
pub(super) fn extras(out: &mut Vec<u8>, extras: &[Extra<'_>], losses: &mut Losses) {
    for one in extras {
        match one.by {
            Protocol::Gemini => extra(out, &one.name, one),
            Protocol::Openai | Protocol::Anthropic | Protocol::Bedrock | Protocol::Ollama => {
                losses.drop_extra(one);
            }
        }
    }
}

/// A function's name, made legal.
pub(super) fn function(out: &mut Vec<u8>, name: &Text<'_>) {
    json::write_str(out, &names::legal(&name.decode()));
}

/// Arguments as an object. What is none becomes the member `_text` of one.
pub(super) fn arguments(out: &mut Vec<u8>, arguments: &Arguments<'_>) {
    if arguments.write_object(out).is_err() {
        out.extend_from_slice(br#"{"_text":""#);
        arguments.write_inside(out);
        out.extend_from_slice(br#""}"#);
    }
}

/// What can be shown, shown.
pub(super) fn display(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    // Writing to memory does not fail.
    let _ = write!(out, "{value}");
}
