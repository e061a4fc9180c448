//! Reading tools, and whether they are called.

use crate::chat::Extra;
use crate::chat::Json;
use crate::chat::Protocol;
use crate::chat::Request;
use crate::chat::Text;
use crate::chat::Tool;
use crate::chat::ToolChoice;
use crate::chat::ToolKind;
use crate::codec::json::Kind;
use crate::codec::json::Value;
use crate::error::Error;
use crate::protocol::gemini::names;
use crate::protocol::gemini::schema;

/// Reads tools: functions, and each of Google's own.
pub(super) fn read<'a>(tools: Value<'a>, request: &mut Request<'a>) -> Result<(), Error> {
    for tool in names::each(tools) {
        if tool.kind() != Kind::Object {
            return Err(Error::field("tools", "each of `tools` must be an object"));
        }
        for member in tool.members().filter(|member| !member.value.is_null()) {
            if *names::camel(member.key) == *b"functionDeclarations" {
                for one in names::each(member.value) {
                    request.tools.push(function(one)?);
                }
            } else {
                let own = names::extra(&member);
                request.tools.push(Tool {
                    name: Text::plain(&own.name),
                    description: None,
                    kind: ToolKind::Own(own),
                    strict: None,
                    cache: None,
                    extra: Vec::new(),
                });
            }
        }
    }
    Ok(())
}

fn function(declaration: Value<'_>) -> Result<Tool<'_>, Error> {
    let wrong = |message: &'static str| Error::field("tools.functionDeclarations", message);
    let kind = ToolKind::Function(None);
    let (name, extra) = (Text::default(), Vec::new());
    let mut tool = Tool { name, description: None, kind, strict: None, cache: None, extra };
    let mut schemas = 0;
    for member in declaration.members().filter(|member| !member.value.is_null()) {
        let value = member.value;
        match &*names::camel(member.key) {
            b"name" => {
                tool.name = Text::from_value(value).ok_or_else(|| wrong("`name` is no string"))?;
            }
            b"description" => tool.description = Text::from_value(value),
            b"parameters" => {
                tool.kind = ToolKind::Function(Some(schema::json_schema(value)));
                schemas += 1;
            }
            b"parametersJsonSchema" => {
                tool.kind = ToolKind::Function(Some(Json::of(value)));
                schemas += 1;
            }
            _ => tool.extra.push(names::extra(&member)),
        }
    }
    if schemas > 1 {
        return Err(wrong("`parameters` and `parametersJsonSchema` exclude each other"));
    }
    if tool.name.is_empty() {
        return Err(wrong("`name` is missing"));
    }
    Ok(tool)
}

/// Reads `toolConfig`.
pub(super) fn read_config<'a>(config: Value<'a>, request: &mut Request<'a>) -> Result<(), Error> {
    if config.kind() != Kind::Object {
        return Err(Error::field("toolConfig", "`toolConfig` must be an object"));
    }
    for member in config.members().filter(|member| !member.value.is_null()) {
        if *names::camel(member.key) == *b"functionCallingConfig" {
            calling(member.value, request)?;
        } else {
            request.extra.push(names::extra_in("toolConfig.", &member));
        }
    }
    Ok(())
}

fn calling<'a>(config: Value<'a>, request: &mut Request<'a>) -> Result<(), Error> {
    const MODE: &str = "toolConfig.functionCallingConfig.mode";
    const NAMES: &str = "toolConfig.functionCallingConfig.allowedFunctionNames";
    let (mut mode, mut names) = (None, Vec::new());
    for member in config.members().filter(|member| !member.value.is_null()) {
        match &*names::camel(member.key) {
            b"mode" => mode = member.value.as_str(),
            b"allowedFunctionNames" => {
                let mut all = names::each(member.value).map(Text::from_value);
                names = all
                    .by_ref()
                    .collect::<Option<Vec<_>>>()
                    .ok_or_else(|| Error::field(NAMES, "function names must be strings"))?;
            }
            _ => request.extra.push(names::extra_in("toolConfig.functionCallingConfig.", &member)),
        }
    }
    request.tool_choice = match mode.map(|mode| mode.raw()) {
        None | Some(b"MODE_UNSPECIFIED") => None,
        Some(b"AUTO") => Some(ToolChoice::Auto),
        Some(b"NONE") => Some(ToolChoice::None),
        Some(b"ANY") if names.len() == 1 => names.pop().map(ToolChoice::Named),
        Some(b"ANY") if names.is_empty() => Some(ToolChoice::Required),
        Some(b"ANY") => Some(ToolChoice::Allowed { required: true, names }),
        Some(b"VALIDATED") => {
            validated(request);
            Some(match names.is_empty() {
                true => ToolChoice::Auto,
                false => ToolChoice::Allowed { required: false, names },
            })
        }
        Some(_) => {
            return Err(Error::field(MODE, "`mode` must be AUTO, ANY, NONE or VALIDATED"));
        }
    };
    Ok(())
}

/// Arguments are held to the schemas. Without a function to bear that, the mode itself is kept.
fn validated(request: &mut Request<'_>) {
    let mut any = false;
    for tool in &mut request.tools {
        if matches!(tool.kind, ToolKind::Function(_)) {
            tool.strict = Some(true);
            any = true;
        }
    }
    if !any {
        request.extra.push(Extra {
            by: Protocol::Gemini,
            name: "toolConfig.functionCallingConfig.mode".into(),
            value: Json::fixed("\"VALIDATED\""),
        });
    }
}
