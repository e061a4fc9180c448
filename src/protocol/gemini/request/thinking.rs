//! Writing how much the model is to think.

use crate::chat::Effort;
use crate::chat::Losses;
use crate::chat::Request;
use crate::chat::Thinking;
use crate::chat::ThinkingMode;
use crate::chat::ThinkingRule;
use crate::protocol::Target;
use crate::protocol::gemini::out;
use crate::protocol::gemini::request::write::extras_in;

/// The fewest tokens that every model takes for its thoughts.
const LEAST: u64 = 512;

/// The fewest of those that cannot be told not to think.
const LEAST_ALWAYS: u64 = 128;

/// How much, in Google's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Amount {
    /// Nothing is said.
    Unsaid,
    /// The model decides.
    Dynamic,
    /// So many tokens.
    Tokens(u64),
    /// As much as this word says.
    Level(&'static str),
}

/// Appends `thinkingConfig`, where there is something to say.
pub(super) fn write(
    request: &Request<'_>,
    target: &Target<'_>,
    out: &mut Vec<u8>,
    losses: &mut Losses,
) {
    let start = out.len();
    out::name(out, "thinkingConfig");
    out.push(b'{');
    let inside = out.len();
    let asked = &request.thinking;
    if target.facts.thinking == ThinkingRule::Never {
        losses.drop_if(asks(asked), "reasoning_effort");
    } else {
        let amount = amount(asked, request.max_tokens, target, losses);
        let visible = asked.visible.or_else(|| asks(asked).then_some(true));
        // Thoughts that are not thought cannot be asked for.
        if let Some(visible) = visible.filter(|visible| !*visible || amount != Amount::Tokens(0)) {
            out::raw(out, "includeThoughts", if visible { b"true" } else { b"false" });
        }
        match amount {
            Amount::Unsaid => {}
            Amount::Dynamic => out::raw(out, "thinkingBudget", b"-1"),
            Amount::Tokens(count) => out::number(out, "thinkingBudget", count),
            Amount::Level(level) => out::raw(out, "thinkingLevel", level.as_bytes()),
        }
    }
    extras_in(request, "generationConfig.thinkingConfig.", out);
    if out.len() == inside {
        out.truncate(start);
    } else {
        out.push(b'}');
    }
}

/// Whether an effort or a budget is asked for.
fn asks(asked: &Thinking) -> bool {
    asked.mode != Some(ThinkingMode::Off)
        && asked.effort != Some(Effort::None)
        && (asked.effort.is_some() || asked.budget.is_some_and(|budget| budget > 0))
}

fn amount(asked: &Thinking, most: Option<u64>, target: &Target<'_>, losses: &mut Losses) -> Amount {
    let never_off = target.facts.always_thinks;
    match target.facts.thinking {
        ThinkingRule::Never => Amount::Unsaid,
        ThinkingRule::Budget => match (asked.mode, asked.budget, asked.effort) {
            (Some(ThinkingMode::Off), _, _) | (_, Some(0), _) => off(never_off, losses),
            // The client's own number, as long as anything is left for the answer.
            (_, Some(budget), _) if most.is_none_or(|most| budget < most) => Amount::Tokens(budget),
            (_, Some(budget), _) => half(budget, most, never_off, losses),
            (_, None, Some(Effort::None)) => off(never_off, losses),
            (_, None, Some(effort)) => half(tokens(effort), most, never_off, losses),
            (Some(_), None, None) => Amount::Dynamic,
            (None, None, None) => Amount::Unsaid,
        },
        ThinkingRule::Unknown => match (asked.mode, asked.budget, asked.effort) {
            (Some(ThinkingMode::Off), _, _) => off(never_off, losses),
            (_, Some(budget), _) => Amount::Tokens(budget),
            (_, None, Some(effort)) => Amount::Level(level(effort)),
            (Some(ThinkingMode::Adaptive), None, None) => Amount::Dynamic,
            (_, None, None) => Amount::Unsaid,
        },
        ThinkingRule::Level
        | ThinkingRule::Adaptive
        | ThinkingRule::BetweenTools
        | ThinkingRule::Effort => match (asked.mode, asked.effort, asked.budget) {
            (Some(ThinkingMode::Off), _, _) => Amount::Level(level(Effort::None)),
            (_, Some(effort), _) => Amount::Level(level(effort)),
            (_, None, Some(budget)) => Amount::Level(level(effort_of(budget))),
            (_, None, None) => Amount::Unsaid,
        },
    }
}

/// So many tokens, but half of the answer's limit at most: thoughts count for it, and the other half
/// is left for what is said.
fn half(wanted: u64, most: Option<u64>, never_off: bool, losses: &mut Losses) -> Amount {
    let least = if never_off { LEAST_ALWAYS } else { LEAST };
    let room = most.map_or(u64::MAX, |most| most / 2);
    if room >= least {
        return Amount::Tokens(wanted.min(room));
    }
    losses.drop("reasoning_effort");
    off(never_off, losses)
}

/// No thought, or the least there is, which is more than was wished for.
fn off(never_off: bool, losses: &mut Losses) -> Amount {
    losses.drop_if(never_off, "reasoning_effort");
    Amount::Tokens(if never_off { LEAST_ALWAYS } else { 0 })
}

/// Google's own map of OpenAI's efforts.
const fn tokens(effort: Effort) -> u64 {
    match effort {
        Effort::None => 0,
        Effort::Minimal | Effort::Low => 1024,
        Effort::Medium => 8192,
        Effort::High | Effort::Xhigh | Effort::Max => 24_576,
    }
}

/// The same map, the other way.
const fn effort_of(budget: u64) -> Effort {
    match budget {
        0 => Effort::None,
        1..=1024 => Effort::Low,
        1025..=8192 => Effort::Medium,
        8193.. => Effort::High,
    }
}

const fn level(effort: Effort) -> &'static str {
    match effort {
        Effort::None | Effort::Minimal => "\"MINIMAL\"",
        Effort::Low => "\"LOW\"",
        Effort::Medium => "\"MEDIUM\"",
        Effort::High => "\"HIGH\"",
        Effort::Xhigh | Effort::Max => "\"XHIGH\"",
    }
}
