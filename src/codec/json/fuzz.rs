//! What must hold for any bytes. The reference is serde_json, which judges by the same grammar.
#![expect(clippy::panic, reason = "a panic is how a fuzz body tells what does not hold")]

use serde_json::Value as Tree;

use crate::codec::json::Document;
use crate::codec::json::ErrorKind;
use crate::codec::json::Kind;
use crate::codec::json::Member;
use crate::codec::json::Value;
use crate::codec::json::object;
use crate::codec::json::validate;
use crate::codec::json::validate_object;
use crate::codec::json::write_str;

/// Holds `data` to the reference and its parts to each other.
///
/// # Panics
/// When something does not hold.
pub fn fuzz_json(data: &[u8]) {
    let text = std::str::from_utf8(data);
    if let Ok(text) = text {
        round_trip(text);
    }
    match validate(data) {
        Err(e) if e.kind == ErrorKind::TooDeep => assert!(e.at < data.len()),
        Err(e) => {
            assert!(e.at <= data.len(), "{e}");
            assert_eq!(e.kind == ErrorKind::UnexpectedEnd, e.at == data.len(), "{e}");
            assert!(!reference_accepts(data), "refused, and should not be: {e}");
        }
        Ok(value) => {
            assert!(reference_accepts(data), "accepted, and should not be");
            parts(value);
            compare(data, value);
        }
    }
    members(data);
    marked(data);
}

/// Whether `data` is JSON to a reader that bounds neither depth nor numbers and, as we do, lets lone
/// surrogates pass.
fn reference_accepts(data: &[u8]) -> bool {
    std::str::from_utf8(data)
        .is_ok_and(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok())
}

/// What was written is what is read.
fn round_trip(text: &str) {
    let mut out = Vec::new();
    write_str(&mut out, text);
    let Some(written) = validate(&out).ok().and_then(Value::as_str) else {
        panic!("not a string: {out:?}");
    };
    assert_eq!(written.decode(), text);
    assert!(written.is(text));
    assert_eq!(serde_json::from_slice::<String>(&out).ok().as_deref(), Some(text));
}

/// Every part of a valid value is valid by itself, and nothing but separators is between parts.
fn parts(value: Value<'_>) {
    match validate(value.raw()) {
        Ok(again) => assert_eq!(again.raw(), value.raw()),
        Err(e) => panic!("a part is not valid: {e}"),
    }
    let mut length = 2;
    for part in value.elements() {
        parts(part);
        length += part.raw().len();
    }
    for Member { key, value: part } in value.members() {
        assert!(key.is(&key.decode()));
        parts(part);
        length += key.raw().len() + 2 + part.raw().len();
    }
    if matches!(value.kind(), Kind::Array | Kind::Object) {
        assert!(length <= value.raw().len());
    }
}

/// The tree built from the slices is the one that the reference builds, where it builds one.
fn compare(data: &[u8], value: Value<'_>) {
    if let Ok(tree) = serde_json::from_slice::<Tree>(data) {
        compare_value(value, &tree);
    }
}

fn compare_value(value: Value<'_>, tree: &Tree) {
    match tree {
        Tree::Null => assert!(value.is_null()),
        Tree::Bool(expected) => assert_eq!(value.as_bool(), Some(*expected)),
        Tree::Number(expected) => {
            assert_eq!(value.kind(), Kind::Number);
            assert_eq!(value.as_u64(), expected.as_u64());
        }
        Tree::String(expected) => {
            let found = value.as_str().map(|s| (s.decode(), s.is(expected)));
            assert_eq!(found, Some((expected.as_str().into(), true)));
        }
        Tree::Array(expected) => {
            let found: Vec<_> = value.elements().collect();
            assert_eq!(found.len(), expected.len());
            assert_eq!(value.is_empty_array(), expected.is_empty());
            found.into_iter().zip(expected).for_each(|(part, tree)| compare_value(part, tree));
        }
        Tree::Object(expected) => {
            let mut last = std::collections::BTreeMap::new();
            for member in value.members() {
                last.insert(member.key.decode().into_owned(), member.value);
            }
            assert_eq!(last.len(), expected.len());
            for (name, tree) in expected {
                match last.get(name) {
                    Some(part) => compare_value(*part, tree),
                    None => panic!("no member {name:?}"),
                }
            }
        }
    }
}

/// One pass over an object tells what validating it and then walking through it tell.
fn members(data: &[u8]) {
    let mut seen = Vec::new();
    let result = object(data, |member, at| {
        // Members handed out before a fault are valid nevertheless.
        parts(member.value);
        assert!(std::str::from_utf8(member.key.raw()).is_ok());
        assert!(data.get(at..).is_some_and(|rest| rest.starts_with(member.value.raw())));
        seen.push((member.key.raw(), member.value.raw()));
    });
    match (validate(data), result) {
        (Ok(value), Ok(())) => {
            let walked = value.members().map(|m| (m.key.raw(), m.value.raw()));
            assert_eq!(seen, walked.collect::<Vec<_>>());
        }
        (Ok(value), Err(e)) => {
            assert_ne!(value.kind(), Kind::Object);
            assert_eq!(e.kind, ErrorKind::ExpectedObject);
        }
        (Err(whole), Err(e)) if e.kind == ErrorKind::ExpectedObject => assert!(e.at <= whole.at),
        (Err(whole), Err(e)) => assert_eq!(whole, e),
        (Err(whole), Ok(())) => panic!("only one of two passes found {whole}"),
    }
}

/// Noting where parts end changes neither what is valid nor what the parts are.
fn marked(data: &[u8]) {
    let mut seen = 0;
    let plain = validate_object(data);
    match (Document::read(data, |_, _| seen += 1), &plain) {
        (Ok(document), Ok(plain)) => {
            assert_eq!(seen, plain.members().count());
            same(document.value(), *plain);
        }
        (Err(one), Err(other)) => assert_eq!(one, *other),
        (one, other) => panic!("{one:?} and {other:?}"),
    }
    assert_eq!(plain.map(drop), object(data, |_, _| ()));
}

fn same(one: Value<'_>, other: Value<'_>) {
    assert_eq!(one.raw(), other.raw());
    let (mut mine, mut others) = (one.elements(), other.elements());
    while let (Some(one), Some(other)) = (mine.next(), others.next()) {
        same(one, other);
    }
    assert!(mine.next().is_none() && others.next().is_none());
    let (mut mine, mut others) = (one.members(), other.members());
    while let (Some(one), Some(other)) = (mine.next(), others.next()) {
        assert_eq!(one.key.raw(), other.key.raw());
        same(one.value, other.value);
    }
    assert!(mine.next().is_none() && others.next().is_none());
}
