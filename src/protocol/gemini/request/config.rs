//! Reading `generationConfig`.

use crate::chat::Effort;
use crate::chat::Format;
use crate::chat::Json;
use crate::chat::Request;
use crate::chat::Text;
use crate::chat::ThinkingMode;
use crate::codec::json::Member;
use crate::codec::json::Value;
use crate::error::Error;
use crate::protocol::gemini::names;
use crate::protocol::gemini::schema;

/// What makes a format, together.
#[derive(Default)]
struct Form<'a> {
    mime: Option<Member<'a>>,
    openapi: Option<Member<'a>>,
    schema: Option<Member<'a>>,
}

/// Reads `generationConfig` into the request.
pub(super) fn read<'a>(config: Value<'a>, request: &mut Request<'a>) -> Result<(), Error> {
    let mut form = Form::default();
    for member in config.members().filter(|member| !member.value.is_null()) {
        let value = member.value;
        let carried = || Some(Json::of(value));
        let sampling = &mut request.sampling;
        match &*names::camel(member.key) {
            b"temperature" => sampling.temperature = carried(),
            b"topP" => sampling.top_p = carried(),
            b"topK" => sampling.top_k = carried(),
            b"seed" => sampling.seed = carried(),
            b"presencePenalty" => sampling.presence_penalty = carried(),
            b"frequencyPenalty" => sampling.frequency_penalty = carried(),
            b"stopSequences" => request.stop = stop(value)?,
            b"candidateCount" => {
                request.choices = Some(count("generationConfig.candidateCount", value)?);
            }
            b"maxOutputTokens" => {
                request.max_tokens = Some(count("generationConfig.maxOutputTokens", value)?);
            }
            b"logprobs" => {
                request.top_logprobs = Some(count("generationConfig.logprobs", value)?);
            }
            b"responseLogprobs" => {
                request.logprobs = Some(flag("generationConfig.responseLogprobs", value)?);
            }
            b"responseMimeType" => form.mime = Some(member),
            b"responseSchema" => form.openapi = Some(member),
            b"responseJsonSchema" => form.schema = Some(member),
            b"thinkingConfig" => thinking(value, request)?,
            _ => request.extra.push(names::extra_in("generationConfig.", &member)),
        }
    }
    form.read(request)
}

fn count(name: &'static str, value: Value<'_>) -> Result<u64, Error> {
    let wrong = || Error::field(name, format!("`{name}` must be an integer, not negative"));
    names::number(value).ok_or_else(wrong)
}

fn flag(name: &'static str, value: Value<'_>) -> Result<bool, Error> {
    value.as_bool().ok_or_else(|| Error::field(name, format!("`{name}` must be true or false")))
}

fn stop(value: Value<'_>) -> Result<Vec<Text<'_>>, Error> {
    const NAME: &str = "generationConfig.stopSequences";
    let texts: Option<Vec<_>> = names::each(value).map(Text::from_value).collect();
    texts.ok_or_else(|| Error::field(NAME, "stop sequences must be strings"))
}

impl<'a> Form<'a> {
    fn read(self, request: &mut Request<'a>) -> Result<(), Error> {
        const SCHEMA: &str = "generationConfig.responseSchema";
        let mime = self.mime.and_then(|member| member.value.as_str()).map(|mime| mime.raw());
        if !matches!(mime, None | Some(b"" | b"application/json" | b"text/plain")) {
            // Such as `text/x.enum`: no other protocol has a word for it.
            let all = [self.mime, self.openapi, self.schema].into_iter().flatten();
            let extras = all.map(|member| names::extra_in("generationConfig.", &member));
            request.extra.extend(extras);
            return Ok(());
        }
        let schema = match (self.openapi, self.schema) {
            (Some(_), Some(_)) => {
                let message = "`responseSchema` and `responseJsonSchema` exclude each other";
                return Err(Error::field(SCHEMA, message));
            }
            (Some(openapi), None) => Some(schema::json_schema(openapi.value)),
            (None, Some(schema)) => Some(Json::of(schema.value)),
            (None, None) => None,
        };
        request.format = match (schema, mime) {
            (Some(schema), _) => {
                Some(Format::Schema { name: None, description: None, schema, strict: None })
            }
            (None, Some(b"application/json")) => Some(Format::Object),
            (None, Some(b"text/plain")) => Some(Format::Text),
            (None, Some(_) | None) => None,
        };
        Ok(())
    }
}

fn thinking<'a>(config: Value<'a>, request: &mut Request<'a>) -> Result<(), Error> {
    const BUDGET: &str = "generationConfig.thinkingConfig.thinkingBudget";
    const VISIBLE: &str = "generationConfig.thinkingConfig.includeThoughts";
    let asked = &mut request.thinking;
    for member in config.members().filter(|member| !member.value.is_null()) {
        let value = member.value;
        match &*names::camel(member.key) {
            b"includeThoughts" => asked.visible = Some(flag(VISIBLE, value)?),
            b"thinkingBudget" => match value.raw() {
                // The model decides.
                b"-1" | b"\"-1\"" => asked.mode = Some(ThinkingMode::Adaptive),
                b"0" | b"\"0\"" => asked.mode = Some(ThinkingMode::Off),
                _ => asked.budget = Some(count(BUDGET, value)?),
            },
            b"thinkingLevel" => {
                let word = value.as_str().map(|word| word.decode());
                let effort = word.as_deref().and_then(Effort::of);
                asked.effort = effort.filter(|effort| !matches!(effort, Effort::None));
                if asked.effort.is_none() && word.as_deref() != Some("THINKING_LEVEL_UNSPECIFIED") {
                    let path = "generationConfig.thinkingConfig.";
                    request.extra.push(names::extra_in(path, &member));
                }
            }
            _ => {
                request.extra.push(names::extra_in("generationConfig.thinkingConfig.", &member));
            }
        }
    }
    Ok(())
}
