//! Streams that go wrong: an end without its terminator is an error, never an answer.

use crate::lab::Lab;
use crate::lab::streamed;
use crate::support::client::Answer;
use crate::support::client::Ending;
use crate::support::client::Req;
use crate::support::fixtures;
use crate::support::fresh_id;
use crate::support::http;
use crate::support::script::Gate;
use crate::support::script::STREAM_HEAD;
use crate::support::script::STREAM_HEAD_CLOSE;
use crate::support::script::Script;

/// The first `count` events of the usual stream, in chunked framing, without an end.
fn begun(count: usize) -> Script {
    let start = Script::default().send(STREAM_HEAD);
    let events = fixtures::stream(5);
    events
        .iter()
        .take(count)
        .fold(start, |script, event| script.send(http::as_chunk(event.as_bytes())))
}

/// Asserts a stream that broke: the events so far, one error event, no terminator of any kind.
fn assert_broken(answer: &Answer, name: &str) {
    if answer.status() == 502 {
        // Nothing had gone out yet: a plain error is the better answer.
        answer.error_code();
        return;
    }
    assert_eq!(answer.status(), 200, "{name}: {}", answer.text());
    assert!(matches!(answer.ending, Ending::Closed | Ending::Reset), "{name}: {:?}", answer.ending);
    let events = answer.events();
    let (last, before) = events.split_last().expect("an error event");
    let last: serde_json::Value = serde_json::from_str(last).expect("JSON");
    assert!(last["error"]["message"].is_string(), "{name}: {last}");
    assert!(!answer.text().contains("[DONE]"), "{name}: {}", answer.text());
    let whole = fixtures::stream(5).concat();
    for event in before {
        assert!(whole.contains(event.as_str()), "{name}: made up: {event}");
    }
}

#[test]
fn every_improper_end_is_an_error_event_and_a_close() {
    let good = fixtures::stream(5);
    let close = |count: usize| {
        let start = Script::default().send(STREAM_HEAD_CLOSE);
        good.iter().take(count).fold(start, |script, event| script.send(event.as_bytes())).fin()
    };
    let bad_event = http::as_chunk(b"data: {\"choices\":[\n\n");
    let scripts = vec![
        ("FIN after an event", begun(3).fin()),
        ("reset after an event", begun(3).pause(20).reset()),
        ("FIN after the finish reason", begun(7).fin()),
        ("a proper end without a finish reason", begun(4).send("0\r\n\r\n")),
        ("a proper end without any event", begun(0).send("0\r\n\r\n")),
        ("FIN within a chunk", begun(3).send("40\r\ndata: {\"cho").fin()),
        ("an event that is not JSON", begun(3).send(bad_event).hold()),
        ("a chunk size that is none", begun(3).send("xyz\r\n").hold()),
        (
            "half an event at a proper end",
            begun(7).send(http::as_chunk(b"data: {\"a\"")).send("0\r\n\r\n"),
        ),
        ("close-delimited, no finish reason", close(4)),
        ("close-delimited, no [DONE]", close(8)),
    ];
    for (name, script) in scripts {
        let lab = Lab::new(move |_| script.clone());
        let id = fresh_id("fault");
        let answer = lab.ask(&streamed().id(&id));
        assert_broken(&answer, name);
        let record = lab.gateway.record(&id);
        assert_eq!(record["outcome"], "upstream_failed", "{name}: {record}");
        assert!(record["error"].is_string(), "{name}: {record}");
        lab.upstream.wait_all_closed();
        assert_eq!(lab.gateway.stop().len(), 1, "{name}");
    }
}

#[test]
fn every_choice_needs_its_finish_reason() {
    let two = |finish: &str| {
        format!(
            "data: {{\"choices\":[{{\"index\":0,\"delta\":{{}},\"finish_reason\":\"stop\"}},\
             {{\"index\":1,\"delta\":{{\"content\":\"x\"}},\"finish_reason\":{finish}}}]}}\n\n"
        )
    };
    let (open, done) = (two("null"), two("\"length\""));
    let lab = Lab::new(move |seen| {
        let event = if seen.user() == "open" { &open } else { &done };
        Script::default().send(STREAM_HEAD).send(http::as_chunk(event.as_bytes())).send("0\r\n\r\n")
    });
    let ask = |user: &str| Req::chat(fixtures::ask("real-model", true, user));
    let answer = lab.ask(&ask("open"));
    assert!(answer.text().contains("\"error\""), "{answer:?}");
    assert!(!answer.text().contains("[DONE]"), "{}", answer.text());
    assert!(answer.status() == 502 || answer.ending != Ending::Complete, "{answer:?}");
    let answer = lab.ask(&ask("done"));
    assert_eq!(answer.ending, Ending::Complete);
    assert!(answer.text().ends_with("data: [DONE]\n\n"), "{}", answer.text());
}

#[test]
fn an_error_event_of_the_upstream_is_relayed_and_ends_the_stream() {
    let event = "data: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\",\"param\":null,\"code\":null}}\n\n";
    let gate = Gate::default();
    let door = gate.clone();
    let lab = Lab::new(move |_| {
        let content = begun(3).wait(&door);
        content.send(http::as_chunk(event.as_bytes())).send("0\r\n\r\n")
    });
    let id = fresh_id("error-event");
    let mut client = lab.client();
    client.send(&streamed().id(&id).bytes());
    let head = client.head().expect("a head");
    assert_eq!(head.status(), 200);
    let before = client.until("w1");
    gate.open();
    let mut answer = client.rest(head);
    answer.body.splice(..0, before.into_bytes());
    assert_eq!(answer.text(), format!("{}{event}", fixtures::stream(5)[..3].concat()));
    assert!(matches!(answer.ending, Ending::Closed | Ending::Reset), "{:?}", answer.ending);
    assert_eq!(lab.gateway.record(&id)["outcome"], "upstream_failed");
}

#[test]
fn a_failure_before_the_head_is_a_plain_error() {
    for script in [
        Script::default().fin(),
        Script::default().reset(),
        Script::default().send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n").fin(),
    ] {
        let lab = Lab::new(move |_| script.clone());
        let answer = lab.ask(&streamed());
        assert_eq!(answer.status(), 502, "{}", answer.text());
        assert_eq!(answer.error_code(), "upstream_closed");
        assert_eq!(lab.upstream.requests().len(), 1, "a request is sent once");
    }
}

#[test]
fn what_was_seen_of_a_broken_stream_is_counted() {
    let lab = Lab::new(|_| begun(8).fin());
    let id = fresh_id("counted");
    let answer = lab.ask(&streamed().id(&id));
    assert_broken(&answer, "cut after usage");
    let record = lab.gateway.record(&id);
    assert_eq!((&record["prompt_tokens"], &record["completion_tokens"]), (&11.into(), &7.into()));
    assert!(record["first_byte_ms"].is_number(), "{record}");
}

#[test]
fn an_event_without_end_is_bounded() {
    let piece = http::as_chunk(&[b'x'; 16_000]);
    let lab = Lab::new(move |seen| {
        let before =
            if seen.user() == "first" { Script::default().send(STREAM_HEAD) } else { begun(3) };
        before.send(http::as_chunk(b"data: ")).flood(piece.clone())
    });
    // Before any content it is a plain error; after it, a stream that breaks off.
    let first = lab.ask(&Req::chat(fixtures::ask("real-model", true, "first")));
    assert_eq!((first.status(), &*first.error_code()), (502, "upstream_garbage"));
    let later = lab.ask(&streamed());
    assert!(later.text().contains("upstream_garbage"), "{}", later.text());
    assert!(matches!(later.ending, Ending::Closed | Ending::Reset), "{:?}", later.ending);
    lab.upstream.wait_all_closed();
    lab.assert_alive();
}
