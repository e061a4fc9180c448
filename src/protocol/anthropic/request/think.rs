//! How a model is asked to think, which differs from one generation of Claude to the next.

use crate::chat::Effort;
use crate::chat::Facts;
use crate::chat::Losses;
use crate::chat::Thinking;
use crate::chat::ThinkingMode;
use crate::chat::ThinkingRule;
use crate::codec::json::Object;

/// The fewest tokens of thought that can be asked for.
const MIN_BUDGET: u64 = 1024;

/// Tokens of an answer where neither the client nor the model's facts say anything.
const MAX_TOKENS: u64 = 4096;

/// Most tokens of an answer that are asked for without the client's saying so.
const MAX_DEFAULT: u64 = 32_000;

/// `thinking.type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// For so many tokens at most.
    Enabled(u64),
    /// As the model sees fit.
    Adaptive,
    /// Not at all.
    Disabled,
    /// Between calls only.
    BetweenTools,
}

/// What is said of thinking, and how many tokens the answer may have with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Think {
    /// `thinking`.
    pub kind: Option<Kind>,
    /// `thinking.display`.
    visible: Option<bool>,
    /// `output_config.effort`.
    pub effort: Option<Effort>,
    /// `max_tokens`.
    pub max_tokens: u64,
}

/// What else bears on it.
#[derive(Clone, Copy, Debug)]
pub struct Given {
    /// Most tokens of the answer, where the client says.
    pub max_tokens: Option<u64>,
    /// A tool must be called for the sake of the answer's form.
    pub forced: bool,
    /// The model waits for results of calls that it made without a thought we can show it.
    pub thoughtless: bool,
}

/// Decides how `wish` is said to a model.
pub fn decide(wish: &Thinking, facts: &Facts, given: Given, losses: &mut Losses) -> Think {
    let default = facts.max_output.map_or(MAX_TOKENS, |most| most.min(MAX_DEFAULT));
    let silent = Think { max_tokens: given.max_tokens.unwrap_or(default), ..Think::default() };
    let modeless = wish.mode.is_none() && wish.budget.is_none();
    let off =
        wish.mode == Some(ThinkingMode::Off) || (modeless && wish.effort == Some(Effort::None));
    if modeless && wish.effort.is_none() {
        // That thoughts shall be seen asks for none.
        return silent;
    }
    match facts.thinking {
        ThinkingRule::Never => {
            losses.drop_if(!off || named(wish).is_some(), "reasoning_effort");
            silent
        }
        ThinkingRule::Budget if off => {
            let kind = facts.thinks_by_default.then_some(Kind::Disabled);
            Think { kind, effort: beside(wish, facts, losses), ..silent }
        }
        ThinkingRule::Budget => match budget(wish, facts, given, silent) {
            Some(think) if !given.forced && !given.thoughtless => match wish.budget {
                Some(_) => Think { effort: beside(wish, facts, losses), ..think },
                // It is the effort that the number came from.
                None => think,
            },
            Some(_) | None => {
                losses.drop("reasoning_effort");
                silent
            }
        },
        ThinkingRule::Adaptive | ThinkingRule::BetweenTools if off => {
            let always = facts.always_thinks && facts.thinking == ThinkingRule::Adaptive;
            losses.drop_if(always, "reasoning_effort");
            switched_off(wish, facts, silent)
        }
        ThinkingRule::Adaptive | ThinkingRule::BetweenTools => adaptive(wish, facts, silent),
        // Rules of other providers' models, behind this protocol.
        ThinkingRule::Unknown | ThinkingRule::Level | ThinkingRule::Effort => {
            plainest(wish, off, facts, given, silent)
        }
    }
}

/// As the client says it.
fn plainest(wish: &Thinking, off: bool, facts: &Facts, given: Given, silent: Think) -> Think {
    let effort = named(wish);
    let plain = |kind| Think { kind: Some(kind), visible: wish.visible, effort, ..silent };
    match wish.mode {
        Some(ThinkingMode::Off) => Think { visible: None, ..plain(Kind::Disabled) },
        Some(ThinkingMode::Adaptive) => plain(Kind::Adaptive),
        Some(ThinkingMode::BetweenTools) => Think { visible: None, ..plain(Kind::BetweenTools) },
        Some(ThinkingMode::On) => match budget(wish, facts, given, silent) {
            Some(think) => Think { effort, ..think },
            // It is for the model's server to say what it thinks of it.
            None => plain(Kind::Enabled(wish.budget.unwrap_or(MIN_BUDGET))),
        },
        None if off => Think { kind: Some(Kind::Disabled), ..silent },
        None => Think { effort: effort.or_else(|| effort_of(wish)), ..silent },
    }
}

/// Thinking by a number of tokens, if there is room for it in the answer.
fn budget(wish: &Thinking, facts: &Facts, given: Given, silent: Think) -> Option<Think> {
    let by_effort = || match wish.effort {
        Some(Effort::Minimal | Effort::Low) => 1024,
        None | Some(Effort::None | Effort::Medium) => 4096,
        Some(Effort::High | Effort::Xhigh | Effort::Max) => 16_384,
    };
    let wanted = wish.budget.unwrap_or_else(by_effort);
    let (budget, max_tokens) = match given.max_tokens {
        // Half is left for the answer, as long as that is enough to think at all.
        Some(max) if wish.budget.is_none() => {
            (wanted.min((max.saturating_sub(1) / 2).max(MIN_BUDGET)), max)
        }
        Some(max) => (wanted, max),
        None => {
            // As much for the answer as there would be without a thought, if the model has it.
            let most = facts.max_output.unwrap_or(u64::MAX);
            let room = if wanted < silent.max_tokens { 0 } else { silent.max_tokens };
            let max = silent.max_tokens.max(wanted.saturating_add(room)).min(most);
            (if wanted < max { wanted } else { max / 2 }, max)
        }
    };
    let fits = (MIN_BUDGET..max_tokens).contains(&budget);
    let think =
        Think { kind: Some(Kind::Enabled(budget)), visible: wish.visible, max_tokens, ..silent };
    fits.then_some(think)
}

fn switched_off(wish: &Thinking, facts: &Facts, silent: Think) -> Think {
    // Without thinking the model does not work harder than this.
    let effort = named(wish).map(|effort| effort.min(Effort::High));
    match facts.thinking {
        ThinkingRule::BetweenTools => Think { kind: Some(Kind::BetweenTools), effort, ..silent },
        _ if facts.always_thinks => Think { effort: Some(Effort::Low), ..silent },
        ThinkingRule::Unknown
        | ThinkingRule::Never
        | ThinkingRule::Budget
        | ThinkingRule::Adaptive
        | ThinkingRule::Level
        | ThinkingRule::Effort => Think { kind: Some(Kind::Disabled), effort, ..silent },
    }
}

/// Thinking as the model sees fit, steered by an effort.
fn adaptive(wish: &Thinking, facts: &Facts, silent: Think) -> Think {
    let effort = effort_of(wish);
    let between = wish.mode == Some(ThinkingMode::BetweenTools);
    if between && facts.thinking == ThinkingRule::BetweenTools {
        let effort = effort.map(|effort| effort.min(Effort::High));
        return Think { kind: Some(Kind::BetweenTools), effort, ..silent };
    }
    let told = !facts.thinks_by_default || wish.visible.is_some() || wish.mode.is_some();
    let kind = told.then_some(Kind::Adaptive);
    Think { kind, visible: wish.visible, effort, ..silent }
}

/// The effort that is wished for, by that word or by a number of tokens.
fn effort_of(wish: &Thinking) -> Option<Effort> {
    let by_budget = |budget| match budget {
        ..=1024 => Effort::Low,
        1025..=8192 => Effort::Medium,
        _ => Effort::High,
    };
    named(wish).or_else(|| wish.budget.map(by_budget))
}

/// The effort that is wished for by that word: the nearest one that Anthropic has a word for.
fn named(wish: &Thinking) -> Option<Effort> {
    let effort = wish.effort.filter(|effort| *effort != Effort::None);
    effort.map(|effort| effort.max(Effort::Low))
}

/// The effort that stands beside a budget or beside no thought at all, where the model takes one.
fn beside(wish: &Thinking, facts: &Facts, losses: &mut Losses) -> Option<Effort> {
    // Models that think by a budget have no words for more than the third.
    let effort = named(wish).map(|effort| effort.min(Effort::High));
    losses.drop_if(effort.is_some() && !facts.effort_with_budget, "reasoning_effort");
    effort.filter(|_| facts.effort_with_budget)
}

impl Think {
    /// Whether the model thinks in a way that restricts how tokens are chosen.
    pub const fn restricts(&self) -> bool {
        matches!(self.kind, Some(Kind::Enabled(_) | Kind::Adaptive))
    }

    /// Whether it thinks in a way that leaves it free which tools to call.
    pub const fn frees(&self) -> bool {
        matches!(self.kind, Some(Kind::Enabled(_)))
    }

    /// Writes the members of `thinking`, if anything is said of it.
    pub fn write(&self, object: &mut Object<'_>) {
        let Some(kind) = self.kind else { return };
        object.string(
            "type",
            match kind {
                Kind::Enabled(_) => "enabled",
                Kind::Adaptive => "adaptive",
                Kind::Disabled => "disabled",
                Kind::BetweenTools => "between_tools",
            },
        );
        if let Kind::Enabled(budget) = kind {
            object.number("budget_tokens", budget);
        }
        if let Some(visible) = self.visible {
            object.word("display", if visible { "summarized" } else { "omitted" });
        }
    }
}
