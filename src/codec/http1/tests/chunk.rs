//! Chunked bodies: what is decoded, and what is refused and why.

use crate::codec::http1::ChunkDecoder;
use crate::codec::http1::ChunkError;
use crate::codec::http1::Decoded;
use crate::codec::http1::fuzz::chunked;
use crate::codec::http1::write_chunk_size;

const SAMPLE: &[u8] = b"5\r\nhello\r\n00A;name\r\n, world, 1\r\n1 \r\n";
const GOOD: &[u8] = b"5\r\nhello\r\n00A;a;b=c; d = \"e;\\\"\\\\\t\" ;f\r\n, world, 1\r\n0;g\r\n\
    A: b\r\nSet-Cookie:\xe9\r\n\r\nGET";

fn refused(input: &[u8], fault: ChunkError) {
    for step in [1, 2, usize::MAX] {
        let result = chunked(input, step).map(|_| ());
        assert_eq!(result, Err(fault), "{} in steps of {step}", input.escape_ascii());
    }
}

#[test]
fn decodes_in_place_and_leaves_the_next_message() {
    let mut buf = GOOD.to_vec();
    let decoded = ChunkDecoder::new(64, 64).decode(&mut buf).unwrap();
    assert_eq!(decoded, Decoded { payload: 15, consumed: GOOD.len() - 3, done: true });
    assert_eq!(&buf[..15], b"hello, world, 1");
    assert_eq!(&buf[decoded.consumed..], b"GET");
}

#[test]
fn any_cut_gives_the_same_payload() {
    for cut in 0..GOOD.len() {
        let (mut first, mut second) = (GOOD[..cut].to_vec(), GOOD[cut..].to_vec());
        let mut decoder = ChunkDecoder::new(64, 64);
        let one = decoder.decode(&mut first).unwrap();
        let two = decoder.decode(&mut second).unwrap();
        let payload = [&first[..one.payload], &second[..two.payload]].concat();
        assert_eq!(payload, b"hello, world, 1", "cut at {cut}");
        assert!(two.done, "cut at {cut}");
        assert_eq!(one.consumed + two.consumed, GOOD.len() - 3, "cut at {cut}");
    }
    for step in 1..GOOD.len() {
        let expected = (b"hello, world, 1".to_vec(), Some(GOOD.len() - 3));
        assert_eq!(chunked(GOOD, step), Ok(expected), "in steps of {step}");
    }
}

#[test]
fn a_body_that_is_done_stays_done() {
    let mut decoder = ChunkDecoder::new(0, 0);
    let mut buf = *b"0\r\n\r\n";
    let end = Decoded { payload: 0, consumed: 5, done: true };
    assert_eq!(decoder.decode(&mut buf), Ok(end));
    assert_eq!(decoder.decode(&mut buf), Ok(Decoded { consumed: 0, ..end }));
}

#[test]
fn an_error_stays_an_error() {
    let mut decoder = ChunkDecoder::new(0, 0);
    assert_eq!(decoder.decode(&mut b"x".to_vec()), Err(ChunkError::MissingSize));
    assert_eq!(decoder.decode(&mut b"0\r\n\r\n".to_vec()), Err(ChunkError::MissingSize));
}

#[test]
fn an_unfinished_body_is_not_done() {
    for end in 0..GOOD.len() - 3 {
        assert_eq!(chunked(&GOOD[..end], usize::MAX).unwrap().1, None, "up to {end}");
    }
}

#[test]
fn sizes() {
    refused(b"\r\n", ChunkError::MissingSize);
    refused(b" 5\r\n", ChunkError::MissingSize);
    refused(b"+5\r\n", ChunkError::MissingSize);
    refused(b";a\r\n", ChunkError::MissingSize);
    refused(b"g\r\n", ChunkError::MissingSize);
    refused(b"\n", ChunkError::MissingSize);
    refused(b"0x5\r\n", ChunkError::BadSize);
    refused(b"5 \r\n", ChunkError::BadSize);
    refused(b"5\t;a\r\n", ChunkError::BadSize);
    refused(b"5_0\r\n", ChunkError::BadSize);
    refused(b"5\0\r\n", ChunkError::BadSize);
    refused(b"00000000000000005\r\n", ChunkError::SizeTooLong);
    refused(b"10000000000000000\r\n", ChunkError::SizeTooLong);
    refused(b"5\nhello\r\n", ChunkError::BareLf);
    refused(b"5\rhello\r\n", ChunkError::BareCr);
    refused(SAMPLE, ChunkError::BadSize);
    let widest = chunked(b"FFFFffffFFFFffff\r\nab", usize::MAX);
    assert_eq!(widest, Ok((b"ab".to_vec(), None)));
    assert_eq!(chunked(b"0000000000000000\r\n\r\n", 1), Ok((vec![], Some(20))));
}

#[test]
fn data_ends_where_its_size_says() {
    refused(b"5\r\nhelloX", ChunkError::DataNotTerminated);
    refused(b"5\r\nhello\n", ChunkError::DataNotTerminated);
    refused(b"5\r\nhello\rX", ChunkError::DataNotTerminated);
    refused(b"5\r\nhello0\r\n\r\n", ChunkError::DataNotTerminated);
    refused(b"5\r\nhello\r\n\r\n", ChunkError::MissingSize);
}

#[test]
fn extensions() {
    for extension in ["a", " a", "a=b", "a = b", "a=\"\"", "a=\"b c\";d", "a=\"\\\"\" ;b"] {
        let input = format!("1;{extension}\r\nx\r\n0\r\n\r\n").into_bytes();
        let expected = (b"x".to_vec(), Some(input.len()));
        assert_eq!(chunked(&input, 1), Ok(expected), "{extension}");
    }
    let bad = [
        "", " ", ";", "a;", "=b", "a=", "a=;", "a=\"b", "a=\"b\"c", "a=\u{e9}", "a\0", "a=\"\0\"",
        "a=\"\\",
    ];
    for extension in bad {
        refused(format!("1;{extension}\r\n").as_bytes(), ChunkError::BadExtension);
    }
    refused(b"1;a\n", ChunkError::BareLf);
    refused(b"1;a=\"\n", ChunkError::BareLf);
    refused(b"1;a\rb\r\n", ChunkError::BareCr);
    // The `;` and the CR count, and all chunks together.
    let exact = |budget| ChunkDecoder::new(budget, 0).decode(&mut b"1;a\r\nx\r\n1;a\r\n".to_vec());
    assert!(exact(6).is_ok());
    assert_eq!(exact(5), Err(ChunkError::ExtensionsTooLong));
}

#[test]
fn trailers() {
    let bad: [(&[u8], ChunkError); 9] = [
        (b" a: b\r\n", ChunkError::BadTrailer),
        (b": b\r\n", ChunkError::BadTrailer),
        (b"a\r\n", ChunkError::BadTrailer),
        (b"a : b\r\n", ChunkError::BadTrailer),
        (b"a: b\r\n c\r\n", ChunkError::BadTrailer),
        (b"a: \0\r\n", ChunkError::BadTrailer),
        (b"a: b\n", ChunkError::BareLf),
        (b"a: b\rc\r\n", ChunkError::BareCr),
        (b"\rx", ChunkError::BareCr),
    ];
    for (trailer, fault) in bad {
        refused(&[b"0\r\n", trailer].concat(), fault);
    }
    refused(b"0\r\n\n", ChunkError::BareLf);
    let exact = |budget| ChunkDecoder::new(0, budget).decode(&mut b"0\r\na:b\r\n\r\n".to_vec());
    assert!(exact(5).unwrap().done);
    assert_eq!(exact(4), Err(ChunkError::TrailersTooLong));
}

#[test]
fn sizes_are_written_as_they_are_read() {
    for n in [0, 1, 9, 10, 15, 16, 26, 255, 256, 0xabc, 65535, 65536, usize::MAX] {
        let mut out = Vec::new();
        write_chunk_size(&mut out, n);
        assert_eq!(out, format!("{n:x}\r\n").into_bytes());
    }
}
