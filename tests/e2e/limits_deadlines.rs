//! Every limit at its edge and every deadline in its phase.

use std::time::Duration;
use std::time::Instant;

use crate::lab::Lab;
use crate::lab::plain;
use crate::lab::streamed;
use crate::lab::whole;
use crate::support::assert_within;
use crate::support::client::Answer;
use crate::support::client::Ending;
use crate::support::client::Req;
use crate::support::fixtures;
use crate::support::fresh_id;
use crate::support::http;
use crate::support::script::STREAM_HEAD;
use crate::support::script::Script;

/// What every deadline in this file is set to.
const SET: Duration = Duration::from_millis(400);

/// What a busy machine may add to it.
const SLACK: Duration = Duration::from_millis(400);

/// Asserts that something set to [`SET`] takes about that long; it does not begin before its round.
#[track_caller]
fn assert_on_time(what: &str, mut round: impl FnMut()) {
    assert_within(SET + SLACK, what, || {
        let started = Instant::now();
        round();
        let took = started.elapsed();
        assert!(took >= SET - Duration::from_millis(30), "{what}: too soon, {took:?}");
        took
    });
}

/// A chat body of exactly `size` bytes.
fn sized(size: usize) -> String {
    let short = fixtures::ask("real-model", false, "");
    let fill = "u".repeat(size - short.len());
    fixtures::ask("real-model", false, &fill)
}

#[test]
fn a_body_may_have_the_limit_and_not_one_byte_more() {
    let lab = Lab::with(|setup| setup.limits("max_body = 4096"), whole);
    for request in [Req::chat(sized(4096)), Req::chat(sized(4096)).chunked()] {
        assert_eq!(lab.ask(&request).status(), 200);
    }
    for request in [Req::chat(sized(4097)), Req::chat(sized(4097)).chunked()] {
        let id = fresh_id("413");
        let mut client = lab.client();
        // The gateway may close before it has taken everything.
        let _ = client.try_send(&request.id(&id).bytes());
        let answer = client.answer();
        assert_eq!(answer.status(), 413, "{}", answer.text());
        answer.error_code();
        assert_eq!(answer.head.get("connection"), Some("close"));
        let record = lab.gateway.record(&id);
        assert_eq!((&record["status"], &record["outcome"]), (&413.into(), &"refused".into()));
    }
    let mut client = lab.client();
    let huge = plain().with("expect", "100-continue");
    let head = String::from_utf8(huge.head()).expect("text");
    let length = format!("content-length: {}", plain().body.len());
    client.send(head.replace(&length, "content-length: 99999999999").as_bytes());
    assert_eq!(client.any_head().expect("a head").status(), 413, "announced sizes count");
    assert_eq!(lab.upstream.requests().len(), 2);
}

#[test]
fn a_head_is_limited_in_bytes_and_in_fields() {
    let lab = Lab::with(|setup| setup.limits("max_headers = 4096\nmax_header_count = 20"), whole);
    let long = plain().with("x-long", &"v".repeat(5000));
    let many = (0..25).fold(plain(), |request, n| request.with(&format!("x-{n}"), "v"));
    for (request, limit) in [(long, "(limits.max_headers)"), (many, "(limits.max_header_count)")] {
        let mut client = lab.client();
        let _ = client.try_send(&request.bytes());
        let answer = client.answer();
        assert_eq!(answer.status(), 431, "{}", answer.text());
        assert_eq!(answer.error_code(), "invalid_request");
        assert!(answer.text().contains(limit), "{}", answer.text());
    }
    let mut client = lab.client();
    client.send(b"POST /v1/chat/completions HTTP/1.1\r\n");
    let mut refused = false;
    for _ in 0..1000 {
        refused = refused || client.try_send(&[b'a'; 100]).is_err();
    }
    let answer = client.answer();
    assert!(refused || answer.status() == 431, "a head without end was read on and on");
    assert_eq!(lab.ask(&plain()).status(), 200);
}

#[test]
fn a_slow_head_or_body_gets_408_and_the_close() {
    let lab = Lab::with(|setup| setup.limits("header_timeout = 0.4\nbody_timeout = 0.4"), whole);
    let request = plain().bytes();
    let head_len = plain().head().len();
    let mut heads = 0;
    for (name, cut, limit) in [
        ("first byte of a head", 1, "(limits.header_timeout)"),
        ("half a head", 30, "(limits.header_timeout)"),
        ("no body", head_len, "(limits.body_timeout)"),
        ("half a body", head_len + 5, "(limits.body_timeout)"),
    ] {
        assert_on_time(name, || {
            let mut client = lab.client();
            client.send(&request[..cut]);
            let answer = client.answer();
            assert_eq!(answer.status(), 408, "{name}: {answer:?}");
            assert_eq!(answer.error_code(), "request_timeout");
            assert!(answer.text().contains(limit), "{name}: {}", answer.text());
            client.expect_close();
            heads += usize::from(cut >= head_len);
        });
    }
    assert!(lab.upstream.requests().is_empty());
    let records = lab.gateway.stop();
    assert_eq!(records.len(), heads, "a head that never came is no request: {records:?}");
}

#[test]
fn a_head_in_drips_does_not_move_its_deadline() {
    let lab = Lab::with(|setup| setup.limits("header_timeout = 0.4"), whole);
    assert_on_time("a head in drips", || {
        let mut client = lab.client();
        client.patience = Duration::from_millis(20);
        let ending = plain().head().into_iter().find_map(|byte| {
            let sent = client.try_send(&[byte]);
            let head = client.any_head();
            (sent.is_err() || head != Err(Ending::Late)).then_some(head)
        });
        assert!(ending.is_some(), "the slow client was never closed");
    });
}

#[test]
fn a_body_that_makes_progress_may_take_its_time() {
    let lab = Lab::with(|setup| setup.limits("body_timeout = 0.4"), whole);
    let request = Req::chat(sized(60_000));
    let (last, slow) = request.body.split_last().expect("a body");
    let mut client = lab.client();
    client.send(&request.head());
    client.patience = Duration::from_millis(100);
    for piece in slow.chunks(5000) {
        client.send(piece);
        let early = client.any_head();
        assert_eq!(early, Err(Ending::Late), "before the body was complete");
    }
    client.patience = crate::support::DEADLINE;
    client.send(&[*last]);
    assert_eq!(client.answer().status(), 200);
}

#[test]
fn a_body_in_drips_makes_no_progress() {
    let lab = Lab::with(|setup| setup.limits("body_timeout = 0.4"), whole);
    let request = Req::chat(sized(60_000));
    assert_on_time("a body in drips", || {
        let mut client = lab.client();
        client.send(&request.head());
        client.patience = Duration::from_millis(20);
        let answer = request.body.iter().find_map(|byte| {
            let sent = client.try_send(&[*byte]);
            let head = client.any_head();
            (sent.is_err() || head != Err(Ending::Late)).then_some(head)
        });
        assert_eq!(answer.expect("an end").map(|head| head.status()), Ok(408));
    });
}

#[test]
fn an_idle_connection_is_closed_silently() {
    let lab = Lab::with(|setup| setup.limits("idle_timeout = 0.4"), whole);
    assert_on_time("an idle connection", || {
        let mut client = lab.client();
        assert_eq!(client.ask(&plain()).status(), 200);
        client.expect_close();
    });
}

#[test]
fn too_many_connections_are_told_to_come_back() {
    let lab = Lab::with(|setup| setup.shards(1).limits("max_connections = 4"), whole);
    let mut held: Vec<_> = (0..4).map(|_| lab.client()).collect();
    for client in &mut held {
        assert_eq!(client.ask(&plain()).status(), 200);
    }
    let mut extra = lab.client();
    let _ = extra.try_send(&plain().bytes());
    let answer = extra.answer();
    assert_eq!(answer.status(), 503, "{answer:?}");
    answer.error_code();
    assert!(answer.head.get("retry-after").is_some_and(|text| text.parse::<u32>().is_ok()));
    for client in &mut held {
        assert_eq!(client.ask(&plain()).status(), 200, "those inside stay inside");
    }
    drop(held);
    let until = Instant::now() + crate::support::DEADLINE;
    while lab.ask(&plain()).status() != 200 {
        assert!(Instant::now() < until, "room was never given back");
    }
}

#[test]
fn an_upstream_that_never_answers_times_out() {
    let lab =
        Lab::with(|setup| setup.provider("first_byte_timeout = 0.4"), |_| Script::default().hold());
    for request in [plain(), streamed()] {
        let id = fresh_id("first-byte");
        let request = request.id(&id);
        assert_on_time("the first byte", || {
            let answer = lab.ask(&request);
            assert_eq!((answer.status(), answer.error_code().as_str()), (504, "upstream_timeout"));
        });
        let record = lab.gateway.record(&id);
        assert_eq!(
            (&record["outcome"], &record["status"]),
            (&"upstream_failed".into(), &504.into())
        );
    }
    lab.upstream.wait_all_closed();
}

#[test]
fn a_half_answer_times_out_as_a_whole() {
    let lab = Lab::with(
        |setup| setup.provider("timeout = 0.4"),
        |_| Script::default().send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"id\":").hold(),
    );
    assert_on_time("the whole exchange", || {
        let answer = lab.ask(&plain());
        assert_eq!((answer.status(), answer.error_code().as_str()), (504, "upstream_timeout"));
    });
    lab.upstream.wait_all_closed();
}

fn assert_stream_timed_out(answer: &Answer) {
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert!(
        answer.ending != Ending::Complete && answer.ending != Ending::Late,
        "{:?}",
        answer.ending
    );
    let last = answer.events().pop().expect("an error event");
    assert!(last.contains("\"error\"") && last.contains("upstream_timeout"), "{last}");
}

#[test]
fn a_silent_stream_times_out_with_an_error_event() {
    const BEFORE: u64 = 200;
    let first = http::as_chunk(fixtures::stream(1)[..2].concat().as_bytes());
    let lab = Lab::with(
        |setup| setup.provider("stream_idle_timeout = 0.4"),
        move |_| Script::default().send(STREAM_HEAD).pause(BEFORE).send(first.clone()).hold(),
    );
    assert_within(SET + SLACK, "a silence", || {
        let mut client = lab.client();
        let asked = Instant::now();
        client.send(&streamed().bytes());
        client.head().expect("a head");
        client.until("w0 ");
        let started = Instant::now();
        client.until("upstream_timeout");
        // The silence began when the gateway had the event, which is before the client had it.
        let (silent, all) = (started.elapsed(), asked.elapsed());
        assert!(all >= SET + Duration::from_millis(BEFORE - 30), "too soon, {all:?}");
        assert!(matches!(client.more(), Err(Ending::Closed | Ending::Reset)));
        silent
    });
    lab.upstream.wait_all_closed();
}

#[test]
fn a_stream_has_its_total_deadline_too() {
    let event = http::as_chunk(fixtures::stream(1)[1].as_bytes());
    let lab = Lab::with(
        |setup| setup.provider("timeout = 0.4"),
        move |_| {
            let start = Script::default().send(STREAM_HEAD);
            (0..40).fold(start, |script, _| script.send(event.clone()).pause(25)).hold()
        },
    );
    assert_on_time("a long stream", || assert_stream_timed_out(&lab.ask(&streamed())));
}

#[test]
fn a_connect_that_hangs_times_out() {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
    let socket = socket.expect("a socket");
    let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(&any.into()).and_then(|()| socket.listen(0)).expect("listen");
    let addr = socket.local_addr().expect("address").as_socket().expect("an IP address");
    // One waiting connection fills the queue; further ones get no answer to their SYN.
    let _full: Vec<_> = (0..2)
        .filter_map(|_| {
            std::net::TcpStream::connect_timeout(&addr, Duration::from_millis(200)).ok()
        })
        .collect();
    let lab = Lab::with(
        |mut setup| {
            setup.base_url = format!("http://{addr}/v1");
            setup.provider("connect_timeout = 0.4")
        },
        whole,
    );
    assert_on_time("a connect", || {
        let answer = lab.ask(&plain());
        assert!(matches!(answer.status(), 502 | 504), "{}", answer.text());
        assert!(matches!(answer.error_code().as_str(), "upstream_connect" | "upstream_timeout"));
    });
}

#[test]
fn a_client_that_does_not_read_is_let_go() {
    let event =
        http::as_chunk(fixtures::chunk(&format!("\"{}\"", "x".repeat(8000)), "null").as_bytes());
    let lab = Lab::with(
        |setup| setup.limits("write_timeout = 0.4"),
        move |_| Script::default().send(STREAM_HEAD).flood(event.clone()),
    );
    let id = fresh_id("unread");
    let mut client = lab.client();
    client.send(&streamed().id(&id).bytes());
    lab.upstream.wait_all_closed();
    assert_eq!(lab.gateway.record(&id)["outcome"], "client_gone");
    drop(client);
}

#[test]
fn many_slow_heads_do_not_hinder_a_good_client() {
    let lab = Lab::with(|setup| setup.limits("header_timeout = 5"), whole);
    let mut slow: Vec<_> = (0..500).map(|_| lab.client()).collect();
    for client in &mut slow {
        client.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-a: ");
    }
    let mut good = lab.client();
    assert_within(Duration::from_millis(100), "p90", || {
        let mut times: Vec<Duration> = (0..100)
            .map(|_| {
                let started = Instant::now();
                assert_eq!(good.ask(&plain()).status(), 200);
                started.elapsed()
            })
            .collect();
        times.sort();
        times[90]
    });
}
