//! Streams that go well: every event as it was, when it was, and counted.

use std::time::Duration;
use std::time::Instant;

use crate::lab::Lab;
use crate::lab::streamed;
use crate::lab::streaming;
use crate::support::ROUNDS;
use crate::support::assert_within;
use crate::support::client::Client;
use crate::support::client::Ending;
use crate::support::client::Req;
use crate::support::fixtures;
use crate::support::fresh_id;
use crate::support::gateway::Setup;
use crate::support::http;
use crate::support::in_parallel;
use crate::support::script::Gate;
use crate::support::script::STREAM_HEAD;
use crate::support::script::STREAM_HEAD_CLOSE;
use crate::support::script::Script;

/// A streaming request with these stream options.
fn with_options(options: &str) -> String {
    fixtures::ask("real-model", true, "")
        .replace("\"user\":", &format!("\"stream_options\":{options},\"user\":"))
}

/// All events but the one that carries only usage.
fn without_usage() -> String {
    let events = fixtures::stream(5);
    let usage = fixtures::usage_chunk();
    events.into_iter().filter(|event| *event != usage).collect()
}

#[test]
fn usage_that_only_the_gateway_wants_stays_with_the_gateway() {
    let lab = Lab::new(streaming);
    let id = fresh_id("stream");
    let request = streamed().id(&id);
    let answer = lab.ask(&request);
    assert_eq!((answer.status(), answer.ending), (200, Ending::Complete));
    assert_eq!(answer.head.get("content-type"), Some("text/event-stream"));
    assert_eq!(answer.text(), without_usage());
    let seen = lab.upstream.wait_request(1);
    assert_eq!(seen.json()["stream_options"], serde_json::json!({"include_usage": true}));
    let mut sent = seen.text();
    let added = "\"stream_options\":{\"include_usage\":true}";
    let at = sent.find(added).expect("the added options, written plainly");
    sent.replace_range(at..at + added.len(), "");
    let sent = sent.replace("{,", "{").replace(",}", "}").replace(",,", ",");
    assert_eq!(sent.into_bytes(), request.body, "nothing else may change");
    let record = lab.gateway.record(&id);
    for (name, value) in [
        ("stream", serde_json::json!(true)),
        ("outcome", "answered".into()),
        ("prompt_tokens", 11.into()),
        ("completion_tokens", 7.into()),
        ("cached_tokens", 4.into()),
        ("reasoning_tokens", 3.into()),
        ("usage_exact", true.into()),
        ("response_bytes", answer.body.len().into()),
    ] {
        assert_eq!(record[name], value, "{name} in {record}");
    }
}

#[test]
fn a_server_that_knows_no_stream_options_is_sent_none() {
    let strict = |setup: Setup| setup.provider("stream_usage = false\nend_user = false");
    let lab = Lab::with(strict, streaming);
    let id = fresh_id("strict");
    let request = streamed().id(&id);
    let answer = lab.ask(&request);
    assert_eq!((answer.status(), answer.ending), (200, Ending::Complete));
    assert_eq!(answer.text(), fixtures::stream(5).concat(), "what it tells unasked is its own");
    let seen = lab.upstream.wait_request(1);
    assert_eq!(seen.text().into_bytes(), request.body, "nothing is added");
    let record = lab.gateway.record(&id);
    assert_eq!((&record["prompt_tokens"], &record["usage_exact"]), (&11.into(), &true.into()));
}

#[test]
fn usage_that_the_client_wants_reaches_it() {
    let lab = Lab::new(streaming);
    let body = with_options("{\"include_usage\":true}");
    let answer = lab.ask(&Req::chat(body.clone()));
    assert_eq!(answer.text(), fixtures::stream(5).concat());
    assert_eq!(lab.upstream.wait_request(1).text(), body, "there was nothing to add");
}

#[test]
fn the_clients_own_options_are_kept_when_usage_is_added() {
    let lab = Lab::new(streaming);
    for options in [
        "{}",
        "{ }",
        "{\"include_usage\":false}",
        "{\"include_obfuscation\":false}",
        "{\"include_usage\" : false , \"x\":[1]}",
        "null",
    ] {
        let answer = lab.ask(&Req::chat(with_options(options)));
        assert_eq!(answer.text(), without_usage(), "{options}");
        let seen = lab.upstream.requests().pop().expect("a request").json();
        assert_eq!(seen["stream_options"]["include_usage"], true, "{options}");
        let asked: serde_json::Value = serde_json::from_str(options).expect("JSON");
        for (name, value) in asked.as_object().into_iter().flatten() {
            if name != "include_usage" {
                assert_eq!(&seen["stream_options"][name], value, "{options}");
            }
        }
    }
}

#[test]
fn every_event_arrives_when_it_was_sent() {
    let events = fixtures::stream(4);
    let gates: Vec<Gate> = events.iter().map(|_| Gate::default()).collect();
    let doors = gates.clone();
    let lab = Lab::new(move |_| {
        let start = Script::default().send(STREAM_HEAD);
        let steps = fixtures::stream(4).into_iter().zip(&doors);
        let steps = steps.fold(start, |script, (event, gate)| {
            script.wait(gate).send(http::as_chunk(event.as_bytes()))
        });
        steps.send("0\r\n\r\n")
    });
    let mut client = lab.client();
    client.send(&Req::chat(with_options("{\"include_usage\":true}")).bytes());
    // Until there is content the attempt could still be replaced, so that the client hears nothing.
    gates[0].open();
    gates[1].open();
    assert_eq!(client.head().expect("a head").status(), 200);
    assert_eq!(client.until("w0"), events[..2].concat());
    for (event, gate) in events.iter().zip(&gates).skip(2) {
        gate.open();
        assert_eq!(&client.until("\n\n"), event);
    }
    assert_eq!(client.more(), Err(Ending::Complete));
}

#[test]
fn after_a_burst_a_single_event_arrives_as_well() {
    let events = fixtures::stream(500);
    let (burst, last) = events.split_at(499);
    let gate = Gate::default();
    let door = gate.clone();
    let lab = Lab::new(move |_| {
        let events = fixtures::stream(500);
        let (burst, last) = events.split_at(499);
        let each = |script: Script, event: &String| script.send(http::as_chunk(event.as_bytes()));
        let script = burst.iter().fold(Script::default().send(STREAM_HEAD), each);
        last.iter().fold(script.wait(&door), each).send("0\r\n\r\n")
    });
    let mut client = lab.client();
    client.send(&Req::chat(with_options("{\"include_usage\":true}")).bytes());
    assert_eq!(client.head().expect("a head").status(), 200);
    assert_eq!(client.until("w497 "), burst.concat());
    gate.open();
    assert_eq!(client.until("[DONE]\n\n"), last.concat());
    assert_eq!(client.more(), Err(Ending::Complete));
}

#[test]
fn events_cut_anywhere_by_the_network_are_the_same_events() {
    let events = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\u{1f980}\u{e9}\u{2028}\"},\
                  \"finish_reason\":null}]}\n\n: a comment\n\ndata: {\"choices\":[{\"index\":0,\
                  \"delta\":{},\"finish_reason\":\"stop\"}]}\r\n\r\ndata:[DONE]\n\n";
    let lab = Lab::new(move |seen| {
        let size: usize = seen.user().parse().expect("a size");
        let pieces = events.as_bytes().chunks(size);
        let start = Script::default().send(STREAM_HEAD);
        pieces.fold(start, |script, piece| script.send(http::as_chunk(piece))).send("0\r\n\r\n")
    });
    in_parallel(4, 40, |n| {
        let body = fixtures::ask("real-model", true, &(n + 1).to_string());
        let answer = lab.ask(&Req::chat(body));
        assert_eq!((answer.status(), answer.ending), (200, Ending::Complete));
        assert_eq!(answer.text(), events, "pieces of {} bytes", n + 1);
    });
}

#[test]
fn a_stream_that_ends_with_the_connection_is_complete_after_done() {
    let lab = Lab::new(|_| {
        fixtures::stream(5)
            .iter()
            .fold(Script::default().send(STREAM_HEAD_CLOSE), |script, event| {
                script.send(event.as_bytes())
            })
            .fin()
    });
    let answer = lab.ask(&streamed());
    assert_eq!((answer.status(), answer.ending), (200, Ending::Complete));
    assert_eq!(answer.text(), without_usage());
}

#[test]
fn a_proper_end_without_done_gets_one() {
    let events: Vec<String> =
        fixtures::stream(5).into_iter().filter(|event| !event.contains("[DONE]")).collect();
    let lab = Lab::new(move |_| Script::stream(&events));
    let id = fresh_id("done");
    let answer = lab.ask(&streamed().id(&id));
    assert_eq!((answer.status(), answer.ending), (200, Ending::Complete));
    assert_eq!(answer.text(), without_usage());
    assert_eq!(lab.gateway.record(&id)["outcome"], "answered");
}

#[test]
fn one_connection_serves_stream_after_stream() {
    let lab = Lab::one_shard(streaming);
    let mut client = lab.client();
    for _ in 0..10 {
        let answer = client.ask(&streamed());
        assert_eq!((answer.ending, answer.text()), (Ending::Complete, without_usage()));
    }
    assert_eq!(lab.upstream.conns().len(), 1, "a finished stream gives its connection back");
}

#[test]
fn the_end_of_a_stream_may_come_a_moment_after_its_last_event() {
    // A machine that stands still makes it more than a moment, so one good round is enough.
    let reused = (0..ROUNDS).any(|_| {
        let gate = Gate::default();
        let door = gate.clone();
        let lab = Lab::one_shard(move |_| {
            let events = fixtures::stream(5);
            let each = |sent: Script, event: &String| sent.send(http::as_chunk(event.as_bytes()));
            let sent = events.iter().fold(Script::default().send(STREAM_HEAD), each);
            sent.wait(&door).send(http::LAST_CHUNK)
        });
        let mut client = lab.client();
        for _ in 0..2 {
            let answer = client.ask(&streamed());
            assert_eq!((answer.ending, answer.text()), (Ending::Complete, without_usage()));
            // The client has all, and only now does the upstream's framing end.
            gate.open();
        }
        lab.upstream.conns().len() == 1
    });
    assert!(reused, "a finished stream gives its connection back");
}

#[test]
fn a_hundred_streams_do_not_mix() {
    let lab = Lab::new(|seen| {
        let user = seen.user();
        let words =
            (0..20).map(|n| fixtures::chunk(&format!("{{\"content\":\"{user}-{n} \"}}"), "null"));
        let events =
            words.chain([fixtures::chunk("{}", "\"stop\""), "data: [DONE]\n\n".to_owned()]);
        let start = Script::default().send(STREAM_HEAD);
        events
            .fold(start, |script, event| script.send(http::as_chunk(event.as_bytes())).pause(1))
            .send("0\r\n\r\n")
    });
    in_parallel(100, 200, |n| {
        let user = format!("u{n}");
        let answer = lab.ask(&Req::chat(fixtures::ask("real-model", true, &user)));
        assert_eq!(answer.ending, Ending::Complete);
        let events = answer.events();
        assert_eq!(events.len(), 22, "{}", answer.text());
        for (at, event) in events.iter().take(20).enumerate() {
            assert!(event.contains(&format!("\"{user}-{at} \"")), "{user}: {event}");
        }
    });
    assert_eq!(lab.gateway.stop().len(), 200);
}

#[test]
fn a_slow_reader_holds_the_upstream_back() {
    const FIRST: usize = 5;
    const MORE: usize = 30;
    const BUFFERED: u64 = 64 * 1024;
    let event = fixtures::chunk(&format!("{{\"content\":\"{}\"}}", "x".repeat(8000)), "null");
    let event = http::as_chunk(event.as_bytes());
    let lab = Lab::alone(
        |setup| setup,
        move |seen| {
            let begun = Script::default().send(STREAM_HEAD).send(event.clone());
            if seen.user() == "quiet" { begun.hold() } else { begun.flood(event.clone()) }
        },
    );
    let memory = || resident(lab.gateway.pid());
    // What a stream takes that holds nothing back; the first ones pay for what all of them share.
    let mut quiet = begin_quiet(&lab, FIRST);
    let before = memory();
    quiet.extend(begin_quiet(&lab, MORE));
    let base = memory().saturating_sub(before) / MORE as u64;
    let mut clients = Vec::new();
    begin_slow(&lab, &mut clients, FIRST);
    let before = memory();
    begin_slow(&lab, &mut clients, FIRST + MORE);
    let each = memory().saturating_sub(before) / MORE as u64;
    let sent: usize = lab.upstream.conns().iter().map(|conn| conn.sent).sum();
    println!("{base} bytes for a stream, {each} for a slow reader");
    println!("{} with both kernels' buffers", sent / clients.len());
    assert!(each <= base + BUFFERED, "{each} bytes for a slow reader, {base} for a stream");
    assert_within(Duration::from_secs(1), "others must not wait", || {
        let asked = Instant::now();
        lab.assert_alive();
        asked.elapsed()
    });
    for client in &mut clients {
        client.head().expect("a head");
        client.more().expect("the first bytes");
    }
}

/// Clients of streams that have begun and fallen silent.
fn begin_quiet(lab: &Lab, count: usize) -> Vec<Client> {
    let begin = |_| {
        let mut client = lab.client();
        client.send(&Req::chat(fixtures::ask("real-model", true, "quiet")).bytes());
        client.head().expect("a head");
        client.until("\n\n");
        client
    };
    (0..count).map(begin).collect()
}

/// Adds clients that ask for a stream and do not read, until `count` of them hold an upstream back.
/// A few at a time: the buffers of streams that move are kept when they stop.
fn begin_slow(lab: &Lab, clients: &mut Vec<Client>, count: usize) {
    const AT_ONCE: usize = 5;
    while clients.len() < count {
        for _ in 0..AT_ONCE {
            let mut client = lab.client();
            client.send(&streamed().bytes());
            clients.push(client);
        }
        lab.upstream.wait("blocked writes", |log| {
            let blocked = log.conns.iter().filter(|conn| conn.blocked).count();
            (blocked >= clients.len()).then_some(())
        });
    }
}

/// Resident memory of a process in bytes.
fn resident(pid: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("VmRSS");
    let kib = line.split_whitespace().nth(1).and_then(|text| text.parse::<u64>().ok());
    kib.expect("a number") * 1024
}
