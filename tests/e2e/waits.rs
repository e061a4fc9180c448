//! How long a provider asks to be left alone, in the words of each, and what comes of it.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use crate::lab::Turn;
use crate::support::client::Answer;
use crate::support::client::Req;
use crate::support::fixtures;
use crate::support::gateway::Gateway;
use crate::support::gateway::Setup;
use crate::support::providers;
use crate::support::script::Script;
use crate::support::upstream::Upstream;

const LIMITED: &str = r#"{"error":{"message":"slow down","type":"requests","param":null,"code":"rate_limit_exceeded"}}"#;
const CLAUDE_LIMITED: &str =
    r#"{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}"#;

/// What Gemini says, where headers say nothing.
fn gemini_limited(delay: &str) -> String {
    format!(
        r#"{{"error":{{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED","details":[{{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"{delay}"}}]}}}}"#
    )
}

/// The answer to one request whose first attempt is refused, and when the attempts came.
fn refused(kind: &str, lines: &str, body: &str, good: &str) -> (Answer, Vec<Instant>) {
    let _turn = Turn::shared();
    let times: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let noted = Arc::clone(&times);
    let (lines, body, good) = (lines.to_owned(), body.to_owned(), good.to_owned());
    let upstream = Upstream::start(move |_| {
        let mut times = noted.lock().expect("times");
        times.push(Instant::now());
        match times.len() {
            1 => Script::answer(429, &lines, &body),
            _ => Script::json(200, &good),
        }
    });
    let table = format!(
        "[providers.p]\nkind = \"{kind}\"\nbase_url = \"http://{}/v1\"\napi_key = \"k\"\n\
         models = [\"m\"]\nmax_retries = 2\n",
        upstream.addr
    );
    let gateway = Gateway::start(&Setup::new(&upstream.base_url()).tables(&table));
    let answer = gateway.client().ask(&Req::chat(fixtures::ask("m", false, "")));
    let times = times.lock().expect("times").clone();
    (answer, times)
}

#[test]
fn a_short_wait_is_waited() {
    let wait = Duration::from_millis(300);
    let gemini = gemini_limited("0.3s");
    for (kind, lines, body, good) in [
        ("openai", "retry-after-ms: 300\r\n", LIMITED, fixtures::COMPLETION),
        (
            "openai",
            "x-ratelimit-remaining-tokens: 0\r\nx-ratelimit-reset-tokens: 300ms\r\n",
            LIMITED,
            fixtures::COMPLETION,
        ),
        ("google", "", &gemini, providers::GEMINI_TEXT),
        ("anthropic", "retry-after: 0.3\r\n", CLAUDE_LIMITED, providers::MESSAGE),
    ] {
        let (answer, times) = refused(kind, lines, body, good);
        let text = answer.text();
        assert_eq!(answer.status(), 200, "{kind} {lines}: {text}");
        assert_eq!(answer.head.get("x-crabllm-attempts"), Some("2"), "{kind}: {text}");
        let waited = times[1] - times[0];
        assert!(waited >= wait, "{kind} {lines}: asked again after {waited:?}");
    }
}

#[test]
fn a_long_wait_is_the_clients() {
    let gemini = gemini_limited("40s");
    for (kind, lines, body) in [
        ("openai", "retry-after: 40\r\n", LIMITED),
        ("google", "", &*gemini),
        ("anthropic", "retry-after: 40\r\n", CLAUDE_LIMITED),
    ] {
        let (answer, times) = refused(kind, lines, body, "");
        assert_eq!((answer.status(), times.len()), (429, 1), "{kind}: {}", answer.text());
        assert_eq!(answer.head.get("retry-after"), Some("40"), "{kind}");
    }
}

#[test]
fn a_cap_on_spending_does_not_pass() {
    // Anthropic's rates come with a time; without one it is the cap.
    let (answer, times) = refused("anthropic", "", CLAUDE_LIMITED, providers::MESSAGE);
    assert_eq!((answer.status(), times.len()), (429, 1), "{}", answer.text());
}
