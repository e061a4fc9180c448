//! Upstream failures of whole answers: which status the client sees and what is recorded.

use std::net::TcpListener;

use crate::lab::Lab;
use crate::lab::plain;
use crate::lab::streamed;
use crate::lab::whole;
use crate::support::client::Answer;
use crate::support::fixtures;
use crate::support::fixtures::COMPLETION;
use crate::support::fixtures::UPSTREAM_KEY;
use crate::support::fresh_id;
use crate::support::script;
use crate::support::script::Script;

/// An error of the upstream in OpenAI's shape.
const LIMITED: &str = r#"{"error":{"message":"slow down","type":"requests","param":null,"code":"rate_limit_exceeded","extra":1}}"#;

fn assert_upstream_error(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status(), status, "{}", answer.text());
    assert_eq!(answer.error_code(), code, "{}", answer.text());
    assert_eq!(answer.json()["error"]["type"], "upstream_error", "{}", answer.text());
    assert!(!answer.text().contains(UPSTREAM_KEY));
}

#[test]
fn an_upstream_refusal_keeps_its_status_and_body() {
    let lab = Lab::new(|seen| {
        let status = seen.user().parse().unwrap_or(500);
        Script::answer(status, "retry-after: 7\r\nretry-after-ms: 7000\r\n", LIMITED)
    });
    for status in [400, 401, 403, 404, 409, 413, 422, 429, 500, 502, 503, 529] {
        for stream in [false, true] {
            let id = fresh_id("refusal");
            let mut request = plain().id(&id);
            request.body = fixtures::ask("real-model", stream, &status.to_string()).into();
            let answer = lab.ask(&request);
            assert_eq!((answer.status(), answer.text().as_str()), (status, LIMITED));
            assert_eq!(answer.head.get("retry-after"), Some("7"));
            assert_eq!(answer.head.get("retry-after-ms"), Some("7000"));
            assert_eq!(answer.head.get("content-type"), Some("application/json"));
            let record = lab.gateway.record(&id);
            assert_eq!(record["outcome"], "upstream_failed", "{record}");
            assert_eq!((&record["status"], &record["attempts"]), (&status.into(), &1.into()));
        }
    }
}

/// The first model's provider fails, and so does the one that takes its place, by `other`.
fn with_fallback(first: Script, other: Script) -> Lab {
    Lab::with(
        |setup| {
            let host = setup.base_url.trim_end_matches("/v1").to_owned();
            setup.tables(&format!(
                "[providers.claude]\nkind = \"anthropic\"\nbase_url = \"{host}\"\napi_key = \"k\"\n\
                 max_retries = 0\n[fallbacks]\nreal-model = [\"claude/c\"]\n"
            ))
        },
        move |seen| {
            let claude = seen.head.start.contains("/messages");
            if claude { other.clone() } else { first.clone() }
        },
    )
}

#[test]
fn a_fallback_that_is_of_no_use_hides_no_failure() {
    let busy = Script::answer(429, "retry-after: 40\r\n", LIMITED);
    let down = Script::json(503, LIMITED);
    let denied = r#"{"type":"error","error":{"type":"authentication_error","message":"a key"}}"#;
    let denied = Script::json(401, denied);
    // It cannot give two answers, and its key is wrong: neither is what the client waits for.
    for (first, status, choices, asked) in
        [(&busy, 429, 2, 1), (&busy, 429, 1, 2), (&down, 503, 2, 1), (&down, 503, 1, 2)]
    {
        let lab = with_fallback(first.clone(), denied.clone());
        let id = fresh_id("useless");
        let mut request = plain().id(&id);
        request.body = fixtures::ask("real-model", false, "")
            .replace("\"user\":", &format!("\"n\":{choices},\"user\":"))
            .into();
        let answer = lab.ask(&request);
        assert_eq!((answer.status(), answer.text().as_str()), (status, LIMITED), "{choices}");
        assert_eq!(answer.head.get("x-crabllm-provider"), Some("mock"));
        let wait = if status == 429 { Some("40") } else { None };
        assert_eq!(answer.head.get("retry-after"), wait);
        assert_eq!(lab.upstream.requests().len(), asked);
        let record = lab.gateway.record(&id);
        assert_eq!((&record["provider"], &record["status"]), (&"mock".into(), &status.into()));
        assert_eq!(record["tried"].as_array().map(Vec::len), Some(2), "{record}");
        assert_eq!(record["tried"][1]["provider"], "claude", "{record}");
    }
}

#[test]
fn the_last_of_failures_that_are_alike_is_told() {
    let overloaded = r#"{"type":"error","error":{"type":"overloaded_error","message":"too busy"}}"#;
    let lab = with_fallback(Script::json(500, LIMITED), Script::json(529, overloaded));
    let answer = lab.ask(&plain());
    assert_eq!((answer.status(), answer.head.get("x-crabllm-provider")), (503, Some("claude")));
    assert!(answer.text().contains("too busy"), "{}", answer.text());
}

#[test]
fn an_error_in_another_shape_is_wrapped() {
    for (kind, body) in [
        ("text/html", "<html>Bad \"gateway\" \u{e9}</html>"),
        ("application/json", "{\"detail\":\"nope\"}"),
        ("application/json", "{\"error\":\"just text\"}"),
        ("application/json", "{\"error\":{\"message\":"),
        ("text/plain", ""),
    ] {
        let reply = format!(
            "HTTP/1.1 503 Gone\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let lab = Lab::new(move |_| Script::default().send(reply.clone()));
        for request in [plain(), streamed()] {
            let answer = lab.ask(&request);
            assert_eq!(answer.status(), 503, "{body}");
            answer.error_code();
        }
    }
}

#[test]
fn a_redirect_is_an_error_and_not_followed() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").expect("bind");
    let target = elsewhere.local_addr().expect("address");
    let line = format!("location: http://{target}/v1/chat/completions\r\n");
    let lab = Lab::new(move |_| Script::answer(307, &line, "{}"));
    let answer = lab.ask(&plain());
    assert_eq!(answer.status(), 502);
    answer.error_code();
    assert_eq!(answer.head.get("location"), None);
    elsewhere.set_nonblocking(true).expect("nonblocking");
    assert!(elsewhere.accept().is_err(), "the redirect was followed");
}

#[test]
fn an_answer_that_is_not_one_is_never_passed_on() {
    let json = |body: &str| script::answer_bytes(200, "", body);
    let gone = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{\"id\":1";
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("garbage JSON", json("{\"id\":\"x\",}"), "upstream_garbage"),
        ("JSON with a tail", json("{\"id\":\"x\"} {}"), "upstream_garbage"),
        ("empty", json(""), "upstream_garbage"),
        ("HTML with 200", json("<html>"), "upstream_garbage"),
        ("not HTTP", b"SSH-2.0-OpenSSH\r\n\r\n".to_vec(), "upstream_garbage"),
        (
            "both framings",
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}"
                .to_vec(),
            "upstream_garbage",
        ),
        (
            "two lengths",
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}".to_vec(),
            "upstream_garbage",
        ),
        (
            "a bad chunk",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n".to_vec(),
            "upstream_garbage",
        ),
        ("nothing", Vec::new(), "upstream_closed"),
        ("half a head", b"HTTP/1.1 200 OK\r\ncontent-".to_vec(), "upstream_closed"),
        ("half a body", gone.as_bytes().to_vec(), "upstream_closed"),
    ];
    for (name, bytes, code) in cases {
        let lab = Lab::new(move |_| Script::default().send(bytes.clone()).fin());
        let id = fresh_id("garbage");
        let answer = lab.ask(&plain().id(&id));
        assert_eq!(answer.status(), 502, "{name}: {}", answer.text());
        assert_upstream_error(&answer, 502, code);
        let record = lab.gateway.record(&id);
        assert_eq!(record["outcome"], "upstream_failed", "{name}: {record}");
        assert_eq!(record["status"], 502, "{name}: {record}");
        assert!(record["error"].is_string(), "{name}: {record}");
        lab.assert_alive();
    }
}

#[test]
fn a_refused_connection_is_an_upstream_error() {
    let port = TcpListener::bind("127.0.0.1:0").expect("bind").local_addr().expect("address");
    let lab = Lab::with(
        |mut setup| {
            setup.base_url = format!("http://{port}/v1");
            setup
        },
        whole,
    );
    for request in [plain(), streamed()] {
        let id = fresh_id("refused");
        assert_upstream_error(&lab.ask(&request.id(&id)), 502, "upstream_connect");
        assert_eq!(lab.gateway.record(&id)["outcome"], "upstream_failed");
    }
}

#[test]
fn a_name_that_does_not_resolve_is_an_upstream_error() {
    let lab = Lab::with(
        |mut setup| {
            setup.base_url = "http://no-such-host.invalid/v1".to_owned();
            setup.provider("connect_timeout = 2")
        },
        whole,
    );
    let answer = lab.ask(&plain());
    assert!(matches!(answer.status(), 502 | 504), "{}", answer.text());
    answer.error_code();
    lab.assert_alive();
}

#[test]
fn a_whole_answer_to_a_request_for_a_stream_is_checked_too() {
    let lab = Lab::new(|seen| match seen.user().as_str() {
        "good" => Script::json(200, COMPLETION),
        _ => Script::json(200, "{\"id\":"),
    });
    let mut request = streamed();
    request.body = fixtures::ask("real-model", true, "bad").into();
    let answer = lab.ask(&request);
    assert_eq!(answer.status(), 502, "{}", answer.text());
    answer.error_code();
}

#[test]
fn an_answer_beyond_the_limit_is_refused() {
    let lab = Lab::with(
        |setup| setup.limits("max_response = \"64KiB\""),
        |seen| {
            let big = crate::support::fixtures::completion(&"x".repeat(200_000));
            match seen.user().as_str() {
                "length" => Script::json(200, &big),
                "chunked" => Script::default().send(script::chunked_answer_bytes(&big)),
                _ => whole(seen),
            }
        },
    );
    for user in ["length", "chunked"] {
        let mut request = plain();
        request.body = fixtures::ask("real-model", false, user).into();
        let answer = lab.ask(&request);
        assert_eq!(answer.status(), 502, "{user}: {} bytes", answer.body.len());
        answer.error_code();
    }
    assert_eq!(lab.ask(&plain()).status(), 200);
}
