//! No cut of a stream changes its frames.

use proptest::collection::vec;
use proptest::prelude::*;

use super::fuzz::drive;
use super::fuzz_sse;

/// Streams of what matters to the decoder, and of much else.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let ends: &[&[u8]] = &[b"\n", b"\r", b"\r\n", b"\n\n", b"\r\r", b"\r\n\r\n"];
    let starts: &[&[u8]] =
        &[b"data:", b"data: ", b"event: ", b": ", b"data", b"id: 1", b"\xEF\xBB\xBF", b"\xEF\xBB"];
    let piece = prop_oneof![
        4 => proptest::sample::select(ends.to_vec()).prop_map(<[u8]>::to_vec),
        4 => proptest::sample::select(starts.to_vec()).prop_map(<[u8]>::to_vec),
        2 => "[ -~]{0,12}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..4),
    ];
    vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn every_cut_gives_the_same_frames(stream in stream(), max_frame in 0..64_usize) {
        for limit in [max_frame, 1 << 20] {
            let whole = drive(limit, &[&stream]);
            for cut in 0..=stream.len() {
                let (head, tail) = stream.split_at(cut);
                prop_assert_eq!(&drive(limit, &[head, tail]), &whole, "cut at {}", cut);
            }
        }
    }

    #[test]
    fn frames_are_those_of_the_standard(
        limit in any::<u8>(), cut in any::<u8>(), stream in stream(),
    ) {
        fuzz_sse(&[&[limit, cut], stream.as_slice()].concat());
    }
}

#[test]
fn fuzz_body_runs_on_plain_inputs() {
    let inputs: [&[u8]; 5] = [
        b"",
        b"\xFF\x03",
        b"\xFF\x03data: a\n\n",
        b"\x05\x02data: a\r\r\n",
        b"\xFF\x01\xEF\xBB\xBF\n",
    ];
    inputs.into_iter().for_each(fuzz_sse);
}
