//! Streams.

use super::SEED;
use crate::chat::Arguments;
use crate::chat::Citation;
use crate::chat::Class;
use crate::chat::Event;
use crate::chat::Extra;
use crate::chat::Failure;
use crate::chat::Finish;
use crate::chat::Fold;
use crate::chat::Json;
use crate::chat::Protocol;
use crate::chat::Said;
use crate::chat::Sink;
use crate::chat::Start;
use crate::chat::Text;
use crate::chat::Usage;
use crate::protocol::openai::chat::fuzz::drive;
use crate::protocol::openai::chat::response;
use crate::protocol::openai::chat::stream::Writer;

/// A stream of these chunks, with its terminator.
fn stream(chunks: &[&str]) -> String {
    let frames: String = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
    frames + "data: [DONE]\n\n"
}

fn events(body: &str) -> Vec<Event<'static>> {
    let (events, whole) = drive(std::iter::once(body.as_bytes()));
    assert!(whole, "{body}");
    events
}

fn fold(events: Vec<Event<'static>>) -> crate::chat::Answer<'static> {
    let mut fold = Fold::default();
    events.into_iter().for_each(|event| fold.event(event));
    fold.answer()
}

const FIRST: &str = r#"{"id":"c","object":"chat.completion.chunk","created":5,"model":"m","service_tier":"default","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"x"}"#;

fn delta(delta: &str) -> String {
    format!(
        r#"{{"id":"c","object":"chat.completion.chunk","created":5,"model":"m","service_tier":"default","choices":[{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":null}}],"usage":null,"obfuscation":"y"}}"#
    )
}

const STOP: &str = r#"{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
const USAGE: &str = r#"{"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}}"#;

/// A stream with all that there is.
fn rich() -> String {
    let call = r#"{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]}"#;
    let piece = r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\":"}}]}"#;
    let rest = r#"{"tool_calls":[{"index":0,"function":{"arguments":"1}"}}]}"#;
    let other = r#"{"tool_calls":[{"index":1,"id":"b","type":"function","function":{"name":"g","arguments":""}}]}"#;
    let chunks = [
        FIRST,
        &delta(r#"{"reasoning_content":"hm"}"#),
        &delta(r#"{"content":"a\u20ac"}"#),
        &delta(r#"{"content":"b"}"#),
        &delta(call),
        &delta(piece),
        &delta(rest),
        &delta(other),
        STOP,
        USAGE,
    ];
    stream(&chunks)
}

#[test]
fn a_stream_is_the_whole_answer_in_pieces() {
    let whole = r#"{"id":"c","created":5,"model":"m","service_tier":"default","choices":[{"index":0,
        "message":{"content":"a\u20acb","reasoning_content":"hm","tool_calls":[
            {"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}},
            {"id":"b","function":{"name":"g","arguments":"{}"}}]},"finish_reason":"stop"}],
        "usage":{"prompt_tokens":3,"completion_tokens":2}}"#;
    let mut expected = Fold::default();
    response::read(whole.as_bytes(), SEED, &mut expected).unwrap();
    assert_eq!(fold(events(&rich())), expected.answer());
}

#[test]
fn no_cut_makes_a_difference() {
    let body = rich();
    let whole = events(&body);
    for cut in 0..body.len() {
        let (head, tail) = body.as_bytes().split_at(cut);
        assert_eq!(drive([head, tail].into_iter()), (whole.clone(), true), "cut at {cut}");
    }
    assert_eq!(drive(body.as_bytes().chunks(1)).0, whole);
}

#[test]
fn what_breaks_off_is_no_answer() {
    let body = rich();
    let finished = body.find(r#""finish_reason":"stop""#).unwrap();
    let last = body.rfind("data: [DONE]").unwrap();
    for cut in 0..body.len() {
        let (events, whole) = drive(std::iter::once(&body.as_bytes()[..cut]));
        let between = body[..cut].ends_with("\n\n") && cut > finished;
        let terminated = cut >= last + "data: [DONE]".len();
        assert_eq!(whole, between || terminated, "cut at {cut}");
        assert_eq!(events.contains(&Event::End), whole, "cut at {cut}");
    }
}

#[test]
fn line_ends_comments_and_names_do_not_matter() {
    let body = rich();
    let whole = events(&body);
    for other in [
        body.replace('\n', "\r\n"),
        body.replace('\n', "\r"),
        body.replace("data: ", "data:"),
        format!("\u{feff}: hello\n\n{body}"),
        body.replace("data: [", ": ping\n\nevent: done\ndata: ["),
        body.trim_end().to_owned(),
        format!("{body}data: garbage\n\n"),
    ] {
        assert_eq!(events(&other), whole, "{other}");
    }
}

#[test]
fn azures_first_chunk_is_not_the_start() {
    let prologue = r#"{"id":"","object":"","created":0,"model":"","choices":[],"prompt_filter_results":[{"prompt_index":0}]}"#;
    let trailing = r#"{"id":"","choices":[{"index":0,"content_filter_results":{"hate":{}},"content_filter_offsets":{"start_offset":1},"finish_reason":null}]}"#;
    let body = stream(&[prologue, FIRST, &delta(r#"{"content":"a"}"#), STOP, trailing]);
    let events = events(&body);
    let Event::Start(start) = &events[0] else { panic!("{events:?}") };
    assert_eq!((start.id.decode().as_ref(), start.created), ("c", Some(5)));
    let Event::Extra { choice: None, extra } = &events[1] else { panic!("{events:?}") };
    assert_eq!(extra.name, "prompt_filter_results");
    let tail = events.len() - 2;
    assert_eq!(events[tail], Event::Finish { choice: 0, reason: Finish::Stop });
    assert_eq!(events[tail + 1], Event::End);
}

#[test]
fn calls_are_told_apart_however_they_are_numbered() {
    let call = |head: &str, name: &str| {
        delta(&format!(
            r#"{{"tool_calls":[{{{head}"function":{{"name":"{name}","arguments":"{{}}"}}}}]}}"#
        ))
    };
    for (first, second) in [
        (r#""index":0,"id":"a","#, r#""index":1,"id":"b","#),
        (r#""index":0,"id":"a","#, r#""index":0,"id":"b","#),
        (r#""id":"a","#, r#""id":"b","#),
        ("", ""),
        (r#""index":0,"#, r#""index":0,"#),
        (r#""index":"0","id":"","#, r#""index":"1","id":null,"#),
    ] {
        let body = stream(&[FIRST, &call(first, "f"), &call(second, "g"), STOP]);
        let answer = fold(events(&body));
        assert_eq!(answer.choices[0].parts.len(), 2, "{first} {second}");
        assert_eq!(answer.choices[0].finish, Some(Finish::Calls));
    }
    let again = r#""index":0,"id":"a","#;
    let body = stream(&[FIRST, &call(again, "f"), &call(again, "f"), STOP]);
    assert_eq!(fold(events(&body)).choices[0].parts.len(), 1, "the same call goes on");
    let late = delta(r#"{"tool_calls":[{"index":0,"function":{"arguments":"x"}}]}"#);
    let body = stream(&[FIRST, &call(again, "f"), &call(r#""index":1,"#, "g"), &late]);
    assert!(!drive(std::iter::once(body.as_bytes())).1, "pieces of two calls are mixed");
}

/// The number of the wire joins the pieces of a call, whatever comes in between.
#[test]
fn calls_may_come_side_by_side() {
    let piece = |head: &str, arguments: &str| {
        let name = if head.contains("id") { r#""name":"f","# } else { "" };
        let arguments = serde_json::Value::from(arguments);
        delta(&format!(
            r#"{{"tool_calls":[{{{head},"function":{{{name}"arguments":{arguments}}}}}]}}"#
        ))
    };
    let begin = [(r#""index":0,"id":"a""#, ""), (r#""index":1,"id":"b""#, "")];
    let bare = [(r#""index":0"#, "{\"a\":"), (r#""index":1"#, "{\"b\":"), (r#""index":0"#, "1}")];
    let named =
        bare.map(|(head, text)| (if head.ends_with('0') { begin[0].0 } else { begin[1].0 }, text));
    let unnumbered =
        [(r#""id":"a""#, "{\"a\":"), (r#""id":"b""#, "{\"b\":"), (r#""id":"a""#, "1}")];
    for pieces in [&bare, &named, &unnumbered] {
        let mut chunks = vec![FIRST.to_owned()];
        let unnumbered = !pieces[0].0.contains("index");
        let all = begin.iter().filter(|_| !unnumbered).chain(pieces);
        chunks.extend(all.map(|(head, text)| piece(head, text)));
        chunks.extend([piece(pieces[1].0, "2}"), STOP.to_owned()]);
        let chunks: Vec<&str> = chunks.iter().map(String::as_str).collect();
        let answer = fold(events(&stream(&chunks)));
        let said = answer.choices[0].parts.iter().map(|part| {
            let Said::Call { id, arguments, .. } = part else { panic!("{part:?}") };
            (id.decode().into_owned(), String::from_utf8(arguments.json().into()).unwrap())
        });
        let said: Vec<_> = said.collect();
        let expected = [("a", "{\"a\":1}"), ("b", "{\"b\":2}")];
        assert_eq!(said, expected.map(|(id, text)| (id.to_owned(), text.to_owned())), "{pieces:?}");
    }
}

/// A writer whose blocks cannot overlap waits for the end of a call, so that is not left to the end of all.
#[test]
fn a_call_is_over_when_the_next_one_begins_and_its_arguments_are_whole() {
    let start = |n: u8, arguments: &str| {
        delta(&format!(
            r#"{{"tool_calls":[{{"index":{n},"id":"i{n}","function":{{"name":"f","arguments":"{arguments}"}}}}]}}"#
        ))
    };
    let more = |arguments: &str| {
        delta(&format!(
            r#"{{"tool_calls":[{{"index":0,"function":{{"arguments":"{arguments}"}}}}]}}"#
        ))
    };
    // The last piece is like the one before it and is not read.
    let whole = [start(0, ""), more("{"), more("}"), start(1, "{}")];
    let open = [start(0, ""), more("{}"), more("{"), start(1, "{}")];
    for (chunks, ended) in [(whole, true), (open, false)] {
        let [a, b, c, d] = &chunks;
        let events = events(&stream(&[FIRST, a, b, c, d, STOP]));
        let at = |wanted: &dyn Fn(&Event<'_>) -> bool| events.iter().position(wanted).unwrap();
        let end = at(&|event| matches!(event, Event::CallEnd { call: 0, .. }));
        let next = at(&|event| matches!(event, Event::CallStart { call: 1, .. }));
        assert_eq!(end < next, ended, "{events:?}");
    }
}

#[test]
fn calls_are_bounded() {
    let call =
        |n: u32| delta(&format!(r#"{{"tool_calls":[{{"index":{n},"function":{{"name":"f"}}}}]}}"#));
    let chunks =
        |count: u32| (0..count).map(|n| format!("data: {}\n\n", call(n))).collect::<String>();
    assert!(drive(std::iter::once(format!("{}data: [DONE]\n\n", chunks(1024)).as_bytes())).1);
    assert!(!drive(std::iter::once(format!("{}data: [DONE]\n\n", chunks(1025)).as_bytes())).1);
}

/// A chunk like the one before is passed by likeness; nothing may be told otherwise than of one that
/// is read.
#[test]
fn likeness_changes_nothing() {
    const DELTAS: [&str; 22] = [
        r#"{"role":"assistant","content":""}"#,
        r#"{"role":"assistant","content":"a"}"#,
        r#"{"content":"a"}"#,
        r#"{"content":"b\n"}"#,
        r#"{"content":""}"#,
        r#"{"content":null}"#,
        r#"{"content":"c","content":"d"}"#,
        r#"{"content":"c","content":""}"#,
        r#"{"reasoning":"e","reasoning_content":"f"}"#,
        r#"{"reasoning":"e","reasoning_content":""}"#,
        r#"{"content":[{"type":"text","text":"g"}]}"#,
        r#"{"content":"h","extra":1}"#,
        r#"{"refusal":"i"}"#,
        r#"{"tool_calls":[{"index":0,"id":"j","function":{"name":"f","arguments":""}}]}"#,
        r#"{"tool_calls":[{"index":1,"id":"k","function":{"name":"g","arguments":"1"}}]}"#,
        r#"{"tool_calls":[{"index":0,"function":{"arguments":""}}]}"#,
        r#"{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}"#,
        r#"{"tool_calls":[{"index":1,"function":{"arguments":"[]"}}]}"#,
        r#"{"tool_calls":[{"index":0,"function":{"arguments":"l","input":"m"}}]}"#,
        r#"{"tool_calls":[{"index":0,"function":{"arguments":"n","input":"m"}}]}"#,
        r#"{"tool_calls":[{"index":0,"function":{"argum\u0065nts":"o"}}]}"#,
        r#"{"tool_calls":[{"index":0,"function":{"arguments":"p"}},{"index":0,"function":{"arguments":"q"}}]}"#,
    ];
    let mut shapes: Vec<String> = DELTAS.into_iter().map(delta).collect();
    shapes.push(STOP.to_owned());
    shapes.push(delta(r#"{"content":"r"}"#).replace("null}]", r#""length"}]"#));
    shapes.push(delta(r#"{"content":"a"}"#).replace(r#""index":0"#, r#""index":1"#));
    shapes.push(
        delta(r#"{"content":"a"}"#).replace(r#""usage":null"#, r#""usage":{"prompt_tokens":1}"#),
    );
    let read = |order: [usize; 4], padded: bool| {
        let chunks = order.iter().enumerate().map(|(at, shape)| {
            // No two chunks are alike that begin with another number of spaces.
            let padding = if padded { " ".repeat(at) } else { String::new() };
            format!(
                "data: {padding}{}\n\n",
                shapes[*shape].replacen('{', &format!("{{{padding}"), 1)
            )
        });
        drive(std::iter::once(chunks.collect::<String>().as_bytes()))
    };
    let (count, mut told) = (shapes.len(), 0);
    for n in 0..count.pow(3) {
        let (one, two, three) = (n % count, n / count % count, n / count / count);
        let order = [one, two, three, two];
        let (events, complete) = read(order, false);
        assert_eq!((&events, complete), (&read(order, true).0, read(order, true).1), "{order:?}");
        told += events.len();
    }
    assert!(told > 3 * count.pow(3), "{told}");
}

#[test]
fn a_failure_ends_the_stream() {
    for frame in [
        "data: {\"error\":{\"message\":\"busy\",\"code\":503}}\n\n",
        "event: error\ndata: {\"message\":\"busy\",\"status_code\":503}\n\n",
    ] {
        let body = format!("data: {FIRST}\n\n{frame}data: [DONE]\n\n");
        let events = events(&body);
        let Some(Event::Failure(failure)) = events.last() else { panic!("{events:?}") };
        assert_eq!((failure.status, failure.class), (503, Class::Overloaded));
        assert!(failure.message.is("busy"));
    }
    let plain = format!("data: {FIRST}\n\nevent: error\ndata: out of memory\n\n");
    assert!(matches!(events(&plain).last(), Some(Event::Failure(_))));
    for garbage in ["data: {\n\n", "data: hello\n\n", "data: {\"choices\":[1]}\n\n"] {
        assert!(!drive(std::iter::once(garbage.as_bytes())).1, "{garbage}");
    }
}

/// What a client that asked for its usage gets.
fn shown(events: &[Event<'_>], usage: bool) -> String {
    let mut writer = Writer::new(SEED, usage);
    let mut out = Vec::new();
    events.iter().for_each(|event| writer.write(event, &mut out));
    String::from_utf8(out).unwrap()
}

fn text(choice: u32, text: &str) -> Event<'static> {
    Event::Text { choice, text: Text::plain(text) }
}

#[test]
fn a_client_gets_openais_chunks() {
    let start =
        Start { id: Text::plain("x"), model: Text::plain("m"), created: Some(7), usage: None };
    let id = Text::plain("a");
    let name = Text::plain("f");
    let piece = Arguments::Value(Json::fixed(r#"{"q": "\n"}"#));
    let all = [
        Event::Start(start),
        text(0, "a\"b"),
        Event::CallStart {
            choice: 0,
            call: 0,
            id: id.clone(),
            name: name.clone(),
            custom: false,
            signature: None,
        },
        Event::CallArguments { choice: 0, call: 0, piece },
        Event::CallEnd { choice: 0, call: 0 },
        Event::CallStart { choice: 0, call: 1, id, name, custom: false, signature: None },
        Event::CallEnd { choice: 0, call: 1 },
        Event::Usage(Usage { prompt: 1, completion: 2, ..Usage::default() }),
        Event::Finish { choice: 0, reason: Finish::Calls },
        Event::End,
    ];
    let head = r#"data: {"id":"x","object":"chat.completion.chunk","created":7,"model":"m","choices":[{"index":0,"#;
    let tail = r#","logprobs":null,"finish_reason":null}]}"#;
    let chunk = |delta: &str| format!("{head}\"delta\":{delta}{tail}\n\n");
    let expected = [
        chunk(r#"{"role":"assistant","content":"","refusal":null}"#),
        chunk(r#"{"content":"a\"b"}"#),
        chunk(
            r#"{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]}"#,
        ),
        chunk(r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"q\": \"\\n\"}"}}]}"#),
        chunk(
            r#"{"tool_calls":[{"index":1,"id":"a","type":"function","function":{"name":"f","arguments":""}}]}"#,
        ),
        chunk(r#"{"tool_calls":[{"index":1,"function":{"arguments":"{}"}}]}"#),
        format!("{head}\"delta\":{{}},\"logprobs\":null,\"finish_reason\":\"tool_calls\"}}]}}\n\n"),
        "data: [DONE]\n\n".to_owned(),
    ];
    assert_eq!(shown(&all, false), expected.concat());
    let told = shown(&all, true);
    assert!(told.contains(r#""finish_reason":null}],"usage":null}"#));
    assert!(told.contains(
        r#""choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"#
    ));
}

#[test]
fn who_knows_the_older_form_only_gets_the_first_call_of_a_choice_in_it() {
    let call = |choice, call, name: &str| Event::CallStart {
        choice,
        call,
        id: Text::plain("c"),
        name: Text::plain(name),
        custom: false,
        signature: None,
    };
    let piece = |choice, call, text: &str| Event::CallArguments {
        choice,
        call,
        piece: Arguments::Quoted(Text::plain(text)),
    };
    let all = [
        call(0, 0, "f"),
        piece(0, 0, "{\"a\""),
        call(0, 1, "left out"),
        piece(0, 1, "{}"),
        piece(0, 0, ":1}"),
        Event::CallEnd { choice: 0, call: 0 },
        Event::CallEnd { choice: 0, call: 1 },
        call(0, 2, "left out"),
        Event::CallEnd { choice: 0, call: 2 },
        call(1, 0, "g"),
        Event::CallEnd { choice: 1, call: 0 },
        Event::Finish { choice: 0, reason: Finish::Calls },
        Event::Finish { choice: 1, reason: Finish::Stop },
        Event::End,
    ];
    let mut writer = Writer::new(SEED, false).older();
    let mut out = Vec::new();
    all.iter().for_each(|event| writer.write(event, &mut out));
    let out = String::from_utf8(out).unwrap();
    let frames = || out.split("\n\n");
    let comments = frames().filter(|frame| frame.starts_with(": answer.tool_calls is left out"));
    assert_eq!(comments.count(), 2, "{out}");
    let data = frames().filter_map(|frame| frame.strip_prefix("data: "));
    let chunks = data.filter_map(|chunk| serde_json::from_str(chunk).ok());
    let told: Vec<String> = chunks
        .map(|chunk: serde_json::Value| chunk["choices"][0].clone())
        .filter(|choice| choice["delta"]["role"].is_null())
        .map(|it| format!("{} {} {}", it["index"], it["delta"], it["finish_reason"]))
        .collect();
    let function = |of: u32, inside: &str| format!(r#"{of} {{"function_call":{{{inside}}}}} null"#);
    let expected = [
        function(0, r#""name":"f","arguments":"""#),
        function(0, r#""arguments":"{\"a\"""#),
        function(0, r#""arguments":":1}""#),
        function(1, r#""name":"g","arguments":"""#),
        function(1, r#""arguments":"{}""#),
        r#"0 {} "function_call""#.to_owned(),
        r#"1 {} "stop""#.to_owned(),
    ];
    assert_eq!(told, expected);
    let answer = fold(events(&out));
    assert_eq!(answer.choices[0].finish, Some(Finish::Calls));
}

#[test]
fn every_choice_begins_with_the_role_and_has_the_same_id() {
    let shown = shown(&[text(1, "b"), text(0, "a"), Event::End], false);
    assert_eq!(shown.matches(r#""role":"assistant""#).count(), 2);
    let id = format!(r#"{{"id":"{}","#, SEED.id("chatcmpl-", u64::MAX));
    assert_eq!(shown.matches(&id).count(), 4);
    assert_eq!(fold(events(&shown)).choices.len(), 2);
}

#[test]
fn extras_sources_and_failures_are_shown() {
    let extra = |name: &'static str| Extra {
        by: Protocol::Openai,
        name: name.into(),
        value: Json::fixed(r#"{"a":1}"#),
    };
    let citation = Citation { url: Text::plain("https://x"), title: None, range: Some((0, 1)) };
    let all = [
        Event::Start(Start { id: Text::plain("x"), created: Some(7), ..Start::default() }),
        Event::Extra { choice: None, extra: extra("service_tier") },
        Event::Extra { choice: None, extra: extra("moderation") },
        Event::Extra { choice: Some(0), extra: extra("content_filter_results") },
        Event::Extra { choice: Some(0), extra: extra("audio") },
        text(0, "a"),
        Event::Citation { choice: 0, citation },
        Event::Finish { choice: 0, reason: Finish::Stop },
        Event::End,
    ];
    let told = shown(&all, false);
    assert_eq!(told.matches("moderation").count(), 1);
    assert_eq!(told.matches("service_tier").count(), 4, "{told}");
    let answer = fold(events(&told));
    assert_eq!((answer.extra.len(), answer.choices[0].extra.len()), (2, 2));
    let failed = shown(&[Event::Failure(Failure::new(Class::Overloaded, "busy"))], false);
    let expected = r#"data: {"error":{"message":"busy","type":"server_error","param":null,"code":"overloaded"}}"#;
    assert_eq!(failed, format!("{expected}\n\n"));
}
