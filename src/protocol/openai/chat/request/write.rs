//! The vocabulary as a request for an upstream of this format.

use crate::chat;
use crate::chat::Effort;
use crate::chat::Extra;
use crate::chat::Json;
use crate::chat::Losses;
use crate::chat::Protocol;
use crate::chat::Thinking;
use crate::chat::ThinkingMode;
use crate::chat::ThinkingRule;
use crate::codec::json;
use crate::codec::json::List;
use crate::codec::json::Object;
use crate::error::Error;
use crate::protocol::Target;
use crate::protocol::openai::chat::MAX_USER;
use crate::protocol::openai::chat::request::write_tools;
use crate::protocol::openai::chat::request::write_turns::Turns;
use crate::protocol::openai::chat::write_short;
use crate::protocol::whole;

/// Most stop sequences that are taken.
const MAX_STOP: usize = 4;

/// Appends the body of a request to the model `target.model`.
///
/// # Errors
/// A 400 that names the field which cannot be carried faithfully.
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
    let mut body = Object::open(out);
    json::write_str(body.key("model"), target.model);
    Turns::new(request, target, losses).write(body.key("messages"))?;
    write_tools::write(request, target.facts, &mut body, losses)?;
    write_tools::format(request.format.as_ref(), target.facts, &mut body, losses);
    thinking(&request.thinking, target.facts, &mut body, losses);
    if let Some(most) = request.max_tokens {
        let known = target.facts.max_completion_tokens;
        let known = known.unwrap_or(target.dialect.max_completion_tokens);
        body.number(if known { "max_completion_tokens" } else { "max_tokens" }, most);
    }
    sampling(request, target, &mut body, losses);
    stop(request, &mut body, losses);
    if let Some(tier) = &request.tier {
        tier.write(body.key("service_tier"));
    }
    user(request, target, &mut body, losses);
    if let Some(metadata) = &request.metadata {
        metadata.write(body.key("metadata"));
    }
    // OpenAI keeps every prompt by itself for a while.
    let kept = target.facts.thinking == ThinkingRule::Effort;
    losses.drop_if(request.cache.is_some() && !kept, "cache_control");
    if request.stream {
        body.fixed("stream", "true");
        stream_options(request, target, &mut body);
    }
    extras(request, &mut body, losses);
    body.close();
    Ok(())
}

fn sampling(
    request: &chat::Request<'_>,
    target: &Target<'_>,
    body: &mut Object<'_>,
    losses: &mut Losses,
) {
    let sampling = &request.sampling;
    let chosen = [
        ("temperature", &sampling.temperature, "1"),
        ("top_p", &sampling.top_p, "1"),
        ("presence_penalty", &sampling.presence_penalty, "0"),
        ("frequency_penalty", &sampling.frequency_penalty, "0"),
    ];
    for (name, value, default) in chosen {
        let Some(value) = value else { continue };
        if target.facts.sampling || is_number(value, default) {
            value.write(body.key(name));
        } else {
            losses.drop(name);
        }
    }
    if let Some(seed) = &sampling.seed {
        seed.write(body.key("seed"));
    }
    losses.drop_if(sampling.top_k.is_some(), "top_k");
    losses.drop_number(sampling.min_p.as_ref(), 0.0, "min_p");
    if let Some(choices) = request.choices {
        body.number("n", choices);
    }
    if let Some(wanted) = request.logprobs {
        body.truth("logprobs", wanted);
    }
    if let Some(count) = request.top_logprobs {
        body.number("top_logprobs", count);
    }
}

/// Whether `value` is this integer, also with zeros behind a point.
fn is_number(value: &Json<'_>, integer: &str) -> bool {
    let rest = value.raw().strip_prefix(integer.as_bytes());
    rest.is_some_and(|rest| match rest.split_first() {
        None => true,
        Some((b'.', zeros)) => zeros.iter().all(|digit| *digit == b'0'),
        Some(_) => false,
    })
}

fn stop(request: &chat::Request<'_>, body: &mut Object<'_>, losses: &mut Losses) {
    if request.stop.is_empty() {
        return;
    }
    losses.drop_if(request.stop.len() > MAX_STOP, "stop");
    let out = body.key("stop");
    let mut list = List::open(out);
    for text in request.stop.iter().take(MAX_STOP) {
        list.next(out);
        text.write(out);
    }
    out.push(b']');
}

fn user(
    request: &chat::Request<'_>,
    target: &Target<'_>,
    body: &mut Object<'_>,
    losses: &mut Losses,
) {
    let Some(user) = &request.user else { return };
    let Some(name) = target.dialect.end_user else {
        losses.drop("user");
        return;
    };
    let out = body.key(name);
    out.push(b'"');
    write_short(user, MAX_USER, out);
    out.push(b'"');
}

/// How hard to think. A wish that cannot be told is reported.
fn thinking(wish: &Thinking, facts: &chat::Facts, body: &mut Object<'_>, losses: &mut Losses) {
    let off = wish.mode == Some(ThinkingMode::Off) || wish.effort == Some(Effort::None);
    let effort = if off { Some(Effort::None) } else { wish.effort.or_else(|| guess(wish)) };
    let Some(effort) = effort else { return };
    let told = match facts.thinking {
        ThinkingRule::Effort | ThinkingRule::Unknown => !(off && facts.always_thinks),
        ThinkingRule::Never if off => return,
        ThinkingRule::Never => false,
        ThinkingRule::Budget
        | ThinkingRule::Adaptive
        | ThinkingRule::BetweenTools
        | ThinkingRule::Level => !off,
    };
    if told {
        json::write_str(body.key("reasoning_effort"), effort.as_str());
    } else {
        losses.drop("reasoning_effort");
    }
}

/// The effort that comes nearest to a number of tokens.
const fn guess(wish: &Thinking) -> Option<Effort> {
    match (wish.budget, wish.mode) {
        (Some(..=1024), _) => Some(Effort::Low),
        (Some(..=8192), _) => Some(Effort::Medium),
        (Some(_), _) => Some(Effort::High),
        (None, Some(ThinkingMode::On)) => Some(Effort::Medium),
        // The model decides, as it does where nothing is said.
        (
            None,
            Some(ThinkingMode::Off | ThinkingMode::Adaptive | ThinkingMode::BetweenTools) | None,
        ) => None,
    }
}

/// A stream tells its usage only when asked to, and we always want it.
fn stream_options(request: &chat::Request<'_>, target: &Target<'_>, body: &mut Object<'_>) {
    body.section("stream_options", |options| {
        if target.dialect.stream_usage {
            options.fixed("include_usage", "true");
        }
        if let Some(own) = request.extra.iter().find(|extra| is_options(extra)) {
            for member in own.value.value().members() {
                let name = member.key.decode();
                if name != "include_usage" {
                    options.any_key(&name).extend_from_slice(member.value.raw());
                }
            }
        }
    });
}

fn is_options(extra: &Extra<'_>) -> bool {
    extra.by == Protocol::Openai && extra.name == "stream_options"
}

fn extras(request: &chat::Request<'_>, body: &mut Object<'_>, losses: &mut Losses) {
    let user = request.user.is_some();
    for extra in &request.extra {
        if extra.by != Protocol::Openai {
            losses.drop_extra(extra);
        } else if !(is_options(extra) && request.stream || user && extra.name == "user") {
            extra.value.write(body.any_key(&extra.name));
        }
    }
}
