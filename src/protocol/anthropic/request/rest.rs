//! What a request says beside its turns and tools.

use crate::chat::Extra;
use crate::chat::Format;
use crate::chat::Json;
use crate::chat::Losses;
use crate::chat::Request;
use crate::chat::Text;
use crate::chat::ThinkingRule;
use crate::codec::json::List;
use crate::codec::json::Object;
use crate::error::Error;
use crate::protocol::Target;
use crate::protocol::anthropic::is_own;
use crate::protocol::anthropic::request::schema;
use crate::protocol::anthropic::request::think::Think;
use crate::protocol::anthropic::request::tools::Shape;
use crate::protocol::described;

/// Members whose own members are kept one by one, named `outer.inner`.
const NESTED: [&str; 4] = ["thinking", "output_config", "metadata", "tool_choice"];

/// Writes Anthropic's own members of the object `within`.
pub fn write_own(request: &Request<'_>, within: &str, object: &mut Object<'_>) {
    for extra in request.extra.iter().filter(|extra| is_own(extra)) {
        let inner = extra.name.strip_prefix(within).and_then(|rest| rest.strip_prefix('.'));
        if let Some(inner) = inner {
            extra.value.write(object.any_key(inner));
        }
    }
}

/// Whether a member of the body stands in one of its objects.
fn is_nested(extra: &Extra<'_>) -> bool {
    let outer = extra.name.split_once('.').map(|(outer, _)| outer);
    outer.is_some_and(|outer| NESTED.contains(&outer))
}

/// Writes `thinking` and `output_config`.
pub fn write_thinking(
    request: &Request<'_>,
    shape: &Shape<'_, '_>,
    think: &Think,
    body: &mut Object<'_>,
    losses: &mut Losses,
) {
    body.section("thinking", |object| {
        think.write(object);
        if think.kind.is_some() {
            write_own(request, "thinking", object);
        }
    });
    body.section("output_config", |object| {
        if let Some(effort) = think.effort {
            object.word("effort", effort.as_str());
        }
        if let Shape::Native(Format::Schema { schema, description, .. }) = shape {
            let schema = described::schema(schema, description.as_ref(), losses);
            let mut format = Object::open(object.key("format"));
            format.word("type", "json_schema");
            format.key("schema").extend_from_slice(&schema::strict(schema.value()));
            format.close();
        }
        write_own(request, "output_config", object);
    });
}

/// Writes `stop_sequences`. Whitespace alone stops nothing.
pub fn write_stop(request: &Request<'_>, body: &mut Object<'_>, losses: &mut Losses) {
    let mut words = request.stop.iter().filter(|word| !word.is_blank()).peekable();
    losses.drop_if(request.stop.iter().any(Text::is_blank), "stop");
    if words.peek().is_none() {
        return;
    }
    let out = body.key("stop_sequences");
    let mut list = List::open(out);
    for word in words {
        list.next(out);
        word.write(out);
    }
    out.push(b']');
}

/// Writes how tokens are chosen, as far as the model lets anyone.
pub fn write_sampling(
    request: &Request<'_>,
    target: &Target<'_>,
    think: &Think,
    body: &mut Object<'_>,
    losses: &mut Losses,
) {
    let facts = target.facts;
    let known = facts.thinking != ThinkingRule::Unknown;
    let restricted = known && think.restricts();
    let mut warm = false;
    if let Some(temperature) = &request.sampling.temperature {
        let told = temperature.number().unwrap_or(1.0);
        if !facts.sampling || (restricted && told < 1.0) {
            losses.drop_number(Some(temperature), 1.0, "temperature");
        } else if told > 1.0 {
            losses.drop("temperature");
            body.number("temperature", 1);
            warm = true;
        } else {
            temperature.write(body.key("temperature"));
            warm = true;
        }
    }
    if let Some(top_p) = &request.sampling.top_p {
        let told = top_p.number().unwrap_or(1.0);
        let second = warm && !facts.sampling_together;
        if !facts.sampling || second || (restricted && told < 0.95) {
            losses.drop_number(Some(top_p), 1.0, "top_p");
        } else {
            top_p.write(body.key("top_p"));
        }
    }
    if let Some(top_k) = &request.sampling.top_k {
        if !facts.sampling || restricted {
            losses.drop("top_k");
        } else {
            top_k.write(body.key("top_k"));
        }
    }
}

/// Writes `metadata`, `service_tier` and what is Anthropic's own.
pub fn write_rest(request: &Request<'_>, body: &mut Object<'_>, losses: &mut Losses) {
    body.section("metadata", |object| {
        if let Some(user) = &request.user {
            object.text("user_id", user);
        }
        write_own(request, "metadata", object);
    });
    match request.tier.as_ref().map(Text::decode).as_deref() {
        Some("auto") => body.word("service_tier", "auto"),
        Some("default") => body.word("service_tier", "standard_only"),
        Some(_) => losses.drop("service_tier"),
        None => {}
    }
    for extra in request.extra.iter().filter(|extra| is_own(extra) && !is_nested(extra)) {
        extra.value.write(body.any_key(&extra.name));
    }
}

/// Writes the members that count for the prompt and are Anthropic's own.
pub fn write_counted(request: &Request<'_>, body: &mut Object<'_>) {
    const COUNTED: [&str; 3] = ["mcp_servers", "context_management", "container"];
    let counted = request.extra.iter().filter(|extra| is_own(extra));
    for extra in counted.filter(|extra| COUNTED.contains(&&*extra.name)) {
        extra.value.write(body.any_key(&extra.name));
    }
}

/// Several answers to one request are nothing that could be left out quietly: a client counts on
/// the second.
pub fn one_answer(request: &Request<'_>) -> Result<(), Error> {
    match request.choices {
        None | Some(0 | 1) => Ok(()),
        Some(_) => Err(Error::field("n", "`n`: this model's provider gives one answer only")),
    }
}

/// Tells what Anthropic has no words for.
pub fn tell_losses(request: &Request<'_>, losses: &mut Losses) {
    let sampling = &request.sampling;
    losses.drop_number(sampling.min_p.as_ref(), 0.0, "min_p");
    losses.drop_if(sampling.seed.is_some(), "seed");
    losses.drop_number(sampling.presence_penalty.as_ref(), 0.0, "presence_penalty");
    losses.drop_number(sampling.frequency_penalty.as_ref(), 0.0, "frequency_penalty");
    losses.drop_if(request.logprobs == Some(true), "logprobs");
    losses.drop_if(request.top_logprobs.is_some_and(|n| n > 0), "top_logprobs");
    let says = |metadata: &Json<'_>| !metadata.is_empty();
    losses.drop_if(request.metadata.as_ref().is_some_and(says), "metadata");
    // Usage is told in every stream, so nothing is lost of a wish for it.
    let foreign = request.extra.iter().filter(|extra| !is_own(extra));
    for extra in foreign.filter(|extra| extra.name != "stream_options") {
        losses.drop_extra(extra);
    }
}
