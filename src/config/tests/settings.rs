//! Settings arrive as they were written; what has no effect is said.

use super::OPENAI;
use super::good;
use super::parse;
use crate::config::DriverChoice;
use crate::config::KeySecret;
use crate::config::Kind;
use crate::config::Period;
use std::time::Duration;

/// What is said of keys that are asked for and are not there.
pub const UNASKED: &str =
    "auth: it is \"keys\" and there are no [[keys]], so nobody is asked for one";

#[test]
fn keys_may_be_left_out_on_loopback_or_by_choice() {
    for text in [
        "",
        "listen = \"127.9.9.9:1\"",
        "listen = \"[::1]:1\"",
        "listen = \"0.0.0.0:1\"\nauth = \"none\"",
        "listen = \"0.0.0.0:1\"\n[[keys]]\nname = \"n\"\nkey = \"k\"",
    ] {
        good(text);
    }
}

#[test]
fn a_look_alike_needs_no_key() {
    let text =
        "[providers.o]\nkind = \"openai\"\nbase_url = \"http://[::1]:1/v1\"\nmodels = [\"m\"]";
    let config = good(text);
    assert!(config.providers[0].api_keys.is_empty() && config.warnings.is_empty());
    parse(&text.replace("[::1]:1", "API.openai.com:443")).expect_err("the real address");
}

#[test]
fn every_setting_arrives() {
    let config = good(
        r#"
        shutdown_timeout = 0
        [runtime]
        shards = 3
        driver = "epoll"
        pin = false
        [limits]
        max_body = "1GiB"
        max_headers = 2048
        header_timeout = 0.25
        [providers.z]
        kind = "demo"
        tokens_per_second = 0
        [providers.a]
        kind = "openai"
        api_key = ["k1", "k2"]
        models = ["m", { name = "n", upstream = "u" }]
        headers = { X-B = "two words", x-a = "1" }
        proxy = "http://127.0.0.1:3128"
        [[keys]]
        name = "n"
        key_sha256 = "00000000000000000000000000000000000000000000000000000000000000fF"
        budget = { usd = 0.000000000001, period = "week" }
        expires = 2000-01-01T00:00:00Z
        "#,
    );
    assert_eq!(config.shutdown_timeout, Duration::ZERO);
    let runtime = config.runtime;
    assert_eq!((runtime.shards, runtime.driver, runtime.pin), (3, DriverChoice::Epoll, false));
    assert_eq!((config.limits.max_body, config.limits.max_headers), (1 << 30, 2048));
    assert_eq!(config.limits.header_timeout, Duration::from_millis(250));
    let [demo, openai] = config.providers.as_slice() else { panic!("{:?}", config.providers) };
    assert_eq!((demo.kind, demo.tokens_per_second), (Kind::Demo, 0));
    assert_eq!(demo.models[0].name, "demo");
    let keys: Vec<_> = openai.api_keys.iter().map(|key| key.expose()).collect();
    assert_eq!(keys, ["k1", "k2"]);
    assert_eq!(openai.models[1].upstream.as_deref(), Some("u"));
    let headers: Vec<_> = openai.headers.iter().map(|(n, v)| (n.as_str(), v.expose())).collect();
    assert_eq!(headers, [("X-B", "two words"), ("x-a", "1")], "in the order of the file");
    assert_eq!(openai.proxy.as_deref(), Some("http://127.0.0.1:3128"));
    let key = &config.keys[0];
    let KeySecret::Sha256(hash) = key.secret else { panic!("{key:?}") };
    assert_eq!((hash[30], hash[31]), (0, 255));
    assert_eq!(key.models, ["*"]);
    assert_eq!(key.expires, Some(946_684_800));
    let budget = key.budget.expect("a budget");
    assert_eq!((budget.picodollars, budget.period), (1, Period::Week));
}

#[test]
fn warnings() {
    for (text, warning) in [
        (
            "[aliases]\na = \"x\"\nb = \"m\"\nc = \"o/m\"",
            "aliases.a: no provider has the model \"x\"",
        ),
        ("[fallbacks]\nm = [\"x\"]", "fallbacks.m: no provider has the model \"x\""),
        (
            "[[keys]]\nname = \"n\"\nkey = \"k\"\nmodels = [\"x\", \"x\", \"m\"]",
            "keys[0].models: no provider has the model \"x\"",
        ),
        (
            "[extensions.budget.keys.x]\nbudget = 1",
            "extensions.budget.keys.x: no key has this name",
        ),
        ("region = \"r\"", "providers.o.region: only kind \"bedrock\" uses it"),
    ] {
        let config = good(&format!("{OPENAI}{text}\n"));
        let warned = |warning: &str| config.warnings.iter().filter(|w| *w == warning).count();
        assert_eq!(warned(warning), 1, "{:?}", config.warnings);
        let wild = good(&format!("{}{text}\n", OPENAI.replace("\"m\"", "\"*\", \"m\"")));
        let unknown = wild.warnings.iter().any(|warning| warning.contains("no provider has"));
        assert!(!unknown, "{:?}", wild.warnings);
    }
    assert_eq!(good("").warnings, ["providers: there are none, so every model is unknown"]);
    let open = good(&format!("auth = \"none\"\n{OPENAI}[[keys]]\nname = \"n\"\nkey = \"k\""));
    assert_eq!(open.warnings, ["auth: it is \"none\", so keys are not asked for"]);
    assert_eq!(good(&format!("auth = \"keys\"\n{OPENAI}")).warnings, [UNASKED]);
    assert!(good(OPENAI).warnings.is_empty(), "on this host alone, and nothing was said of it");
}

#[test]
fn settings_without_effect_warn_once_each() {
    let key = "rpm = 1\ntpm = 1\nmax_parallel = 1\nbudget = { usd = 1, period = \"day\" }\n";
    let text = format!(
        "{OPENAI}[[keys]]\nname = \"a\"\nkey = \"a\"\n{key}[[keys]]\nname = \"b\"\nkey = \"b\"\n{key}\
         [admin]\ntoken = \"t\"\n[fallbacks]\nm = []\n[storage]\nkind = \"redb\"\npath = \"p\"\n"
    );
    let warnings = good(&text).warnings;
    let names = ["keys.rpm", "keys.tpm", "keys.max_parallel", "keys.budget", "admin", "storage"];
    let expected = names.map(|name| format!("{name} is read but has no effect in this version"));
    assert_eq!(warnings, expected);
}
