//! Counting the tokens of a prompt: `POST /model/{id}/count-tokens`.

use crate::chat::Losses;
use crate::chat::Request;
use crate::codec::json;
use crate::codec::json::Object;
use crate::codec::json::Value;
use crate::error::Error;
use crate::protocol::Garbage;
use crate::protocol::Target;
use crate::protocol::bedrock::request;
use crate::protocol::whole;

/// Appends the body that asks for the tokens of `request`.
///
/// # Errors
/// A 400 that names the field which cannot be carried; nothing is appended then.
pub fn write_request(
    request: &Request<'_>,
    target: &Target<'_>,
    out: &mut Vec<u8>,
    losses: &mut Losses,
) -> Result<(), Error> {
    whole(out, |out| {
        let mut body = Object::open(out);
        let mut input = Object::open(body.key("input"));
        request::write_counted(request, target, input.key("converse"), losses)?;
        input.close();
        body.close();
        Ok(())
    })
}

/// The tokens that an answer tells.
///
/// # Errors
/// Where it tells none.
pub fn read_answer(body: &[u8]) -> Result<u64, Garbage> {
    let tokens = json::validate(body)?.get("inputTokens").and_then(Value::as_u64);
    tokens.ok_or_else(|| Garbage::new("a count without inputTokens"))
}
