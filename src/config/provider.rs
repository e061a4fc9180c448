//! `[providers.NAME]`: one upstream.

use super::BaseUrl;
use super::Kind;
use super::Model;
use super::Provider;
use super::file::Table;
use super::file::Value;
use super::sections::TIMEOUTS;
use super::sections::set;
use crate::secret::Secret;
use std::ops::RangeInclusive;

/// The address of a provider of kind openai that names none.
pub(super) const OPENAI_URL: &str = "https://api.openai.com/v1";

/// The host that never answers without a key.
const OPENAI_HOST: &str = "api.openai.com";

/// Names stand in headers, logs and `provider/model`, so they stay short and plain.
const LONGEST_NAME: usize = 64;

/// Model names stand in paths and headers.
const LONGEST_MODEL: usize = 256;

/// Shares are summed in 32 bits over at most a few thousand providers.
const WEIGHTS: RangeInclusive<u32> = 0..=1_000_000;

/// With back-off, the hundredth attempt lies beyond any deadline.
const RETRIES: RangeInclusive<u32> = 0..=100;

/// More than one provider takes at a time.
const PARALLEL: RangeInclusive<u32> = 0..=1_000_000;

/// Per shard; more than the ports one client address has.
const IDLE_CONNECTIONS: RangeInclusive<usize> = 0..=65_536;

/// A token each microsecond is the finest pace a timer could keep.
const PACES: RangeInclusive<u32> = 0..=1_000_000;

/// Headers of a connection, RFC 9110, 7.6.1, and those the gateway writes itself.
const OWN_HEADERS: [&str; 12] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What a key that one kind alone understands is meant for.
const MEANT_FOR: [(&str, Kind); 8] = [
    ("stream_usage", Kind::Openai),
    ("end_user", Kind::Openai),
    ("api_version", Kind::Azure),
    ("region", Kind::Bedrock),
    ("access_key", Kind::Bedrock),
    ("secret_key", Kind::Bedrock),
    ("session_token", Kind::Bedrock),
    ("tokens_per_second", Kind::Demo),
];

/// Reads one provider; `None` only when its kind is unknown.
pub(super) fn read(name: &str, value: &Value<'_>) -> Option<Provider> {
    if !is_name(name) {
        value.fail(format!("a provider's name is 1 to {LONGEST_NAME} of a-z A-Z 0-9 _ . -"));
    }
    let mut table = value.table()?;
    let kind = table.need("kind", "write kind = \"openai\" or another kind");
    let kind = kind.and_then(|kind| kind.choice(Kind::ALL));
    // Without a kind the other keys are read all the same, for their own problems.
    let mut provider = Provider::new(name, kind.unwrap_or(Kind::Demo));
    address(&mut table, &mut provider);
    numbers(&mut table, &mut provider);
    credentials(&mut table, &mut provider);
    models(&mut table, &mut provider, kind);
    provider.stream_usage = table.get("stream_usage").and_then(|value| value.flag());
    provider.end_user = table.get("end_user").and_then(|value| value.flag());
    if let Some(headers) = table.table("headers") {
        provider.headers = read_headers(&headers);
    }
    provider.kind = kind.unwrap_or(Kind::Demo);
    if kind.is_some() {
        advise(&table, &provider);
    }
    if provider.kind == Kind::Openai {
        openai(&table, &mut provider);
    }
    table.finish();
    kind.map(|_| provider)
}

fn is_name(name: &str) -> bool {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    !name.is_empty() && name.len() <= LONGEST_NAME && name.bytes().all(part)
}

fn address(table: &mut Table<'_>, provider: &mut Provider) {
    provider.base_url = table.get("base_url").and_then(|value| url(&value)).map(|(_, url)| url);
    provider.ca_file = table.get("ca_file").and_then(|value| value.text()).map(Into::into);
    if let Some(value) = table.get("proxy")
        && let Some((text, url)) = url(&value)
    {
        if url.path.is_empty() && !url.https {
            provider.proxy = Some(text);
        } else {
            value.fail("must be http://HOST:PORT");
        }
    }
}

fn url(value: &Value<'_>) -> Option<(String, BaseUrl)> {
    let text = value.text()?;
    match text.parse() {
        Ok(url) => Some((text, url)),
        Err(error) => {
            value.fail(format!("{error}"));
            None
        }
    }
}

fn numbers(table: &mut Table<'_>, provider: &mut Provider) {
    set(&mut provider.weight, table.get("weight").and_then(|value| value.whole(&WEIGHTS)));
    set(&mut provider.max_retries, table.get("max_retries").and_then(|v| v.whole(&RETRIES)));
    set(&mut provider.max_parallel, table.get("max_parallel").and_then(|v| v.whole(&PARALLEL)));
    set(&mut provider.max_queue, table.get("max_queue").and_then(|v| v.whole(&PARALLEL)));
    let idle = table.get("max_idle_connections");
    set(&mut provider.max_idle_connections, idle.and_then(|v| v.whole(&IDLE_CONNECTIONS)));
    let pace = table.get("tokens_per_second");
    set(&mut provider.tokens_per_second, pace.and_then(|value| value.whole(&PACES)));
    let mut seconds = |name, slot: &mut _| {
        set(slot, table.get(name).and_then(|value| value.seconds(&TIMEOUTS)));
    };
    seconds("queue_timeout", &mut provider.queue_timeout);
    seconds("timeout", &mut provider.timeout);
    seconds("connect_timeout", &mut provider.connect_timeout);
    seconds("first_byte_timeout", &mut provider.first_byte_timeout);
    seconds("stream_idle_timeout", &mut provider.stream_idle_timeout);
    seconds("idle_timeout", &mut provider.idle_timeout);
}

fn credentials(table: &mut Table<'_>, provider: &mut Provider) {
    if let Some(value) = table.get("api_key") {
        provider.api_keys = api_keys(&value);
    }
    let mut secret = |name| table.get(name).and_then(|value| value.credential());
    provider.access_key = secret("access_key");
    provider.secret_key = secret("secret_key");
    provider.session_token = secret("session_token");
    provider.region = table.get("region").and_then(|value| value.text());
    provider.api_version = table.get("api_version").and_then(|value| value.text());
}

/// One key or a list. A plain `""` means none, as it always did.
fn api_keys(value: &Value<'_>) -> Vec<Secret> {
    if value.raw() == Some("") {
        return Vec::new();
    }
    if !value.inner().is_array() {
        return value.credential().into_iter().collect();
    }
    let items = value.list().unwrap_or_default();
    let mut keys: Vec<Secret> = Vec::new();
    for item in items {
        let Some(key) = item.credential() else { continue };
        if keys.contains(&key) {
            item.fail("stands in the list twice");
        }
        keys.push(key);
    }
    keys
}

fn models(table: &mut Table<'_>, provider: &mut Provider, kind: Option<Kind>) {
    let Some(value) = table.get("models") else {
        if kind == Some(Kind::Demo) {
            provider.models.push(Model { name: "demo".to_owned(), upstream: None });
        }
        return;
    };
    let Some(items) = value.list() else { return };
    for item in items {
        let Some(model) = model(&item) else { continue };
        if provider.models.iter().any(|other| other.name == model.name) {
            item.fail("stands in the list twice");
        }
        provider.models.push(model);
    }
}

/// A name, or a table with the name clients use and the name the upstream knows.
fn model(value: &Value<'_>) -> Option<Model> {
    if !value.inner().is_table() {
        return Some(Model { name: model_name(value)?, upstream: None });
    }
    let mut table = value.table()?;
    let name = table.need("name", "write the name clients use").and_then(|v| model_name(&v));
    let upstream = table.get("upstream").and_then(|v| model_name(&v));
    table.finish();
    Some(Model { name: name?, upstream })
}

/// A model's name: short, and without characters that no path or header can carry.
pub(super) fn model_name(value: &Value<'_>) -> Option<String> {
    let name = value.text()?;
    let plain = !name.contains(char::is_control) && name.trim() == name;
    if plain && name.len() <= LONGEST_MODEL {
        return Some(name);
    }
    let rule = format!("a model's name has at most {LONGEST_MODEL} bytes, no control characters");
    value.fail(format!("{rule} and no space at its ends"));
    None
}

fn read_headers(table: &Table<'_>) -> Vec<(String, Secret)> {
    let mut headers: Vec<(String, Secret)> = Vec::new();
    for (name, value) in table.each() {
        let Some(text) = value.text() else { continue };
        let lower = name.to_ascii_lowercase();
        if !is_token(&name) {
            value.fail("is not a valid header name");
        } else if OWN_HEADERS.contains(&lower.as_str()) {
            value.fail("cannot be set: the gateway writes this header itself");
        } else if headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(&name)) {
            value.fail("is set twice; header names do not differ by case");
        } else if text.contains(|c: char| c.is_control() && c != '\t') {
            value.fail("holds a line end or another control character");
        } else {
            headers.push((name, Secret::new(text)));
        }
    }
    headers
}

/// RFC 9110, 5.6.2.
fn is_token(name: &str) -> bool {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(part)
}

/// Warns of what this version or this kind does not use.
fn advise(table: &Table<'_>, provider: &Provider) {
    let source = table.source();
    for (name, kind) in MEANT_FOR {
        let key = format!("{}.{name}", table.key());
        if provider.kind != kind && source.has(&key) {
            source.warn(format!("{key}: only kind \"{kind}\" uses it"));
        }
    }
}

/// What kind openai adds: an address, and a key where that address wants one.
fn openai(table: &Table<'_>, provider: &mut Provider) {
    let source = table.source();
    let named = |name: &str| source.has(&format!("{}.{name}", table.key()));
    if !named("base_url") {
        provider.base_url = OPENAI_URL.parse().ok();
    }
    let key = format!("{}.api_key", table.key());
    let official = provider.base_url.as_ref().is_some_and(|url| url.host == OPENAI_HOST);
    if official && provider.api_keys.is_empty() && !source.has_problem(&key) {
        table.fail(format!("{OPENAI_HOST} needs an `api_key`, such as \"${{OPENAI_API_KEY}}\""));
    }
}
