//! The members of a request that are decided on, each at most once.

use crate::chat::Extra;
use crate::chat::Json;
use crate::chat::Protocol;
use crate::codec::json::Str;
use crate::codec::json::Value;
use crate::error::Error;
use crate::protocol::fields::Named;
use crate::protocol::fields::fields;
use crate::protocol::openai::chat::extra;

fields! {
    Model "model",
    Messages "messages",
    Stream "stream",
    Tools "tools",
    ToolChoice "tool_choice",
    Functions "functions",
    FunctionCall "function_call",
    ParallelToolCalls "parallel_tool_calls",
    ResponseFormat "response_format",
    ReasoningEffort "reasoning_effort",
    MaxTokens "max_tokens",
    MaxCompletionTokens "max_completion_tokens",
    Stop "stop",
    Temperature "temperature",
    TopP "top_p",
    TopK "top_k",
    MinP "min_p",
    Seed "seed",
    PresencePenalty "presence_penalty",
    FrequencyPenalty "frequency_penalty",
    N "n",
    Logprobs "logprobs",
    TopLogprobs "top_logprobs",
    ServiceTier "service_tier",
    User "user",
    SafetyIdentifier "safety_identifier",
    Metadata "metadata",
}

/// Finds them in `body`.
pub(super) fn read(body: Value<'_>) -> Result<Fields<'_>, Error> {
    Fields::read(body, Str::name, extra)
}

impl<'a> Fields<'a> {
    /// Carries a member as it is: it says something that there are no words for.
    pub(super) fn carry(&mut self, field: Field, value: Value<'a>) {
        let (name, value) = (field.name().into(), Json::of(value));
        self.extra.push(Extra { by: Protocol::Openai, name, value });
    }
}
