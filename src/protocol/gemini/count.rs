//! Counting the tokens of a prompt: `countTokens`.

use crate::chat::Losses;
use crate::chat::Request;
use crate::codec::json;
use crate::error::Error;
use crate::error::Kind;
use crate::protocol::Garbage;
use crate::protocol::Target;
use crate::protocol::gemini::names;
use crate::protocol::gemini::out;
use crate::protocol::gemini::request;
use crate::protocol::whole;

/// Writes a request to count. Nothing is written where it fails.
///
/// # Errors
/// A 400 that names what Gemini cannot take.
pub fn write_request(
    request: &Request<'_>,
    target: &Target<'_>,
    out: &mut Vec<u8>,
    losses: &mut Losses,
) -> Result<(), Error> {
    whole(out, |out| {
        out.extend_from_slice(b"{\"generateContentRequest\":{");
        model(out, target.model);
        request::members(request, target, out, losses)?;
        out.extend_from_slice(b"}}");
        Ok(())
    })
}

/// Appends the member `model`, whose value names the collection too.
pub(super) fn model(out: &mut Vec<u8>, model: &str) {
    out::name(out, "model");
    if model.starts_with("models/") || model.starts_with("tunedModels/") {
        json::write_str(out, model);
    } else {
        json::write_str(out, &["models/", model].concat());
    }
}

/// Reads a request to count, of either form.
///
/// # Errors
/// A 400 that names the byte or the field.
pub fn read_request(body: &[u8]) -> Result<Request<'_>, Error> {
    let mut inner = None;
    json::object(body, |member, _| {
        if *names::camel(member.key) == *b"generateContentRequest" && !member.value.is_null() {
            inner = Some(member.value);
        }
    })
    .map_err(|error| Error::new(Kind::BadRequest, format!("the request body: {error}")))?;
    request::read(inner.map_or(body, |value| value.raw()))
}

/// Reads an answer: the tokens of the prompt.
///
/// # Errors
/// Where it does not tell them.
pub fn read_answer(body: &[u8]) -> Result<u64, Garbage> {
    let value = json::validate(body)?;
    let total = names::get(value, "totalTokens").and_then(names::number);
    total.ok_or_else(|| Garbage::new("`totalTokens` is missing"))
}

/// Appends an answer.
pub fn write_answer(tokens: u64, out: &mut Vec<u8>) {
    out.push(b'{');
    out::number(out, "totalTokens", tokens);
    out.push(b'}');
}
