//! The members of a request that are decided on, each at most once.

use crate::codec::json::Str;
use crate::codec::json::Value;
use crate::error::Error;
use crate::protocol::fields::fields;
use crate::protocol::ollama::own;

fields! {
    Model "model",
    Messages "messages",
    Stream "stream",
    Tools "tools",
    Format "format",
    Options "options",
    Think "think",
    Logprobs "logprobs",
    TopLogprobs "top_logprobs",
}

/// Finds them in `body`.
pub(super) fn read(body: Value<'_>) -> Result<Fields<'_>, Error> {
    Fields::read(body, Str::name, |member| own(member.key.decode(), member.value))
}
