//! One part of a content, of a request or of an answer alike.

use std::borrow::Cow;

use crate::chat::Extra;
use crate::chat::Protocol;
use crate::chat::Signature;
use crate::chat::Text;
use crate::codec::json::Kind;
use crate::codec::json::Value;
use crate::protocol::gemini::names;

/// A part as it stands.
#[derive(Debug)]
pub(super) struct Raw<'a> {
    /// What it holds.
    pub(super) data: Data<'a>,
    /// Whether it is a thought.
    pub(super) thought: bool,
    /// What it is signed with.
    pub(super) signature: Option<Signature<'a>>,
    /// The other members.
    pub(super) extra: Vec<Extra<'a>>,
}

/// What a part holds.
#[derive(Debug)]
pub(super) enum Data<'a> {
    /// Text. Empty where there is nothing but a signature.
    Text(Text<'a>),
    /// Media, here.
    Inline(Value<'a>),
    /// Media, elsewhere.
    File(Value<'a>),
    /// A call.
    Call(Value<'a>),
    /// What a call returned.
    Response(Value<'a>),
    /// Something that only Google has words for, of this name.
    Other(Cow<'a, str>),
}

/// Reads a part.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(part: Value<'_>) -> Result<Raw<'_>, &'static str> {
    if part.kind() != Kind::Object {
        return Err("a part must be an object");
    }
    let (mut data, mut count) = (None, 0);
    let mut raw =
        Raw { data: Data::Text(Text::default()), thought: false, signature: None, extra: vec![] };
    for member in part.members() {
        let value = member.value;
        if value.is_null() {
            continue;
        }
        let found = match &*names::camel(member.key) {
            b"text" => Data::Text(Text::from_value(value).ok_or("`text` must be a string")?),
            b"inlineData" => Data::Inline(object(value)?),
            b"fileData" => Data::File(object(value)?),
            b"functionCall" => Data::Call(object(value)?),
            b"functionResponse" => Data::Response(object(value)?),
            b"executableCode" | b"codeExecutionResult" | b"toolCall" | b"toolResponse" => {
                Data::Other(member.key.decode())
            }
            b"thought" => {
                raw.thought = value.as_bool().ok_or("`thought` must be true or false")?;
                continue;
            }
            b"thoughtSignature" => {
                let data = Text::from_value(value).ok_or("`thoughtSignature` must be a string")?;
                raw.signature = Some(Signature { by: Protocol::Gemini, data });
                continue;
            }
            _ => {
                raw.extra.push(names::extra(&member));
                continue;
            }
        };
        data = Some(found);
        count += 1;
    }
    if count > 1 {
        return Err("a part must hold one kind of data only");
    }
    if let Some(data) = data {
        raw.data = data;
    } else if let Some(unknown) = raw.extra.first() {
        raw.data = Data::Other(unknown.name.clone());
    }
    Ok(raw)
}

fn object(value: Value<'_>) -> Result<Value<'_>, &'static str> {
    if value.kind() == Kind::Object { Ok(value) } else { Err("a part's data must be an object") }
}

/// A call as it stands.
#[derive(Debug, Default)]
pub(super) struct RawCall<'a> {
    /// Its id. Most have none.
    pub(super) id: Option<Text<'a>>,
    /// The tool.
    pub(super) name: Text<'a>,
    /// An object.
    pub(super) args: Option<Value<'a>>,
    /// The other members, named with `functionCall.` before.
    pub(super) extra: Vec<Extra<'a>>,
}

/// Reads a call.
///
/// # Errors
/// What is wrong with it.
pub(super) fn call(value: Value<'_>) -> Result<RawCall<'_>, &'static str> {
    let mut call = RawCall::default();
    for member in value.members() {
        let value = member.value;
        if value.is_null() {
            continue;
        }
        match &*names::camel(member.key) {
            b"id" => {
                let id = Text::from_value(value).ok_or("`functionCall.id` must be a string")?;
                call.id = Some(id).filter(|id| !id.is_empty());
            }
            b"name" => {
                call.name = Text::from_value(value).ok_or("`functionCall.name` is no string")?;
            }
            b"args" if value.kind() == Kind::Object => call.args = Some(value),
            b"args" => return Err("`functionCall.args` must be an object"),
            // Vertex sends arguments in pieces if asked to, which nobody does through us.
            b"partialArgs" => return Err("`functionCall.partialArgs` is not served"),
            _ => call.extra.push(names::extra_in("functionCall.", &member)),
        }
    }
    if call.name.is_empty() {
        return Err("`functionCall.name` is missing");
    }
    Ok(call)
}
