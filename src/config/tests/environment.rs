//! `${VAR}` in a file, and the configuration without a file.

use super::env;
use super::good;
use crate::config::Env;
use crate::config::Kind;
use crate::config::from_environment;

#[test]
fn texts_are_filled_in_once_and_after_parsing() {
    for (raw, filled) in [
        ("plain", "plain"),
        ("${OPENAI_API_KEY}", "sk-upstream-0123456789"),
        ("a${EMPTY}b${EMPTY}c", "abc"),
        ("$${OPENAI_API_KEY}", "${OPENAI_API_KEY}"),
        ("$$${OPENAI_API_KEY}", "$${OPENAI_API_KEY}"),
        ("$", "$"),
        ("$$", "$$"),
        ("a$b$", "a$b$"),
        ("$x{y}", "$x{y}"),
        ("\u{e9}${EMPTY}\u{e9}", "\u{e9}\u{e9}"),
        ("${BRACES}", "${OPENAI_API_KEY}\"\n"),
    ] {
        assert_eq!(env().expand(raw).as_deref(), Ok(filled), "{raw}");
    }
}

#[test]
fn a_value_cannot_break_the_syntax() {
    let text = "[storage]\nkind = \"redb\"\npath = \"${BRACES}\"\n";
    let shown = format!("{:?}", good(text).storage);
    assert_eq!(shown, "Redb { path: \"${OPENAI_API_KEY}\\\"\\n\" }");
}

#[test]
fn debug_shows_names_only() {
    let env = Env::from_pairs([("A_KEY", "secret")]);
    assert_eq!(format!("{env:?}"), "Env([\"A_KEY\"])");
    assert_eq!((env.get("A_KEY"), env.get("B")), (Some("secret"), None));
}

#[test]
fn the_process_has_a_path() {
    assert!(Env::from_process().get("PATH").is_some());
}

#[test]
fn nothing_set_means_the_demo_alone() {
    let (config, found) = from_environment(&Env::from_pairs([("OPENAI_API_KEY", "")]));
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.providers.len(), 1);
    assert_eq!(config.providers[0].kind, Kind::Demo);
    assert_eq!(config.providers[0].models[0].name, "demo");
    assert!(found.is_empty() && config.warnings.is_empty());
}

#[test]
fn openai_is_found_with_its_address() {
    for (url, shown) in [
        ("", "https://api.openai.com/v1"),
        ("http://127.0.0.1:9000/v1/", "http://127.0.0.1:9000/v1"),
    ] {
        let pairs = [("OPENAI_API_KEY", "sk-x"), ("OPENAI_BASE_URL", url)];
        let (config, found) = from_environment(&Env::from_pairs(pairs));
        assert_eq!(found, [format!("OPENAI_API_KEY: provider openai, every model, at {shown}")]);
        let provider = &config.providers[1];
        assert_eq!(provider.models[0].name, "*");
        assert_eq!(provider.api_keys[0].expose(), "sk-x");
        assert_eq!(provider.base_url.as_ref().map(ToString::to_string).as_deref(), Some(shown));
    }
}

#[test]
fn a_bad_address_or_key_leaves_openai_out() {
    for (key, url, warning) in [
        (
            "k",
            "api:x",
            "OPENAI_BASE_URL: must begin with http:// or https://; the provider openai is left out",
        ),
        (
            "k\n",
            "",
            "OPENAI_API_KEY: holds a character that a header cannot carry; the provider openai is left out",
        ),
    ] {
        let pairs = [("OPENAI_API_KEY", key), ("OPENAI_BASE_URL", url)];
        let (config, found) = from_environment(&Env::from_pairs(pairs));
        assert_eq!((config.providers.len(), found.len()), (1, 0));
        assert_eq!(config.warnings, [warning]);
    }
}

#[test]
fn other_providers_are_found_and_take_no_model() {
    let (config, found) = from_environment(&Env::from_pairs([
        ("ANTHROPIC_API_KEY", "a"),
        ("GEMINI_API_KEY", "g"),
        ("AZURE_OPENAI_API_KEY", "z"),
        ("AZURE_OPENAI_ENDPOINT", "https://r.openai.azure.com/"),
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_DEFAULT_REGION", "eu-west-1"),
        ("AWS_SESSION_TOKEN", "token"),
        ("OLLAMA_HOST", "localhost:11434"),
    ]));
    let expected = [
        "ANTHROPIC_API_KEY: provider anthropic, its models as anthropic/MODEL",
        "GEMINI_API_KEY: provider google, its models as google/MODEL",
        "AZURE_OPENAI_API_KEY: provider azure, its models as azure/MODEL",
        "AWS_ACCESS_KEY_ID: provider bedrock, its models as bedrock/MODEL",
        "OLLAMA_HOST: provider ollama, its models as ollama/MODEL",
    ];
    assert_eq!(found, expected);
    assert_eq!(config.warnings, Vec::<String>::new());
    assert!(config.providers[1..].iter().all(|provider| provider.models.is_empty()));
    let bedrock = &config.providers[4];
    assert_eq!(bedrock.region.as_deref(), Some("eu-west-1"));
    assert!(bedrock.session_token.is_some());
    let ollama = config.providers[5].base_url.as_ref().map(ToString::to_string);
    assert_eq!(ollama.as_deref(), Some("http://localhost:11434"));
}

#[test]
fn incomplete_sets_are_no_provider() {
    let (config, found) = from_environment(&Env::from_pairs([
        ("AZURE_OPENAI_API_KEY", "z"),
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ]));
    assert_eq!((config.providers.len(), found.len()), (1, 0));
}
