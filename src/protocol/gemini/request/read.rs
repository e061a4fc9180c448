//! Reading a request: the members at its top.

use crate::chat::Extra;
use crate::chat::Part;
use crate::chat::Request;
use crate::chat::Role;
use crate::chat::Text;
use crate::chat::Turn;
use crate::codec::json;
use crate::codec::json::Kind as JsonKind;
use crate::codec::json::Member;
use crate::codec::json::Value;
use crate::error::Error;
use crate::protocol;
use crate::protocol::gemini::names;
use crate::protocol::gemini::request::config;
use crate::protocol::gemini::request::contents;
use crate::protocol::gemini::request::tools;

/// The members decided on.
#[derive(Default)]
struct Top<'a> {
    model: Option<Value<'a>>,
    contents: Option<Value<'a>>,
    system: Option<Value<'a>>,
    tools: Option<Value<'a>>,
    tool_config: Option<Value<'a>>,
    config: Option<Value<'a>>,
    tier: Option<Value<'a>>,
    twice: Option<&'static str>,
    extra: Vec<Extra<'a>>,
}

impl<'a> Top<'a> {
    fn visit(&mut self, member: &Member<'a>) {
        let (name, place) = match &*names::camel(member.key) {
            b"model" => ("model", &mut self.model),
            b"contents" => ("contents", &mut self.contents),
            b"systemInstruction" => ("systemInstruction", &mut self.system),
            b"tools" => ("tools", &mut self.tools),
            b"toolConfig" => ("toolConfig", &mut self.tool_config),
            b"generationConfig" => ("generationConfig", &mut self.config),
            b"serviceTier" => ("serviceTier", &mut self.tier),
            _ => {
                if !member.value.is_null() {
                    self.extra.push(names::extra(member));
                }
                return;
            }
        };
        if place.replace(member.value).is_some() {
            self.twice.get_or_insert(name);
        }
    }
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
    let mut top = Top::default();
    body.members().for_each(|member| top.visit(&member));
    if let Some(name) = top.twice {
        return Err(Error::field(name, format!("`{name}` stands in the request twice")));
    }
    let present = |value: Option<Value<'_>>| value.is_some_and(|value| !value.is_null());
    let mut request = Request { extra: top.extra, ..Request::default() };
    if let Some(model) = top.model.filter(|value| !value.is_null()) {
        let model = model.as_str().ok_or_else(|| Error::field("model", "`model` is no string"))?;
        let name = model.raw().strip_prefix(b"models/").unwrap_or(model.raw());
        request.model = Text::of(json::Str::trusted(name));
    }
    if let Some(system) = top.system.filter(|value| !value.is_null()) {
        request.turns.push(system_turn(system)?);
    }
    if !present(top.contents) {
        return Err(Error::field("contents", "`contents` is missing"));
    }
    if let Some(turns) = top.contents {
        contents::read(turns, &mut request.turns)?;
    }
    if let Some(list) = top.tools.filter(|value| !value.is_null()) {
        tools::read(list, &mut request)?;
    }
    if let Some(choice) = top.tool_config.filter(|value| !value.is_null()) {
        tools::read_config(choice, &mut request)?;
    }
    if let Some(value) = top.config.filter(|value| !value.is_null()) {
        if value.kind() != JsonKind::Object {
            return Err(Error::field("generationConfig", "`generationConfig` must be an object"));
        }
        config::read(value, &mut request)?;
    }
    if let Some(tier) = top.tier.filter(|value| !value.is_null()) {
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
        "standard" => Some(Text::of(json::Str::trusted(b"default"))),
        _ => Some(Text::of(word)),
    })
}
