//! Refusals: `{"error":"words"}` and nothing else.

use crate::chat::Class;
use crate::chat::Failure;
use crate::chat::Text;
use crate::codec::json;
use crate::codec::json::Kind;
use crate::codec::json::Value;

/// Of a body that is not Ollama's, such as a proxy's page, this much is repeated.
const LONGEST_PAGE: usize = 300;

/// Reads an upstream's refusal, whatever it says.
#[must_use]
pub fn read(status: u16, body: &[u8]) -> Failure<'static> {
    let message = match json::validate(body) {
        Ok(value) => value.get("error").and_then(words).map(Text::into_owned),
        Err(_) => None,
    };
    of(status, message.unwrap_or_else(|| plain(status, body)))
}

/// A failure in these words.
pub(super) fn of(status: u16, message: Text<'_>) -> Failure<'_> {
    let class = class(status, &message.decode().to_ascii_lowercase());
    Failure { status, class, message, kind: None, code: None, param: None, retry_after_ms: None }
}

/// The words of the member `error`: a string, or the object that other formats have.
pub(super) fn words(error: Value<'_>) -> Option<Text<'_>> {
    match error.kind() {
        Kind::String => Text::from_value(error),
        Kind::Object => error.get("message").and_then(Text::from_value),
        Kind::Null | Kind::Bool | Kind::Number | Kind::Array => None,
    }
}

/// What a body that is not Ollama's says, if it is short and text.
fn plain(status: u16, body: &[u8]) -> Text<'static> {
    let text = std::str::from_utf8(body).unwrap_or_default().trim();
    let page = text.starts_with('<') || text.starts_with('{') || text.starts_with('[');
    if text.is_empty() || page || text.len() > LONGEST_PAGE {
        return Text::plain(&format!("the upstream answered with status {status}"));
    }
    Text::plain(text)
}

fn class(status: u16, words: &str) -> Class {
    let says = |what: &str| words.contains(what);
    if matches!(status, 402 | 403 | 429) && says("usage limit") {
        return Class::Quota;
    }
    let too_long = says("context length") || says("context window") || says("prompt too long");
    if too_long && matches!(status, 400 | 413 | 500) {
        return Class::ContextLength;
    }
    if status == 500 && (says("server busy") || says("maximum pending requests")) {
        return Class::Overloaded;
    }
    Class::of_status(status)
}

/// Appends a refusal.
pub fn write(failure: &Failure<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"error":"#);
    failure.message.write(out);
    out.push(b'}');
}

/// The status a client is told.
#[must_use]
pub const fn status(failure: &Failure<'_>) -> u16 {
    failure.class.status()
}
