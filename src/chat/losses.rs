//! What a translation could not carry: told to the client, never kept quiet.

use std::borrow::Cow;

/// Most names kept: a header's worth.
const MAX: usize = 32;

/// The names of fields, in the client's words, that the upstream will not hear of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    names: Vec<Cow<'static, str>>,
}

impl Losses {
    /// Notes that `field` is not carried. Each is named once.
    pub fn drop(&mut self, field: impl Into<Cow<'static, str>>) {
        let field = field.into();
        if self.names.len() < MAX && !self.names.contains(&field) {
            self.names.push(field);
        }
    }

    /// Notes it if there is such a field.
    pub fn drop_if(&mut self, present: bool, field: &'static str) {
        if present {
            self.drop(field);
        }
    }

    /// The names, in the order they were noted.
    #[must_use]
    pub fn names(&self) -> &[Cow<'static, str>] {
        &self.names
    }

    /// Whether all was carried.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Appends the names as a header's value: plain ASCII, with commas between.
    pub fn write(&self, out: &mut Vec<u8>) {
        for (at, name) in self.names.iter().enumerate() {
            if at > 0 {
                out.extend_from_slice(b", ");
            }
            // A client chooses the name of a field that nobody knows.
            out.extend(name.bytes().take(64).map(|byte| match byte {
                b',' | b'"' | 0..=b' ' | 0x7f.. => b'_',
                byte => byte,
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Losses;

    #[test]
    fn each_is_named_once_and_a_header_can_hold_it() {
        let mut losses = Losses::default();
        losses.drop("seed");
        losses.drop_if(false, "n");
        losses.drop("a\r\nb, \u{e9}".to_owned());
        losses.drop("seed");
        let mut out = Vec::new();
        losses.write(&mut out);
        assert_eq!(out, b"seed, a__b____");
    }

    #[test]
    fn a_client_cannot_make_it_long() {
        let mut losses = Losses::default();
        (0..100).for_each(|n| losses.drop(format!("{n}{}", "x".repeat(100))));
        assert_eq!(losses.names().len(), super::MAX);
    }
}
