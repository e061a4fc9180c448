//! Whole answers.

use super::SEED;
use super::same;
use crate::chat::Answer;
use crate::chat::Arguments;
use crate::chat::Choice;
use crate::chat::Class;
use crate::chat::Event;
use crate::chat::Finish;
use crate::chat::Fold;
use crate::chat::Json;
use crate::chat::Protocol;
use crate::chat::Said;
use crate::chat::Signature;
use crate::chat::Text;
use crate::chat::Usage;
use crate::protocol::openai::chat::response;

fn read(body: &str) -> Answer<'_> {
    let mut fold = Fold::default();
    response::read(body.as_bytes(), SEED, &mut fold).unwrap();
    fold.answer()
}

fn shown(answer: &Answer<'_>) -> String {
    let mut out = Vec::new();
    response::write(answer, SEED, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn an_answer_is_read_in_full_and_written_as_it_was() {
    let body = r#"{"id":"chatcmpl-1","object":"chat.completion","created":17,"model":"gpt",
        "choices":[{"index":0,"message":{"role":"assistant","content":"hi","refusal":null,
            "reasoning_content":"hm",
            "annotations":[{"type":"url_citation","url_citation":
                {"start_index":0,"end_index":2,"title":"t","url":"https://x"}}],
            "tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},
                {"id":"c2","type":"custom","custom":{"name":"g","input":"free"}}]},
            "logprobs":{"content":[{"token":"hi"}],"refusal":null},"finish_reason":"tool_calls"}],
        "usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,
            "prompt_tokens_details":{"cached_tokens":4,"cache_write_tokens":2,"audio_tokens":1},
            "completion_tokens_details":{"reasoning_tokens":3,"audio_tokens":2,
                "accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},
        "service_tier":"default","system_fingerprint":"fp"}"#;
    let answer = read(body);
    assert!(answer.complete);
    let expected = Usage {
        prompt: 10,
        completion: 5,
        cached: 4,
        cache_write: 2,
        reasoning: 3,
        audio_prompt: 1,
        audio_completion: 2,
        ..Usage::default()
    };
    assert_eq!(answer.usage, Some(expected));
    assert_eq!(answer.choices[0].parts.len(), 4);
    same(&shown(&answer), body);
}

#[test]
fn accents_of_other_servers_are_understood() {
    let body = r#"{"created":1700000000.5,"model":"m","choices":[
        {"message":{"reasoning":"hm","content":[{"type":"thinking","thinking":[{"type":"text","text":"h"}]},
            {"type":"text","text":"a"}],"tool_calls":null,"function_call":{"name":"","arguments":""}},
            "finish_reason":"eos"},
        {"message":{"content":null,"tool_calls":[{"function":{"name":"f","arguments":{"x":1}}}]},
            "finish_reason":"stop"}],
        "usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":16,"reasoning_tokens":5,
            "cached_tokens":3}}"#;
    let answer = read(body);
    assert_eq!(answer.start.created, Some(1_700_000_000));
    let [first, second] = answer.choices.as_slice() else { panic!() };
    assert_eq!(first.parts.len(), 2);
    assert_eq!(first.finish, Some(Finish::Stop));
    let Said::Call { id, arguments, .. } = &second.parts[0] else { panic!() };
    assert!(id.raw().starts_with(b"call_"));
    assert_eq!(arguments.json().as_ref(), br#"{"x":1}"#);
    assert_eq!(second.finish, Some(Finish::Calls), "calls are what it ended for");
    let usage = answer.usage.unwrap();
    assert_eq!((usage.completion, usage.reasoning, usage.cached), (7, 5, 3));
}

#[test]
fn members_of_other_servers_come_back_where_they_stood() {
    // Google's own signature of a thought, and what OpenRouter tells beside the message.
    let body = r#"{"id":"i","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,
        "message":{"role":"assistant","content":"x","refusal":null,
            "extra_content":{"google":{"thought_signature":"s"}},"thought_signature":"s"},
        "logprobs":null,"finish_reason":"stop","native_finish_reason":"STOP"}]}"#;
    same(&shown(&read(body)), body);
}

#[test]
fn a_choice_that_was_filtered_need_not_have_a_message() {
    let body = r#"{"id":"a","choices":[{"index":0,"finish_reason":"content_filter",
        "content_filter_results":{"hate":{"filtered":true}}}],"prompt_filter_results":[{"x":1}]}"#;
    let answer = read(body);
    assert_eq!(answer.choices[0].finish, Some(Finish::Filtered));
    assert_eq!(answer.choices[0].extra.len(), 1);
    assert_eq!(answer.extra[0].name, "prompt_filter_results");
}

#[test]
fn an_error_in_the_place_of_an_answer_is_a_failure() {
    for body in [
        r#"{"error":{"message":"slow down","code":429}}"#,
        r#"{"id":"a","choices":[{"error":{"message":"slow down","code":429}}]}"#,
    ] {
        let answer = read(body);
        let failure = answer.failure.unwrap();
        assert_eq!((failure.status, failure.class), (429, Class::RateLimit));
        assert!(!answer.complete);
    }
    let mut kept: Vec<Event<'_>> = Vec::new();
    for wrong in ["", "[]", "{}", r#"{"choices":{}}"#, r#"{"choices":[1]}"#] {
        assert!(response::read(wrong.as_bytes(), SEED, &mut kept).is_err(), "{wrong}");
    }
    let far = r#"{"choices":[{"index":128,"message":{}}]}"#;
    assert!(response::read(far.as_bytes(), SEED, &mut kept).is_err());
}

#[test]
fn what_other_providers_say_is_said_in_openais_words() {
    let signature = Some(Signature { by: Protocol::Anthropic, data: Text::plain("SIG") });
    let call = Said::Call {
        id: Text::default(),
        name: Text::plain("f"),
        arguments: Arguments::Value(Json::fixed(r#"{"a": "b"}"#)),
        custom: false,
        signature: None,
    };
    let bare = Said::Call {
        id: Text::plain("toolu_1"),
        name: Text::plain("g"),
        arguments: Arguments::Quoted(Text::default()),
        custom: false,
        signature: None,
    };
    let thinking = Said::Thinking { text: Text::plain("hm"), signature };
    let choice = Choice {
        parts: vec![thinking, call, bare],
        finish: Some(Finish::Calls),
        ..Choice::default()
    };
    let text = |text: &str, finish| {
        let said = Said::Text { text: Text::plain(text), citations: Vec::new(), signature: None };
        Choice { parts: vec![said], finish: Some(finish), ..Choice::default() }
    };
    let answer = Answer {
        choices: vec![choice, text("a", Finish::Refused), text("b", Finish::ContextFull)],
        complete: true,
        ..Answer::default()
    };
    let id = SEED.id("chatcmpl-", u64::MAX);
    let call = SEED.id("call_", 0);
    same(
        &shown(&answer),
        &format!(
            r#"{{"id":"{id}","object":"chat.completion","created":1700000000,"model":"","choices":[
            {{"index":0,"message":{{"role":"assistant","content":null,"refusal":null,
                "reasoning_content":"hm","tool_calls":[
                {{"id":"{call}","type":"function","function":{{"name":"f","arguments":"{{\"a\": \"b\"}}"}}}},
                {{"id":"toolu_1","type":"function","function":{{"name":"g","arguments":"{{}}"}}}}]}},
                "logprobs":null,"finish_reason":"tool_calls"}},
            {{"index":1,"message":{{"role":"assistant","content":"a","refusal":null}},
                "logprobs":null,"finish_reason":"content_filter"}},
            {{"index":2,"message":{{"role":"assistant","content":"b","refusal":null}},
                "logprobs":null,"finish_reason":"length"}}]}}"#
        ),
    );
}

#[test]
fn who_knows_the_older_form_only_is_told_the_first_call_in_it() {
    let call = |name: &str, arguments: &str| Said::Call {
        id: Text::plain("c"),
        name: Text::plain(name),
        arguments: Arguments::Quoted(Text::plain(arguments)),
        custom: false,
        signature: None,
    };
    let older = |parts, finish| {
        let choices = vec![Choice { parts, finish, ..Choice::default() }];
        let answer = Answer { choices, complete: true, ..Answer::default() };
        let mut out = Vec::new();
        response::write_older(&answer, SEED, &mut out);
        let tree: serde_json::Value = serde_json::from_slice(&out).unwrap();
        tree["choices"][0].to_string()
    };
    for (arguments, written) in [("{\"a\":1}", r#"{\"a\":1}"#), ("", "{}")] {
        same(
            &older(vec![call("f", arguments), call("g", "{}")], Some(Finish::Calls)),
            &format!(
                r#"{{"index":0,"message":{{"role":"assistant","content":null,"refusal":null,
                    "function_call":{{"name":"f","arguments":"{written}"}}}},
                    "logprobs":null,"finish_reason":"function_call"}}"#
            ),
        );
    }
    let said = Said::Text { text: Text::plain("a"), citations: Vec::new(), signature: None };
    same(
        &older(vec![said], None),
        r#"{"index":0,"message":{"role":"assistant","content":"a","refusal":null},
            "logprobs":null,"finish_reason":"stop"}"#,
    );
}

#[test]
fn probabilities_of_a_stream_are_joined() {
    let pieces = [r#"{"content":[1,2],"refusal":null}"#, r#"{"content":[3]}"#];
    let choice = Choice { logprobs: pieces.map(Json::fixed).into(), ..Choice::default() };
    let answer = Answer { choices: vec![choice], ..Answer::default() };
    assert!(shown(&answer).contains(r#""logprobs":{"content":[1,2,3],"refusal":null}"#));
}
