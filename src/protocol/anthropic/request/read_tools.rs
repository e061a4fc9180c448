//! A client's tools into the vocabulary.

use crate::chat::Json;
use crate::chat::Request;
use crate::chat::Text;
use crate::chat::Tool;
use crate::chat::ToolChoice;
use crate::chat::ToolKind;
use crate::codec::json::Kind as JsonKind;
use crate::codec::json::Str;
use crate::codec::json::Value;
use crate::error::Error;
use crate::protocol::anthropic::extra;
use crate::protocol::anthropic::extra_in;
use crate::protocol::anthropic::present;
use crate::protocol::anthropic::request::read::expect;
use crate::protocol::anthropic::request::read::read_cache;
use crate::protocol::anthropic::request::read::wrong;

/// Reads one of `tools`.
///
/// # Errors
/// A 400 that names `tools`.
pub fn tool(value: Value<'_>) -> Result<Tool<'_>, Error> {
    const FIELD: &str = "tools";
    if value.kind() != JsonKind::Object {
        return Err(wrong(FIELD, "must hold objects"));
    }
    let kind = value.get("type").and_then(Value::as_str).map(Str::decode);
    let mut tool = Tool {
        name: value.get("name").and_then(Text::from_value).unwrap_or_default(),
        description: None,
        kind: ToolKind::Function(None),
        strict: None,
        cache: None,
        extra: Vec::new(),
    };
    if let Some(kind) = kind.filter(|kind| *kind != "custom") {
        // One of Anthropic's own, which may have no name.
        tool.kind = ToolKind::Own(extra(kind, value));
        return Ok(tool);
    }
    if tool.name.is_empty() {
        return Err(wrong(FIELD, "holds a tool without a name"));
    }
    for member in present(value) {
        match &*member.key.name() {
            b"name" | b"type" => {}
            b"description" => {
                let rule = "holds a tool whose description is no string";
                let text = Text::from_value(member.value).ok_or_else(|| wrong(FIELD, rule))?;
                tool.description = Some(text);
            }
            b"input_schema" => {
                if member.value.kind() != JsonKind::Object {
                    return Err(wrong(FIELD, "holds a tool whose input_schema is no object"));
                }
                tool.kind = ToolKind::Function(Some(Json::of(member.value)));
            }
            b"strict" => {
                let rule = "holds a tool whose strict is neither true nor false";
                tool.strict = Some(member.value.as_bool().ok_or_else(|| wrong(FIELD, rule))?);
            }
            b"cache_control" => match read_cache(member.value) {
                Some(cache) => tool.cache = Some(cache),
                None => tool.extra.push(extra("cache_control", member.value)),
            },
            _ => tool.extra.push(extra(member.key.decode(), member.value)),
        }
    }
    Ok(tool)
}

/// Reads `tool_choice`.
///
/// # Errors
/// A 400 that names it.
pub fn choice<'a>(value: Value<'a>, request: &mut Request<'a>) -> Result<(), Error> {
    const FIELD: &str = "tool_choice";
    expect(FIELD, value, JsonKind::Object)?;
    let mut name = None;
    let mut kind = None;
    for member in present(value) {
        match &*member.key.name() {
            b"type" => kind = member.value.as_str().map(Str::decode),
            b"name" => name = Text::from_value(member.value),
            b"disable_parallel_tool_use" => {
                let rule = "must have true or false as `disable_parallel_tool_use`";
                let disabled = member.value.as_bool().ok_or_else(|| wrong(FIELD, rule))?;
                request.parallel_tools = Some(!disabled);
            }
            _ => request.extra.push(extra_in(FIELD, &member)),
        }
    }
    request.tool_choice = Some(match (kind.as_deref(), name) {
        (Some("auto"), _) => ToolChoice::Auto,
        (Some("any"), _) => ToolChoice::Required,
        (Some("none"), _) => ToolChoice::None,
        (Some("tool"), Some(name)) => ToolChoice::Named(name),
        (Some("tool"), None) => return Err(wrong(FIELD, "has no name")),
        (Some(_) | None, _) => {
            return Err(wrong(FIELD, "must have a type of auto, any, tool, none"));
        }
    });
    Ok(())
}
