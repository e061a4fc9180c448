//! Streams.

use super::{events, folded};
use crate::chat::Arguments;
use crate::chat::Class;
use crate::chat::Event;
use crate::chat::Failure;
use crate::chat::Finish;
use crate::chat::Json;
use crate::chat::Kept;
use crate::chat::Said;
use crate::chat::Start;
use crate::chat::Text;
use crate::chat::Usage;
use crate::protocol::gemini::fuzz::SEED;
use crate::protocol::gemini::fuzz::drive;
use crate::protocol::gemini::stream::Reader;
use crate::protocol::gemini::stream::Writer;

const STREAM: &str = concat!(
    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hm\",\"thought\":true}]},",
    "\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":3},\"responseId\":\"r\",",
    "\"modelVersion\":\"m\"}\r\n\r\n",
    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\\u003cb\"}]},\"index\":0}],",
    "\"modelVersion\":\"m\",\"responseId\":\"r\"}\r\n\r\n",
    ": keep-alive\r\n\r\n",
    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"c\"},",
    "{\"functionCall\":{\"name\":\"f\",\"args\":{\"x\":[1,{}]}},\"thoughtSignature\":\"s\"}]}}]}\r\n\r\n",
    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\"}}]},",
    "\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":3,",
    "\"candidatesTokenCount\":4,\"thoughtsTokenCount\":5}}\r\n\r\n",
);

const WHOLE: &str = concat!(
    r#"{"candidates":[{"content":{"parts":[{"text":"hm","thought":true},{"text":"<bc"},"#,
    r#"{"functionCall":{"name":"f","args":{"x":[1,{}]}},"thoughtSignature":"s"},"#,
    r#"{"functionCall":{"name":"f"}}]},"finishReason":"STOP"}],"responseId":"r","#,
    r#""modelVersion":"m","usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":4,"#,
    r#""thoughtsTokenCount":5}}"#
);

fn all(stream: &str) -> (Vec<Event<'static>>, bool) {
    drive(std::iter::once(stream.as_bytes()))
}

fn write(events: &[Event<'_>]) -> String {
    let mut writer = Writer::new(SEED, false);
    let mut out = Vec::new();
    events.iter().for_each(|event| writer.write(event, &mut out));
    String::from_utf8(out).unwrap()
}

#[test]
fn whole_and_folded_are_the_same() {
    let (streamed, complete) = all(STREAM);
    assert!(complete);
    assert_eq!(streamed.last(), Some(&Event::End));
    assert_eq!(folded(streamed), folded(events(WHOLE)));
}

/// A client that leaves has had what Google counted until then.
#[test]
fn tokens_are_told_as_they_are_counted() {
    let chunk = |text: &str, tokens: u32| {
        format!(
            "data: {{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":\"{text}\"}}]}}}}],\
             \"usageMetadata\":{{\"promptTokenCount\":3,\"candidatesTokenCount\":{tokens}}}}}\r\n\r\n"
        )
    };
    let (events, complete) = all(&(chunk("a", 1) + &chunk("b", 2)));
    assert!(!complete);
    let usage = folded(events).usage.map(|usage| (usage.prompt, usage.completion));
    assert_eq!(usage, Some((3, 2)));
}

/// Most objects are read by likeness to the one before; it must make no difference.
#[test]
fn what_is_like_the_object_before_says_what_it_would_by_itself() {
    const SHAPES: [&str; 16] = [
        r#""candidates":[{"content":{"parts":[{"text":"a"}]}}]"#,
        r#""candidates":[{"content":{"parts":[{"text":"b\n\u00e9 more"}]}}]"#,
        r#""candidates":[{"content":{"parts":[{"text":""}]}}]"#,
        r#""candidates":[{"content":{"parts":[{"text":"a","thought":true}]}}]"#,
        r#""candidates":[{"content":{"parts":[{"text":"b","thought":true}]}}]"#,
        r#""candidates":[{"content":{"parts":[{"text":"a"}]},"index":1}]"#,
        r#""candidates":[{"content":{"parts":[{"text":"a"},{"text":"b"}]}}]"#,
        r#""candidates":[{"content":{"parts":[{"text":"a","thoughtSignature":"s"}]}}]"#,
        r#""candidates":[{"content":{"parts":[{"text":"a"}]},"avgLogprobs":-0.5}]"#,
        r#""candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"MAX_TOKENS"}]"#,
        r#""candidates":[{"content":{"parts":[{"text":"a"}]}}],"modelVersion":"a","createTime":"t1""#,
        r#""candidates":[{"content":{"parts":[{"text":"b"}]}}],"modelVersion":"a","createTime":"t1""#,
        r#""candidates":[{"content":{"parts":[{"text":"a"}]}}],"usageMetadata":{"promptTokenCount":1,"thoughtsTokenCount":2}"#,
        r#""candidates":[{"content":{"parts":[{"text":"bc"}]}}],"usageMetadata":{"promptTokenCount":10,"thoughtsTokenCount":23}"#,
        r#""usageMetadata":{"promptTokenCount":7},"candidates":[{"content":{"parts":[{"text":"a"}]}}]"#,
        r#""promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":7}"#,
    ];
    let read = |order: [usize; 4], padded: bool| {
        let objects = order.iter().enumerate().filter_map(|(at, shape)| {
            // No two objects are alike that begin with another number of spaces.
            let padding = if padded { " ".repeat(at) } else { String::new() };
            Some(format!("data: {{{padding}{}}}\r\n\r\n", SHAPES.get(*shape)?))
        });
        all(&objects.collect::<String>())
    };
    let mut told = 0;
    for n in 0..SHAPES.len().pow(3) {
        let (one, two, three) = (n % 16, n / 16 % 16, n / 256);
        let order = [one, two, three, two];
        let (events, complete) = read(order, false);
        assert_eq!((&events, complete), (&read(order, true).0, read(order, true).1), "{order:?}");
        told += events.len();
    }
    assert!(told > 4 * SHAPES.len().pow(3), "{told}");
}

#[test]
fn any_cut_gives_the_same_events() {
    let whole = all(STREAM);
    let bytes = STREAM.as_bytes();
    for cut in 0..=bytes.len() {
        let (head, tail) = bytes.split_at(cut);
        assert_eq!(drive([head, tail].into_iter()), whole, "cut at {cut}");
    }
    assert_eq!(drive(bytes.chunks(1)), whole);
    let lines = STREAM.replace("\r\n", "\n");
    assert_eq!(all(&lines), whole, "line feeds alone");
}

#[test]
fn a_tail_that_is_missing_is_noticed() {
    // Without its last line feed the blank line is still one: a carriage return ends it.
    for cut in 0..STREAM.len() - 1 {
        let (events, complete) = drive(std::iter::once(&STREAM.as_bytes()[..cut]));
        assert!(!complete, "cut at {cut}");
        assert!(!events.contains(&Event::End), "cut at {cut}");
    }
}

#[test]
fn what_was_read_is_written() {
    let (events, _) = all(STREAM);
    let again = write(&events);
    assert!(again.split_inclusive("\r\n\r\n").all(|frame| frame.starts_with("data: {")));
    let (read, complete) = all(&again);
    assert!(complete);
    assert_eq!(folded(read), folded(events));
}

#[test]
fn failures_come_in_every_dress() {
    let start = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}\r\n\r\n";
    let error = r#"{"error":{"code":429,"message":"slow","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"7s"}]}}"#;
    let pretty = error.replace(',', ",\n  ").replace('{', "{\r\n ");
    for tail in [
        format!("data: {error}\r\n\r\n"),
        format!("{error}\n"),
        format!("{pretty}\n"),
        format!("{pretty}\r\n\r\n"),
        format!("[{error}]"),
        format!("data: [{error}]\n\n"),
    ] {
        let (events, told) = all(&format!("{start}{tail}"));
        assert!(told, "{tail}");
        let Some(Event::Failure(failure)) = events.last() else { panic!("{tail}: {events:?}") };
        assert_eq!((failure.status, failure.class), (429, Class::RateLimit));
        assert_eq!(failure.retry_after_ms, Some(7000));
    }
}

#[test]
fn nothing_is_read_behind_a_failure() {
    let mut reader = Reader::new(SEED);
    let mut kept = Kept::default();
    let body = b"data: {\"error\":{\"message\":\"x\"}}\n\ndata: garbage\n\n";
    assert_eq!(reader.push(body, &mut kept), Ok(body.len()));
    assert!(reader.is_done());
    assert_eq!(kept.0.len(), 1);
    assert_eq!(reader.finish(b"", &mut kept), Ok(()));
}

#[test]
fn a_failed_answer_still_tells_its_usage() {
    let body = concat!(
        "data: {\"candidates\":[{\"content\":{},\"finishReason\":\"MALFORMED_FUNCTION_CALL\"}],",
        "\"usageMetadata\":{\"promptTokenCount\":3}}\n\n"
    );
    let (events, _) = all(body);
    let usage = Usage { prompt: 3, ..Usage::default() };
    assert!(events.contains(&Event::Usage(usage)));
    assert!(matches!(events.last(), Some(Event::Failure(_))));
}

#[test]
fn garbage_and_blocked_prompts() {
    assert!(!all("data: hello\n\n").1);
    assert!(!all("data: {\"candidates\":[{\"content\":{\"parts\":[1]}}]}\n\n").1);
    assert!(!all("").1);
    let (events, complete) = all("data: {\"promptFeedback\":{\"blockReason\":\"OTHER\"}}\n\n");
    assert!(complete);
    let again = write(&events);
    assert_eq!(folded(all(&again).0), folded(events));
    assert!(again.starts_with(r#"data: {"promptFeedback":{"blockReason":"OTHER"},"#), "{again}");
}

#[test]
fn calls_are_written_whole() {
    let start = |call: u32| Event::CallStart {
        choice: 0,
        call,
        id: Text::plain(&format!("id{call}")),
        name: Text::plain("f"),
        custom: false,
        signature: None,
    };
    let piece = |call, text: &str| Event::CallArguments {
        choice: 0,
        call,
        piece: Arguments::Quoted(Text::plain(text)),
    };
    let end = |call| Event::CallEnd { choice: 0, call };
    let value = Arguments::Value(Json::fixed(r#"{"v":1}"#));
    let events = [
        Event::Start(Start::default()),
        start(0),
        start(1),
        piece(0, r#"{"a":"#),
        piece(1, "no"),
        piece(0, "1}"),
        end(0),
        end(1),
        start(2),
        Event::CallArguments { choice: 0, call: 2, piece: value },
        end(2),
        Event::Finish { choice: 0, reason: Finish::Calls },
        Event::End,
    ];
    let answer = folded(all(&write(&events)).0);
    let arguments: Vec<String> = answer.choices[0]
        .parts
        .iter()
        .map(|part| {
            let Said::Call { arguments, .. } = part else { panic!("{part:?}") };
            String::from_utf8(arguments.json().into_owned()).unwrap()
        })
        .collect();
    assert_eq!(arguments, [r#"{"a":1}"#, r#"{"_text":"no"}"#, r#"{"v":1}"#]);
}

#[test]
fn a_failure_is_an_event() {
    let failure = Event::Failure(Failure::new(Class::Overloaded, "busy"));
    assert_eq!(
        write(&[failure]),
        "data: {\"error\":{\"code\":503,\"message\":\"busy\",\"status\":\"UNAVAILABLE\"}}\r\n\r\n"
    );
}

#[test]
fn what_chunks_repeat_is_written_once() {
    let chunk = |text: &str, rating: u8, end: &str| {
        format!(
            "data: {{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":\"{text}\"}}]}},\
             \"safetyRatings\":[{rating}]{end}}}],\"createTime\":\"t\"}}\r\n\r\n"
        )
    };
    let stream = chunk("a", 1, "") + &chunk("b", 2, ",\"finishReason\":\"STOP\"");
    let (events, complete) = all(&stream);
    assert!(complete);
    let again = write(&events);
    assert_eq!(again.matches("safetyRatings").count(), 1);
    assert!(again.contains("\"safetyRatings\":[2]"));
    assert_eq!(again.matches("createTime").count(), 1);
}
