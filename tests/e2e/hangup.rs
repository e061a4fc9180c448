//! A client that goes away, in every phase: the upstream is let go at once and one record says so.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;

use crate::lab::Lab;
use crate::lab::plain;
use crate::lab::streamed;
use crate::lab::whole;
use crate::support::Random;
use crate::support::client::Client;
use crate::support::client::Req;
use crate::support::fixtures;
use crate::support::fresh_id;
use crate::support::http;
use crate::support::in_parallel;
use crate::support::script::Cut;
use crate::support::script::STREAM_HEAD;
use crate::support::script::Script;
use crate::support::stalls::Stalls;
use crate::support::upstream::Conn;
use crate::support::upstream::Seen;

/// Tries of each phase and way.
const TRIES: usize = 50;

/// Rounds of tries at most, on a machine that others use too; one is enough on a quiet machine.
const ROUNDS: usize = 8;

/// What the contract allows between the client's close and the upstream's.
const ALLOWED: Duration = Duration::from_millis(20);

/// What a loaded machine may add to the slowest try.
const WORST: Duration = Duration::from_millis(100);

/// Brings one request for every id into the phase; the clients and their connections upstream.
type Begin = dyn Fn(&Lab, &[String]) -> Vec<(Client, usize)>;

/// Lets the client go in one of three ways; when it was done.
fn hang_up(client: Client, how: usize) -> (Instant, Option<Client>) {
    let now = Instant::now();
    match how {
        0 => client.reset(),
        1 => drop(client),
        // A half-close: the gateway must not wait for a client that says it is through.
        _ => {
            client.finish_writing();
            return (now, Some(client));
        }
    }
    (now, None)
}

/// Runs one phase [`TRIES`] times for each way of going, and judges the times. What else the machine
/// does can only add to them, so one good round of [`ROUNDS`] is enough.
fn measure(lab: &Lab, phase: &str, begin: &Begin) {
    for (how, way) in ["a reset", "a close", "a half-close"].into_iter().enumerate() {
        let in_time = (0..ROUNDS).any(|_| {
            let times = round(lab, how, begin);
            let (median, p90, max) = (times[TRIES / 2], times[TRIES * 9 / 10], times[TRIES - 1]);
            println!("{phase}, {way}: median {median:?}, p90 {p90:?}, max {max:?}");
            p90 <= ALLOWED && max <= WORST
        });
        assert!(in_time, "{phase}, {way}: the upstream was let go too late in every round");
    }
}

/// The times of one round, in order; every request has its record.
fn round(lab: &Lab, how: usize, begin: &Begin) -> Vec<Duration> {
    let ids: Vec<String> = (0..TRIES).map(|_| fresh_id("hangup")).collect();
    let mut times = Vec::new();
    // All of them stand before the first one goes, so that nothing else is done meanwhile.
    for (client, conn) in begin(lab, &ids) {
        let (left, kept) = hang_up(client, how);
        let (closed, _) = lab.upstream.wait_closed(conn);
        times.push(closed.saturating_duration_since(left));
        drop(kept);
    }
    for id in ids {
        let record = lab.gateway.record(&id);
        assert_eq!(record["outcome"], "client_gone", "{record}");
    }
    times.sort();
    times
}

/// Sends one request for every id; the clients and their connections upstream.
fn begin(lab: &Lab, ids: &[String], stream: bool) -> Vec<(Client, usize)> {
    let begun = ids.iter().map(|id| {
        let mut client = lab.client();
        client.send(&Req::chat(fixtures::ask("real-model", stream, id)).id(id).bytes());
        let conn = lab.upstream.wait_user(id).conn;
        (client, conn)
    });
    begun.collect()
}

#[test]
fn while_waiting_for_the_head() {
    let lab = Lab::alone(|setup| setup, |_| Script::default().hold());
    for stream in [false, true] {
        let phase = format!("waiting for the head (stream {stream})");
        measure(&lab, &phase, &move |lab, ids| begin(lab, ids, stream));
    }
}

#[test]
fn in_the_middle_of_a_whole_answer() {
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"id\":";
    let lab = Lab::alone(|setup| setup, move |_| Script::default().send(half).hold());
    measure(&lab, "in a whole answer", &|lab, ids| begin(lab, ids, false));
}

#[test]
fn in_the_middle_of_a_stream() {
    let events = fixtures::stream(3);
    let lab = Lab::alone(
        |setup| setup,
        move |_| {
            let start = Script::default().send(STREAM_HEAD);
            let sent = events.iter().take(2);
            sent.fold(start, |script, event| script.send(http::as_chunk(event.as_bytes()))).hold()
        },
    );
    measure(&lab, "in a stream", &|lab, ids| {
        let mut begun = begin(lab, ids, true);
        for (client, _) in &mut begun {
            client.head().expect("a head");
            client.until("w0");
        }
        begun
    });
}

#[test]
fn while_it_does_not_read() {
    let event = fixtures::chunk(&format!("{{\"content\":\"{}\"}}", "x".repeat(8000)), "null");
    let event = http::as_chunk(event.as_bytes());
    let lab = Lab::alone(
        |setup| setup,
        move |_| Script::default().send(STREAM_HEAD).flood(event.clone()),
    );
    measure(&lab, "not reading", &|lab, ids| {
        let begun = begin(lab, ids, true);
        lab.upstream.wait("blocked writes", |log| {
            begun.iter().all(|(_, conn)| log.conns[*conn].blocked).then_some(())
        });
        begun
    });
}

#[test]
fn while_the_body_is_sent() {
    let lab = Lab::new(whole);
    for request in [plain(), streamed(), plain().chunked()] {
        for how in 0..3 {
            let id = fresh_id("half-body");
            let request = request.clone().id(&id);
            let bytes = request.bytes();
            let mut client = lab.client();
            client.send(&bytes[..bytes.len() - 7]);
            // The reset must not overtake the head, or there never was a request.
            client.patience = Duration::from_millis(50);
            assert!(client.any_head().is_err());
            let (_, kept) = hang_up(client, how);
            let record = lab.gateway.record(&id);
            assert_eq!(record["outcome"], "client_gone", "{record}");
            assert_eq!(record["attempts"], 0, "{record}");
            drop(kept);
        }
    }
    assert!(lab.upstream.requests().is_empty(), "half a body went out");
    assert_eq!(lab.gateway.stop().len(), 9);
}

#[test]
fn an_idle_client_may_go_without_a_record() {
    let lab = Lab::new(whole);
    for how in 0..3 {
        let mut client = lab.client();
        assert_eq!(client.ask(&plain()).status(), 200);
        let (_, kept) = hang_up(client, how);
        if let Some(mut client) = kept {
            client.expect_close();
        }
        let mut silent = lab.client();
        silent.send(b"POST /v1/chat");
        hang_up(silent, how);
    }
    lab.assert_alive();
    assert_eq!(lab.gateway.stop().len(), 3);
}

/// Hang-ups at any moment: so many batches of so many, each with a gateway of its own.
const BATCHES: usize = 10;
const BATCH: usize = 1000;

/// Requests that the provider takes at a time.
const PLACES: usize = 32;

/// A short answer or stream on a connection of its own, or one that never ends.
fn any_answer(seen: &Seen) -> Script {
    if seen.user() == "last" {
        return Script::default().hold();
    }
    let start = Script::default().pause(3);
    if seen.text().contains("\"stream\":false") {
        let lines = "connection: close\r\n";
        return start
            .pause(8)
            .send(crate::support::script::answer_bytes(200, lines, fixtures::COMPLETION))
            .fin();
    }
    let head = STREAM_HEAD.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
    let events = fixtures::stream(8);
    let sent = events.iter();
    let start = start.send(head);
    sent.fold(start, |script, event| script.pause(1).send(http::as_chunk(event.as_bytes())))
        .send("0\r\n\r\n")
        .fin()
}

/// Lets the n-th client go at a random moment; its id and when that was.
fn at_random(lab: &Lab, batch: usize, n: usize) -> (String, Instant) {
    let mut random = Random::new((batch * BATCH + n) as u64 + 1);
    let (stream, id) = (random.below(2) == 1, format!("any-{n}"));
    let mut client = lab.client();
    client.send(&Req::chat(fixtures::ask("real-model", stream, &id)).id(&id).bytes());
    client.patience = Duration::from_micros(1 + random.below(25_000));
    let (left, started) = (client.patience, Instant::now());
    while started.elapsed() < left {
        // Reading and waiting alike: what arrives does not matter here.
        if client.head().and_then(|_| client.more()).is_err() {
            break;
        }
    }
    (id, hang_up(client, random.below(3) as usize).0)
}

/// The hang-ups of one batch.
struct Batch {
    /// Requests that were under way.
    under_way: usize,
    /// How long the upstreams of those were kept who left while the machine ran us, in order.
    times: Vec<Duration>,
}

/// How long the upstreams of those who left too early were kept, as from when until when.
fn let_go(
    lab: &Lab,
    records: &[Value],
    left: &HashMap<String, Instant>,
) -> Vec<(Instant, Instant)> {
    let conns: HashMap<String, usize> =
        lab.upstream.requests().iter().map(|seen| (seen.user(), seen.conn)).collect();
    let gone = records.iter().filter(|record| record["outcome"] == "client_gone");
    let kept = gone.filter_map(|record| {
        let id = record["request_id"].as_str()?;
        let (closed, _) = lab.upstream.wait_closed(*conns.get(id)?);
        Some((left[id], closed))
    });
    kept.collect()
}

fn batch(number: usize) -> Batch {
    let stalls = Stalls::watch();
    let bound = format!("max_parallel = {PLACES}\nmax_queue = {BATCH}");
    let lab = Lab::alone(|setup| setup.provider(&bound), any_answer);
    let left = Mutex::new(HashMap::new());
    in_parallel(16, BATCH, |n| {
        let (id, when) = at_random(&lab, number, n);
        left.lock().expect("times").insert(id, when);
    });
    let records = lab.gateway.wait_records(BATCH);
    let mut ids: Vec<&str> = records.iter().filter_map(|r| r["request_id"].as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), records.len()), (BATCH, BATCH), "not exactly one record each");
    for record in &records {
        let outcome = record["outcome"].as_str().unwrap_or_default();
        assert!(matches!(outcome, "client_gone" | "answered"), "{record}");
    }
    let kept = let_go(&lab, &records, &left.lock().expect("times"));
    let fair = kept.iter().filter(|(from, to)| !stalls.touched(*from, *to));
    let mut times: Vec<Duration> =
        fair.map(|(from, to)| to.saturating_duration_since(*from)).collect();
    times.sort();
    lab.upstream.wait_all_closed();
    let sane = |conn: &Conn| matches!(conn.closed, Some((_, Some(Cut::Fin | Cut::Reset))));
    assert!(lab.upstream.conns().iter().all(sane));
    // Had a place not been given back, not all of these would find one.
    let held: Vec<Client> = (0..PLACES)
        .map(|_| {
            let mut client = lab.client();
            client.send(&Req::chat(fixtures::ask("real-model", false, "last")).bytes());
            client
        })
        .collect();
    lab.upstream.wait("every place taken", |log| {
        let last = log.requests.iter().filter(|seen| seen.text().contains("\"user\":\"last\""));
        (last.count() == PLACES).then_some(())
    });
    drop(held);
    Batch { under_way: kept.len(), times }
}

#[test]
fn ten_thousand_at_any_moment_leave_one_record_each_and_nothing_open() {
    let batches: Vec<Batch> = (0..BATCHES).map(batch).collect();
    let mut in_time = false;
    for Batch { under_way, times } in &batches {
        println!("{under_way} let go, {} of them while the machine ran us", times.len());
        let at = |part: usize| times.get(times.len().saturating_sub(1) * part / 100).copied();
        let (Some(median), Some(p99), Some(max)) = (at(50), at(99), at(100)) else { continue };
        println!("median {median:?}, p99 {p99:?}, max {max:?}");
        in_time |= times.len() >= BATCH / 10 && p99 <= ALLOWED && max <= WORST;
    }
    let under_way: usize = batches.iter().map(|batch| batch.under_way).sum();
    assert!(under_way > BATCHES * BATCH / 10, "{under_way} were under way");
    // What else the machine does can only add to the times, so one good batch is enough.
    assert!(in_time, "the upstreams were let go too late in every batch");
}
