//! What is known of models.

use super::good;
use super::parse;
use crate::chat::Facts;
use crate::chat::Protocol;
use crate::chat::ThinkingRule;
use crate::config::Models;
use std::collections::BTreeMap;

fn built_in() -> Models {
    Models::new(&BTreeMap::new()).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn the_table_is_good_and_dated() {
    assert_eq!(built_in().date(), "2026-11-22");
}

#[test]
fn a_model_is_known_wherever_it_runs() {
    let models = built_in();
    for (protocol, name) in [
        (Protocol::Anthropic, "claude-opus-4-7"),
        (Protocol::Anthropic, "claude-opus-4-7@20260401"),
        (Protocol::Bedrock, "anthropic.claude-opus-4-7-20260401-v1:0"),
        (Protocol::Bedrock, "us.anthropic.claude-opus-4-7-20260401-v1:0"),
        (
            Protocol::Bedrock,
            "arn:aws:bedrock:us-east-1:1:inference-profile/global.anthropic.claude-opus-4-7",
        ),
        (Protocol::Openai, "anthropic/claude-opus-4-7"),
    ] {
        let facts = models.facts(protocol, name);
        assert_eq!((facts.thinking, facts.sampling), (ThinkingRule::Adaptive, false), "{name}");
    }
    for name in
        ["gemini-2.5-pro", "models/gemini-2.5-pro", "publishers/google/models/gemini-2.5-pro-001"]
    {
        let facts = models.facts(Protocol::Gemini, name);
        assert_eq!((facts.thinking, facts.always_thinks), (ThinkingRule::Budget, true), "{name}");
    }
    for name in ["unknown", "", "claude", "claude-opus-9", "us.", "/", "ft:", "z"] {
        assert_eq!(*models.facts(Protocol::Anthropic, name), Facts::default(), "{name}");
        assert_eq!(models.price(Protocol::Anthropic, name), None);
    }
}

/// Thinking, and whether: it can be switched off, sampling is free, together too, a call can be
/// forced, prefill, system between turns.
#[test]
fn claudes_differ() {
    use ThinkingRule::{Adaptive, BetweenTools, Budget, Never};
    let models = built_in();
    for (name, thinking, flags) in [
        ("claude-fable-5", Adaptive, "_ _ + + _ +"),
        ("claude-fable-5-20260601", Adaptive, "_ _ + + _ +"),
        ("claude-mythos-5-1", Adaptive, "_ _ + _ _ +"),
        ("claude-opus-5-5", Adaptive, "_ _ + _ _ +"),
        ("claude-opus-5", Adaptive, "+ _ + + _ +"),
        ("claude-haiku-5-5", Adaptive, "+ _ + + _ _"),
        ("claude-sonnet-5-5", BetweenTools, "+ _ + _ _ +"),
        ("claude-sonnet-5", Adaptive, "+ _ + + _ _"),
        ("claude-opus-4-8", Adaptive, "+ _ + + _ +"),
        ("claude-opus-4-7", Adaptive, "+ _ + + _ _"),
        ("claude-opus-4-6", Adaptive, "+ + _ + _ _"),
        ("claude-sonnet-4-6", Adaptive, "+ + _ + _ _"),
        ("claude-haiku-4-5-20251001", Budget, "+ + _ + + _"),
        ("claude-sonnet-4-20250514", Budget, "+ + + + + _"),
        ("claude-3-7-sonnet-latest", Budget, "+ + + + + _"),
        ("claude-3-haiku-20240307", Never, "+ + + + + _"),
    ] {
        let facts = models.facts(Protocol::Anthropic, name);
        let flag = |flag: bool| if flag { "+" } else { "_" };
        let shown = [
            !facts.always_thinks,
            facts.sampling,
            facts.sampling_together,
            facts.forced_tools,
            facts.prefill,
            facts.system_between,
        ];
        assert_eq!(facts.thinking, thinking, "{name}");
        assert_eq!(shown.map(flag).join(" "), flags, "{name}");
    }
    let both = |name| models.facts(Protocol::Bedrock, name).effort_with_budget;
    assert!(both("us.anthropic.claude-opus-4-5-20251101-v1:0"));
    assert!(!both("us.anthropic.claude-sonnet-4-5-20250929-v1:0"));
}

/// They refuse `max_tokens`, whoever serves them.
#[test]
fn the_limit_of_models_that_reason_has_its_newer_name() {
    let models = built_in();
    for (name, known) in [
        ("gpt-5", Some(true)),
        ("gpt-5.1-codex", Some(true)),
        ("gpt-5-mini-2025-08-07", Some(true)),
        ("openai/gpt-6", Some(true)),
        ("o1", Some(true)),
        ("o3-mini", Some(true)),
        ("o4-mini", Some(true)),
        ("ft:o4-mini:me", Some(true)),
        ("gpt-5-chat-latest", None),
        ("gpt-4o", None),
        ("gpt-oss-120b", None),
        ("mistral-large-latest", None),
        ("deepseek-chat", Some(false)),
        ("glm-4.6", Some(false)),
    ] {
        let facts = models.facts(Protocol::Openai, name);
        assert_eq!(facts.max_completion_tokens, known, "{name}");
    }
}

/// Without a number of its own a request is held to few tokens, of which thinking takes most.
#[test]
fn every_claude_is_known_for_the_length_of_its_answers() {
    let models = built_in();
    for (name, most) in [
        ("claude-fable-5-1", 128_000),
        ("claude-mythos-5", 128_000),
        ("claude-opus-5-5", 128_000),
        ("claude-opus-5", 128_000),
        ("claude-sonnet-5-5", 128_000),
        ("claude-sonnet-5", 128_000),
        ("claude-haiku-5-5", 128_000),
        ("claude-opus-4-8", 128_000),
        ("claude-opus-4-7", 128_000),
        ("claude-opus-4-6", 128_000),
        ("claude-sonnet-4-6", 128_000),
        ("claude-sonnet-4-5", 64_000),
        ("claude-haiku-4-5", 64_000),
        ("claude-opus-4-5", 64_000),
        ("claude-opus-4-1", 32_000),
        ("claude-sonnet-4-20250514", 64_000),
        ("claude-3-7-sonnet-latest", 64_000),
        ("claude-3-5-haiku-latest", 8_192),
        ("claude-3-haiku-20240307", 4_096),
    ] {
        assert_eq!(models.facts(Protocol::Anthropic, name).max_output, Some(most), "{name}");
    }
}

#[test]
fn reasoning_models_of_openai_take_no_sampling() {
    let models = built_in();
    for (name, reasons) in [
        ("o1", true),
        ("o3-2025-04-16", true),
        ("o4-mini", true),
        ("gpt-5", true),
        ("gpt-5-2025-08-07", true),
        ("gpt-5.5", true),
        ("gpt-6", true),
        ("gpt-5-chat-latest", false),
        ("gpt-4o", false),
        ("ft:gpt-4.1-mini-2025-04-14:acme::x", false),
        ("text-embedding-3-small", false),
    ] {
        assert_eq!(models.facts(Protocol::Openai, name).sampling, !reasons, "{name}");
    }
    let price = |name| models.price(Protocol::Openai, name).and_then(|price| price.completion);
    assert_eq!(price("gpt-4o-2024-11-20"), Some(10_000_000));
    assert_eq!(price("gpt-4o-mini-2024-07-18"), Some(600_000));
    assert_eq!(price("gpt-5.5"), None, "an older price is not a newer model's");
}

/// Groq and Cerebras, which serve some of them under names of their own, refuse the member.
#[test]
fn thoughts_go_back_to_who_asks_for_them() {
    let models = built_in();
    for (name, back) in [
        ("deepseek-reasoner", true),
        ("deepseek/deepseek-v4-pro", true),
        ("deepseek-ai/DeepSeek-V3.2", true),
        ("kimi-k2.6", true),
        ("moonshotai/Kimi-K2-Thinking", true),
        ("accounts/fireworks/models/kimi-k2p5", true),
        ("z-ai/glm-4.7", true),
        ("qwen3.7-max", true),
        ("gpt-5.5", false),
        ("o3", false),
        ("openai/gpt-oss-120b", false),
        ("deepseek-r1-distill-llama-70b", false),
        ("moonshotai/kimi-k2-instruct-0905", false),
        ("zai-glm-4.7", false),
        ("qwen/qwen3-32b", false),
    ] {
        assert_eq!(models.facts(Protocol::Openai, name).reasoning_back, back, "{name}");
    }
    assert!(!models.facts(Protocol::Ollama, "deepseek-v3.2").reasoning_back);
}

#[test]
fn some_models_of_bedrock_think_by_an_effort() {
    let models = built_in();
    for (name, thinking, always) in [
        ("us.amazon.nova-2-lite-v1:0", ThinkingRule::Effort, false),
        ("us.amazon.nova-pro-v1:0", ThinkingRule::Never, false),
        ("openai.gpt-oss-120b-1:0", ThinkingRule::Effort, true),
        ("global.openai.gpt-6-sol", ThinkingRule::Effort, false),
    ] {
        let facts = models.facts(Protocol::Bedrock, name);
        assert_eq!((facts.thinking, facts.always_thinks), (thinking, always), "{name}");
    }
}

#[test]
fn a_tag_of_ollama_is_the_latest_unless_it_is_said() {
    let models = built_in();
    let thinking = |protocol, name| models.facts(protocol, name).thinking;
    for name in ["mistral", "mistral:7b", "llama3.2", "library/llama3.2:1b", "qwen2.5:0.5b"] {
        assert_eq!(thinking(Protocol::Ollama, name), ThinkingRule::Never, "{name}");
        assert_eq!(thinking(Protocol::Openai, name), ThinkingRule::Unknown, "{name}");
    }
    assert_eq!(thinking(Protocol::Ollama, "mistral-large-9"), ThinkingRule::Unknown);
    assert!(models.facts(Protocol::Ollama, "llama3.2-vision:11b").images);
    assert!(models.facts(Protocol::Ollama, "gpt-oss:20b").always_thinks);
}

#[test]
fn the_operator_knows_better() {
    let config = good(
        "[models.claude-opus-4-7]\nprefill = true\ncontext = 1_000\n[models.claude]\naudio = true\n\
         [models.\"us.anthropic.claude-opus-4-7-x\"]\nimages = false\n[models.mine]\nthinking = \"level\"\n",
    );
    let models = Models::new(&config.models).unwrap();
    let facts = |name| models.facts(Protocol::Anthropic, name).clone();
    let opus = facts("claude-opus-4-7-20260401");
    assert_eq!((opus.prefill, opus.context, opus.sampling), (true, Some(1_000), false));
    assert!(!opus.audio, "the longest name decides");
    let other = facts("claude-sonnet-4-6");
    assert_eq!((other.audio, other.thinking), (true, ThinkingRule::Adaptive));
    let exact = models.facts(Protocol::Bedrock, "eu.anthropic.claude-opus-4-7-x1");
    assert_eq!((exact.images, exact.prefill, exact.sampling), (false, false, false));
    assert_eq!(facts("mine-2").thinking, ThinkingRule::Level);
    assert_eq!(
        models.price(Protocol::Anthropic, "claude-opus-4-6-x"),
        built_in().price(Protocol::Anthropic, "claude-opus-4-6")
    );
}

#[test]
fn what_is_wrong_is_said_where_it_stands() {
    for (text, problem) in [
        (
            "[models.a]\ncontxt = 1",
            "t.toml:2: models.a.contxt: unknown key; did you mean `context`?",
        ),
        (
            "[models.a]\nthinking = \"leval\"",
            "models.a.thinking: unknown value \"leval\"; did you mean \"level\"?",
        ),
        ("[models.a]\ncontext = 0", "models.a.context: must be from 1 to 1000000000"),
        ("[models.a]\nimages = 1", "models.a.images: must be true or false, not an integer"),
        ("[models]\na = 1", "models.a: must be a table, not an integer"),
    ] {
        let problems = parse(text).unwrap_err().to_string();
        assert!(problems.contains(problem), "{problems}");
    }
}

#[test]
fn a_bad_table_is_refused() {
    for (text, problem) in [
        ("", "date: is missing"),
        ("date = \"d\"\n[[model]]\n", "model[0].match: is missing"),
        ("date = \"d\"\n[[model]]\nmatch = [\"a\"]\nsamplin = true", "did you mean `sampling`?"),
        ("date = \"d\"\n[[model]]\nmatch = [\"a\", \"a\"]", "model[0]: matches \"a\" again"),
        ("date = \"d\"\n[[model]]\nmatch = [\"us.a\"]", "which no name begins with"),
        (
            "date = \"d\"\n[[model]]\nmatch = [\"a\"]\nprotocol = \"olama\"",
            "did you mean \"ollama\"?",
        ),
        (
            "date = \"d\"\n[[model]]\nmatch = [\"a\"]\nprice = { prompt = -1 }",
            "must not be negative",
        ),
        ("date = \"d\"\n[[models]]\n", "did you mean `model`?"),
        ("date = ", "t.toml:1"),
    ] {
        let problems = Models::read(text, "t.toml", &BTreeMap::new()).unwrap_err().to_string();
        assert!(problems.contains(problem), "{problems}");
    }
}

#[test]
fn a_rule_for_one_protocol_is_the_closer_one() {
    let text = "date = \"d\"\n[[model]]\nmatch = [\"a\"]\nprotocol = \"gemini\"\nimages = false\n\
                [[model]]\nmatch = [\"a\"]\naudio = false\n";
    let models = Models::read(text, "t.toml", &BTreeMap::new()).unwrap();
    let shown = |protocol| {
        let facts = models.facts(protocol, "ab");
        (facts.images, facts.audio)
    };
    assert_eq!(shown(Protocol::Gemini), (false, true));
    assert_eq!(shown(Protocol::Openai), (true, false));
}

#[test]
fn every_protocol_has_its_name() {
    assert!(crate::config::models::ProtocolName::covers_all());
}
