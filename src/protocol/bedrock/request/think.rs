//! How a model is asked to think.

use crate::chat::Effort;
use crate::chat::Facts;
use crate::chat::Losses;
use crate::chat::Thinking;
use crate::chat::ThinkingMode;
use crate::chat::ThinkingRule;
use crate::codec::json::Object;
use crate::protocol::Target;

/// The fewest tokens of thought that Claude takes.
const MIN_BUDGET: u64 = 1024;

/// What is said of thinking, and where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Think {
    /// Claude's `thinking`.
    pub kind: Option<Kind>,
    /// Claude's `thinking.display`.
    pub visible: Option<bool>,
    /// Converse's `outputConfig.effort`.
    pub effort: Option<Effort>,
    /// A field of another model's own.
    pub own: Option<Own>,
}

/// Claude's `thinking.type`.
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

/// A field of a model's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Own {
    /// OpenAI's open models: `reasoning_effort`.
    Open(Effort),
    /// OpenAI's others, which refuse that one: `reasoning.effort`.
    Openai(Effort),
    /// Nova: `reasoningConfig`; none is that it does not think.
    Nova(Option<Effort>),
}

/// What else bears on it.
#[derive(Clone, Copy, Debug)]
pub struct Given {
    /// Most tokens of the answer, thought included.
    pub max_tokens: Option<u64>,
    /// A tool must be called for the sake of the answer's form.
    pub forced: bool,
    /// The model waits for results of calls, and what it thought before them cannot be shown to it.
    pub thoughtless: bool,
}

/// Decides how `wish` is said to the model.
pub fn decide(wish: &Thinking, target: &Target<'_>, given: Given, losses: &mut Losses) -> Think {
    let off = wish.mode == Some(ThinkingMode::Off)
        || (wish.effort == Some(Effort::None) && wish.mode.is_none() && wish.budget.is_none());
    let asked = !off && (wish.mode.is_some() || wish.effort.is_some() || wish.budget.is_some());
    let rule = target.facts.thinking;
    if !asked && !off {
        return Think::default();
    }
    let mut lost = false;
    let think = match rule {
        ThinkingRule::Unknown if is_claude(target.model) => plainest(wish, off),
        ThinkingRule::Unknown => {
            // Most do not think, and there is no word for it that all would take.
            lost = off;
            foreign(wish, off)
        }
        ThinkingRule::Never => {
            lost = asked || named(wish).is_some();
            Think::default()
        }
        ThinkingRule::Budget if off => {
            let kind = target.facts.thinks_by_default.then_some(Kind::Disabled);
            Think { kind, effort: beside(wish, target.facts, losses), ..Think::default() }
        }
        ThinkingRule::Budget => {
            let kind = budget(wish, given).filter(|_| !given.forced && !given.thoughtless);
            lost = kind.is_none();
            // Without a number of the client's own it is the effort that the budget came from.
            let told = kind.and(wish.budget);
            let effort = told.and_then(|_| beside(wish, target.facts, losses));
            Think { kind, effort, ..Think::default() }
        }
        ThinkingRule::Adaptive | ThinkingRule::BetweenTools if off => {
            lost = target.facts.always_thinks && rule == ThinkingRule::Adaptive;
            switched_off(wish, target.facts)
        }
        ThinkingRule::Adaptive | ThinkingRule::BetweenTools => {
            let think = adaptive(wish, target.facts);
            lost = given.forced && think.kind.is_some();
            let kind = think.kind.filter(|_| !given.forced);
            let visible = wish.visible.filter(|_| kind == Some(Kind::Adaptive));
            Think { kind, visible, ..think }
        }
        ThinkingRule::Level | ThinkingRule::Effort => by_effort(wish, off, target, given, losses),
    };
    losses.drop_if(lost, "reasoning_effort");
    think
}

/// Whether a model is one of Anthropic's.
pub fn is_claude(model: &str) -> bool {
    model.contains("anthropic") || model.contains("claude")
}

/// As the client says it, of another's model that nothing is known about.
fn foreign(wish: &Thinking, off: bool) -> Think {
    let said = wish.effort.filter(|effort| *effort != Effort::None);
    let effort = said.or_else(|| effort(wish)).or_else(|| middle(wish));
    Think { effort: effort.filter(|_| !off), ..Think::default() }
}

/// As the client says it, of a Claude that nothing is known about.
fn plainest(wish: &Thinking, off: bool) -> Think {
    let effort = wish.effort.filter(|effort| *effort != Effort::None);
    let kind = match wish.mode {
        Some(ThinkingMode::Off) => Some(Kind::Disabled),
        Some(ThinkingMode::Adaptive) => Some(Kind::Adaptive),
        Some(ThinkingMode::BetweenTools) => Some(Kind::BetweenTools),
        Some(ThinkingMode::On) => Some(Kind::Enabled(wish.budget.unwrap_or(4096))),
        None if off => Some(Kind::Disabled),
        None => wish.budget.map(Kind::Enabled),
    };
    Think { kind, visible: wish.visible.filter(|_| kind.is_some()), effort, own: None }
}

fn switched_off(wish: &Thinking, facts: &Facts) -> Think {
    // Without thinking the model does not work harder than this.
    let effort = named(wish).map(|effort| effort.min(Effort::High));
    if facts.thinking == ThinkingRule::BetweenTools {
        return Think { kind: Some(Kind::BetweenTools), effort, ..Think::default() };
    }
    if facts.always_thinks {
        return Think { effort: Some(Effort::Low), ..Think::default() };
    }
    Think { kind: Some(Kind::Disabled), effort, ..Think::default() }
}

/// By a number of tokens, which must leave room for the answer.
fn budget(wish: &Thinking, given: Given) -> Option<Kind> {
    let most = given.max_tokens.map_or(u64::MAX, |max| max.saturating_sub(1));
    let budget = match (wish.budget, wish.effort) {
        (Some(budget), _) => budget.max(MIN_BUDGET),
        (None, effort) => {
            let budget = match effort {
                Some(Effort::None | Effort::Minimal | Effort::Low) => 1024,
                Some(Effort::Medium) | None => 4096,
                Some(Effort::High) => 16_384,
                Some(Effort::Xhigh | Effort::Max) => 24_576,
            };
            // Half is left for the answer, as long as that is enough to think at all.
            budget.min((most / 2).max(MIN_BUDGET))
        }
    };
    (budget <= most).then_some(Kind::Enabled(budget))
}

/// As the model sees fit, steered by an effort.
fn adaptive(wish: &Thinking, facts: &Facts) -> Think {
    let effort = effort(wish);
    if wish.mode == Some(ThinkingMode::BetweenTools) && facts.thinking == ThinkingRule::BetweenTools
    {
        let effort = effort.map(|effort| effort.min(Effort::High));
        return Think { kind: Some(Kind::BetweenTools), effort, ..Think::default() };
    }
    let told = !facts.thinks_by_default || wish.visible.is_some();
    Think { kind: told.then_some(Kind::Adaptive), effort, ..Think::default() }
}

/// The effort that is wished for, or that a number of tokens means.
fn effort(wish: &Thinking) -> Option<Effort> {
    let by_budget = |budget| match budget {
        ..=1024 => Effort::Low,
        1025..=8192 => Effort::Medium,
        8193.. => Effort::High,
    };
    named(wish).or_else(|| wish.budget.map(by_budget))
}

/// The effort that is wished for by that word, of those that models have words for.
fn named(wish: &Thinking) -> Option<Effort> {
    wish.effort.filter(|effort| *effort != Effort::None).map(at_least_low)
}

/// The effort that stands beside a budget or beside no thought at all, where the model takes one.
fn beside(wish: &Thinking, facts: &Facts, losses: &mut Losses) -> Option<Effort> {
    // Models that think by a budget have no words for more than the third.
    let effort = named(wish).map(|effort| effort.min(Effort::High));
    losses.drop_if(effort.is_some() && !facts.effort_with_budget, "reasoning_effort");
    effort.filter(|_| facts.effort_with_budget)
}

fn at_least_low(effort: Effort) -> Effort {
    effort.max(Effort::Low)
}

/// Models that take an effort, in words of their own or in Converse's.
fn by_effort(
    wish: &Thinking,
    off: bool,
    target: &Target<'_>,
    given: Given,
    losses: &mut Losses,
) -> Think {
    let facts = target.facts;
    if target.model.contains("nova") {
        return nova(wish, off, facts, given, losses);
    }
    let own = target.model.contains("openai.");
    let open = own && target.model.contains("gpt-oss");
    let always = open || facts.always_thinks;
    // Converse itself has no word for no thought at all.
    losses.drop_if(off && (always || !own && facts.thinks_by_default), "reasoning_effort");
    let effort = match off {
        true if !own => return Think::default(),
        true if always => Some(Effort::Low),
        true => Some(Effort::None),
        false => effort(wish).or_else(|| middle(wish)),
    };
    match (effort, open) {
        (Some(effort), true) => Own::Open(effort.min(Effort::High)).into(),
        (Some(effort), false) if own => Own::Openai(effort).into(),
        (effort, _) => Think { effort, ..Think::default() },
    }
}

/// Nova 2, which takes neither a limit nor a choice of tokens with the highest effort.
fn nova(wish: &Thinking, off: bool, facts: &Facts, given: Given, losses: &mut Losses) -> Think {
    if off {
        losses.drop_if(facts.always_thinks, "reasoning_effort");
        let own = facts.thinks_by_default.then_some(Own::Nova(None));
        return Think { own, ..Think::default() };
    }
    let effort = effort(wish).unwrap_or(Effort::Medium).min(Effort::High);
    // A limit is a promise, an effort a wish.
    let limited = effort == Effort::High && given.max_tokens.is_some();
    losses.drop_if(limited, "reasoning_effort");
    Own::Nova(Some(if limited { Effort::Medium } else { effort })).into()
}

/// The effort that it means to think and to say no more of it.
fn middle(wish: &Thinking) -> Option<Effort> {
    (wish.mode == Some(ThinkingMode::On)).then_some(Effort::Medium)
}

impl From<Own> for Think {
    fn from(own: Own) -> Self {
        Self { own: Some(own), ..Self::default() }
    }
}

impl Think {
    /// Whether the model thinks in a way that restricts how tokens are chosen and tools are forced.
    pub const fn restricts(&self) -> bool {
        matches!(self.kind, Some(Kind::Enabled(_) | Kind::Adaptive))
    }

    /// Whether it lets nobody choose how tokens are chosen.
    pub const fn fixes(&self) -> bool {
        matches!(self.own, Some(Own::Nova(Some(Effort::High))))
    }

    /// Writes what stands in `additionalModelRequestFields`.
    pub fn write(&self, fields: &mut Object<'_>) {
        if let Some(kind) = self.kind {
            let mut inner = Object::open(fields.key("thinking"));
            inner.string(
                "type",
                match kind {
                    Kind::Enabled(_) => "enabled",
                    Kind::Adaptive => "adaptive",
                    Kind::Disabled => "disabled",
                    Kind::BetweenTools => "between_tools",
                },
            );
            if let Kind::Enabled(budget) = kind {
                inner.number("budget_tokens", budget);
            }
            if let Some(visible) = self.visible {
                inner.word("display", if visible { "summarized" } else { "omitted" });
            }
            inner.close();
        }
        match self.own {
            Some(Own::Open(effort)) => fields.word("reasoning_effort", effort.as_str()),
            Some(Own::Openai(effort)) => {
                let mut inner = Object::open(fields.key("reasoning"));
                inner.word("effort", effort.as_str());
                inner.close();
            }
            Some(Own::Nova(effort)) => {
                let mut inner = Object::open(fields.key("reasoningConfig"));
                inner.word("type", if effort.is_some() { "enabled" } else { "disabled" });
                if let Some(effort) = effort {
                    inner.word("maxReasoningEffort", effort.as_str());
                }
                inner.close();
            }
            None => {}
        }
    }
}
