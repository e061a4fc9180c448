//! A client's request into the vocabulary.

use crate::chat::Cache;
use crate::chat::Effort;
use crate::chat::Format;
use crate::chat::Json;
use crate::chat::Request;
use crate::chat::Role;
use crate::chat::Sampling;
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
use crate::protocol::fields::Named;
use crate::protocol::fields::fields;
use crate::protocol::plain;

fields! {
    Model "model",
    Messages "messages",
    MaxTokens "max_tokens",
    System "system",
    Stream "stream",
    StopSequences "stop_sequences",
    Temperature "temperature",
    TopP "top_p",
    TopK "top_k",
    Tools "tools",
    ToolChoice "tool_choice",
    Thinking "thinking",
    OutputConfig "output_config",
    OutputFormat "output_format",
    Metadata "metadata",
    ServiceTier "service_tier",
    CacheControl "cache_control",
}

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
    let mut fields =
        Fields::read(body, Str::name, |member| extra(member.key.decode(), member.value))?;
    let mut request = Request {
        model: fields.text(Field::Model)?.ok_or_else(|| Field::Model.wrong("is missing"))?,
        max_tokens: fields.count(Field::MaxTokens)?,
        stream: fields.truth(Field::Stream)?.unwrap_or_default(),
        stop: read_stop(&fields)?,
        sampling: Sampling {
            temperature: fields.number(Field::Temperature)?,
            top_p: fields.number(Field::TopP)?,
            top_k: fields.number(Field::TopK)?,
            ..Sampling::default()
        },
        ..Request::default()
    };
    if request.model.is_empty() {
        return Err(Field::Model.wrong("must not be empty"));
    }
    let messages = fields.need(Field::Messages)?;
    expect("messages", messages, JsonKind::Array)?;
    // A guess: the turns of a long conversation are not moved more than once.
    const SHORT: usize = 512;
    request.turns.reserve((messages.raw().len() / SHORT).clamp(2, 1024));
    if let Some(value) = fields.get(Field::System) {
        let parts = blocks::read(value, Role::System, Spot::new("system", 0))?;
        if !parts.is_empty() {
            request.turns.push(Turn::new(Role::System, parts));
        }
    }
    read_messages(messages, &mut request)?;
    request.extra = std::mem::take(&mut fields.extra);
    read_more(&fields, &mut request)?;
    Ok(request)
}

fn read_stop<'a>(fields: &Fields<'a>) -> Result<Vec<Text<'a>>, Error> {
    let words = fields.array(Field::StopSequences)?.into_iter().flat_map(Value::elements);
    let text =
        |word| Text::from_value(word).ok_or_else(|| Field::StopSequences.wrong("must be strings"));
    words.map(text).collect()
}

/// Reads what many requests do without.
fn read_more<'a>(fields: &Fields<'a>, request: &mut Request<'a>) -> Result<(), Error> {
    if let Some(list) = fields.array(Field::Tools)? {
        request.tools = list.elements().map(read_tools::tool).collect::<Result<_, _>>()?;
    }
    if let Some(value) = fields.get(Field::ToolChoice) {
        read_tools::choice(value, request)?;
    }
    if let Some(value) = fields.get(Field::Thinking) {
        read_thinking(value, request)?;
    }
    if let Some(value) = fields.get(Field::OutputConfig) {
        read_output(value, request)?;
    }
    if let Some(value) = fields.get(Field::OutputFormat) {
        // As structured output was spelt before it had a place in `output_config`.
        request.format = Some(read_format(Field::OutputFormat.name(), value)?);
    }
    if let Some(value) = fields.get(Field::Metadata) {
        read_metadata(value, request)?;
    }
    if let Some(tier) = fields.text(Field::ServiceTier)? {
        match &*tier.decode() {
            "auto" => request.tier = Some(tier),
            "standard_only" => request.tier = Some(Text::plain("default")),
            _ => carry(fields, Field::ServiceTier, request),
        }
    }
    request.cache = fields.get(Field::CacheControl).and_then(read_cache);
    if request.cache.is_none() {
        carry(fields, Field::CacheControl, request);
    }
    Ok(())
}

/// Carries a member as it is: it says something that there are no words for.
fn carry<'a>(fields: &Fields<'a>, field: Field, request: &mut Request<'a>) {
    request.extra.extend(fields.get(field).map(|value| extra(field.name(), value)));
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

fn read_messages<'a>(messages: Value<'a>, request: &mut Request<'a>) -> Result<(), Error> {
    for (at, message) in messages.elements().enumerate() {
        if let Some(turn) = plain::read(message) {
            request.turns.push(turn);
            continue;
        }
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
                _ => turn.extra.push(extra(member.key.decode(), member.value)),
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
        turn.parts = blocks::read(content, turn.role, spot)?;
        request.turns.push(turn);
    }
    Ok(())
}

/// A mark, if it says nothing that the vocabulary has no words for.
pub fn read_cache(value: Value<'_>) -> Option<Cache> {
    let mut cache = Cache::Standard;
    for member in present(value) {
        let said = member.value.as_str().map(Str::decode);
        match (&*member.key.decode(), said.as_deref()) {
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
        let said = member.value.as_str().map(Str::decode);
        match (&*member.key.decode(), said.as_deref()) {
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
                let effort = member.value.as_str().and_then(|effort| Effort::of(&effort.decode()));
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
            b"user_id" => {
                let user = Text::from_value(member.value);
                request.user =
                    Some(user.ok_or_else(|| wrong(FIELD, "must have a string as `user_id`"))?);
            }
            _ => request.extra.push(extra_in(FIELD, &member)),
        }
    }
    Ok(())
}
