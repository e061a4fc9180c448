//! No cut of a body changes its lines.

use proptest::collection::vec;
use proptest::prelude::*;

use super::fuzz::drive;
use super::{Decoder, LineTooLong, fuzz_ndjson};

fn lines(body: &[u8]) -> Vec<String> {
    let (lines, end) = drive(1 << 20, &[body]);
    assert_eq!(end, Ok(()));
    lines.into_iter().map(|line| String::from_utf8(line).unwrap()).collect()
}

#[test]
fn lines_end_at_a_line_feed_only() {
    assert_eq!(lines(b""), [""; 0]);
    assert_eq!(lines(b"a\nb\n"), ["a", "b"]);
    assert_eq!(lines(b"a\nb"), ["a", "b"]);
    assert_eq!(lines(b"\n \r\n\t\na\r\n\n"), ["a\r"]);
    let odd = "a\u{2028}\u{85}\r\u{b}b\nc";
    assert_eq!(lines(odd.as_bytes()), ["a\u{2028}\u{85}\r\u{b}b", "c"]);
}

#[test]
fn blank_lines_are_used_up_without_a_line() {
    let mut decoder = Decoder::new(4);
    assert_eq!(decoder.decode(b"\n\n\n\n\n\n"), Ok((6, None)));
    assert_eq!(decoder.decode(b"\n\nab"), Ok((2, None)));
    assert_eq!(decoder.decode(b"ab\nc"), Ok((3, Some(&b"ab"[..]))));
}

#[test]
fn a_line_may_be_as_long_as_allowed() {
    assert_eq!(drive(3, &[b"abc\nabc"]).0.len(), 2);
    for pieces in [&[&b"abcd"[..]][..], &[b"abc", b"d\n"], &[b"a\nabcd\n"]] {
        assert_eq!(drive(3, pieces).1, Err(LineTooLong { max_line: 3 }));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn every_cut_gives_the_same_lines(
        body in vec(prop_oneof![Just(b'\n'), Just(b' '), Just(b'\r'), any::<u8>()], 0..40),
        max_line in 0..12_usize,
    ) {
        for limit in [max_line, 1 << 20] {
            let whole = drive(limit, &[&body]);
            for cut in 0..=body.len() {
                let (head, tail) = body.split_at(cut);
                prop_assert_eq!(&drive(limit, &[head, tail]), &whole, "cut at {}", cut);
            }
        }
        let limit = u8::try_from(max_line).unwrap_or(0);
        fuzz_ndjson(&[&[limit, limit], body.as_slice()].concat());
    }
}
