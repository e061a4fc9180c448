//! Writing tools, and whether they are called.

use crate::chat::Losses;
use crate::chat::Protocol;
use crate::chat::Request;
use crate::chat::Tool;
use crate::chat::ToolChoice;
use crate::chat::ToolKind;
use crate::error::Error;
use crate::protocol::Target;
use crate::protocol::gemini::out;
use crate::protocol::gemini::request::write::extras_in;

/// Appends `tools`: all functions in one list, then each of Google's own.
pub(super) fn tools(
    request: &Request<'_>,
    out: &mut Vec<u8>,
    losses: &mut Losses,
) -> Result<(), Error> {
    if request.tools.is_empty() {
        return Ok(());
    }
    out::name(out, "tools");
    out.extend_from_slice(b"[{\"functionDeclarations\":[");
    let start = out.len();
    for tool in &request.tools {
        losses.drop_if(tool.cache.is_some(), "cache_control");
        function(tool, out, losses)?;
    }
    if out.len() == start {
        out.truncate(start - b"{\"functionDeclarations\":[".len());
    } else {
        out.extend_from_slice(b"]}");
    }
    for tool in &request.tools {
        if let ToolKind::Own(own) = &tool.kind {
            out::comma(out);
            out.push(b'{');
            out::extra(out, &own.name, own);
            out.push(b'}');
        }
    }
    out.push(b']');
    Ok(())
}

fn function(tool: &Tool<'_>, out: &mut Vec<u8>, losses: &mut Losses) -> Result<(), Error> {
    let schema = match &tool.kind {
        ToolKind::Function(schema) => schema,
        ToolKind::Own(own) if own.by == Protocol::Gemini => return Ok(()),
        ToolKind::Own(own) => {
            let message = format!("this provider has no tool `{}`", own.name);
            return Err(Error::field("tools", message));
        }
        ToolKind::Custom(_) => {
            let message = "this provider has no custom tools: declare a function";
            return Err(Error::field("tools", message));
        }
    };
    out::comma(out);
    out.push(b'{');
    out::name(out, "name");
    out::function(out, &tool.name);
    if let Some(description) = &tool.description {
        out::text(out, "description", description);
    }
    // An object without members says nothing.
    if let Some(schema) = schema.as_ref().filter(|schema| schema.value().members().next().is_some())
    {
        out::raw(out, "parametersJsonSchema", schema.raw());
    }
    out::extras(out, &tool.extra, losses);
    out.push(b'}');
    Ok(())
}

/// Appends `toolConfig`, where there is something to say.
pub(super) fn config(
    request: &Request<'_>,
    target: &Target<'_>,
    out: &mut Vec<u8>,
    losses: &mut Losses,
) -> Result<(), Error> {
    const OPEN: &[u8] = b"{\"functionCallingConfig\":{";
    let start = out.len();
    out::name(out, "toolConfig");
    out.extend_from_slice(OPEN);
    let inside = out.len();
    if request.tools.is_empty() {
        if let Some(ToolChoice::Required | ToolChoice::Named(_)) = &request.tool_choice {
            return Err(Error::field(
                "tool_choice",
                "`tool_choice` demands a tool, but none is there",
            ));
        }
    } else {
        choice(request, target, out, losses);
    }
    extras_in(request, "toolConfig.functionCallingConfig.", out);
    if out.len() == inside {
        out.truncate(inside - OPEN.len());
        out.push(b'{');
    } else {
        out.push(b'}');
    }
    let inside = out.len();
    let any = out.last() != Some(&b'{');
    extras_in(request, "toolConfig.", out);
    if any || out.len() > inside {
        out.push(b'}');
    } else {
        out.truncate(start);
    }
    Ok(())
}

fn choice(request: &Request<'_>, target: &Target<'_>, out: &mut Vec<u8>, losses: &mut Losses) {
    let strict = request.tools.iter().any(|tool| tool.strict == Some(true));
    // This mode holds arguments to their schemas, as `ANY` does.
    let open = if strict { "\"VALIDATED\"" } else { "\"AUTO\"" };
    let demanded = if target.facts.forced_tools { "\"ANY\"" } else { "\"VALIDATED\"" };
    let (mode, names) = match &request.tool_choice {
        None if strict => (open, &[][..]),
        None => return,
        Some(ToolChoice::Auto) => (open, &[][..]),
        Some(ToolChoice::None) => ("\"NONE\"", &[][..]),
        Some(ToolChoice::Required) if target.facts.forced_tools => (demanded, &[][..]),
        Some(ToolChoice::Required) => {
            losses.drop("tool_choice");
            (open, &[][..])
        }
        Some(ToolChoice::Named(name)) => {
            losses.drop_if(!target.facts.forced_tools, "tool_choice");
            (demanded, std::slice::from_ref(name))
        }
        Some(ToolChoice::Allowed { required: true, names }) => {
            losses.drop_if(!target.facts.forced_tools, "tool_choice");
            (demanded, &names[..])
        }
        // Names are taken with this mode and `ANY` only.
        Some(ToolChoice::Allowed { required: false, names }) => ("\"VALIDATED\"", &names[..]),
    };
    out::raw(out, "mode", mode.as_bytes());
    if names.is_empty() {
        return;
    }
    out::name(out, "allowedFunctionNames");
    out.push(b'[');
    for name in names {
        out::comma(out);
        out::function(out, name);
    }
    out.push(b']');
}
