//! The end of the process: what runs may finish, what waits is let go, and the exit code is good.

use std::io;
use std::io::Read;
use std::net::TcpStream;
use std::time::Duration;
use std::time::Instant;

use rustix::process::Signal;

use crate::lab::Lab;
use crate::lab::plain;
use crate::lab::streamed;
use crate::lab::whole;
use crate::support::DEADLINE;
use crate::support::assert_within;
use crate::support::client::Client;
use crate::support::client::Ending;
use crate::support::client::Req;
use crate::support::fixtures;
use crate::support::fresh_id;
use crate::support::http;
use crate::support::script::Gate;
use crate::support::script::STREAM_HEAD;
use crate::support::script::Script;

/// Time between two probes.
const PROBE: Duration = Duration::from_millis(5);

/// Longest time from the signal until connections are refused; the machine may be busy.
const REFUSED: Duration = Duration::from_secs(1);

/// Waits until the listener is gone, with a probe after each pause: nothing tells a client of it.
fn wait_refused(lab: &Lab, pause: Duration) {
    let until = Instant::now() + REFUSED;
    while TcpStream::connect(lab.gateway.addr).is_ok() {
        assert!(Instant::now() < until, "the listener stayed open");
        std::thread::sleep(pause);
    }
}

/// A lab whose streams stop after two events until the gate opens.
fn gated(gate: &Gate, shutdown_timeout: &str) -> Lab {
    let gate = gate.clone();
    let top = format!("shutdown_timeout = {shutdown_timeout}");
    Lab::with(
        |setup| setup.top(&top),
        move |seen| {
            if seen.text().contains("\"stream\":false") {
                return Script::json(200, fixtures::COMPLETION);
            }
            let (first, rest) = (fixtures::stream(4), fixtures::stream(4).split_off(2));
            let start = Script::default().send(STREAM_HEAD);
            let begun = first[..2]
                .iter()
                .fold(start, |script, event| script.send(http::as_chunk(event.as_bytes())));
            let sent = rest.iter().fold(begun.wait(&gate), |script, event| {
                script.send(http::as_chunk(event.as_bytes()))
            });
            sent.send("0\r\n\r\n")
        },
    )
}

fn begin_stream(lab: &Lab, id: &str) -> Client {
    let mut client = lab.client();
    client.send(&streamed().id(id).bytes());
    client.head().expect("a head");
    client.until("w0");
    client
}

#[test]
fn running_streams_finish_and_the_process_ends_well() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        assert_within(Duration::from_secs(2), "nothing was left to wait for", || {
            let gate = Gate::default();
            let mut lab = gated(&gate, "30");
            let ids: Vec<String> = (0..10).map(|_| fresh_id("drain")).collect();
            let mut streams: Vec<Client> = ids.iter().map(|id| begin_stream(&lab, id)).collect();
            let mut idle = lab.client();
            assert_eq!(idle.ask(&plain()).status(), 200);
            let mut fresh = lab.client();
            lab.gateway.signal(signal);
            wait_refused(&lab, PROBE);
            idle.expect_close();
            fresh.expect_close();
            gate.open();
            for client in &mut streams {
                assert!(client.until("[DONE]\n\n").ends_with("data: [DONE]\n\n"));
                assert_eq!(client.more(), Err(Ending::Complete));
                client.expect_close();
            }
            let started = Instant::now();
            let status = lab.gateway.wait_exit(DEADLINE).expect("an end");
            let took = started.elapsed();
            assert_eq!(status.code(), Some(0));
            lab.gateway.drained();
            for id in &ids {
                assert_eq!(lab.gateway.record(id)["outcome"], "answered");
            }
            assert_eq!(lab.gateway.records().len(), 11);
            took
        });
    }
}

/// Whoever connects while the signal is on its way is refused, or let go at once. A connection that
/// the kernel accepted for us in that moment must not be forgotten.
#[test]
fn who_comes_with_the_signal_is_not_kept() {
    for _ in 0..20 {
        let gate = Gate::default();
        let lab = gated(&gate, "30");
        let mut stream = begin_stream(&lab, &fresh_id("with"));
        let guests = std::thread::scope(|scope| {
            let coming = scope.spawn(|| {
                let come = || TcpStream::connect(lab.gateway.addr).ok();
                std::iter::from_fn(come).take(2000).collect::<Vec<_>>()
            });
            lab.gateway.signal(Signal::TERM);
            coming.join().expect("guests")
        });
        let until = Instant::now() + Duration::from_secs(5);
        for mut guest in guests {
            let left = until.saturating_duration_since(Instant::now());
            let patience = left.max(Duration::from_millis(1));
            guest.set_read_timeout(Some(patience)).expect("a timeout");
            let late = [io::ErrorKind::WouldBlock, io::ErrorKind::TimedOut];
            let read = guest.read(&mut [0]);
            let kept = read.as_ref().is_err_and(|error| late.contains(&error.kind()));
            assert!(!kept, "a connection was kept: {read:?}");
        }
        gate.open();
        stream.until("[DONE]");
        assert_eq!(lab.gateway.end().len(), 1);
    }
}

#[test]
fn readiness_is_gone_at_once_and_health_stays() {
    let gate = Gate::default();
    let mut lab = gated(&gate, "30");
    let mut stream = begin_stream(&lab, &fresh_id("ready"));
    let (mut asking, mut health) = (lab.client(), lab.client());
    for client in [&mut asking, &mut health] {
        assert_eq!(client.ask(&Req::get("/ready")).status(), 200);
    }
    // A request that has begun is no idle connection: it is answered.
    let (ready, alive) = (Req::get("/ready").bytes(), Req::get("/health").bytes());
    asking.send(&ready[..20]);
    health.send(&alive[..20]);
    let mut probe = lab.client();
    assert_eq!(probe.ask(&Req::get("/health")).status(), 200);
    lab.gateway.signal(Signal::TERM);
    wait_refused(&lab, PROBE);
    asking.send(&ready[20..]);
    health.send(&alive[20..]);
    let answer = asking.answer();
    assert_eq!(answer.status(), 503, "{answer:?}");
    assert_eq!(health.answer().status(), 200);
    gate.open();
    stream.until("[DONE]\n\n");
    assert_eq!(lab.gateway.wait_exit(DEADLINE).expect("an end").code(), Some(0));
}

#[test]
fn what_outlives_the_grace_is_broken_off_honestly() {
    assert_within(Duration::from_secs(2), "a grace of 500 ms", || {
        let gate = Gate::default();
        let mut lab = gated(&gate, "0.5");
        let id = fresh_id("grace");
        let mut client = begin_stream(&lab, &id);
        let started = Instant::now();
        lab.gateway.signal(Signal::TERM);
        let rest = client.until("\n\n");
        assert!(rest.starts_with("data: {\"error\""), "{rest}");
        assert!(matches!(client.more(), Err(Ending::Closed | Ending::Reset)));
        let took = started.elapsed();
        assert!(took >= Duration::from_millis(450), "{took:?}");
        assert_eq!(lab.gateway.wait_exit(DEADLINE).expect("an end").code(), Some(0));
        lab.gateway.drained();
        let record = lab.gateway.record(&id);
        assert_eq!(record["outcome"], "shutdown", "{record}");
        gate.open();
        took
    });
}

#[test]
fn a_second_signal_ends_the_wait() {
    let gate = Gate::default();
    let mut lab = gated(&gate, "30");
    let mut client = begin_stream(&lab, &fresh_id("second"));
    lab.gateway.signal(Signal::TERM);
    lab.gateway.wait_log("draining");
    lab.gateway.signal(Signal::INT);
    lab.gateway.wait_log("a second signal came: ending what is left");
    assert!(client.until("\n\n").starts_with("data: {\"error\""));
    assert_eq!(lab.gateway.wait_exit(DEADLINE).expect("an end").code(), Some(0));
    gate.open();
}

#[test]
fn a_whole_answer_on_its_way_is_delivered() {
    let gate = Gate::default();
    let door = gate.clone();
    let mut lab = Lab::new(move |_| {
        Script(Script::default().wait(&door).0).send(crate::support::script::answer_bytes(
            200,
            "",
            fixtures::COMPLETION,
        ))
    });
    let mut client = lab.client();
    client.send(&plain().bytes());
    lab.upstream.wait_request(1);
    lab.gateway.signal(Signal::TERM);
    wait_refused(&lab, PROBE);
    gate.open();
    let answer = client.answer();
    assert_eq!((answer.status(), answer.text().as_str()), (200, fixtures::COMPLETION));
    assert_eq!(answer.head.get("connection"), Some("close"));
    client.expect_close();
    assert_eq!(lab.gateway.wait_exit(DEADLINE).expect("an end").code(), Some(0));
}

#[test]
fn a_flood_of_connections_does_not_hold_off_the_end() {
    let gate = Gate::default();
    let mut lab = gated(&gate, "30");
    let mut client = begin_stream(&lab, &fresh_id("flood"));
    lab.gateway.signal(Signal::TERM);
    wait_refused(&lab, Duration::ZERO);
    gate.open();
    client.until("[DONE]\n\n");
    assert_eq!(lab.gateway.wait_exit(DEADLINE).expect("an end").code(), Some(0));
}

#[test]
fn ten_starts_and_ends_go_well() {
    for _ in 0..10 {
        let lab = Lab::new(whole);
        let answer = lab.ask(&plain());
        assert_eq!(answer.status(), 200);
        assert_eq!(lab.gateway.stop().len(), 1);
    }
}
