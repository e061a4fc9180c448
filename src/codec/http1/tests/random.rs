//! Random and damaged input: no panic, and the same answer in every cut.

use proptest::collection::vec;
use proptest::prelude::any;
use proptest::proptest;
use proptest::sample::Index;

use crate::codec::http1::fuzz;

const REQUESTS: [&[u8]; 4] = [
    b"POST /v1/x?y HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc",
    b"GET http://a:1/ HTTP/1.1\r\nHost: a:1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"OPTIONS * HTTP/1.0\r\nconnection: keep-alive\r\nexpect: 100-continue\r\n\r\n",
    b"PUT / HTTP/1.1\r\nhost: [::1]\r\nx-api-key: k\r\nanthropic-beta: a\r\n\r\n",
];
const RESPONSES: [&[u8]; 3] = [
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.0 404\r\ncontent-length: 5\r\nconnection: keep-alive\r\n\r\nhello",
    b"HTTP/1.1 204 No Content\r\nx: \xe9\r\n\r\n",
];
const BODIES: [&[u8]; 2] = [
    b"5;a=\"b\"\r\nhello\r\n1f\r\n0123456789012345678901234567890\r\n0\r\nA: b\r\n\r\nGET",
    b"1\r\na\r\n1\r\nb\r\n000;x\r\n\r\n",
];
/// Bytes that mean something, so that damage is likely to.
const SHARP: &[u8] = b"\r\n\0\t :;,=_-/\"\\0fA\x7f\xff";

/// A sample with some bytes replaced, put in or taken out, behind the byte that says how to cut.
fn damaged(samples: &[&[u8]], seed: u8, pick: Index, damage: &[(Index, Index, u8)]) -> Vec<u8> {
    let mut data = samples[pick.index(samples.len())].to_vec();
    for (at, byte, what) in damage {
        let at = at.index(data.len());
        let byte = SHARP[byte.index(SHARP.len())];
        match what % 3 {
            0 => data[at] = byte,
            1 => data.insert(at, byte),
            _ if data.len() > 1 => _ = data.remove(at),
            _ => {}
        }
    }
    data.insert(0, seed);
    data
}

#[test]
fn samples() {
    for seed in [0, 1, 2, 7, 255] {
        for sample in REQUESTS.iter().chain(&RESPONSES).chain(&BODIES) {
            let data = [&[seed], *sample].concat();
            fuzz::fuzz_request_head(&data);
            fuzz::fuzz_response_head(&data);
            fuzz::fuzz_chunked(&data);
        }
    }
    for sample in REQUESTS {
        assert!(matches!(fuzz::request(sample, 1), Ok(Some(_))), "the samples are sound");
    }
    for sample in RESPONSES {
        assert!(matches!(fuzz::response(sample, 1, false), Ok(Some(_))), "the samples are sound");
    }
    for sample in BODIES {
        assert!(matches!(fuzz::chunked(sample, 1), Ok((_, Some(_)))), "the samples are sound");
    }
}

proptest! {
    #[test]
    fn random_bytes(data in vec(any::<u8>(), 0..700)) {
        fuzz::fuzz_request_head(&data);
        fuzz::fuzz_response_head(&data);
        fuzz::fuzz_chunked(&data);
    }

    #[test]
    fn damaged_samples(
        seed: u8,
        pick: Index,
        damage in vec(any::<(Index, Index, u8)>(), 0..5),
    ) {
        fuzz::fuzz_request_head(&damaged(&REQUESTS, seed, pick, &damage));
        fuzz::fuzz_response_head(&damaged(&RESPONSES, seed, pick, &damage));
        fuzz::fuzz_chunked(&damaged(&BODIES, seed, pick, &damage));
    }
}
