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

/// The makers' own hosts, by their last labels, which never answer without a key; and the variable
/// that it mostly stands in.
const KEYED_HOSTS: [(Kind, &str, &str); 4] = [
    (Kind::Openai, "api.openai.com", "OPENAI_API_KEY"),
    (Kind::Anthropic, "api.anthropic.com", "ANTHROPIC_API_KEY"),
    (Kind::Google, "googleapis.com", "GEMINI_API_KEY"),
    (Kind::Azure, "azure.com", "AZURE_OPENAI_API_KEY"),
];

/// The headers that keys go into, where that is not `authorization` alone.
const CREDENTIALS: [(Kind, &[&str]); 4] = [
    (Kind::Anthropic, &["x-api-key"]),
    (Kind::Google, &["authorization", "x-goog-api-key"]),
    (Kind::Azure, &["authorization", "api-key"]),
    (Kind::Bedrock, &["authorization", "x-amz-date", "x-amz-security-token"]),
];

/// Where a base URL is too long: what the gateway adds by itself.
const OPERATIONS: [&str; 4] = ["/chat/completions", "/embeddings", "/messages", "/api/chat"];

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

/// Headers of a connection, RFC 9110, 7.6.1, and those the gateway writes itself. Answers are read
/// as they are, so none may come compressed.
const OWN_HEADERS: [&str; 17] = [
    "accept",
    "accept-encoding",
    "anthropic-version",
    "connection",
    "content-length",
    "content-type",
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
    "user-agent",
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
        provider.headers = read_headers(&headers, &provider);
    }
    if kind.is_some() {
        complete(&table, &mut provider);
        advise(&table, &provider);
    }
    table.finish();
    kind.map(|_| provider)
}

fn is_name(name: &str) -> bool {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    !name.is_empty() && name.len() <= LONGEST_NAME && name.bytes().all(part)
}

fn address(table: &mut Table<'_>, provider: &mut Provider) {
    let base_url = if provider.kind == Kind::Azure {
        table.need("base_url", "write \"https://NAME.openai.azure.com\"")
    } else {
        table.get("base_url")
    };
    provider.base_url = base_url.and_then(|value| base_url_of(&value));
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

fn base_url_of(value: &Value<'_>) -> Option<BaseUrl> {
    let (_, url) = url(value)?;
    match OPERATIONS.iter().find(|operation| url.path.ends_with(*operation)) {
        Some(operation) => {
            value.fail(format!("must end before {operation}, which the gateway adds"));
            None
        }
        None => Some(url),
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
    if name.contains('*') && name != "*" {
        value.fail("holds a `*`; write a model's whole name, or \"*\" for any");
        return None;
    }
    let plain = !name.contains(char::is_control) && name.trim() == name;
    if plain && name.len() <= LONGEST_MODEL {
        return Some(name);
    }
    let rule = format!("a model's name has at most {LONGEST_MODEL} bytes, no control characters");
    value.fail(format!("{rule} and no space at its ends"));
    None
}

fn read_headers(table: &Table<'_>, provider: &Provider) -> Vec<(String, Secret)> {
    let mut headers: Vec<(String, Secret)> = Vec::new();
    for (name, value) in table.each() {
        let Some(text) = value.text() else { continue };
        let lower = name.to_ascii_lowercase();
        if !is_token(&name) {
            value.fail("is not a valid header name");
        } else if OWN_HEADERS.contains(&lower.as_str()) {
            value.fail("cannot be set: the gateway writes this header itself");
        } else if has_credential(provider) && shows_credential(provider.kind, &lower) {
            value.fail("says the same as the provider's key; keep one of them");
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

fn has_credential(provider: &Provider) -> bool {
    !provider.api_keys.is_empty() || provider.access_key.is_some()
}

/// Whether a key of a provider of this kind goes into this header.
fn shows_credential(kind: Kind, header: &str) -> bool {
    let names = CREDENTIALS.iter().find(|(other, _)| *other == kind).map(|(_, names)| *names);
    names.unwrap_or(&["authorization"]).contains(&header)
}

/// What a kind adds by itself, and what it cannot do without.
fn complete(table: &Table<'_>, provider: &mut Provider) {
    let source = table.source();
    let key = |name: &str| format!("{}.{name}", table.key());
    if provider.kind == Kind::Openai && !source.has(&key("base_url")) {
        provider.base_url = OPENAI_URL.parse().ok();
    }
    if provider.kind == Kind::Bedrock {
        region(table, provider);
        pair(table, provider);
    }
    let Some((_, host, variable)) = KEYED_HOSTS.iter().find(|(kind, ..)| *kind == provider.kind)
    else {
        return;
    };
    let url = provider.base_url.as_ref();
    // Without an address, or with one that is already refused, the maker's own is meant.
    let at = url.map_or(*host, |url| url.host.as_str());
    let official = at.strip_suffix(host).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    let shown = provider
        .headers
        .iter()
        .any(|(name, _)| shows_credential(provider.kind, &name.to_ascii_lowercase()));
    let given = !provider.api_keys.is_empty() || shown || source.has_problem(&key("api_key"));
    if official && !given && !source.has_problem(&key("base_url")) {
        table.fail(format!("{at} needs an `api_key`, such as \"${{{variable}}}\""));
    }
}

/// Bedrock's region: what is written, or else what the host of its address says, such as
/// `bedrock-runtime.eu-west-1.amazonaws.com`.
fn region(table: &Table<'_>, provider: &mut Provider) {
    let key = format!("{}.region", table.key());
    if let Some(region) = &provider.region {
        if !is_region(region) {
            table.source().fail_key(&key, "is not a region, such as \"us-east-1\"");
        }
        return;
    }
    let host = provider.base_url.as_ref().map(|url| url.host.as_str());
    let rest = host.and_then(|host| host.strip_prefix("bedrock-runtime."));
    provider.region = rest.and_then(|rest| rest.split_once('.')).map(|(name, _)| name.to_owned());
    if provider.region.is_none() && !table.source().has_problem(&key) {
        table.fail("needs a `region`, such as \"us-east-1\"");
    }
}

/// Whether `text` can be the name of a region of AWS: it stands in a host.
pub(super) fn is_region(text: &str) -> bool {
    let part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.len() <= LONGEST_NAME && text.bytes().all(part)
}

/// Bedrock's credentials: a key of its own, or the two halves of an access key.
fn pair(table: &Table<'_>, provider: &Provider) {
    let names = ["api_key", "access_key", "secret_key"];
    let wrong = |name: &&str| table.source().has_problem(&format!("{}.{name}", table.key()));
    if !provider.api_keys.is_empty() || names.iter().any(wrong) {
        return;
    }
    match (&provider.access_key, &provider.secret_key) {
        (Some(_), Some(_)) => {}
        (Some(_), None) => table.fail("has an `access_key` and no `secret_key`"),
        (None, Some(_)) => table.fail("has a `secret_key` and no `access_key`"),
        (None, None) => table.fail(
            "needs an `access_key` and a `secret_key`, or a key of Bedrock's own as `api_key`",
        ),
    }
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
    let waits = [
        ("connect_timeout", provider.connect_timeout),
        ("first_byte_timeout", provider.first_byte_timeout),
        ("stream_idle_timeout", provider.stream_idle_timeout),
    ];
    for (name, wait) in waits {
        let key = format!("{}.{name}", table.key());
        if wait > provider.timeout && source.has(&key) {
            source.warn(format!("{key}: is longer than `timeout`, which ends the exchange first"));
        }
    }
}
