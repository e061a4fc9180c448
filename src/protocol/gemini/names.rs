//! Names of members in both of proto3's spellings, and the values behind them.

use std::borrow::Cow;

use crate::chat::Extra;
use crate::chat::Json;
use crate::chat::Protocol;
use crate::codec::json::Kind;
use crate::codec::json::Member;
use crate::codec::json::Str;
use crate::codec::json::Value;

/// Longest name of a function.
const MAX_NAME: usize = 128;

/// A member's name in lowerCamelCase, which is how this folder's sources spell all names.
pub(super) fn camel(key: Str<'_>) -> Cow<'_, [u8]> {
    let raw = key.raw();
    // Names are short: a loop that looks at all of one is done before a search has begun.
    let other = raw.iter().fold(false, |other, byte| other | matches!(byte, b'_' | b'\\'));
    if other { slow(key) } else { Cow::Borrowed(raw) }
}

#[cold]
fn slow(key: Str<'_>) -> Cow<'_, [u8]> {
    let text = key.decode();
    let mut name = Vec::with_capacity(text.len());
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        match bytes.peek() {
            Some(next) if byte == b'_' && next.is_ascii_lowercase() && !name.is_empty() => {
                name.push(next.to_ascii_uppercase());
                bytes.next();
            }
            Some(_) | None => name.push(byte),
        }
    }
    Cow::Owned(name)
}

/// Whether this is the name of a member in lowerCamelCase.
fn is(key: Str<'_>, name: &str) -> bool {
    // In every other spelling a name is longer.
    let raw = key.raw();
    *raw == *name.as_bytes() || (raw.len() > name.len() && *camel(key) == *name.as_bytes())
}

/// The member of `object` of this name, unless it is null.
pub(super) fn get<'a>(object: Value<'a>, name: &str) -> Option<Value<'a>> {
    let member = object.members().find(|member| is(member.key, name));
    member.map(|member| member.value).filter(|value| !value.is_null())
}

/// The elements of an array. Google takes one element without an array around it as well.
pub(super) fn each(value: Value<'_>) -> impl Iterator<Item = Value<'_>> {
    let single = !matches!(value.kind(), Kind::Array | Kind::Null);
    value.elements().chain(single.then_some(value))
}

/// A count. 64-bit numbers may stand in quotes.
pub(super) fn number(value: Value<'_>) -> Option<u64> {
    match value.as_str() {
        Some(digits) => Value::trusted(digits.raw()).as_u64(),
        None => value.as_u64(),
    }
}

/// What has no place in the vocabulary.
pub(super) fn extra<'a>(member: &Member<'a>) -> Extra<'a> {
    Extra { by: Protocol::Gemini, name: member.key.decode(), value: Json::of(member.value) }
}

/// The same of a member of a member: `path` ends in a point.
pub(super) fn extra_in<'a>(path: &str, member: &Member<'a>) -> Extra<'a> {
    let name = Cow::Owned(format!("{path}{}", member.key.decode()));
    Extra { by: Protocol::Gemini, name, value: Json::of(member.value) }
}

/// A function's name with what Google does not allow in it replaced, the same for the same name.
pub(super) fn legal(name: &str) -> Cow<'_, str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte);
    let starts = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let first = name.bytes().next().is_some_and(starts);
    if first && name.len() <= MAX_NAME && name.bytes().all(allowed) {
        return Cow::Borrowed(name);
    }
    let mut new = String::with_capacity(name.len().min(MAX_NAME) + 1);
    if !first {
        new.push('_');
    }
    new.extend(name.chars().map(|c| if c.is_ascii() && allowed(c as u8) { c } else { '_' }));
    if new.len() > MAX_NAME {
        new.truncate(MAX_NAME - 16);
        new.push_str(&format!("{:016x}", hash(name)));
    }
    Cow::Owned(new)
}

/// FNV-1a.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::{camel, each, get, legal, number};
    use crate::codec::json;

    #[test]
    fn both_spellings_are_one() {
        for (key, name) in [
            ("contents", "contents"),
            ("inline_data", "inlineData"),
            ("inlineData", "inlineData"),
            (r"inline\u005fdata", "inlineData"),
            ("_x_y", "_xY"),
            ("a__b_", "a_B_"),
        ] {
            let body = format!("{{\"{key}\":1}}");
            let member = json::validate(body.as_bytes()).unwrap().members().next().unwrap();
            assert_eq!(&*camel(member.key), name.as_bytes(), "{key}");
        }
        let body = json::validate(br#"{"a_b":null,"c_d":"12","e":[1,2],"f":{}}"#).unwrap();
        assert!(get(body, "aB").is_none());
        assert_eq!(get(body, "cD").and_then(number), Some(12));
        assert_eq!(each(get(body, "e").unwrap()).count(), 2);
        assert_eq!(each(get(body, "f").unwrap()).count(), 1);
    }

    #[test]
    fn names_become_legal_and_stay_apart() {
        for (name, expected) in
            [("f-1.x:y", "f-1.x:y"), ("a b", "a_b"), ("1", "_1"), ("", "_"), ("\u{e9}x", "__x")]
        {
            assert_eq!(legal(name), expected);
        }
        let (one, two) = ("x".repeat(200), "x".repeat(201));
        assert_eq!(legal(&one).len(), 128);
        assert_ne!(legal(&one), legal(&two));
    }
}
