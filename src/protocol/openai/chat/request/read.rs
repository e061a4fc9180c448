//! A client's request into the vocabulary.

use crate::chat;
use crate::chat::Effort;
use crate::chat::Json;
use crate::chat::Sampling;
use crate::chat::Text;
use crate::chat::Thinking;
use crate::chat::ThinkingMode;
use crate::codec::json::Kind as JsonKind;
use crate::codec::json::Value;
use crate::error::Error;
use crate::protocol;
use crate::protocol::fields::Named;
use crate::protocol::openai::chat::request::fields;
use crate::protocol::openai::chat::request::fields::Field;
use crate::protocol::openai::chat::request::fields::Fields;
use crate::protocol::openai::chat::request::read_tools;
use crate::protocol::openai::chat::request::read_turns;

/// Longest name of a model.
const MAX_MODEL: usize = 256;

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
    let (tools, tool_choice) = read_tools::tools(&fields)?;
    let most = fields.count(Field::MaxCompletionTokens)?;
    let older = fields.count(Field::MaxTokens)?;
    let functions = read_tools::is_older(&fields);
    let mut request = chat::Request {
        model: model(&fields)?,
        stream: fields.truth(Field::Stream)?.unwrap_or(false),
        turns: turns(&fields)?,
        tools,
        functions,
        tool_choice,
        parallel_tools: fields.truth(Field::ParallelToolCalls)?.or(functions.then_some(false)),
        format: None,
        thinking: thinking(&mut fields)?,
        max_tokens: most.or(older),
        stop: stop(&fields)?,
        sampling: sampling(&fields)?,
        choices: fields.count(Field::N)?,
        logprobs: fields.truth(Field::Logprobs)?,
        top_logprobs: fields.count(Field::TopLogprobs)?,
        tier: fields.text(Field::ServiceTier)?,
        user: user(&mut fields)?,
        metadata: fields.object(Field::Metadata)?.map(Json::of),
        cache: None,
        extra: Vec::new(),
    };
    request.format = read_tools::format(&mut fields)?;
    request.extra = fields.extra;
    Ok(request)
}

fn model<'a>(fields: &Fields<'a>) -> Result<Text<'a>, Error> {
    let model = fields.text(Field::Model)?.ok_or_else(|| Field::Model.wrong("is missing"))?;
    if model.is_empty() || model.raw().len() > MAX_MODEL {
        return Err(Field::Model.wrong("must have 1 to 256 characters"));
    }
    Ok(model)
}

fn turns<'a>(fields: &Fields<'a>) -> Result<Vec<chat::Turn<'a>>, Error> {
    let messages = fields.array(Field::Messages)?;
    let messages = messages.ok_or_else(|| Field::Messages.wrong("is missing"))?;
    if messages.is_empty_array() {
        return Err(Field::Messages.wrong("must have at least one message"));
    }
    read_turns::read(messages)
}

fn thinking(fields: &mut Fields<'_>) -> Result<Thinking, Error> {
    let Some(value) = fields.get(Field::ReasoningEffort) else { return Ok(Thinking::default()) };
    let word = fields.text(Field::ReasoningEffort)?.unwrap_or_default();
    let effort = Effort::of(&word.decode());
    if effort.is_none() {
        // A word of a server that we do not know, such as `default`.
        fields.carry(Field::ReasoningEffort, value);
    }
    let mode = (effort == Some(Effort::None)).then_some(ThinkingMode::Off);
    Ok(Thinking { mode, effort, ..Thinking::default() })
}

fn stop<'a>(fields: &Fields<'a>) -> Result<Vec<Text<'a>>, Error> {
    const RULE: &str = "must be a string or an array of strings";
    let Some(value) = fields.get(Field::Stop) else { return Ok(Vec::new()) };
    if let Some(text) = Text::from_value(value) {
        return Ok(vec![text]);
    }
    if value.kind() != JsonKind::Array {
        return Err(Field::Stop.wrong(RULE));
    }
    let each = |value: Value<'a>| Text::from_value(value).ok_or_else(|| Field::Stop.wrong(RULE));
    value.elements().map(each).collect()
}

fn sampling<'a>(fields: &Fields<'a>) -> Result<Sampling<'a>, Error> {
    Ok(Sampling {
        temperature: fields.number(Field::Temperature)?,
        top_p: fields.number(Field::TopP)?,
        top_k: fields.number(Field::TopK)?,
        min_p: fields.number(Field::MinP)?,
        seed: fields.number(Field::Seed)?,
        presence_penalty: fields.number(Field::PresencePenalty)?,
        frequency_penalty: fields.number(Field::FrequencyPenalty)?,
    })
}

/// Who asks: two names for the same, of which the newer one counts.
fn user<'a>(fields: &mut Fields<'a>) -> Result<Option<Text<'a>>, Error> {
    let older = fields.text(Field::User)?;
    let newer = fields.text(Field::SafetyIdentifier)?;
    if let (Some(_), Some(value)) = (&newer, fields.get(Field::User)) {
        fields.carry(Field::User, value);
    }
    Ok(newer.or(older))
}
