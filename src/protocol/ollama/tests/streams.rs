//! Streams.

use crate::chat::Arguments;
use crate::chat::Class;
use crate::chat::Event;
use crate::chat::Failure;
use crate::chat::Finish;
use crate::chat::Json;
use crate::chat::Kept;
use crate::chat::Start;
use crate::chat::Text;
use crate::chat::Usage;
use crate::protocol::ollama::fuzz::drive;
use crate::protocol::ollama::fuzz::folded;
use crate::protocol::ollama::stream::Reader;
use crate::protocol::ollama::stream::Writer;
use crate::protocol::ollama::tests::SEED;
use crate::protocol::ollama::tests::answer;
use crate::protocol::ollama::tests::json;

const STREAM: &str = concat!(
    r#"{"model":"m","created_at":"2026-11-22T12:00:00.1Z","message":{"role":"assistant","content":"","thinking":"h"},"done":false,"remote_model":"r"}"#,
    "\n",
    r#"{"model":"m","created_at":"2026-11-22T12:00:00.2Z","message":{"role":"assistant","content":"","thinking":"m"},"done":false,"remote_model":"r"}"#,
    "\r\n\n",
    r#"{"model":"m","created_at":"2026-11-22T12:00:00.3Z","message":{"role":"assistant","content":"\u00e9"},"logprobs":[{"token":"x","logprob":0}],"done":false,"remote_model":"r"}"#,
    "\n",
    "{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\"\u{e9}\u{2028}\"},\"done\":false}\n",
    r#"{"model":"m","message":{"content":"","tool_calls":[{"id":"c1","function":{"index":0,"name":"f","arguments":{"a":1}}}]},"done":false}"#,
    "\n",
    r#"{"model":"m","message":{"content":"","tool_calls":[{"function":{"name":"g","arguments":{}}}]},"done":false}"#,
    "\n",
    r#"{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","total_duration":1,"prompt_eval_count":3,"eval_count":4,"remote_model":"r"}"#,
    "\n",
);

const WHOLE: &str = r#"{"model":"m","created_at":"2026-11-22T12:00:00.1Z","remote_model":"r","message":{"role":"assistant","content":"\u00e9\u00e9\u2028","thinking":"hm","tool_calls":[{"id":"c1","function":{"index":0,"name":"f","arguments":{"a":1}}},{"function":{"name":"g","arguments":{}}}]},"logprobs":[{"token":"x","logprob":0}],"done":true,"done_reason":"stop","total_duration":1,"prompt_eval_count":3,"eval_count":4}"#;

#[test]
fn a_stream_folds_into_the_whole_answer() {
    let (events, end) = drive(&[STREAM.as_bytes()]);
    assert_eq!(end, Ok(()));
    assert_eq!(folded(events), answer(WHOLE).unwrap());
}

#[test]
fn no_cut_changes_the_events() {
    let stream = STREAM.as_bytes();
    let whole = drive(&[stream]);
    for cut in 0..=stream.len() {
        let (head, tail) = stream.split_at(cut);
        assert_eq!(drive(&[head, tail]), whole, "cut at {cut}");
    }
    assert_eq!(drive(&stream.chunks(1).collect::<Vec<_>>()), whole);
}

#[test]
fn a_stream_that_is_cut_off_is_no_answer() {
    let stream = STREAM.as_bytes();
    // The last line feed alone is not missed.
    for cut in 0..stream.len() - 1 {
        let (events, end) = drive(&[&stream[..cut]]);
        assert!(end.is_err(), "cut at {cut}");
        assert!(!events.contains(&Event::End));
    }
    assert_eq!(drive(&[&stream[..stream.len() - 1]]).1, Ok(()));
}

#[test]
fn what_follows_the_end_is_not_read() {
    let (events, end) = drive(&[STREAM.as_bytes(), b"garbage\n"]);
    assert_eq!((events.last(), end), (Some(&Event::End), Ok(())));
    let mut reader = Reader::new(SEED);
    let both = [STREAM, "garbage"].concat();
    assert_eq!(reader.push(both.as_bytes(), &mut Kept::default()), Ok(STREAM.len()));
    assert!(reader.is_done());
}

#[test]
fn an_error_line_ends_a_stream() {
    let line = r#"{"error":"an error was encountered while running the model"}"#;
    let first = STREAM.lines().next().unwrap();
    let (events, end) = drive(&[format!("{first}\n{line}\n").as_bytes()]);
    assert_eq!(end, Ok(()));
    let Some(Event::Failure(failure)) = events.last() else { panic!("{events:?}") };
    assert_eq!((failure.status, failure.class), (500, Class::Server));
    assert!(drive(&[b"<html>\n"]).1.is_err());
    assert!(drive(&[b"{\"message\":{}}\n"]).1.is_err());
}

fn written(events: &[Event<'_>]) -> String {
    let mut writer = Writer::new(SEED, false);
    let mut out = Vec::new();
    events.iter().for_each(|event| writer.write(event, &mut out));
    String::from_utf8(out).unwrap()
}

#[test]
fn a_stream_is_written_line_by_line() {
    let text = |text: &str| Text::plain(text);
    let start = Start { model: text("m"), created: Some(0), ..Start::default() };
    let call = |call| Event::CallStart {
        choice: 0,
        call,
        id: text(&format!("c{call}")),
        name: text("f"),
        custom: false,
        signature: None,
    };
    let piece = |call, piece: &str| Event::CallArguments {
        choice: 0,
        call,
        piece: Arguments::Quoted(text(piece)),
    };
    let head = r#"{"model":"m","created_at":"1970-01-01T00:00:00Z","message":{"role":"assistant","content":""#;
    let lines = [
        r#"","thinking":"hm"},"done":false}"#,
        r#"a"},"done":false}"#,
        r#""},"logprobs":[{"token":"a"}],"done":false}"#,
        r#"","tool_calls":[{"id":"c1","function":{"index":1,"name":"f","arguments":{}}}]},"done":false}"#,
        r#"","tool_calls":[{"id":"c0","function":{"index":0,"name":"f","arguments":{"a":1}}}]},"done":false}"#,
        r#""},"done_reason":"length","done":true,"prompt_eval_count":3,"eval_count":4}"#,
    ];
    let expected: String = lines.iter().map(|line| format!("{head}{line}\n")).collect();
    let events = [
        Event::Start(start),
        Event::Thinking { choice: 0, text: text("hm") },
        Event::Text { choice: 0, text: text("a") },
        Event::Text { choice: 1, text: text("of another") },
        Event::Text { choice: 0, text: text("") },
        Event::Logprobs { choice: 0, value: Json::fixed(r#"{"content":[{"token":"a"}]}"#) },
        call(0),
        call(1),
        piece(0, "{\"a\""),
        Event::CallEnd { choice: 0, call: 1 },
        piece(0, ":1}"),
        Event::Finish { choice: 0, reason: Finish::Length },
        Event::Usage(Usage { prompt: 3, completion: 4, ..Usage::default() }),
        Event::End,
        Event::End,
        Event::Text { choice: 0, text: text("late") },
    ];
    assert_eq!(written(&events), expected);
    expected.lines().for_each(|line| drop(json(line)));
}

#[test]
fn a_failure_is_a_line_and_the_last() {
    let events = [
        Event::Start(Start::default()),
        Event::Failure(Failure::new(Class::Overloaded, "no")),
        Event::End,
    ];
    assert_eq!(written(&events), "{\"error\":\"no\"}\n");
    assert!(written(&[Event::End]).contains("\"done\":true"));
}
