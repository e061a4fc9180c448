//! Embeddings: `POST /v1/embeddings`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::chat::Json;
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
use crate::codec::json::Member;
use crate::codec::json::Object;
use crate::codec::json::Value;
use crate::error::Error;
use crate::error::Kind;
use crate::protocol::Garbage;
use crate::protocol::Target;
use crate::protocol::openai::chat::extra;

/// The members of a request that are decided on.
#[derive(Default)]
struct Fields<'a> {
    model: Option<Value<'a>>,
    input: Option<Value<'a>>,
    dimensions: Option<Value<'a>>,
    encoding_format: Option<Value<'a>>,
    user: Option<Value<'a>>,
    extra: Vec<crate::chat::Extra<'a>>,
    twice: Option<&'static str>,
}

impl<'a> Fields<'a> {
    fn visit(&mut self, member: &Member<'a>) {
        let (name, place) = match member.key.decode().as_ref() {
            "model" => ("model", &mut self.model),
            "input" => ("input", &mut self.input),
            "dimensions" => ("dimensions", &mut self.dimensions),
            "encoding_format" => ("encoding_format", &mut self.encoding_format),
            "user" => ("user", &mut self.user),
            _ => {
                if !member.value.is_null() {
                    self.extra.push(extra(member));
                }
                return;
            }
        };
        if place.replace(member.value).is_some() {
            self.twice.get_or_insert(name);
        }
    }
}

/// Reads a client's request.
///
/// # Errors
/// A 400 that names the field.
pub fn read_request(body: &[u8]) -> Result<Request<'_>, Error> {
    let mut fields = Fields::default();
    json::object(body, |member, _| fields.visit(&member))
        .map_err(|error| Error::new(Kind::BadRequest, format!("the request body: {error}")))?;
    if let Some(name) = fields.twice {
        return Err(Error::field(name, format!("`{name}` stands in the request twice")));
    }
    let set = |value: Option<Value<'_>>| value.is_some_and(|value| !value.is_null());
    let model = fields.model.and_then(Text::from_value).filter(|model| !model.is_empty());
    let model = model.ok_or_else(|| Error::field("model", "`model` must be a string"))?;
    let dimensions = fields.dimensions.and_then(Value::as_u64);
    if dimensions.is_none() && set(fields.dimensions) {
        return Err(Error::field("dimensions", "`dimensions` must be an integer"));
    }
    let base64 = match fields.encoding_format.map(Value::raw) {
        None | Some(b"null" | b"\"float\"") => false,
        Some(b"\"base64\"") => true,
        Some(_) => {
            let message = "`encoding_format` must be float or base64";
            return Err(Error::field("encoding_format", message));
        }
    };
    let user = fields.user.and_then(Text::from_value);
    if user.is_none() && set(fields.user) {
        return Err(Error::field("user", "`user` must be a string"));
    }
    let inputs = fields.input.and_then(inputs).ok_or_else(|| {
        let message = "`input` must be text, tokens, or an array of either";
        Error::field("input", message)
    })?;
    Ok(Request { model, inputs, dimensions, base64, user, extra: fields.extra })
}

fn inputs(value: Value<'_>) -> Option<Vec<Input<'_>>> {
    if let Some(text) = Text::from_value(value) {
        return Some(vec![Input::Text(text)]);
    }
    // An array of numbers is one input.
    if value.elements().next()?.kind() == JsonKind::Number {
        return Some(vec![tokens(value)?]);
    }
    let each = |value| match Text::from_value(value) {
        Some(text) => Some(Input::Text(text)),
        None => tokens(value),
    };
    value.elements().map(each).collect()
}

fn tokens(value: Value<'_>) -> Option<Input<'_>> {
    let numbers = value.elements().all(|token| token.kind() == JsonKind::Number);
    let some = value.kind() == JsonKind::Array && !value.is_empty_array();
    (numbers && some).then_some(Input::Tokens(Json::of(value)))
}

/// Appends a request to the model `target.model`.
///
/// # Errors
/// None today; other formats have some.
pub fn write_request(
    request: &Request<'_>,
    target: &Target<'_>,
    out: &mut Vec<u8>,
    losses: &mut Losses,
) -> Result<(), Error> {
    let mut body = Object::open(out);
    json::write_str(body.key("model"), target.model);
    let out = body.key("input");
    match request.inputs.as_slice() {
        [one] => write_input(one, out),
        many => {
            let mut list = List::open(out);
            for each in many {
                list.next(out);
                write_input(each, out);
            }
            out.push(b']');
        }
    }
    if let Some(dimensions) = request.dimensions {
        body.number("dimensions", dimensions);
    }
    if request.base64 {
        body.word("encoding_format", "base64");
    }
    if let Some(user) = &request.user {
        user.write(body.key("user"));
    }
    for extra in &request.extra {
        if extra.by == Protocol::Openai {
            extra.value.write(body.any_key(&extra.name));
        } else {
            losses.drop(extra.name.clone().into_owned());
        }
    }
    body.close();
    Ok(())
}

fn write_input(input: &Input<'_>, out: &mut Vec<u8>) {
    match input {
        Input::Text(text) => text.write(out),
        Input::Tokens(tokens) => tokens.write(out),
    }
}

/// Reads an upstream's answer. The vectors come in the order of their `index`.
///
/// # Errors
/// Where it is no answer of this format.
pub fn read_answer(body: &[u8]) -> Result<Answer<'_>, Garbage> {
    let (mut model, mut data, mut usage) = (Text::default(), None, None);
    json::object(body, |member, _| match member.key.raw() {
        b"model" => model = Text::from_value(member.value).unwrap_or_default(),
        b"data" => data = Some(member.value),
        b"usage" => usage = Some(member.value),
        _ => {}
    })?;
    let data = data.filter(|data| data.kind() == JsonKind::Array);
    let data = data.ok_or_else(|| Garbage::new("the answer has no array `data`"))?;
    let mut vectors = Vec::new();
    for (at, item) in data.elements().enumerate() {
        let found = item.get("embedding").and_then(vector);
        let found = found.ok_or_else(|| Garbage::new("an item of `data` has no `embedding`"))?;
        let index = item.get("index").and_then(Value::as_u64).unwrap_or(at as u64);
        vectors.push((index, found));
    }
    vectors.sort_by_key(|(index, _)| *index);
    let vectors = vectors.into_iter().map(|(_, vector)| vector).collect();
    let count = |name| usage.and_then(|usage| usage.get(name)).and_then(Value::as_u64);
    Ok(Answer { model, vectors, tokens: count("prompt_tokens").or_else(|| count("total_tokens")) })
}

fn vector(value: Value<'_>) -> Option<Vector<'_>> {
    match value.kind() {
        JsonKind::String => Text::from_value(value).map(Vector::Base64),
        JsonKind::Array => Some(Vector::Numbers(Json::of(value))),
        JsonKind::Null | JsonKind::Bool | JsonKind::Number | JsonKind::Object => None,
    }
}

/// Appends an answer, its vectors in base64 or as numbers.
pub fn write_answer(answer: &Answer<'_>, base64: bool, out: &mut Vec<u8>) {
    let mut body = Object::open(out);
    body.word("object", "list");
    let out = body.key("data");
    let mut list = List::open(out);
    for (at, vector) in (0..).zip(&answer.vectors) {
        list.next(out);
        let mut item = Object::open(out);
        item.word("object", "embedding");
        item.number("index", at);
        write_vector(vector, base64, item.key("embedding"));
        item.close();
    }
    out.push(b']');
    answer.model.write(body.key("model"));
    let mut usage = Object::open(body.key("usage"));
    usage.number("prompt_tokens", answer.tokens.unwrap_or(0));
    usage.number("total_tokens", answer.tokens.unwrap_or(0));
    usage.close();
    body.close();
}

fn write_vector(vector: &Vector<'_>, base64: bool, out: &mut Vec<u8>) {
    match vector {
        Vector::Numbers(numbers) if base64 => {
            let mut bytes = Vec::new();
            for number in numbers.value().elements() {
                let text = std::str::from_utf8(number.raw()).unwrap_or_default();
                bytes.extend_from_slice(&text.parse().unwrap_or(0.0_f32).to_le_bytes());
            }
            out.push(b'"');
            out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
            out.push(b'"');
        }
        Vector::Numbers(numbers) => numbers.write(out),
        Vector::Base64(text) if base64 => text.write(out),
        Vector::Base64(text) => match STANDARD.decode(text.decode().as_bytes()) {
            Ok(bytes) if bytes.len() % 4 == 0 => write_numbers(&bytes, out),
            // Not what it was said to be: the client may make something of it.
            Ok(_) | Err(_) => text.write(out),
        },
    }
}

fn write_numbers(bytes: &[u8], out: &mut Vec<u8>) {
    let mut list = List::open(out);
    let mut buffer = ryu::Buffer::new();
    for number in bytes.as_chunks::<4>().0 {
        list.next(out);
        let number = f32::from_le_bytes(*number);
        let text = if number.is_finite() { buffer.format_finite(number) } else { "null" };
        out.extend_from_slice(text.as_bytes());
    }
    out.push(b']');
}
