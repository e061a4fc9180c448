//! Every refusal of a provider, word for word, with its line.

use super::good;
use super::parse;
use super::problems::Case;
use super::problems::refused;

/// Upstreams.
const PROVIDERS: &[Case] = &[
    (
        r#"[providers.o]
kind = "openai"
api_key = "k"
models = ["m"]
max_retrys = 3"#,
        r#"5: providers.o.max_retrys: unknown key; did you mean `max_retries`?"#,
    ),
    (r#"providers = 3"#, r#"1: providers: must be a table, not an integer"#),
    (
        r#"[providers]
o = "x""#,
        r#"2: providers.o: must be a table, not a string"#,
    ),
    (
        r#"[providers."a/b"]
kind = "demo""#,
        r#"1: providers."a/b": a provider's name is 1 to 64 of a-z A-Z 0-9 _ . -"#,
    ),
    (
        r#"[providers.o]
models = ["m"]
wieght = 1"#,
        r#"1: providers.o.kind: is missing; write kind = "openai" or another kind
3: providers.o.wieght: unknown key; did you mean `weight`?"#,
    ),
    (
        r#"[providers.o]
kind = "opena"
models = ["m"]"#,
        r#"2: providers.o.kind: unknown value "opena"; did you mean "openai"?"#,
    ),
    (
        r#"[providers.o]
kind = "openai""#,
        r#"1: providers.o: api.openai.com needs an `api_key`, such as "${OPENAI_API_KEY}""#,
    ),
    (
        r#"[providers.o]
kind = "openai"
api_key = ""
models = []"#,
        r#"1: providers.o: api.openai.com needs an `api_key`, such as "${OPENAI_API_KEY}""#,
    ),
    (
        r#"[providers.o]
kind = "openai"
api_key = "${NOPE}"
models = ["m"]"#,
        r#"3: providers.o.api_key: the environment variable NOPE is not set"#,
    ),
    (
        r#"[providers.o]
kind = "openai"
api_key = "${EMPTY}"
models = ["m"]"#,
        r#"3: providers.o.api_key: is empty after "${EMPTY}" is filled in"#,
    ),
    (
        r#"[providers.o]
kind = "openai"
api_key = "${LINES}"
models = ["m"]"#,
        r#"3: providers.o.api_key: holds a space, a line end or another character that a header cannot carry"#,
    ),
    (
        r#"[providers.o]
kind = "openai"
api_key = ["a", "a", "${x"]
models = ["m"]"#,
        r#"3: providers.o.api_key[1]: stands in the list twice
3: providers.o.api_key[2]: has `${` without `}`; write `$${` for a plain `${`"#,
    ),
    (
        r#"[providers.o]
kind = "openai"
api_key = "${1X}"
models = ["m"]"#,
        r#"3: providers.o.api_key: has `${...}` without a variable's name in it; write `$${` for a plain `${`"#,
    ),
    (
        r#"[providers.o]
kind = "openai"
base_url = "http://u:secret@h"
models = ["m"]"#,
        r#"3: providers.o.base_url: must not hold a user name or password"#,
    ),
    (
        r#"[providers.o]
kind = "demo"
models = ["m", "m", " m", "gpt-*", 3, { name = "n", upstraem = "u" }, { upstream = "u" }]"#,
        r#"3: providers.o.models[1]: stands in the list twice
3: providers.o.models[2]: a model's name has at most 256 bytes, no control characters and no space at its ends
3: providers.o.models[3]: holds a `*`; write a model's whole name, or "*" for any
3: providers.o.models[4]: must be a string, not an integer
3: providers.o.models[5].upstraem: unknown key; did you mean `upstream`?
3: providers.o.models[6].name: is missing; write the name clients use"#,
    ),
    (
        r#"[providers.o]
kind = "demo"
weight = 1000001
max_retries = 1.5
timeout = 1e9
tokens_per_second = 0x10"#,
        r#"3: providers.o.weight: must be from 0 to 1000000
4: providers.o.max_retries: must be an integer, not a decimal
5: providers.o.timeout: must be from 0.001 to 604800 seconds"#,
    ),
    (
        r#"[providers.o]
kind = "demo"
proxy = "https://p:1""#,
        r#"3: providers.o.proxy: must be http://HOST:PORT"#,
    ),
    (
        r#"[providers.o]
kind = "demo"
headers = { "a b" = "x", Host = "h", x-a = "1", X-A = "2", x-b = "a\r\nb", te = "" }"#,
        r#"3: providers.o.headers."a b": is not a valid header name
3: providers.o.headers.Host: cannot be set: the gateway writes this header itself
3: providers.o.headers.X-A: is set twice; header names do not differ by case
3: providers.o.headers.x-b: holds a line end or another control character
3: providers.o.headers.te: is empty"#,
    ),
    (
        r#"[providers.a.b]
kind = "demo""#,
        r#"1: providers.a.kind: is missing; write kind = "openai" or another kind
1: providers.a.b: unknown key; quote a name that holds a dot"#,
    ),
    (
        r#"[providers.o]
kind = "openai"
api_key = "k"
models = ["m"]
tokens = { a = 1 }"#,
        r#"5: providers.o.tokens: unknown key; quote a name that holds a dot"#,
    ),
];

#[test]
fn providers() {
    refused(PROVIDERS);
}

#[test]
fn headers_of_the_gateways_own_cannot_be_set() {
    for name in [
        "Accept",
        "Accept-Encoding",
        "Anthropic-Version",
        "Connection",
        "Content-Length",
        "Content-Type",
        "Expect",
        "Host",
        "Keep-Alive",
        "Proxy-Authenticate",
        "Proxy-Authorization",
        "Proxy-Connection",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
        "User-Agent",
    ] {
        let text = format!("[providers.o]\nkind = \"demo\"\nheaders = {{ {name} = \"x\" }}");
        let why = "cannot be set: the gateway writes this header itself";
        let expected = format!("t.toml:3: providers.o.headers.{name}: {why}");
        assert_eq!(parse(&text).expect_err(name).to_string(), expected);
    }
}

#[test]
fn a_credential_is_shown_once() {
    for (kind, more, header) in [
        ("openai", "", "Authorization"),
        ("ollama", "", "authorization"),
        ("anthropic", "", "x-api-key"),
        ("google", "", "x-goog-api-key"),
        ("google", "", "authorization"),
        ("azure", "base_url = \"http://a\"\n", "api-key"),
        ("azure", "base_url = \"http://a\"\n", "authorization"),
        ("bedrock", "region = \"r\"\n", "authorization"),
    ] {
        let head = format!("[providers.o]\nkind = \"{kind}\"\n{more}");
        let headers = format!("headers = {{ {header} = \"x\" }}");
        let both = parse(&format!("{head}{headers}\napi_key = \"k\""));
        let line = head.lines().count() + 1;
        let why = "says the same as the provider's key; keep one of them";
        let expected = format!("t.toml:{line}: providers.o.headers.{header}: {why}");
        assert_eq!(both.expect_err(kind).to_string(), expected);
        // Alone it is the credential.
        if kind != "bedrock" {
            good(&format!("{head}{headers}"));
        }
    }
}

#[test]
fn what_a_kind_cannot_do_without_is_asked_for() {
    let pair = "access_key = \"a\"\nsecret_key = \"s\"";
    let no_pair =
        "needs an `access_key` and a `secret_key`, or a key of Bedrock's own as `api_key`";
    for (kind, lines, problem) in [
        (
            "anthropic",
            "",
            ": api.anthropic.com needs an `api_key`, such as \"${ANTHROPIC_API_KEY}\"",
        ),
        ("google", "", ": googleapis.com needs an `api_key`, such as \"${GEMINI_API_KEY}\""),
        (
            "google",
            "base_url = \"https://eu-aiplatform.googleapis.com/v1\"",
            ": eu-aiplatform.googleapis.com needs an `api_key`, such as \"${GEMINI_API_KEY}\"",
        ),
        (
            "azure",
            "base_url = \"https://r.openai.azure.com\"",
            ": r.openai.azure.com needs an `api_key`, such as \"${AZURE_OPENAI_API_KEY}\"",
        ),
        (
            "azure",
            "api_key = \"k\"",
            ".base_url: is missing; write \"https://NAME.openai.azure.com\"",
        ),
        ("bedrock", pair, ": needs a `region`, such as \"us-east-1\""),
        ("bedrock", "region = \"r\"", &format!(": {no_pair}")),
        (
            "bedrock",
            "region = \"r\"\naccess_key = \"a\"",
            ": has an `access_key` and no `secret_key`",
        ),
        (
            "bedrock",
            "region = \"r\"\nsecret_key = \"a\"",
            ": has a `secret_key` and no `access_key`",
        ),
    ] {
        let text = format!("[providers.o]\nkind = \"{kind}\"\n{lines}");
        let expected = format!("t.toml:1: providers.o{problem}");
        assert_eq!(parse(&text).expect_err(kind).to_string(), expected);
    }
    let text = format!("[providers.o]\nkind = \"bedrock\"\nregion = \"a b\"\n{pair}");
    let expected = "t.toml:3: providers.o.region: is not a region, such as \"us-east-1\"";
    assert_eq!(parse(&text).expect_err("a region").to_string(), expected);
}

#[test]
fn other_hosts_are_asked_without_a_key() {
    for (kind, url) in [
        ("openai", "https://llm.example/v1"),
        ("openai", "https://notapi.openai.com.example/v1"),
        ("anthropic", "http://127.0.0.1:1"),
        ("google", "https://notgoogleapis.com"),
        ("azure", "http://127.0.0.1:1"),
        ("ollama", "http://127.0.0.1:1"),
    ] {
        good(&format!("[providers.o]\nkind = \"{kind}\"\nbase_url = \"{url}\""));
    }
}

#[test]
fn the_region_may_stand_in_the_address() {
    let config = good(
        "[providers.o]\nkind = \"bedrock\"\napi_key = \"k\"\n\
         base_url = \"https://bedrock-runtime.eu-west-1.amazonaws.com\"",
    );
    assert_eq!(config.providers[0].region.as_deref(), Some("eu-west-1"));
}

#[test]
fn a_base_url_ends_before_what_the_gateway_adds() {
    for path in ["/v1/chat/completions", "/v1/embeddings/", "/v1/messages", "/api/chat"] {
        let text =
            format!("[providers.o]\nkind = \"ollama\"\nbase_url = \"http://127.0.0.1:1{path}\"");
        let problem = parse(&text).expect_err(path).to_string();
        assert!(
            problem.starts_with("t.toml:3: providers.o.base_url: must end before /"),
            "{problem}"
        );
    }
}

#[test]
fn a_wait_that_never_ends_by_itself_is_warned_of() {
    let config = good(
        "[providers.demo]\nkind = \"demo\"\ntimeout = 10\nconnect_timeout = 11\n\
         first_byte_timeout = 10",
    );
    let expected =
        "providers.demo.connect_timeout: is longer than `timeout`, which ends the exchange first";
    assert_eq!(config.warnings, [expected]);
}
