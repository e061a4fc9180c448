//! Every protocol's answers for clients of every other: whole and streamed, cut at every byte.

use crabllm::chat::Answer;
use crabllm::chat::Arguments;
use crabllm::chat::Event;
use crabllm::chat::Finish;
use crabllm::chat::Protocol;
use crabllm::chat::Said;
use crabllm::chat::Start;
use crabllm::chat::Text;
use crabllm::chat::Usage;

use crate::drive;
use crate::drive::fold;
use crate::drive::read_whole;
use crate::drive::write_stream;
use crate::drive::write_whole;

const UNICODE: &str =
    "na\u{ef}ve \u{65e5}\u{672c} \u{1f980}\u{200d} \u{2028} \"quoted\" \\back\\ \t\n end";
const ARGUMENTS: &str = r#"{"city":"Z\u00fcrich","days":3,"big":12345678901234567890,"half":1.50,"nested":{"a":[1,null,true]}}"#;

/// What must be the same on both sides.
#[derive(Debug, PartialEq)]
struct Meaning {
    text: String,
    calls: Vec<(String, serde_json::Value)>,
    finish: Option<Finish<'static>>,
    prompt: u64,
    completion: u64,
    complete: bool,
}

fn meaning(answer: &Answer<'_>) -> Meaning {
    let choice = answer.choices.first();
    let (mut text, mut calls) = (String::new(), Vec::new());
    for part in choice.map(|choice| choice.parts.as_slice()).unwrap_or_default() {
        match part {
            Said::Text { text: more, .. } | Said::Refusal(more) => text.push_str(&more.decode()),
            Said::Call { name, arguments, .. } => {
                let json = arguments.json();
                let json: &[u8] = if json.is_empty() { b"{}" } else { &json };
                let value = serde_json::from_slice(json).expect("arguments are JSON");
                calls.push((name.decode().into_owned(), value));
            }
            Said::Thinking { .. } | Said::Redacted(_) => {}
        }
    }
    let usage = answer.usage.unwrap_or_default();
    Meaning {
        text,
        calls,
        finish: choice.and_then(|choice| choice.finish.clone()).map(Finish::into_owned),
        prompt: usage.prompt,
        completion: usage.completion,
        complete: answer.complete,
    }
}

fn text(said: &str) -> Event<'static> {
    Event::Text { choice: 0, text: Text::plain(said) }
}

fn call(number: u32, name: &str, pieces: &[&str]) -> Vec<Event<'static>> {
    let id = Text::plain(&format!("call_{number}abc"));
    let (name, custom, signature) = (Text::plain(name), false, None);
    let mut events =
        vec![Event::CallStart { choice: 0, call: number, id, name, custom, signature }];
    for piece in pieces {
        let piece = Arguments::Quoted(Text::plain(piece));
        events.push(Event::CallArguments { choice: 0, call: number, piece });
    }
    events.push(Event::CallEnd { choice: 0, call: number });
    events
}

/// The answers: a name, and the events of the content.
fn answers() -> Vec<(&'static str, Vec<Event<'static>>, Finish<'static>)> {
    let (half, rest) = ARGUMENTS.split_at(31);
    let both = [text("Let me see. ")]
        .into_iter()
        .chain(call(0, "get_weather", &[half, rest]))
        .chain(call(1, "get_time", &[]))
        .collect();
    vec![
        ("text", vec![text("Hello "), text("there.")], Finish::Stop),
        ("unicode", UNICODE.split_inclusive(' ').map(text).collect(), Finish::Stop),
        ("cut short", vec![text("a")], Finish::Length),
        ("a call", call(0, "get_weather", &[ARGUMENTS]), Finish::Calls),
        ("text and calls", both, Finish::Calls),
    ]
}

fn all(content: &[Event<'static>], finish: &Finish<'static>) -> Vec<Event<'static>> {
    let start = Start { id: Text::plain("id_1"), model: Text::plain("m"), ..Start::default() };
    let usage = Usage { prompt: 130, completion: 25, ..Usage::default() };
    let mut events = vec![Event::Start(start)];
    events.extend_from_slice(content);
    events.push(Event::Finish { choice: 0, reason: finish.clone() });
    events.push(Event::Usage(usage));
    events.push(Event::End);
    events
}

/// Reads a stream that comes in two pieces.
fn read(protocol: Protocol, bytes: &[u8], cut: usize) -> Option<Vec<Event<'static>>> {
    let (before, behind) = bytes.split_at(cut);
    let (events, end) = drive::read_stream(protocol, [before, behind]);
    end.ok().map(|()| events)
}

#[test]
fn whole_answers_cross() {
    for (name, content, finish) in answers() {
        let answer = fold(&all(&content, &finish));
        let said = meaning(&answer);
        for upstream in Protocol::ALL {
            let body = write_whole(upstream, &answer);
            let told = fold(&read_whole(upstream, &body).expect("an answer"));
            assert_eq!(meaning(&told), said, "{name} of {upstream:?}");
            for client in Protocol::ALL {
                let body = write_whole(client, &told);
                let heard = fold(&read_whole(client, &body).expect("an answer"));
                assert_eq!(meaning(&heard), said, "{name}: {upstream:?} to {client:?}");
            }
        }
    }
}

#[test]
fn streams_cross_and_are_the_same_at_every_cut() {
    for (name, content, finish) in answers() {
        let events = all(&content, &finish);
        let said = meaning(&fold(&events));
        for upstream in Protocol::ALL {
            let bytes = write_stream(upstream, &events);
            let told = read(upstream, &bytes, 0).expect("a stream");
            assert_eq!(meaning(&fold(&told)), said, "{name} of {upstream:?}");
            for cut in 0..=bytes.len() {
                let again = read(upstream, &bytes, cut);
                assert_eq!(again.as_ref(), Some(&told), "{name} of {upstream:?}, cut at {cut}");
            }
            for client in Protocol::ALL {
                let heard = read(client, &write_stream(client, &told), 0).expect("a stream");
                assert_eq!(meaning(&fold(&heard)), said, "{name}: {upstream:?} to {client:?}");
            }
        }
    }
}

#[test]
fn a_stream_without_its_end_is_not_complete() {
    let events = all(&[text("Hello "), text("there.")], &Finish::Stop);
    for upstream in Protocol::ALL {
        let bytes = write_stream(upstream, &events);
        let first = bytes.windows(6).position(|w| w == b"there.").expect("the last word") + 6;
        for end in 0..first {
            let told = read(upstream, &bytes[..end], end);
            let complete = told.is_some_and(|events| events.contains(&Event::End));
            assert!(!complete, "{upstream:?} is complete after {end} of {} bytes", bytes.len());
        }
    }
}
