//! A client's request into the vocabulary.

use crate::chat::Cache;
use crate::chat::Effort;
use crate::chat::Format;
use crate::chat::Json;
use crate::chat::Part;
use crate::chat::Request;
use crate::chat::Role;
use crate::chat::Text;
use crate::chat::ThinkingMode;
use crate::chat::Turn;
use crate::codec::json::Kind as JsonKind;
use crate::codec::json::Str;
use crate::codec::json::Value;
use crate::error::Error;
use crate::protocol;
use crate::protocol::anthropic::extra;
use crate::protocol::anthropic::extra_in;
use crate::protocol::anthropic::present;
use crate::protocol::anthropic::request::blocks;
use crate::protocol::anthropic::request::blocks::Spot;
use crate::protocol::anthropic::request::read_tools;
use crate::protocol::anthropic::word;

/// The members decided on; each may stand in a request once only.
const FIELDS: [&str; 17] = [
    "model",
    "messages",
    "max_tokens",
    "system",
    "stream",
    "stop_sequences",
    "temperature",
    "top_p",
    "top_k",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "output_format",
    "metadata",
    "service_tier",
    "cache_control",
];

/// Reads a body.
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
    let request = read_counted(body)?;
    if request.max_tokens.is_none() {
        return Err(Error::field("max_tokens", "`max_tokens` is missing"));
    }
    Ok(request)
}

/// The same where `max_tokens` may be left out, as it is where tokens are only counted.
///
/// # Errors
/// As [`read`].
pub fn read_counted(body: Value<'_>) -> Result<Request<'_>, Error> {
    let mut request = Request::default();
    let mut values: [Option<Value<'_>>; FIELDS.len()] = [None; FIELDS.len()];
    let mut twice = None;
    for member in body.members() {
        let name = member.key.name();
        match FIELDS.iter().zip(&mut values).find(|(field, _)| field.as_bytes() == &*name) {
            Some((field, place)) => {
                if place.replace(member.value).is_some() {
                    twice.get_or_insert(*field);
                }
            }
            None if member.value.is_null() => {}
            None => request.extra.push(extra(word(member.key), member.value)),
        }
    }
    if let Some(field) = twice {
        return Err(wrong(field, "stands in the request twice"));
    }
    for (field, value) in FIELDS.into_iter().zip(values) {
        if let Some(value) = value.filter(|value| !value.is_null()) {
            read_field(field, value, &mut request)?;
        }
    }
    for (field, found) in [("model", values.first()), ("messages", values.get(1))] {
        if found.copied().flatten().is_none_or(Value::is_null) {
            return Err(wrong(field, "is missing"));
        }
    }
    Ok(request)
}

/// A 400 about a member.
pub fn wrong(field: &'static str, rule: &str) -> Error {
    Error::field(field, format!("`{field}` {rule}"))
}

/// Refuses a value of another kind.
pub fn expect(field: &'static str, value: Value<'_>, kind: JsonKind) -> Result<(), Error> {
    let rule = match kind {
        found if found == value.kind() => return Ok(()),
        JsonKind::Array => "must be an array",
        JsonKind::Object => "must be an object",
        JsonKind::Number => "must be a number",
        JsonKind::String => "must be a string",
        JsonKind::Null | JsonKind::Bool => "must be true or false",
    };
    Err(wrong(field, rule))
}

fn text<'a>(field: &'static str, value: Value<'a>) -> Result<Text<'a>, Error> {
    Text::from_value(value).ok_or_else(|| wrong(field, "must be a string"))
}

fn number<'a>(field: &'static str, value: Value<'a>) -> Result<Option<Json<'a>>, Error> {
    expect(field, value, JsonKind::Number)?;
    Ok(Some(Json::of(value)))
}

/// Reads one of [`FIELDS`], in their order.
fn read_field<'a>(
    field: &'static str,
    value: Value<'a>,
    request: &mut Request<'a>,
) -> Result<(), Error> {
    match field {
        "model" => {
            request.model = text(field, value)?;
            if request.model.is_empty() {
                return Err(wrong(field, "must not be empty"));
            }
        }
        "messages" => read_messages(value, request)?,
        "max_tokens" => {
            let count = value.as_u64();
            let rule = "must be an integer that is not negative";
            request.max_tokens = Some(count.ok_or_else(|| wrong(field, rule))?);
        }
        "system" => {
            let parts = blocks::read(value, Role::System, Spot::new("system", 0))?;
            if !parts.is_empty() {
                request.turns.insert(0, Turn::new(Role::System, parts));
            }
        }
        "stream" => {
            let stream = value.as_bool();
            request.stream = stream.ok_or_else(|| wrong(field, "must be true or false"))?;
        }
        "stop_sequences" => {
            expect(field, value, JsonKind::Array)?;
            let words = value.elements().map(|word| text(field, word));
            request.stop = words.collect::<Result<_, _>>()?;
        }
        "temperature" => request.sampling.temperature = number(field, value)?,
        "top_p" => request.sampling.top_p = number(field, value)?,
        "top_k" => request.sampling.top_k = number(field, value)?,
        "tools" => {
            expect(field, value, JsonKind::Array)?;
            request.tools = value.elements().map(read_tools::tool).collect::<Result<_, _>>()?;
        }
        "tool_choice" => read_tools::choice(value, request)?,
        "thinking" => read_thinking(value, request)?,
        "output_config" => read_output(value, request)?,
        // As structured output was spelt before it had a place in `output_config`.
        "output_format" => request.format = Some(read_format(field, value)?),
        "metadata" => read_metadata(value, request)?,
        "service_tier" => match &*word(text(field, value)?.as_str()) {
            "auto" => request.tier = Some(Text::from_value(value).unwrap_or_default()),
            "standard_only" => request.tier = Some(Text::plain("default")),
            _ => request.extra.push(extra(field, value)),
        },
        "cache_control" => match read_cache(value) {
            Some(cache) => request.cache = Some(cache),
            None => request.extra.push(extra(field, value)),
        },
        _ => request.extra.push(extra(field, value)),
    }
    Ok(())
}

fn read_messages<'a>(messages: Value<'a>, request: &mut Request<'a>) -> Result<(), Error> {
    // Most messages are longer; what is not used is little.
    const SHORT: usize = 128;
    expect("messages", messages, JsonKind::Array)?;
    request.turns.reserve((messages.raw().len() / SHORT).clamp(1, 64));
    for (at, message) in messages.elements().enumerate() {
        let spot = Spot::new("messages", at);
        if message.kind() != JsonKind::Object {
            return Err(spot.wrong("must be an object"));
        }
        let (mut role, mut content) = (None, None);
        let mut turn = Turn::new(Role::User, Vec::new());
        for member in present(message) {
            match &*member.key.name() {
                b"role" => role = member.value.as_str(),
                b"content" => content = Some(member.value),
                _ => turn.extra.push(extra(word(member.key), member.value)),
            }
        }
        turn.role = match role.map(Str::name).as_deref() {
            Some(b"user") => Role::User,
            Some(b"assistant") => Role::Assistant,
            Some(b"system") => Role::System,
            Some(_) | None => {
                return Err(spot.wrong("must have the role user, assistant or system"));
            }
        };
        let content = content.ok_or_else(|| spot.wrong("has no content"))?;
        turn.parts = match Text::from_value(content).filter(|text| !text.is_empty()) {
            // Made where it stays: a part is large.
            Some(text) => vec![Part::text(text)],
            None => blocks::read(content, turn.role, spot)?,
        };
        request.turns.push(turn);
    }
    Ok(())
}

/// A mark, if it says nothing that the vocabulary has no words for.
pub fn read_cache(value: Value<'_>) -> Option<Cache> {
    let mut cache = Cache::Standard;
    for member in present(value) {
        let said = member.value.as_str().map(word);
        match (&*word(member.key), said.as_deref()) {
            ("type", Some("ephemeral")) | ("ttl", Some("5m")) => {}
            ("ttl", Some("1h")) => cache = Cache::Hour,
            _ => return None,
        }
    }
    (value.kind() == JsonKind::Object).then_some(cache)
}

fn read_thinking<'a>(value: Value<'a>, request: &mut Request<'a>) -> Result<(), Error> {
    const FIELD: &str = "thinking";
    expect(FIELD, value, JsonKind::Object)?;
    for member in present(value) {
        let said = member.value.as_str().map(word);
        match (&*word(member.key), said.as_deref()) {
            ("type", said) => {
                let mode = match said {
                    Some("enabled") => ThinkingMode::On,
                    Some("adaptive") => ThinkingMode::Adaptive,
                    Some("disabled") => ThinkingMode::Off,
                    Some("between_tools") => ThinkingMode::BetweenTools,
                    Some(_) | None => {
                        let rule = "must have a type of enabled, adaptive, disabled, between_tools";
                        return Err(wrong(FIELD, rule));
                    }
                };
                request.thinking.mode = Some(mode);
            }
            ("budget_tokens", _) => {
                let rule = "must have an integer as `budget_tokens`";
                let budget = member.value.as_u64().ok_or_else(|| wrong(FIELD, rule))?;
                request.thinking.budget = Some(budget);
            }
            ("display", Some("summarized")) => request.thinking.visible = Some(true),
            ("display", Some("omitted")) => request.thinking.visible = Some(false),
            (name, _) => request.extra.push(extra(format!("{FIELD}.{name}"), member.value)),
        }
    }
    match request.thinking.mode {
        Some(_) => Ok(()),
        None => Err(wrong(FIELD, "has no type")),
    }
}

fn read_output<'a>(value: Value<'a>, request: &mut Request<'a>) -> Result<(), Error> {
    const FIELD: &str = "output_config";
    expect(FIELD, value, JsonKind::Object)?;
    for member in present(value) {
        match &*member.key.name() {
            b"effort" => {
                let effort = member.value.as_str().and_then(|effort| Effort::of(&word(effort)));
                let rule = "must have an effort of low, medium, high, xhigh, max";
                request.thinking.effort = Some(effort.ok_or_else(|| wrong(FIELD, rule))?);
            }
            b"format" => request.format = Some(read_format(FIELD, member.value)?),
            _ => request.extra.push(extra_in(FIELD, &member)),
        }
    }
    Ok(())
}

fn read_format<'a>(field: &'static str, value: Value<'a>) -> Result<Format<'a>, Error> {
    expect(field, value, JsonKind::Object)?;
    let kind = value.get("type").and_then(Value::as_str);
    let schema = value.get("schema").filter(|schema| schema.kind() == JsonKind::Object);
    let schema = schema.filter(|_| kind.is_some_and(|kind| kind.is("json_schema")));
    let rule = "must be of the type json_schema and have a schema";
    let schema = Json::of(schema.ok_or_else(|| wrong(field, rule))?);
    Ok(Format::Schema { name: None, description: None, schema, strict: None })
}

fn read_metadata<'a>(value: Value<'a>, request: &mut Request<'a>) -> Result<(), Error> {
    const FIELD: &str = "metadata";
    expect(FIELD, value, JsonKind::Object)?;
    for member in present(value) {
        match &*member.key.name() {
            b"user_id" => request.user = Some(text(FIELD, member.value)?),
            _ => request.extra.push(extra_in(FIELD, &member)),
        }
    }
    Ok(())
}
