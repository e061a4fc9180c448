//! Streams that cross from one protocol to another.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::support::client::Answer;
use crate::support::client::Ending;
use crate::support::client::Req;
use crate::support::fresh_id;
use crate::support::http::as_chunk;
use crate::support::in_parallel;
use crate::support::providers;
use crate::support::script::Cut;
use crate::support::script::STREAM_HEAD;
use crate::support::script::Script;
use crate::translate::ask;
use crate::translate::each;
use crate::translate::kinds;
use crate::translate::message;
use crate::translate::weather;

#[test]
fn a_stream_crosses_event_by_event() {
    let lab = kinds(each);
    let answer = lab
        .ask(&ask("claude/c", json!({"stream": true, "stream_options": {"include_usage": true}})));
    assert_eq!((answer.status(), answer.ending), (200, Ending::Complete));
    let events = answer.events();
    assert_eq!(events.last().map(String::as_str), Some("[DONE]"));
    let chunks: Vec<Value> = events[..events.len() - 1]
        .iter()
        .map(|event| serde_json::from_str(event).expect("JSON"))
        .collect();
    let text: String = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(text, "Hello from Claude.");
    let usage = chunks.last().map(|chunk| chunk["usage"].clone()).expect("a last chunk");
    assert_eq!((&usage["prompt_tokens"], &usage["completion_tokens"]), (&json!(130), &json!(25)));
    let plain = lab.ask(&ask("claude/c", json!({"stream": true})));
    assert!(!plain.text().contains("prompt_tokens"), "nobody asked: {}", plain.text());
    let same = lab.ask(&message("claude/c", json!({"stream": true})));
    assert_eq!(
        same.text(),
        providers::message_events().concat(),
        "the same protocol is not touched"
    );
    let other = lab.ask(&message("real-model", json!({"stream": false})));
    assert_eq!(other.json()["stop_reason"], "end_turn", "{}", other.text());
}

/// Some upstreams do not stream what they were asked to. The client's stream begins with all that is
/// known: the model, which Bedrock does not tell, and the tokens of the prompt.
#[test]
fn a_whole_answer_becomes_a_stream_that_knows_its_model() {
    let lab = kinds(|seen| {
        if seen.head.start.contains("/converse-stream") {
            return Script::json(200, providers::CONVERSE);
        }
        Script::json(200, providers::COMPLETION)
    });
    let chunks = lab.ask(&ask("rock/nova", json!({"stream": true}))).events();
    assert_eq!(chunks.last().map(String::as_str), Some("[DONE]"));
    for chunk in &chunks[..chunks.len() - 1] {
        let chunk: Value = serde_json::from_str(chunk).expect("JSON");
        assert_eq!(chunk["model"], "nova", "{chunk}");
    }
    for (model, told, tokens) in [("rock/nova", "nova", 100), ("az/gpt", "m", 11)] {
        let answer = lab.ask(&message(model, json!({"stream": true})));
        assert_eq!((answer.status(), answer.ending), (200, Ending::Complete));
        let text = answer.text();
        let start = text.lines().find_map(|line| line.strip_prefix("data: ")).expect("an event");
        let start: Value = serde_json::from_str(start).expect("JSON");
        assert_eq!(start["type"], "message_start");
        assert_eq!(start["message"]["model"], told, "{start}");
        assert_eq!(start["message"]["usage"]["input_tokens"], tokens, "{start}");
    }
}

/// A stream of another protocol is complete only after that protocol's own end.
#[test]
fn a_translated_stream_cut_anywhere_is_never_a_success() {
    let bytes = providers::message_stream_bytes();
    let sent = bytes.clone();
    let lab = kinds(move |seen| {
        let user = seen.json()["metadata"]["user_id"].as_str().expect("a user").to_owned();
        let (at, how) = user.split_once('-').expect("a case");
        let how = if how == "0" { Cut::Fin } else { Cut::Reset };
        Script::cut(&sent, at.parse().expect("a place"), how)
    });
    let done = bytes.len() - "\n\r\n0\r\n\r\n".len();
    in_parallel(8, bytes.len() * 2, |n| {
        let (at, how) = (n / 2, n % 2);
        let user = format!("{at}-{how}");
        let id = format!("cross-{user}");
        let answer = lab.ask(&ask("claude/c", json!({"stream": true, "user": user})).id(&id));
        assert_ne!(answer.ending, Ending::Late, "cut at {at}");
        check_cut(&answer, at, done);
    });
    assert_eq!(lab.gateway.stop().len(), bytes.len() * 2, "one record each");
}

fn check_cut(answer: &Answer, at: usize, done: usize) {
    if answer.status() != 200 {
        assert_eq!(answer.status(), 502, "{}", answer.text());
        answer.error_code();
        return;
    }
    let text = answer.text();
    if text.contains("[DONE]") {
        assert!(at >= done, "success out of {at} bytes: {text}");
    } else {
        assert!(text.contains("{\"error\":"), "cut at {at} without a word: {text}");
        assert_ne!(answer.ending, Ending::Complete, "cut at {at}");
    }
}

#[test]
fn what_a_stream_says_of_its_usage_at_its_beginning_is_not_taken_for_the_end() {
    let lab = kinds(|_| {
        let begun: String = providers::message_events()[..5].concat();
        Script::default().send(STREAM_HEAD).send(as_chunk(begun.as_bytes())).fin()
    });
    for request in [ask as fn(&str, Value) -> Req, message] {
        let id = fresh_id("begun");
        let answer = lab.ask(&request("claude/c", json!({"stream": true})).id(&id));
        assert!(answer.text().contains("from Claude."), "{}", answer.text());
        let record = lab.gateway.record(&id);
        assert_eq!(record["outcome"], "upstream_failed", "{record}");
        let counted = (&record["prompt_tokens"], &record["completion_tokens"]);
        assert_eq!(counted, (&json!(130), &json!(2)), "the events of the answer: {record}");
        assert_eq!(record["usage_exact"], false);
    }
}

#[test]
fn a_stream_that_says_nothing_is_counted() {
    let lab = kinds(|_| {
        let events = providers::message_events();
        Script::stream(&[events[0].clone(), events[6].clone(), events[7].clone()])
    });
    for request in [ask as fn(&str, Value) -> Req, message] {
        let id = fresh_id("silent");
        lab.ask(&request("claude/c", json!({"stream": true})).id(&id));
        let record = lab.gateway.record(&id);
        let counted = (&record["completion_tokens"], &record["usage_exact"]);
        assert_eq!(counted, (&json!(25), &json!(true)), "{record}");
    }
}

#[test]
fn a_client_that_leaves_a_translated_stream_takes_the_upstream_with_it() {
    let lab = kinds(|_| {
        let events = providers::message_events();
        Script::default().send(STREAM_HEAD).send(as_chunk(events[..4].concat().as_bytes())).hold()
    });
    let mut client = lab.client();
    client.send(&ask("claude/c", json!({"stream": true})).bytes());
    client.head().expect("a head");
    client.until("Hello ");
    drop(client);
    let (at, _) = lab.upstream.wait_closed(0);
    assert!(at.elapsed() < Duration::from_secs(5));
    let record = &lab.gateway.stop()[0];
    assert_eq!(record["outcome"], "client_gone");
    assert_eq!(record["completion_tokens"], 1, "{record}");
}

#[test]
fn an_image_that_a_model_makes_reaches_the_client_or_is_told() {
    const WHOLE: &str = r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"Here:"},
        {"inlineData":{"mimeType":"image/png","data":"iVBORw0KGgo="}},
        {"inlineData":{"mimeType":"audio/wav","data":"UklGRg=="}}]},"finishReason":"STOP"}]}"#;
    let lab = kinds(|seen| {
        if seen.head.start.contains(":generateContent") {
            return Script::json(200, WHOLE);
        }
        Script::stream(&[format!("data: {}\r\n\r\n", WHOLE.replace('\n', ""))])
    });
    let model = "gem/gemini-2.5-flash-image";
    let image = json!([{"type": "image_url",
        "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}]);
    let answer = lab.ask(&ask(model, json!({})));
    assert_eq!(answer.json()["choices"][0]["message"]["images"], image);
    assert_eq!(answer.head.get("x-crabllm-dropped"), Some("answer.audio"));
    let stream = lab.ask(&ask(model, json!({"stream": true}))).text();
    let mut chunks = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    let told = chunks.find(|chunk| chunk.contains("images")).expect("a chunk with images");
    let told: Value = serde_json::from_str(told).expect("JSON");
    assert_eq!(told["choices"][0]["delta"]["images"], image);
    assert!(stream.contains("\n: answer.audio is left out"), "{stream}");
    let answer = lab.ask(&message(model, json!({})));
    assert_eq!(answer.head.get("x-crabllm-dropped"), Some("answer.image, answer.audio"));
    let stream = lab.ask(&message(model, json!({"stream": true}))).text();
    assert!(stream.contains("\n: answer.image is left out"), "{stream}");
}

#[test]
fn calls_come_in_the_form_that_tools_were_given_in() {
    let lab = kinds(|seen| {
        let config = &seen.json()["tools"][0]["functionDeclarations"][0];
        assert_eq!(config["name"], "get_weather");
        let said = seen.json()["contents"][0]["parts"][0]["text"].clone();
        if said == "two" {
            let call = r#"{"functionCall":{"name":"get_weather","args":{"city":"Berlin"}}}"#;
            let content = format!(r#""content":{{"parts":[{call},{call}]}}"#);
            return Script::json(200, &format!(r#"{{"candidates":[{{{content}}}]}}"#));
        }
        if said == "whole" || !seen.head.start.contains("streamGenerateContent") {
            return Script::json(200, providers::GEMINI_CALL);
        }
        Script::stream(&[format!("data: {}\r\n\r\n", providers::GEMINI_CALL)])
    });
    let functions = [weather()[0]["function"].clone()];
    let told = |said: &str, stream: bool| {
        let messages = [json!({"role": "user", "content": said})];
        let more = json!({"functions": functions, "messages": messages, "stream": stream});
        lab.ask(&ask("gem/gemini-2.5-pro", more))
    };
    let call = json!({"name": "get_weather", "arguments": "{\"city\":\"Berlin\"}"});
    let whole = told("hi", false).json()["choices"][0].clone();
    assert_eq!(whole["message"]["function_call"], call, "{whole}");
    assert_eq!(
        (whole["message"].get("tool_calls"), &whole["finish_reason"]),
        (None, &json!("function_call"))
    );
    let two = told("two", false);
    assert_eq!(two.json()["choices"][0]["message"]["function_call"], call);
    assert_eq!(two.head.get("x-crabllm-dropped"), Some("parallel_tool_calls, answer.tool_calls"));
    // Some upstreams do not stream what they were asked to.
    for said in ["hi", "whole"] {
        let stream = told(said, true).text();
        for words in [
            r#""delta":{"function_call":{"name":"get_weather","arguments":""}}"#,
            r#""delta":{"function_call":{"arguments":"{\"city\":\"Berlin\"}"}}"#,
            r#""finish_reason":"function_call""#,
        ] {
            assert_eq!(stream.matches(words).count(), 1, "{words} in {stream}");
        }
        assert!(!stream.contains("tool_calls"), "{stream}");
    }
}
