//! Answers: whole ones and streams say the same.

use super::{at, fold};
use crate::chat::*;
use crate::codec::eventstream;
use crate::protocol::Garbage;
use crate::protocol::Seed;
use crate::protocol::bedrock::fuzz::drive;
use crate::protocol::bedrock::response;
use crate::protocol::bedrock::stream;

fn frame(kind: &str, payload: &str) -> Vec<u8> {
    let headers =
        [(":event-type", kind), (":content-type", "application/json"), (":message-type", "event")];
    let mut out = Vec::new();
    eventstream::write(&mut out, &headers, payload.as_bytes());
    out
}

fn stream_of(events: &[(&str, &str)]) -> Vec<u8> {
    events.iter().flat_map(|(kind, payload)| frame(kind, payload)).collect()
}

const WHOLE: &str = concat!(
    r#"{"metrics":{"latencyMs":7},"output":{"message":{"role":"assistant","content":["#,
    r#"{"reasoningContent":{"reasoningText":{"text":"I \u00e9","signature":"sig=="}}},"#,
    r#"{"reasoningContent":{"reasoningText":{"text":"","signature":"only"}}},"#,
    r#"{"reasoningContent":{"redactedContent":"AAAA"}},"#,
    r#"{"text":"Hello"},{"citationsContent":{"content":[{"text":" you"}],"citations":["#,
    r#"{"title":"T","location":{"web":{"url":"https:\/\/x"}}},{"source":"doc"}]}},"#,
    r#"{"toolUse":{"toolUseId":"t1","name":"f","input":{"a":[1,2.50]},"type":"tool_use"}},"#,
    r#"{"toolUse":{"toolUseId":"t2","name":"g","input":{}}}]}},"stopReason":"stop_sequence","#,
    r#""additionalModelResponseFields":{"stop_sequence":"END"},"#,
    r#""usage":{"inputTokens":10,"outputTokens":5,"totalTokens":38,"cacheReadInputTokens":20,"#,
    r#""cacheWriteInputTokens":3,"cacheDetails":[{"ttl":"1h","inputTokens":2},"#,
    r#"{"ttl":"5m","inputTokens":1}]},"trace":{"guardrail":{}},"unheard":null}"#
);

const PIECES: &[(&str, &str)] = &[
    ("messageStart", r#"{"role":"assistant","p":"abcd"}"#),
    (
        "contentBlockDelta",
        r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"I "}},"p":"ab"}"#,
    ),
    (
        "contentBlockDelta",
        r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"\u00e9"}}}"#,
    ),
    (
        "contentBlockDelta",
        r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"sig=="}}}"#,
    ),
    ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
    (
        "contentBlockDelta",
        r#"{"contentBlockIndex":1,"delta":{"reasoningContent":{"signature":"only"}}}"#,
    ),
    ("contentBlockStop", r#"{"contentBlockIndex":1}"#),
    (
        "contentBlockDelta",
        r#"{"contentBlockIndex":2,"delta":{"reasoningContent":{"redactedContent":"AAAA"}}}"#,
    ),
    ("contentBlockStop", r#"{"contentBlockIndex":2}"#),
    ("someFutureEvent", r#"{"x":1}"#),
    ("contentBlockDelta", r#"{"contentBlockIndex":3,"delta":{"text":""},"p":"a"}"#),
    ("contentBlockDelta", r#"{"contentBlockIndex":3,"delta":{"text":"Hel"},"p":"a"}"#),
    ("contentBlockDelta", r#"{"p":"a","delta":{"text":"lo"},"contentBlockIndex":3}"#),
    ("contentBlockStop", r#"{"contentBlockIndex":3}"#),
    ("contentBlockDelta", r#"{"contentBlockIndex":4,"delta":{"text":" you"}}"#),
    (
        "contentBlockDelta",
        r#"{"contentBlockIndex":4,"delta":{"citation":{"title":"T","location":{"web":{"url":"https:\/\/x"}}}}}"#,
    ),
    ("contentBlockDelta", r#"{"contentBlockIndex":4,"delta":{"citation":{"source":"doc"}}}"#),
    ("contentBlockStop", r#"{"contentBlockIndex":4}"#),
    (
        "contentBlockStart",
        r#"{"contentBlockIndex":5,"start":{"toolUse":{"toolUseId":"t1","name":"f","type":"tool_use"}}}"#,
    ),
    ("contentBlockDelta", r#"{"contentBlockIndex":5,"delta":{"toolUse":{"input":""}}}"#),
    ("contentBlockDelta", r#"{"contentBlockIndex":5,"delta":{"toolUse":{"input":"{\"a\":[1"}}}"#),
    ("contentBlockDelta", r#"{"contentBlockIndex":5,"delta":{"toolUse":{"input":",2.50]}"}}}"#),
    ("contentBlockStop", r#"{"contentBlockIndex":5}"#),
    (
        "contentBlockStart",
        r#"{"contentBlockIndex":6,"start":{"toolUse":{"toolUseId":"t2","name":"g"}}}"#,
    ),
    ("contentBlockStop", r#"{"contentBlockIndex":6}"#),
    (
        "messageStop",
        r#"{"stopReason":"stop_sequence","additionalModelResponseFields":{"stop_sequence":"END"}}"#,
    ),
    (
        "metadata",
        r#"{"usage":{"inputTokens":10,"outputTokens":5,"totalTokens":38,"cacheReadInputTokens":20,"cacheWriteInputTokens":3,"cacheDetails":[{"ttl":"1h","inputTokens":2},{"ttl":"5m","inputTokens":1}]},"metrics":{"latencyMs":7},"trace":{"guardrail":{}},"p":"abc"}"#,
    ),
];

fn whole(body: &str) -> Answer<'_> {
    let mut fold = Fold::default();
    response::read(body.as_bytes(), Seed::default(), &mut fold).unwrap();
    fold.answer()
}

#[test]
fn a_whole_answer_is_its_stream_folded() {
    let (events, result) = drive(&[&stream_of(PIECES)]);
    assert_eq!(result, Ok(()));
    let answer = fold(&events);
    assert_eq!(answer, whole(WHOLE));
    assert!(answer.complete);
    let usage = answer.usage.unwrap();
    assert_eq!((usage.prompt, usage.completion, usage.cached), (33, 5, 20));
    assert_eq!((usage.cache_write, usage.cache_write_long), (3, 2));
    let finish = Finish::StopSequence(Some(Text::plain("END")));
    assert_eq!(answer.choices[0].finish, Some(finish));
    assert_eq!(answer.choices[0].parts.len(), 6);
}

#[test]
fn every_cut_gives_the_same_events_and_a_cut_tail_is_no_end() {
    let bytes = stream_of(PIECES);
    let expected = drive(&[&bytes]);
    let before_metadata = bytes.len() - frame(PIECES[26].0, PIECES[26].1).len();
    for cut in 0..bytes.len() {
        let (head, tail) = bytes.split_at(cut);
        assert_eq!(drive(&[head, tail]), expected, "cut at {cut}");
        let (events, result) = drive(&[head]);
        let ended = events.0.contains(&Event::End);
        // The reason is told before the usage, which may be missing.
        assert_eq!(
            (result.is_ok(), ended),
            (cut == before_metadata, cut == before_metadata),
            "{cut}"
        );
    }
    let (events, _) = drive(&[&bytes[..before_metadata]]);
    assert!(!events.0.iter().any(|event| matches!(event, Event::Usage(_))));
    let pieces: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(drive(&pieces), expected);
}

/// Most deltas are read by likeness to the one before; it must make no difference.
#[test]
fn what_is_like_the_delta_before_says_what_it_would_by_itself() {
    const DELTA: &str = "contentBlockDelta";
    const SHAPES: [(&str, &str); 16] = [
        (DELTA, r#""contentBlockIndex":0,"delta":{"text":"a"},"p":"abc""#),
        (DELTA, r#""contentBlockIndex":0,"delta":{"text":"b\n\u00e9 more"},"p":"a""#),
        (DELTA, r#""p":"xyz","contentBlockIndex":0,"delta":{"text":"a"}"#),
        (DELTA, r#""contentBlockIndex":0,"delta":{"text":""},"p":"ab""#),
        (DELTA, r#""contentBlockIndex":1,"delta":{"text":"a"},"p":"ab""#),
        (DELTA, r#""contentBlockIndex":0,"delta":{"text":"a","text":"b"}"#),
        (DELTA, r#""contentBlockIndex":1,"delta":{"toolUse":{"input":"{"}},"p":"a""#),
        (DELTA, r#""contentBlockIndex":1,"delta":{"toolUse":{"input":"1}"}},"p":"""#),
        (DELTA, r#""contentBlockIndex":0,"delta":{"reasoningContent":{"text":"a"}}"#),
        (DELTA, r#""contentBlockIndex":0,"delta":{"reasoningContent":{"text":"bc"}}"#),
        (DELTA, r#""contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"s"}}"#),
        (
            DELTA,
            r#""contentBlockIndex":0,"delta":{"reasoningContent":{"text":"","signature":"s"}}"#,
        ),
        (
            "contentBlockStart",
            r#""contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"i","name":"n"}}"#,
        ),
        ("contentBlockStart", r#""contentBlockIndex":0,"start":{"image":{}}"#),
        ("contentBlockStop", r#""contentBlockIndex":0"#),
        ("messageStop", r#""stopReason":"end_turn""#),
    ];
    let read = |order: &[usize], padded: bool| {
        let frames = order.iter().enumerate().filter_map(|(at, shape)| {
            // No two payloads are alike that begin with another number of spaces.
            let padding = if padded { " ".repeat(at) } else { String::new() };
            let (kind, payload) = SHAPES.get(*shape)?;
            Some(frame(kind, &format!("{{{padding}{payload}}}")))
        });
        drive(&[&frames.flatten().collect::<Vec<u8>>()])
    };
    let mut told = 0;
    for n in 0..SHAPES.len().pow(3) {
        let (one, two, three) = (n % 16, n / 16 % 16, n / 256);
        // A call must have begun for its arguments to mean anything.
        for order in [[one, two, three, two], [12, one, two, three]] {
            let (events, result) = read(&order, false);
            told += events.0.len();
            assert_eq!((events, result), read(&order, true), "{order:?}");
        }
    }
    assert!(told > 4 * SHAPES.len().pow(3), "{told}");
}

#[test]
fn what_is_written_is_read_again() {
    let (events, _) = drive(&[&stream_of(PIECES)]);
    let answer = whole(WHOLE);
    let mut out = Vec::new();
    response::write(&answer, Seed::default(), &mut out);
    let out = String::from_utf8(out).unwrap();
    assert_eq!(at(&out, "usage"), at(WHOLE, "usage"));
    assert_eq!(at(&out, "metrics"), r#"{"latencyMs":7}"#);
    assert_eq!(at(&out, "additionalModelResponseFields"), r#"{"stop_sequence":"END"}"#);
    assert_eq!(at(&out, "output.message.content.4.toolUse.input"), r#"{"a":[1,2.50]}"#);
    let (mut one, mut other) = (whole(&out), answer.clone());
    // A source of another kind has no place in a whole text.
    one.choices[0].extra.clear();
    other.choices[0].extra.clear();
    assert_eq!(one, other);

    let mut writer = stream::Writer::new(Seed::default(), false);
    let mut out = Vec::new();
    events.0.iter().for_each(|event| writer.write(event, &mut out));
    let (again, result) = drive(&[&out]);
    assert_eq!((fold(&again), result), (answer, Ok(())));
}

#[test]
fn faults_of_a_stream_are_told() {
    let start = || frame("messageStart", r#"{"role":"assistant"}"#);
    let fails = |more: Vec<u8>| drive(&[&[start(), more].concat()]).1.is_err();
    let delta = |payload: &str| frame("contentBlockDelta", payload);
    assert!(fails(vec![]), "no end");
    assert!(fails(frame("metadata", r#"{"usage":{}}"#)), "usage without an end");
    assert!(fails(delta(r#"{"contentBlockIndex":0,"delta":{"text":"#)), "cut JSON");
    assert!(fails(delta(r#"{"delta":{"text":"a"}}"#)), "no number");
    assert!(fails(delta(r#"{"contentBlockIndex":0}"#)), "no delta");
    assert!(
        fails(delta(r#"{"contentBlockIndex":0,"delta":{"toolUse":{"input":"{"}}}"#)),
        "no start"
    );
    assert!(fails(frame("messageStop", "{}")), "no reason");
    let twice = frame(
        "contentBlockStart",
        r#"{"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"a","name":"b"}}}"#,
    );
    assert!(fails([twice.clone(), twice].concat()), "a block starts twice");
    let mut bytes = stream_of(PIECES);
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    let (events, result) = drive(&[&bytes]);
    assert!(matches!(result, Err(Garbage(_))) && !events.0.contains(&Event::End));
}

#[test]
fn exceptions_are_failures() {
    let exception = |headers: &[(&str, &str)], payload: &str| {
        let mut bytes = frame("messageStart", "{}");
        eventstream::write(&mut bytes, headers, payload.as_bytes());
        bytes.extend_from_slice(b"never read");
        let (events, result) = drive(&[&bytes]);
        assert_eq!(result, Ok(()));
        let [Event::Start(_), Event::Failure(failure)] = events.0.as_slice() else { panic!() };
        failure.clone()
    };
    for (kind, status, class) in [
        ("throttlingException", 429, Class::RateLimit),
        ("internalServerException", 500, Class::Server),
        ("modelStreamErrorException", 424, Class::Server),
        ("validationException", 400, Class::BadRequest),
        ("serviceUnavailableException", 503, Class::Overloaded),
        ("neverHeardOf", 500, Class::Server),
    ] {
        let headers = [(":message-type", "exception"), (":exception-type", kind)];
        let failure = exception(&headers, r#"{"message":"say \"x\""}"#);
        assert_eq!((failure.status, failure.class), (status, class), "{kind}");
        assert_eq!(failure.message.decode(), "say \"x\"");

        let mut writer = stream::Writer::new(Seed::default(), true);
        let mut out = Vec::new();
        writer.write(&Event::Failure(failure.clone()), &mut out);
        let (events, _) = drive(&[&out]);
        let [Event::Failure(again)] = events.0.as_slice() else { panic!() };
        assert_eq!((again.class, &again.message), (class, &failure.message));
    }
    let headers =
        [(":message-type", "error"), (":error-code", "500"), (":error-message", "broken")];
    assert_eq!(exception(&headers, "").message.decode(), "broken");
}

/// The kinds and payloads of a stream.
fn frames(bytes: &[u8]) -> Vec<(String, String)> {
    let mut decoder = eventstream::Decoder::new(1 << 20);
    let mut rest = bytes;
    let mut found = Vec::new();
    while let Some(message) = decoder.decode(rest).unwrap() {
        let kind = message.header(":event-type").unwrap().to_owned();
        found.push((kind, String::from_utf8(message.payload().to_vec()).unwrap()));
        rest = &rest[message.len()..];
    }
    assert!(rest.is_empty());
    found
}

#[test]
fn blocks_never_overlap() {
    let text = Text::plain;
    let start = |call, custom| Event::CallStart {
        choice: 0,
        call,
        id: text(&format!("c/{call}")),
        name: text("f"),
        custom,
        signature: (call == 1)
            .then(|| Signature { by: Protocol::Gemini, data: Text::plain("gem") }),
    };
    let piece = |call, piece: &str| Event::CallArguments {
        choice: 0,
        call,
        piece: Arguments::Quoted(Text::plain(piece)),
    };
    let events = [
        Event::Start(Start::default()),
        Event::Text { choice: 0, text: text("a") },
        Event::Text { choice: 1, text: text("another choice") },
        start(0, false),
        piece(0, "{\"x\":"),
        start(1, false),
        piece(1, "{}"),
        Event::Text { choice: 0, text: text("between") },
        start(2, true),
        piece(2, "say \"x\"\n"),
        piece(0, "1}"),
        Event::CallEnd { choice: 0, call: 1 },
        Event::CallEnd { choice: 0, call: 2 },
        Event::CallEnd { choice: 0, call: 0 },
        Event::Finish { choice: 0, reason: Finish::Calls },
        Event::Usage(Usage { prompt: 3, completion: 2, ..Usage::default() }),
        Event::End,
    ];
    let mut writer = stream::Writer::new(Seed::default(), true);
    let mut out = Vec::new();
    events.iter().for_each(|event| writer.write(event, &mut out));
    let mut open = None;
    for (kind, payload) in frames(&out) {
        let index = at(&payload, "contentBlockIndex");
        match kind.as_str() {
            "contentBlockStart" => assert_eq!(open.replace(index), None, "{payload}"),
            "contentBlockDelta" => {
                assert_eq!(*open.get_or_insert(index.clone()), index, "{payload}")
            }
            "contentBlockStop" => assert_eq!(open.take(), Some(index), "{payload}"),
            _ => assert_eq!(open, None),
        }
    }
    let (again, result) = drive(&[&out]);
    assert_eq!(result, Ok(()));
    let answer = fold(&again);
    let shown: Vec<String> = answer.choices[0]
        .parts
        .iter()
        .map(|part| match part {
            Said::Text { text, .. } | Said::Refusal(text) => text.decode().into_owned(),
            Said::Thinking { signature, .. } => format!("{:?}", signature.as_ref().unwrap().by),
            Said::Redacted(_) => String::new(),
            Said::Call { id, arguments, .. } => {
                format!("{} {}", id.decode(), String::from_utf8_lossy(&arguments.json()))
            }
        })
        .collect();
    let custom = r#"c_2 {"input":"say \"x\"\n"}"#;
    assert_eq!(shown, ["a", "c_0 {\"x\":1}", "Gemini", "c_1 {}", "between", custom]);
    assert_eq!(answer.usage.map(|usage| usage.prompt), Some(3));
}

#[test]
fn blocks_of_the_providers_own_pass_through_a_stream() {
    let own = [
        ("messageStart", r#"{"role":"assistant"}"#),
        (
            "contentBlockStart",
            r#"{"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"a","name":"n","type":"server_tool_use"}}}"#,
        ),
        ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"toolUse":{"input":"{}"}}}"#),
        ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
        (
            "contentBlockStart",
            r#"{"contentBlockIndex":1,"start":{"toolResult":{"toolUseId":"a"}}}"#,
        ),
        ("contentBlockDelta", r#"{"contentBlockIndex":1,"delta":{"toolResult":[{"json":{}}]}}"#),
        ("contentBlockStop", r#"{"contentBlockIndex":1}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":2,"delta":{"text":"a"}}"#),
        ("contentBlockStop", r#"{"contentBlockIndex":2}"#),
        ("messageStop", r#"{"stopReason":"guardrail_intervened"}"#),
        (
            "metadata",
            r#"{"usage":{"inputTokens":0,"outputTokens":0,"totalTokens":0},"metrics":{"latencyMs":1}}"#,
        ),
    ];
    let bytes = stream_of(&own);
    let (events, _) = drive(&[&bytes]);
    let calls = events.0.iter().filter(|event| matches!(event, Event::CallStart { .. })).count();
    assert_eq!(calls, 0);
    let mut writer = stream::Writer::new(Seed::default(), true);
    let mut out = Vec::new();
    events.0.iter().for_each(|event| writer.write(event, &mut out));
    assert_eq!(out, bytes);
}

#[test]
fn what_is_no_answer_is_garbage() {
    for body in [
        "",
        "[]",
        "{}",
        r#"{"stopReason":"end_turn"}"#,
        r#"{"stopReason":"end_turn","output":{"message":{"content":"x"}}}"#,
        r#"{"output":{"message":{"content":[]}}}"#,
        r#"{"stopReason":"end_turn","output":{"message":{"content":[{"toolUse":{}}]}}}"#,
    ] {
        let mut events = Vec::new();
        assert!(response::read(body.as_bytes(), Seed::default(), &mut events).is_err(), "{body}");
        assert!(!events.contains(&Event::End));
    }
}

#[test]
fn an_answer_of_another_protocol_is_said_too() {
    let mut answer = Answer::default();
    let signature = |by| Signature { by, data: Text::plain("AbC=") };
    let call = |arguments| Said::Call {
        id: Text::plain("call 1"),
        name: Text::plain("f"),
        arguments,
        custom: false,
        signature: Some(signature(Protocol::Gemini)),
    };
    answer.choices.push(Choice {
        parts: vec![
            Said::Redacted(signature(Protocol::Anthropic)),
            Said::Refusal(Text::plain("no")),
            call(Arguments::Quoted(Text::plain("not JSON"))),
        ],
        finish: Some(Finish::Refused),
        ..Choice::default()
    });
    let mut out = Vec::new();
    response::write(&answer, Seed::default(), &mut out);
    let body = String::from_utf8(out).unwrap();
    assert_eq!(at(&body, "stopReason"), "\"content_filtered\"");
    let block = |n: usize, path: &str| at(&body, &format!("output.message.content.{n}.{path}"));
    assert_eq!(block(2, "reasoningContent.reasoningText.signature"), "\"crabllm.gemini.AbC=\"");
    assert_eq!(
        block(3, "toolUse"),
        r#"{"toolUseId":"call_1","name":"f","input":{"input":"not JSON"}}"#
    );
    assert_eq!(at(&body, "usage.totalTokens"), "0");

    // The client sends it all back, and we know whose it was.
    let content = at(&body, "output.message.content");
    let body = format!(r#"{{"messages":[{{"role":"assistant","content":{content}}}]}}"#);
    let request = crate::protocol::bedrock::request::read(body.as_bytes()).unwrap();
    let [redacted, _, call] = request.turns[0].parts.as_slice() else { panic!() };
    assert_eq!(redacted.signature, Some(signature(Protocol::Anthropic)));
    assert!(matches!(call.content, Content::Call(_)));
    assert_eq!(call.signature, Some(signature(Protocol::Gemini)));
}

#[test]
fn what_a_model_makes_is_told_twice() {
    let image = r#"{"image":{"format":"png","source":{"bytes":"AAAA"}}}"#;
    let body = format!(
        r#"{{"output":{{"message":{{"role":"assistant","content":[{image},{{"image":{{"format":"png"}}}}]}}}},
            "stopReason":"end_turn","usage":{{"inputTokens":1,"outputTokens":2}}}}"#
    );
    let answer = whole(&body);
    let [(by, media)] = answer.choices[0].media.as_slice() else { panic!("{answer:?}") };
    assert_eq!((*by, media.kind), (Protocol::Bedrock, MediaKind::Image));
    assert_eq!(media.source, Source::Base64(Text::plain("AAAA")));
    assert_eq!(media.mime, Some(Text::plain("image/png")));
    // Its own protocol's words, the one without a source too, come back once.
    let mut out = Vec::new();
    response::write(&answer, Seed::default(), &mut out);
    let out = String::from_utf8(out).unwrap();
    assert_eq!((out.matches(image).count(), out.matches("image").count()), (1, 2), "{out}");
}
