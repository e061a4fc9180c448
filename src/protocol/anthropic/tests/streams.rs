//! Streams.

use crate::chat::Arguments;
use crate::chat::Class;
use crate::chat::Event;
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
use crate::protocol::Seed;
use crate::protocol::anthropic::fuzz;
use crate::protocol::anthropic::fuzz::drive;
use crate::protocol::anthropic::stream::Reader;
use crate::protocol::anthropic::tests::folded;
use crate::protocol::anthropic::tests::folded_stream;
use crate::protocol::anthropic::tests::streamed;
use crate::protocol::anthropic::tests::tree;

/// Events in Anthropic's framing.
fn framed(events: &[&str]) -> String {
    let frame = |event: &&str| {
        let name = tree(event)["type"].as_str().unwrap().to_owned();
        format!("event: {name}\ndata: {event}\n\n")
    };
    events.iter().map(frame).collect()
}

const STREAM: [&str; 27] = [
    r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":100,"cache_creation_input_tokens":10,"cache_read_input_tokens":20,"cache_creation":{"ephemeral_1h_input_tokens":7},"output_tokens":1}}}"#,
    r#"{"type":"ping"}"#,
    r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"S"}}"#,
    r#"{"type":"content_block_stop","index":0}"#,
    r#"{"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"R"}}"#,
    r#"{"type":"content_block_stop","index":1}"#,
    r#"{"type":"content_block_start","index":2,"content_block":{"type":"text","text":""}}"#,
    r#"{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"It \u00e9"}}"#,
    r#"{"type":"content_block_stop","index":2}"#,
    r#"{"type":"content_block_start","index":3,"content_block":{"type":"text","text":"","citations":[]}}"#,
    r#"{"type":"content_block_delta","index":3,"delta":{"type":"citations_delta","citation":{"type":"web_search_result_location","url":"u","title":"t","cited_text":"c","encrypted_index":"e"}}}"#,
    r#"{"type":"content_block_delta","index":3,"delta":{"type":"text_delta","text":" is \ud83e\udd80."}}"#,
    r#"{"type":"content_block_stop","index":3}"#,
    r#"{"type":"content_block_start","index":4,"content_block":{"type":"server_tool_use","id":"srv","name":"web_search","input":{}}}"#,
    r#"{"type":"content_block_delta","index":4,"delta":{"type":"input_json_delta","partial_json":"{\"q\":"}}"#,
    r#"{"type":"content_block_delta","index":4,"delta":{"type":"input_json_delta","partial_json":" \"x\"}"}}"#,
    r#"{"type":"content_block_stop","index":4}"#,
    r#"{"type":"content_block_start","index":5,"content_block":{"type":"tool_use","id":"toolu_1","name":"f","input":{}}}"#,
    r#"{"type":"content_block_delta","index":5,"delta":{"type":"input_json_delta","partial_json":""}}"#,
    r#"{"type":"content_block_delta","index":5,"delta":{"type":"input_json_delta","partial_json":"{\"a\": 1"}}"#,
    r#"{"type":"content_block_delta","index":5,"delta":{"type":"input_json_delta","partial_json":".0}"}}"#,
    r#"{"type":"content_block_stop","index":5}"#,
    r#"{"type":"some_future_event","x":1}"#,
    r#"{"type":"message_delta","delta":{"stop_reason":null},"usage":{"output_tokens":9}}"#,
    r#"{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null,"container":{"id":"c"}},"usage":{"output_tokens":40,"output_tokens_details":{"thinking_tokens":15}}}"#,
    r#"{"type":"message_stop"}"#,
];

const WHOLE: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[
    {"type":"thinking","thinking":"","signature":"S"},{"type":"redacted_thinking","data":"R"},
    {"type":"text","text":"It \u00e9"},{"type":"text","text":" is \ud83e\udd80.","citations":[
        {"type":"web_search_result_location","url":"u","title":"t"}]},
    {"type":"server_tool_use","id":"srv","name":"web_search","input":{"q": "x"}},
    {"type":"tool_use","id":"toolu_1","name":"f","input":{"a": 1.0}}],
    "stop_reason":"tool_use","stop_sequence":null,"container":{"id":"c"},
    "usage":{"input_tokens":100,"cache_creation_input_tokens":10,"cache_read_input_tokens":20,
        "cache_creation":{"ephemeral_1h_input_tokens":7},"output_tokens":40,
        "output_tokens_details":{"thinking_tokens":15}}}"#;

#[test]
fn a_stream_says_what_the_whole_answer_says() {
    let stream = folded_stream(&framed(&STREAM));
    let mut whole = folded(WHOLE);
    // Put together anew, the block is written without spaces.
    let value = Json::fixed(
        r#"{"type":"server_tool_use","id":"srv","name":"web_search","input":{"q": "x"}}"#,
    );
    assert_eq!(stream.choices[0].extra[0].value, value);
    whole.choices[0].extra[0].value = value;
    assert_eq!(stream, whole);
    assert_eq!(stream.usage.map(|usage| usage.cache_write_long), Some(7));
}

#[test]
fn any_cut_gives_the_same_and_a_missing_end_is_an_error() {
    let stream = framed(&STREAM);
    let bytes = stream.as_bytes();
    let (whole, result) = drive(&[bytes]);
    assert_eq!(result, Ok(()));
    for cut in 0..bytes.len() {
        let (head, tail) = bytes.split_at(cut);
        assert_eq!(drive(&[head, tail]), (whole.clone(), Ok(())), "cut at {cut}");
        let (events, result) = drive(&[head]);
        // The last line feed but one ends the event's last line; the last one is the blank line.
        assert!(result.is_err(), "cut at {cut}");
        assert!(!events.0.contains(&Event::End));
    }
    let crs = stream.replace('\n', "\r");
    assert_eq!(drive(&[crs.as_bytes()]), (whole.clone(), Ok(())));
    let crlfs = stream.replace('\n', "\r\n");
    assert_eq!(drive(&[crlfs.as_bytes()]), (whole.clone(), Ok(())));
    let bare = stream.lines().filter(|line| !line.starts_with("event")).collect::<Vec<_>>();
    let bare = format!("\u{feff}: hi\n\n{}\n\n", bare.join("\n").replace("data: ", "data:"));
    assert_eq!(drive(&[bare.as_bytes()]), (whole, Ok(())));
    fuzz(bytes);
}

#[test]
fn what_follows_the_end_is_not_read() {
    let stream = framed(&STREAM) + "data: nonsense\n\n";
    let mut reader = Reader::new(Seed::default());
    let mut events = crate::chat::Kept::default();
    let used = reader.push(stream.as_bytes(), &mut events).unwrap();
    assert!(reader.is_done());
    assert_eq!(&stream[used..], "data: nonsense\n\n");
}

#[test]
fn a_stream_that_fails() {
    let error = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    let stream = framed(&[STREAM[0], STREAM[7], STREAM[8], error]);
    let (events, result) = drive(&[stream.as_bytes()]);
    assert_eq!(result, Ok(()));
    let Some(Event::Failure(failure)) = events.0.last() else { panic!() };
    assert_eq!((failure.class, failure.status), (Class::Overloaded, 529));
    for wrong in [
        "data: [DONE]\n\n".to_owned(),
        "data: {\n\n".to_owned(),
        framed(&[STREAM[8]]),
        framed(&[STREAM[7], STREAM[7]]),
        framed(&[r#"{"type":"content_block_start","index":0}"#]),
        framed(&[r#"{"type":"content_block_stop"}"#]),
        framed(&[r#"{"type":"message_start"}"#]),
        framed(&[STREAM[7], r#"{"type":"content_block_delta","index":2,"delta":{"type":"x"}}"#]),
    ] {
        assert!(drive(&[wrong.as_bytes()]).1.is_err(), "{wrong}");
    }
}

#[test]
fn arguments_may_come_with_the_start() {
    let stream = framed(&[
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"1","name":"f","input":{"a":1}}}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":"t"}}"#,
        r#"{"type":"message_stop"}"#,
    ]);
    let answer = folded_stream(&stream);
    let Said::Call { arguments, .. } = &answer.choices[0].parts[0] else { panic!() };
    assert_eq!(&*arguments.json(), br#"{"a":1}"#);
    assert_eq!(answer.choices[0].finish, Some(Finish::Calls));
}

fn text(text: &str) -> Event<'static> {
    Event::Text { choice: 0, text: Text::plain(text) }
}

fn start(call: u32, id: &str, signature: Option<&str>) -> Event<'static> {
    let by = Protocol::Gemini;
    let signature = signature.map(|data| Signature { by, data: Text::plain(data) });
    let (id, name) = (Text::plain(id), Text::plain("f"));
    Event::CallStart { choice: 0, call, id, name, custom: false, signature }
}

fn piece(call: u32, text: &str) -> Event<'static> {
    Event::CallArguments { choice: 0, call, piece: Arguments::Quoted(Text::plain(text)) }
}

/// The events of a stream without their frames, each as its kind, its number and what is new in it.
fn outline(stream: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for line in stream.lines().filter_map(|line| line.strip_prefix("data: ")) {
        let event = tree(line);
        let kind = event["type"].as_str().unwrap().to_owned();
        let inner = [&event["delta"], &event["content_block"]];
        let inner = inner.into_iter().find(|value| value.is_object());
        let inner = inner.map(ToString::to_string).unwrap_or_default();
        lines.push(format!("{kind} {} {inner}", event["index"]));
    }
    lines
}

#[test]
fn blocks_do_not_overlap() {
    let stream = streamed(&[
        Event::Start(Start::default()),
        text("a"),
        start(0, "x", None),
        piece(0, "{\"a\""),
        start(1, "", Some("G")),
        piece(1, "{}"),
        piece(0, ":1}"),
        text("b"),
        Event::CallEnd { choice: 0, call: 1 },
        Event::CallEnd { choice: 0, call: 0 },
        Event::Finish { choice: 0, reason: Finish::Calls },
        Event::End,
    ]);
    let made = Seed { now: 1_700_000_000, random: 11 }.id("toolu_", 2);
    let deltas = |index: u64, pieces: &[&str]| -> Vec<String> {
        let line = |piece: &&str| format!("content_block_delta {index} {piece}");
        pieces.iter().map(line).collect()
    };
    let mut wanted = vec!["message_start null ".to_owned()];
    wanted.push(r#"content_block_start 0 {"type":"text","text":""}"#.into());
    wanted.extend(deltas(0, &[r#"{"type":"text_delta","text":"a"}"#]));
    wanted.push("content_block_stop 0 ".into());
    wanted
        .push(r#"content_block_start 1 {"type":"tool_use","id":"x","name":"f","input":{}}"#.into());
    let first = r#"{"type":"input_json_delta","partial_json":"{\"a\""}"#;
    wanted.extend(deltas(1, &[first, r#"{"type":"input_json_delta","partial_json":":1}"}"#]));
    wanted.push("content_block_stop 1 ".into());
    wanted.push(r#"content_block_start 2 {"type":"thinking","thinking":"","signature":""}"#.into());
    let signature = r#"{"type":"signature_delta","signature":"crabllm.gemini.G"}"#;
    wanted.extend(deltas(2, &[signature]));
    wanted.push("content_block_stop 2 ".into());
    wanted.push(format!(
        r#"content_block_start 3 {{"type":"tool_use","id":"{made}","name":"f","input":{{}}}}"#
    ));
    wanted.extend(deltas(3, &[r#"{"type":"input_json_delta","partial_json":"{}"}"#]));
    wanted.push("content_block_stop 3 ".into());
    wanted.push(r#"content_block_start 4 {"type":"text","text":""}"#.into());
    wanted.extend(deltas(4, &[r#"{"type":"text_delta","text":"b"}"#]));
    wanted.push("content_block_stop 4 ".into());
    wanted.push(r#"message_delta null {"stop_reason":"tool_use","stop_sequence":null}"#.into());
    wanted.push("message_stop null ".into());
    assert_eq!(outline(&stream), wanted);
}

#[test]
fn a_custom_call_is_an_object_with_text() {
    let (id, name) = (Text::plain("1"), Text::plain("f"));
    let stream = streamed(&[
        Event::CallStart { choice: 0, call: 0, id, name, custom: true, signature: None },
        piece(0, "say \"h"),
        piece(0, "i\"\n"),
        Event::CallEnd { choice: 0, call: 0 },
        Event::End,
    ]);
    let answer = folded_stream(&stream);
    let Said::Call { arguments, .. } = &answer.choices[0].parts[0] else { panic!() };
    let arguments: serde_json::Value = serde_json::from_slice(&arguments.json()).unwrap();
    assert_eq!(arguments, serde_json::json!({"input": "say \"hi\"\n"}));
}

#[test]
fn a_frame_is_lines_of_its_own() {
    let extra = |name: &'static str, value| Extra {
        by: Protocol::Anthropic,
        name: name.into(),
        value: Json::fixed(value),
    };
    let stream = streamed(&[
        Event::Extra { choice: Some(0), extra: extra("x", "{\"type\":\n\"x\"}") },
        Event::Extra { choice: Some(0), extra: extra("citation", "{\r\n}") },
        Event::Extra { choice: None, extra: extra("container", "{\n\n}") },
        Event::Extra { choice: None, extra: extra("other", "[\n\n]") },
        Event::Usage(Usage { prompt: 3, completion: 4, ..Usage::default() }),
        Event::End,
    ]);
    let answer = folded_stream(&stream);
    let names: Vec<_> = answer.extra.iter().map(|extra| &*extra.name).collect();
    assert_eq!(names, ["container", "other"]);
    assert_eq!(answer.choices[0].extra.len(), 2);
    assert_eq!(answer.usage.map(|usage| (usage.prompt, usage.completion)), Some((3, 4)));
}

#[test]
fn a_failure_is_an_event() {
    let failure = Failure::new(Class::Overloaded, "no room");
    let stream = streamed(&[Event::Start(Start::default()), text("a"), Event::Failure(failure)]);
    let end = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"no room\"}}\n\n";
    assert!(stream.ends_with(end), "{stream}");
}
