//! Embeddings: `/api/embed`.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::chat::Extra;
use crate::chat::Losses;
use crate::chat::Protocol;
use crate::chat::Text;
use crate::chat::embed::Answer;
use crate::chat::embed::Input;
use crate::chat::embed::Request;
use crate::chat::embed::Vector;
use crate::codec::json;
use crate::codec::json::Kind as JsonKind;
use crate::codec::json::List;
use crate::codec::json::Object;
use crate::codec::json::Value;
use crate::error::Error;
use crate::error::Kind;
use crate::protocol::Garbage;
use crate::protocol::Target;
use crate::protocol::ollama::error;
use crate::protocol::ollama::own;
use crate::protocol::ollama::request::MAX_MODEL;

/// Reads a client's request.
///
/// # Errors
/// A 400 that names the field.
pub fn read_request(body: &[u8]) -> Result<Request<'_>, Error> {
    let (mut model, mut input, mut dimensions, mut twice) = (None, None, None, None);
    let mut extra: Vec<Extra<'_>> = Vec::new();
    json::object(body, |member, _| {
        let name = member.key.decode();
        let (name, slot) = match name.as_ref() {
            "model" => ("model", &mut model),
            "input" => ("input", &mut input),
            "dimensions" => ("dimensions", &mut dimensions),
            _ => {
                if !member.value.is_null() {
                    extra.push(own(name, member.value));
                }
                return;
            }
        };
        if slot.replace(member.value).is_some() {
            twice.get_or_insert(name);
        }
    })
    .map_err(|error| Error::new(Kind::BadRequest, format!("the request body: {error}")))?;
    if let Some(name) = twice {
        return Err(Error::field(name, format!("`{name}` stands in the request twice")));
    }
    let model = model.and_then(Text::from_value);
    let model = model.filter(|model| (1..=MAX_MODEL).contains(&model.raw().len()));
    let model = model.ok_or_else(|| {
        Error::field("model", format!("`model` must be a string of 1 to {MAX_MODEL} characters"))
    })?;
    let dimensions = match dimensions.filter(|value: &Value<'_>| !value.is_null()) {
        None => None,
        Some(value) => Some(value.as_u64().ok_or_else(|| {
            Error::field("dimensions", "`dimensions` must be an integer that is not negative")
        })?),
    };
    let inputs = inputs(input)?;
    Ok(Request { model, inputs, dimensions, base64: false, user: None, extra })
}

fn inputs(value: Option<Value<'_>>) -> Result<Vec<Input<'_>>, Error> {
    let wrong = || Error::field("input", "`input` must be a string or an array of strings");
    let value = value.ok_or_else(|| Error::field("input", "`input` is missing"))?;
    let text = |value| Text::from_value(value).map(Input::Text).ok_or_else(wrong);
    match value.kind() {
        JsonKind::String => Ok(vec![text(value)?]),
        JsonKind::Array => value.elements().map(text).collect(),
        JsonKind::Null | JsonKind::Bool | JsonKind::Number | JsonKind::Object => Err(wrong()),
    }
}

/// Appends the request for an upstream.
///
/// # Errors
/// A 400 where the input is tokens: those are of another model.
pub fn write_request(
    request: &Request<'_>,
    target: &Target<'_>,
    out: &mut Vec<u8>,
    losses: &mut Losses,
) -> Result<(), Error> {
    if request.inputs.iter().any(|input| matches!(input, Input::Tokens(_))) {
        let message = "`input` must be text: this model's provider takes no tokens";
        return Err(Error::field("input", message));
    }
    let mut body = Object::open(out);
    json::write_str(body.key("model"), target.model);
    let out = body.key("input");
    let mut list = List::open(out);
    for input in &request.inputs {
        let Input::Text(text) = input else { continue };
        list.next(out);
        text.write(out);
    }
    out.push(b']');
    if let Some(dimensions) = request.dimensions {
        body.number("dimensions", dimensions);
    }
    losses.drop_if(request.user.is_some(), "user");
    for extra in &request.extra {
        if extra.by == Protocol::Ollama {
            extra.value.write(body.any_key(&extra.name));
        } else {
            losses.drop(extra.name.clone().into_owned());
        }
    }
    body.close();
    Ok(())
}

/// Reads an upstream's answer.
///
/// # Errors
/// Where it is none.
pub fn read_answer(body: &[u8]) -> Result<Answer<'_>, Garbage> {
    let (mut answer, mut vectors, mut failure) = (Answer::default(), None, None);
    json::object(body, |member, _| match member.key.decode().as_ref() {
        "model" => answer.model = Text::from_value(member.value).unwrap_or_default(),
        "embeddings" => vectors = Some(member.value),
        "prompt_eval_count" => answer.tokens = member.value.as_u64(),
        "error" => failure = error::words(member.value),
        _ => {}
    })?;
    if let Some(words) = failure {
        return Err(Garbage::new(words.decode().into_owned()));
    }
    let vectors = vectors.filter(|value| value.kind() == JsonKind::Array);
    let vectors = vectors.ok_or_else(|| Garbage::new("an answer without `embeddings`"))?;
    for vector in vectors.elements() {
        if vector.kind() != JsonKind::Array {
            return Err(Garbage::new("one of `embeddings` is no array"));
        }
        answer.vectors.push(Vector::Numbers(crate::chat::Json::of(vector)));
    }
    Ok(answer)
}

/// Appends an answer for a client.
pub fn write_answer(answer: &Answer<'_>, out: &mut Vec<u8>) {
    let mut body = Object::open(out);
    answer.model.write(body.key("model"));
    let out = body.key("embeddings");
    let mut list = List::open(out);
    for vector in &answer.vectors {
        list.next(out);
        match vector {
            Vector::Numbers(numbers) => numbers.write(out),
            Vector::Base64(text) => write_floats(text, out),
        }
    }
    out.push(b']');
    if let Some(tokens) = answer.tokens {
        body.number("prompt_eval_count", tokens);
    }
    body.close();
}

/// Appends the numbers that base64 of little-endian 32-bit floats stands for. What is no number to
/// JSON is zero.
fn write_floats(text: &Text<'_>, out: &mut Vec<u8>) {
    let bytes = STANDARD.decode(text.decode().as_bytes()).unwrap_or_default();
    let mut list = List::open(out);
    for float in bytes.chunks_exact(4).filter_map(|four| four.first_chunk::<4>()) {
        list.next(out);
        let float = f32::from_le_bytes(*float);
        let float = if float.is_finite() { float } else { 0.0 };
        // Writing to memory cannot fail.
        let _ = write!(out, "{float}");
    }
    out.push(b']');
}
