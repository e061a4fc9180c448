//! What a request says beside its turns and tools.

use crate::chat::Extra;
use crate::chat::Format;
use crate::chat::Json;
use crate::chat::Losses;
use crate::chat::Protocol;
use crate::chat::Request;
use crate::chat::Text;
use crate::chat::ThinkingRule;
use crate::codec::json::List;
use crate::codec::json::Object;
use crate::codec::json::Value;
use crate::error::Error;
use crate::protocol::Target;
use crate::protocol::bedrock::request::NESTED;
use crate::protocol::bedrock::request::think::Think;
use crate::protocol::bedrock::request::think::is_claude;
use crate::protocol::bedrock::request::tools::Shape;

/// Most pairs of `requestMetadata`.
const MAX_PAIRS: usize = 16;

/// The names by which models are told to think.
const THINKING: [&str; 4] = ["thinking", "reasoningConfig", "reasoning", "reasoning_effort"];

/// Bedrock's own members of the object `within`, with their names in it.
fn own_of<'r, 'a>(
    request: &'r Request<'a>,
    within: &'static str,
) -> impl Iterator<Item = (&'r str, &'r Extra<'a>)> {
    request
        .extra
        .iter()
        .filter(|extra| extra.by == Protocol::Bedrock)
        .filter_map(move |extra| Some((extra.name.strip_prefix(within)?.strip_prefix('.')?, extra)))
}

/// Writes them.
pub fn write_own(request: &Request<'_>, within: &'static str, object: &mut Object<'_>) {
    own_of(request, within).for_each(|(name, extra)| extra.value.write(object.any_key(name)));
}

/// Writes `inferenceConfig`.
///
/// # Errors
/// A 400 that names the field.
pub fn write_inference(
    request: &Request<'_>,
    target: &Target<'_>,
    think: &Think,
    body: &mut Object<'_>,
    losses: &mut Losses,
) -> Result<(), Error> {
    body.section("inferenceConfig", |config| {
        match request.max_tokens {
            Some(0) => {
                let message = "Bedrock generates one token at least";
                return Err(Error::field("max_tokens", message));
            }
            Some(max) => config.number("maxTokens", max),
            None => {}
        }
        write_sampling(request, target, think, config, losses);
        // Claude refuses what is only space; an empty one nobody takes.
        let claude = is_claude(target.model);
        let stops = |word: &&Text<'_>| !(word.is_empty() || claude && word.is_blank());
        losses.drop_if(!request.stop.iter().all(|word| stops(&word)), "stop");
        let mut stops = request.stop.iter().filter(stops).peekable();
        if stops.peek().is_some() {
            let out = config.key("stopSequences");
            let mut list = List::open(out);
            for word in stops {
                list.next(out);
                word.write(out);
            }
            out.push(b']');
        }
        write_own(request, "inferenceConfig", config);
        Ok(())
    })
}

/// Temperature and `topP`, as far as the model takes them.
fn write_sampling(
    request: &Request<'_>,
    target: &Target<'_>,
    think: &Think,
    config: &mut Object<'_>,
    losses: &mut Losses,
) {
    let facts = target.facts;
    let restricted = restricts(think, target);
    let taken = facts.sampling && !think.fixes();
    let tell = |losses: &mut Losses, number: &Json<'_>, field| match think.fixes() {
        // What counts then is not known.
        true => losses.drop(field),
        false => losses.drop_number(Some(number), 1.0, field),
    };
    let mut warm = false;
    if let Some(temperature) = &request.sampling.temperature {
        let told = temperature.number().unwrap_or(1.0);
        if !taken || (restricted && told < 1.0) {
            tell(losses, temperature, "temperature");
        } else {
            losses.drop_if(told > 1.0, "temperature");
            let out = config.key("temperature");
            if told > 1.0 {
                out.push(b'1')
            } else {
                temperature.write(out)
            }
            warm = true;
        }
    }
    if let Some(top_p) = &request.sampling.top_p {
        let low = top_p.number().is_some_and(|told| told < 0.95);
        let second = warm && !facts.sampling_together;
        if !taken || second || (restricted && low) {
            tell(losses, top_p, "top_p");
        } else {
            top_p.write(config.key("topP"));
        }
    }
}

/// Whether thinking leaves no choice of how tokens are chosen.
fn restricts(think: &Think, target: &Target<'_>) -> bool {
    target.facts.thinking != ThinkingRule::Unknown && think.restricts()
}

/// Writes `additionalModelRequestFields`.
///
/// # Errors
/// None; the type is that of the other sections.
pub fn write_additional(
    request: &Request<'_>,
    target: &Target<'_>,
    think: &Think,
    body: &mut Object<'_>,
    losses: &mut Losses,
) -> Result<(), Error> {
    const FIELD: &str = "additionalModelRequestFields";
    body.section(FIELD, |fields| {
        let said = |(name, _): (&str, _)| THINKING.contains(&name);
        if !own_of(request, FIELD).any(said) {
            think.write(fields);
        }
        if let Some(top_k) = &request.sampling.top_k {
            let taken = is_claude(target.model) && target.facts.sampling;
            if taken && !restricts(think, target) {
                top_k.write(fields.key("top_k"));
            } else {
                losses.drop("top_k");
            }
        }
        write_own(request, FIELD, fields);
        Ok(())
    })
}

/// Writes `outputConfig`.
///
/// # Errors
/// None; the type is that of the other sections.
pub fn write_output(
    request: &Request<'_>,
    shape: &Shape<'_, '_>,
    think: &Think,
    body: &mut Object<'_>,
) -> Result<(), Error> {
    body.section("outputConfig", |config| {
        if let Shape::Native(Format::Schema { name, description, schema, .. }) = shape {
            let mut format = Object::open(config.key("textFormat"));
            format.word("type", "json_schema");
            let mut structure = Object::open(format.key("structure"));
            let mut definition = Object::open(structure.key("jsonSchema"));
            definition.string("schema", std::str::from_utf8(schema.raw()).unwrap_or_default());
            for (key, text) in [("name", name), ("description", description)] {
                if let Some(text) = text {
                    definition.text(key, text);
                }
            }
            definition.close();
            structure.close();
            format.close();
        }
        let own = own_of(request, "outputConfig").any(|(name, _)| name == "effort");
        if let Some(effort) = think.effort.filter(|_| !own) {
            config.word("effort", effort.as_str());
        }
        write_own(request, "outputConfig", config);
        Ok(())
    })
}

/// Writes `requestMetadata`, `serviceTier` and what is Bedrock's own.
///
/// # Errors
/// None; the type is that of the other sections.
pub fn write_rest(
    request: &Request<'_>,
    body: &mut Object<'_>,
    losses: &mut Losses,
) -> Result<(), Error> {
    if let Some(metadata) = &request.metadata {
        write_metadata(metadata.value(), body, losses)?;
    }
    body.section("serviceTier", |object| {
        if let Some(tier) = &request.tier {
            match tier.decode().as_ref() {
                // What is used where nothing is said.
                "auto" => {}
                "default" | "flex" | "priority" | "reserved" => object.text("type", tier),
                "fast" => object.word("type", "priority"),
                _ => losses.drop("service_tier"),
            }
        }
        write_own(request, "serviceTier", object);
        Ok::<(), Error>(())
    })?;
    for extra in &request.extra {
        let outer = extra.name.split_once('.').map(|(outer, _)| outer);
        if extra.by == Protocol::Bedrock && outer.is_none_or(|outer| !NESTED.contains(&outer)) {
            extra.value.write(body.any_key(&extra.name));
        }
    }
    Ok(())
}

fn write_metadata(
    metadata: Value<'_>,
    body: &mut Object<'_>,
    losses: &mut Losses,
) -> Result<(), Error> {
    body.section("requestMetadata", |object| {
        for (at, pair) in metadata.members().enumerate() {
            let key = pair.key.decode();
            let value = Text::from_value(pair.value).filter(|value| {
                let value = value.decode();
                at < MAX_PAIRS && is_taken(&key) && is_taken(&value) && !key.is_empty()
            });
            match value {
                Some(value) => value.write(object.any_key(&key)),
                None => losses.drop("metadata"),
            }
        }
        Ok(())
    })
}

/// Whether a key or a value of `requestMetadata` fits the service's pattern.
fn is_taken(text: &str) -> bool {
    let allowed =
        |c: char| c.is_ascii_alphanumeric() || c.is_ascii_whitespace() || ":_@$#=/+,-.".contains(c);
    text.len() <= 256 && text.chars().all(allowed)
}

/// Several answers to one request are nothing that could be left out quietly: a client counts on
/// the second.
pub fn one_answer(request: &Request<'_>) -> Result<(), Error> {
    match request.choices {
        None | Some(0 | 1) => Ok(()),
        Some(_) => Err(Error::field("n", "`n`: this model's provider gives one answer only")),
    }
}

/// Tells what Bedrock has no words for.
pub fn tell_losses(request: &Request<'_>, losses: &mut Losses) {
    let sampling = &request.sampling;
    losses.drop_number(sampling.min_p.as_ref(), 0.0, "min_p");
    losses.drop_if(sampling.seed.is_some(), "seed");
    losses.drop_number(sampling.presence_penalty.as_ref(), 0.0, "presence_penalty");
    losses.drop_number(sampling.frequency_penalty.as_ref(), 0.0, "frequency_penalty");
    losses.drop_if(request.logprobs == Some(true), "logprobs");
    losses.drop_if(request.top_logprobs.is_some_and(|n| n > 0), "top_logprobs");
    losses.drop_if(request.user.is_some(), "user");
    let one_by_one = request.parallel_tools == Some(false) && !request.tools.is_empty();
    losses.drop_if(one_by_one, "parallel_tool_calls");
    for extra in &request.extra {
        if extra.by != Protocol::Bedrock {
            losses.drop_extra(extra);
        }
    }
}
