//! The environment: a snapshot of it, `${VAR}` in texts, and the configuration it alone makes.

use super::BaseUrl;
use super::Config;
use super::Kind;
use super::Model;
use super::Provider;
use super::provider::OPENAI_URL;
use crate::secret::Secret;
use std::collections::BTreeMap;
use std::fmt;

/// The environment's variables at one moment. Those that are not UTF-8 are left out.
#[derive(Clone, Default)]
pub struct Env(BTreeMap<String, String>);

impl Env {
    /// The process's own.
    pub fn from_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            name.into_string().ok().zip(value.into_string().ok())
        };
        Self(std::env::vars_os().filter_map(text).collect())
    }

    /// These and no others.
    pub fn from_pairs<N: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    /// A variable's value, if it is set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A variable's value, if it is set and not empty.
    fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// Replaces each `${VAR}` of `text` by the variable's value, and `$${` by `${`. A value is not
    /// looked into again.
    pub(super) fn expand(&self, text: &str) -> Result<String, ExpandError> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(dollar) = rest.find('$') {
            let (before, from) = rest.split_at_checked(dollar).unwrap_or((rest, ""));
            out.push_str(before);
            rest = if let Some(after) = from.strip_prefix("$${") {
                out.push_str("${");
                after
            } else if let Some(after) = from.strip_prefix("${") {
                let (name, after) = after.split_once('}').ok_or(ExpandError::Open)?;
                if !is_variable(name) {
                    return Err(ExpandError::Name);
                }
                out.push_str(self.get(name).ok_or_else(|| ExpandError::Unset(name.to_owned()))?);
                after
            } else {
                out.push('$');
                from.strip_prefix('$').unwrap_or_default()
            };
        }
        out.push_str(rest);
        Ok(out)
    }
}

impl fmt::Debug for Env {
    /// Names only: the values hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Env").field(&self.0.keys().collect::<Vec<_>>()).finish()
    }
}

fn is_variable(name: &str) -> bool {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.starts_with(|c: char| c.is_ascii_digit()) && !name.is_empty() && name.bytes().all(part)
}

/// Why `${...}` cannot be filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ExpandError {
    /// The variable is not set.
    Unset(String),
    /// No `}` follows.
    Open,
    /// What stands between the braces is no variable's name.
    Name,
}

impl fmt::Display for ExpandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unset(name) => write!(f, "the environment variable {name} is not set"),
            Self::Open => f.write_str("has `${` without `}`; write `$${` for a plain `${`"),
            Self::Name => f.write_str(
                "has `${...}` without a variable's name in it; write `$${` for a plain `${`",
            ),
        }
    }
}

/// The configuration when there is no file, and what was found in the environment, a line each.
///
/// The demo provider is always there. OpenAI takes every model; the models of all others are
/// reached as `provider/model`.
pub fn from_environment(env: &Env) -> (Config, Vec<String>) {
    let mut config = Config::default();
    let mut found = Vec::new();
    let mut demo = Provider::new("demo", Kind::Demo);
    demo.models.push(Model { name: "demo".to_owned(), upstream: None });
    config.providers.push(demo);
    if let Some(key) = env.filled("OPENAI_API_KEY") {
        match openai(env, key) {
            Ok((provider, url)) => {
                found.push(format!("OPENAI_API_KEY: provider openai, every model, at {url}"));
                config.providers.push(provider);
            }
            Err(problem) => config.warnings.push(problem),
        }
    }
    for (variable, provider) in others(env) {
        let name = &provider.name;
        found.push(format!("{variable}: provider {name}, its models as {name}/MODEL"));
        config.providers.push(provider);
    }
    (config, found)
}

/// With a bad address there is no provider: the key must not go to an address nobody meant.
fn openai(env: &Env, key: &str) -> Result<(Provider, BaseUrl), String> {
    let mut provider = Provider::new("openai", Kind::Openai);
    let url: BaseUrl =
        env.filled("OPENAI_BASE_URL").unwrap_or(OPENAI_URL).parse().map_err(|error| {
            format!("OPENAI_BASE_URL: {error}; the provider openai is left out")
        })?;
    if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        let why = "holds a character that a header cannot carry; the provider openai is left out";
        return Err(format!("OPENAI_API_KEY: {why}"));
    }
    provider.api_keys.push(Secret::new(key));
    provider.base_url = Some(url.clone());
    provider.models.push(Model { name: "*".to_owned(), upstream: None });
    Ok((provider, url))
}

/// The other providers, with the variable that names each.
fn others(env: &Env) -> Vec<(&'static str, Provider)> {
    let mut list = Vec::new();
    let keyed = |name: &str, kind, key: &str| {
        let mut provider = Provider::new(name, kind);
        provider.api_keys.push(Secret::new(key));
        provider
    };
    if let Some(key) = env.filled("ANTHROPIC_API_KEY") {
        list.push(("ANTHROPIC_API_KEY", keyed("anthropic", Kind::Anthropic, key)));
    }
    if let Some(key) = env.filled("GEMINI_API_KEY") {
        list.push(("GEMINI_API_KEY", keyed("google", Kind::Google, key)));
    }
    let endpoint = env.filled("AZURE_OPENAI_ENDPOINT").and_then(|url| url.parse().ok());
    if let (Some(key), Some(url)) = (env.filled("AZURE_OPENAI_API_KEY"), endpoint) {
        let mut provider = keyed("azure", Kind::Azure, key);
        provider.base_url = Some(url);
        list.push(("AZURE_OPENAI_API_KEY", provider));
    }
    let region = env.filled("AWS_REGION").or_else(|| env.filled("AWS_DEFAULT_REGION"));
    let pair = env.filled("AWS_ACCESS_KEY_ID").zip(env.filled("AWS_SECRET_ACCESS_KEY"));
    if let (Some((id, secret)), Some(region)) = (pair, region) {
        let mut provider = Provider::new("bedrock", Kind::Bedrock);
        provider.region = Some(region.to_owned());
        provider.access_key = Some(Secret::new(id));
        provider.secret_key = Some(Secret::new(secret));
        provider.session_token = env.filled("AWS_SESSION_TOKEN").map(Secret::new);
        list.push(("AWS_ACCESS_KEY_ID", provider));
    }
    if let Some(url) = env.filled("OLLAMA_HOST").and_then(ollama_url) {
        let mut provider = Provider::new("ollama", Kind::Ollama);
        provider.base_url = Some(url);
        list.push(("OLLAMA_HOST", provider));
    }
    list
}

/// `OLLAMA_HOST` may be a URL or a bare `host:port`.
fn ollama_url(host: &str) -> Option<BaseUrl> {
    host.parse().or_else(|_| format!("http://{host}").parse()).ok()
}
