//! Every table of the file but providers and keys.

use super::Admin;
use super::AuthMode;
use super::BudgetExt;
use super::CacheExt;
use super::Config;
use super::DriverChoice;
use super::Extensions;
use super::Fallback;
use super::FallbackOn;
use super::Limits;
use super::LogLevel;
use super::ModelFacts;
use super::Price;
use super::RateLimitExt;
use super::Runtime;
use super::Storage;
use super::Strategy;
use super::Tls;
use super::file::Table;
use super::file::Value;
use super::provider::model_name;
use crate::secret::Secret;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

/// A timer rounds up to a millisecond; a week of waiting is a typing error.
pub(super) const TIMEOUTS: RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_secs(7 * 86_400);

/// No wait at all is a choice when stopping.
const SHUTDOWN: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(7 * 86_400);

/// A year; older answers are another cache's business.
const TTLS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(365 * 86_400);

/// More threads than any machine has cores.
pub const SHARDS: RangeInclusive<usize> = 0..=1024;

/// Held in memory whole, per request.
const BODIES: RangeInclusive<usize> = 1 << 10..=1 << 30;

/// Every client may make the gateway hold this much before it has shown a key.
const HEADS: RangeInclusive<usize> = 1 << 10..=1 << 20;

/// Below 8 no browser gets through; the parser's table has 128 lines.
const HEADER_COUNTS: RangeInclusive<usize> = 8..=128;

/// More than the kernel's limit on open files of one process.
const CONNECTIONS: RangeInclusive<usize> = 0..=10_000_000;

/// The arithmetic of rates is done in nanoseconds a request.
pub(super) const REQUESTS: RangeInclusive<u64> = 1..=1_000_000_000;

/// The arithmetic of rates is done in parts of a nanosecond a token.
pub(super) const TOKENS: RangeInclusive<u64> = 1..=1_000_000_000_000;

/// Digits after the point of an amount in USD: picodollars.
pub(super) const PICODOLLAR_PLACES: u32 = 12;

/// A billion USD, in picodollars.
pub(super) const MOST_BUDGET: u128 = 1_000_000_000 * 1_000_000_000_000;

/// Digits after the point of USD per million tokens: picodollars a token.
pub(super) const PRICE_PLACES: u32 = 6;

/// A million USD per million tokens, in picodollars a token.
pub(super) const MOST_PRICE: u128 = 1_000_000 * 1_000_000;

/// Puts a value that could be read in place of the default.
pub(super) fn set<T>(slot: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *slot = value;
    }
}

/// Reads the outermost keys and the tables of this file into `config`.
pub(super) fn read(root: &mut Table<'_>, config: &mut Config) {
    set(&mut config.listen, root.get("listen").and_then(|value| value.address()));
    let stop = root.get("shutdown_timeout");
    set(&mut config.shutdown_timeout, stop.and_then(|value| value.seconds(&SHUTDOWN)));
    set(&mut config.auth, root.get("auth").and_then(|value| value.choice(AuthMode::ALL)));
    set(&mut config.runtime, root.table("runtime").map(runtime));
    config.tls = root.table("tls").and_then(tls);
    config.admin = root.table("admin").and_then(admin);
    set(&mut config.limits, root.table("limits").map(limits));
    set(&mut config.aliases, root.table("aliases").map(|table| names(&table, model_name)));
    let chains = root.table("fallbacks");
    set(&mut config.fallbacks, chains.map(|table| names(&table, chain)));
    let by = |value: &Value<'_>| value.choice(Strategy::ALL);
    set(&mut config.strategies, root.table("strategies").map(|table| names(&table, by)));
    set(&mut config.pricing, root.table("pricing").map(|table| names(&table, price)));
    set(&mut config.models, root.table("models").map(|table| names(&table, model)));
    set(&mut config.extensions, root.table("extensions").map(extensions));
    set(&mut config.storage, root.table("storage").and_then(storage));
}

/// A table whose names the operator chooses.
fn names<T>(table: &Table<'_>, read: impl Fn(&Value<'_>) -> Option<T>) -> BTreeMap<String, T> {
    let entry = |(name, value): (String, Value<'_>)| Some((name, read(&value)?));
    table.each().into_iter().filter_map(entry).collect()
}

fn chain(value: &Value<'_>) -> Option<Vec<Fallback>> {
    value.list()?.iter().map(fallback).collect()
}

/// A model's name, or a table with the name and what it stands in for.
fn fallback(value: &Value<'_>) -> Option<Fallback> {
    if !value.inner().is_table() {
        return Some(Fallback { model: model_name(value)?, on: vec![FallbackOn::Error] });
    }
    let mut table = value.table()?;
    let model = table.need("model", "write the model that answers instead");
    let model = model.and_then(|value| model_name(&value));
    let mut on = vec![FallbackOn::Error];
    if let Some(value) = table.get("on")
        && let Some(items) = value.list()
    {
        on = items.iter().filter_map(|item| item.choice(FallbackOn::ALL)).collect();
        if items.is_empty() {
            value.fail("names no cause, so that it would never answer");
        }
    }
    table.finish();
    Some(Fallback { model: model?, on })
}

fn runtime(mut table: Table<'_>) -> Runtime {
    let mut runtime = Runtime::default();
    set(&mut runtime.shards, table.get("shards").and_then(|value| value.whole(&SHARDS)));
    set(&mut runtime.driver, table.get("driver").and_then(|v| v.choice(DriverChoice::ALL)));
    set(&mut runtime.pin, table.get("pin").and_then(|value| value.flag()));
    table.finish();
    runtime
}

fn tls(mut table: Table<'_>) -> Option<Tls> {
    let cert = table.need("cert", "write the file of the certificate chain");
    let key = table.need("key", "write the file of the private key");
    let cert = cert.and_then(|value| value.text());
    let key = key.and_then(|value| value.text());
    table.finish();
    Some(Tls { cert: cert?.into(), key: key?.into() })
}

fn admin(mut table: Table<'_>) -> Option<Admin> {
    let mut listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 8081));
    set(&mut listen, table.get("listen").and_then(|value| value.address()));
    let token = table.need("token", "write token = \"${CRABLLM_ADMIN_TOKEN}\" or another");
    let token = token.and_then(|value| value.credential());
    table.finish();
    Some(Admin { listen, token: token? })
}

fn limits(mut table: Table<'_>) -> Limits {
    let mut limits = Limits::default();
    set(&mut limits.max_body, table.get("max_body").and_then(|value| value.size(&BODIES)));
    let answer = table.get("max_response");
    set(&mut limits.max_response, answer.and_then(|value| value.size(&BODIES)));
    set(&mut limits.max_headers, table.get("max_headers").and_then(|value| value.size(&HEADS)));
    let count = table.get("max_header_count");
    set(&mut limits.max_header_count, count.and_then(|value| value.whole(&HEADER_COUNTS)));
    let connections = table.get("max_connections");
    set(&mut limits.max_connections, connections.and_then(|value| value.whole(&CONNECTIONS)));
    let mut seconds = |name, slot: &mut _| {
        set(slot, table.get(name).and_then(|value| value.seconds(&TIMEOUTS)));
    };
    seconds("header_timeout", &mut limits.header_timeout);
    seconds("body_timeout", &mut limits.body_timeout);
    seconds("idle_timeout", &mut limits.idle_timeout);
    seconds("write_timeout", &mut limits.write_timeout);
    table.finish();
    limits
}

fn price(value: &Value<'_>) -> Option<Price> {
    let mut table = value.table()?;
    let mut per_million = |name| {
        let units = table.get(name)?.usd(PRICE_PLACES, MOST_PRICE)?;
        u64::try_from(units).ok()
    };
    let price = Price {
        prompt: per_million("prompt_cost_per_million"),
        completion: per_million("completion_cost_per_million"),
        cached: per_million("cached_cost_per_million"),
        cache_write: per_million("cache_write_cost_per_million"),
        reasoning: per_million("reasoning_cost_per_million"),
        audio: per_million("audio_cost_per_million"),
    };
    table.finish();
    Some(price)
}

fn model(value: &Value<'_>) -> Option<ModelFacts> {
    let mut table = value.table()?;
    let facts = ModelFacts::read(&mut table);
    table.finish();
    Some(facts)
}

fn extensions(mut table: Table<'_>) -> Extensions {
    let extensions = Extensions {
        cache: table.table("cache").map(cache),
        rate_limit: table.table("rate_limit").and_then(rate_limit),
        usage: table.table("usage").map(Table::finish).is_some(),
        budget: table.table("budget").map(budget),
        logging: table.table("logging").map(logging),
    };
    table.finish();
    extensions
}

fn cache(mut table: Table<'_>) -> CacheExt {
    let mut ttl = Duration::from_secs(300);
    set(&mut ttl, table.either("ttl", "ttl_seconds").and_then(|value| value.seconds(&TTLS)));
    table.finish();
    CacheExt { ttl }
}

fn rate_limit(mut table: Table<'_>) -> Option<RateLimitExt> {
    let rpm = table.either("rpm", "requests_per_minute");
    let tpm = table.either("tpm", "tokens_per_minute");
    if rpm.is_none() && tpm.is_none() {
        table.fail("limits nothing; write `rpm`, `tpm` or both");
    }
    table.finish();
    Some(RateLimitExt {
        rpm: rpm.and_then(|value| value.whole(&REQUESTS)),
        tpm: tpm.and_then(|value| value.whole(&TOKENS)),
    })
}

/// `default_budget` is in USD. `default_limit`, its older name, is in millionths of a USD, the
/// unit in which spending used to be counted.
fn budget(mut table: Table<'_>) -> BudgetExt {
    const MICRODOLLAR: u128 = 1_000_000;
    const MOST_MICRODOLLARS: u64 = 1_000_000_000_000_000;
    let default = table.get("default_budget");
    let old = table.get("default_limit");
    if let (Some(_), Some(old)) = (&default, &old) {
        old.fail("says the same as `default_budget`; keep one of them");
    }
    let default = default.and_then(|value| value.usd(PICODOLLAR_PLACES, MOST_BUDGET));
    let old = old.and_then(|value| value.whole(&(0..=MOST_MICRODOLLARS)));
    let keys = table.table("keys").map(|keys| names(&keys, key_budget)).unwrap_or_default();
    table.finish();
    BudgetExt { default: default.or(old.map(|units| u128::from(units) * MICRODOLLAR)), keys }
}

fn key_budget(value: &Value<'_>) -> Option<u128> {
    let mut table = value.table()?;
    let budget = table.need("budget", "write an amount in USD");
    let budget = budget.and_then(|value| value.usd(PICODOLLAR_PLACES, MOST_BUDGET));
    table.finish();
    budget
}

fn logging(mut table: Table<'_>) -> LogLevel {
    let mut level = LogLevel::Info;
    set(&mut level, table.get("level").and_then(|value| value.choice(LogLevel::ALL)));
    table.finish();
    level
}

fn storage(mut table: Table<'_>) -> Option<Storage> {
    let kind = table.get("kind");
    let kind = kind.map_or(Some(StorageKind::Memory), |value| value.choice(StorageKind::ALL));
    let path = match kind {
        None | Some(StorageKind::Memory) => table.get("path"),
        Some(StorageKind::Redis) => table.need("path", "write path = \"redis://HOST:PORT\""),
        Some(StorageKind::Redb | StorageKind::Sqlite) => table.need("path", "write the file"),
    };
    let text = path.as_ref().and_then(Value::text);
    table.finish();
    match kind? {
        StorageKind::Memory => Some(Storage::Memory),
        StorageKind::Redb => Some(Storage::Redb { path: text?.into() }),
        StorageKind::Sqlite => Some(Storage::Sqlite { path: text?.into() }),
        StorageKind::Redis => {
            let text = text?;
            if !["redis://", "rediss://"].iter().any(|scheme| text.starts_with(scheme)) {
                path?.fail("must begin with redis:// or rediss://");
            }
            Some(Storage::Redis { url: Secret::new(text) })
        }
    }
}

named! {
    /// The names of the stores.
    StorageKind {
        /// [`Storage::Memory`].
        Memory = "memory",
        /// [`Storage::Redb`].
        Redb = "redb",
        /// [`Storage::Redis`].
        Redis = "redis",
        /// [`Storage::Sqlite`].
        Sqlite = "sqlite",
    }
}
