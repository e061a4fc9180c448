//! An upstream's refusal, in no provider's words.

use crate::chat::text::Text;

/// What kind of refusal: who must act, and whether another try makes sense, follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The request is wrong in itself.
    BadRequest,
    /// The prompt is too long for the model.
    ContextLength,
    /// The prompt or the answer is against the provider's rules.
    ContentFilter,
    /// The request is too large.
    TooLarge,
    /// Our credentials are not accepted.
    Unauthorized,
    /// Our credentials may not do this.
    Forbidden,
    /// Somebody has to pay: a quota or a spending limit is used up, and waiting does not help.
    Quota,
    /// No such model, deployment or path.
    NotFound,
    /// Something else is under way.
    Conflict,
    /// Too many requests or tokens; waiting helps.
    RateLimit,
    /// The provider has no capacity at the moment.
    Overloaded,
    /// The provider took too long.
    Timeout,
    /// The provider failed.
    Server,
}

impl Class {
    /// All classes.
    pub const ALL: [Self; 13] = [
        Self::BadRequest,
        Self::ContextLength,
        Self::ContentFilter,
        Self::TooLarge,
        Self::Unauthorized,
        Self::Forbidden,
        Self::Quota,
        Self::NotFound,
        Self::Conflict,
        Self::RateLimit,
        Self::Overloaded,
        Self::Timeout,
        Self::Server,
    ];

    /// What an HTTP status says by itself.
    #[must_use]
    pub const fn of_status(status: u16) -> Self {
        match status {
            401 => Self::Unauthorized,
            402 => Self::Quota,
            403 => Self::Forbidden,
            404 => Self::NotFound,
            408 | 504 => Self::Timeout,
            409 => Self::Conflict,
            413 => Self::TooLarge,
            429 => Self::RateLimit,
            503 | 529 => Self::Overloaded,
            500.. => Self::Server,
            _ => Self::BadRequest,
        }
    }

    /// The status that says it to a client.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::BadRequest | Self::ContextLength | Self::ContentFilter => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::Quota | Self::RateLimit => 429,
            Self::Server => 500,
            Self::Overloaded => 503,
            Self::Timeout => 504,
        }
    }
}

/// A refusal as a provider told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure<'a> {
    /// The status it came with; of an event in a stream, what it would have come with.
    pub status: u16,
    /// What kind.
    pub class: Class,
    /// The provider's words.
    pub message: Text<'a>,
    /// The provider's own type, where it gave one.
    pub kind: Option<Text<'a>>,
    /// The provider's own code, where it gave one.
    pub code: Option<Text<'a>>,
    /// The field at fault, where it was told.
    pub param: Option<Text<'a>>,
    /// After how many milliseconds to come again, where the body says so.
    pub retry_after_ms: Option<u64>,
}

impl Failure<'_> {
    /// A refusal of this class in our own words.
    #[must_use]
    pub fn new(class: Class, message: &str) -> Failure<'static> {
        Failure {
            status: class.status(),
            class,
            message: Text::plain(message),
            kind: None,
            code: None,
            param: None,
            retry_after_ms: None,
        }
    }

    /// Whether the status by itself says what kind of refusal it is. Some providers say in words
    /// alone that a key is wrong or a quota is used up, with the status of a bad request.
    #[must_use]
    pub fn status_tells(&self) -> bool {
        let failed = self.class == Class::Server && self.status >= 500;
        failed || Class::of_status(self.status) == self.class
    }

    /// The same on its own.
    #[must_use]
    pub fn into_owned(self) -> Failure<'static> {
        Failure {
            status: self.status,
            class: self.class,
            message: self.message.into_owned(),
            kind: self.kind.map(Text::into_owned),
            code: self.code.map(Text::into_owned),
            param: self.param.map(Text::into_owned),
            retry_after_ms: self.retry_after_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Class;

    #[test]
    fn a_class_and_its_status_agree() {
        for class in Class::ALL {
            let back = Class::of_status(class.status());
            let told_by_the_body =
                matches!(class, Class::ContextLength | Class::ContentFilter | Class::Quota);
            assert!(back == class || told_by_the_body, "{class:?}");
        }
        assert_eq!(Class::of_status(529), Class::Overloaded);
        assert_eq!(Class::of_status(422), Class::BadRequest);
        assert_eq!(Class::of_status(599), Class::Server);
    }
}
