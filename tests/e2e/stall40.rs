//! Forty milliseconds are what Nagle's algorithm and a delayed acknowledgement cost together. Small
//! exchanges in several writes show them on either leg.

use std::time::Duration;
use std::time::Instant;

use crate::lab::Lab;
use crate::lab::Turn;
use crate::support::client::Client;
use crate::support::client::Ending;
use crate::support::client::Req;
use crate::support::fixtures;
use crate::support::fixtures::COMPLETION;
use crate::support::http;
use crate::support::script;
use crate::support::script::STREAM_HEAD;
use crate::support::script::Script;
use crate::support::upstream::Seen;
use crate::support::upstream::Upstream;

/// Exchanges of one measurement.
const COUNT: usize = 60;

/// A stall costs 40 ms; an exchange without one costs a few.
const LIMIT: Duration = Duration::from_millis(25);

/// The upstream's pause between its writes: it keeps them apart.
const APART: u64 = 1;

fn in_pieces(seen: &Seen) -> Script {
    if seen.text().contains("\"stream\":true") {
        let start = Script::default().send(STREAM_HEAD).pause(APART);
        let events = fixtures::stream(3);
        return events
            .iter()
            .fold(start, |script, event| script.send(http::as_chunk(event.as_bytes())).pause(APART))
            .send("0\r\n\r\n");
    }
    let bytes = script::answer_bytes(200, "", COMPLETION);
    bytes.chunks(200).fold(Script::default(), |script, piece| script.send(piece).pause(APART))
}

/// Sequential exchanges on one connection, each request in three writes; the median time of one.
fn median(mut client: Client, stream: bool) -> Duration {
    let request = Req::chat(fixtures::ask("real-model", stream, ""));
    let (head, body) = (request.head(), request.body);
    let mut times: Vec<Duration> = (0..COUNT)
        .map(|_| {
            let started = Instant::now();
            client.send(&head);
            client.send(&body[..20]);
            client.send(&body[20..]);
            let answer = client.answer();
            assert_eq!((answer.status(), answer.ending), (200, Ending::Complete));
            started.elapsed()
        })
        .collect();
    times.sort();
    times[COUNT / 2]
}

#[test]
fn no_leg_stalls() {
    let lab = Lab::alone(|setup| setup.shards(1), in_pieces);
    for stream in [false, true] {
        let took = median(lab.client(), stream);
        println!("stream {stream}: median {took:?}");
        assert!(took < LIMIT, "stream {stream}: median {took:?}");
    }
}

#[test]
fn a_server_that_stalls_would_be_seen() {
    let _turn = Turn::alone();
    let careful = Upstream::start(in_pieces);
    assert!(median(Client::connect(careful.addr), true) < LIMIT);
    let careless = Upstream::start_with(false, in_pieces);
    let took = median(Client::connect(careless.addr), true);
    assert!(took >= LIMIT, "median {took:?}: this test would miss a stall");
}
