//! The effective configuration as TOML, every default written out and every secret masked.

use super::Config;
use super::Fallback;
use super::FallbackOn;
use super::KeySecret;
use super::Model;
use super::Price;
use super::Provider;
use super::Storage;
use super::decimal;
use super::size;
use crate::secret::Secret;
use std::fmt::Display;
use std::fmt::Write;
use std::time::Duration;

/// A name as a TOML key: bare where it can be.
pub(super) fn key(name: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if !name.is_empty() && name.bytes().all(bare) { name.to_owned() } else { escaped(name) }
}

/// A TOML string value; `${` is doubled so that reading it back fills in nothing.
fn quote(text: &str) -> String {
    escaped(&text.replace("${", "$${"))
}

fn escaped(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(out, "\\U{:08X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn list(items: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", items.into_iter().collect::<Vec<_>>().join(", "))
}

fn seconds(duration: Duration) -> String {
    decimal::unscaled(duration.as_nanos(), 9)
}

fn usd(picodollars: u128) -> String {
    decimal::unscaled(picodollars, 12)
}

fn masked(secret: &Secret) -> String {
    quote(&secret.masked())
}

/// TOML text that grows line by line; writing to it cannot fail.
struct Page(String);

impl Page {
    fn table(&mut self, header: &str) {
        let gap = if self.0.is_empty() { "" } else { "\n" };
        self.0.push_str(&format!("{gap}{header}\n"));
    }

    fn line(&mut self, key: &str, value: impl Display) {
        self.0.push_str(&format!("{key} = {value}\n"));
    }

    fn maybe(&mut self, key: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.line(key, value);
        }
    }
}

impl Config {
    /// The effective configuration as TOML with secrets masked. It loads again where no secret
    /// had to be masked.
    pub fn to_toml_masked(&self) -> String {
        let mut page = Page(String::new());
        page.line("listen", quote(&self.listen.to_string()));
        page.line("shutdown_timeout", seconds(self.shutdown_timeout));
        page.line("auth", quote(self.auth.as_str()));
        self.write_process(&mut page);
        for provider in &self.providers {
            write_provider(&mut page, provider);
        }
        self.write_models(&mut page);
        self.write_keys(&mut page);
        self.write_extensions(&mut page);
        self.write_storage(&mut page);
        page.0
    }

    fn write_process(&self, page: &mut Page) {
        page.table("[runtime]");
        page.line("shards", self.runtime.shards);
        page.line("driver", quote(self.runtime.driver.as_str()));
        page.line("pin", self.runtime.pin);
        if let Some(tls) = &self.tls {
            page.table("[tls]");
            page.line("cert", quote(&tls.cert.to_string_lossy()));
            page.line("key", quote(&tls.key.to_string_lossy()));
        }
        if let Some(admin) = &self.admin {
            page.table("[admin]");
            page.line("listen", quote(&admin.listen.to_string()));
            page.line("token", masked(&admin.token));
        }
        let limits = &self.limits;
        let bytes = |bytes: usize| quote(&size::format_size(bytes.try_into().unwrap_or(u64::MAX)));
        page.table("[limits]");
        page.line("max_body", bytes(limits.max_body));
        page.line("max_response", bytes(limits.max_response));
        page.line("max_headers", bytes(limits.max_headers));
        page.line("max_header_count", limits.max_header_count);
        page.line("max_connections", limits.max_connections);
        page.line("header_timeout", seconds(limits.header_timeout));
        page.line("body_timeout", seconds(limits.body_timeout));
        page.line("idle_timeout", seconds(limits.idle_timeout));
        page.line("write_timeout", seconds(limits.write_timeout));
    }

    fn write_models(&self, page: &mut Page) {
        if !self.aliases.is_empty() {
            page.table("[aliases]");
        }
        for (alias, target) in &self.aliases {
            page.line(&key(alias), quote(target));
        }
        if !self.fallbacks.is_empty() {
            page.table("[fallbacks]");
        }
        for (model, chain) in &self.fallbacks {
            page.line(&key(model), list(chain.iter().map(write_fallback)));
        }
        if !self.strategies.is_empty() {
            page.table("[strategies]");
        }
        for (model, strategy) in &self.strategies {
            page.line(&key(model), quote(strategy.as_str()));
        }
        for (model, price) in &self.pricing {
            page.table(&format!("[pricing.{}]", key(model)));
            write_price(page, price);
        }
        for (model, facts) in &self.models {
            page.table(&format!("[models.{}]", key(model)));
            for (name, value) in facts.lines() {
                page.line(name, value);
            }
        }
    }

    fn write_keys(&self, page: &mut Page) {
        for client in &self.keys {
            page.table("[[keys]]");
            page.line("name", quote(&client.name));
            match &client.secret {
                KeySecret::Plain(secret) => page.line("key", masked(secret)),
                KeySecret::Sha256(_) => page.line("key_sha256", quote("***")),
            }
            page.line("models", list(client.models.iter().map(|name| quote(name))));
            page.maybe("rpm", client.rpm);
            page.maybe("tpm", client.tpm);
            page.maybe("max_parallel", client.max_parallel);
            if let Some(budget) = &client.budget {
                let (usd, period) = (usd(budget.picodollars), budget.period);
                page.line("budget", format!("{{ usd = {usd}, period = \"{period}\" }}"));
            }
            page.maybe("expires", client.expires);
        }
    }

    fn write_extensions(&self, page: &mut Page) {
        let extensions = &self.extensions;
        if let Some(cache) = &extensions.cache {
            page.table("[extensions.cache]");
            page.line("ttl", seconds(cache.ttl));
        }
        if let Some(rates) = &extensions.rate_limit {
            page.table("[extensions.rate_limit]");
            page.maybe("rpm", rates.rpm);
            page.maybe("tpm", rates.tpm);
        }
        if extensions.usage {
            page.table("[extensions.usage]");
        }
        if let Some(budget) = &extensions.budget {
            page.table("[extensions.budget]");
            page.maybe("default_budget", budget.default.map(usd));
            for (name, amount) in &budget.keys {
                page.table(&format!("[extensions.budget.keys.{}]", key(name)));
                page.line("budget", usd(*amount));
            }
        }
        if let Some(level) = extensions.logging {
            page.table("[extensions.logging]");
            page.line("level", quote(level.as_str()));
        }
    }

    fn write_storage(&self, page: &mut Page) {
        page.table("[storage]");
        let (kind, path) = match &self.storage {
            Storage::Memory => ("memory", None),
            Storage::Redb { path } => ("redb", Some(quote(&path.to_string_lossy()))),
            Storage::Redis { url } => ("redis", Some(masked_url(url))),
            Storage::Sqlite { path } => ("sqlite", Some(quote(&path.to_string_lossy()))),
        };
        page.line("kind", quote(kind));
        page.maybe("path", path);
    }
}

/// A URL in which what stands before the host, where a password would be, is masked.
fn masked_url(url: &Secret) -> String {
    let text = url.expose();
    if text.contains('?') {
        return quote("***");
    }
    match (text.split_once("://"), text.rsplit_once('@')) {
        (_, None) => quote(text),
        (Some((scheme, _)), Some((_, host))) => quote(&format!("{scheme}://***@{host}")),
        (None, Some(_)) => quote("***"),
    }
}

fn write_price(page: &mut Page, price: &Price) {
    for (class, amount) in [
        ("prompt", price.prompt),
        ("completion", price.completion),
        ("cached", price.cached),
        ("cache_write", price.cache_write),
        ("reasoning", price.reasoning),
        ("audio", price.audio),
    ] {
        let amount = amount.map(|amount| decimal::unscaled(amount.into(), 6));
        page.maybe(&format!("{class}_cost_per_million"), amount);
    }
}

fn write_model(model: &Model) -> String {
    let name = quote(&model.name);
    match &model.upstream {
        None => name,
        Some(upstream) => format!("{{ name = {name}, upstream = {} }}", quote(upstream)),
    }
}

fn write_fallback(fallback: &Fallback) -> String {
    let model = quote(&fallback.model);
    if fallback.on == [FallbackOn::Error] {
        return model;
    }
    let on = list(fallback.on.iter().map(|on| quote(on.as_str())));
    format!("{{ model = {model}, on = {on} }}")
}

fn write_provider(page: &mut Page, provider: &Provider) {
    page.table(&format!("[providers.{}]", key(&provider.name)));
    page.line("kind", quote(provider.kind.as_str()));
    match provider.api_keys.as_slice() {
        [] => {}
        [one] => page.line("api_key", masked(one)),
        many => page.line("api_key", list(many.iter().map(masked))),
    }
    page.maybe("base_url", provider.base_url.as_ref().map(|url| quote(&url.to_string())));
    page.line("models", list(provider.models.iter().map(write_model)));
    page.line("weight", provider.weight);
    page.line("max_retries", provider.max_retries);
    page.line("max_parallel", provider.max_parallel);
    page.line("max_queue", provider.max_queue);
    page.line("queue_timeout", seconds(provider.queue_timeout));
    page.line("timeout", seconds(provider.timeout));
    page.line("connect_timeout", seconds(provider.connect_timeout));
    page.line("first_byte_timeout", seconds(provider.first_byte_timeout));
    page.line("stream_idle_timeout", seconds(provider.stream_idle_timeout));
    page.line("max_idle_connections", provider.max_idle_connections);
    page.line("idle_timeout", seconds(provider.idle_timeout));
    page.maybe("stream_usage", provider.stream_usage);
    page.maybe("end_user", provider.end_user);
    page.maybe("api_version", provider.api_version.as_deref().map(quote));
    page.maybe("region", provider.region.as_deref().map(quote));
    page.maybe("access_key", provider.access_key.as_ref().map(masked));
    page.maybe("secret_key", provider.secret_key.as_ref().map(masked));
    page.maybe("session_token", provider.session_token.as_ref().map(masked));
    page.maybe("ca_file", provider.ca_file.as_ref().map(|file| quote(&file.to_string_lossy())));
    page.maybe("proxy", provider.proxy.as_deref().map(quote));
    if provider.kind == super::Kind::Demo {
        page.line("tokens_per_second", provider.tokens_per_second);
    }
    if !provider.headers.is_empty() {
        let header =
            |(name, value): &(String, Secret)| format!("{} = {}", key(name), masked(value));
        let headers: Vec<String> = provider.headers.iter().map(header).collect();
        page.line("headers", format!("{{ {} }}", headers.join(", ")));
    }
}
