//! The members of a request that are decided on, each at most once.

use crate::chat::Extra;
use crate::chat::Json;
use crate::chat::Text;
use crate::codec::json::Kind as JsonKind;
use crate::codec::json::Member;
use crate::codec::json::Value;
use crate::error::Error;
use crate::protocol::openai::chat::extra;

macro_rules! fields {
    ($($field:ident $name:literal,)*) => {
        /// A member of a request.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Field { $($field,)* }

        impl Field {
            const COUNT: usize = [$(Self::$field,)*].len();

            /// Its name.
            pub(super) const fn name(self) -> &'static str {
                match self { $(Self::$field => $name,)* }
            }

            fn of(name: &[u8]) -> Option<Self> {
                $(if name == $name.as_bytes() {
                    return Some(Self::$field);
                })*
                None
            }
        }
    };
}

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

/// The members of one request. One that is null counts as absent.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    values: [Option<Value<'a>>; Field::COUNT],
    twice: Option<Field>,
    /// Those that are only carried.
    pub(super) extra: Vec<Extra<'a>>,
}

impl<'a> Fields<'a> {
    /// Finds them in `body`.
    pub(super) fn read(body: Value<'a>) -> Result<Self, Error> {
        let mut fields = Self { values: [None; Field::COUNT], twice: None, extra: Vec::new() };
        body.members().for_each(|member| fields.visit(&member));
        match fields.twice {
            Some(field) => Err(wrong(field, "stands in the request twice")),
            None => Ok(fields),
        }
    }

    fn visit(&mut self, member: &Member<'a>) {
        let Some(field) = Field::of(&member.key.name()) else {
            if !member.value.is_null() {
                self.extra.push(extra(member));
            }
            return;
        };
        let place = self.values.get_mut(field as usize);
        if place.and_then(|place| place.replace(member.value)).is_some() {
            self.twice.get_or_insert(field);
        }
    }

    /// A member.
    pub(super) fn get(&self, field: Field) -> Option<Value<'a>> {
        self.values.get(field as usize).copied().flatten().filter(|value| !value.is_null())
    }

    /// A member that is a string.
    pub(super) fn text(&self, field: Field) -> Result<Option<Text<'a>>, Error> {
        self.all(field, Text::from_value, "must be a string")
    }

    /// A member that is true or false.
    pub(super) fn truth(&self, field: Field) -> Result<Option<bool>, Error> {
        self.all(field, Value::as_bool, "must be true or false")
    }

    /// A member that is a count.
    pub(super) fn count(&self, field: Field) -> Result<Option<u64>, Error> {
        self.all(field, Value::as_u64, "must be an integer that is not negative")
    }

    /// A member that is a number, as it was written.
    pub(super) fn number(&self, field: Field) -> Result<Option<Json<'a>>, Error> {
        let number =
            |value: Value<'a>| (value.kind() == JsonKind::Number).then_some(Json::of(value));
        self.all(field, number, "must be a number")
    }

    /// A member that is an object, as it was written.
    pub(super) fn object(&self, field: Field) -> Result<Option<Json<'a>>, Error> {
        let object =
            |value: Value<'a>| (value.kind() == JsonKind::Object).then_some(Json::of(value));
        self.all(field, object, "must be an object")
    }

    /// A member that is an array.
    pub(super) fn array(&self, field: Field) -> Result<Option<Value<'a>>, Error> {
        let array = |value: Value<'a>| (value.kind() == JsonKind::Array).then_some(value);
        self.all(field, array, "must be an array")
    }

    fn all<T>(
        &self,
        field: Field,
        read: impl FnOnce(Value<'a>) -> Option<T>,
        rule: &str,
    ) -> Result<Option<T>, Error> {
        let Some(value) = self.get(field) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| wrong(field, rule))
    }

    /// Carries a member as it is: it says something that there are no words for.
    pub(super) fn carry(&mut self, field: Field, value: Value<'a>) {
        let name = field.name().into();
        let value = Json::of(value);
        self.extra.push(Extra { by: crate::chat::Protocol::Openai, name, value });
    }
}

/// A 400 about a member.
pub(super) fn wrong(field: Field, rule: &str) -> Error {
    Error::field(field.name(), format!("`{}` {rule}", field.name()))
}
