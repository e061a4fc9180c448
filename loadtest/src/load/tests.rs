//! Tests of the parts of the generator that need no socket.

use std::time::Duration;

use super::tally::Arrival;
use super::tally::Tally;
use super::target::Target;
use super::window::Phase;
use crate::clock;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_url_is_an_address_and_a_path() {
    let target = Target::parse("http://localhost:8080/v1/x?y=1").unwrap();
    assert_eq!(target.address, "127.0.0.1:8080".parse().unwrap());
    assert_eq!((target.host.as_str(), target.path.as_str()), ("localhost:8080", "/v1/x?y=1"));
    assert_eq!(Target::parse("http://[::1]:80").unwrap().path, "/");
    for url in ["https://127.0.0.1:1/", "127.0.0.1:1", "http://example.org:80/", "http://1.2.3.4/"]
    {
        assert!(Target::parse(url).is_err(), "{url}");
    }
}

#[test]
fn a_request_is_what_a_server_can_read() {
    let target = Target::parse("http://127.0.0.1:1/v1").unwrap();
    let bytes = target.request(&["authorization: Bearer k".to_owned()], b"{}");
    let (request, length) = crate::http::head::request(&bytes).unwrap().unwrap();
    assert_eq!((request.method, request.target), ("POST", "/v1"));
    assert_eq!(request.authorization, b"Bearer k");
    assert_eq!(request.framing, crate::http::Framing::Length(2));
    assert_eq!(&bytes[length..], b"{}");
}

#[test]
fn nothing_counts_outside_the_window() {
    let mut tally = Tally::new();
    tally.answered(500, SECOND);
    tally.failed();
    tally.cut();
    tally.events(3, Arrival::First(SECOND));
    assert_eq!((tally.requests, tally.non_2xx, tally.errors), (0, 0, 0));
    assert_eq!((tally.truncated, tally.events), (0, 0));
    tally.recording = true;
    tally.answered(500, SECOND);
    tally.answered(200, SECOND);
    tally.events(3, Arrival::First(SECOND));
    tally.events(1, Arrival::Next(SECOND));
    assert_eq!((tally.requests, tally.non_2xx, tally.events), (2, 1, 4));
    assert_eq!((tally.latency.len(), tally.first_event.len(), tally.gap.len()), (2, 1, 3));
}

#[test]
fn the_window_opens_when_all_is_settled_or_warm_and_closes_on_time() {
    let start = clock::now();
    let warmup = Phase::Warmup { until: start + SECOND };
    assert_eq!(warmup.next(start, false, SECOND), None);
    let measure = Phase::Measure { until: start + SECOND };
    assert_eq!(warmup.next(start, true, SECOND), Some(measure));
    assert_eq!(measure.next(start, true, SECOND), None);
    assert_eq!(measure.next(start + SECOND, false, SECOND), Some(Phase::Over));
    assert_eq!(Phase::Over.next(start + SECOND, true, SECOND), None);
    let late = Phase::Measure { until: start + 3 * SECOND };
    assert_eq!(warmup.next(start + 2 * SECOND, false, SECOND), Some(late));
}
