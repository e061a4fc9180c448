//! The request for an upstream.

use crate::chat::Content;
use crate::chat::Losses;
use crate::chat::Part;
use crate::chat::Request;
use crate::chat::Role;
use crate::chat::Text;
use crate::codec::json;
use crate::codec::json::List;
use crate::codec::json::Object;
use crate::error::Error;
use crate::protocol::Target;
use crate::protocol::anthropic::request::parts;
use crate::protocol::anthropic::request::parts::Blocks;
use crate::protocol::anthropic::request::parts::Marks;
use crate::protocol::anthropic::request::parts::plain;
use crate::protocol::anthropic::request::plan::Group;
use crate::protocol::anthropic::request::plan::Item;
use crate::protocol::anthropic::request::plan::Plan;
use crate::protocol::anthropic::request::rest;
use crate::protocol::anthropic::request::think;
use crate::protocol::anthropic::request::think::Given;
use crate::protocol::anthropic::request::think::Think;
use crate::protocol::anthropic::request::tools::Shape;
use crate::protocol::anthropic::request::tools::Tools;
use crate::protocol::whole;

/// What asks for JSON where nothing else does.
const INSTRUCTION: &str =
    r#"{"type":"text","text":"Answer with a single JSON object and nothing else."}"#;

/// All that is decided before anything is written.
struct Decided<'r, 'a> {
    request: &'r Request<'a>,
    plan: Plan<'r, 'a>,
    shape: Shape<'r, 'a>,
    think: Think,
    tools: Tools<'r, 'a>,
    marks: Marks,
}

/// Appends the body for the upstream; what it cannot carry is told to `losses`.
///
/// # Errors
/// A 400 that names the field which cannot be carried faithfully; nothing is appended then.
pub fn write(
    request: &Request<'_>,
    target: &Target<'_>,
    out: &mut Vec<u8>,
    losses: &mut Losses,
) -> Result<(), Error> {
    whole(out, |out| {
        rest::one_answer(request)?;
        let mut decided = decide(request, target, losses)?;
        let mut body = Object::open(out);
        body.string("model", target.model);
        body.number("max_tokens", decided.think.max_tokens);
        if request.stream {
            body.truth("stream", true);
        }
        write_talk(&mut decided, target, &mut body, losses)?;
        rest::write_thinking(request, &decided.shape, &decided.think, &mut body, losses);
        rest::write_stop(request, &mut body, losses);
        rest::write_sampling(request, target, &decided.think, &mut body, losses);
        rest::write_rest(request, &mut body, losses);
        rest::tell_losses(request, losses);
        body.close();
        Ok(())
    })
}

/// Appends those members of the body that count for the prompt.
///
/// # Errors
/// As [`write()`].
pub fn write_counted(
    request: &Request<'_>,
    target: &Target<'_>,
    out: &mut Vec<u8>,
    losses: &mut Losses,
) -> Result<(), Error> {
    whole(out, |out| {
        let mut decided = decide(request, target, losses)?;
        let mut body = Object::open(out);
        body.string("model", target.model);
        write_talk(&mut decided, target, &mut body, losses)?;
        rest::write_thinking(request, &decided.shape, &decided.think, &mut body, losses);
        rest::write_counted(request, &mut body);
        body.close();
        Ok(())
    })
}

fn decide<'r, 'a>(
    request: &'r Request<'a>,
    target: &Target<'_>,
    losses: &mut Losses,
) -> Result<Decided<'r, 'a>, Error> {
    let facts = target.facts;
    let plan = Plan::new(request, facts, losses)?;
    let shape = Shape::new(request, target)?;
    let given = Given {
        max_tokens: request.max_tokens,
        forced: matches!(shape, Shape::Tool(_)),
        thoughtless: plan.is_thoughtless(),
    };
    let think = think::decide(&request.thinking, facts, given, losses);
    let may_force = facts.forced_tools && !think.frees();
    let tools = Tools::new(request, &shape, target, may_force, losses);
    // A plain message bears no mark.
    let others = plan.groups.iter().filter(|group| group.as_plain().is_none());
    let items = others.flat_map(|group| &group.items).filter_map(Item::part);
    let marked: usize = plan.system.iter().copied().chain(items).map(parts::marks).sum();
    let total = tools.marks() + marked + usize::from(request.cache.is_some());
    let marks = Marks::new(total, losses);
    Ok(Decided { request, plan, shape, think, tools, marks })
}

/// Writes tools, instructions and messages, in the order of the prompt: so marks are counted.
fn write_talk(
    decided: &mut Decided<'_, '_>,
    target: &Target<'_>,
    body: &mut Object<'_>,
    losses: &mut Losses,
) -> Result<(), Error> {
    decided.tools.write(body, &mut decided.marks, losses)?;
    let mut blocks = Blocks { facts: target.facts, losses, marks: decided.marks };
    let instruct = matches!(decided.shape, Shape::Object);
    write_system(&decided.plan.system, instruct, &mut blocks, body)?;
    let out = body.key("messages");
    let mut list = List::open(out);
    let last = decided.plan.groups.len().saturating_sub(1);
    for (at, group) in decided.plan.groups.iter().enumerate() {
        let prefill = at == last && group.role == Role::Assistant;
        if let Some(lent) = target.lent
            && let Some(message) = group.as_plain().filter(|_| !prefill)
        {
            lent.message(message, &mut list, out);
            continue;
        }
        list.next(out);
        write_group(group, prefill, &mut blocks, out)?;
    }
    out.push(b']');
    blocks.marks.write(decided.request.cache, body, blocks.losses);
    Ok(())
}

fn write_system(
    system: &[&Part<'_>],
    instruct: bool,
    blocks: &mut Blocks<'_>,
    body: &mut Object<'_>,
) -> Result<(), Error> {
    match system {
        [] if !instruct => return Ok(()),
        [only] if !instruct => {
            if let Some(text) = plain(only) {
                body.text("system", text);
                return Ok(());
            }
        }
        [..] => {}
    }
    let out = body.key("system");
    let mut list = List::open(out);
    for part in system {
        list.next(out);
        blocks.item(&Item::Part(part), out)?;
    }
    if instruct {
        list.next(out);
        out.extend_from_slice(INSTRUCTION.as_bytes());
    }
    out.push(b']');
    Ok(())
}

fn write_group(
    group: &Group<'_, '_>,
    prefill: bool,
    blocks: &mut Blocks<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let mut message = Object::open(out);
    let role = match group.role {
        Role::System => r#""system""#,
        Role::User => r#""user""#,
        Role::Assistant => r#""assistant""#,
    };
    message.fixed("role", role);
    write_content(group, prefill, blocks, message.key("content"))?;
    let mut known: Vec<&str> = Vec::new();
    for extra in &group.extra {
        if !known.contains(&&*extra.name) {
            extra.value.write(message.any_key(&extra.name));
            known.push(&extra.name);
        }
    }
    message.close();
    Ok(())
}

fn write_content(
    group: &Group<'_, '_>,
    prefill: bool,
    blocks: &mut Blocks<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    match group.items.as_slice() {
        // The person said nothing, but a turn must say something.
        [] => {
            json::write_str(out, ".");
            return Ok(());
        }
        [Item::Part(only)] if !prefill && group.role != Role::System => {
            if let Some(text) = plain(only) {
                text.write(out);
                return Ok(());
            }
        }
        [..] => {}
    }
    let mut list = List::open(out);
    let end = group.items.len().saturating_sub(1);
    for (at, item) in group.items.iter().enumerate() {
        list.next(out);
        match item.part().filter(|_| prefill && at == end).and_then(trimmed) {
            Some(part) => blocks.item(&Item::Part(&part), out)?,
            None => blocks.item(item, out)?,
        }
    }
    out.push(b']');
    Ok(())
}

/// The text that ends the conversation, if it must lose whitespace: a model does not continue it.
fn trimmed<'a>(part: &Part<'a>) -> Option<Part<'a>> {
    let Content::Text(text) = &part.content else { return None };
    let said = text.decode();
    let kept = said.trim_end();
    (kept.len() < said.len())
        .then(|| Part { content: Content::Text(Text::plain(kept)), ..part.clone() })
}
