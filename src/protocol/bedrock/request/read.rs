//! A client's request into the vocabulary.

use crate::chat::Effort;
use crate::chat::Extra;
use crate::chat::Format;
use crate::chat::Json;
use crate::chat::Request;
use crate::chat::Role;
use crate::chat::Text;
use crate::chat::ThinkingMode;
use crate::chat::Tool;
use crate::chat::ToolChoice;
use crate::chat::ToolKind;
use crate::chat::Turn;
use crate::codec::json::Kind as JsonKind;
use crate::codec::json::Member;
use crate::codec::json::Str;
use crate::codec::json::Value;
use crate::error::Error;
use crate::protocol;
use crate::protocol::bedrock::extra;
use crate::protocol::bedrock::request::blocks::Place;
use crate::protocol::bedrock::request::blocks::blocks;
use crate::protocol::bedrock::request::blocks::cache_of;
use crate::protocol::fields::fields;

fields! {
    Messages "messages",
    System "system",
    InferenceConfig "inferenceConfig",
    ToolConfig "toolConfig",
    AdditionalModelRequestFields "additionalModelRequestFields",
    RequestMetadata "requestMetadata",
    ServiceTier "serviceTier",
    OutputConfig "outputConfig",
}

/// Reads a body. The model and whether to stream are in the URL, and left to the caller.
///
/// # Errors
/// A 400 that names the byte or the field.
pub fn read(body: &[u8]) -> Result<Request<'_>, Error> {
    read_valid(protocol::valid(body)?)
}

/// The same of a body that was validated.
///
/// # Errors
/// A 400 that names the field.
pub fn read_valid(body: Value<'_>) -> Result<Request<'_>, Error> {
    let mut fields =
        Fields::read(body, Str::name, |member| extra(member.key.decode(), member.value))?;
    let mut request = Request::default();
    if let Some(system) = fields.get(Field::System) {
        let parts = blocks(system, Place::System, "system")?;
        if !parts.is_empty() {
            request.turns.push(Turn::new(Role::System, parts));
        }
    }
    read_messages(fields.need(Field::Messages)?, &mut request)?;
    request.metadata = fields.object(Field::RequestMetadata)?.map(Json::of);
    request.extra = std::mem::take(&mut fields.extra);
    if let Some(object) = fields.object(Field::InferenceConfig)? {
        read_inference(object, &mut request)?;
    }
    if let Some(object) = fields.object(Field::ToolConfig)? {
        read_tools(object, &mut request)?;
    }
    if let Some(value) = fields.get(Field::AdditionalModelRequestFields) {
        read_additional(value, &mut request);
    }
    if let Some(object) = fields.object(Field::ServiceTier)? {
        read_tier(object, &mut request)?;
    }
    if let Some(object) = fields.object(Field::OutputConfig)? {
        read_output(object, &mut request)?;
    }
    Ok(request)
}

/// Keeps a member that has no place in the vocabulary, under the name of the object it stands in.
fn keep<'a>(extras: &mut Vec<Extra<'a>>, within: Option<&str>, member: Member<'a>) {
    if member.value.is_null() {
        return;
    }
    let key = member.key.decode();
    let name = match within {
        Some(outer) => format!("{outer}.{key}").into(),
        None => key,
    };
    extras.push(extra(name, member.value));
}

fn expect(field: &'static str, value: Value<'_>, kind: JsonKind) -> Result<(), Error> {
    if value.kind() == kind {
        return Ok(());
    }
    let what = if kind == JsonKind::Array { "an array" } else { "an object" };
    Err(Error::field(field, format!("`{field}` must be {what}")))
}

fn present(object: Value<'_>) -> impl Iterator<Item = Member<'_>> {
    object.members().filter(|member| !member.value.is_null())
}

fn text_of<'a>(field: &'static str, path: &str, value: Value<'a>) -> Result<Text<'a>, Error> {
    Text::from_value(value)
        .ok_or_else(|| Error::field(field, format!("`{field}.{path}` must be a string")))
}

fn read_messages<'a>(messages: Value<'a>, request: &mut Request<'a>) -> Result<(), Error> {
    expect("messages", messages, JsonKind::Array)?;
    for (at, message) in messages.elements().enumerate() {
        let fault = |what: &str| Err(Error::field("messages", format!("`messages[{at}]` {what}")));
        if message.kind() != JsonKind::Object {
            return fault("must be an object");
        }
        let mut role = None;
        let mut content = None;
        let mut extra = Vec::new();
        for member in present(message) {
            match &*member.key.name() {
                b"role" => role = Some(member.value),
                b"content" => content = Some(member.value),
                _ => keep(&mut extra, None, member),
            }
        }
        let role = role.and_then(Value::as_str);
        let (role, place) = match role.map(Str::name).as_deref() {
            Some(b"user") => (Role::User, Place::User),
            Some(b"assistant") => (Role::Assistant, Place::Assistant),
            Some(b"system") => (Role::System, Place::System),
            Some(_) | None => return fault("must have the role user, assistant or system"),
        };
        let Some(content) = content else { return fault("has no content") };
        let parts = blocks(content, place, "messages")?;
        request.turns.push(Turn::new(role, parts).with(extra));
    }
    Ok(())
}

fn read_inference<'a>(object: Value<'a>, request: &mut Request<'a>) -> Result<(), Error> {
    const FIELD: &str = "inferenceConfig";
    let number = |path: &str, value: Value<'a>| match value.kind() {
        JsonKind::Number => Ok(Some(Json::of(value))),
        JsonKind::Null | JsonKind::Bool | JsonKind::String | JsonKind::Array | JsonKind::Object => {
            Err(Error::field(FIELD, format!("`{FIELD}.{path}` must be a number")))
        }
    };
    for member in present(object) {
        match &*member.key.name() {
            b"maxTokens" => {
                let message = "`inferenceConfig.maxTokens` must be an integer that is not negative";
                let count = member.value.as_u64().ok_or_else(|| Error::field(FIELD, message))?;
                request.max_tokens = Some(count);
            }
            b"temperature" => {
                request.sampling.temperature = number("temperature", member.value)?;
            }
            b"topP" => request.sampling.top_p = number("topP", member.value)?,
            b"stopSequences" => {
                if member.value.kind() != JsonKind::Array {
                    let message = "`inferenceConfig.stopSequences` must be an array";
                    return Err(Error::field(FIELD, message));
                }
                let words = member.value.elements();
                let words = words.map(|word| text_of(FIELD, "stopSequences[]", word));
                request.stop = words.collect::<Result<_, _>>()?;
            }
            _ => keep(&mut request.extra, Some(FIELD), member),
        }
    }
    Ok(())
}

fn read_tools<'a>(object: Value<'a>, request: &mut Request<'a>) -> Result<(), Error> {
    const FIELD: &str = "toolConfig";
    for member in present(object) {
        match &*member.key.name() {
            b"tools" => {
                if member.value.kind() != JsonKind::Array {
                    return Err(Error::field(FIELD, "`toolConfig.tools` must be an array"));
                }
                for tool in member.value.elements() {
                    read_tool(tool, request)?;
                }
            }
            b"toolChoice" => request.tool_choice = Some(read_choice(member.value)?),
            _ => keep(&mut request.extra, Some(FIELD), member),
        }
    }
    Ok(())
}

fn read_choice(value: Value<'_>) -> Result<ToolChoice<'_>, Error> {
    let mut members = present(value);
    let choice = members.next().and_then(|member| match &*member.key.name() {
        b"auto" => Some(ToolChoice::Auto),
        b"any" => Some(ToolChoice::Required),
        b"tool" => member.value.get("name").and_then(Text::from_value).map(ToolChoice::Named),
        _ => None,
    });
    let message = "`toolConfig.toolChoice` must be one of auto, any and tool with its name";
    choice.filter(|_| members.next().is_none()).ok_or_else(|| Error::field("toolConfig", message))
}

fn read_tool<'a>(tool: Value<'a>, request: &mut Request<'a>) -> Result<(), Error> {
    let mut members = present(tool);
    let member = members.next().filter(|_| members.next().is_none()).ok_or_else(|| {
        let message = "each of `toolConfig.tools` must be an object with one member";
        Error::field("toolConfig", message)
    })?;
    let kind = member.key.decode();
    if &*kind == "toolSpec" {
        request.tools.push(read_spec(member.value)?);
        return Ok(());
    }
    if let Some(last) = request.tools.last_mut().filter(|_| &*kind == "cachePoint") {
        last.cache = Some(cache_of(member.value));
        return Ok(());
    }
    request.tools.push(Tool {
        name: Text::from_value(member.value.get("name").unwrap_or(tool)).unwrap_or_default(),
        description: None,
        kind: ToolKind::Own(extra(kind, tool)),
        strict: None,
        cache: None,
        extra: Vec::new(),
    });
    Ok(())
}

fn read_spec(spec: Value<'_>) -> Result<Tool<'_>, Error> {
    const FIELD: &str = "toolConfig";
    let mut tool = Tool {
        name: Text::default(),
        description: None,
        kind: ToolKind::Function(None),
        strict: None,
        cache: None,
        extra: Vec::new(),
    };
    let mut named = false;
    for member in present(spec) {
        match &*member.key.name() {
            b"name" => {
                tool.name = text_of(FIELD, "tools[].toolSpec.name", member.value)?;
                named = true;
            }
            b"description" => {
                let path = "tools[].toolSpec.description";
                tool.description = Some(text_of(FIELD, path, member.value)?);
            }
            b"inputSchema" => {
                tool.kind = ToolKind::Function(member.value.get("json").map(Json::of));
            }
            b"strict" => {
                let message = "`toolConfig.tools[].toolSpec.strict` must be true or false";
                let strict = member.value.as_bool();
                tool.strict = Some(strict.ok_or_else(|| Error::field(FIELD, message))?);
            }
            _ => keep(&mut tool.extra, None, member),
        }
    }
    if named {
        Ok(tool)
    } else {
        Err(Error::field(FIELD, "a tool of `toolConfig.tools` has no name"))
    }
}

/// What models take beside Converse's own words. Those of Claude have a place in the vocabulary.
fn read_additional<'a>(value: Value<'a>, request: &mut Request<'a>) {
    const FIELD: &str = "additionalModelRequestFields";
    if value.kind() != JsonKind::Object {
        request.extra.push(extra(FIELD, value));
        return;
    }
    for member in present(value) {
        let known = match &*member.key.name() {
            b"top_k" if member.value.kind() == JsonKind::Number => {
                request.sampling.top_k = Some(Json::of(member.value));
                true
            }
            b"thinking" => read_thinking(member.value, request),
            _ => false,
        };
        if !known {
            keep(&mut request.extra, Some(FIELD), member);
        }
    }
}

/// Whether all of Claude's `thinking` was understood; nothing of it is taken otherwise.
fn read_thinking(value: Value<'_>, request: &mut Request<'_>) -> bool {
    let mut thinking = request.thinking;
    for member in present(value) {
        let word = member.value.as_str().map(Str::name);
        match (&*member.key.name(), word.as_deref()) {
            (b"type", Some(b"enabled")) => thinking.mode = Some(ThinkingMode::On),
            (b"type", Some(b"adaptive")) => thinking.mode = Some(ThinkingMode::Adaptive),
            (b"type", Some(b"disabled")) => thinking.mode = Some(ThinkingMode::Off),
            (b"type", Some(b"between_tools")) => thinking.mode = Some(ThinkingMode::BetweenTools),
            (b"display", Some(b"summarized")) => thinking.visible = Some(true),
            (b"display", Some(b"omitted")) => thinking.visible = Some(false),
            (b"budget_tokens", None) => match member.value.as_u64() {
                Some(budget) => thinking.budget = Some(budget),
                None => return false,
            },
            _ => return false,
        }
    }
    if thinking.mode.is_some() {
        request.thinking = thinking;
    }
    thinking.mode.is_some()
}

fn read_tier<'a>(object: Value<'a>, request: &mut Request<'a>) -> Result<(), Error> {
    const FIELD: &str = "serviceTier";
    for member in present(object) {
        match &*member.key.name() {
            b"type" => request.tier = Some(text_of(FIELD, "type", member.value)?),
            _ => keep(&mut request.extra, Some(FIELD), member),
        }
    }
    Ok(())
}

fn read_output<'a>(object: Value<'a>, request: &mut Request<'a>) -> Result<(), Error> {
    const FIELD: &str = "outputConfig";
    for member in present(object) {
        match &*member.key.name() {
            b"textFormat" => request.format = Some(read_format(member.value)?),
            b"effort" => {
                let effort = member.value.as_str().and_then(|word| Effort::of(&word.decode()));
                match effort {
                    Some(effort) => request.thinking.effort = Some(effort),
                    None => keep(&mut request.extra, Some(FIELD), member),
                }
            }
            _ => keep(&mut request.extra, Some(FIELD), member),
        }
    }
    Ok(())
}

fn read_format(format: Value<'_>) -> Result<Format<'_>, Error> {
    let fault = |message: &'static str| Error::field("outputConfig", message);
    let definition = format.get("structure").and_then(|structure| structure.get("jsonSchema"));
    let message = "`outputConfig.textFormat` must have a `structure.jsonSchema`";
    let definition = definition.ok_or_else(|| fault(message))?;
    let schema = definition.get("schema").and_then(Value::as_str);
    let message = "`outputConfig.textFormat.structure.jsonSchema.schema` must be JSON in a string";
    let schema = schema.ok_or_else(|| fault(message))?;
    let schema = Json::parse(schema.decode().as_bytes()).map_err(|_| fault(message))?;
    let text = |key| definition.get(key).and_then(Text::from_value);
    let (name, description) = (text("name"), text("description"));
    Ok(Format::Schema { name, description, schema, strict: None })
}
