//! How each generation of models is asked to think.

use serde_json::Value;
use serde_json::json;

use crate::chat::Effort;
use crate::chat::Facts;
use crate::chat::Json;
use crate::chat::Part;
use crate::chat::Request;
use crate::chat::Role;
use crate::chat::Text;
use crate::chat::Thinking;
use crate::chat::ThinkingMode;
use crate::chat::ThinkingRule;
use crate::chat::Turn;
use crate::protocol::anthropic::tests::tree_of;

fn wish(effort: Option<Effort>) -> Thinking {
    let mode = (effort == Some(Effort::None)).then_some(ThinkingMode::Off);
    Thinking { mode, effort, budget: None, visible: None }
}

fn request(thinking: Thinking, max_tokens: Option<u64>) -> Request<'static> {
    let turns = vec![Turn::new(Role::User, vec![Part::text(Text::plain("u"))])];
    Request { turns, thinking, max_tokens, ..Request::default() }
}

/// `thinking`, the effort, `max_tokens`, and whether anything was lost.
#[track_caller]
fn said(thinking: Thinking, facts: &Facts, max: Option<u64>) -> (Value, Value, Value, bool) {
    let (body, losses) = tree_of(&request(thinking, max), facts);
    assert!(losses.is_empty() || losses == ["reasoning_effort"], "{losses:?}");
    let effort = body["output_config"]["effort"].clone();
    (body["thinking"].clone(), effort, body["max_tokens"].clone(), !losses.is_empty())
}

const NULL: Value = Value::Null;

fn facts(thinking: ThinkingRule) -> Facts {
    Facts { thinking, max_output: Some(64_000), ..Facts::default() }
}

#[test]
fn nothing_is_said_where_nothing_is_wished() {
    for rule in [ThinkingRule::Unknown, ThinkingRule::Budget, ThinkingRule::Adaptive] {
        assert_eq!(said(wish(None), &facts(rule), Some(9)), (NULL, NULL, json!(9), false));
    }
}

#[test]
fn by_a_budget() {
    let budget = facts(ThinkingRule::Budget);
    for (effort, tokens) in [
        (Effort::Minimal, 1024),
        (Effort::Low, 1024),
        (Effort::Medium, 4096),
        (Effort::High, 16_384),
        (Effort::Max, 16_384),
    ] {
        let thinking = json!({"type": "enabled", "budget_tokens": tokens});
        let found = said(wish(Some(effort)), &budget, None);
        assert_eq!(found, (thinking.clone(), NULL, json!(32_000), false), "{effort:?}");
        let found = said(wish(Some(effort)), &budget, Some(2 * tokens + 1));
        assert_eq!(found, (thinking, NULL, json!(2 * tokens + 1), false), "{effort:?}");
    }
    // Half of the client's limit is left for the answer, where there is room to think at all.
    for (max, tokens) in [(20_000, 9999), (2050, 1024), (1025, 1024)] {
        let thinking = json!({"type": "enabled", "budget_tokens": tokens});
        let found = said(wish(Some(Effort::High)), &budget, Some(max));
        assert_eq!(found, (thinking, NULL, json!(max), false), "{max}");
    }
    let found = said(wish(Some(Effort::High)), &budget, Some(1024));
    assert_eq!(found, (NULL, NULL, json!(1024), true));
    let found = said(wish(Some(Effort::None)), &budget, None);
    assert_eq!(found, (NULL, NULL, json!(32_000), false));
    // Room is made where the client set no limit.
    let small = Facts { max_output: None, ..budget };
    let (thinking, _, max, _) = said(wish(Some(Effort::High)), &small, None);
    assert_eq!((&thinking["budget_tokens"], max), (&json!(16_384), json!(20_480)));
    let small = Facts { max_output: Some(8192), ..small };
    let (thinking, _, max, _) = said(wish(Some(Effort::High)), &small, None);
    assert_eq!((&thinking["budget_tokens"], max), (&json!(4096), json!(8192)));
}

#[test]
fn an_effort_stands_beside_a_budget_where_the_model_takes_both() {
    let one = facts(ThinkingRule::Budget);
    let both = Facts { effort_with_budget: true, ..one.clone() };
    let budget = |effort| Thinking {
        mode: Some(ThinkingMode::On),
        effort: Some(effort),
        budget: Some(2000),
        visible: None,
    };
    let kind = json!({"type": "enabled", "budget_tokens": 2000});
    let found = said(budget(Effort::Low), &both, None);
    assert_eq!(found, (kind.clone(), json!("low"), json!(32_000), false));
    assert_eq!(said(budget(Effort::Max), &both, None).1, json!("high"));
    let found = said(budget(Effort::Low), &one, None);
    assert_eq!(found, (kind, NULL, json!(32_000), true));
    let off = |effort| Thinking { mode: Some(ThinkingMode::Off), ..wish(Some(effort)) };
    let found = said(off(Effort::Medium), &both, Some(9));
    assert_eq!(found, (NULL, json!("medium"), json!(9), false));
    assert_eq!(said(off(Effort::Medium), &one, Some(9)), (NULL, NULL, json!(9), true));
    assert_eq!(said(off(Effort::None), &one, Some(9)), (NULL, NULL, json!(9), false));
    let never = facts(ThinkingRule::Never);
    assert_eq!(said(off(Effort::Medium), &never, Some(9)), (NULL, NULL, json!(9), true));
    // It is spent on the number of tokens.
    let found = said(wish(Some(Effort::Low)), &both, None);
    assert_eq!((&found.0["budget_tokens"], found.1), (&json!(1024), NULL));
}

#[test]
fn a_budget_leaves_other_things_no_room() {
    let mut request = request(wish(Some(Effort::Low)), None);
    request.sampling.temperature = Some(Json::fixed("0.5"));
    request.sampling.top_p = Some(Json::fixed("0.5"));
    request.sampling.top_k = Some(Json::fixed("5"));
    let (body, losses) = tree_of(&request, &facts(ThinkingRule::Budget));
    assert_eq!(losses, ["temperature", "top_p", "top_k"]);
    assert!(body.get("temperature").is_none());
    request.sampling.temperature = Some(Json::fixed("1"));
    request.sampling.top_p = Some(Json::fixed("0.95"));
    request.sampling.top_k = None;
    let (body, losses) = tree_of(&request, &facts(ThinkingRule::Budget));
    assert_eq!((&body["temperature"], &body["top_p"]), (&json!(1), &json!(0.95)));
    assert!(losses.is_empty());
}

#[test]
fn by_an_effort() {
    let adaptive = facts(ThinkingRule::Adaptive);
    let kind = json!({"type": "adaptive"});
    let low = said(wish(Some(Effort::Minimal)), &adaptive, None);
    assert_eq!(low, (kind.clone(), json!("low"), json!(32_000), false));
    let max = said(wish(Some(Effort::Max)), &adaptive, None);
    assert_eq!(max, (kind, json!("max"), json!(32_000), false));
    let off = said(wish(Some(Effort::None)), &adaptive, None);
    assert_eq!(off, (json!({"type": "disabled"}), NULL, json!(32_000), false));
    let default = Facts { thinks_by_default: true, ..adaptive.clone() };
    let high = said(wish(Some(Effort::High)), &default, None);
    assert_eq!(high, (NULL, json!("high"), json!(32_000), false));
    let seen = Thinking { visible: Some(true), ..wish(Some(Effort::High)) };
    let kind = json!({"type": "adaptive", "display": "summarized"});
    assert_eq!(said(seen, &default, None), (kind, json!("high"), json!(32_000), false));
    let always = Facts { always_thinks: true, ..default };
    let off = said(wish(Some(Effort::None)), &always, None);
    assert_eq!(off, (NULL, json!("low"), json!(32_000), true));
    // A budget of an older client.
    let budget =
        Thinking { mode: Some(ThinkingMode::On), budget: Some(2000), ..Thinking::default() };
    let kind = json!({"type": "adaptive"});
    let found = said(budget, &adaptive, Some(1500));
    assert_eq!(found, (kind, json!("medium"), json!(1500), false));
    // Without a thought nobody works that hard.
    let off = Thinking {
        mode: Some(ThinkingMode::Off),
        effort: Some(Effort::Max),
        ..Thinking::default()
    };
    let found = said(off, &adaptive, Some(9));
    assert_eq!(found, (json!({"type": "disabled"}), json!("high"), json!(9), false));
}

#[test]
fn between_calls() {
    let rule =
        Facts { thinks_by_default: true, always_thinks: true, ..facts(ThinkingRule::BetweenTools) };
    let between = json!({"type": "between_tools"});
    let off = said(wish(Some(Effort::None)), &rule, None);
    assert_eq!(off, (between.clone(), NULL, json!(32_000), false));
    let asked = Thinking {
        mode: Some(ThinkingMode::BetweenTools),
        effort: Some(Effort::Max),
        ..Thinking::default()
    };
    assert_eq!(said(asked, &rule, None), (between, json!("high"), json!(32_000), false));
    let hard = said(wish(Some(Effort::Max)), &rule, None);
    assert_eq!(hard, (NULL, json!("max"), json!(32_000), false));
    let other = said(asked, &facts(ThinkingRule::Adaptive), None);
    assert_eq!(other.0, json!({"type": "adaptive"}));
}

#[test]
fn of_a_model_that_is_not_known() {
    let unknown = facts(ThinkingRule::Unknown);
    let found = said(wish(Some(Effort::Minimal)), &unknown, None);
    assert_eq!(found, (NULL, json!("low"), json!(32_000), false));
    let found = said(wish(Some(Effort::None)), &unknown, None);
    assert_eq!(found, (json!({"type": "disabled"}), NULL, json!(32_000), false));
    let on = Thinking {
        mode: Some(ThinkingMode::On),
        budget: Some(2000),
        effort: Some(Effort::High),
        visible: Some(false),
    };
    let kind = json!({"type": "enabled", "budget_tokens": 2000, "display": "omitted"});
    let found = said(on, &unknown, Some(4000));
    assert_eq!(found, (kind.clone(), json!("high"), json!(4000), false));
    // What its server thinks of it is for the server to say.
    assert_eq!(said(on, &unknown, Some(100)), (kind, json!("high"), json!(100), false));
}

#[test]
fn of_a_model_that_does_not_think() {
    let never = facts(ThinkingRule::Never);
    assert_eq!(said(wish(Some(Effort::Low)), &never, Some(9)), (NULL, NULL, json!(9), true));
    assert_eq!(said(wish(Some(Effort::None)), &never, Some(9)), (NULL, NULL, json!(9), false));
}
