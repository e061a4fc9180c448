//! Providers that take only so many requests at a time: who waits, for how long, and who may not.

use std::time::Duration;
use std::time::Instant;

use crate::lab::Lab;
use crate::lab::plain;
use crate::lab::whole;
use crate::support::client::Client;
use crate::support::client::Req;
use crate::support::fixtures;
use crate::support::fresh_id;
use crate::support::script::Gate;
use crate::support::script::Script;

/// A lab whose provider answers when the gate opens.
fn gated(lines: &str, shards: usize) -> (Lab, Gate) {
    let gate = Gate::default();
    let door = gate.clone();
    let lab = Lab::with(
        |setup| setup.shards(shards).provider(lines),
        move |_| {
            let mut script = Script::default().wait(&door);
            script.0.extend(Script::json(200, fixtures::COMPLETION).0);
            script
        },
    );
    (lab, gate)
}

fn begin(lab: &Lab, id: &str) -> Client {
    let mut client = lab.client();
    client.send(&Req::chat(fixtures::ask("real-model", false, id)).id(id).bytes());
    client
}

#[test]
fn so_many_at_a_time_over_all_shards_so_many_wait_and_the_rest_is_told() {
    for shards in [1, 2] {
        let (lab, gate) = gated("max_parallel = 2\nmax_queue = 3", shards);
        let clients: Vec<Client> = (0..9).map(|n| begin(&lab, &format!("q{n}"))).collect();
        let answers = std::thread::scope(|scope| {
            let asked: Vec<_> = clients
                .into_iter()
                .map(|mut client| scope.spawn(move || client.answer()))
                .collect();
            // Four are told at once that there is no room; the others wait for the gate.
            lab.gateway.wait_records(4);
            lab.upstream.wait_request(2);
            assert_eq!(lab.upstream.requests().len(), 2);
            gate.open();
            asked.into_iter().map(|thread| thread.join().expect("an answer")).collect::<Vec<_>>()
        });
        let (good, bad): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|answer| answer.status() == 200);
        assert_eq!((good.len(), bad.len()), (5, 4), "{shards} shards");
        for answer in bad {
            assert_eq!((answer.status(), &*answer.error_code()), (503, "overloaded"));
            assert_eq!(answer.head.get("retry-after"), Some("1"));
            assert!(answer.text().contains("max_queue"), "{}", answer.text());
        }
        assert_eq!(lab.upstream.requests().len(), 5);
    }
}

#[test]
fn who_waits_too_long_is_told() {
    let (lab, gate) = gated("max_parallel = 1\nqueue_timeout = 0.3", 1);
    let _first = begin(&lab, "first");
    lab.upstream.wait_request(1);
    let asked = Instant::now();
    let answer = begin(&lab, "second").answer();
    let waited = asked.elapsed();
    assert_eq!((answer.status(), &*answer.error_code()), (503, "overloaded"));
    assert!(answer.text().contains("queue_timeout"), "{}", answer.text());
    assert!(waited >= Duration::from_millis(295), "{waited:?}");
    gate.open();
}

#[test]
fn who_leaves_the_queue_makes_room_in_it() {
    let (lab, gate) = gated("max_parallel = 1\nmax_queue = 1", 1);
    let mut first = begin(&lab, "first");
    lab.upstream.wait_request(1);
    let id = fresh_id("left");
    drop(begin(&lab, &id));
    assert_eq!(lab.gateway.record(&id)["outcome"], "client_gone");
    assert_eq!(lab.gateway.record(&id)["attempts"], 0);
    let mut third = begin(&lab, "third");
    gate.open();
    assert_eq!((first.answer().status(), third.answer().status()), (200, 200));
    assert_eq!(lab.upstream.requests().len(), 2);
}

#[test]
fn a_place_elsewhere_is_better_than_a_queue() {
    let gate = Gate::default();
    let door = gate.clone();
    let lab = Lab::with(
        |setup| {
            let table = format!(
                "[providers.spare]\nkind = \"openai\"\nbase_url = \"{}\"\nweight = 0\n\
                 models = [\"real-model\"]\n",
                setup.base_url.replace("/v1", "/spare/v1")
            );
            setup.shards(1).provider("max_parallel = 1").tables(&table)
        },
        move |seen| {
            if seen.head.start.contains("/spare/") {
                return whole(seen);
            }
            Script::default().wait(&door).send(crate::support::script::answer_bytes(
                200,
                "",
                fixtures::COMPLETION,
            ))
        },
    );
    let mut first = begin(&lab, "first");
    lab.upstream.wait_request(1);
    let second = lab.ask(&plain());
    assert_eq!(second.head.get("x-crabllm-provider"), Some("spare"));
    gate.open();
    assert_eq!(first.answer().status(), 200);
}
