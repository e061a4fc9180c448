//! What went wrong with an attempt, and what follows: who is to blame, and who is asked next.

use crate::chat::Class;

/// What went wrong with one attempt, before any of its content reached the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No connection came about.
    Connect,
    /// The TLS handshake or the certificate failed.
    Tls,
    /// A phase took longer than it may.
    Timeout,
    /// The answer broke off.
    Closed,
    /// What came is no answer.
    Garbage,
    /// The provider refused.
    Refused {
        /// In which way.
        class: Class,
        /// After how many milliseconds it wants to be asked again, where it says so.
        wait_ms: Option<u64>,
        /// Whether it says that asking again has no sense (`x-should-retry: false`).
        final_word: bool,
    },
    /// The request could not be written for this provider. Nobody was asked.
    Unfit,
    /// The provider takes no more requests at a time. Nobody was asked.
    Full,
}

/// Whose health suffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// Nobody's: it is the client's fault, or chance.
    Nobody,
    /// The deployment's: it counts towards its breaker.
    Deployment,
    /// The deployment has had enough for so many milliseconds, or for a time of our choosing.
    Rest(Option<u64>),
    /// The key is not good for anything for so many milliseconds.
    Key(u64),
}

/// Why another model may answer in a model's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// No deployment of the model could answer.
    Error,
    /// The prompt is too long for the model.
    ContextLength,
    /// The prompt or the answer is against the provider's rules.
    ContentFilter,
}

impl Cause {
    /// All causes.
    pub const ALL: [Self; 3] = [Self::Error, Self::ContextLength, Self::ContentFilter];
}

/// What may be done about a [`Fault`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remedy {
    /// Whose health suffers.
    pub blame: Blame,
    /// Whether other deployments of the model may be asked.
    pub elsewhere: bool,
    /// Whether the same one may be asked again.
    pub again: bool,
    /// Which of the others are asked first.
    pub order: Order,
    /// For which cause another model may be asked.
    pub model: Option<Cause>,
}

/// Which of the other deployments are asked first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The same provider's other keys.
    KeysFirst,
    /// Other providers: a key has nothing to do with the fault.
    ProvidersFirst,
    /// Only other providers: no key of this one can help.
    ProvidersOnly,
}

/// How long a key that is not accepted is left alone.
const BAD_KEY_MS: u64 = 30_000;

/// How long a key that somebody has to pay for is left alone.
const QUOTA_MS: u64 = 60_000;

impl Fault {
    /// What may be done about it.
    #[must_use]
    pub const fn remedy(self) -> Remedy {
        match self {
            Self::Connect | Self::Tls => {
                Remedy { order: Order::ProvidersOnly, ..transient(Blame::Deployment) }
            }
            Self::Timeout | Self::Closed | Self::Garbage => transient(Blame::Deployment),
            Self::Unfit | Self::Full => Remedy { again: false, ..transient(Blame::Nobody) },
            Self::Refused { class, wait_ms, final_word } => {
                let remedy = refused(class, wait_ms);
                Remedy { again: remedy.again && !final_word, ..remedy }
            }
        }
    }

    /// How long the provider wants to be left alone, in milliseconds.
    #[must_use]
    pub const fn wait_ms(self) -> Option<u64> {
        match self {
            Self::Refused { wait_ms, .. } => wait_ms,
            Self::Connect
            | Self::Tls
            | Self::Timeout
            | Self::Closed
            | Self::Garbage
            | Self::Unfit
            | Self::Full => None,
        }
    }
}

/// It may pass, here or elsewhere.
const fn transient(blame: Blame) -> Remedy {
    let (elsewhere, again, order) = (true, true, Order::ProvidersFirst);
    Remedy { blame, elsewhere, again, order, model: Some(Cause::Error) }
}

/// It stays as it is whoever is asked.
const fn settled(model: Option<Cause>) -> Remedy {
    Remedy {
        blame: Blame::Nobody,
        elsewhere: false,
        again: false,
        order: Order::ProvidersFirst,
        model,
    }
}

/// It may pass with another key.
const fn by_key(blame: Blame) -> Remedy {
    Remedy { order: Order::KeysFirst, ..transient(blame) }
}

const fn refused(class: Class, wait_ms: Option<u64>) -> Remedy {
    match class {
        Class::BadRequest | Class::TooLarge | Class::NotFound => settled(None),
        Class::ContextLength => settled(Some(Cause::ContextLength)),
        Class::ContentFilter => settled(Some(Cause::ContentFilter)),
        Class::Unauthorized => Remedy { again: false, ..by_key(Blame::Key(BAD_KEY_MS)) },
        Class::Quota => Remedy { again: false, ..by_key(Blame::Key(QUOTA_MS)) },
        // A prompt can bring this about too, so that it benches nobody at once.
        Class::Forbidden => Remedy { again: false, ..by_key(Blame::Deployment) },
        Class::RateLimit => by_key(Blame::Rest(wait_ms)),
        Class::Conflict => transient(Blame::Nobody),
        Class::Overloaded | Class::Timeout | Class::Server => match wait_ms {
            Some(_) => transient(Blame::Rest(wait_ms)),
            None => transient(Blame::Deployment),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{Blame, Cause, Fault, Order};
    use crate::chat::Class;

    fn refused(class: Class) -> Fault {
        Fault::Refused { class, wait_ms: None, final_word: false }
    }

    #[test]
    fn the_clients_faults_bench_nobody_and_are_not_replayed() {
        for class in [
            Class::BadRequest,
            Class::NotFound,
            Class::TooLarge,
            Class::ContextLength,
            Class::ContentFilter,
        ] {
            let remedy = refused(class).remedy();
            assert_eq!(remedy.blame, Blame::Nobody, "{class:?}");
            assert!(!remedy.elsewhere && !remedy.again, "{class:?}");
            assert_ne!(remedy.model, Some(Cause::Error), "{class:?}");
        }
    }

    #[test]
    fn a_bad_key_is_no_fault_of_the_deployment() {
        for class in [Class::Unauthorized, Class::Quota] {
            let remedy = refused(class).remedy();
            assert!(matches!(remedy.blame, Blame::Key(_)), "{class:?}");
            assert!(remedy.elsewhere && !remedy.again, "{class:?}");
            assert_eq!(remedy.order, Order::KeysFirst);
        }
    }

    #[test]
    fn a_wait_that_was_asked_for_is_kept() {
        for class in [Class::RateLimit, Class::Overloaded, Class::Server] {
            let fault = Fault::Refused { class, wait_ms: Some(7), final_word: false };
            assert_eq!(fault.remedy().blame, Blame::Rest(Some(7)), "{class:?}");
            assert_eq!(fault.wait_ms(), Some(7));
        }
    }

    #[test]
    fn a_provider_may_say_that_it_has_tried_enough() {
        let fault = Fault::Refused { class: Class::Server, wait_ms: None, final_word: true };
        assert!(!fault.remedy().again && fault.remedy().elsewhere);
    }
}
