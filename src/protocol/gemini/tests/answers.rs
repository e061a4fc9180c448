//! Whole answers.

use super::{events, folded};
use crate::chat::Arguments;
use crate::chat::Class;
use crate::chat::Event;
use crate::chat::Extra;
use crate::chat::Finish;
use crate::chat::Fold;
use crate::chat::Json;
use crate::chat::Protocol;
use crate::chat::Said;
use crate::chat::Signature;
use crate::chat::Start;
use crate::chat::Text;
use crate::chat::Usage;
use crate::protocol::gemini::fuzz::SEED;
use crate::protocol::gemini::response::read;
use crate::protocol::gemini::response::write;

fn answer(candidate: &str) -> String {
    format!(r#"{{"candidates":[{{{candidate}}}],"modelVersion":"m","responseId":"r"}}"#)
}

#[test]
fn parts_become_events() {
    let body = answer(concat!(
        r#""content":{"role":"model","parts":[{"text":"hm","thought":true},{"text":"a"},"#,
        r#"{"text":"","thoughtSignature":"s"},"#,
        r#"{"functionCall":{"name":"f","args":{"x":1.0}},"thoughtSignature":"t"},"#,
        r#"{"functionCall":{"id":"own","name":"g"}}]},"finishReason":"STOP""#
    ));
    let signature = |data| Signature { by: Protocol::Gemini, data: Text::plain(data) };
    let start = Start { id: Text::plain("r"), model: Text::plain("m"), created: None, usage: None };
    let call = |call, id: &str, name, signature| Event::CallStart {
        choice: 0,
        call,
        id: Text::plain(id),
        name: Text::plain(name),
        custom: false,
        signature,
    };
    let piece = Arguments::Value(Json::fixed(r#"{"x":1.0}"#));
    let expected = [
        Event::Start(start),
        Event::Thinking { choice: 0, text: Text::plain("hm") },
        Event::Text { choice: 0, text: Text::plain("a") },
        Event::Signature { choice: 0, signature: signature("s") },
        call(0, &SEED.id("call_", 0), "f", Some(signature("t"))),
        Event::CallArguments { choice: 0, call: 0, piece },
        Event::CallEnd { choice: 0, call: 0 },
        call(1, "own", "g", None),
        Event::CallEnd { choice: 0, call: 1 },
        Event::Finish { choice: 0, reason: Finish::Calls },
        Event::End,
    ];
    assert_eq!(events(&body), expected);
}

#[test]
fn every_reason_has_its_meaning() {
    for (word, finish) in [
        ("STOP", Some(Finish::Stop)),
        ("FINISH_REASON_UNSPECIFIED", Some(Finish::Stop)),
        ("MAX_TOKENS", Some(Finish::Length)),
        ("CONTINUATION", Some(Finish::Length)),
        ("SAFETY", Some(Finish::Filtered)),
        ("RECITATION", Some(Finish::Filtered)),
        ("LANGUAGE", Some(Finish::Filtered)),
        ("BLOCKLIST", Some(Finish::Filtered)),
        ("PROHIBITED_CONTENT", Some(Finish::Filtered)),
        ("SPII", Some(Finish::Filtered)),
        ("MODEL_ARMOR", Some(Finish::Filtered)),
        ("IMAGE_SAFETY", Some(Finish::Filtered)),
        ("IMAGE_PROHIBITED_CONTENT", Some(Finish::Filtered)),
        ("IMAGE_RECITATION", Some(Finish::Filtered)),
        ("MALFORMED_FUNCTION_CALL", None),
        ("UNEXPECTED_TOOL_CALL", None),
        ("TOO_MANY_TOOL_CALLS", None),
        ("MISSING_THOUGHT_SIGNATURE", None),
        ("MALFORMED_RESPONSE", None),
        ("OTHER", None),
        ("NO_IMAGE", None),
        ("SOMETHING_NEW", None),
    ] {
        let body = answer(&format!(r#""finishReason":"{word}","finishMessage":"why""#));
        let body = body.replace("\"finishReason\"", r#""content":{},"finishReason""#);
        let read = folded(events(&body));
        if let Some(finish) = finish {
            assert_eq!(read.choices[0].finish.as_ref(), Some(&finish), "{word}");
            assert!(read.complete);
            let mut again = Vec::new();
            write(&read, SEED, &mut again);
            let kept = word == "FINISH_REASON_UNSPECIFIED"
                || String::from_utf8(again).unwrap().contains(&format!("\"{word}\""));
            assert!(kept, "{word}");
        } else {
            let failure = read.failure.unwrap();
            assert_eq!(failure.class, Class::Server);
            assert_eq!(failure.message.decode(), format!("the model's answer failed: {word}: why"));
            assert!(!read.complete);
        }
    }
}

#[test]
fn a_blocked_prompt_is_an_empty_answer() {
    let body = concat!(
        r#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":3,"#,
        r#""candidatesTokenCount":0,"totalTokenCount":3},"modelVersion":"m","responseId":"r"}"#
    );
    let read = folded(events(body));
    assert!(read.complete);
    assert_eq!(read.choices[0].finish, Some(Finish::Filtered));
    assert_eq!(read.usage, Some(Usage { prompt: 3, ..Usage::default() }));
    let mut again = Vec::new();
    write(&read, SEED, &mut again);
    assert_eq!(String::from_utf8(again).unwrap(), body);
}

#[test]
fn usage_is_inclusive() {
    let body = answer(r#""content":{},"finishReason":"STOP""#);
    let usage = concat!(
        r#","usageMetadata":{"promptTokenCount":"100","cachedContentTokenCount":40,"#,
        r#""candidatesTokenCount":7,"thoughtsTokenCount":5,"toolUsePromptTokenCount":20,"#,
        r#""totalTokenCount":132,"promptTokensDetails":[{"modality":"TEXT","tokenCount":90},"#,
        r#"{"modality":"AUDIO","tokenCount":10}]}}"#
    );
    let body = format!("{}{usage}", body.trim_end_matches('}'));
    let read = folded(events(&body));
    let expected = Usage {
        prompt: 120,
        completion: 12,
        cached: 40,
        reasoning: 5,
        audio_prompt: 10,
        ..Usage::default()
    };
    assert_eq!(read.usage, Some(expected));
    let mut again = Vec::new();
    write(&read, SEED, &mut again);
    assert!(String::from_utf8(again).unwrap().contains(&usage[1..usage.len() - 1]));
}

#[test]
fn sources_and_probabilities_are_told() {
    let body = answer(concat!(
        r#""content":{"parts":[{"text":"a"}],"role":"model"},"finishReason":"STOP","index":0,"#,
        r#""groundingMetadata":{"groundingChunks":[{"web":{"uri":"u","title":"t"}}]},"#,
        r#""logprobsResult":{"chosenCandidates":[{"token":"a","logProbability":-0.5}],"#,
        r#""topCandidates":[{"candidates":[{"token":"b","logProbability":-2}]}]}"#
    ));
    let read = folded(events(&body));
    let Said::Text { citations, .. } = &read.choices[0].parts[0] else { panic!() };
    assert_eq!(citations[0].url, Text::plain("u"));
    let logprobs = String::from_utf8_lossy(read.choices[0].logprobs[0].raw()).into_owned();
    let expected = concat!(
        r#"{"content":[{"token":"a","logprob":-0.5,"bytes":null,"top_logprobs":["#,
        r#"{"token":"b","logprob":-2,"bytes":null}]}],"refusal":null}"#
    );
    assert_eq!(logprobs, expected);
    assert!(read.choices[0].extra.is_empty());
    let mut again = Vec::new();
    write(&read, SEED, &mut again);
    assert_eq!(String::from_utf8(again).unwrap(), body);
    let more = body.replace(r#""token":"a","#, r#""token":"a","tokenId":5,"#);
    let more = more.replace(r#""uri":"u""#, r#""uri":"u","domain":"d""#);
    let mut again = Vec::new();
    let read = folded(events(&more));
    write(&read, SEED, &mut again);
    let again = String::from_utf8(again).unwrap();
    assert!(again.contains(r#""tokenId":5"#) && again.contains(r#""domain":"d""#), "{again}");
}

#[test]
fn what_only_google_has_is_kept() {
    let part = r#"{"executableCode":{"code":"1"},"thoughtSignature":"s"}"#;
    let body = answer(&format!(
        r#""content":{{"parts":[{part}],"role":"model"}},"finishReason":"STOP","index":0,"safetyRatings":[]"#
    ));
    let read = folded(events(&body));
    let extra = |name: &'static str, value: &'static str| Extra {
        by: Protocol::Gemini,
        name: name.into(),
        value: Json::fixed(value),
    };
    assert_eq!(read.choices[0].extra, [extra("content.parts", part), extra("safetyRatings", "[]")]);
    let mut again = Vec::new();
    write(&read, SEED, &mut again);
    assert_eq!(String::from_utf8(again).unwrap(), body);
}

#[test]
fn several_candidates_are_choices() {
    let body = concat!(
        r#"{"candidates":[{"content":{"parts":[{"text":"b"}]},"finishReason":"STOP","index":1},"#,
        r#"{"content":{"parts":[{"text":"a"}]},"finishReason":"MAX_TOKENS","index":0}]}"#
    );
    let read = folded(events(body));
    let finishes: Vec<_> = read.choices.iter().map(|choice| choice.finish.clone()).collect();
    assert_eq!(finishes, [Some(Finish::Length), Some(Finish::Stop)]);
    assert_eq!(read.start.id.decode(), SEED.id("resp-", u64::MAX));
}

#[test]
fn what_is_no_answer_is_told() {
    for body in [
        "",
        "<html>",
        "{}",
        "[]",
        r#"{"candidates":[]}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":1}]}}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"functionCall":{}}]}}]}"#,
        r#"{"candidates":[{"content":{},"index":4294967296}]}"#,
        r#"{"promptFeedback":{}}"#,
    ] {
        assert!(read(body.as_bytes(), SEED, &mut Fold::default()).is_err(), "{body}");
    }
    for body in [
        r#"{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}"#,
        r#"[{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}]"#,
    ] {
        let failure = folded(events(body)).failure.unwrap();
        assert_eq!((failure.status, failure.class), (503, Class::Overloaded));
    }
}

#[test]
fn answers_of_others_are_written() {
    let foreign = Signature { by: Protocol::Anthropic, data: Text::plain("x") };
    let read = folded([
        Event::Start(Start::default()),
        Event::Thinking { choice: 0, text: Text::plain("hm") },
        Event::Signature { choice: 0, signature: foreign.clone() },
        Event::Redacted { choice: 0, data: foreign },
        Event::Refusal { choice: 0, text: Text::plain("no") },
        Event::Finish { choice: 0, reason: Finish::Refused },
        Event::End,
    ]);
    let mut out = Vec::new();
    write(&read, SEED, &mut out);
    let expected = concat!(
        r#"{"candidates":[{"content":{"parts":[{"text":"hm","thought":true},{"text":"no"}],"#,
        r#""role":"model"},"finishReason":"SAFETY","index":0}],"modelVersion":"","responseId":""#
    );
    assert!(String::from_utf8(out).unwrap().starts_with(expected));
}
