//! What files mean, what is refused and in which words, and what is never shown.

mod environment;
mod examples;
mod models;
mod problems;
mod published;
mod settings;
mod upstreams;

use super::Config;
use super::Env;
use super::Problems;

/// The variables that the examples ask for.
fn env() -> Env {
    Env::from_pairs([
        ("OPENAI_API_KEY", "sk-upstream-0123456789"),
        ("CRABLLM_KEY", "sk-client-0123456789"),
        ("CRABLLM_ADMIN_TOKEN", "admin-token-0123456789"),
        ("AZURE_OPENAI_API_KEY", "azure-key-0123456789"),
        ("AWS_ACCESS_KEY_ID", "AKIA0123456789"),
        ("AWS_SECRET_ACCESS_KEY", "aws-secret-0123456789"),
        ("AWS_SESSION_TOKEN", "aws-session-0123456789"),
        ("TEAM_A_KEY", "sk-team-a-0123456789"),
        ("EMPTY", ""),
        ("LINES", "one\r\ntwo"),
        ("BRACES", "${OPENAI_API_KEY}\"\n"),
    ])
}

fn parse(text: &str) -> Result<Config, Problems> {
    super::parse(text, "t.toml", &env())
}

fn good(text: &str) -> Config {
    parse(text).unwrap_or_else(|problems| panic!("{problems}"))
}

const OPENAI: &str = "[providers.o]\nkind = \"openai\"\napi_key = \"k\"\nmodels = [\"m\"]\n";
