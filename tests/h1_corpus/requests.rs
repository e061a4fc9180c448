//! Requests: each input in several forms and deliveries, each at a connection of its own.

use std::collections::HashMap;
use std::time::Duration;
use std::time::Instant;

use crate::Payload;
use crate::corpus;
use crate::judge::Framing;
use crate::judge::Verdict;
use crate::judge::judge;
use crate::support::DEADLINE;
use crate::support::Random;
use crate::support::client::Client;
use crate::support::client::Ending;
use crate::support::fixtures;
use crate::support::fixtures::KEY;
use crate::support::gateway::Gateway;
use crate::support::gateway::Setup;
use crate::support::http;
use crate::support::in_parallel;
use crate::support::script::Script;
use crate::support::upstream::Upstream;
use crate::table::Expect;
use crate::table::REQUESTS;

/// Connections at a time.
const THREADS: usize = 24;

/// A gateway that says nothing for this long waits for more bytes.
const SILENCE: Duration = Duration::from_millis(150);

/// How an input is cut into writes.
#[derive(Clone, Copy, Debug)]
enum Delivery {
    Whole,
    Bytewise,
    Random(u64),
}

const DELIVERIES: [Delivery; 3] = [Delivery::Whole, Delivery::Bytewise, Delivery::Random(7)];

/// What one connection gave.
#[derive(Debug)]
struct Outcome {
    /// The status of the first answer; 0 when none came.
    status: u16,
    /// Whether the gateway closed without being asked to.
    closed: bool,
}

/// Delivers `bytes` and watches what comes back.
fn deliver(gateway: &Gateway, bytes: &[u8], delivery: Delivery, patience: Duration) -> Outcome {
    let mut client = gateway.client();
    client.patience = patience;
    let mut random = Random::new(if let Delivery::Random(seed) = delivery { seed } else { 1 });
    let mut rest = bytes;
    while !rest.is_empty() {
        let size = match delivery {
            Delivery::Whole => rest.len(),
            Delivery::Bytewise => 1,
            Delivery::Random(_) => 1 + random.below(rest.len() as u64) as usize,
        };
        // A refusal may come, and the close with it, before everything is out.
        if client.try_send(&rest[..size]).is_err() {
            break;
        }
        rest = &rest[size..];
    }
    watch(&mut client)
}

/// Reads the first answer, and what becomes of the connection then.
fn watch(client: &mut Client) -> Outcome {
    let first = client.answer();
    let status = first.head.status();
    let mut ending = first.ending;
    while ending == Ending::Complete {
        // Further answers are those to whatever stood behind the first request.
        client.patience = if (400..600).contains(&status) { client.patience } else { SILENCE };
        ending = client.answer().ending;
    }
    Outcome { status, closed: matches!(ending, Ending::Closed | Ending::Reset) }
}

fn is_refusal(outcome: &Outcome) -> bool {
    outcome.closed && matches!(outcome.status, 400..=499 | 501 | 505)
}

/// A gateway in front of an upstream that answers with the nonce it was asked with.
fn lab() -> (Gateway, Upstream) {
    let upstream = Upstream::start(|seen| Script::json(200, &fixtures::completion(&seen.user())));
    let setup = Setup::new(&upstream.base_url()).limits("header_timeout = 20\nbody_timeout = 20");
    (Gateway::start(&setup), upstream)
}

/// How often each nonce has reached the upstream.
fn arrivals(upstream: &Upstream) -> HashMap<String, usize> {
    let mut count = HashMap::new();
    for seen in upstream.requests() {
        *count.entry(seen.user()).or_default() += 1;
    }
    count
}

/// The input with target, host, key and content type replaced so that it would be forwarded, and a
/// body that is a good request under one reading: chunked, or by length.
fn aimed(payload: &[u8], nonce: &str, chunked: bool) -> Vec<u8> {
    let json = fixtures::ask("real-model", false, nonce);
    let body = if chunked {
        let mut body = http::as_chunk(json.as_bytes());
        body.extend_from_slice(b"0\r\n\r\n");
        body
    } else {
        json.into_bytes()
    };
    let end = http::find(payload, b"\r\n\r\n").map_or(payload.len(), |at| at + 2);
    let line_end = payload.iter().position(|byte| b"\r\n".contains(byte)).unwrap_or(0);
    let mut words: Vec<&[u8]> = payload[..line_end].splitn(3, |byte| *byte == b' ').collect();
    if words.len() == 3 {
        (words[0], words[1]) = (b"POST", b"/v1/chat/completions");
    }
    let mut out = words.join(&b' ');
    let fields = payload.get(line_end..end).unwrap_or_default();
    if fields.starts_with(b"\r\n") {
        out.extend_from_slice(format!("\r\nAuthorization: Bearer {KEY}").as_bytes());
    }
    out.extend(with_length(fields, body.len()));
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&body);
    out
}

/// The field lines with the number of a plain `Content-Length:` replaced.
fn with_length(fields: &[u8], length: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for line in fields.split_inclusive(|byte| *byte == b'\n') {
        let lower = line.to_ascii_lowercase();
        let value = http::find(&lower, b"content-length").and_then(|at| {
            let digits = line[at + 14..].iter().position(u8::is_ascii_digit)?;
            Some(at + 14 + digits)
        });
        match value {
            Some(start) => {
                let count = line[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                out.extend_from_slice(&line[..start]);
                out.extend_from_slice(length.to_string().as_bytes());
                out.extend_from_slice(&line[start + count..]);
            }
            None => out.extend_from_slice(line),
        }
    }
    out
}

/// The bytes of a row of the own table.
fn row_bytes(row: usize, nonce: &str) -> Vec<u8> {
    let (_, line, fields, body, _) = REQUESTS[row];
    let json = fixtures::ask("real-model", false, nonce);
    let fields = fields.replace("{len}", &json.len().to_string());
    let mut out = format!("{line}\r\nAuthorization: Bearer {KEY}\r\n{fields}\r\n").into_bytes();
    match body {
        "P" => out.extend_from_slice(json.as_bytes()),
        "C" => {
            out.extend(http::as_chunk(json.as_bytes()));
            out.extend_from_slice(b"0\r\n\r\n");
        }
        other => {
            let size = format!("{:x}", json.len());
            let body = other.replace("{hex}", &size).replace("{json}", &json);
            out.extend_from_slice(body.as_bytes());
        }
    }
    out
}

#[test]
fn the_own_table_is_long_enough() {
    assert!(REQUESTS.len() >= 60, "{}", REQUESTS.len());
}

#[test]
fn the_own_table_is_kept() {
    let (gateway, upstream) = lab();
    let count = REQUESTS.len() * DELIVERIES.len();
    in_parallel(THREADS, count, |n| {
        let (row, delivery) = (n / DELIVERIES.len(), DELIVERIES[n % DELIVERIES.len()]);
        let (name, _, _, _, expect) = REQUESTS[row];
        let outcome = deliver(&gateway, &row_bytes(row, &format!("row-{n}")), delivery, DEADLINE);
        match expect {
            Expect::Pass => assert_eq!(outcome.status, 200, "{name} {delivery:?}: {outcome:?}"),
            Expect::Close => assert!(is_refusal(&outcome), "{name} {delivery:?}: {outcome:?}"),
            Expect::Refuse(status) => {
                assert!(is_refusal(&outcome), "{name} {delivery:?}: {outcome:?}");
                assert_eq!(outcome.status, status, "{name} {delivery:?}");
            }
        }
    });
    let arrived = arrivals(&upstream);
    for n in 0..count {
        let passes = REQUESTS[n / DELIVERIES.len()].4 == Expect::Pass;
        let name = REQUESTS[n / DELIVERIES.len()].0;
        let times = arrived.get(&format!("row-{n}")).copied().unwrap_or(0);
        assert_eq!(times, usize::from(passes), "{name}: arrived {times} times");
    }
    assert_eq!(upstream.violations(), Vec::<String>::new());
    gateway.stop();
}

/// One delivery of one form of one input: what must not happen, if it did.
fn fault(gateway: &Gateway, bytes: &[u8], delivery: Delivery) -> Option<String> {
    let verdict = judge(bytes);
    let patience = if verdict == Verdict::Refuse { DEADLINE } else { SILENCE };
    let outcome = deliver(gateway, bytes, delivery, patience);
    let fault = match verdict {
        Verdict::Refuse => (!is_refusal(&outcome)).then_some("not refused and closed"),
        Verdict::Partial => (outcome.status == 200).then_some("half a head was answered"),
        Verdict::Canonical { body: Framing::None } => None,
        Verdict::Canonical { .. } => (outcome.status >= 500).then_some("a server error"),
    };
    fault.map(|fault| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        format!("{fault} ({delivery:?}): {outcome:?}\n{text:?}")
    })
}

/// Whether a strict reader would let this input through to the upstream.
fn may_arrive(bytes: &[u8], chunked: bool) -> bool {
    let wanted = |body| matches!(body, Framing::Chunked) == chunked && body != Framing::None;
    matches!(judge(bytes), Verdict::Canonical { body } if wanted(body))
}

#[test]
fn nothing_ambiguous_reaches_the_upstream() {
    let payloads = corpus("req");
    let (gateway, upstream) = lab();
    let started = Instant::now();
    let per_payload = 3 * DELIVERIES.len();
    let faults = std::sync::Mutex::new(Vec::new());
    in_parallel(THREADS, payloads.len() * per_payload, |n| {
        let Payload { id, bytes, .. } = &payloads[n / per_payload];
        let (form, delivery) = (n / DELIVERIES.len() % 3, DELIVERIES[n % DELIVERIES.len()]);
        let bytes = match form {
            0 => bytes.clone(),
            form => aimed(bytes, &format!("nonce-{n}"), form == 1),
        };
        if let Some(fault) = fault(&gateway, &bytes, delivery) {
            faults.lock().expect("faults").push(format!("{id}, form {form}: {fault}"));
        }
    });
    let arrived = arrivals(&upstream);
    let mut passed = 0;
    for (nonce, times) in &arrived {
        let n = nonce.strip_prefix("nonce-").and_then(|number| number.parse::<usize>().ok());
        let n = n.unwrap_or_else(|| panic!("a request of nobody arrived: {nonce:?}"));
        let (payload, form) = (&payloads[n / per_payload], n / DELIVERIES.len() % 3);
        let bytes = aimed(&payload.bytes, nonce, form == 1);
        if !may_arrive(&bytes, form == 1) || *times != 1 {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            faults
                .lock()
                .expect("faults")
                .push(format!("{times} arrived: {}\n{text:?}", payload.id));
        }
        passed += 1;
    }
    let (count, took) = (payloads.len() * per_payload, started.elapsed());
    println!("{count} deliveries in {took:?}, {passed} canonical ones passed on");
    let faults = faults.into_inner().expect("faults");
    let shown: Vec<_> = faults.iter().take(20).collect();
    assert!(faults.is_empty(), "{} faults: {shown:#?}", faults.len());
    assert_eq!(upstream.violations(), Vec::<String>::new());
    assert!(took < Duration::from_secs(90), "{took:?}");
    gateway.stop();
}
