//! A gateway that nobody has configured: it starts, and the `demo` model answers.

use std::time::Duration;
use std::time::Instant;

use crate::lab::Turn;
use crate::support::assert_within;
use crate::support::client::Ending;
use crate::support::client::Req;
use crate::support::fixtures;
use crate::support::fresh_id;
use crate::support::gateway;
use crate::support::gateway::Gateway;
use crate::support::gateway::TempDir;

fn unconfigured(tables: &str) -> Gateway {
    let dir = TempDir::new();
    let driver = gateway::driver();
    let mut arguments = vec!["serve", "--listen", "127.0.0.1:0", "--driver", &driver];
    let file;
    if !tables.is_empty() {
        file = dir.file("demo.toml", tables);
        arguments.extend(["--config", &file]);
    }
    Gateway::run(gateway::command(&arguments, dir.path()), dir)
}

fn ask(stream: bool) -> Req {
    Req::chat(fixtures::ask("demo", stream, "")).without("authorization")
}

#[test]
fn the_first_request_works_without_key_and_network() {
    let _turn = Turn::shared();
    let gateway = unconfigured("");
    gateway.wait_log("curl");
    let answer = gateway.client().ask(&ask(false));
    assert_eq!((answer.status(), answer.ending), (200, Ending::Complete), "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["object"], "chat.completion");
    assert_eq!(body["choices"][0]["finish_reason"], "stop");
    assert!(body["choices"][0]["message"]["content"].as_str().is_some_and(|t| !t.is_empty()));
    let usage = &body["usage"];
    let number = |name: &str| usage[name].as_u64().unwrap_or(0);
    assert!(number("prompt_tokens") > 0 && number("completion_tokens") > 0, "{usage}");
    assert_eq!(number("total_tokens"), number("prompt_tokens") + number("completion_tokens"));
}

#[test]
fn the_demo_streams_in_the_right_shape_and_pace() {
    let _turn = Turn::shared();
    let tables = "[providers.demo]\nkind = \"demo\"\nmodels = [\"demo\"]\ntokens_per_second = 100\n\
                  [extensions.logging]\nlevel = \"info\"\n";
    let gateway = unconfigured(tables);
    assert_within(Duration::from_millis(150), "the first event, and its fellows", || {
        let id = fresh_id("demo");
        let started = Instant::now();
        let mut client = gateway.client();
        client.send(&ask(true).id(&id).bytes());
        client.head().expect("a head");
        let mut text = client.until("\n\n");
        let first = started.elapsed();
        text.push_str(&client.until("[DONE]\n\n"));
        let whole = started.elapsed();
        assert_eq!(client.more(), Err(Ending::Complete));
        let pace = Duration::from_millis(10) * (judge_demo(&text) as u32 - 4);
        assert!(whole >= pace / 2, "{whole:?} is faster than it was set to");
        let record = gateway.record(&id);
        assert_eq!((&record["outcome"], &record["provider"]), (&"answered".into(), &"demo".into()));
        first + whole.saturating_sub(pace * 3)
    });
}

/// Asserts that this is a whole stream of chunks; how many.
fn judge_demo(text: &str) -> usize {
    let events: Vec<serde_json::Value> = text
        .split("\n\n")
        .filter_map(|event| serde_json::from_str(event.strip_prefix("data: ")?).ok())
        .collect();
    assert_eq!(events[0]["choices"][0]["delta"]["role"], "assistant", "{text}");
    assert!(events.iter().all(|event| event["object"] == "chat.completion.chunk"), "{text}");
    assert!(events.iter().all(|event| event["id"] == events[0]["id"]), "{text}");
    let finished = events.iter().any(|event| event["choices"][0]["finish_reason"] == "stop");
    assert!(finished && events.len() > 4, "{text}");
    events.len()
}

#[test]
fn the_demo_speaks_the_clients_format() {
    let _turn = Turn::shared();
    let gateway = unconfigured("");
    let ask = |path: &str, more: &str| {
        let content = r#"[{"type":"text","text":"Are you there?"}]"#;
        let messages = format!(r#"[{{"role":"user","content":{content}}}]"#);
        let body = format!(r#"{{"model":"demo","messages":{messages}{more}}}"#);
        gateway.client().ask(&Req::post(path, body).without("authorization"))
    };
    let whole = ask("/v1/messages", r#","max_tokens":5"#);
    assert_eq!(whole.status(), 200, "{}", whole.text());
    let message = whole.json();
    assert_eq!((&message["type"], &message["role"]), (&"message".into(), &"assistant".into()));
    assert_eq!(
        (&message["stop_reason"], &message["model"]),
        (&"max_tokens".into(), &"demo".into())
    );
    assert_eq!(message["usage"]["output_tokens"], 5);
    let said = message["content"][0]["text"].as_str().expect("a text");
    assert_eq!(said, "Hello from CrabLLM. You said: ");
    let stream = ask("/v1/messages", r#","max_tokens":500,"stream":true"#);
    let text = stream.text();
    assert_eq!(stream.head.get("content-type"), Some("text/event-stream"));
    for part in ["event: message_start", "there?", "\"end_turn\"", "event: message_stop"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let counted = ask("/v1/messages/count_tokens", "");
    assert_eq!(counted.head.get("x-crabllm-estimate"), Some("true"), "{}", counted.text());
    let vectors = gateway.client().ask(
        &Req::post("/v1/embeddings", r#"{"model":"demo","input":"x"}"#).without("authorization"),
    );
    assert_eq!(vectors.status(), 400, "{}", vectors.text());
    assert!(vectors.text().contains("no embeddings"), "{}", vectors.text());
}

#[test]
fn a_client_may_leave_the_demo() {
    let _turn = Turn::shared();
    let tables = "[providers.demo]\nkind = \"demo\"\nmodels = [\"demo\"]\ntokens_per_second = 2\n\
                  [extensions.logging]\nlevel = \"info\"\n";
    let gateway = unconfigured(tables);
    assert_within(Duration::from_millis(300), "the record", || {
        let id = fresh_id("demo-gone");
        let mut client = gateway.client();
        client.send(&ask(true).id(&id).bytes());
        client.head().expect("a head");
        drop(client);
        let gone = Instant::now();
        let (written, record) = gateway.record_at(&id);
        assert_eq!(record["outcome"], "client_gone", "{record}");
        written.saturating_duration_since(gone)
    });
}
