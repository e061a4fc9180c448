//! Responses: each input as an upstream's answer; the next exchange must not notice.

use std::time::Duration;

use crate::corpus;
use crate::support::client::Ending;
use crate::support::client::Req;
use crate::support::fixtures;
use crate::support::gateway::Gateway;
use crate::support::gateway::Setup;
use crate::support::in_parallel;
use crate::support::script::Script;
use crate::support::upstream::Seen;
use crate::support::upstream::Upstream;

/// The project's own answers that no client of an upstream may trust.
const OWN: &[&[u8]] = &[
    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n\"stolen",
    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 9\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\nextra",
    b"HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\ncontent-length: 2\n\n{}",
    b"HTTP/1.1 204 No\r\ncontent-length: 2\r\n\r\n{}",
    b"HTTP/1.1 304 Same\r\ncontent-length: 2\r\n\r\n{}",
    b"HTTP/1.1 100 Continue\r\ncontent-length: 2\r\n\r\n{}",
    b"HTTP/1.1 101 Switch\r\nupgrade: x\r\n\r\n{}",
    b"HTTP/1.1 99 Low\r\ncontent-length: 2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\ncontent-length : 2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\n content-length: 2\r\n\r\n{}",
    b"HTTP/0.9 200 OK\r\ncontent-length: 2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nx: a\r\n\tcontent-length: 2\r\n\r\n{}",
    b"\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
    b"{}",
    b"",
];

/// What the upstream does with the input: whole and open, byte by byte and open, whole and closed.
const WAYS: usize = 3;

fn play(seen: &Seen, inputs: &[Vec<u8>]) -> Script {
    let user = seen.user();
    let Some(n) = user.strip_prefix("input-").and_then(|number| number.parse::<usize>().ok())
    else {
        return Script::json(200, &fixtures::completion(&user));
    };
    let input = &inputs[n / WAYS];
    match n % WAYS {
        0 => Script::default().send(input.clone()),
        1 => input.chunks(1).fold(Script::default(), |script, byte| script.send(byte)),
        // In one go: between the answer and the end another request might be on its way already.
        _ => Script::default().last(input.clone()),
    }
}

#[test]
fn no_answer_bleeds_into_another_exchange() {
    let mut inputs: Vec<Vec<u8>> = OWN.iter().map(|input| input.to_vec()).collect();
    inputs.extend(corpus("resp").into_iter().map(|payload| payload.bytes));
    let count = inputs.len() * WAYS;
    let shown = inputs.clone();
    let upstream = Upstream::start(move |seen| play(seen, &inputs));
    let setup = Setup::new(&upstream.base_url())
        .provider("first_byte_timeout = 0.4\nstream_idle_timeout = 0.4\ntimeout = 0.5");
    let gateway = Gateway::start(&setup);
    in_parallel(16, count, |n| {
        let input = String::from_utf8_lossy(&shown[n / WAYS]).into_owned();
        for stream in [false, true] {
            let answer = ask(&gateway, &format!("input-{n}"), stream);
            assert_ne!(answer, Ending::Late, "way {}: {input:?}", n % WAYS);
            // Several, so that whatever waits in the pool is met.
            for turn in 0..3 {
                let nonce = format!("nonce-{n}-{turn}");
                let body = fixtures::ask("real-model", false, &nonce);
                let answer = gateway.client().ask(&Req::chat(body));
                assert_eq!(answer.status(), 200, "after {input:?}: {}", answer.text());
                assert_eq!(answer.text(), fixtures::completion(&nonce), "after {input:?}");
            }
        }
    });
    assert_eq!(upstream.violations(), Vec::<String>::new());
    gateway.stop();
}

/// Asks for an input as an answer; how the exchange ended.
fn ask(gateway: &Gateway, user: &str, stream: bool) -> Ending {
    let mut client = gateway.client();
    client.patience = Duration::from_secs(5);
    let answer = client.ask(&Req::chat(fixtures::ask("real-model", stream, user)));
    assert!(answer.status() != 0 || answer.ending != Ending::Complete);
    answer.ending
}

#[test]
fn a_doubtful_answer_ends_its_connection() {
    // Every answer here is malformed or has bytes behind it, and the upstream keeps it open.
    let doubtful: Vec<Vec<u8>> = OWN[..8].iter().map(|input| input.to_vec()).collect();
    let count = doubtful.len();
    let inputs = doubtful.clone();
    let upstream = Upstream::start(move |seen| {
        let n: usize = seen.user().parse().expect("a number");
        Script::default().send(inputs[n].clone()).hold()
    });
    let setup = Setup::new(&upstream.base_url()).shards(1).provider("timeout = 0.5");
    let gateway = Gateway::start(&setup);
    for n in 0..count {
        ask(&gateway, &n.to_string(), false);
        upstream.wait_closed(n);
    }
    assert_eq!(upstream.conns().len(), count, "each came on a connection of its own");
    assert_eq!(upstream.violations(), Vec::<String>::new());
    gateway.stop();
}
