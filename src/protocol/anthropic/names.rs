//! Ids of calls and names of tools within Anthropic's patterns. What is illegal is made legal the same
//! way every time, so that a call and its result still agree and nothing need be remembered.

use std::borrow::Cow;

use crate::chat::Text;

/// Most characters of a tool's name, and of the ids that we make.
const MAX: usize = 128;

/// Characters that a hash takes.
const HASH: usize = 16;

/// The id of a call, or the name of a tool: 1 to 128 of `a-zA-Z0-9_-`.
pub fn legal<'t>(text: &'t Text<'_>) -> Cow<'t, str> {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let raw = text.raw();
    if (1..=MAX).contains(&raw.len()) && raw.iter().all(allowed) {
        return String::from_utf8_lossy(raw);
    }
    let said = text.decode();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let mut made: String = said.chars().map(|c| if fits(c) { c } else { '_' }).collect();
    if made.is_empty() {
        made.push('_');
    } else if made.len() > MAX {
        made.truncate(MAX - HASH);
        made.push_str(&format!("{:016x}", hash(said.as_bytes())));
    }
    Cow::Owned(made)
}

/// The 64-bit FNV-1a hash (Fowler, Noll, Vo): the same in every process.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::legal;
    use crate::chat::Text;

    #[test]
    fn what_is_legal_stays_and_the_rest_is_made_so() {
        for (given, made) in [
            ("toolu_01-a", "toolu_01-a"),
            ("", "_"),
            ("call.1:a b\u{20ac}/\"", "call_1_a_b___"),
            ("\u{e9}\u{e9}", "__"),
        ] {
            assert_eq!(legal(&Text::plain(given)), made);
        }
        let (one, other) = (Text::plain(&"x".repeat(200)), Text::plain(&"x".repeat(201)));
        assert_eq!(legal(&one).len(), 128);
        assert_ne!(legal(&one), legal(&other));
        assert_eq!(legal(&one), legal(&one));
        let edge = Text::plain(&"y".repeat(128));
        assert_eq!(legal(&edge), "y".repeat(128));
    }
}
