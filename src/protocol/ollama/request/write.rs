//! The vocabulary as a request for an upstream of this format.

use crate::chat;
use crate::chat::Effort;
use crate::chat::Facts;
use crate::chat::Format;
use crate::chat::Json;
use crate::chat::Losses;
use crate::chat::Protocol;
use crate::chat::Text;
use crate::chat::Thinking;
use crate::chat::ThinkingMode;
use crate::chat::ThinkingRule;
use crate::chat::Tool;
use crate::chat::ToolChoice;
use crate::chat::ToolKind;
use crate::codec::json;
use crate::codec::json::Kind as JsonKind;
use crate::codec::json::List;
use crate::codec::json::Object;
use crate::error::Error;
use crate::protocol::Target;
use crate::protocol::described;
use crate::protocol::fields::Named;
use crate::protocol::ollama::request::fields::Field;
use crate::protocol::ollama::request::write_turns;
use crate::protocol::whole;

/// How a carried member of `options` is named.
const OPTION: &str = "options.";

/// Appends the body of a request to the model `target.model`.
///
/// # Errors
/// A 400 that names the field which cannot be carried faithfully; nothing is appended then.
pub fn write(
    request: &chat::Request<'_>,
    target: &Target<'_>,
    out: &mut Vec<u8>,
    losses: &mut Losses,
) -> Result<(), Error> {
    whole(out, |out| write_body(request, target, out, losses))
}

fn write_body(
    request: &chat::Request<'_>,
    target: &Target<'_>,
    out: &mut Vec<u8>,
    losses: &mut Losses,
) -> Result<(), Error> {
    if request.choices.is_some_and(|count| count > 1) {
        // Nothing that could be left out quietly: a client counts on the second.
        return Err(Error::field("n", "`n`: this model's provider gives one answer only"));
    }
    let mut body = Object::open(out);
    json::write_str(body.key("model"), target.model);
    write_turns::write(request, target, body.key("messages"), losses)?;
    // What is not told not to stream does.
    body.truth("stream", request.stream);
    tools(request, &mut body, losses)?;
    match &request.format {
        Some(Format::Object) => body.word("format", "json"),
        Some(Format::Schema { schema, description, .. }) => {
            let schema = described::schema(schema, description.as_ref(), losses);
            schema.write(body.key("format"));
        }
        Some(Format::Text) | None => {}
    }
    if let Some(think) = think(&request.thinking, target.facts, losses) {
        body.fixed("think", think);
    }
    body.section("options", |options| write_options(request, options));
    if let Some(wanted) = request.logprobs {
        body.truth("logprobs", wanted);
    }
    if let Some(count) = request.top_logprobs {
        body.number("top_logprobs", count);
    }
    for extra in &request.extra {
        if extra.by != Protocol::Ollama {
            losses.drop_extra(extra);
        } else if !extra.name.starts_with(OPTION) {
            extra.value.write(body.any_key(&extra.name));
        }
    }
    body.close();
    note_losses(request, losses);
    Ok(())
}

fn write_options(request: &chat::Request<'_>, options: &mut Object<'_>) {
    // Zero and less mean no cap.
    if let Some(most) = request.max_tokens.filter(|most| *most > 0) {
        options.number("num_predict", most);
    }
    let sampling = &request.sampling;
    for (name, value) in [
        ("temperature", &sampling.temperature),
        ("top_p", &sampling.top_p),
        ("top_k", &sampling.top_k),
        ("min_p", &sampling.min_p),
        ("seed", &sampling.seed),
        ("presence_penalty", &sampling.presence_penalty),
        ("frequency_penalty", &sampling.frequency_penalty),
    ] {
        if let Some(value) = value {
            value.write(options.key(name));
        }
    }
    if !request.stop.is_empty() {
        let out = options.key("stop");
        let mut list = List::open(out);
        for text in &request.stop {
            list.next(out);
            text.write(out);
        }
        out.push(b']');
    }
    for extra in request.extra.iter().filter(|extra| extra.by == Protocol::Ollama) {
        if let Some(name) = extra.name.strip_prefix(OPTION) {
            extra.value.write(options.any_key(name));
        }
    }
}

/// What there are no words for here.
fn note_losses(request: &chat::Request<'_>, losses: &mut Losses) {
    losses.drop_if(request.max_tokens == Some(0), "max_tokens");
    let one_by_one = request.parallel_tools == Some(false) && !request.tools.is_empty();
    losses.drop_if(one_by_one, "parallel_tool_calls");
    let usual = |tier: &Text<'_>| tier.is("auto") || tier.is("default");
    losses.drop_if(request.tier.as_ref().is_some_and(|tier| !usual(tier)), "service_tier");
    losses.drop_if(request.user.is_some(), "user");
    let says = |metadata: &Json<'_>| !metadata.is_empty();
    losses.drop_if(request.metadata.as_ref().is_some_and(says), "metadata");
    losses.drop_if(request.cache.is_some(), "cache_control");
}

/// Tools, as far as they may be called: there is no other way to say that one may not.
fn tools(
    request: &chat::Request<'_>,
    body: &mut Object<'_>,
    losses: &mut Losses,
) -> Result<(), Error> {
    let allowed: Option<&[Text<'_>]> = match &request.tool_choice {
        None | Some(ToolChoice::Auto) => None,
        Some(ToolChoice::None) => return Ok(()),
        Some(ToolChoice::Required | ToolChoice::Named(_)) => {
            losses.drop("tool_choice");
            None
        }
        Some(ToolChoice::Allowed { required, names }) => {
            losses.drop_if(*required, "tool_choice");
            Some(names)
        }
    };
    let may = |tool: &&Tool<'_>| allowed.is_none_or(|names| names.contains(&tool.name));
    let mut tools = request.tools.iter().filter(may).peekable();
    if tools.peek().is_none() {
        return Ok(());
    }
    let out = body.key("tools");
    let mut list = List::open(out);
    for tool in tools {
        list.next(out);
        write_tool(tool, out, losses)?;
    }
    out.push(b']');
    Ok(())
}

fn write_tool(tool: &Tool<'_>, out: &mut Vec<u8>, losses: &mut Losses) -> Result<(), Error> {
    let schema = match &tool.kind {
        ToolKind::Function(schema) => schema.as_ref(),
        ToolKind::Own(own) if own.by == Protocol::Ollama => {
            own.value.write(out);
            return Ok(());
        }
        ToolKind::Own(_) | ToolKind::Custom(_) => {
            let kind =
                "has a tool other than a function, which this model's provider does not take";
            return Err(Field::Tools.wrong(kind));
        }
    };
    if schema.is_some_and(|schema| schema.value().kind() != JsonKind::Object) {
        return Err(Field::Tools.wrong("has `parameters` that are no object"));
    }
    let mut object = Object::open(out);
    object.word("type", "function");
    let mut function = Object::open(object.key("function"));
    tool.name.write(function.key("name"));
    if let Some(description) = &tool.description {
        description.write(function.key("description"));
    }
    match schema {
        Some(schema) => schema.write(function.key("parameters")),
        None => function.fixed("parameters", r#"{"type":"object","properties":{}}"#),
    }
    let own = || tool.extra.iter().filter(|extra| extra.by == Protocol::Ollama);
    for extra in own() {
        if let Some(name) = extra.name.strip_prefix(write_turns::FUNCTION) {
            extra.value.write(function.any_key(name));
        }
    }
    function.close();
    for extra in own().filter(|extra| !extra.name.starts_with(write_turns::FUNCTION)) {
        extra.value.write(object.any_key(&extra.name));
    }
    object.close();
    losses.drop_if(tool.strict == Some(true), "strict");
    losses.drop_if(tool.cache.is_some(), "cache_control");
    write_turns::foreign(&tool.extra, losses);
    Ok(())
}

/// How much to think, where the client says anything about it.
fn think(wish: &Thinking, facts: &Facts, losses: &mut Losses) -> Option<&'static str> {
    let off = wish.mode == Some(ThinkingMode::Off) || wish.effort == Some(Effort::None);
    if off {
        losses.drop_if(facts.always_thinks, "reasoning_effort");
        let told = !facts.always_thinks && facts.thinking != ThinkingRule::Never;
        return told.then_some("false");
    }
    let word = match wish.effort.or(wish.budget.map(guess)) {
        Some(Effort::None | Effort::Minimal | Effort::Low) => "\"low\"",
        Some(Effort::Medium) => "\"medium\"",
        Some(Effort::High) => "\"high\"",
        Some(Effort::Xhigh | Effort::Max) => "\"max\"",
        None => match wish.mode {
            Some(ThinkingMode::On | ThinkingMode::Adaptive) => "true",
            Some(ThinkingMode::BetweenTools) => {
                losses.drop("thinking");
                return None;
            }
            Some(ThinkingMode::Off) | None => return None,
        },
    };
    if facts.thinking == ThinkingRule::Never {
        losses.drop("reasoning_effort");
        return None;
    }
    Some(word)
}

/// The effort that comes nearest to a number of tokens.
const fn guess(budget: u64) -> Effort {
    match budget {
        0..=1024 => Effort::Low,
        1025..=8192 => Effort::Medium,
        8193.. => Effort::High,
    }
}
