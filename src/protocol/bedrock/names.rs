//! Ids and names within the patterns of the service model. What is illegal is made legal the same way
//! every time, so that a call and its result still agree and nothing need be remembered.

use std::borrow::Cow;

use crate::chat::Text;

/// Most characters of an id, a tool's name or a call's id.
const MAX: usize = 64;
/// Most characters of a document's name.
const MAX_DOCUMENT: usize = 200;

/// A call's id: 1 to 64 of `a-zA-Z0-9_.:-`.
pub fn call_id<'t>(id: &'t Text<'_>) -> Cow<'t, str> {
    legal(id, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'-'))
}

/// A tool's name: 1 to 64 of `a-zA-Z0-9_-`.
pub fn tool<'t>(name: &'t Text<'_>) -> Cow<'t, str> {
    legal(name, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

fn legal<'t>(text: &'t Text<'_>, allowed: impl Fn(u8) -> bool) -> Cow<'t, str> {
    let raw = text.raw();
    if (1..=MAX).contains(&raw.len()) && raw.iter().all(|byte| allowed(*byte)) {
        return String::from_utf8_lossy(raw);
    }
    let said = text.decode();
    let fits = |c: char| c.is_ascii() && u8::try_from(c).is_ok_and(&allowed);
    let mut made: String = said.chars().map(|c| if fits(c) { c } else { '_' }).collect();
    if made.is_empty() {
        made.push('_');
    } else if made.len() > MAX {
        made.truncate(MAX - 16);
        made.push_str(&format!("{:016x}", fnv(said.as_bytes())));
    }
    Cow::Owned(made)
}

/// The 64-bit FNV-1a hash: it must stay the same from one process to the next.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// A document's name: letters, digits, single spaces, `-()[]`, and none of `used`.
pub fn document(name: Option<&Text<'_>>, used: &mut Vec<String>) -> String {
    let said = name.map(Text::decode).unwrap_or_default();
    let mut made = String::new();
    for c in said.chars().take(MAX_DOCUMENT - 8) {
        if c.is_ascii_alphanumeric() || matches!(c, '-' | '(' | ')' | '[' | ']') {
            made.push(c);
        } else if !made.is_empty() && !made.ends_with(' ') {
            made.push(' ');
        }
    }
    let base = match made.trim() {
        "" => "Document",
        base => base,
    };
    let mut unique = base.to_owned();
    let mut n = 2;
    while used.contains(&unique) {
        unique = format!("{base} {n}");
        n += 1;
    }
    used.push(unique.clone());
    unique
}

#[cfg(test)]
mod tests {
    use super::{call_id, document, tool};
    use crate::chat::Text;

    #[test]
    fn what_is_legal_stays_and_the_rest_is_made_so() {
        for (given, id, name) in [
            ("call_1.a:b-c", "call_1.a:b-c", "call_1_a_b-c"),
            ("", "_", "_"),
            ("a b\u{20ac}/\"", "a_b___", "a_b___"),
        ] {
            let given = Text::plain(given);
            assert_eq!((&*call_id(&given), &*tool(&given)), (id, name));
        }
        let (one, other) =
            (Text::plain(&format!("{}a", "x".repeat(80))), Text::plain(&"x".repeat(81)));
        assert_eq!(call_id(&one).len(), 64);
        assert_ne!(call_id(&one), call_id(&other));
        assert_eq!(call_id(&one), call_id(&one));
    }

    #[test]
    fn documents_have_names_of_their_own() {
        let mut used = Vec::new();
        let mut name = |text: &str| document(Some(&Text::plain(text)), &mut used);
        assert_eq!(name("q3_report.v2  final.pdf"), "q3 report v2 final pdf");
        assert_eq!(name("(a) [b]-c"), "(a) [b]-c");
        assert_eq!((name("x"), name("x"), name(".x.")), ("x".into(), "x 2".into(), "x 3".into()));
        assert_eq!((name("\u{e9}"), name("")), ("Document".into(), "Document 2".into()));
        assert!(name(&"y".repeat(500)).len() <= 200);
    }
}
