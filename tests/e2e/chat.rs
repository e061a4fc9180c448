//! Whole chat answers: what the upstream receives, what the client gets back, what is recorded.

use std::time::Duration;
use std::time::Instant;

use crate::lab::Lab;
use crate::lab::plain;
use crate::lab::whole;
use crate::support::assert_within;
use crate::support::client::Ending;
use crate::support::client::Req;
use crate::support::fixtures;
use crate::support::fixtures::COMPLETION;
use crate::support::fixtures::UPSTREAM_KEY;
use crate::support::fresh_id;
use crate::support::script;
use crate::support::script::Script;

/// A body with everything a careless rewriting would change.
const DELICATE: &str = concat!(
    " {\t\"messages\" : [{\"role\":\"user\",\"content\":\"\\u00e9\\ud83d\\ude00 \u{e9}\u{1f600}\\/\"}],\r\n",
    " \"big\":12345678901234567890123, \"one\":1.0, \"exp\":1E+2, \"model\"  :  \"NAME\",",
    "\"nested\":{\"model\":\"inner\",\"stream\":true}, \"zz\":null } \n"
);

#[test]
fn the_body_crosses_byte_for_byte() {
    let lab = Lab::new(whole);
    let body = DELICATE.replace("NAME", "real-model");
    let answer = lab.ask(&Req::chat(body.clone()));
    assert_eq!((answer.status(), answer.ending), (200, Ending::Complete), "{}", answer.text());
    assert_eq!(answer.text(), COMPLETION);
    assert_eq!(lab.upstream.wait_request(1).text(), body);
}

#[test]
fn only_the_model_is_patched_when_the_names_differ() {
    let lab = Lab::new(whole);
    for name in ["alias-model", "mock/real-model", "\\u0061lias-model"] {
        let answer = lab.ask(&Req::chat(DELICATE.replace("NAME", name)));
        assert_eq!(answer.status(), 200, "{name}: {}", answer.text());
    }
    for seen in lab.upstream.requests() {
        assert_eq!(seen.text(), DELICATE.replace("NAME", "real-model"));
    }
}

#[test]
fn a_large_body_and_a_large_answer_cross_unchanged() {
    let text = "\u{e9}\\n0123456789".repeat(200_000);
    let reply = fixtures::completion(&text.replace('"', ""));
    let sent = reply.clone();
    let lab = Lab::new(move |_| Script::json(200, &sent));
    let body = format!(
        "{{\"model\":\"alias-model\",\"messages\":[{{\"role\":\"user\",\"content\":\"{text}\"}}]}}"
    );
    for request in [Req::chat(body.clone()), Req::chat(body.clone()).chunked()] {
        let answer = lab.ask(&request);
        assert_eq!((answer.status(), answer.ending), (200, Ending::Complete));
        assert!(answer.text() == reply, "the answer changed on its way");
    }
    for seen in lab.upstream.requests() {
        assert!(seen.text() == body.replace("alias-model", "real-model"), "the body changed");
    }
}

#[test]
fn request_headers_are_an_allow_list() {
    let lab = Lab::new(whole);
    let crossing = [
        ("openai-beta", "assistants=v2"),
        ("idempotency-key", "k-1"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("tracestate", "a=b"),
    ];
    let stopped = [
        ("cookie", "c=1"),
        ("x-forwarded-for", "1.2.3.4"),
        ("openai-organization", "org-1"),
        ("x-stainless-lang", "python"),
        ("te", "trailers"),
        ("keep-alive", "timeout=5"),
        ("proxy-authorization", "Basic eA=="),
        ("accept-encoding", "gzip"),
    ];
    let request =
        crossing.iter().chain(&stopped).fold(plain(), |r, (name, value)| r.with(name, value));
    assert_eq!(lab.ask(&request).status(), 200);
    let seen = lab.upstream.wait_request(1);
    assert_eq!(seen.head.start, "POST /v1/chat/completions HTTP/1.1");
    assert_eq!(seen.head.get("host"), Some(&*lab.upstream.addr.to_string()));
    assert_eq!(seen.head.get("authorization"), Some(&*format!("Bearer {UPSTREAM_KEY}")));
    assert_eq!(seen.head.get("content-type"), Some("application/json"));
    let agent = format!("crabllm/{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(seen.head.get("user-agent"), Some(&*agent));
    let known = ["host", "authorization", "content-type", "content-length", "accept", "user-agent"];
    for (name, value) in &seen.head.fields {
        let lower = name.to_ascii_lowercase();
        let crossed = crossing.iter().any(|(key, sent)| *key == lower && sent == value);
        assert!(crossed || known.contains(&&*lower), "{name}: {value} reached the upstream");
    }
    for (name, value) in crossing {
        assert_eq!(seen.head.get(name), Some(value));
    }
}

#[test]
fn extra_headers_of_the_provider_are_sent() {
    let lab = Lab::with(|setup| setup.provider("headers = { x-team = \"blue\" }"), whole);
    assert_eq!(lab.ask(&plain()).status(), 200);
    assert_eq!(lab.upstream.wait_request(1).head.get("x-team"), Some("blue"));
}

#[test]
fn answer_headers_are_an_allow_list_and_the_gateway_adds_its_own() {
    let lines = "x-ratelimit-remaining-tokens: 12\r\nopenai-processing-ms: 5\r\n\
                 openai-version: 2020-10-01\r\nx-should-retry: false\r\nset-cookie: a=b\r\n\
                 server: nginx\r\nauthorization: Bearer leak\r\nx-goog-api-key: leak\r\n\
                 openai-organization: org\r\nx-request-id: theirs\r\nkeep-alive: timeout=9\r\n";
    let lab = Lab::new(move |_| Script::answer(200, lines, COMPLETION));
    let answer = lab.ask(&plain().id("mine-1.2_3"));
    for (name, value) in [
        ("content-type", "application/json"),
        ("x-ratelimit-remaining-tokens", "12"),
        ("openai-processing-ms", "5"),
        ("openai-version", "2020-10-01"),
        ("x-should-retry", "false"),
        ("x-request-id", "mine-1.2_3"),
        ("x-crabllm-provider", "mock"),
        ("x-crabllm-model", "real-model"),
        ("x-crabllm-attempts", "1"),
        ("x-crabllm-cache", "off"),
    ] {
        assert_eq!(answer.head.get(name), Some(value), "{:?}", answer.head);
        assert_eq!(answer.head.count(name), 1, "{name}");
    }
    let timing = answer.head.get("server-timing").expect("server-timing");
    assert!(timing.starts_with("gateway;dur=") && timing.contains("upstream;dur="), "{timing}");
    for name in
        ["set-cookie", "authorization", "x-goog-api-key", "openai-organization", "keep-alive"]
    {
        assert_eq!(answer.head.get(name), None, "{:?}", answer.head);
    }
    assert_ne!(answer.head.get("server"), Some("nginx"));
}

#[test]
fn one_record_tells_the_whole_story() {
    let lab = Lab::new(whole);
    let id = fresh_id("story");
    let body = fixtures::ask("alias-model", false, "x");
    let answer = lab.ask(&Req::chat(body.clone()).id(&id));
    let record = lab.gateway.record(&id);
    for (name, value) in [
        ("key", serde_json::json!("tester")),
        ("model", "alias-model".into()),
        ("upstream_model", "real-model".into()),
        ("provider", "mock".into()),
        ("path", "/v1/chat/completions".into()),
        ("stream", false.into()),
        ("status", 200.into()),
        ("outcome", "answered".into()),
        ("attempts", 1.into()),
        ("prompt_tokens", 11.into()),
        ("completion_tokens", 7.into()),
        ("cached_tokens", 4.into()),
        ("reasoning_tokens", 3.into()),
        ("usage_exact", true.into()),
        ("request_bytes", body.len().into()),
        ("response_bytes", answer.body.len().into()),
    ] {
        assert_eq!(record[name], value, "{name} in {record}");
    }
    assert!(record["error"].is_null(), "{record}");
    assert!(record["duration_ms"].is_number() && record["first_byte_ms"].is_number(), "{record}");
    assert!(record["time"].is_string() || record["time"].is_number(), "{record}");
    assert_eq!(lab.gateway.stop().len(), 1);
}

#[test]
fn a_record_is_written_soon() {
    let lab = Lab::new(whole);
    assert_within(Duration::from_millis(250), "a record", || {
        let id = fresh_id("soon");
        assert_eq!(lab.ask(&plain().id(&id)).status(), 200);
        let end = Instant::now();
        lab.gateway.record_at(&id).0.saturating_duration_since(end)
    });
}

#[test]
fn whole_answers_arrive_in_any_framing() {
    for reply in [
        script::chunked_answer_bytes(COMPLETION),
        format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{COMPLETION}")
            .into_bytes(),
        format!("HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n{COMPLETION}")
            .into_bytes(),
        format!(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n{}",
            String::from_utf8_lossy(&script::answer_bytes(200, "", COMPLETION))
        )
        .into_bytes(),
    ] {
        let close = !reply.windows(18).any(|w| w.eq_ignore_ascii_case(b"transfer-encoding:"))
            && !reply.windows(15).any(|w| w.eq_ignore_ascii_case(b"content-length:"));
        let lab = Lab::new(move |_| {
            let script = Script::default().send(reply.clone());
            if close { script.fin() } else { script }
        });
        let answer = lab.ask(&plain());
        assert_eq!((answer.status(), answer.ending), (200, Ending::Complete), "{}", answer.text());
        assert_eq!(answer.text(), COMPLETION);
    }
}

#[test]
fn an_answer_in_tiny_writes_arrives_whole() {
    let lab = Lab::new(|_| {
        let bytes = script::answer_bytes(200, "", COMPLETION);
        bytes.chunks(3).fold(Script::default(), |script, piece| script.send(piece))
    });
    assert_eq!(lab.ask(&plain()).text(), COMPLETION);
}

#[test]
fn a_request_in_single_bytes_arrives_whole() {
    let lab = Lab::new(whole);
    for request in [plain(), plain().chunked()] {
        let mut client = lab.client();
        for byte in request.bytes() {
            client.send(&[byte]);
        }
        assert_eq!(client.answer().text(), COMPLETION);
    }
    for seen in lab.upstream.requests() {
        assert_eq!(seen.body, plain().body);
    }
}
