//! Tools, what is asked of them, and the form of the answer, for an upstream.

use crate::chat::Extra;
use crate::chat::Facts;
use crate::chat::Format;
use crate::chat::Losses;
use crate::chat::Protocol;
use crate::chat::Request;
use crate::chat::Text;
use crate::chat::Tool;
use crate::chat::ToolChoice;
use crate::chat::ToolKind;
use crate::codec::json::List;
use crate::codec::json::Object;
use crate::error::Error;
use crate::protocol::openai::chat::write_name;

/// Appends `tools`, `tool_choice` and `parallel_tool_calls`; the latter two mean nothing without
/// the first.
pub(super) fn write(
    request: &Request<'_>,
    facts: &Facts,
    body: &mut Object<'_>,
    losses: &mut Losses,
) -> Result<(), Error> {
    if request.tools.is_empty() {
        let demanded = matches!(
            request.tool_choice,
            Some(ToolChoice::Required | ToolChoice::Named(_) | ToolChoice::Allowed { .. })
        );
        losses.drop_if(demanded, "tool_choice");
        return Ok(());
    }
    let out = body.key("tools");
    let mut list = List::open(out);
    for each in &request.tools {
        list.next(out);
        tool(each, out, losses)?;
    }
    out.push(b']');
    if let Some(wish) = &request.tool_choice {
        choice(wish, request, facts, body, losses);
    }
    if let Some(parallel) = request.parallel_tools {
        body.truth("parallel_tool_calls", parallel);
    }
    Ok(())
}

fn tool(tool: &Tool<'_>, out: &mut Vec<u8>, losses: &mut Losses) -> Result<(), Error> {
    // There is no mark for tools; they are kept with what follows them.
    losses.drop_if(tool.cache.is_some(), "cache_control");
    let (kind, inner) = match &tool.kind {
        ToolKind::Function(schema) => ("function", ("parameters", schema)),
        ToolKind::Custom(format) => ("custom", ("format", format)),
        ToolKind::Own(Extra { by: Protocol::Openai, value, .. }) => {
            value.write(out);
            return Ok(());
        }
        ToolKind::Own(other) => {
            let message = format!(
                "the tool `{}` of {} is none of this model's",
                other.name,
                other.by.as_str()
            );
            return Err(Error::field("tools", message));
        }
    };
    let mut object = Object::open(out);
    string(object.key("type"), kind);
    let mut definition = Object::open(object.key(kind));
    name(&tool.name, definition.key("name"));
    if let Some(description) = &tool.description {
        description.write(definition.key("description"));
    }
    if let (member, Some(value)) = inner {
        value.write(definition.key(member));
    }
    if let Some(strict) = tool.strict {
        definition.truth("strict", strict);
    }
    for extra in &tool.extra {
        if extra.by == Protocol::Openai {
            extra.value.write(definition.any_key(&extra.name));
        } else {
            losses.drop_extra(extra);
        }
    }
    definition.close();
    object.close();
    Ok(())
}

fn choice(
    wish: &ToolChoice<'_>,
    request: &Request<'_>,
    facts: &Facts,
    body: &mut Object<'_>,
    losses: &mut Losses,
) {
    let demanded = match wish {
        ToolChoice::Required | ToolChoice::Named(_) => true,
        ToolChoice::Allowed { required, .. } => *required,
        ToolChoice::Auto | ToolChoice::None => false,
    };
    if demanded && !facts.forced_tools {
        losses.drop("tool_choice");
        body.word("tool_choice", "auto");
        return;
    }
    match wish {
        ToolChoice::Auto => body.word("tool_choice", "auto"),
        ToolChoice::None => body.word("tool_choice", "none"),
        ToolChoice::Required => body.word("tool_choice", "required"),
        ToolChoice::Named(tool) => named(tool, request, body.key("tool_choice")),
        ToolChoice::Allowed { required, names } => {
            let mut outer = Object::open(body.key("tool_choice"));
            outer.word("type", "allowed_tools");
            let mut allowed = Object::open(outer.key("allowed_tools"));
            allowed.word("mode", if *required { "required" } else { "auto" });
            let out = allowed.key("tools");
            let mut list = List::open(out);
            for tool in names {
                list.next(out);
                named(tool, request, out);
            }
            out.push(b']');
            allowed.close();
            outer.close();
        }
    }
}

/// Appends `{"type":"function","function":{"name"}}`.
fn named(wanted: &Text<'_>, request: &Request<'_>, out: &mut Vec<u8>) {
    let free = |tool: &Tool<'_>| matches!(tool.kind, ToolKind::Custom(_)) && tool.name == *wanted;
    let kind = if request.tools.iter().any(free) { "custom" } else { "function" };
    let mut object = Object::open(out);
    string(object.key("type"), kind);
    let mut inner = Object::open(object.key(kind));
    name(wanted, inner.key("name"));
    inner.close();
    object.close();
}

/// Appends a name in the letters that are taken.
pub(super) fn name(text: &Text<'_>, out: &mut Vec<u8>) {
    out.push(b'"');
    write_name(text, out);
    out.push(b'"');
}

fn string(out: &mut Vec<u8>, plain: &str) {
    out.push(b'"');
    out.extend_from_slice(plain.as_bytes());
    out.push(b'"');
}

/// Appends `response_format`.
pub(super) fn format(
    format: Option<&Format<'_>>,
    facts: &Facts,
    body: &mut Object<'_>,
    losses: &mut Losses,
) {
    match format {
        None => {}
        Some(Format::Text) => body.fixed("response_format", r#"{"type":"text"}"#),
        Some(Format::Object) => body.fixed("response_format", r#"{"type":"json_object"}"#),
        Some(Format::Schema { .. }) if !facts.json_schema => {
            // The schema itself is told in words, in front of the conversation.
            body.fixed("response_format", r#"{"type":"json_object"}"#);
            losses.drop("response_format");
        }
        Some(Format::Schema { name: own, description, schema, strict }) => {
            let mut object = Object::open(body.key("response_format"));
            object.word("type", "json_schema");
            let mut inner = Object::open(object.key("json_schema"));
            let out = inner.key("name");
            match own {
                Some(own) if !own.is_empty() => name(own, out),
                Some(_) | None => out.extend_from_slice(b"\"answer\""),
            }
            if let Some(description) = description {
                description.write(inner.key("description"));
            }
            schema.write(inner.key("schema"));
            if let Some(strict) = strict {
                inner.truth("strict", *strict);
            }
            inner.close();
            object.close();
        }
    }
}
