//! Reading a request: the members at its top.

use crate::chat::Part;
use crate::chat::Request;
use crate::chat::Role;
use crate::chat::Text;
use crate::chat::Turn;
use crate::codec::json::Kind as JsonKind;
use crate::codec::json::Str;
use crate::codec::json::Value;
use crate::error::Error;
use crate::protocol;
use crate::protocol::fields::fields;
use crate::protocol::gemini::names;
use crate::protocol::gemini::request::config;
use crate::protocol::gemini::request::contents;
use crate::protocol::gemini::request::tools;

fields! {
    Model "model",
    Contents "contents",
    SystemInstruction "systemInstruction",
    Tools "tools",
    ToolConfig "toolConfig",
    GenerationConfig "generationConfig",
    ServiceTier "serviceTier",
}

/// Reads a request. The model and whether a stream is asked for stand in the URL: the caller sets
/// them. Calls without ids are given the ids `call_0`, `call_1`... for protocols that need some.
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
    let mut fields = Fields::read(body, names::camel, names::extra)?;
    let mut request = Request::default();
    if let Some(model) = fields.all(Field::Model, Value::as_str, "must be a string")? {
        let name = model.raw();
        let name = name.strip_prefix(b"models/").unwrap_or(name);
        request.model = Text::of(Str::trusted(name));
    }
    if let Some(system) = fields.get(Field::SystemInstruction) {
        request.turns.push(system_turn(system)?);
    }
    contents::read(fields.need(Field::Contents)?, &mut request.turns)?;
    request.extra = std::mem::take(&mut fields.extra);
    if let Some(list) = fields.get(Field::Tools) {
        tools::read(list, &mut request)?;
    }
    if let Some(choice) = fields.get(Field::ToolConfig) {
        tools::read_config(choice, &mut request)?;
    }
    if let Some(value) = fields.object(Field::GenerationConfig)? {
        config::read(value, &mut request)?;
    }
    if let Some(tier) = fields.get(Field::ServiceTier) {
        request.tier = tier_of(tier)?;
    }
    Ok(request)
}

/// Instructions: all texts of them. Their role means nothing.
fn system_turn(system: Value<'_>) -> Result<Turn<'_>, Error> {
    const FIELD: &str = "systemInstruction";
    let mut turn = Turn::new(Role::System, Vec::new());
    if let Some(text) = Text::from_value(system) {
        turn.parts.push(Part::text(text));
        return Ok(turn);
    }
    if system.kind() != JsonKind::Object {
        return Err(Error::field(FIELD, "`systemInstruction` must be an object"));
    }
    for member in system.members() {
        match &*names::camel(member.key) {
            b"parts" => {
                for part in names::each(member.value) {
                    turn.parts.push(contents::part(part, FIELD)?);
                }
            }
            b"role" => {}
            _ => turn.extra.push(names::extra(&member)),
        }
    }
    Ok(turn)
}

/// The tier in OpenAI's words.
fn tier_of(tier: Value<'_>) -> Result<Option<Text<'_>>, Error> {
    let word = tier.as_str();
    let word = word.ok_or_else(|| Error::field("serviceTier", "`serviceTier` is no string"))?;
    Ok(match &*word.decode().to_ascii_lowercase() {
        "" | "unspecified" => None,
        "standard" => Some(Text::of(Str::trusted(b"default"))),
        _ => Some(Text::of(word)),
    })
}
