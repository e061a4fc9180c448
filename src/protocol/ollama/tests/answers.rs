//! Whole answers.

use crate::chat::Answer;
use crate::chat::Arguments;
use crate::chat::Choice;
use crate::chat::Class;
use crate::chat::Extra;
use crate::chat::Failure;
use crate::chat::Finish;
use crate::chat::Json;
use crate::chat::Protocol;
use crate::chat::Said;
use crate::chat::Signature;
use crate::chat::Start;
use crate::chat::Text;
use crate::chat::Usage;
use crate::protocol::ollama::tests::SEED;
use crate::protocol::ollama::tests::answer;
use crate::protocol::ollama::tests::answer_text;
use crate::protocol::ollama::tests::json;

const WHOLE: &str = r#"{"model":"qwen3","created_at":"2026-11-22T12:00:00.123456789Z",
    "message":{"role":"assistant","content":"a\u00e9","thinking":"hm","tool_calls":[
        {"id":"c1","function":{"index":0,"name":"f","arguments":{"n":1.0,"a":[]}}},
        {"function":{"name":"g","arguments":{}}}],"mood":"good"},
    "done":true,"done_reason":"stop","total_duration":5000000,"prompt_eval_count":26,
    "eval_count":9,"logprobs":[{"token":"a","logprob":-0.1},{"token":"b","logprob":-2,"bytes":[98],
        "top_logprobs":[{"token":"b","logprob":-2}]}]}"#;

#[test]
fn all_of_an_answer_is_read() {
    let answer = answer(WHOLE).unwrap();
    assert!(answer.complete);
    assert_eq!(answer.start.model, Text::plain("qwen3"));
    assert_eq!(answer.start.created, Some(1_795_348_800));
    assert_eq!(answer.usage, Some(Usage { prompt: 26, completion: 9, ..Usage::default() }));
    assert_eq!(answer.extra[0].name, "total_duration");
    let choice = &answer.choices[0];
    assert_eq!(choice.finish, Some(Finish::Calls));
    assert_eq!(choice.extra[0].name, "mood");
    let made = SEED.id("call_", 1);
    let call = |id: &str, name: &str, arguments: &'static str| Said::Call {
        id: Text::plain(id),
        name: Text::plain(name),
        arguments: Arguments::Value(Json::fixed(arguments)),
        custom: false,
        signature: None,
    };
    let parts = [
        Said::Thinking { text: Text::plain("hm"), signature: None },
        Said::Text { text: Text::plain("a\u{e9}"), citations: Vec::new(), signature: None },
        call("c1", "f", r#"{"n":1.0,"a":[]}"#),
        call(&made, "g", "{}"),
    ];
    assert_eq!(choice.parts, parts);
    let tokens: Vec<_> = choice.logprobs.iter().map(|token| format!("{token:?}")).collect();
    assert_eq!(
        tokens,
        [
            r#"{"content":[{"token":"a","logprob":-0.1,"bytes":null,"top_logprobs":[]}],"refusal":null}"#,
            r#"{"content":[{"token":"b","logprob":-2,"bytes":[98],"top_logprobs":[{"token":"b","logprob":-2,"bytes":null}]}],"refusal":null}"#,
        ]
    );
}

#[test]
fn why_it_ended_has_two_words() {
    let body = |why: &str| {
        format!(r#"{{"model":"m","message":{{"content":"x"}},"done":true,"done_reason":"{why}"}}"#)
    };
    for (why, finish) in [
        ("stop", Finish::Stop),
        ("load", Finish::Stop),
        ("unload", Finish::Stop),
        ("length", Finish::Length),
    ] {
        let body = body(why);
        let answer = answer(&body).unwrap();
        assert_eq!(answer.choices[0].finish, Some(finish));
        assert_eq!(answer.usage, None);
    }
}

#[test]
fn what_is_no_answer_is_garbage() {
    for body in [
        "",
        "[]",
        "{}",
        r#"{"model":"m","response":"x","done":true}"#,
        r#"{"model":"m","message":{"content":"x"},"done":false}"#,
        r#"{"model":"m","message":{"content":"x"}}"#,
        r#"{"model":"m","message":{"content":"x"},"done":1}"#,
        r#"{"model":"m","message":"x","done":true}"#,
        r#"{"model":"m","message":{"content":[]},"done":true}"#,
        r#"{"model":"m","message":{"thinking":1},"done":true}"#,
        r#"{"model":"m","message":{"tool_calls":[{}]},"done":true}"#,
        r#"{"message":{"tool_calls":[{"function":{"name":"f","arguments":[]}}]},"done":true}"#,
    ] {
        assert!(answer(body).is_err(), "{body}");
    }
}

#[test]
fn an_error_with_status_200_is_a_failure() {
    let answer = answer(r#"{"error":"it broke"}"#).unwrap();
    let failure = answer.failure.unwrap();
    assert_eq!((failure.class, failure.message), (Class::Server, Text::plain("it broke")));
    assert!(!answer.complete);
}

#[test]
fn what_others_say_is_written_as_far_as_it_goes() {
    let text = |text: &str| Text::plain(text);
    let signature = Some(Signature { by: Protocol::Anthropic, data: text("s") });
    let call = |id: &str, arguments: &str, custom| Said::Call {
        id: text(id),
        name: text("f"),
        arguments: Arguments::Quoted(text(arguments)),
        custom,
        signature: None,
    };
    let parts = vec![
        Said::Thinking { text: text("h"), signature },
        Said::Thinking { text: text("m"), signature: None },
        Said::Text { text: text("a"), citations: Vec::new(), signature: None },
        Said::Refusal(text("b")),
        call("x", "", false),
        call("", "not json", false),
        call("y", "{\"free\"}", true),
    ];
    let choice = Choice { parts, finish: Some(Finish::ContextFull), ..Choice::default() };
    let answer = Answer {
        start: Start { model: text("m"), ..Start::default() },
        choices: vec![choice, Choice::default()],
        extra: vec![Extra { by: Protocol::Openai, name: "x".into(), value: Json::fixed("1") }],
        ..Answer::default()
    };
    let expected = json(&format!(
        r#"{{"model":"m","created_at":"2023-11-14T22:13:20Z","message":{{"role":"assistant",
        "content":"ab","thinking":"hm","tool_calls":[
            {{"id":"x","function":{{"index":0,"name":"f","arguments":{{}}}}}},
            {{"id":"{}","function":{{"index":1,"name":"f","arguments":{{"input":"not json"}}}}}},
            {{"id":"y","function":{{"index":2,"name":"f","arguments":{{"input":"{{\"free\"}}"}}}}}}]}},
        "done_reason":"length","done":true}}"#,
        SEED.id("call_", 1)
    ));
    assert_eq!(json(&answer_text(&answer)), expected);
    let failed = Answer { failure: Some(Failure::new(Class::Server, "no")), ..answer };
    assert_eq!(answer_text(&failed), r#"{"error":"no"}"#);
}
