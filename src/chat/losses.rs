//! What a translation could not carry: told to the client, never kept quiet.

use std::borrow::Cow;

use crate::chat::Extra;
use crate::chat::Json;
use crate::chat::Protocol;

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

    /// Notes a member that only another protocol has words for, unless it says nothing.
    pub fn drop_extra(&mut self, extra: &Extra<'_>) {
        if matters(extra) {
            self.drop(extra.name.clone().into_owned());
        }
    }

    /// Notes a number, unless it is the one that counts where nothing is said.
    pub fn drop_number(&mut self, number: Option<&Json<'_>>, usual: f64, field: &'static str) {
        let other = |number: f64| (number - usual).abs() > f64::EPSILON;
        self.drop_if(number.is_some_and(|json| json.number().is_none_or(other)), field);
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

/// Whether a member makes a difference to the one whose words it is in.
fn matters(extra: &Extra<'_>) -> bool {
    let value = extra.value.value();
    match (extra.by, &*extra.name) {
        // Without any options it is still wished for.
        (Protocol::Openai, "web_search_options") => true,
        // What an answer rested on: a client sends it back with the answer, and nobody reads it.
        (Protocol::Openai, "annotations") => false,
        (Protocol::Openai, "store") => value.as_bool() != Some(false),
        (Protocol::Openai, "modalities") => {
            !value.elements().all(|each| each.as_str().is_some_and(|each| each.is("text")))
        }
        (_, _) => !extra.value.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::Losses;
    use crate::chat::Extra;
    use crate::chat::Json;
    use crate::chat::Protocol;

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
    fn what_says_nothing_is_not_missed() {
        let mut losses = Losses::default();
        let told = |by, name: &'static str, value| {
            let mut losses = Losses::default();
            losses.drop_extra(&Extra { by, name: name.into(), value: Json::fixed(value) });
            losses == Losses { names: vec![name.into()] }
        };
        let (openai, other) = (Protocol::Openai, Protocol::Gemini);
        for (by, name, value, matters) in [
            (openai, "logit_bias", "{}", false),
            (openai, "logit_bias", "{ }", false),
            (openai, "logit_bias", r#"{"1":2}"#, true),
            (openai, "x", "[ ]", false),
            (openai, "x", r#""""#, false),
            (openai, "x", "null", false),
            (openai, "x", "false", true),
            (openai, "x", "0", true),
            (openai, "store", "false", false),
            (openai, "store", "true", true),
            (other, "store", "false", true),
            (openai, "modalities", r#"["text"]"#, false),
            (openai, "modalities", r#"["text","audio"]"#, true),
            (openai, "modalities", "[1]", true),
            (openai, "annotations", "[]", false),
            (openai, "annotations", r#"[{"type":"url_citation"}]"#, false),
            (openai, "web_search_options", "{}", true),
        ] {
            assert_eq!(told(by, name, value), matters, "{name} {value}");
        }
        for number in ["0", "0.0", "-0", "0e3"] {
            losses.drop_number(Some(&Json::fixed(number)), 0.0, "n");
        }
        losses.drop_number(None, 0.0, "n");
        assert!(losses.is_empty());
        losses.drop_number(Some(&Json::fixed("0.1")), 0.0, "n");
        losses.drop_number(Some(&Json::fixed("\"0\"")), 0.0, "text");
        assert_eq!(losses.names(), ["n", "text"]);
    }

    #[test]
    fn a_client_cannot_make_it_long() {
        let mut losses = Losses::default();
        (0..100).for_each(|n| losses.drop(format!("{n}{}", "x".repeat(100))));
        assert_eq!(losses.names().len(), super::MAX);
    }
}
