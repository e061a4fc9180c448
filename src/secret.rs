//! A string that must never reach a log, an error or a metric.

use std::fmt;

/// Secrets longer than this show their last characters in [`Secret::masked`].
/// Of a shorter one, four characters would be too large a part.
const SHOW_TAIL_ABOVE: usize = 12;

/// Characters of the tail that [`Secret::masked`] shows: enough to tell two keys apart.
const TAIL: usize = 4;

/// A key, token or password. It has no `Display`, and `Debug` hides the value.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the text as a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that sends or compares it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A form that may be shown: `sk-...abcd`, or `***` when the secret is short.
    pub fn masked(&self) -> String {
        let length = self.0.chars().count();
        if length <= SHOW_TAIL_ABOVE {
            return "***".to_owned();
        }
        let prefix = if self.0.starts_with("sk-") { "sk-" } else { "" };
        let tail: String = self.0.chars().skip(length - TAIL).collect();
        format!("{prefix}...{tail}")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn debug_hides_the_value() {
        let secret = Secret::new("sk-0123456789abcdef");
        assert_eq!(format!("{secret:?}"), "Secret(***)");
        assert_eq!(secret.expose(), "sk-0123456789abcdef");
    }

    #[test]
    fn masked_shows_four_characters_of_long_secrets_only() {
        for (text, masked) in [
            ("", "***"),
            ("sk-012345678", "***"),
            ("sk-0123456789", "sk-...6789"),
            ("0123456789abcdef", "...cdef"),
            ("\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}", "***"),
            ("aaaaaaaaaaaa\u{e9}", "...aaa\u{e9}"),
        ] {
            assert_eq!(Secret::new(text).masked(), masked);
        }
    }
}
