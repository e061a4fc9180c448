//! Every refusal, word for word, with its line.

use super::parse;

/// A file and its problems, each without the name of the file.
pub(super) type Case = (&'static str, &'static str);

/// The outermost keys, the process and its listeners.
const PROCESS: &[Case] = &[
    (r#"x = "#, r#"1: string values must be quoted, expected literal string"#),
    (
        r#"lisen = "127.0.0.1:1"
colour = 1"#,
        r#"1: lisen: unknown key; did you mean `listen`?
2: colour: unknown key; known are listen, shutdown_timeout, auth, runtime, tls, admin, limits, aliases, fallbacks, strategies, pricing, models, extensions, storage, providers, keys"#,
    ),
    (
        r#"listen = "localhost:8080""#,
        r#"1: listen: "localhost:8080" is not an IP address and port, such as "127.0.0.1:8080" or "[::1]:8080""#,
    ),
    (r#"listen = 8080"#, r#"1: listen: must be a string, not an integer"#),
    (
        r#"listen = "0.0.0.0:8080""#,
        r#"1: listen: without keys anyone could use this gateway; add [[keys]], listen on 127.0.0.1, or write auth = "none""#,
    ),
    (r#"shutdown_timeout = -1"#, r#"1: shutdown_timeout: must not be negative"#),
    (
        r#"shutdown_timeout = "30s""#,
        r#"1: shutdown_timeout: must be a number of seconds, not a string"#,
    ),
    (r#"auth = "keyz""#, r#"1: auth: unknown value "keyz"; did you mean "keys"?"#),
    (r#"auth = "password""#, r#"1: auth: unknown value "password"; one of keys, none"#),
    (
        r#"[runtime]
shards = 4096
driver = "iouring"
pin = 1"#,
        r#"2: runtime.shards: must be from 0 to 1024
3: runtime.driver: unknown value "iouring"; did you mean "io_uring"?
4: runtime.pin: must be true or false, not an integer"#,
    ),
    (
        r#"[tls]
cert = "c.pem""#,
        r#"1: tls.key: is missing; write the file of the private key"#,
    ),
    (
        r#"[admin]
listen = "127.0.0.1:8080"
token = "a b""#,
        r#"3: admin.token: holds a space, a line end or another character that a header cannot carry"#,
    ),
    (
        r#"[admin]"#,
        r#"1: admin.token: is missing; write token = "${CRABLLM_ADMIN_TOKEN}" or another"#,
    ),
    (
        r#"[limits]
max_body = "32M"
max_headers = "2MiB"
max_header_count = 200
header_timeout = 0
idle_timeout = 0.0000000001
max_connections = -5
body_timeout = nan"#,
        r#"2: limits.max_body: must be a size such as "32MiB" or a number of bytes
3: limits.max_headers: must be from 1KiB to 1MiB
4: limits.max_header_count: must be from 8 to 128
5: limits.header_timeout: must be from 0.001 to 604800 seconds
6: limits.idle_timeout: has more than 9 digits after the point
7: limits.max_connections: must be from 0 to 10000000
8: limits.body_timeout: must be a number of seconds"#,
    ),
    (
        r#"listen = "[::]:80"
keys = []"#,
        r#"1: listen: without keys anyone could use this gateway; add [[keys]], listen on 127.0.0.1, or write auth = "none""#,
    ),
    (
        r#"[runtime]
x = 1"#,
        r#"2: runtime.x: unknown key; known are shards, driver, pin"#,
    ),
    (
        r#"a = 1
a = 2
b = [
"#,
        r#"2: duplicate key
3: unclosed array, expected `]`"#,
    ),
];

/// Keys of clients.
const KEYS: &[Case] = &[
    (
        r#"[[keys]]
name = "a"
key = "x"
[[keys]]
name = "a"
key = "y"
[[keys]]
name = "c"
key = "y""#,
        r#"4: keys[1]: has the name of an earlier key, "a"; names are unique
7: keys[2]: is the same key as "a""#,
    ),
    (
        r#"[[keys]]
key = "x"
[[keys]]
name = "b"
[[keys]]
name = "c"
key = "x"
key_sha256 = "y"
[[keys]]
name = "d"
key_sha256 = "abc""#,
        r#"1: keys[0].name: is missing; name the key for logs and usage
3: keys[1]: has no key; write `key` or `key_sha256`
8: keys[2].key_sha256: says the same as `key`; keep one of them
11: keys[3].key_sha256: must be the SHA-256 of the key in 64 hexadecimal digits"#,
    ),
    (
        r#"[[keys]]
name = "a"
key = "x"
models = []
rpm = 0
tpm = "many"
max_parallel = 0
budget = { usd = -1, period = "year" }
expires = "2030-01-01T00:00:00Z""#,
        r#"4: keys[0].models: is empty; write ["*"] for all models
5: keys[0].rpm: must be from 1 to 1000000000
6: keys[0].tpm: must be an integer, not a string
7: keys[0].max_parallel: must be from 1 to 10000000
8: keys[0].budget.usd: must not be negative
8: keys[0].budget.period: unknown value "year"; one of day, week, month, total
9: keys[0].expires: must be a date-time with an offset, such as 2027-01-01T00:00:00Z, without quotes"#,
    ),
    (
        r#"[[keys]]
name = "a"
key = "x"
expires = 2030-01-01
[[keys]]
name = "b"
key = "two words"
budget = { usd = 1e10 }"#,
        r#"4: keys[0].expires: must be a date-time with an offset, such as 2027-01-01T00:00:00Z, without quotes
7: keys[1].key: holds a space, a line end or another character that a header cannot carry
8: keys[1].budget.period: is missing; write "day", "week", "month" or "total"
8: keys[1].budget.usd: must be at most 1000000000 USD"#,
    ),
    (
        r#"[keys]
name = "a""#,
        r#"1: keys: must be a list, not a table"#,
    ),
    (
        r#"[[keys]]
name = "a"
key = "x"
[[keys]]
name = "b"
key = "x""#,
        r#"4: keys[1]: is the same key as "a""#,
    ),
    (
        r#"[[keys]]
name = "a\nb"
key = "x""#,
        r#"2: keys[0].name: a key's name has at most 128 bytes, no control characters"#,
    ),
];

/// Models, prices, extensions, storage.
const OTHERS: &[Case] = &[
    (
        r#"[providers.o]
kind = "demo"
[aliases]
a = "b"
b = "demo"
demo = "demo""#,
        r#"4: aliases.a: points to an alias; point to the model itself
5: aliases.b: points to an alias; point to the model itself
6: aliases.demo: is also the name of a model; choose another
6: aliases.demo: points to an alias; point to the model itself"#,
    ),
    (
        r#"[aliases]
gpt-4.1 = "x""#,
        r#"2: aliases.gpt-4: must be a string, not a table; quote a name that holds a dot"#,
    ),
    (
        r#"[fallbacks]
a = ["a"]
b = "c"
d = [{ model = "e", on = ["eror"] }, { on = [] }]
[strategies]
f = "fast""#,
        r#"2: fallbacks.a: falls back to itself
3: fallbacks.b: must be a list, not a string
4: fallbacks.d[0].on[0]: unknown value "eror"; did you mean "error"?
4: fallbacks.d[1].model: is missing; write the model that answers instead
4: fallbacks.d[1].on: names no cause, so that it would never answer
6: strategies.f: unknown value "fast"; one of weighted, least_busy, fastest"#,
    ),
    (
        r#"[pricing.m]
prompt_cost_per_million = 0.0000001
completion_cost_per_million = 2000000
audio_cost_per_million = "1"
cost = 1"#,
        r#"2: pricing.m.prompt_cost_per_million: has more than 6 digits after the point
3: pricing.m.completion_cost_per_million: must be at most 1000000 USD
4: pricing.m.audio_cost_per_million: must be an amount in USD, not a string
5: pricing.m.cost: unknown key; known are prompt_cost_per_million, completion_cost_per_million, cached_cost_per_million, cache_write_cost_per_million, reasoning_cost_per_million, audio_cost_per_million"#,
    ),
    (
        r#"[pricing.gpt-4.1]
prompt_cost_per_million = 1"#,
        r#"1: pricing.gpt-4.1: unknown key; quote a name that holds a dot"#,
    ),
    (
        r#"[extensions.cache]
ttl = 1
ttl_seconds = 1"#,
        r#"3: extensions.cache.ttl_seconds: says the same as `ttl`; keep one of them"#,
    ),
    (
        r#"[extensions.cache]
ttl = 0"#,
        r#"2: extensions.cache.ttl: must be from 1 to 31536000 seconds"#,
    ),
    (
        r#"[extensions.rate_limit]"#,
        r#"1: extensions.rate_limit: limits nothing; write `rpm`, `tpm` or both"#,
    ),
    (
        r#"[extensions.rate_limit]
rpm = 1
requests_per_minute = 1"#,
        r#"3: extensions.rate_limit.requests_per_minute: says the same as `rpm`; keep one of them"#,
    ),
    (
        r#"[extensions.usage]
x = 1"#,
        r#"2: extensions.usage.x: unknown key; this table has no keys"#,
    ),
    (
        r#"[extensions.audit]"#,
        r#"1: extensions.audit: unknown key; known are cache, rate_limit, usage, budget, logging"#,
    ),
    (
        r#"[extensions.budget]
default_budget = 1.0000000000001
default_limit = -1
[extensions.budget.keys.a]
budgt = 1"#,
        r#"2: extensions.budget.default_budget: has more than 12 digits after the point
3: extensions.budget.default_limit: says the same as `default_budget`; keep one of them
3: extensions.budget.default_limit: must be from 0 to 1000000000000000
4: extensions.budget.keys.a.budget: is missing; write an amount in USD
5: extensions.budget.keys.a.budgt: unknown key; did you mean `budget`?"#,
    ),
    (
        r#"[extensions.budget]
default_budget = 1
default_limit = 1"#,
        r#"3: extensions.budget.default_limit: says the same as `default_budget`; keep one of them"#,
    ),
    (
        r#"[extensions.logging]
level = "warning""#,
        r#"2: extensions.logging.level: unknown value "warning"; one of error, warn, info, debug, trace"#,
    ),
    (
        r#"[storage]
kind = "redb""#,
        r#"1: storage.path: is missing; write the file"#,
    ),
    (
        r#"[storage]
kind = "redis"
path = "host:6379""#,
        r#"3: storage.path: must begin with redis:// or rediss://"#,
    ),
    (
        r#"[storage]
kind = "postgres""#,
        r#"2: storage.kind: unknown value "postgres"; one of memory, redb, redis, sqlite"#,
    ),
];

/// Each file has exactly its problems.
pub(super) fn refused(cases: &[Case]) {
    for (text, expected) in cases {
        let problems = parse(text).expect_err(text).to_string();
        let expected: Vec<String> =
            expected.lines().map(|problem| format!("t.toml:{problem}")).collect();
        assert_eq!(problems, expected.join("\n"), "{text}");
    }
}

#[test]
fn the_process() {
    refused(PROCESS);
}

#[test]
fn keys() {
    refused(KEYS);
}

#[test]
fn models_and_extensions() {
    refused(OTHERS);
}

#[test]
fn lengths_at_the_limit_and_beyond() {
    let provider = |name: &str| format!("[providers.{name}]\nkind = \"demo\"\n");
    assert!(parse(&provider(&"n".repeat(64))).is_ok());
    assert!(parse(&provider(&"n".repeat(65))).is_err());
    let model = |name: &str| format!("{}models = [\"{name}\"]\n", provider("p"));
    assert!(parse(&model(&"m".repeat(256))).is_ok());
    assert!(parse(&model(&"m".repeat(257))).is_err());
    let key = |name: &str| format!("[[keys]]\nname = \"{name}\"\nkey = \"k\"\n");
    assert!(parse(&key(&"k".repeat(128))).is_ok());
    assert!(parse(&key(&"k".repeat(129))).is_err());
}

#[test]
fn a_long_wrong_value_is_cut() {
    let text = format!("auth = \"{}\"", "x".repeat(1000));
    let problem = parse(&text).expect_err("unknown").to_string();
    let shown = "x".repeat(64);
    assert_eq!(problem, format!("t.toml:1: auth: unknown value \"{shown}...\"; one of keys, none"));
}

#[test]
fn a_wrong_value_from_the_environment_is_not_shown() {
    for text in [
        "auth = \"${OPENAI_API_KEY}\"",
        "listen = \"${OPENAI_API_KEY}\"",
        "[limits]\nmax_body = \"${OPENAI_API_KEY}\"",
        "[providers.p]\nkind = \"demo\"\nbase_url = \"${OPENAI_API_KEY}\"",
        "[[keys]]\nname = \"n\"\nkey_sha256 = \"${OPENAI_API_KEY}\"",
    ] {
        let problem = parse(text).expect_err(text).to_string();
        assert!(!problem.contains("0123456789"), "{problem}");
    }
}

#[test]
fn a_hundred_problems_are_enough() {
    let text = "[[keys]]\nname = \"n\"\nkye = \"k\"\n".repeat(20_000);
    let problems = parse(&text).expect_err("no key").0;
    assert_eq!(problems.len(), 100);
}
