//! A client's request into the vocabulary.

use crate::chat;
use crate::chat::Effort;
use crate::chat::Format;
use crate::chat::Json;
use crate::chat::Text;
use crate::chat::Thinking;
use crate::chat::ThinkingMode;
use crate::chat::Tool;
use crate::chat::ToolKind;
use crate::codec::json::Kind as JsonKind;
use crate::codec::json::Member;
use crate::codec::json::Value;
use crate::error::Error;
use crate::protocol;
use crate::protocol::fields::Named;
use crate::protocol::fields::number;
use crate::protocol::fields::of_kind;
use crate::protocol::ollama::own;
use crate::protocol::ollama::request::MAX_MODEL;
use crate::protocol::ollama::request::fields;
use crate::protocol::ollama::request::fields::Field;
use crate::protocol::ollama::request::fields::Fields;
use crate::protocol::ollama::request::read_turns;

/// The member of `options` that caps the answer.
const MAX_TOKENS: &[u8] = b"num_predict";

/// Reads a request.
///
/// # Errors
/// A 400 that names the field.
pub fn read(body: &[u8]) -> Result<chat::Request<'_>, Error> {
    read_valid(protocol::valid(body)?)
}

/// The same of a body that was validated.
///
/// # Errors
/// A 400 that names the field.
pub fn read_valid(body: Value<'_>) -> Result<chat::Request<'_>, Error> {
    let mut fields = fields::read(body)?;
    let mut request = chat::Request {
        model: model(&fields)?,
        // Ollama streams unless told not to.
        stream: fields.truth(Field::Stream)?.unwrap_or(true),
        turns: turns(&fields)?,
        tools: tools(&fields)?,
        format: format(&fields)?,
        thinking: thinking(&fields)?,
        logprobs: fields.truth(Field::Logprobs)?,
        top_logprobs: fields.count(Field::TopLogprobs)?,
        extra: std::mem::take(&mut fields.extra),
        ..chat::Request::default()
    };
    if let Some(value) = fields.get(Field::Options) {
        let value = of_kind(value, JsonKind::Object);
        let value = value.ok_or_else(|| Field::Options.wrong("must be an object"))?;
        for member in value.members().filter(|member| !member.value.is_null()) {
            option(&member, &mut request)?;
        }
    }
    Ok(request)
}

fn model<'a>(fields: &Fields<'a>) -> Result<Text<'a>, Error> {
    let model = fields.text(Field::Model)?;
    let model = model.ok_or_else(|| Field::Model.wrong("is missing"))?;
    if model.is_empty() || model.raw().len() > MAX_MODEL {
        let rule = format!("must have 1 to {MAX_MODEL} characters");
        return Err(Field::Model.wrong(&rule));
    }
    Ok(model)
}

fn turns<'a>(fields: &Fields<'a>) -> Result<Vec<chat::Turn<'a>>, Error> {
    let messages = fields.array(Field::Messages)?;
    let messages = messages.ok_or_else(|| Field::Messages.wrong("is missing"))?;
    if messages.is_empty_array() {
        return Err(Field::Messages.wrong("must have at least one message"));
    }
    messages.elements().map(read_turns::turn).collect()
}

fn tools<'a>(fields: &Fields<'a>) -> Result<Vec<Tool<'a>>, Error> {
    let tools = fields.array(Field::Tools)?;
    tools.into_iter().flat_map(Value::elements).map(tool).collect()
}

fn tool(value: Value<'_>) -> Result<Tool<'_>, Error> {
    let (mut function, mut extra) = (None, Vec::new());
    for member in value.members().filter(|member| !member.value.is_null()) {
        match &*member.key.name() {
            b"type" => {
                let kind = Text::from_value(member.value);
                if let Some(kind) = kind.filter(|kind| !kind.is("function")) {
                    return Ok(own_tool(kind, value));
                }
            }
            b"function" => function = of_kind(member.value, JsonKind::Object),
            _ => extra.push(own(member.key.decode(), member.value)),
        }
    }
    let function = function.ok_or_else(|| Field::Tools.wrong("has a tool without `function`"))?;
    let mut tool = new_tool(Text::default(), ToolKind::Function(None));
    tool.extra = extra;
    for member in function.members().filter(|member| !member.value.is_null()) {
        let fault = |rule: &str| Field::Tools.wrong(rule);
        match &*member.key.name() {
            b"name" => tool.name = Text::from_value(member.value).unwrap_or_default(),
            b"description" => {
                let text = Text::from_value(member.value);
                tool.description =
                    Some(text.ok_or_else(|| fault("has a `description` that is no string"))?);
            }
            b"parameters" => {
                let schema = of_kind(member.value, JsonKind::Object);
                let schema = schema.ok_or_else(|| fault("has `parameters` that are no object"))?;
                tool.kind = ToolKind::Function(Some(Json::of(schema)));
            }
            b"strict" => tool.strict = member.value.as_bool(),
            _ => {
                let name = format!("function.{}", member.key.decode());
                tool.extra.push(own(name, member.value));
            }
        }
    }
    if tool.name.is_empty() {
        return Err(Field::Tools.wrong("has a function without `name`"));
    }
    Ok(tool)
}

/// A tool of a form that nobody but its server knows.
fn own_tool<'a>(kind: Text<'a>, value: Value<'a>) -> Tool<'a> {
    let whole = own(kind.decode().into_owned(), value);
    let name = value.get("name").and_then(Text::from_value).unwrap_or(kind);
    new_tool(name, ToolKind::Own(whole))
}

const fn new_tool<'a>(name: Text<'a>, kind: ToolKind<'a>) -> Tool<'a> {
    Tool { name, description: None, kind, strict: None, cache: None, extra: Vec::new() }
}

fn format<'a>(fields: &Fields<'a>) -> Result<Option<Format<'a>>, Error> {
    let Some(value) = fields.get(Field::Format) else { return Ok(None) };
    match value.as_str() {
        Some(word) if word.raw().is_empty() => Ok(None),
        Some(word) if word.is("json") => Ok(Some(Format::Object)),
        None if value.kind() == JsonKind::Object => {
            let schema = Json::of(value);
            Ok(Some(Format::Schema { name: None, description: None, schema, strict: None }))
        }
        Some(_) | None => Err(Field::Format.wrong("must be \"json\" or a JSON Schema")),
    }
}

fn thinking(fields: &Fields<'_>) -> Result<Thinking, Error> {
    let Some(value) = fields.get(Field::Think) else { return Ok(Thinking::default()) };
    let of = |mode, effort| Thinking { mode: Some(mode), effort, ..Thinking::default() };
    if let Some(wanted) = value.as_bool() {
        return Ok(of(if wanted { ThinkingMode::On } else { ThinkingMode::Off }, None));
    }
    let words = [Effort::Low, Effort::Medium, Effort::High, Effort::Max];
    let word = value.as_str();
    let effort = words.into_iter().find(|effort| word.is_some_and(|word| word.is(effort.as_str())));
    let rule = "must be true, false, \"low\", \"medium\", \"high\" or \"max\"";
    let effort = effort.ok_or_else(|| Field::Think.wrong(rule))?;
    Ok(of(ThinkingMode::On, Some(effort)))
}

/// A member of `options`.
fn option<'a>(member: &Member<'a>, request: &mut chat::Request<'a>) -> Result<(), Error> {
    let value = member.value;
    let name = member.key.name();
    let sampling = &mut request.sampling;
    let slot = match name.as_ref() {
        b"temperature" => &mut sampling.temperature,
        b"top_p" => &mut sampling.top_p,
        b"top_k" => &mut sampling.top_k,
        b"min_p" => &mut sampling.min_p,
        b"seed" => &mut sampling.seed,
        b"presence_penalty" => &mut sampling.presence_penalty,
        b"frequency_penalty" => &mut sampling.frequency_penalty,
        b"stop" => {
            request.stop = stop(value)?;
            return Ok(());
        }
        MAX_TOKENS if value.as_u64().is_some_and(|most| most > 0) => {
            request.max_tokens = value.as_u64();
            return Ok(());
        }
        // Below one it means no cap, or as much as there is room for.
        _ => {
            let name = format!("options.{}", member.key.decode());
            request.extra.push(own(name, value));
            return Ok(());
        }
    };
    let rule = || {
        let name = member.key.decode();
        Field::Options.wrong(&format!("has a `{name}` that is no number"))
    };
    *slot = Some(number(value).ok_or_else(rule)?);
    Ok(())
}

fn stop(value: Value<'_>) -> Result<Vec<Text<'_>>, Error> {
    let rule = || Field::Options.wrong("has a `stop` that is no array of strings");
    if let Some(text) = Text::from_value(value) {
        return Ok(vec![text]);
    }
    let list = of_kind(value, JsonKind::Array).ok_or_else(rule)?;
    list.elements().map(|text| Text::from_value(text).ok_or_else(rule)).collect()
}
