//! The client's side of the protocol: connections, routes, ids, and requests that are refused.

use crate::lab::Lab;
use crate::lab::plain;
use crate::lab::streamed;
use crate::lab::streaming;
use crate::lab::whole;
use crate::support::client::Ending;
use crate::support::client::Req;
use crate::support::fixtures::COMPLETION;
use crate::support::fixtures::ask;
use crate::support::fresh_id;
use crate::support::upstream::Seen;

#[test]
fn one_connection_serves_many_requests() {
    let lab = Lab::new(whole);
    let mut client = lab.client();
    for _ in 0..20 {
        let answer = client.ask(&plain());
        assert_eq!((answer.status(), answer.text().as_str()), (200, COMPLETION));
        assert_ne!(answer.head.get("connection"), Some("close"));
    }
    assert_eq!(client.ask(&plain().with("connection", "close")).status(), 200);
    client.expect_close();
}

#[test]
fn requests_of_one_connection_may_differ_in_size() {
    let lab = Lab::new(whole);
    let mut client = lab.client();
    let users = [0, 30_000, 10, 7_900, 8_300, 300_000, 1_500_000, 20].map(|n| "u".repeat(n));
    for user in &users {
        assert_eq!(client.ask(&Req::chat(ask("real-model", false, user))).status(), 200);
    }
    let seen: Vec<String> = lab.upstream.requests().iter().map(Seen::user).collect();
    assert!(seen == users, "{:?}", seen.iter().map(String::len).collect::<Vec<_>>());
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let lab = Lab::new(whole);
    let mut client = lab.client();
    let ids: Vec<String> = (0..5).map(|_| fresh_id("pipe")).collect();
    let all: Vec<u8> = ids.iter().flat_map(|id| plain().id(id).bytes()).collect();
    client.send(&all);
    for id in &ids {
        let answer = client.answer();
        assert_eq!(answer.head.get("x-request-id"), Some(id.as_str()));
        assert_eq!(answer.text(), COMPLETION);
    }
}

#[test]
fn http10_gets_its_answer_and_the_close() {
    let lab = Lab::new(whole);
    let mut client = lab.client();
    let answer = client.ask(&plain().http10());
    assert_eq!((answer.status(), answer.text().as_str()), (200, COMPLETION));
    assert_eq!(answer.head.get("transfer-encoding"), None);
    client.expect_close();
}

#[test]
fn a_stream_to_http10_ends_with_the_connection() {
    let lab = Lab::new(streaming);
    let answer = lab.ask(&streamed().http10());
    assert_eq!((answer.status(), answer.ending), (200, Ending::Complete));
    assert_eq!(answer.head.get("transfer-encoding"), None);
    assert_eq!(answer.head.get("content-length"), None);
    assert!(answer.text().ends_with("data: [DONE]\n\n"), "{}", answer.text());
}

#[test]
fn absolute_targets_and_queries_are_understood() {
    let lab = Lab::new(whole);
    let mut absolute = plain();
    absolute.target = "http://gateway.test/v1/chat/completions".to_owned();
    assert_eq!(lab.ask(&absolute).status(), 200);
    let mut other = absolute.clone();
    other.target = "http://elsewhere.test/v1/chat/completions".to_owned();
    assert_eq!(lab.ask(&other).status(), 400);
    let mut query = plain();
    query.target = "/v1/chat/completions?api-version=1".to_owned();
    assert_eq!(lab.ask(&query).status(), 200);
    for seen in lab.upstream.requests() {
        assert_eq!(seen.head.start, "POST /v1/chat/completions HTTP/1.1");
    }
}

#[test]
fn health_and_readiness_need_no_key_and_leave_no_record() {
    let lab = Lab::new(whole);
    let mut client = lab.client();
    for path in ["/health", "/ready"] {
        for method in ["GET", "HEAD"] {
            let answer = client.ask(&Req::get(path).without("authorization").method(method));
            assert_eq!(answer.status(), 200, "{method} {path}");
            assert_eq!(answer.body.is_empty(), method == "HEAD" || answer.body.is_empty());
        }
    }
    assert_eq!(client.ask(&plain()).status(), 200, "the connection lives on");
    assert_eq!(lab.gateway.stop().len(), 1);
}

#[test]
fn unknown_paths_and_wrong_methods_say_so() {
    let lab = Lab::new(whole);
    let not_found = [
        "/",
        "/v1",
        "/v1/chat",
        "/v1/chat/completions/",
        "/V1/chat/completions",
        "/v1/files",
        "//v1/models",
        "/v1/%63hat/completions",
        "/v1/models/../chat/completions",
        "/admin",
        "/metrics",
    ];
    for path in not_found {
        let answer = lab.ask(&Req::get(path));
        assert_eq!(answer.status(), 404, "{path}: {}", answer.text());
        answer.error_code();
    }
    for (method, path, allow) in [
        ("GET", "/v1/chat/completions", "POST"),
        ("DELETE", "/v1/embeddings", "POST"),
        ("PUT", "/v1/models", "GET"),
        ("POST", "/health", "GET"),
        ("BREW", "/v1/chat/completions", "POST"),
    ] {
        let answer = lab.ask(&Req::get(path).method(method));
        assert_eq!(answer.status(), 405, "{method} {path}: {}", answer.text());
        let allowed = answer.head.get("allow").unwrap_or_default();
        assert!(allowed.contains(allow), "{method} {path}: allow {allowed:?}");
        answer.error_code();
    }
    assert!(lab.upstream.requests().is_empty());
    assert!(lab.gateway.stop().is_empty(), "only POSTs to the two routes are recorded");
}

#[test]
fn a_base_url_with_one_v1_too_many_is_told() {
    let lab = Lab::new(whole);
    for (path, twice) in [
        ("/v1/v1/messages", true),
        ("/v1/v1/chat/completions", true),
        ("/v1/v1/models", true),
        ("/v1/v2/messages", false),
    ] {
        let answer = lab.ask(&Req::post(path, "{}"));
        assert_eq!((answer.status(), answer.error_code().as_str()), (404, "unknown_url"));
        let told = answer.text().contains("base_url of Anthropic's SDKs must not end in /v1");
        assert_eq!(told, twice, "{}", answer.text());
    }
}

#[test]
fn clients_of_anthropic_hear_of_wrong_paths_and_methods_in_their_own_words() {
    let lab = Lab::new(whole);
    let claude = |request: Req| lab.ask(&request.with("anthropic-version", "2026-10-21"));
    for (answer, status, kind) in [
        (claude(Req::get("/v1/nowhere")), 404, "not_found_error"),
        (claude(Req::get("/v1/models").method("DELETE")), 405, "invalid_request_error"),
        (lab.ask(&Req::get("/v1/messages/batches")), 404, "not_found_error"),
        (lab.ask(&Req::get("/v1/messages")), 405, "invalid_request_error"),
        (lab.ask(&Req::get("/v1/messages/count_tokens")), 405, "invalid_request_error"),
    ] {
        let told = (answer.status(), answer.claude_error());
        assert_eq!(told, (status, kind.to_owned()), "{}", answer.text());
    }
}

#[test]
fn a_sane_request_id_is_kept_and_any_other_replaced() {
    let lab = Lab::new(whole);
    for id in ["a", "A-Z_a.z-09", &"x".repeat(128)] {
        assert_eq!(lab.ask(&plain().id(id)).head.get("x-request-id"), Some(id));
    }
    let mut made = Vec::new();
    for id in ["a b", "a/b", "a\"b", &"x".repeat(129), "a,b", "a:b"] {
        let answer = lab.ask(&plain().id(id));
        let given = answer.head.get("x-request-id").expect("an id").to_owned();
        assert_ne!(given, id);
        made.push(given);
    }
    let answer = lab.ask(&plain());
    made.push(answer.head.get("x-request-id").expect("an id").to_owned());
    let refused = lab.ask(&Req::get("/nowhere"));
    made.push(refused.head.get("x-request-id").expect("an id").to_owned());
    let count = made.len();
    made.sort();
    made.dedup();
    assert_eq!(made.len(), count, "ids repeat: {made:?}");
}

#[test]
fn a_bad_body_is_refused_with_the_reason() {
    let messages = r#""messages":[{"role":"user","content":"x"}]"#;
    let model = r#""model":"real-model""#;
    let cases = [
        (r#"{"model":"real-model",,"messages":[]}"#.to_owned(), "byte 22"),
        (format!("{{{model},{messages}}} x"), "byte"),
        (String::new(), ""),
        ("[]".to_owned(), ""),
        ("\"model\"".to_owned(), ""),
        (format!("{{{messages}}}"), "model"),
        (format!("{{\"model\":7,{messages}}}"), "model"),
        (format!("{{\"model\":\"\",{messages}}}"), "model"),
        (format!("{{{model}}}"), "messages"),
        (format!("{{{model},\"messages\":[]}}"), "messages"),
        (format!("{{{model},\"messages\":\"hi\"}}"), "messages"),
        (format!("{{{model},{messages},\"stream\":\"yes\"}}"), "stream"),
        (format!("{{{model},{messages},\"stream\":1}}"), "stream"),
        (format!("{{{model},{messages},{model}}}"), "model"),
        (format!("{{{model},{messages},\"mo\\u0064el\":\"other\"}}"), "model"),
        (format!("{{{model},{messages},{messages}}}"), "messages"),
        (format!("{{{model},{messages},\"stream\":true,\"stream\":false}}"), "stream"),
        (format!("{{{model},{messages},\"n\":1,\"n\":1}}"), "n"),
        (format!("{{{model},{messages},\"max_tokens\":1,\"max_tokens\":2}}"), "max_tokens"),
        (
            format!(
                "{{{model},{messages},\"max_completion_tokens\":1,\"max_completion_tokens\":2}}"
            ),
            "max_completion_tokens",
        ),
        (
            format!("{{{model},{messages},\"stream_options\":{{}},\"stream_options\":{{}}}}"),
            "stream_options",
        ),
    ];
    let lab = Lab::new(whole);
    for (body, mention) in cases {
        let id = fresh_id("bad");
        let answer = lab.ask(&Req::chat(body.clone()).id(&id));
        assert_eq!(answer.status(), 400, "{body}: {}", answer.text());
        answer.error_code();
        let message = answer.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
        assert!(message.contains(mention), "{body}: {message}");
        assert_eq!(lab.gateway.record(&id)["outcome"], "refused");
    }
    let mut invalid = plain();
    invalid.body = b"{\"model\":\"real-model\",\"messages\":[\"\xff\"]}".to_vec();
    assert_eq!(lab.ask(&invalid).status(), 400, "not UTF-8");
    assert!(lab.upstream.requests().is_empty());
}

#[test]
fn deep_nesting_is_refused_and_harmless() {
    let lab = Lab::new(whole);
    let deep = format!(
        "{{\"model\":\"real-model\",\"messages\":{}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert_eq!(lab.ask(&Req::chat(deep)).status(), 400);
    lab.assert_alive();
}

#[test]
fn an_unknown_model_is_404_and_an_encoded_body_415() {
    let lab = Lab::new(whole);
    let id = fresh_id("unknown");
    let answer = lab.ask(&Req::chat(plain().body.clone()).id(&id).with("content-encoding", "gzip"));
    assert_eq!(answer.status(), 415, "{}", answer.text());
    answer.error_code();
    let body = String::from_utf8_lossy(&plain().body).replace("real-model", "no-such-model");
    let id = fresh_id("unknown");
    let answer = lab.ask(&Req::chat(body).id(&id));
    assert_eq!(answer.status(), 404);
    assert_eq!(answer.error_code(), "model_not_found");
    assert!(answer.text().contains("no-such-model"), "{}", answer.text());
    let record = lab.gateway.record(&id);
    assert_eq!((&record["outcome"], &record["status"]), (&"refused".into(), &404.into()));
    assert_eq!(record["model"], "no-such-model");
    assert!(lab.upstream.requests().is_empty());
}

#[test]
fn broken_framing_is_refused_and_closed() {
    let lab = Lab::new(whole);
    let cases: [(&[u8], u16); 8] = [
        (b"GET / HTTP/1.1\nhost: a\n\n", 400),
        (b"GET / HTTP/1.1\r\nhost : a\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nhost: a\r\n\r\n", 505),
        (b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nhost: a\r\nexpect: magic\r\ncontent-length: 1\r\n\r\n", 417),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
    ];
    for (bytes, status) in cases {
        let mut client = lab.client();
        client.send(bytes);
        let answer = client.answer();
        let text = String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(answer.status(), status, "{text}: {}", answer.text());
        answer.error_code();
        assert_eq!(answer.head.get("connection"), Some("close"), "{text}");
        client.expect_close();
    }
    let mut client = lab.client();
    client.send(&format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(20_000)).into_bytes());
    assert_eq!(client.answer().status(), 414);
}
