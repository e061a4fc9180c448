//! Every refusal of a provider, word for word, with its line.

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
models = ["m", "m", " m", 3, { name = "n", upstraem = "u" }, { upstream = "u" }]"#,
        r#"3: providers.o.models[1]: stands in the list twice
3: providers.o.models[2]: a model's name has at most 256 bytes, no control characters and no space at its ends
3: providers.o.models[3]: must be a string, not an integer
3: providers.o.models[4].upstraem: unknown key; did you mean `upstream`?
3: providers.o.models[5].name: is missing; write the name clients use"#,
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
fn headers_of_the_connection_cannot_be_set() {
    for name in [
        "Connection",
        "Content-Length",
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
    ] {
        let text = format!("[providers.o]\nkind = \"demo\"\nheaders = {{ {name} = \"x\" }}");
        let why = "cannot be set: the gateway writes this header itself";
        let expected = format!("t.toml:3: providers.o.headers.{name}: {why}");
        assert_eq!(parse(&text).expect_err(name).to_string(), expected);
    }
}
