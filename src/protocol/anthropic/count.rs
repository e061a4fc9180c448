//! `POST /v1/messages/count_tokens`.

use crate::chat::Losses;
use crate::chat::Request;
use crate::codec::json;
use crate::codec::json::Object;
use crate::codec::json::Value;
use crate::error::Error;
use crate::protocol;
use crate::protocol::Garbage;
use crate::protocol::Target;
use crate::protocol::anthropic::request;

/// Reads a client's request: a chat without `max_tokens`.
///
/// # Errors
/// A 400 that names the byte or the field.
pub fn read_request(body: &[u8]) -> Result<Request<'_>, Error> {
    read_valid_request(protocol::valid(body)?)
}

/// The same of a body that was validated.
///
/// # Errors
/// A 400 that names the field.
pub fn read_valid_request(body: Value<'_>) -> Result<Request<'_>, Error> {
    request::read_counted(body)
}

/// Appends the request for an upstream: what counts for the prompt, and nothing else.
///
/// # Errors
/// A 400 that names what cannot be carried faithfully; nothing is appended then.
pub fn write_request(
    request: &Request<'_>,
    target: &Target<'_>,
    out: &mut Vec<u8>,
    losses: &mut Losses,
) -> Result<(), Error> {
    request::write_counted(request, target, out, losses)
}

/// Reads an upstream's answer: tokens.
///
/// # Errors
/// Where it is none.
pub fn read_answer(body: &[u8]) -> Result<u64, Garbage> {
    let tokens = json::validate(body)?.get("input_tokens").and_then(Value::as_u64);
    tokens.ok_or_else(|| Garbage::new("a count without input_tokens"))
}

/// Appends the answer for a client.
pub fn write_answer(tokens: u64, out: &mut Vec<u8>) {
    let mut body = Object::open(out);
    body.number("input_tokens", tokens);
    body.close();
}
