//! Probabilities of tokens: an array of tokens here, an object that holds one in OpenAI's words.

use crate::chat::Json;
use crate::codec::json::Kind;
use crate::codec::json::List;
use crate::codec::json::Object;
use crate::codec::json::Value;

/// One token in OpenAI's words. What Ollama leaves out where there is nothing is put in.
pub(super) fn read(token: Value<'_>) -> Json<'static> {
    let mut out = Vec::with_capacity(token.raw().len() + 64);
    out.extend_from_slice(br#"{"content":["#);
    write_token(token, true, &mut out);
    out.extend_from_slice(br#"],"refusal":null}"#);
    Json::made(out)
}

fn write_token(token: Value<'_>, with_others: bool, out: &mut Vec<u8>) {
    let mut object = Object::open(out);
    let (mut has_bytes, mut has_others) = (false, !with_others);
    for member in token.members() {
        let name = member.key.decode();
        match name.as_ref() {
            "bytes" => has_bytes = true,
            "top_logprobs" if with_others && member.value.kind() == Kind::Array => {
                has_others = true;
                write_others(member.value, object.key("top_logprobs"));
                continue;
            }
            _ => {}
        }
        object.any_key(&name).extend_from_slice(member.value.raw());
    }
    if !has_bytes {
        object.fixed("bytes", "null");
    }
    if !has_others {
        object.fixed("top_logprobs", "[]");
    }
    object.close();
}

fn write_others(tokens: Value<'_>, out: &mut Vec<u8>) {
    let mut list = List::open(out);
    for token in tokens.elements() {
        list.next(out);
        write_token(token, false, out);
    }
    out.push(b']');
}

/// Appends the tokens of all `pieces`, which are in OpenAI's words, as one array.
pub(super) fn write<'p>(pieces: impl Iterator<Item = &'p Json<'p>>, out: &mut Vec<u8>) {
    let mut list = List::open(out);
    for piece in pieces {
        let tokens = piece.value().get("content");
        for token in tokens.into_iter().flat_map(Value::elements) {
            list.next(out);
            out.extend_from_slice(token.raw());
        }
    }
    out.push(b']');
}
