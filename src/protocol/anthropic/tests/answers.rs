//! Whole answers.

use serde_json::json;

use crate::chat::Answer;
use crate::chat::Arguments;
use crate::chat::Choice;
use crate::chat::Citation;
use crate::chat::Finish;
use crate::chat::Fold;
use crate::chat::Json;
use crate::chat::Protocol;
use crate::chat::Said;
use crate::chat::Signature;
use crate::chat::Text;
use crate::chat::Usage;
use crate::protocol::anthropic::response;
use crate::protocol::anthropic::tests::SEED;
use crate::protocol::anthropic::tests::folded;
use crate::protocol::anthropic::tests::tree;

const ANSWER: &str = r#"{
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x",
    "content": [
        {"type": "thinking", "thinking": "", "signature": "S"},
        {"type": "redacted_thinking", "data": "R"},
        {"type": "text", "text": "It is", "citations": null},
        {"type": "text", "text": " so.", "citations": [
            {"type": "web_search_result_location", "url": "u", "title": "t", "cited_text": "c",
             "encrypted_index": "e"},
            {"type": "char_location", "cited_text": "c"}
        ]},
        {"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {"q": 1}},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1.0},
         "caller": {"type": "direct"}},
        {"type": "tool_use", "id": "toolu_2", "name": "g", "input": {}}
    ],
    "stop_reason": "tool_use", "stop_sequence": null, "container": {"id": "c"},
    "usage": {
        "input_tokens": 100, "cache_creation_input_tokens": 10, "cache_read_input_tokens": 20,
        "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 7},
        "output_tokens": 40, "output_tokens_details": {"thinking_tokens": 15},
        "service_tier": "standard"
    }
}"#;

const fn own(data: Text<'static>) -> Signature<'static> {
    Signature { by: Protocol::Anthropic, data }
}

#[test]
fn an_answer_is_understood() {
    let answer = folded(ANSWER);
    assert_eq!(answer.start.id, Text::plain("msg_1"));
    assert_eq!(answer.start.model, Text::plain("claude-x"));
    assert!(answer.complete);
    let usage = Usage {
        prompt: 130,
        completion: 40,
        cached: 20,
        cache_write: 10,
        cache_write_long: 7,
        reasoning: 15,
        ..Usage::default()
    };
    assert_eq!(answer.usage, Some(usage));
    let names: Vec<_> = answer.extra.iter().map(|extra| &*extra.name).collect();
    assert_eq!(names, ["container"]);
    let choice = &answer.choices[0];
    assert_eq!(choice.finish, Some(Finish::Calls));
    let names: Vec<_> = choice.extra.iter().map(|extra| &*extra.name).collect();
    assert_eq!(names, ["citation", "server_tool_use"]);
    let call = |id: &str, name: &str, input| Said::Call {
        id: Text::plain(id),
        name: Text::plain(name),
        arguments: Arguments::Value(Json::fixed(input)),
        custom: false,
        signature: None,
    };
    let (url, title) = (Text::plain("u"), Some(Text::plain("t")));
    assert_eq!(
        choice.parts,
        [
            Said::Thinking { text: Text::default(), signature: Some(own(Text::plain("S"))) },
            Said::Redacted(own(Text::plain("R"))),
            Said::Text {
                text: Text::plain("It is so."),
                citations: vec![Citation { url, title, range: None }],
                signature: None,
            },
            call("toolu_1", "f", r#"{"a": 1.0}"#),
            call("toolu_2", "g", "{}"),
        ]
    );
}

#[test]
fn reasons_are_told_both_ways() {
    let body = |reason: &str, sequence: &str| {
        format!(
            r#"{{"id":"m","model":"c","content":[],"stop_reason":{reason},"stop_sequence":{sequence},"usage":{{}}}}"#
        )
    };
    for (reason, finish) in [
        ("end_turn", Finish::Stop),
        ("max_tokens", Finish::Length),
        ("tool_use", Finish::Calls),
        ("pause_turn", Finish::Paused),
        ("refusal", Finish::Refused),
        ("model_context_window_exceeded", Finish::ContextFull),
        ("stop_sequence", Finish::StopSequence(Some(Text::plain("END")))),
    ] {
        let sequence = if reason == "stop_sequence" { "\"END\"" } else { "null" };
        let text = body(&format!("\"{reason}\""), sequence);
        let answer = folded(&text);
        assert_eq!(answer.choices[0].finish, Some(finish), "{reason}");
        let mut out = Vec::new();
        response::write(&answer, SEED, &mut out);
        let back = tree(std::str::from_utf8(&out).unwrap());
        assert_eq!(
            (&back["stop_reason"], &back["stop_sequence"]),
            (&json!(reason), &tree(sequence))
        );
    }
    let text = body("\"of_the_future\"", "null");
    let answer = folded(&text);
    assert_eq!(answer.choices[0].finish, Some(Finish::Stop));
    let mut out = Vec::new();
    response::write(&answer, SEED, &mut out);
    assert_eq!(tree(std::str::from_utf8(&out).unwrap())["stop_reason"], "of_the_future");
    let text = body("null", "null");
    assert_eq!(folded(&text).choices[0].finish, Some(Finish::Stop));
}

#[test]
fn what_is_no_answer() {
    for body in [
        "[]",
        "{}",
        r#"{"content":7}"#,
        r#"{"content":[7]}"#,
        r#"{"content":[{"type":"text"}]}"#,
        r#"{"content":[{"type":"tool_use","id":"1","input":{}}]}"#,
    ] {
        let mut fold = Fold::default();
        assert!(response::read(body.as_bytes(), SEED, &mut fold).is_err(), "{body}");
        assert!(!fold.answer().complete);
    }
    let answer = folded(r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#);
    assert_eq!(answer.failure.unwrap().status, 529);
    assert!(!answer.complete);
}

#[test]
fn answers_of_others_are_told_in_anthropics_words() {
    let foreign = |data: &str| Signature { by: Protocol::Gemini, data: Text::plain(data) };
    let call = |id: &str, arguments: &str, custom, signature| Said::Call {
        id: Text::plain(id),
        name: Text::plain("a.b"),
        arguments: Arguments::Quoted(Text::plain(arguments)),
        custom,
        signature,
    };
    let parts = vec![
        Said::Thinking { text: Text::plain("hm"), signature: None },
        Said::Text { text: Text::default(), citations: vec![], signature: None },
        Said::Text { text: Text::plain("hi"), citations: vec![], signature: Some(foreign("T")) },
        Said::Refusal(Text::plain("no")),
        call("call.1", "{\"x\":1}", false, Some(foreign("AbC="))),
        call("", "", false, None),
        call("3", "say \"x\"", true, None),
        call("4", "{\"cut", false, None),
    ];
    let choice = Choice { parts, finish: Some(Finish::StopSequence(None)), ..Choice::default() };
    let answer = Answer { choices: vec![choice], ..Answer::default() };
    let mut out = Vec::new();
    response::write(&answer, SEED, &mut out);
    let body = tree(std::str::from_utf8(&out).unwrap());
    let made = body["content"][5]["id"].as_str().unwrap().to_owned();
    assert!(made.starts_with("toolu_") && body["id"].as_str().unwrap().starts_with("msg_"));
    let call =
        |id: &str, input| json!({"type": "tool_use", "id": id, "name": "a.b", "input": input});
    assert_eq!(
        body["content"],
        json!([
            {"type": "thinking", "thinking": "hm", "signature": ""},
            {"type": "text", "text": "hi"},
            {"type": "text", "text": "no"},
            {"type": "thinking", "thinking": "", "signature": "crabllm.gemini.AbC="},
            call("call_1", json!({"x": 1})),
            call(&made, json!({})),
            call("3", json!({"input": "say \"x\""})),
            call("4", json!({"input": "{\"cut"})),
        ])
    );
    assert_eq!(body["stop_reason"], "end_turn");
    assert_eq!(
        body["usage"],
        json!({"input_tokens": 0, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
               "output_tokens": 0})
    );
}
