//! What no single table can tell: names that must match, settings that exclude each other, and
//! settings that this version reads but does not enforce.

use super::AuthMode;
use super::Config;
use super::Storage;
use super::mask;
use super::source::Source;
use std::collections::BTreeSet;

/// Notes problems and warnings of a configuration whose tables were all read.
pub(super) fn check(source: &Source<'_>, config: &Config) {
    listeners(source, config);
    aliases(source, config);
    fallbacks(source, config);
    grants(source, config);
    if config.providers.is_empty() {
        source.warn("providers: there are none, so every model is unknown");
    }
    for setting in idle_settings(config) {
        source.warn(format!("{setting} is read but has no effect in this version"));
    }
    if let Storage::Sqlite { .. } = config.storage {
        source.warn(
            "storage: kind \"sqlite\" is not served by this version; counters are kept in memory",
        );
    }
}

fn listeners(source: &Source<'_>, config: &Config) {
    let keyless = config.keys.is_empty() && !source.has_problem("keys");
    let open = config.auth == AuthMode::Keys && keyless;
    if open && !config.listen.ip().is_loopback() {
        let cure = "add [[keys]], listen on 127.0.0.1, or write auth = \"none\"";
        source.fail_key("listen", format!("without keys anyone could use this gateway; {cure}"));
    }
    if open && source.has("auth") && config.listen.ip().is_loopback() {
        source.warn("auth: it is \"keys\" and there are no [[keys]], so nobody is asked for one");
    }
    if config.auth == AuthMode::None && !config.keys.is_empty() {
        source.warn("auth: it is \"none\", so keys are not asked for");
    }
    if config.admin.as_ref().is_some_and(|admin| admin.listen == config.listen)
        && config.listen.port() != 0
    {
        source.fail_key("admin", "must not listen where clients do; choose another port");
    }
}

fn aliases(source: &Source<'_>, config: &Config) {
    for (alias, target) in &config.aliases {
        let key = format!("aliases.{}", mask::key(alias));
        if lists(config, alias) {
            source.fail_key(&key, "is also the name of a model; choose another");
        }
        if config.aliases.contains_key(target) {
            source.fail_key(&key, "points to an alias; point to the model itself");
        } else if !serves(config, target) {
            source.warn(format!("{key}: no provider has the model {target:?}"));
        }
    }
}

fn fallbacks(source: &Source<'_>, config: &Config) {
    let known = |name: &str| config.aliases.contains_key(name) || serves(config, name);
    for (model, chain) in &config.fallbacks {
        let key = format!("fallbacks.{}", mask::key(model));
        let names = || chain.iter().map(|fallback| &fallback.model);
        if names().any(|name| name == model) {
            source.fail_key(&key, "falls back to itself");
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = names().find(|name| !seen.insert(*name)) {
            source.warn(format!("{key}: falls back to {twice:?} twice"));
        }
        for name in std::iter::once(model).chain(names()).filter(|name| !known(name)) {
            source.warn(format!("{key}: no provider has the model {name:?}"));
        }
    }
    for model in config.strategies.keys().filter(|name| *name != "*" && !known(name)) {
        let key = format!("strategies.{}", mask::key(model));
        source.warn(format!("{key}: no provider has the model {model:?}"));
    }
}

/// Models that keys name, each once, and keys that budgets name.
fn grants(source: &Source<'_>, config: &Config) {
    let known =
        |name: &str| name == "*" || config.aliases.contains_key(name) || serves(config, name);
    let mut unknown = BTreeSet::new();
    for (index, key) in config.keys.iter().enumerate() {
        for name in key.models.iter().filter(|name| !known(name)) {
            if unknown.insert(name) {
                source.warn(format!("keys[{index}].models: no provider has the model {name:?}"));
            }
        }
    }
    for name in config.extensions.budget.iter().flat_map(|budget| budget.keys.keys()) {
        if !config.keys.iter().any(|key| key.name == *name) {
            let path = mask::key(name);
            source.warn(format!("extensions.budget.keys.{path}: no key has this name"));
        }
    }
}

/// Whether a provider lists `name` itself.
fn lists(config: &Config, name: &str) -> bool {
    config.providers.iter().flat_map(|provider| &provider.models).any(|model| model.name == name)
}

/// Whether a request for `name` finds a provider, by the bare name or as `provider/model`.
fn serves(config: &Config, name: &str) -> bool {
    let any = config.providers.iter().flat_map(|provider| &provider.models).any(|m| m.name == "*");
    let addressed = name.split_once('/').is_some_and(|(provider, model)| {
        let named = config.providers.iter().find(|other| other.name == provider);
        named.is_some_and(|provider| {
            let listed = provider.models.iter().any(|other| other.name == model);
            listed || provider.models.is_empty()
        })
    });
    any || addressed || lists(config, name)
}

/// Settings that this version reads but does not enforce.
fn idle_settings(config: &Config) -> Vec<&'static str> {
    let keys = || config.keys.iter();
    let extensions = &config.extensions;
    let settings = [
        ("keys.rpm", keys().any(|key| key.rpm.is_some())),
        ("keys.tpm", keys().any(|key| key.tpm.is_some())),
        ("keys.max_parallel", keys().any(|key| key.max_parallel.is_some())),
        ("keys.budget", keys().any(|key| key.budget.is_some())),
        ("admin", config.admin.is_some()),
        ("pricing", !config.pricing.is_empty()),
        ("extensions.cache", extensions.cache.is_some()),
        ("extensions.rate_limit", extensions.rate_limit.is_some()),
        ("extensions.budget", extensions.budget.is_some()),
        ("extensions.usage", extensions.usage),
        ("storage", matches!(config.storage, Storage::Redb { .. } | Storage::Redis { .. })),
    ];
    settings.into_iter().filter_map(|(name, idle)| idle.then_some(name)).collect()
}
