//! The files of `config/`: they load, name every key the code knows and show its defaults.

use super::OPENAI;
use super::env;
use super::good;
use crate::config::Config;
use crate::config::load;
use crate::config::load::read;
use crate::config::source::Source;
use proptest::prelude::*;
use std::collections::BTreeSet;
use toml::Table;
use toml::Value;
use toml::de::DeTable;

const FULL: &str = include_str!("../../../config/full.toml");
const MINIMAL: &str = include_str!("../../../config/minimal.toml");

/// Older names, which the example mentions beside the newer ones.
const OLDER: [&str; 4] = [
    "extensions.budget.default_limit",
    "extensions.cache.ttl_seconds",
    "extensions.rate_limit.requests_per_minute",
    "extensions.rate_limit.tokens_per_minute",
];

/// The example with each `# key = value` and `# [table]` made active.
fn uncommented() -> String {
    let active = |line: &str| {
        let rest = line.strip_prefix("# ").unwrap_or(line);
        let name = rest.split_once(" = ").map(|(name, _)| name);
        let plain =
            |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
        let setting = rest.starts_with('[') || name.is_some_and(plain);
        if setting { rest.to_owned() } else { line.to_owned() }
    };
    FULL.lines().map(active).collect::<Vec<_>>().join("\n")
}

/// Every key of a file; names the operator chooses become `*`.
fn keys_of(value: &Value, path: &str, keys: &mut BTreeSet<String>) {
    const CHOSEN: [&str; 8] = [
        "providers",
        "aliases",
        "fallbacks",
        "strategies",
        "pricing",
        "models",
        "extensions.budget.keys",
        "providers.*.headers",
    ];
    match value {
        Value::Table(table) => {
            for (name, value) in table {
                let name = if CHOSEN.contains(&path) { "*" } else { name };
                let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
                keys_of(value, &path, keys);
                if !path.ends_with(".*") {
                    keys.insert(path);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| keys_of(item, path, keys)),
        Value::String(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_) => {}
    }
}

fn keys_in(text: &str) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    keys_of(&Value::Table(text.parse::<Table>().expect("TOML")), "", &mut keys);
    keys
}

#[test]
fn the_full_example_has_exactly_the_known_keys() {
    let text = uncommented();
    good(&text);
    let env = env();
    let root = DeTable::parse(&text).expect("TOML");
    let source = Source::new("full.toml", &text, &env);
    read(&source, root.get_ref(), &mut Config::default());
    let mut known = source.known();
    for older in OLDER {
        assert!(known.remove(older), "{older} is not known");
        let name = older.rsplit_once('.').expect("a dot").1;
        assert!(FULL.contains(name), "{older} is not mentioned");
    }
    assert_eq!(keys_in(&text), known);
}

#[test]
fn the_full_example_shows_the_defaults() {
    let short =
        "[providers.openai]\nkind = \"openai\"\napi_key = \"${OPENAI_API_KEY}\"\nmodels = [\"*\"]";
    // What it says of `auth` stands there without the keys that it is about.
    let warnings = vec![super::settings::UNASKED.to_owned()];
    assert_eq!(good(FULL), Config { warnings, ..good(short) });
    assert_eq!(good(""), Config { warnings: good("").warnings, ..Config::default() });
}

#[test]
fn the_minimal_example_loads_without_a_warning() {
    let config = good(MINIMAL);
    assert_eq!(config.warnings, [""; 0]);
    assert_eq!((config.providers.len(), config.keys.len()), (1, 1));
}

#[test]
fn examples_load_from_their_files() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    for name in ["full.toml", "minimal.toml"] {
        load(&root.join(name), &env()).expect(name);
    }
    let missing = load(&root.join("none.toml"), &env()).expect_err("no such file").to_string();
    assert!(missing.contains("none.toml: cannot be opened: "), "{missing}");
}

#[test]
fn masked_output_has_every_key_and_no_secret() {
    let config = good(&uncommented());
    let shown = config.to_toml_masked();
    let mut wanted = keys_in(&uncommented());
    assert!(wanted.remove("providers.*.proxy") && shown.contains("proxy = "));
    let missing: Vec<_> = wanted.difference(&keys_in(&shown)).cloned().collect();
    assert_eq!(missing, [""; 0]);
    for secret in [
        "sk-upstream",
        "admin-token",
        "azure-key",
        "AKIA",
        "aws-secret",
        "aws-session",
        "sk-team-a",
        "search",
        "2c26b46b",
    ] {
        assert!(!shown.contains(secret), "{secret} in:\n{shown}");
        assert!(!format!("{config:?}").contains(secret), "{secret} in Debug");
    }
    assert!(shown.contains("api_key = \"sk-...6789\""), "{shown}");
}

#[test]
fn masked_output_hides_the_password_of_a_store() {
    for (path, shown) in [
        ("redis://:hunter2@host:6379/1", "path = \"redis://***@host:6379/1\""),
        ("redis://a:p@ss@host", "path = \"redis://***@host\""),
        ("redis://host/?password=hunter2", "path = \"***\""),
        ("rediss://host:6379", "path = \"rediss://host:6379\""),
    ] {
        let config = good(&format!("[storage]\nkind = \"redis\"\npath = \"{path}\"\n"));
        let text = config.to_toml_masked();
        assert!(text.contains(shown), "{path}: {text}");
        assert!(!format!("{config:?}").contains("host"), "{config:?}");
    }
}

#[test]
fn masked_output_without_secrets_loads_again() {
    let text = "listen = \"[::1]:9\"\nshutdown_timeout = 0.5\nauth = \"none\"\n[limits]\nmax_body = 1025\n\
         [providers.\"a.b\"]\nkind = \"demo\"\nmodels = [\"x\", { name = \"$${q} \\\"\\u00e9\", \
         upstream = \"back\\\\slash\" }]\n[aliases]\n\"d.o t\" = \"x\"\n[fallbacks]\nx = [\"d.o t\"]\n\
         [pricing.x]\naudio_cost_per_million = 0.000001\n[extensions.budget]\ndefault_limit = 1\n\
         [extensions.budget.keys.\"n.m\"]\nbudget = 1e-12\n[extensions.cache]\nttl_seconds = 7\n\
         [extensions.logging]\n[extensions.usage]\n[storage]\nkind = \"redb\"\npath = \"p\"\n";
    let config = good(text);
    assert_eq!(config.providers[0].models[1].name, "${q} \"\u{e9}");
    assert_eq!(good(&config.to_toml_masked()), config);
    let full = good(FULL).to_toml_masked();
    assert_eq!(good(&full).limits, Config::default().limits);
}

fn mutated() -> impl Strategy<Value = String> {
    let text = uncommented();
    let edit = (0..text.len(), 0_usize..20, ".{0,12}");
    proptest::collection::vec(edit, 1..6).prop_map(move |edits| {
        let mut chars: Vec<char> = text.chars().collect();
        for (at, cut, insert) in edits {
            let from = at.min(chars.len());
            let to = (from + cut).min(chars.len());
            chars.splice(from..to, insert.chars());
        }
        chars.into_iter().collect()
    })
}

proptest! {
    #[test]
    fn no_text_panics_and_no_problem_shows_a_secret(text in mutated()) {
        let shown = match super::parse(&text) {
            Ok(config) => config.to_toml_masked(),
            Err(problems) => {
                prop_assert!(!problems.0.is_empty());
                problems.to_string()
            }
        };
        for secret in ["upstream-0123", "azure-key-0123", "aws-secret-0123", "team-a-0123"] {
            prop_assert!(!shown.contains(secret), "{}", shown);
        }
    }

    #[test]
    fn no_garbage_panics(text in "[\\[\\]a-z.=\"'${}0-9, \n#-]{0,200}") {
        let _ = super::parse(&text);
        let _ = super::parse(&format!("{OPENAI}{text}"));
    }
}
