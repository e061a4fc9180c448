//! The request for an upstream.

use crate::chat::Cache;
use crate::chat::Content;
use crate::chat::Extra;
use crate::chat::Losses;
use crate::chat::Part;
use crate::chat::Request;
use crate::chat::Role;
use crate::chat::Text;
use crate::chat::ThinkingRule;
use crate::codec::json::List;
use crate::codec::json::Object;
use crate::error::Error;
use crate::protocol::Target;
use crate::protocol::bedrock::request::options;
use crate::protocol::bedrock::request::parts::Blocks;
use crate::protocol::bedrock::request::parts::Marks;
use crate::protocol::bedrock::request::think;
use crate::protocol::bedrock::request::think::Given;
use crate::protocol::bedrock::request::think::Think;
use crate::protocol::bedrock::request::tools::Shape;
use crate::protocol::bedrock::request::tools::Tools;
use crate::protocol::bedrock::request::turns::Group;
use crate::protocol::bedrock::request::turns::Item;
use crate::protocol::bedrock::request::turns::Plan;
use crate::protocol::bedrock::request::turns::lacks_text;
use crate::protocol::whole;

/// What asks for JSON where nothing else does.
const INSTRUCTION: &str = r#"{"text":"Answer with a single JSON object and nothing else."}"#;

/// All that is decided before anything is written.
struct Decided<'r, 'a> {
    request: &'r Request<'a>,
    plan: Plan<'r, 'a>,
    shape: Shape<'r, 'a>,
    think: Think,
    tools: Tools<'r, 'a>,
    marks: Marks,
}

/// Appends the body for the upstream, the same for Converse and ConverseStream.
///
/// # Errors
/// A 400 that names the field which cannot be carried; nothing is appended then.
pub fn write(
    request: &Request<'_>,
    target: &Target<'_>,
    out: &mut Vec<u8>,
    losses: &mut Losses,
) -> Result<(), Error> {
    whole(out, |out| write_body(request, target, out, losses))
}

fn write_body(
    request: &Request<'_>,
    target: &Target<'_>,
    out: &mut Vec<u8>,
    losses: &mut Losses,
) -> Result<(), Error> {
    options::one_answer(request)?;
    let mut decided = decide(request, target, losses)?;
    out.reserve(1024);
    let mut body = Object::open(out);
    write_talk(&mut decided, target, &mut body, losses)?;
    options::write_inference(request, target, &decided.think, &mut body, losses)?;
    options::write_additional(request, target, &decided.think, &mut body, losses)?;
    options::write_output(request, &decided.shape, &decided.think, &mut body)?;
    options::write_rest(request, &mut body, losses)?;
    options::tell_losses(request, losses);
    body.close();
    Ok(())
}

/// Appends those members of the body that count for its tokens.
///
/// # Errors
/// As [`write()`].
pub fn write_counted(
    request: &Request<'_>,
    target: &Target<'_>,
    out: &mut Vec<u8>,
    losses: &mut Losses,
) -> Result<(), Error> {
    let mut decided = decide(request, target, losses)?;
    let mut body = Object::open(out);
    write_talk(&mut decided, target, &mut body, losses)?;
    options::write_additional(request, target, &decided.think, &mut body, losses)?;
    body.close();
    Ok(())
}

fn decide<'r, 'a>(
    request: &'r Request<'a>,
    target: &Target<'_>,
    losses: &mut Losses,
) -> Result<Decided<'r, 'a>, Error> {
    let facts = target.facts;
    let plan = Plan::new(request, facts, losses)?;
    if !facts.prefill && plan.groups.last().is_some_and(|last| last.role == Role::Assistant) {
        let message = "`messages`: the model does not continue an answer; end with the user's turn";
        return Err(Error::field("messages", message));
    }
    let shape = Shape::new(request, target)?;
    let given = Given {
        max_tokens: request.max_tokens,
        forced: matches!(shape, Shape::Tool(_)),
        thoughtless: plan.calls_without_thought(),
    };
    let think = think::decide(&request.thinking, target, given, losses);
    let thinks = facts.thinking != ThinkingRule::Unknown && think.restricts();
    let may_force = facts.forced_tools && !thinks;
    let tools = Tools::new(request, &plan, &shape, may_force, losses);
    let ends = plan.groups.last().and_then(|last| last.items.last()).and_then(Item::cache);
    let whole = request.cache.is_some() && ends.is_none();
    let total = plan.marks() + tools.marks() + usize::from(whole);
    let marks = Marks::new(target.model, total, losses);
    Ok(Decided { request, plan, shape, think, tools, marks })
}

/// Writes messages, instructions and tools. Tools and instructions come first in the prompt, so
/// their marks are counted first, and they are written first.
fn write_talk(
    decided: &mut Decided<'_, '_>,
    target: &Target<'_>,
    body: &mut Object<'_>,
    losses: &mut Losses,
) -> Result<(), Error> {
    let mut marks = decided.marks;
    decided.tools.write(body, &mut marks, losses)?;
    let mut blocks = Blocks { facts: target.facts, losses, marks, names: Vec::new() };
    let instruct = matches!(decided.shape, Shape::Object);
    if instruct || !decided.plan.system.is_empty() {
        let out = body.key("system");
        let mut list = List::open(out);
        for part in &decided.plan.system {
            blocks.item(&Item::Part(part), &mut list, out)?;
        }
        if instruct {
            list.next(out);
            out.extend_from_slice(INSTRUCTION.as_bytes());
        }
        out.push(b']');
    }
    let out = body.key("messages");
    let mut list = List::open(out);
    let last = decided.plan.groups.len().saturating_sub(1);
    for (at, group) in decided.plan.groups.iter().enumerate() {
        list.next(out);
        let mark = decided.request.cache.filter(|_| at == last);
        write_group(group, at == last, mark, &mut blocks, out)?;
    }
    out.push(b']');
    Ok(())
}

fn write_group(
    group: &Group<'_, '_>,
    last: bool,
    mark: Option<Cache>,
    blocks: &mut Blocks<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let mut message = Object::open(out);
    message.string(
        "role",
        match group.role {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        },
    );
    let out = message.key("content");
    let mut list = List::open(out);
    for (at, item) in group.items.iter().enumerate() {
        let ends = last && at + 1 == group.items.len();
        match item.part().filter(|_| ends && group.role == Role::Assistant).and_then(trimmed) {
            Some(part) => blocks.item(&Item::Part(&part), &mut list, out)?,
            None => blocks.item(item, &mut list, out)?,
        }
    }
    if lacks_text(group) {
        list.next(out);
        out.extend_from_slice(br#"{"text":"."}"#);
    }
    let marked = group.items.last().is_some_and(|item| item.cache().is_some());
    blocks.marks.write(mark.filter(|_| !marked), &mut list, out, blocks.losses);
    out.push(b']');
    let mut known: Vec<&Extra<'_>> = Vec::new();
    for extra in &group.extra {
        if known.iter().all(|other| other.name != extra.name) {
            extra.value.write(message.any_key(&extra.name));
            known.push(extra);
        }
    }
    message.close();
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
