//! Writing `generationConfig`.

use crate::chat::Extra;
use crate::chat::Format;
use crate::chat::Losses;
use crate::chat::Protocol;
use crate::chat::Request;
use crate::codec::json::Value;
use crate::error::Error;
use crate::protocol::Target;
use crate::protocol::described;
use crate::protocol::gemini::out;
use crate::protocol::gemini::request::thinking;
use crate::protocol::gemini::request::write::extras_in;

/// Most stop sequences.
const MAX_STOPS: usize = 5;

/// Appends `generationConfig`, where there is something to say.
pub(super) fn write(
    request: &Request<'_>,
    target: &Target<'_>,
    out: &mut Vec<u8>,
    losses: &mut Losses,
) -> Result<(), Error> {
    let start = out.len();
    out::name(out, "generationConfig");
    out.push(b'{');
    let inside = out.len();
    sampling(request, target, out, losses);
    let counts = [
        ("candidateCount", request.choices),
        ("maxOutputTokens", request.max_tokens),
        ("logprobs", request.top_logprobs),
    ];
    for (name, count) in counts {
        if let Some(count) = count {
            out::number(out, name, count);
        }
    }
    if let Some(wish) = request.logprobs {
        out::raw(out, "responseLogprobs", if wish { b"true" } else { b"false" });
    }
    if request.stop.len() > MAX_STOPS {
        let message = format!("this provider takes at most {MAX_STOPS} stop sequences");
        return Err(Error::field("stop", message));
    }
    if !request.stop.is_empty() {
        out::name(out, "stopSequences");
        out.push(b'[');
        for stop in &request.stop {
            out::comma(out);
            stop.write(out);
        }
        out.push(b']');
    }
    if request.extra.iter().any(asks_for_images) {
        out::raw(out, "responseModalities", br#"["TEXT","IMAGE"]"#);
    }
    format(request, target, out, losses);
    thinking::write(request, target, out, losses);
    extras_in(request, "generationConfig.", out);
    if out.len() == inside {
        out.truncate(start);
    } else {
        out.push(b'}');
    }
    Ok(())
}

/// Whether it is OpenAI's wish for images beside text, as its look-alikes take it.
pub(super) fn asks_for_images(extra: &Extra<'_>) -> bool {
    let value = extra.value.value();
    let word = |each: Value<'_>, word: &str| each.as_str().is_some_and(|each| each.is(word));
    (extra.by, &*extra.name) == (Protocol::Openai, "modalities")
        && value.elements().all(|each| word(each, "text") || word(each, "image"))
        && value.elements().any(|each| word(each, "image"))
}

fn sampling(request: &Request<'_>, target: &Target<'_>, out: &mut Vec<u8>, losses: &mut Losses) {
    let all = &request.sampling;
    let facts = target.facts;
    let both = facts.sampling_together || all.temperature.is_none();
    let numbers = [
        ("temperature", "temperature", &all.temperature, facts.sampling),
        ("topP", "top_p", &all.top_p, facts.sampling && both),
        ("topK", "top_k", &all.top_k, facts.sampling),
        ("seed", "seed", &all.seed, true),
        ("presencePenalty", "presence_penalty", &all.presence_penalty, true),
        ("frequencyPenalty", "frequency_penalty", &all.frequency_penalty, true),
    ];
    for (name, field, number, taken) in numbers {
        match number {
            Some(number) if taken => out::raw(out, name, number.raw()),
            Some(number) if field != "top_k" => losses.drop_number(Some(number), 1.0, field),
            Some(_) => losses.drop(field),
            None => {}
        }
    }
}

fn format(request: &Request<'_>, target: &Target<'_>, out: &mut Vec<u8>, losses: &mut Losses) {
    let mime: &[u8] = match &request.format {
        None => return,
        Some(Format::Text) => b"\"text/plain\"",
        Some(Format::Object | Format::Schema { .. }) => b"\"application/json\"",
    };
    out::raw(out, "responseMimeType", mime);
    // Google always holds the answer to the schema, and has no use for its name.
    if let Some(Format::Schema { name: _, description, schema, strict: _ }) = &request.format {
        if target.facts.json_schema {
            let schema = described::schema(schema, description.as_ref(), losses);
            out::raw(out, "responseJsonSchema", schema.raw());
        } else {
            losses.drop("response_format");
        }
    }
}
