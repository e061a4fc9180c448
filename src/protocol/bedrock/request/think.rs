//! How a model is asked to think.

use crate::chat::Effort;
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
    /// OpenAI's models: `reasoning_effort`.
    Openai(Effort),
    /// Nova: `reasoningConfig`.
    Nova(Effort),
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
        ThinkingRule::Unknown => plainest(wish, off, is_claude(target.model)),
        ThinkingRule::Never => {
            lost = asked;
            Think::default()
        }
        ThinkingRule::Budget if off => Think {
            kind: target.facts.thinks_by_default.then_some(Kind::Disabled),
            ..Think::default()
        },
        ThinkingRule::Budget => {
            let kind = budget(wish, given).filter(|_| !given.forced && !given.thoughtless);
            lost = kind.is_none();
            Think { kind, ..Think::default() }
        }
        ThinkingRule::Adaptive | ThinkingRule::BetweenTools if off => {
            let always = target.facts.always_thinks;
            lost = always;
            switched_off(rule, always)
        }
        ThinkingRule::Adaptive | ThinkingRule::BetweenTools => {
            let kind = adaptive(wish, target);
            lost = given.forced && kind.is_some();
            let kind = kind.filter(|_| !given.forced);
            let visible = wish.visible.filter(|_| kind == Some(Kind::Adaptive));
            Think { kind, visible, effort: effort(wish).map(at_least_low), own: None }
        }
        ThinkingRule::Level | ThinkingRule::Effort => {
            let think = by_effort(wish, off, target.model);
            lost = off && think.own.is_some();
            think
        }
    };
    losses.drop_if(lost, "reasoning_effort");
    think
}

/// Whether a model is one of Anthropic's.
pub fn is_claude(model: &str) -> bool {
    model.contains("anthropic") || model.contains("claude")
}

/// As the client says it, of a model that nothing is known about.
fn plainest(wish: &Thinking, off: bool, claude: bool) -> Think {
    if !claude {
        return Think { effort: effort(wish).filter(|_| !off), ..Think::default() };
    }
    let kind = match wish.mode {
        Some(ThinkingMode::Off) => Some(Kind::Disabled),
        Some(ThinkingMode::Adaptive) => Some(Kind::Adaptive),
        Some(ThinkingMode::BetweenTools) => Some(Kind::BetweenTools),
        Some(ThinkingMode::On) => Some(Kind::Enabled(wish.budget.unwrap_or(4096))),
        None if off => Some(Kind::Disabled),
        None => wish.budget.map(Kind::Enabled),
    };
    let effort = wish.effort.filter(|_| wish.mode.is_some() || !off);
    Think { kind, visible: wish.visible.filter(|_| kind.is_some()), effort, own: None }
}

fn switched_off(rule: ThinkingRule, always: bool) -> Think {
    if rule == ThinkingRule::BetweenTools {
        return Think { kind: Some(Kind::BetweenTools), ..Think::default() };
    }
    if always {
        return Think { effort: Some(Effort::Low), ..Think::default() };
    }
    Think { kind: Some(Kind::Disabled), ..Think::default() }
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

fn adaptive(wish: &Thinking, target: &Target<'_>) -> Option<Kind> {
    if wish.mode == Some(ThinkingMode::BetweenTools)
        && target.facts.thinking == ThinkingRule::BetweenTools
    {
        return Some(Kind::BetweenTools);
    }
    let shown = wish.visible.is_some();
    (!target.facts.thinks_by_default || shown).then_some(Kind::Adaptive)
}

/// The effort that is wished for, or that a number of tokens means.
fn effort(wish: &Thinking) -> Option<Effort> {
    let by_budget = |budget| match budget {
        ..=1024 => Effort::Low,
        1025..=8192 => Effort::Medium,
        8193.. => Effort::High,
    };
    wish.effort.or_else(|| wish.budget.map(by_budget))
}

fn at_least_low(effort: Effort) -> Effort {
    effort.max(Effort::Low)
}

/// Models that take an effort in words of their own.
fn by_effort(wish: &Thinking, off: bool, model: &str) -> Think {
    let effort = if off { Some(Effort::Low) } else { effort(wish) };
    if model.contains("openai.") {
        let effort = effort.map(|effort| at_least_low(effort).min(Effort::High));
        return Think { own: effort.map(Own::Openai), ..Think::default() };
    }
    if off {
        return Think::default();
    }
    if model.contains("nova") {
        let effort = effort.unwrap_or(Effort::Medium);
        let own = Own::Nova(at_least_low(effort).min(Effort::High));
        return Think { own: Some(own), ..Think::default() };
    }
    Think { effort, ..Think::default() }
}

impl Think {
    /// Whether the model thinks in a way that restricts how tokens are chosen and tools are forced.
    pub const fn restricts(&self) -> bool {
        matches!(self.kind, Some(Kind::Enabled(_) | Kind::Adaptive))
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
            Some(Own::Openai(effort)) => fields.word("reasoning_effort", effort.as_str()),
            Some(Own::Nova(effort)) => {
                let mut inner = Object::open(fields.key("reasoningConfig"));
                inner.word("type", "enabled");
                inner.word("maxReasoningEffort", effort.as_str());
                inner.close();
            }
            None => {}
        }
    }
}
