//! How much the model is to think, by what it takes.

use super::written;
use crate::chat::Effort;
use crate::chat::Facts;
use crate::chat::Request;
use crate::chat::Thinking;
use crate::chat::ThinkingMode;
use crate::chat::ThinkingRule;

const NOTHING: Thinking = Thinking { mode: None, effort: None, budget: None, visible: None };

fn config(thinking: Thinking, facts: &Facts) -> (String, Vec<String>) {
    let request = Request { thinking, ..Request::default() };
    let (body, losses) = written(&request, facts).unwrap();
    let config = body.split_once(r#""thinkingConfig":"#).map_or("", |(_, rest)| rest);
    (config.trim_end_matches('}').to_owned(), losses)
}

#[test]
fn efforts_and_budgets_by_rule() {
    let effort = |effort| Thinking { effort: Some(effort), ..NOTHING };
    let budget = |budget| Thinking { budget: Some(budget), ..NOTHING };
    let mode = |mode| Thinking { mode: Some(mode), ..NOTHING };
    let (level, tokens) = (ThinkingRule::Level, ThinkingRule::Budget);
    for (rule, asked, expected) in [
        (level, NOTHING, ""),
        (level, effort(Effort::None), r#"{"thinkingLevel":"MINIMAL""#),
        (level, effort(Effort::Low), r#"{"includeThoughts":true,"thinkingLevel":"LOW""#),
        (level, effort(Effort::Max), r#"{"includeThoughts":true,"thinkingLevel":"XHIGH""#),
        (level, budget(5000), r#"{"includeThoughts":true,"thinkingLevel":"MEDIUM""#),
        (level, mode(ThinkingMode::Off), r#"{"thinkingLevel":"MINIMAL""#),
        (level, mode(ThinkingMode::Adaptive), ""),
        (tokens, NOTHING, ""),
        (tokens, effort(Effort::None), r#"{"thinkingBudget":0"#),
        (tokens, effort(Effort::Minimal), r#"{"includeThoughts":true,"thinkingBudget":1024"#),
        (tokens, effort(Effort::Medium), r#"{"includeThoughts":true,"thinkingBudget":8192"#),
        (tokens, effort(Effort::Xhigh), r#"{"includeThoughts":true,"thinkingBudget":24576"#),
        (tokens, budget(5000), r#"{"includeThoughts":true,"thinkingBudget":5000"#),
        (tokens, mode(ThinkingMode::Off), r#"{"thinkingBudget":0"#),
        (tokens, mode(ThinkingMode::Adaptive), r#"{"thinkingBudget":-1"#),
        (ThinkingRule::Unknown, budget(7), r#"{"includeThoughts":true,"thinkingBudget":7"#),
        (
            ThinkingRule::Unknown,
            effort(Effort::High),
            r#"{"includeThoughts":true,"thinkingLevel":"HIGH""#,
        ),
        (ThinkingRule::Never, NOTHING, ""),
    ] {
        let facts = Facts { thinking: rule, ..Facts::default() };
        let (config, losses) = config(asked, &facts);
        assert_eq!(config, expected, "{rule:?} {asked:?}");
        assert!(losses.is_empty());
    }
}

#[test]
fn half_of_a_limit_is_left_for_the_answer() {
    let usual = Facts { thinking: ThinkingRule::Budget, ..Facts::default() };
    let always = Facts { always_thinks: true, ..usual.clone() };
    let effort = |effort| Thinking { effort: Some(effort), ..NOTHING };
    let budget = |budget| Thinking { budget: Some(budget), ..NOTHING };
    for (facts, thinking, max_tokens, tokens, lost) in [
        (&usual, effort(Effort::High), 60_000, 24_576, false),
        (&usual, effort(Effort::High), 9000, 4500, false),
        (&usual, effort(Effort::Low), 9000, 1024, false),
        (&usual, effort(Effort::Low), 1024, 512, false),
        (&usual, effort(Effort::Low), 1023, 0, true),
        (&always, effort(Effort::Low), 1023, 511, false),
        (&always, effort(Effort::Low), 100, 128, true),
        // A number of the client's own is cut only where nothing would be left.
        (&usual, budget(8999), 9000, 8999, false),
        (&usual, budget(9000), 9000, 4500, false),
        (&usual, budget(9000), 1000, 0, true),
    ] {
        let request = Request { thinking, max_tokens: Some(max_tokens), ..Request::default() };
        let (body, losses) = written(&request, facts).unwrap();
        let label = format!("{thinking:?} {max_tokens}: {body}");
        assert!(body.contains(&format!("\"thinkingBudget\":{tokens}}}")), "{label}");
        assert_eq!(body.contains("includeThoughts"), tokens > 0, "{label}");
        assert_eq!(losses == ["reasoning_effort"], lost, "{label} {losses:?}");
    }
}

#[test]
fn what_is_shown_is_the_clients_wish() {
    let facts = Facts { thinking: ThinkingRule::Level, ..Facts::default() };
    let asked = |visible| Thinking { effort: Some(Effort::Low), visible, ..NOTHING };
    assert!(config(asked(Some(false)), &facts).0.contains(r#""includeThoughts":false"#));
    let only = Thinking { visible: Some(true), ..NOTHING };
    assert_eq!(config(only, &facts).0, r#"{"includeThoughts":true"#);
    // Google refuses to show thoughts of a model that is told not to think.
    let facts = Facts { thinking: ThinkingRule::Budget, ..Facts::default() };
    let off = |visible| Thinking { mode: Some(ThinkingMode::Off), visible, ..NOTHING };
    assert_eq!(config(off(Some(true)), &facts).0, r#"{"thinkingBudget":0"#);
    let hidden = r#"{"includeThoughts":false,"thinkingBudget":0"#;
    assert_eq!(config(off(Some(false)), &facts).0, hidden);
}

#[test]
fn a_model_that_cannot_says_so() {
    let facts = Facts { thinking: ThinkingRule::Never, ..Facts::default() };
    let asked = Thinking { effort: Some(Effort::Low), ..NOTHING };
    assert_eq!(config(asked, &facts), (String::new(), vec!["reasoning_effort".to_owned()]));
    let off = Thinking { mode: Some(ThinkingMode::Off), ..NOTHING };
    let none = Thinking { effort: Some(Effort::None), ..NOTHING };
    let zero = Thinking { budget: Some(0), ..NOTHING };
    for (thinking, asked) in [
        (ThinkingRule::Budget, off),
        (ThinkingRule::Budget, none),
        (ThinkingRule::Budget, zero),
        (ThinkingRule::Unknown, off),
    ] {
        let facts = Facts { thinking, always_thinks: true, ..Facts::default() };
        let least = (r#"{"thinkingBudget":128"#.to_owned(), vec!["reasoning_effort".to_owned()]);
        assert_eq!(config(asked, &facts), least, "{thinking:?} {asked:?}");
        let facts = Facts { always_thinks: false, ..facts };
        assert_eq!(config(asked, &facts), (r#"{"thinkingBudget":0"#.to_owned(), vec![]));
    }
}
