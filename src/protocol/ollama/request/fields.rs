//! The members of a request that are decided on, each at most once.

use crate::chat::Extra;
use crate::chat::Json;
use crate::chat::Text;
use crate::codec::json::Kind as JsonKind;
use crate::codec::json::Member;
use crate::codec::json::Value;
use crate::error::Error;
use crate::protocol::ollama::key_of;
use crate::protocol::ollama::own;

/// A member of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Model,
    Messages,
    Stream,
    Tools,
    Format,
    Options,
    Think,
    Logprobs,
    TopLogprobs,
}

impl Field {
    const ALL: [Self; 9] = [
        Self::Model,
        Self::Messages,
        Self::Stream,
        Self::Tools,
        Self::Format,
        Self::Options,
        Self::Think,
        Self::Logprobs,
        Self::TopLogprobs,
    ];

    /// Its name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Messages => "messages",
            Self::Stream => "stream",
            Self::Tools => "tools",
            Self::Format => "format",
            Self::Options => "options",
            Self::Think => "think",
            Self::Logprobs => "logprobs",
            Self::TopLogprobs => "top_logprobs",
        }
    }

    fn is(self, name: &[u8]) -> bool {
        self.name().as_bytes() == name
    }

    /// A 400 about it.
    pub(super) fn wrong(self, rule: &str) -> Error {
        Error::field(self.name(), format!("`{}` {rule}", self.name()))
    }
}

/// The members of one request. One that is null counts as absent.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    values: [Option<Value<'a>>; Field::ALL.len()],
    twice: Option<Field>,
    /// Those that are only carried.
    pub(super) extra: Vec<Extra<'a>>,
}

impl<'a> Fields<'a> {
    /// Finds them in `body`.
    pub(super) fn read(body: Value<'a>) -> Result<Self, Error> {
        let mut fields = Self::default();
        body.members().for_each(|member| fields.visit(&member));
        match fields.twice {
            Some(field) => Err(field.wrong("stands in the request twice")),
            None => Ok(fields),
        }
    }

    fn visit(&mut self, member: &Member<'a>) {
        let name = key_of(member.key);
        let Some(field) = Field::ALL.into_iter().find(|field| field.is(&name)) else {
            if !member.value.is_null() {
                self.extra.push(own(member.key.decode(), member.value));
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

    /// A member that `read` takes, or a 400 that says what it must be.
    pub(super) fn all<T>(
        &self,
        field: Field,
        read: impl FnOnce(Value<'a>) -> Option<T>,
        rule: &str,
    ) -> Result<Option<T>, Error> {
        let Some(value) = self.get(field) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| field.wrong(rule))
    }

    /// A member that is true or false.
    pub(super) fn truth(&self, field: Field) -> Result<Option<bool>, Error> {
        self.all(field, Value::as_bool, "must be true or false")
    }

    /// A member that is a count.
    pub(super) fn count(&self, field: Field) -> Result<Option<u64>, Error> {
        self.all(field, Value::as_u64, "must be an integer that is not negative")
    }

    /// A member that is an array; none where it is absent.
    pub(super) fn array(&self, field: Field) -> Result<Option<Value<'a>>, Error> {
        self.all(field, |value| of_kind(value, JsonKind::Array), "must be an array")
    }

    /// A member that is a string.
    pub(super) fn text(&self, field: Field) -> Result<Option<Text<'a>>, Error> {
        self.all(field, Text::from_value, "must be a string")
    }
}

/// The value if it is of this kind.
pub(super) fn of_kind(value: Value<'_>, kind: JsonKind) -> Option<Value<'_>> {
    (value.kind() == kind).then_some(value)
}

/// The number as it was written, if it is one.
pub(super) fn number(value: Value<'_>) -> Option<Json<'_>> {
    of_kind(value, JsonKind::Number).map(Json::of)
}
