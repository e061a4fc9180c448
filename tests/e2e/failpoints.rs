//! A panic in any phase of one request is that request's alone.

use crate::lab::Lab;
use crate::lab::plain;
use crate::lab::streamed;
use crate::support::client::Client;
use crate::support::client::Ending;
use crate::support::client::Req;
use crate::support::fixtures;
use crate::support::fresh_id;
use crate::support::http;
use crate::support::script::Gate;
use crate::support::script::STREAM_HEAD;
use crate::support::script::Script;
use crate::support::upstream::Seen;

/// Every phase a request passes before anything of its answer has gone out.
const BEFORE: [&str; 7] = ["auth", "peek", "limit", "cache", "route", "send", "read"];

/// Streams that stay in flight while others panic.
const BYSTANDERS: usize = 200;

fn script(seen: &Seen, gate: &Gate) -> Script {
    let start = Script::default().send(STREAM_HEAD);
    let events = fixtures::stream(3);
    let chunked = |script: Script, events: &[String]| {
        events.iter().fold(script, |script, event| script.send(http::as_chunk(event.as_bytes())))
    };
    match seen.user().as_str() {
        "bystander" => {
            chunked(chunked(start, &events[..2]).wait(gate), &events[2..]).send("0\r\n\r\n")
        }
        _ if seen.text().contains("\"stream\":true") => chunked(start, &events).send("0\r\n\r\n"),
        _ => Script::json(200, fixtures::COMPLETION),
    }
}

/// One request that panics in `phase`; its id.
fn panic_in(lab: &Lab, request: &Req, phase: &str) -> String {
    let id = fresh_id("panic");
    let answer = lab.ask(&request.clone().id(&id).with("x-crabllm-failpoint", phase));
    if answer.status() == 200 {
        assert!(!BEFORE.contains(&phase), "{phase}: {}", answer.text());
        assert_ne!(answer.ending, Ending::Complete, "{phase}");
        assert!(!answer.text().contains("[DONE]"), "{phase}: {}", answer.text());
    } else {
        assert_eq!(answer.status(), 500, "{phase}: {answer:?}");
        answer.error_code();
    }
    id
}

#[test]
fn others_never_notice() {
    let gate = Gate::default();
    let door = gate.clone();
    let mut lab = Lab::new(move |seen| script(seen, &door));
    lab.gateway.may_panic();
    let mut others: Vec<Client> = (0..BYSTANDERS)
        .map(|_| {
            let mut client = lab.client();
            client.send(&Req::chat(fixtures::ask("real-model", true, "bystander")).bytes());
            client.head().expect("a head");
            client.until("w0");
            client
        })
        .collect();
    let mut ids = Vec::new();
    for round in 0..60 {
        let request = if round % 2 == 0 { plain() } else { streamed() };
        ids.extend(BEFORE.map(|phase| panic_in(&lab, &request, phase)));
        ids.push(panic_in(&lab, &streamed(), "relay"));
    }
    for id in &ids {
        let record = lab.gateway.record(id);
        assert_eq!(record["outcome"], "panicked", "{record}");
    }
    assert_eq!(lab.ask(&plain()).status(), 200, "the gateway serves on");
    gate.open();
    for client in &mut others {
        assert!(client.until("[DONE]\n\n").ends_with("data: [DONE]\n\n"));
        assert_eq!(client.more(), Err(Ending::Complete));
    }
    let mut lab = lab;
    lab.gateway.signal(rustix::process::Signal::TERM);
    let status = lab.gateway.wait_exit(crate::support::DEADLINE).expect("an end");
    assert!(status.success(), "{status:?}");
    lab.gateway.drained();
    assert_eq!(lab.gateway.records().len(), ids.len() + BYSTANDERS + 1);
}
