//! Clients of one protocol, upstreams of another.

use serde_json::Value;
use serde_json::json;

use crate::lab::Lab;
use crate::support::client::Ending;
use crate::support::client::Req;
use crate::support::fixtures::KEY;
use crate::support::fresh_id;
use crate::support::http;
use crate::support::providers;
use crate::support::providers::every_kind;
use crate::support::script::STREAM_HEAD;
use crate::support::script::Script;
use crate::support::upstream::Seen;

pub fn ask(model: &str, more: Value) -> Req {
    let mut body = json!({"model": model, "messages": [{"role": "user", "content": "hi"}]});
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
        body.extend(more);
    }
    Req::chat(body.to_string())
}

pub fn message(model: &str, more: Value) -> Req {
    let mut body =
        json!({"model": model, "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]});
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
        body.extend(more);
    }
    Req::post("/v1/messages", body.to_string())
}

pub fn kinds(answer: impl Fn(&Seen) -> Script + Send + Sync + 'static) -> Lab {
    Lab::with(every_kind, answer)
}

/// Answers each kind of upstream by the path it is called at.
pub fn each(seen: &Seen) -> Script {
    let path = seen.head.start.split(' ').nth(1).unwrap_or_default().to_owned();
    match path.as_str() {
        path if path.ends_with("/messages") => providers::claude(seen.json()["stream"] == true),
        path if path.contains(":generateContent") => Script::json(200, providers::GEMINI_TEXT),
        path if path.ends_with("/converse") => Script::json(200, providers::CONVERSE),
        "/api/chat" => Script::json(200, providers::OLLAMA),
        _ => Script::json(200, providers::COMPLETION),
    }
}

#[test]
fn every_kind_is_called_at_its_path_with_its_credentials() {
    let lab = kinds(each);
    for (model, path, header, value) in [
        ("claude/claude-sonnet-4-5", "/v1/messages", "x-api-key", "sk-ant-up"),
        (
            "gem/gemini-2.5-pro",
            "/v1beta/models/gemini-2.5-pro:generateContent",
            "x-goog-api-key",
            "goog-up",
        ),
        (
            "az/gpt 4",
            "/openai/deployments/gpt%204/chat/completions?api-version=2024-10-21",
            "api-key",
            "az-up",
        ),
        (
            "rock/amazon.nova-lite-v1:0",
            "/model/amazon.nova-lite-v1%3A0/converse",
            "authorization",
            "AWS4-HMAC-SHA256 ",
        ),
        ("llama/llama3.2", "/api/chat", "content-type", "application/json"),
    ] {
        let id = fresh_id("kind");
        let answer = lab.ask(&ask(model, json!({})).id(&id));
        assert_eq!(
            (answer.status(), answer.ending),
            (200, Ending::Complete),
            "{model}: {}",
            answer.text()
        );
        let said = &answer.json()["choices"][0];
        assert!(
            said["message"]["content"].as_str().is_some_and(|text| !text.is_empty()),
            "{model}"
        );
        assert_eq!(said["finish_reason"], "stop", "{model}");
        let seen = lab.upstream.requests().pop().expect("a request");
        assert_eq!(seen.head.start, format!("POST {path} HTTP/1.1"));
        assert!(seen.head.get(header).is_some_and(|got| got.starts_with(value)), "{:?}", seen.head);
        let shown = format!("{:?}{}", seen.head, seen.text());
        assert!(!shown.contains(KEY), "the client's key reached {model}");
        assert_eq!(lab.gateway.record(&id)["outcome"], "answered");
    }
}

#[test]
fn usage_comes_in_the_clients_accounting() {
    let lab = kinds(each);
    for (model, cached) in [("claude/c", 20), ("rock/r", 20), ("llama/l", 0)] {
        let id = fresh_id("usage");
        let usage = lab.ask(&ask(model, json!({})).id(&id)).json()["usage"].clone();
        assert_eq!(
            (&usage["prompt_tokens"], &usage["completion_tokens"]),
            (&json!(130), &json!(25))
        );
        assert_eq!(usage["total_tokens"], 155);
        let details = usage["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap_or(0);
        assert_eq!(details, cached, "{model}");
        assert_eq!(lab.gateway.record(&id)["prompt_tokens"], 130);
        let message = lab.ask(&message(model, json!({}))).json();
        assert_eq!(message["type"], "message");
        assert_eq!(message["usage"]["output_tokens"], 25, "{model}: {message}");
        let count = |name: &str| message["usage"][name].as_u64().unwrap_or(0);
        let all = count("input_tokens") + count("cache_read_input_tokens");
        assert_eq!(all + count("cache_creation_input_tokens"), 130, "{model}: {message}");
    }
}

#[test]
fn what_cannot_be_told_is_named_and_strict_refuses_it() {
    let lab = kinds(each);
    let request = ask("claude/c", json!({"seed": 1, "logit_bias": {"1": 2}}));
    let answer = lab.ask(&request);
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let dropped = answer.head.get("x-crabllm-dropped").expect("a list").to_owned();
    assert!(dropped.contains("seed") && dropped.contains("logit_bias"), "{dropped}");
    let strict = lab.ask(&request.clone().with("x-crabllm-strict", "true"));
    assert_eq!(strict.status(), 400);
    assert!(strict.json()["error"]["message"].as_str().is_some_and(|text| text.contains("seed")));
    assert_eq!(lab.upstream.requests().len(), 1, "a refused request is not sent");
    for (value, status) in [("1", 400), ("false", 200), ("yes", 400)] {
        assert_eq!(
            lab.ask(&request.clone().with("x-crabllm-strict", value)).status(),
            status,
            "{value}"
        );
    }
    let unknown = lab.ask(&ask("claude/c", json!({})).with("x-crabllm-strict", "yes"));
    assert!(unknown.text().contains("`x-crabllm-strict` must be true or false"));
    let plain = lab.ask(&ask("claude/c", json!({})).with("x-crabllm-strict", "true"));
    assert_eq!((plain.status(), plain.head.get("x-crabllm-dropped")), (200, None));
}

#[test]
fn an_error_comes_in_the_clients_words() {
    let lab = kinds(|seen| {
        if seen.head.start.contains("generateContent") {
            let body = r#"{"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"7s"}]}}"#;
            return Script::json(429, body);
        }
        if seen.text().contains("down") {
            let body = r#"{"type":"error","error":{"type":"api_error","message":"down"}}"#;
            return Script::json(503, body);
        }
        let body = r#"{"type":"error","error":{"type":"overloaded_error","message":"too busy"}}"#;
        Script::json(529, body)
    });
    let answer = lab.ask(&ask("gem/g", json!({})));
    assert_eq!((answer.status(), answer.head.get("retry-after")), (429, Some("7")));
    assert_eq!(answer.json()["error"]["message"], "slow down");
    let answer = lab.ask(&ask("claude/c", json!({})));
    assert!(matches!(answer.status(), 503 | 529), "{}", answer.status());
    assert_eq!(answer.json()["error"]["message"], "too busy");
    let answer = lab.ask(&ask("claude/c", json!({"user": "down"})));
    assert_eq!((answer.status(), &answer.json()["error"]["message"]), (503, &json!("down")));
    let answer = lab.ask(&message("gem/g", json!({})));
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.json()["error"]["type"], "rate_limit_error", "{}", answer.text());
    let same = lab.ask(&message("claude/c", json!({})));
    assert_eq!((same.status(), &same.json()["error"]["type"]), (529, &json!("overloaded_error")));
}

#[test]
fn refusals_of_our_own_have_the_clients_shape() {
    let lab = kinds(each);
    let request = message("claude/c", json!({}));
    let answer = lab.ask(&request.clone().without("authorization"));
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.json()["type"], "error", "{}", answer.text());
    assert_eq!(answer.json()["error"]["type"], "authentication_error");
    let answer = lab.ask(&message("nobody", json!({})));
    assert_eq!(
        (answer.status(), &answer.json()["error"]["type"]),
        (404, &json!("not_found_error"))
    );
    let answer = lab.ask(&request.without("authorization").with("x-api-key", KEY));
    assert_eq!(answer.status(), 200, "{}", answer.text());
}

#[test]
fn the_clients_version_and_betas_go_on_to_the_same_protocol_only() {
    let lab = kinds(each);
    let with = |request: Req| {
        request.with("anthropic-version", "2026-10-21").with("anthropic-beta", "a,b")
    };
    lab.ask(&with(message("claude/c", json!({}))));
    lab.ask(&with(ask("claude/c", json!({}))));
    let seen = lab.upstream.requests();
    assert_eq!(seen[0].head.get("anthropic-version"), Some("2026-10-21"));
    assert_eq!(seen[0].head.get("anthropic-beta"), Some("a,b"));
    assert_eq!(seen[1].head.get("anthropic-version"), Some("2023-06-01"));
    assert_eq!(seen[1].head.get("anthropic-beta"), None);
}

/// A turn of thoughts and a call, and its result.
fn thoughtful(thoughts: &Value) -> Value {
    let mut blocks = thoughts.as_array().expect("blocks").clone();
    blocks.push(json!({"type": "text", "text": "I look."}));
    blocks.push(json!({"type": "tool_use", "id": "t1", "name": "look", "input": {}}));
    json!([
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": blocks},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t1", "content": "sun"},
            {"type": "text", "text": "well?", "cache_control": {"type": "ephemeral"}},
        ]},
    ])
}

#[test]
fn a_conversation_goes_on_at_anthropic_without_what_others_thought() {
    let lab = kinds(each);
    let tools =
        json!([{"name": "look", "input_schema": {"type": "object"}, "defer_loading": true}]);
    let own = json!([{"type": "thinking", "thinking": "own", "signature": "AbC="}]);
    let others = json!([
        {"type": "thinking", "thinking": "another's", "signature": "crabllm.gemini.AbC="},
        {"type": "thinking", "thinking": "a look-alike's", "signature": ""},
        {"type": "redacted_thinking", "data": "crabllm.bedrock.AbC="},
    ]);
    let more = |messages: &Value, stream: bool| {
        json!({"tools": tools, "messages": messages, "stream": stream, "max_tokens": 9000,
            "thinking": {"type": "enabled", "budget_tokens": 2048}})
    };
    let send = |model: &str, thoughts: &Value, stream: bool| {
        let request = message(model, more(&thoughtful(thoughts), stream));
        let request = request.with("anthropic-version", "2026-10-21").with("anthropic-beta", "b1");
        let answer = lab.ask(&request);
        assert_eq!((answer.status(), answer.ending), (200, Ending::Complete), "{}", answer.text());
        (answer, lab.upstream.requests().pop().expect("a request"))
    };
    let (answer, sent) = send("claude/claude-opus-4-5", &own, false);
    assert_eq!(sent.json()["messages"], thoughtful(&own), "forwarded");
    assert_eq!(sent.json()["thinking"]["type"], "enabled");
    assert_eq!(answer.json()["id"], "msg_up");
    for stream in [false, true] {
        let (answer, sent) = send("claude/claude-opus-4-5", &others, stream);
        assert_eq!(sent.json()["messages"], thoughtful(&json!([])));
        assert_eq!(sent.json()["tools"], tools, "nothing else is lost");
        // Claude does not go on thinking behind a call that it made without a thought.
        assert_eq!(sent.json().get("thinking"), None, "{}", sent.text());
        assert_eq!(answer.head.get("x-crabllm-dropped"), Some("reasoning_effort"));
        assert_eq!(sent.head.get("anthropic-version"), Some("2026-10-21"));
        assert_eq!(sent.head.get("anthropic-beta"), Some("b1"));
        let usage = "\"cache_creation_input_tokens\":10";
        assert!(answer.text().contains("msg_up") && answer.text().contains(usage));
    }
    let mut body = more(&thoughtful(&others), false);
    body["model"] = "claude/claude-opus-4-5".into();
    body.as_object_mut().expect("an object").remove("max_tokens");
    lab.ask(&Req::post("/v1/messages/count_tokens", body.to_string()));
    let counted = lab.upstream.requests().pop().expect("a request");
    assert!(counted.head.start.contains("count_tokens"), "{}", counted.head.start);
    assert_eq!(counted.json()["messages"], thoughtful(&json!([])));
}

#[test]
fn a_look_alike_gets_its_unsigned_thoughts_back() {
    let lab = kinds(each);
    let thoughts = json!([{"type": "thinking", "thinking": "hm", "signature": ""}]);
    lab.ask(&message("claude/mimic-1", json!({"messages": thoughtful(&thoughts)})));
    let sent = lab.upstream.requests().pop().expect("a request");
    assert_eq!(sent.json()["messages"], thoughtful(&thoughts));
}

pub fn weather() -> Value {
    let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let function = json!({"name": "get_weather", "parameters": parameters});
    json!([{"type": "function", "function": function}])
}

/// Whether a client that comes back with the result of the call `id`, whichever shard it comes to,
/// has the call's signature told for it.
fn is_signed(lab: &Lab, id: &Value) -> bool {
    let messages = json!([
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": null, "tool_calls": [{
            "id": id, "type": "function",
            "function": {"name": "get_weather", "arguments": "{\"city\":\"Berlin\"}"},
        }]},
        {"role": "tool", "tool_call_id": id, "content": "sun"},
    ]);
    let request = ask("gem/gemini-3-pro", json!({"tools": weather(), "messages": messages}));
    let mut signed = (0..16).map(|_| {
        let answer = lab.ask(&request);
        let said = answer.json()["choices"][0]["message"]["content"].clone();
        assert_eq!(said, "Sunny.", "{}", answer.text());
        let sent = lab.upstream.requests().pop().expect("a request").json();
        sent["contents"][1]["parts"][0]["thoughtSignature"] == "c2lnbmVk"
    });
    signed.all(|signed| signed)
}

#[test]
fn a_signature_comes_back_with_its_call() {
    let lab = Lab::with(
        |setup| every_kind(setup.shards(4)),
        |seen| {
            if seen.text().contains("functionResponse") {
                Script::json(200, providers::GEMINI_TEXT)
            } else if seen.head.start.contains("streamGenerateContent") {
                let event = format!("data: {}\r\n\r\n", providers::GEMINI_CALL);
                Script::default().send(STREAM_HEAD).send(http::as_chunk(event.as_bytes())).hold()
            } else {
                Script::json(200, providers::GEMINI_CALL)
            }
        },
    );
    let first = |stream| ask("gem/gemini-3-pro", json!({"tools": weather(), "stream": stream}));
    let whole = lab.ask(&first(false));
    let call = &whole.json()["choices"][0]["message"]["tool_calls"][0];
    assert_eq!(call["function"]["name"], "get_weather", "{}", whole.text());
    assert!(is_signed(&lab, &call["id"]));
    // A client may act on a call before the stream that made it is over.
    let mut client = lab.client();
    client.send(&first(true).bytes());
    let stream = client.until("get_weather");
    let id = stream.split("\"id\":\"call").nth(1).and_then(|rest| rest.split('"').next());
    assert!(is_signed(&lab, &format!("call{}", id.expect("an id")).into()), "{stream}");
}

#[test]
fn tools_come_back_as_the_client_named_them() {
    let lab = kinds(|seen| {
        let tools = seen.json()["tools"].clone();
        let name = |at: usize| tools[at]["name"].as_str().expect("a name").to_owned();
        assert_eq!(name(0), "fs_read");
        let content = json!([
            {"type": "tool_use", "id": "t1", "name": name(0), "input": {"path": "a"}},
            {"type": "tool_use", "id": "t2", "name": name(1), "input": {"input": "*** patch"}},
        ]);
        let usage = json!({"input_tokens": 1, "output_tokens": 1});
        let answer = json!({
            "id": "m", "type": "message", "role": "assistant", "model": "c", "content": content,
            "stop_reason": "tool_use", "stop_sequence": null, "usage": usage,
        });
        Script::json(200, &answer.to_string())
    });
    let tools = json!([
        {"type": "function", "function": {"name": "fs.read", "parameters": {"type": "object"}}},
        {"type": "custom", "custom": {"name": "patch"}},
    ]);
    let answer = lab.ask(&ask("claude/c", json!({"tools": tools}))).json();
    let calls = answer["choices"][0]["message"]["tool_calls"].clone();
    assert_eq!(calls[0]["function"]["name"], "fs.read", "{answer}");
    assert_eq!(
        (&calls[1]["type"], &calls[1]["custom"]["input"]),
        (&json!("custom"), &json!("*** patch"))
    );
}

#[test]
fn tokens_are_counted_or_estimated() {
    let lab = kinds(|seen| {
        assert!(seen.head.start.contains("count_tokens"), "{}", seen.head.start);
        Script::json(200, r#"{"input_tokens":42}"#)
    });
    let body =
        json!({"model": "claude/c", "messages": [{"role": "user", "content": "hello there"}]});
    let count = |model: &str| {
        let mut body = body.clone();
        body["model"] = model.into();
        lab.ask(&Req::post("/v1/messages/count_tokens", body.to_string()))
    };
    let told = count("claude/c");
    assert_eq!(
        (told.json()["input_tokens"].as_u64(), told.head.get("x-crabllm-estimate")),
        (Some(42), None)
    );
    let guess = count("real-model");
    assert_eq!(guess.head.get("x-crabllm-estimate"), Some("true"), "{}", guess.text());
    assert!(guess.json()["input_tokens"].as_u64().is_some_and(|n| (2..12).contains(&n)));
}
