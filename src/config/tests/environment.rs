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
        "AZURE_OPENAI_API_KEY: provider azure, its models as azure/MODEL, at https://r.openai.azure.com",
        "AWS_ACCESS_KEY_ID: provider bedrock, its models as bedrock/MODEL",
        "OLLAMA_HOST: provider ollama, its models as ollama/MODEL, at http://localhost:11434",
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

/// What `pairs` come to: how many providers beside the demo, and the warnings.
fn left_out(pairs: &[(&str, &str)]) -> (usize, Vec<String>) {
    let (config, found) = from_environment(&Env::from_pairs(pairs.iter().copied()));
    assert_eq!(config.providers.len(), 1 + found.len());
    (found.len(), config.warnings)
}

#[test]
fn what_is_of_no_use_is_told() {
    let (id, secret) = (("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "s"));
    let azure = ("AZURE_OPENAI_API_KEY", "z");
    let bad = "holds a character that a header cannot carry";
    for (pairs, why, provider) in [
        (vec![("ANTHROPIC_API_KEY", "a\n")], &*format!("ANTHROPIC_API_KEY: {bad}"), "anthropic"),
        (vec![("GEMINI_API_KEY", "a b")], &*format!("GEMINI_API_KEY: {bad}"), "google"),
        (vec![azure], "AZURE_OPENAI_API_KEY is set and AZURE_OPENAI_ENDPOINT is not", "azure"),
        (
            vec![("AZURE_OPENAI_ENDPOINT", "https://r")],
            "AZURE_OPENAI_ENDPOINT is set and AZURE_OPENAI_API_KEY is not",
            "azure",
        ),
        (
            vec![azure, ("AZURE_OPENAI_ENDPOINT", "r.openai.azure.com")],
            "AZURE_OPENAI_ENDPOINT: must begin with http:// or https://",
            "azure",
        ),
        (vec![id], "AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not", "bedrock"),
        (vec![id, secret], "AWS_ACCESS_KEY_ID is set and AWS_REGION is not", "bedrock"),
        (
            vec![id, secret, ("AWS_REGION", "us east")],
            "AWS_REGION: is not a region, such as us-east-1",
            "bedrock",
        ),
        (
            vec![id, secret, ("AWS_REGION", "r"), ("AWS_SESSION_TOKEN", "a\nb")],
            &*format!("AWS_SESSION_TOKEN: {bad}"),
            "bedrock",
        ),
        (
            vec![("OLLAMA_HOST", "a b")],
            "OLLAMA_HOST: must not hold spaces, control characters, backslashes or non-ASCII characters",
            "ollama",
        ),
    ] {
        let warning = format!("{why}; the provider {provider} is left out");
        assert_eq!(left_out(&pairs), (0, vec![warning]), "{pairs:?}");
    }
    assert_eq!(left_out(&[("AWS_REGION", "us-east-1")]), (0, Vec::new()), "of other services too");
}

#[test]
fn ollama_is_found_as_its_own_clients_find_it() {
    for (host, url) in [
        ("127.0.0.1", "http://127.0.0.1:11434"),
        ("gpu.lan:8080", "http://gpu.lan:8080"),
        (":8080", "http://127.0.0.1:8080"),
        ("[::1]", "http://[::1]:11434"),
        ("[::1]:80", "http://[::1]"),
        ("gpu.lan/ollama", "http://gpu.lan:11434/ollama"),
        ("http://gpu.lan", "http://gpu.lan"),
        ("https://gpu.lan", "https://gpu.lan"),
    ] {
        let (config, found) = from_environment(&Env::from_pairs([("OLLAMA_HOST", host)]));
        let expected =
            format!("OLLAMA_HOST: provider ollama, its models as ollama/MODEL, at {url}");
        assert_eq!((found, config.warnings), (vec![expected], Vec::new()), "{host}");
    }
}

#[test]
fn a_key_of_bedrocks_own_comes_first() {
    let (config, found) = from_environment(&Env::from_pairs([
        ("AWS_BEARER_TOKEN_BEDROCK", "b"),
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_REGION", "eu-west-1"),
    ]));
    assert_eq!(found, ["AWS_BEARER_TOKEN_BEDROCK: provider bedrock, its models as bedrock/MODEL"]);
    assert_eq!(config.providers[1].api_keys[0].expose(), "b");
    assert!(config.providers[1].access_key.is_none());
}
