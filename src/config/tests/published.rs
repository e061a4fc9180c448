//! A file with every key that CrabLLM documented before keeps loading.

use super::good;
use crate::config::AuthMode;
use crate::config::BudgetExt;
use crate::config::CacheExt;
use crate::config::Kind;
use crate::config::LogLevel;
use crate::config::Price;
use crate::config::RateLimitExt;
use crate::config::Storage;
use std::time::Duration;

const FILE: &str = r#"
listen = "0.0.0.0:8080"
shutdown_timeout = 20

[providers.main]
kind = "openai"
api_key = "${OPENAI_API_KEY}"
models = ["gpt-4o", "gpt-4o-mini"]
weight = 2
max_retries = 3
timeout = 30

[providers.local]
kind = "openai"
base_url = "http://127.0.0.1:9999/v1"
models = ["llama"]

[providers.azure]
kind = "azure"
api_key = "a-key"
base_url = "https://my-resource.openai.azure.com"
api_version = "2024-02-01"
models = ["gpt-4o"]

[providers.bedrock]
kind = "bedrock"
region = "us-east-1"
access_key = "AKIA"
secret_key = "secret"
models = ["anthropic.claude-3-5-sonnet-20241022-v2:0"]

[[keys]]
name = "team-a"
key = "sk-team-a"
models = ["gpt-4o"]

[[keys]]
name = "admin"
key = "sk-admin"
models = ["*"]

[aliases]
gpt4 = "gpt-4o"

[pricing.gpt-4o]
prompt_cost_per_million = 2.50
completion_cost_per_million = 10.00

[extensions.cache]
ttl_seconds = 3600

[extensions.rate_limit]
requests_per_minute = 60
tokens_per_minute = 100000

[extensions.usage]

[extensions.budget]
default_budget = 10.00

[extensions.budget.keys.team-a]
budget = 50.00

[extensions.logging]
level = "info"

[storage]
kind = "sqlite"
path = "crabllm.db"
"#;

#[test]
fn it_loads_and_means_what_it_meant() {
    let config = good(FILE);
    assert_eq!(config.listen.to_string(), "0.0.0.0:8080");
    assert_eq!(config.shutdown_timeout, Duration::from_secs(20));
    assert_eq!(config.auth, AuthMode::Keys);
    let names: Vec<_> = config.providers.iter().map(|p| (p.name.as_str(), p.kind)).collect();
    let expected = [
        ("main", Kind::Openai),
        ("local", Kind::Openai),
        ("azure", Kind::Azure),
        ("bedrock", Kind::Bedrock),
    ];
    assert_eq!(names, expected, "in the order of the file");
    let main = &config.providers[0];
    assert_eq!((main.weight, main.max_retries, main.timeout.as_secs()), (2, 3, 30));
    assert_eq!(main.api_keys[0].expose(), "sk-upstream-0123456789");
    assert_eq!(
        main.base_url.as_ref().map(ToString::to_string),
        Some(super::super::provider::OPENAI_URL.to_owned())
    );
    assert_eq!(config.providers[2].api_version.as_deref(), Some("2024-02-01"));
    assert_eq!(config.keys[0].models, ["gpt-4o"]);
    assert_eq!(config.aliases["gpt4"], "gpt-4o");
    let price = Price { prompt: Some(2_500_000), completion: Some(10_000_000), ..Price::default() };
    assert_eq!(config.pricing["gpt-4o"], price);
    let extensions = config.extensions;
    assert_eq!(extensions.cache, Some(CacheExt { ttl: Duration::from_secs(3600) }));
    assert_eq!(extensions.rate_limit, Some(RateLimitExt { rpm: Some(60), tpm: Some(100_000) }));
    assert!(extensions.usage);
    let usd = 1_000_000_000_000_u128;
    let keys = [("team-a".to_owned(), 50 * usd)].into();
    assert_eq!(extensions.budget, Some(BudgetExt { default: Some(10 * usd), keys }));
    assert_eq!(extensions.logging, Some(LogLevel::Info));
    assert_eq!(config.storage, Storage::Sqlite { path: "crabllm.db".into() });
}

#[test]
fn it_warns_of_what_is_not_served() {
    assert_eq!(
        good(FILE).warnings,
        [
            "pricing is read but has no effect in this version",
            "extensions.cache is read but has no effect in this version",
            "extensions.rate_limit is read but has no effect in this version",
            "extensions.budget is read but has no effect in this version",
            "extensions.usage is read but has no effect in this version",
            "storage: kind \"sqlite\" is not served by this version; counters are kept in memory",
        ]
    );
}

#[test]
fn the_other_documented_spellings_load() {
    let text = "[extensions.cache]\nttl = 60\n[extensions.rate_limit]\nrpm = 5\n\
                [extensions.budget]\ndefault_limit = 10000000\n[storage]\nkind = \"memory\"\n";
    let extensions = good(text).extensions;
    assert_eq!(extensions.cache, Some(CacheExt { ttl: Duration::from_secs(60) }));
    assert_eq!(extensions.rate_limit, Some(RateLimitExt { rpm: Some(5), tpm: None }));
    assert_eq!(extensions.budget.and_then(|budget| budget.default), Some(10_000_000_000_000));
}
