//! Requests: what must be known of one to let it through, and the edits it then needs.
//!
//! A request is forwarded as the client wrote it. [`peek`] validates all of it in one pass and
//! remembers where the few fields stand that the gateway decides on; [`Ask::patch`] says which
//! bytes to change. A field that is decided on may stand there once only: what was checked must be
//! what the upstream reads, whichever of two it would take.

use std::borrow::Cow;
use std::ops::Range;

use crate::codec::json;
use crate::codec::json::Document;
use crate::codec::json::Kind as JsonKind;
use crate::codec::json::Member;
use crate::codec::json::Value;
use crate::error::Error;
use crate::protocol;
use crate::protocol::openai::Endpoint;

/// Longest name of a model that is looked up.
const MAX_MODEL: usize = 256;

/// What a request asks for.
#[derive(Debug)]
pub struct Ask<'a> {
    /// The model, as the client names it.
    pub model: Cow<'a, str>,
    /// Whether the answer is to be a stream.
    pub stream: bool,
    /// Tokens the answer may have at most, where the client says.
    pub token_cap: Option<u64>,
    /// How many answers.
    pub choices: u32,
    body: Document<'a>,
    model_at: Range<usize>,
    usage: UsageEdit,
}

/// What it takes for a stream to tell its usage.
#[derive(Clone, Debug, PartialEq, Eq)]
enum UsageEdit {
    /// Nothing: it is no stream, or the client asked for it.
    None,
    /// These bytes in the place of those.
    Replace(Range<usize>, &'static str),
}

/// The fields decided on.
#[derive(Default)]
struct Fields<'a> {
    model: Option<(Value<'a>, usize)>,
    content: Option<Value<'a>>,
    stream: Option<Value<'a>>,
    stream_options: Option<(Value<'a>, usize)>,
    max_tokens: Option<Value<'a>>,
    max_completion_tokens: Option<Value<'a>>,
    n: Option<Value<'a>>,
    twice: Option<&'static str>,
}

impl<'a> Fields<'a> {
    fn visit(&mut self, endpoint: Endpoint, member: Member<'a>, at: usize) {
        // A key may be written with escapes, and is then the same key to the upstream.
        let decoded;
        let mut key = member.key.raw();
        if key.contains(&b'\\') {
            decoded = member.key.decode();
            key = decoded.as_bytes();
        }
        let value = member.value;
        let (name, was) = match (key, endpoint) {
            (b"model", _) => ("model", self.model.replace((value, at)).is_some()),
            (b"messages", Endpoint::Chat | Endpoint::Messages | Endpoint::CountTokens) => {
                ("messages", self.content.replace(value).is_some())
            }
            (b"input", Endpoint::Embeddings) => ("input", self.content.replace(value).is_some()),
            (b"stream", _) => ("stream", self.stream.replace(value).is_some()),
            (b"stream_options", _) => {
                ("stream_options", self.stream_options.replace((value, at)).is_some())
            }
            (b"max_tokens", _) => ("max_tokens", self.max_tokens.replace(value).is_some()),
            (b"max_completion_tokens", _) => {
                ("max_completion_tokens", self.max_completion_tokens.replace(value).is_some())
            }
            (b"n", _) => ("n", self.n.replace(value).is_some()),
            _ => return,
        };
        if was {
            self.twice.get_or_insert(name);
        }
    }
}

/// Validates `body` and finds what is decided on.
///
/// # Errors
/// A 400 that names the byte or the field.
pub fn peek(endpoint: Endpoint, body: &[u8]) -> Result<Ask<'_>, Error> {
    let mut fields = Fields::default();
    let document = Document::read(body, |member, at| fields.visit(endpoint, member, at))
        .map_err(|error| protocol::invalid(&error))?;
    if let Some(name) = fields.twice {
        return Err(Error::field(name, format!("`{name}` stands in the request twice")));
    }
    let (model, at) = fields.model.ok_or_else(|| Error::field("model", "`model` is missing"))?;
    let model_at = at..at + model.raw().len();
    let model = model_name(model)?;
    check_content(endpoint, fields.content)?;
    let stream = match fields.stream {
        None => false,
        Some(value) if value.is_null() => false,
        Some(value) => value
            .as_bool()
            .ok_or_else(|| Error::field("stream", "`stream` must be true or false"))?,
    };
    if stream && !endpoint.streams() {
        return Err(Error::field("stream", "this endpoint has no streams"));
    }
    let choices = check_count("n", fields.n)?.and_then(|n| u32::try_from(n).ok()).unwrap_or(1);
    let visible = check_count("max_tokens", fields.max_tokens)?;
    let token_cap = check_count("max_completion_tokens", fields.max_completion_tokens)?.or(visible);
    let usage = match endpoint {
        Endpoint::Chat => usage_edit(body, stream, fields.stream_options)?,
        // Answers tell their usage unasked.
        Endpoint::Embeddings | Endpoint::Messages | Endpoint::CountTokens => UsageEdit::None,
    };
    Ok(Ask { model, stream, token_cap, choices, body: document, model_at, usage })
}

fn model_name(value: Value<'_>) -> Result<Cow<'_, str>, Error> {
    let name = value.as_str().ok_or_else(|| Error::field("model", "`model` must be a string"))?;
    if name.raw().is_empty() || name.raw().len() > MAX_MODEL {
        let message = format!("`model` must have 1 to {MAX_MODEL} characters");
        return Err(Error::field("model", message));
    }
    Ok(name.decode())
}

fn check_content(endpoint: Endpoint, content: Option<Value<'_>>) -> Result<(), Error> {
    match endpoint {
        Endpoint::Chat | Endpoint::Messages | Endpoint::CountTokens => match content {
            Some(value) if value.kind() != JsonKind::Array => {
                Err(Error::field("messages", "`messages` must be an array"))
            }
            Some(value) if value.is_empty_array() => {
                Err(Error::field("messages", "`messages` must have at least one message"))
            }
            Some(_) => Ok(()),
            None => Err(Error::field("messages", "`messages` is missing")),
        },
        Endpoint::Embeddings => match content.map(Value::kind) {
            Some(JsonKind::String | JsonKind::Array) => Ok(()),
            Some(JsonKind::Null | JsonKind::Bool | JsonKind::Number | JsonKind::Object) => {
                Err(Error::field("input", "`input` must be a string or an array"))
            }
            None => Err(Error::field("input", "`input` is missing")),
        },
    }
}

fn check_count(name: &'static str, value: Option<Value<'_>>) -> Result<Option<u64>, Error> {
    match value {
        None => Ok(None),
        Some(value) if value.is_null() => Ok(None),
        Some(value) => value.as_u64().map(Some).ok_or_else(|| {
            Error::field(name, format!("`{name}` must be an integer that is not negative"))
        }),
    }
}

/// A stream tells its usage only when asked to.
fn usage_edit(
    body: &[u8],
    stream: bool,
    options: Option<(Value<'_>, usize)>,
) -> Result<UsageEdit, Error> {
    let Some((options, at)) = options.filter(|(value, _)| !value.is_null()) else {
        return Ok(match (stream, options) {
            (false, _) => UsageEdit::None,
            (true, Some((null, at))) => {
                UsageEdit::Replace(at..at + null.raw().len(), r#"{"include_usage":true}"#)
            }
            (true, None) => {
                let start = body.iter().position(|byte| *byte == b'{').map_or(0, |at| at + 1);
                UsageEdit::Replace(start..start, r#""stream_options":{"include_usage":true},"#)
            }
        });
    };
    if options.kind() != JsonKind::Object {
        return Err(Error::field("stream_options", "`stream_options` must be an object"));
    }
    // The upstream knows best what it thinks of options without a stream.
    if !stream {
        return Ok(UsageEdit::None);
    }
    let mut wishes = options.members().filter(|member| member.key.is("include_usage"));
    let wish = wishes.next().map(|member| member.value);
    if wishes.next().is_some() {
        let message = "`include_usage` stands in `stream_options` twice";
        return Err(Error::field("stream_options", message));
    }
    let Some(wish) = wish else {
        let inside = if options.members().next().is_some() {
            r#""include_usage":true,"#
        } else {
            r#""include_usage":true"#
        };
        return Ok(UsageEdit::Replace(at + 1..at + 1, inside));
    };
    if wish.as_bool() == Some(true) {
        return Ok(UsageEdit::None);
    }
    if !wish.is_null() && wish.as_bool().is_none() {
        let message = "`stream_options.include_usage` must be true or false";
        return Err(Error::field("stream_options", message));
    }
    // Both slices are parts of the same text, so the distance of their starts is the offset.
    let offset = wish.raw().as_ptr().addr() - options.raw().as_ptr().addr();
    let start = at + offset;
    Ok(UsageEdit::Replace(start..start + wish.raw().len(), "true"))
}

/// Bytes to change in a body, first to last.
#[derive(Clone, Debug, Default)]
pub struct Patch {
    edits: [Option<(Range<usize>, Cow<'static, str>)>; 2],
}

impl Ask<'_> {
    /// The body, to be read without validating it again.
    #[must_use]
    pub fn body(&self) -> Value<'_> {
        self.body.value()
    }

    /// Whether the stream will tell a usage that the client did not ask for.
    #[must_use]
    pub fn hides_usage(&self) -> bool {
        self.usage != UsageEdit::None
    }

    /// What must change for the upstream that calls the model `upstream`, and whose streams are
    /// asked for their usage if `stream_usage` says so.
    #[must_use]
    pub fn patch(&self, upstream: &str, stream_usage: bool) -> Patch {
        let model = (self.model != upstream).then(|| {
            let mut text = Vec::with_capacity(upstream.len() + 2);
            json::write_str(&mut text, upstream);
            let text = String::from_utf8(text).unwrap_or_default();
            (self.model_at.clone(), Cow::Owned(text))
        });
        let usage = match &self.usage {
            UsageEdit::Replace(range, text) if stream_usage => {
                Some((range.clone(), Cow::Borrowed(*text)))
            }
            UsageEdit::None | UsageEdit::Replace(..) => None,
        };
        let model_first =
            self.model_at.start < usage.as_ref().map_or(usize::MAX, |(at, _)| at.start);
        Patch { edits: if model_first { [model, usage] } else { [usage, model] } }
    }
}

impl Patch {
    fn edits(&self) -> impl Iterator<Item = &(Range<usize>, Cow<'static, str>)> {
        self.edits.iter().flatten()
    }

    /// The length of a body of `len` bytes once changed.
    #[must_use]
    pub fn new_len(&self, len: usize) -> usize {
        self.edits().fold(len, |len, (range, text)| len + text.len() - range.len())
    }

    /// Where the last change ends in the body as it was: from there on it goes out as it is.
    #[must_use]
    pub fn end(&self) -> usize {
        self.edits().map(|(range, _)| range.end).max().unwrap_or(0)
    }

    /// Appends `body`, changed, up to `end` (in the body as it was), which is at least
    /// [`Patch::end`].
    pub fn write(&self, out: &mut Vec<u8>, body: &[u8], end: usize) {
        let mut at = 0;
        for (range, text) in self.edits() {
            out.extend_from_slice(body.get(at..range.start).unwrap_or_default());
            out.extend_from_slice(text.as_bytes());
            at = range.end;
        }
        out.extend_from_slice(body.get(at..end).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::peek;
    use crate::protocol::openai::Endpoint;

    fn patched(body: &str, model: &str) -> String {
        let ask = peek(Endpoint::Chat, body.as_bytes()).unwrap();
        let patch = ask.patch(model, true);
        let mut out = Vec::new();
        patch.write(&mut out, body.as_bytes(), body.len());
        assert_eq!(out.len(), patch.new_len(body.len()), "{body}");
        let mut halves = Vec::new();
        patch.write(&mut halves, body.as_bytes(), patch.end());
        halves.extend_from_slice(&body.as_bytes()[patch.end()..]);
        assert_eq!(halves, out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn nothing_else_changes() {
        let body = r#" { "model" : "a", "messages":[{"a":1.0}],"x":[1e5, 12345678901234567890]} "#;
        assert_eq!(patched(body, "a"), body);
        assert_eq!(patched(body, "b\"c"), body.replace("\"a\",", r#""b\"c","#));
    }

    #[test]
    fn a_stream_is_asked_for_its_usage() {
        for (options, expected) in [
            ("", r#"{"stream_options":{"include_usage":true},"#),
            (r#""stream_options":null,"#, r#"{"stream_options":{"include_usage":true},"#),
            (r#""stream_options":{},"#, r#"{"stream_options":{"include_usage":true},"#),
            (
                r#""stream_options":{"x":[{}]},"#,
                r#"{"stream_options":{"include_usage":true,"x":[{}]},"#,
            ),
            (
                r#""stream_options":{"x":{"include_usage":false},"include_usage": false},"#,
                r#"{"stream_options":{"x":{"include_usage":false},"include_usage": true},"#,
            ),
            (
                r#""stream_options":{"include_usage":null},"#,
                r#"{"stream_options":{"include_usage":true},"#,
            ),
        ] {
            let rest = r#""stream":true,"messages":[1],"model":"m"}"#;
            let body = format!("{{{options}{rest}");
            assert_eq!(patched(&body, "m"), format!("{expected}{rest}"));
            let renamed = rest.replace("\"m\"", "\"longer\"");
            assert_eq!(patched(&body, "longer"), format!("{expected}{renamed}"));
            assert!(peek(Endpoint::Chat, body.as_bytes()).unwrap().hides_usage());
        }
    }

    #[test]
    fn a_server_that_knows_no_such_option_is_not_asked() {
        let body = r#"{"stream":true,"messages":[1],"model":"m"}"#;
        let ask = peek(Endpoint::Chat, body.as_bytes()).unwrap();
        let mut out = Vec::new();
        ask.patch("up", false).write(&mut out, body.as_bytes(), body.len());
        assert_eq!(out, body.replace("\"m\"", "\"up\"").as_bytes());
    }

    #[test]
    fn a_client_that_asked_for_usage_sees_it() {
        let body =
            r#"{"model":"m","messages":[1],"stream":true,"stream_options":{"include_usage":true}}"#;
        assert_eq!(patched(body, "m"), body);
        assert!(!peek(Endpoint::Chat, body.as_bytes()).unwrap().hides_usage());
    }

    #[test]
    fn caps_are_read() {
        let ask = |text: &str| {
            let body = format!(r#"{{"model":"m","messages":[1],{text}}}"#);
            peek(Endpoint::Chat, body.as_bytes()).unwrap().token_cap
        };
        assert_eq!(ask(r#""max_tokens":5"#), Some(5));
        assert_eq!(ask(r#""max_tokens":5,"max_completion_tokens":7"#), Some(7));
        assert_eq!(ask(r#""max_tokens":null"#), None);
    }

    #[test]
    fn every_fault_names_its_field() {
        for (body, param, words) in [
            ("", None, "byte 0"),
            ("[]", None, "byte 0"),
            (r#"{"model":"m","messages":[1]"#, None, "byte 27"),
            (r#"{"messages":[1]}"#, Some("model"), "missing"),
            (r#"{"model":1,"messages":[1]}"#, Some("model"), "string"),
            (r#"{"model":"","messages":[1]}"#, Some("model"), "1 to 256"),
            (r#"{"model":"a","messages":[1],"mod\u0065l":"b"}"#, Some("model"), "twice"),
            (r#"{"model":"a","stream":true,"stream":false}"#, Some("stream"), "twice"),
            (r#"{"model":"m"}"#, Some("messages"), "missing"),
            (r#"{"model":"m","messages":"x"}"#, Some("messages"), "array"),
            (r#"{"model":"m","messages":[ ]}"#, Some("messages"), "at least one"),
            (r#"{"model":"m","messages":[1],"stream":"yes"}"#, Some("stream"), "true or false"),
            (r#"{"model":"m","messages":[1],"n":-1}"#, Some("n"), "integer"),
            (r#"{"model":"m","messages":[1],"max_tokens":1.5}"#, Some("max_tokens"), "integer"),
            (
                r#"{"model":"m","messages":[1],"stream_options":[]}"#,
                Some("stream_options"),
                "object",
            ),
            (
                r#"{"model":"m","messages":[1],"stream":true,"stream_options":{"include_usage":1}}"#,
                Some("stream_options"),
                "true or false",
            ),
        ] {
            let error = peek(Endpoint::Chat, body.as_bytes()).unwrap_err();
            assert_eq!(error.param, param, "{body}");
            assert!(error.message.contains(words), "{body}: {}", error.message);
        }
        let stream = peek(Endpoint::Embeddings, br#"{"model":"m","input":"x","stream":true}"#);
        assert_eq!(stream.unwrap_err().param, Some("stream"));
        let input = peek(Endpoint::Embeddings, br#"{"model":"m","input":1}"#);
        assert_eq!(input.unwrap_err().param, Some("input"));
    }
}
