//! Upstream connections: kept, checked, and replaced without sending a request twice.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use crate::lab::Lab;
use crate::lab::plain;
use crate::lab::streamed;
use crate::lab::whole;
use crate::support::assert_within;
use crate::support::client::Ending;
use crate::support::client::Req;
use crate::support::fixtures;
use crate::support::fixtures::COMPLETION;
use crate::support::fresh_id;
use crate::support::in_parallel;
use crate::support::script;
use crate::support::script::Script;

#[test]
fn one_connection_carries_request_after_request() {
    let lab = Lab::one_shard(whole);
    for _ in 0..20 {
        assert_eq!(lab.ask(&plain()).status(), 200);
    }
    assert_eq!(lab.upstream.conns().len(), 1);
    assert_eq!(lab.upstream.violations(), Vec::<String>::new());
}

#[test]
fn a_connection_that_says_close_is_not_used_again() {
    let lab = Lab::one_shard(|_| Script::answer(200, "connection: close\r\n", COMPLETION));
    for _ in 0..5 {
        assert_eq!(lab.ask(&plain()).status(), 200);
    }
    assert_eq!(lab.upstream.conns().len(), 5);
    lab.upstream.wait_all_closed();
}

#[test]
fn a_connection_with_bytes_left_over_is_not_used_again() {
    let lab = Lab::one_shard(|_| {
        let mut bytes = script::answer_bytes(200, "", COMPLETION);
        bytes.extend_from_slice(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n\"stolen\"");
        Script::default().send(bytes)
    });
    for _ in 0..5 {
        assert_eq!(lab.ask(&plain()).text(), COMPLETION);
    }
    assert_eq!(lab.upstream.conns().len(), 5, "left-over bytes would answer the next request");
}

#[test]
fn a_connection_that_ended_with_its_answer_is_not_used_again() {
    let lab = Lab::one_shard(|_| Script::default().last(script::answer_bytes(200, "", COMPLETION)));
    for _ in 0..5 {
        assert_eq!(lab.ask(&plain()).text(), COMPLETION);
    }
    assert_eq!(lab.upstream.conns().len(), 5);
    assert_eq!(lab.upstream.violations(), Vec::<String>::new());
}

#[test]
fn a_connection_that_spoke_or_closed_while_idle_is_not_used_again() {
    for late in ["", "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n\"stolen\""] {
        let lab = Lab::one_shard(move |_| {
            let answer = Script::json(200, COMPLETION).pause(30);
            if late.is_empty() { answer.fin() } else { answer.send(late) }
        });
        for n in 0..3 {
            let answer = lab.ask(&plain());
            assert_eq!((answer.status(), answer.text().as_str()), (200, COMPLETION));
            lab.upstream.wait("the late step", |log| {
                let conn = log.conns.get(n)?;
                (conn.sent > COMPLETION.len() + late.len()).then_some(())
            });
            // The upstream's late step is over once the gateway has let go of the connection.
            lab.upstream.wait_closed(n);
        }
        assert_eq!(lab.upstream.conns().len(), 3);
    }
}

#[test]
fn a_pooled_connection_that_dies_is_replaced_once() {
    for how in ["fin", "reset"] {
        for request in [plain(), streamed()] {
            let count = AtomicUsize::new(0);
            let lab = Lab::one_shard(move |seen| {
                let stream = seen.text().contains("\"stream\":true");
                match count.fetch_add(1, Ordering::Relaxed) {
                    1 if how == "fin" => Script::default().fin(),
                    1 => Script::default().reset(),
                    _ if stream => Script::stream(&fixtures::stream(2)),
                    _ => Script::json(200, COMPLETION),
                }
            });
            assert_eq!(lab.ask(&request).status(), 200);
            let id = fresh_id("replaced");
            let answer = lab.ask(&request.id(&id));
            assert_eq!((answer.status(), answer.ending), (200, Ending::Complete), "{how}");
            let seen = lab.upstream.requests();
            assert_eq!(seen.len(), 3, "{how}: first, the one that died, its replacement");
            assert_eq!(seen[0].conn, seen[1].conn, "the second went out on the pooled connection");
            assert_ne!(seen[1].conn, seen[2].conn);
            assert_eq!(lab.gateway.record(&id)["outcome"], "answered");
        }
    }
}

#[test]
fn a_fresh_connection_that_dies_is_not_replaced() {
    for script in [Script::default().fin(), Script::default().reset()] {
        let lab = Lab::one_shard(move |_| script.clone());
        let answer = lab.ask(&plain());
        assert_eq!((answer.status(), answer.error_code().as_str()), (502, "upstream_closed"));
        assert_eq!(lab.upstream.requests().len(), 1);
    }
}

#[test]
fn after_the_first_byte_nothing_is_sent_again() {
    let count = AtomicUsize::new(0);
    let lab = Lab::one_shard(move |_| match count.fetch_add(1, Ordering::Relaxed) {
        0 => Script::json(200, COMPLETION),
        _ => Script::default().send("H").fin(),
    });
    assert_eq!(lab.ask(&plain()).status(), 200);
    let answer = lab.ask(&plain());
    assert_eq!((answer.status(), answer.error_code().as_str()), (502, "upstream_closed"));
    assert_eq!(lab.upstream.requests().len(), 2);
}

#[test]
fn a_pool_of_dead_connections_costs_one_retry_only() {
    let lab = Lab::one_shard(|seen| match seen.user().as_str() {
        "warm" => Script::default().pause(100).send(script::answer_bytes(200, "", COMPLETION)),
        _ => Script::default().fin(),
    });
    let ask = |user: &str| Req::chat(fixtures::ask("real-model", false, user));
    in_parallel(6, 6, |_| assert_eq!(lab.ask(&ask("warm")).status(), 200));
    assert_eq!(lab.upstream.conns().len(), 6);
    let answer = lab.ask(&ask("die"));
    assert_eq!((answer.status(), answer.error_code().as_str()), (502, "upstream_closed"));
    let sent = lab.upstream.requests().iter().filter(|seen| seen.user() == "die").count();
    assert_eq!(sent, 2, "once on a pooled connection, once on a fresh one");
}

#[test]
fn an_early_refusal_with_an_unread_body_is_passed_on() {
    let refusal = r#"{"error":{"message":"too long","type":"invalid_request_error","param":null,"code":"context_length_exceeded"}}"#;
    let lab = Lab::one_shard(move |_| Script::answer(413, "connection: close\r\n", refusal).fin());
    let text = "x".repeat(3_000_000);
    let body = fixtures::ask("real-model", false, &text);
    let answer = lab.ask(&Req::chat(body));
    assert_eq!((answer.status(), answer.text().as_str()), (413, refusal));
}

#[test]
fn idle_upstream_connections_are_let_go() {
    let lab = Lab::with(|setup| setup.shards(1).provider("idle_timeout = 0.3"), whole);
    let mut conns = 0;
    assert_within(Duration::from_secs(3), "an idle connection", || {
        assert_eq!(lab.ask(&plain()).status(), 200);
        let started = Instant::now();
        lab.upstream.wait_closed(conns);
        conns += 1;
        started.elapsed()
    });
    assert_eq!(lab.ask(&plain()).status(), 200);
    assert_eq!(lab.upstream.conns().len(), conns + 1);
}
