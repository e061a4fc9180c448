//! Embeddings: InvokeModel with the formats of Titan, Cohere and Nova.

use crate::chat::Json;
use crate::chat::Losses;
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
use crate::protocol::Garbage;
use crate::protocol::Target;

/// Most texts of one call to Cohere.
const COHERE_BATCH: usize = 96;

/// Whose format a model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `amazon.titan-embed-text-v1`, and what is like it: text alone.
    TitanV1,
    /// `amazon.titan-embed-text-v2`: with a length.
    TitanV2,
    /// `cohere.embed-english-v3` and its like.
    CohereV3,
    /// `cohere.embed-v4`: with a length.
    CohereV4,
    /// `amazon.nova-2-multimodal-embeddings`.
    Nova,
}

/// The family of a model, if it makes embeddings. The region or an ARN before its id does not matter.
#[must_use]
pub fn family(model: &str) -> Option<Family> {
    let known = [
        ("titan-embed-text-v2", Family::TitanV2),
        ("titan-embed", Family::TitanV1),
        ("cohere.embed-v4", Family::CohereV4),
        ("cohere.embed", Family::CohereV3),
        ("multimodal-embeddings", Family::Nova),
    ];
    known.into_iter().find(|(part, _)| model.contains(part)).map(|(_, family)| family)
}

/// How many inputs one call takes.
#[must_use]
pub fn batch(model: &str) -> usize {
    match family(model) {
        Some(Family::CohereV3 | Family::CohereV4) => COHERE_BATCH,
        Some(Family::TitanV1 | Family::TitanV2 | Family::Nova) | None => 1,
    }
}

/// Appends the body of one call, for `inputs` of `request`, at most [`batch`] of them.
///
/// # Errors
/// A 400 that names the field which cannot be carried; nothing is appended then.
pub fn write_request(
    inputs: &[Input<'_>],
    request: &Request<'_>,
    target: &Target<'_>,
    out: &mut Vec<u8>,
    losses: &mut Losses,
) -> Result<(), Error> {
    let family = family(target.model).ok_or_else(|| {
        Error::field("model", "the model is none of those on Bedrock that make embeddings")
    })?;
    let texts = inputs.iter().map(text).collect::<Result<Vec<_>, _>>()?;
    if texts.is_empty() || texts.len() > batch(target.model) {
        return Err(Error::field("input", "`input` has too few or too many texts for one call"));
    }
    let has_length = matches!(family, Family::TitanV2 | Family::CohereV4 | Family::Nova);
    if request.dimensions.is_some() && !has_length {
        let message = "the vectors of this model have one length only";
        return Err(Error::field("dimensions", message));
    }
    losses.drop_if(request.user.is_some(), "user");
    let mut body = Object::open(out);
    match family {
        Family::TitanV1 | Family::TitanV2 => {
            body.text("inputText", texts.first().copied().unwrap_or(&Text::default()));
            if let Some(length) = request.dimensions {
                body.number("dimensions", length);
            }
            write_extras(request, &["normalize"], &mut body, losses);
        }
        Family::CohereV3 | Family::CohereV4 => write_cohere(&texts, request, &mut body, losses),
        Family::Nova => {
            write_nova(texts.first().copied(), request, &mut body);
            write_extras(request, &[], &mut body, losses);
        }
    }
    body.close();
    Ok(())
}

fn text<'i, 'a>(input: &'i Input<'a>) -> Result<&'i Text<'a>, Error> {
    match input {
        Input::Text(text) => Ok(text),
        Input::Tokens(_) => {
            let message = "`input` must be text: tokens mean nothing to this model";
            Err(Error::field("input", message))
        }
    }
}

fn write_cohere(
    texts: &[&Text<'_>],
    request: &Request<'_>,
    body: &mut Object<'_>,
    losses: &mut Losses,
) {
    let out = body.key("texts");
    let mut list = List::open(out);
    for text in texts {
        list.next(out);
        text.write(out);
    }
    out.push(b']');
    if !request.extra.iter().any(|extra| extra.name == "input_type") {
        body.word("input_type", "search_document");
    }
    body.key("embedding_types").extend_from_slice(br#"["float"]"#);
    if let Some(length) = request.dimensions {
        body.number("output_dimension", length);
    }
    write_extras(request, &["input_type", "truncate"], body, losses);
}

fn write_nova(text: Option<&Text<'_>>, request: &Request<'_>, body: &mut Object<'_>) {
    body.word("taskType", "SINGLE_EMBEDDING");
    let mut parameters = Object::open(body.key("singleEmbeddingParams"));
    parameters.word("embeddingPurpose", "GENERIC_INDEX");
    if let Some(length) = request.dimensions {
        parameters.number("embeddingDimension", length);
    }
    let mut inner = Object::open(parameters.key("text"));
    inner.word("truncationMode", "NONE");
    inner.text("value", text.unwrap_or(&Text::default()));
    inner.close();
    parameters.close();
}

/// Clients say in the words of the model what no other has words for.
fn write_extras(request: &Request<'_>, taken: &[&str], body: &mut Object<'_>, losses: &mut Losses) {
    for extra in &request.extra {
        if taken.contains(&&*extra.name) {
            extra.value.write(body.any_key(&extra.name));
        } else {
            losses.drop(extra.name.clone().into_owned());
        }
    }
}

/// Reads the answer of one call. Cohere and Nova tell their tokens in the header
/// `x-amzn-bedrock-input-token-count` alone.
///
/// # Errors
/// Where there are no vectors.
pub fn read_answer(body: &[u8]) -> Result<Answer<'_>, Garbage> {
    let value = json::validate(body)?;
    let tokens = value.get("inputTextTokenCount").and_then(Value::as_u64);
    let list = value.get("embeddings");
    let by_type = list.and_then(|list| list.get("float")).or(list);
    let vectors = match value.get("embedding").or_else(|| float(value)) {
        Some(vector) => vec![numbers(vector)?],
        None => by_type
            .ok_or_else(|| Garbage::new("an answer without embeddings"))?
            .elements()
            .map(|vector| numbers(vector.get("embedding").unwrap_or(vector)))
            .collect::<Result<_, _>>()?,
    };
    if vectors.is_empty() {
        return Err(Garbage::new("an answer without embeddings"));
    }
    Ok(Answer { model: Text::default(), vectors, tokens })
}

fn float(value: Value<'_>) -> Option<Value<'_>> {
    value.get("embeddingsByType")?.get("float")
}

fn numbers(vector: Value<'_>) -> Result<Vector<'_>, Garbage> {
    if vector.kind() != JsonKind::Array {
        return Err(Garbage::new("an embedding that is no array"));
    }
    Ok(Vector::Numbers(Json::of(vector)))
}
