//! Facts about a model as a file says them: any of them, over what is known otherwise.

use super::file::Table;
use crate::chat::Facts;
use crate::chat::ThinkingRule;
use std::ops::RangeInclusive;

/// More tokens than a model has ever had by three orders of magnitude.
const TOKENS: RangeInclusive<u64> = 1..=1_000_000_000;

macro_rules! model_facts {
    (counts { $($count:ident)* } maybe { $($maybe:ident)* } flags { $($flag:ident)* }) => {
        /// What the operator says of a model; what is not said stays as it is known.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct ModelFacts {
            $(#[doc = concat!("[`Facts::", stringify!($count), "`]")] pub $count: Option<u64>,)*
            /// [`Facts::thinking`]
            pub thinking: Option<ThinkingRule>,
            $(#[doc = concat!("[`Facts::", stringify!($maybe), "`]")] pub $maybe: Option<bool>,)*
            $(#[doc = concat!("[`Facts::", stringify!($flag), "`]")] pub $flag: Option<bool>,)*
        }

        impl ModelFacts {
            /// Reads the keys of facts; the caller finishes the table.
            pub(super) fn read(table: &mut Table<'_>) -> Self {
                Self {
                    $($count: table.get(stringify!($count)).and_then(|v| v.whole(&TOKENS)),)*
                    thinking: table
                        .get("thinking")
                        .and_then(|value| value.choice(ThinkingName::ALL))
                        .map(ThinkingName::rule),
                    $($maybe: table.get(stringify!($maybe)).and_then(|value| value.flag()),)*
                    $($flag: table.get(stringify!($flag)).and_then(|value| value.flag()),)*
                }
            }

            /// Puts what is said in the place of what was known.
            pub(super) fn apply(&self, facts: &mut Facts) {
                $(facts.$count = self.$count.or(facts.$count);)*
                facts.thinking = self.thinking.unwrap_or(facts.thinking);
                $(facts.$maybe = self.$maybe.or(facts.$maybe);)*
                $(facts.$flag = self.$flag.unwrap_or(facts.$flag);)*
            }

            /// Each key that is said, with its value as it stands in a file.
            pub(super) fn lines(&self) -> Vec<(&'static str, String)> {
                let counts = [$((stringify!($count), self.$count)),*];
                let flags = [
                    $((stringify!($maybe), self.$maybe),)*
                    $((stringify!($flag), self.$flag)),*
                ];
                let counts =
                    counts.into_iter().filter_map(|(key, value)| Some((key, value?.to_string())));
                let flags =
                    flags.into_iter().filter_map(|(key, value)| Some((key, value?.to_string())));
                let name = |rule| ThinkingName::of(rule).map(|name| format!("\"{name}\""));
                let thinking = self.thinking.and_then(name).map(|name| ("thinking", name));
                counts.chain(thinking).chain(flags).collect()
            }
        }
    };
}

model_facts! {
    counts { context max_output }
    maybe { max_completion_tokens }
    flags {
        sampling sampling_together always_thinks thinks_by_default effort_with_budget
        forced_tools prefill system_between json_schema signed_calls reasoning_back images documents audio
    }
}

named! {
    /// The names of [`ThinkingRule`].
    ThinkingName {
        /// [`ThinkingRule::Never`]
        Never = "never",
        /// [`ThinkingRule::Budget`]
        Budget = "budget",
        /// [`ThinkingRule::Adaptive`]
        Adaptive = "adaptive",
        /// [`ThinkingRule::BetweenTools`]
        BetweenTools = "between_tools",
        /// [`ThinkingRule::Level`]
        Level = "level",
        /// [`ThinkingRule::Effort`]
        Effort = "effort",
    }
}

impl ThinkingName {
    const fn rule(self) -> ThinkingRule {
        match self {
            Self::Never => ThinkingRule::Never,
            Self::Budget => ThinkingRule::Budget,
            Self::Adaptive => ThinkingRule::Adaptive,
            Self::BetweenTools => ThinkingRule::BetweenTools,
            Self::Level => ThinkingRule::Level,
            Self::Effort => ThinkingRule::Effort,
        }
    }

    fn of(rule: ThinkingRule) -> Option<Self> {
        Self::ALL.iter().copied().find(|name| name.rule() == rule)
    }
}
