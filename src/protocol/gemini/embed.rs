//! Embeddings: `batchEmbedContents`, and `embedContent` as clients use it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::chat::Extra;
use crate::chat::Json;
use crate::chat::Losses;
use crate::chat::Text;
use crate::chat::embed::Answer;
use crate::chat::embed::Input;
use crate::chat::embed::Request;
use crate::chat::embed::Vector;
use crate::codec::json;
use crate::codec::json::Kind as JsonKind;
use crate::codec::json::Str;
use crate::codec::json::Value;
use crate::error::Error;
use crate::error::Kind;
use crate::protocol::Garbage;
use crate::protocol::Target;
use crate::protocol::gemini::count;
use crate::protocol::gemini::names;
use crate::protocol::gemini::out;

/// Which of the two paths was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `batchEmbedContents`.
    Batch,
    /// `embedContent`: one vector.
    Single,
}

/// Writes a request of `batchEmbedContents`. Nothing is written where it fails.
///
/// # Errors
/// A 400 for tokens in place of text.
pub fn write_request(
    request: &Request<'_>,
    target: &Target<'_>,
    out: &mut Vec<u8>,
    losses: &mut Losses,
) -> Result<(), Error> {
    let start = out.len();
    out.extend_from_slice(b"{\"requests\":[");
    for input in &request.inputs {
        let Input::Text(text) = input else {
            out.truncate(start);
            return Err(Error::field("input", "this provider embeds text only, not tokens"));
        };
        out::comma(out);
        out.push(b'{');
        count::model(out, target.model);
        out::name(out, "content");
        out.extend_from_slice(b"{\"parts\":[{");
        out::text(out, "text", text);
        out.extend_from_slice(b"}]}");
        if let Some(dimensions) = request.dimensions {
            out::number(out, "outputDimensionality", dimensions);
        }
        out::extras(out, &request.extra, losses);
        out.push(b'}');
    }
    losses.drop_if(request.user.is_some(), "user");
    out.extend_from_slice(b"]}");
    Ok(())
}

/// Reads a request of either path.
///
/// # Errors
/// A 400 that names the byte or the field.
pub fn read_request(body: &[u8]) -> Result<Request<'_>, Error> {
    let bad = |error| Error::new(Kind::BadRequest, format!("the request body: {error}"));
    let value = json::validate(body).map_err(bad)?;
    let Some(requests) = names::get(value, "requests") else { return one(value) };
    let mut all = names::each(requests).map(one);
    let first = all.next().ok_or_else(|| Error::field("requests", "`requests` is empty"))?;
    let mut whole = first?;
    for next in all {
        let next = next?;
        if (next.dimensions, &next.extra, &next.model)
            != (whole.dimensions, &whole.extra, &whole.model)
        {
            let message = "all of `requests` must ask for the same but for their content";
            return Err(Error::field("requests", message));
        }
        whole.inputs.extend(next.inputs);
    }
    Ok(whole)
}

fn one(value: Value<'_>) -> Result<Request<'_>, Error> {
    if value.kind() != JsonKind::Object {
        return Err(Error::field("requests", "a request must be an object"));
    }
    let (model, mut extra) = (Text::default(), Vec::<Extra<'_>>::new());
    let (mut input, mut dimensions, mut name) = (None, None, model);
    for member in value.members().filter(|member| !member.value.is_null()) {
        match &*names::camel(member.key) {
            b"model" => {
                let model = member.value.as_str().map(Str::raw).unwrap_or_default();
                let model = model.strip_prefix(b"models/").unwrap_or(model);
                name = Text::of(Str::trusted(model));
            }
            b"content" => input = Some(text(member.value)?),
            b"outputDimensionality" => {
                let wrong = || Error::field("outputDimensionality", "it must be an integer");
                dimensions = Some(names::number(member.value).ok_or_else(wrong)?);
            }
            _ => extra.push(names::extra(&member)),
        }
    }
    let input = input.ok_or_else(|| Error::field("content", "`content` is missing"))?;
    let inputs = vec![Input::Text(input)];
    Ok(Request { model: name, inputs, dimensions, base64: false, user: None, extra })
}

/// The text of a content: its parts, one behind the other.
fn text(content: Value<'_>) -> Result<Text<'_>, Error> {
    let mut whole: Option<Text<'_>> = None;
    for part in names::get(content, "parts").into_iter().flat_map(names::each) {
        let more = names::get(part, "text").and_then(Text::from_value);
        let more = more.ok_or_else(|| Error::field("content", "`content` may hold text only"))?;
        match &mut whole {
            Some(whole) => whole.push(&more),
            None => whole = Some(more),
        }
    }
    whole.ok_or_else(|| Error::field("content", "`content` has no parts"))
}

/// Reads an answer of either path.
///
/// # Errors
/// Where it has no vectors.
pub fn read_answer(body: &[u8]) -> Result<Answer<'_>, Garbage> {
    let value = json::validate(body)?;
    let list = names::get(value, "embeddings").or_else(|| names::get(value, "embedding"));
    let list = list.ok_or_else(|| Garbage::new("`embeddings` is missing"))?;
    let mut answer = Answer::default();
    for embedding in names::each(list) {
        let values = names::get(embedding, "values");
        let values = values.filter(|values| values.kind() == JsonKind::Array);
        let values = values.ok_or_else(|| Garbage::new("an embedding has no `values`"))?;
        answer.vectors.push(Vector::Numbers(Json::of(values)));
    }
    let usage = names::get(value, "usageMetadata");
    answer.tokens =
        usage.and_then(|usage| names::get(usage, "promptTokenCount")).and_then(names::number);
    Ok(answer)
}

/// Appends an answer.
pub fn write_answer(answer: &Answer<'_>, shape: Shape, out: &mut Vec<u8>) {
    out.push(b'{');
    match (shape, answer.vectors.first()) {
        (Shape::Single, Some(first)) => {
            out::name(out, "embedding");
            vector(first, out);
        }
        (Shape::Single | Shape::Batch, _) => {
            out::name(out, "embeddings");
            out.push(b'[');
            for one in &answer.vectors {
                out::comma(out);
                vector(one, out);
            }
            out.push(b']');
        }
    }
    if let Some(tokens) = answer.tokens {
        out::name(out, "usageMetadata");
        out.push(b'{');
        out::number(out, "promptTokenCount", tokens);
        out.push(b'}');
    }
    out.push(b'}');
}

fn vector(vector: &Vector<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"values\":");
    match vector {
        Vector::Numbers(values) => values.write(out),
        Vector::Base64(text) => {
            out.push(b'[');
            let bytes = STANDARD.decode(text.decode().as_bytes()).unwrap_or_default();
            for bits in bytes.chunks_exact(4) {
                let number = f32::from_le_bytes(bits.try_into().unwrap_or_default());
                out::comma(out);
                // JSON has no word for what is not a number.
                out::display(out, if number.is_finite() { number } else { 0.0 });
            }
            out.push(b']');
        }
    }
    out.push(b'}');
}
