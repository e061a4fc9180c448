//! The configuration that the environment alone makes.

use super::BaseUrl;
use super::Config;
use super::Env;
use super::Kind;
use super::Model;
use super::Provider;
use super::provider::OPENAI_URL;
use super::provider::is_region;
use crate::secret::Secret;

/// Where Ollama listens, and where its clients look for it.
const OLLAMA_PORT: u16 = 11434;

/// What one of the look-ups below comes to: nothing where the environment says nothing of the
/// provider; else the provider and the variable that it is told of by, or why it is left out.
type Offer = Option<Result<(&'static str, Provider), String>>;

/// The configuration when there is no file, and what was found in the environment, a line each.
///
/// The demo provider is always there. OpenAI takes every model; the models of all others are
/// reached as `provider/model`. What is set but of no use is told in the warnings.
pub fn from_environment(env: &Env) -> (Config, Vec<String>) {
    let mut config = Config::default();
    let mut found = Vec::new();
    let mut demo = Provider::new("demo", Kind::Demo);
    demo.models.push(named("demo"));
    config.providers.push(demo);
    for look_up in [openai, anthropic, google, azure, bedrock, ollama] {
        match look_up(env) {
            None => {}
            Some(Ok((variable, provider))) => {
                found.push(line(variable, &provider));
                config.providers.push(provider);
            }
            Some(Err(why)) => config.warnings.push(why),
        }
    }
    (config, found)
}

fn named(model: &str) -> Model {
    Model { name: model.to_owned(), upstream: None }
}

fn line(variable: &str, provider: &Provider) -> String {
    let name = &provider.name;
    let models = if provider.models.is_empty() {
        format!("its models as {name}/MODEL")
    } else {
        "every model".to_owned()
    };
    let at = provider.base_url.as_ref().map_or_else(String::new, |url| format!(", at {url}"));
    format!("{variable}: provider {name}, {models}{at}")
}

/// With a bad address there is no provider: the key must not go to an address nobody meant.
fn openai(env: &Env) -> Offer {
    let key = env.filled("OPENAI_API_KEY")?;
    let url = env.filled("OPENAI_BASE_URL").unwrap_or(OPENAI_URL);
    let made = address("OPENAI_BASE_URL", url, "openai").and_then(|url| {
        let mut provider = keyed("openai", Kind::Openai, "OPENAI_API_KEY", key)?;
        provider.base_url = Some(url);
        provider.models.push(named("*"));
        Ok(("OPENAI_API_KEY", provider))
    });
    Some(made)
}

fn anthropic(env: &Env) -> Offer {
    let key = env.filled("ANTHROPIC_API_KEY")?;
    let made = keyed("anthropic", Kind::Anthropic, "ANTHROPIC_API_KEY", key);
    Some(made.map(|provider| ("ANTHROPIC_API_KEY", provider)))
}

fn google(env: &Env) -> Offer {
    let key = env.filled("GEMINI_API_KEY")?;
    let made = keyed("google", Kind::Google, "GEMINI_API_KEY", key);
    Some(made.map(|provider| ("GEMINI_API_KEY", provider)))
}

fn azure(env: &Env) -> Offer {
    let (key, url) = ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT");
    Some(pair(env, key, url, "azure")?.and_then(|(value, at)| {
        let mut provider = keyed("azure", Kind::Azure, key, value)?;
        provider.base_url = Some(address(url, at, "azure")?);
        Ok((key, provider))
    }))
}

/// An API key of Bedrock, or else an access key; both need a region.
fn bedrock(env: &Env) -> Offer {
    let (bearer, id, secret) =
        ("AWS_BEARER_TOKEN_BEDROCK", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY");
    let (variable, made) = match env.filled(bearer) {
        Some(key) => (bearer, keyed("bedrock", Kind::Bedrock, bearer, key)),
        None => (id, pair(env, id, secret, "bedrock")?.and_then(|pair| signed(env, pair))),
    };
    Some(made.and_then(|mut provider| {
        provider.region = Some(region(env, variable)?);
        Ok((variable, provider))
    }))
}

fn signed(env: &Env, (id, secret): (&str, &str)) -> Result<Provider, String> {
    let mut provider = Provider::new("bedrock", Kind::Bedrock);
    provider.access_key = Some(credential("AWS_ACCESS_KEY_ID", id, "bedrock")?);
    provider.secret_key = Some(credential("AWS_SECRET_ACCESS_KEY", secret, "bedrock")?);
    let token = env.filled("AWS_SESSION_TOKEN");
    let token = token.map(|token| credential("AWS_SESSION_TOKEN", token, "bedrock"));
    provider.session_token = token.transpose()?;
    Ok(provider)
}

fn region(env: &Env, found: &str) -> Result<String, String> {
    let set = ["AWS_REGION", "AWS_DEFAULT_REGION"]
        .into_iter()
        .find_map(|name| env.filled(name).map(|region| (name, region)));
    let Some((name, region)) = set else {
        return Err(left_out("bedrock", &format!("{found} is set and AWS_REGION is not")));
    };
    if is_region(region) {
        return Ok(region.to_owned());
    }
    Err(left_out("bedrock", &format!("{name}: is not a region, such as us-east-1")))
}

/// `OLLAMA_HOST` as Ollama's own clients read it: a URL, or a host and perhaps a port.
fn ollama(env: &Env) -> Offer {
    let host = env.filled("OLLAMA_HOST")?;
    let made = address("OLLAMA_HOST", &ollama_url(host), "ollama").map(|url| {
        let mut provider = Provider::new("ollama", Kind::Ollama);
        provider.base_url = Some(url);
        ("OLLAMA_HOST", provider)
    });
    Some(made)
}

fn ollama_url(host: &str) -> String {
    if host.contains("://") {
        return host.to_owned();
    }
    let host = if host.starts_with(':') { format!("127.0.0.1{host}") } else { host.to_owned() };
    let (authority, path) = host.split_once('/').unwrap_or((&host, ""));
    let after_brackets = authority.rsplit(']').next().unwrap_or_default();
    if after_brackets.contains(':') {
        format!("http://{host}")
    } else {
        format!("http://{authority}:{OLLAMA_PORT}/{path}")
    }
}

fn keyed(name: &str, kind: Kind, variable: &str, key: &str) -> Result<Provider, String> {
    let mut provider = Provider::new(name, kind);
    provider.api_keys.push(credential(variable, key, name)?);
    Ok(provider)
}

/// Both of two variables; one alone is of no use.
fn pair<'e>(
    env: &'e Env,
    one: &str,
    other: &str,
    provider: &str,
) -> Option<Result<(&'e str, &'e str), String>> {
    let (set, missing) = match (env.filled(one), env.filled(other)) {
        (Some(one), Some(other)) => return Some(Ok((one, other))),
        (Some(_), None) => (one, other),
        (None, Some(_)) => (other, one),
        (None, None) => return None,
    };
    Some(Err(left_out(provider, &format!("{set} is set and {missing} is not"))))
}

fn credential(variable: &str, text: &str, provider: &str) -> Result<Secret, String> {
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(Secret::new(text));
    }
    let why = format!("{variable}: holds a character that a header cannot carry");
    Err(left_out(provider, &why))
}

fn address(variable: &str, text: &str, provider: &str) -> Result<BaseUrl, String> {
    text.parse().map_err(|error| left_out(provider, &format!("{variable}: {error}")))
}

fn left_out(provider: &str, why: &str) -> String {
    format!("{why}; the provider {provider} is left out")
}
