//! Tools, what is asked of them, and the form of the answer.

use crate::chat::Extra;
use crate::chat::Format;
use crate::chat::Json;
use crate::chat::Protocol;
use crate::chat::Text;
use crate::chat::Tool;
use crate::chat::ToolChoice;
use crate::chat::ToolKind;
use crate::codec::json::Kind as JsonKind;
use crate::codec::json::Value;
use crate::error::Error;
use crate::protocol::fields::Named;
use crate::protocol::openai::chat::extra;
use crate::protocol::openai::chat::key;
use crate::protocol::openai::chat::request::fields::Field;
use crate::protocol::openai::chat::request::fields::Fields;
use crate::protocol::openai::chat::request::read_parts;

/// What `tools` and `tool_choice` say, or `functions` and `function_call` in their place.
pub(super) fn tools<'a>(
    fields: &Fields<'a>,
) -> Result<(Vec<Tool<'a>>, Option<ToolChoice<'a>>), Error> {
    let mut tools = Vec::new();
    if let Some(list) = fields.array(Field::Tools)? {
        for (at, value) in list.elements().enumerate() {
            tools.push(tool(value).ok_or_else(|| {
                let message = format!("`tools[{at}]` must be a tool with a name");
                Error::field("tools", message)
            })?);
        }
    }
    if let Some(list) = fields.array(Field::Functions)? {
        for value in list.elements() {
            let tool = Definition::read(value).function();
            let rule = "must be functions with names";
            tools.push(tool.ok_or_else(|| Field::Functions.wrong(rule))?);
        }
    }
    let choice = match fields.get(Field::ToolChoice) {
        Some(value) => Some(choice(value).ok_or_else(|| Field::ToolChoice.wrong(CHOICE))?),
        None => function_call(fields)?,
    };
    Ok((tools, choice))
}

/// Whether there are tools in the older form alone.
pub(super) fn is_older(fields: &Fields<'_>) -> bool {
    let some = |field| fields.get(field).is_some_and(|list| !list.is_empty_array());
    some(Field::Functions) && !some(Field::Tools)
}

const CHOICE: &str = "must be none, auto, required or a tool";

fn tool(value: Value<'_>) -> Option<Tool<'_>> {
    let (mut kind, mut function, mut custom, mut mark) = (None, None, None, None);
    let mut carried = Vec::new();
    for member in value.members().filter(|member| !member.value.is_null()) {
        match key(&member).as_ref() {
            b"type" => kind = Text::from_value(member.value),
            b"function" => function = Some(member.value),
            b"custom" => custom = Some(member.value),
            b"cache_control" => mark = Some(read_parts::cache(member.value)),
            _ => carried.push(extra(&member)),
        }
    }
    let kind = kind.as_ref().map(Text::decode);
    let mut tool = match kind.as_deref() {
        Some("function") | None => Definition::read(function?).function()?,
        Some("custom") => Definition::read(custom?).custom()?,
        Some(other) => return Some(own(other, value)),
    };
    tool.cache = mark;
    tool.extra.extend(carried);
    Some(tool)
}

/// A tool of a provider's own, which is carried whole.
fn own<'a>(kind: &str, value: Value<'a>) -> Tool<'a> {
    let (by, value) = (Protocol::Openai, Json::of(value));
    let definition = Extra { by, name: kind.to_owned().into(), value };
    Tool {
        name: Text::plain(kind),
        description: None,
        kind: ToolKind::Own(definition),
        strict: None,
        cache: None,
        extra: Vec::new(),
    }
}

/// What `function` or `custom` of a tool says.
#[derive(Default)]
struct Definition<'a> {
    name: Option<Text<'a>>,
    description: Option<Text<'a>>,
    parameters: Option<Json<'a>>,
    format: Option<Json<'a>>,
    strict: Option<bool>,
    extra: Vec<Extra<'a>>,
}

impl<'a> Definition<'a> {
    fn read(value: Value<'a>) -> Self {
        let mut found = Self::default();
        for member in value.members().filter(|member| !member.value.is_null()) {
            match key(&member).as_ref() {
                b"name" => found.name = Text::from_value(member.value),
                b"description" => found.description = Text::from_value(member.value),
                b"parameters" => found.parameters = Some(Json::of(member.value)),
                b"format" => found.format = Some(Json::of(member.value)),
                b"strict" => found.strict = member.value.as_bool(),
                _ => found.extra.push(extra(&member)),
            }
        }
        found
    }

    fn function(self) -> Option<Tool<'a>> {
        let kind = ToolKind::Function(self.parameters.clone());
        self.tool(kind)
    }

    fn custom(self) -> Option<Tool<'a>> {
        let kind = ToolKind::Custom(self.format.clone());
        self.tool(kind)
    }

    fn tool(self, kind: ToolKind<'a>) -> Option<Tool<'a>> {
        Some(Tool {
            name: self.name.filter(|name| !name.is_empty())?,
            description: self.description,
            kind,
            strict: self.strict,
            cache: None,
            extra: self.extra,
        })
    }
}

fn choice(value: Value<'_>) -> Option<ToolChoice<'_>> {
    if let Some(word) = value.as_str() {
        return match word.decode().as_ref() {
            "auto" => Some(ToolChoice::Auto),
            "none" => Some(ToolChoice::None),
            // Mistral's word, and Anthropic's.
            "required" | "any" => Some(ToolChoice::Required),
            _ => None,
        };
    }
    if let Some(allowed) = value.get("allowed_tools") {
        let required = allowed.get("mode").and_then(Value::as_str)?.is("required");
        let names = allowed.get("tools")?.elements().map(named).collect::<Option<_>>()?;
        return Some(ToolChoice::Allowed { required, names });
    }
    named(value).map(ToolChoice::Named)
}

/// The name in `{"type":"function","function":{"name"}}`.
fn named(value: Value<'_>) -> Option<Text<'_>> {
    let inner = value.get("function").or_else(|| value.get("custom")).unwrap_or(value);
    inner.get("name").and_then(Text::from_value).filter(|name| !name.is_empty())
}

/// The older way to say it.
fn function_call<'a>(fields: &Fields<'a>) -> Result<Option<ToolChoice<'a>>, Error> {
    let Some(value) = fields.get(Field::FunctionCall) else { return Ok(None) };
    let found = match value.kind() {
        JsonKind::String => choice(value),
        JsonKind::Object => named(value).map(ToolChoice::Named),
        JsonKind::Null | JsonKind::Bool | JsonKind::Number | JsonKind::Array => None,
    };
    found.map(Some).ok_or_else(|| Field::FunctionCall.wrong("must be none, auto or a function"))
}

/// The form that the answer must have. What is none of the known ones is carried.
pub(super) fn format<'a>(fields: &mut Fields<'a>) -> Result<Option<Format<'a>>, Error> {
    let Some(value) = fields.get(Field::ResponseFormat) else { return Ok(None) };
    let kind = value.get("type").and_then(Value::as_str);
    let kind = kind.ok_or_else(|| Field::ResponseFormat.wrong("must have a `type`"))?;
    match kind.decode().as_ref() {
        "text" => Ok(Some(Format::Text)),
        "json_object" => Ok(Some(match value.get("schema") {
            Some(schema) if schema.kind() == JsonKind::Object => {
                let schema = Json::of(schema);
                Format::Schema { name: None, description: None, schema, strict: None }
            }
            Some(_) | None => Format::Object,
        })),
        "json_schema" => match value.get("json_schema").and_then(schema) {
            Some(format) => Ok(Some(format)),
            None => Err(Field::ResponseFormat.wrong("has no `json_schema.schema`")),
        },
        _ => {
            fields.carry(Field::ResponseFormat, value);
            Ok(None)
        }
    }
}

fn schema(value: Value<'_>) -> Option<Format<'_>> {
    let (mut name, mut description, mut schema, mut strict) = (None, None, None, None);
    for member in value.members().filter(|member| !member.value.is_null()) {
        match key(&member).as_ref() {
            b"name" => name = Text::from_value(member.value),
            b"description" => description = Text::from_value(member.value),
            b"schema" => schema = Some(Json::of(member.value)),
            b"strict" => strict = member.value.as_bool(),
            _ => {}
        }
    }
    Some(Format::Schema { name, description, schema: schema?, strict })
}
