//! The framing by examples, and by any cut and any changed bit.

use proptest::collection::vec;
use proptest::prelude::*;

use super::fuzz::drive;
use super::*;

/// A message as the framing's own definition gives it, made without the code under test.
fn raw(headers: &[u8], payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(headers.len() + payload.len() + 16).unwrap();
    let mut out = length.to_be_bytes().to_vec();
    out.extend(u32::try_from(headers.len()).unwrap().to_be_bytes());
    out.extend(crc32fast::hash(&out).to_be_bytes());
    out.extend(headers);
    out.extend(payload);
    out.extend(crc32fast::hash(&out).to_be_bytes());
    out
}

fn decode(bytes: &[u8]) -> Result<Option<Message<'_>>, Error> {
    Decoder::new(MAX_MESSAGE).decode(bytes)
}

#[test]
fn a_known_message_is_read() {
    // The example of an empty message, and one with a payload, from the framing's definition.
    let empty = [0, 0, 0, 16, 0, 0, 0, 0, 0x05, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff];
    let message = decode(&empty).unwrap().unwrap();
    assert_eq!((message.len(), message.headers().count(), message.payload()), (16, 0, &b""[..]));
    assert_eq!(raw(b"", b""), empty);
    let mut written = Vec::new();
    write(&mut written, &[], b"");
    assert_eq!(written, empty);
}

#[test]
fn every_type_of_header_is_read() {
    let mut headers = Vec::new();
    let mut add = |name: &str, kind: u8, value: &[u8]| {
        headers.push(u8::try_from(name.len()).unwrap());
        headers.extend(name.as_bytes());
        headers.push(kind);
        headers.extend(value);
    };
    add("yes", 0, b"");
    add("no", 1, b"");
    add("i8", 2, &[0xff]);
    add("i16", 3, &[0xff, 0xfe]);
    add("i32", 4, &[0, 0, 1, 0]);
    add("i64", 5, &(-3_i64).to_be_bytes());
    add("bytes", 6, b"\0\x02ab");
    add(":text", 7, b"\0\x03\xe2\x82\xac");
    add("time", 8, &1_700_000_000_000_i64.to_be_bytes());
    add("uuid", 9, &[7; 16]);
    let bytes = raw(&headers, b"{}");
    let message = decode(&bytes).unwrap().unwrap();
    let found: Vec<_> = message.headers().collect();
    let expected = [
        (&b"yes"[..], Header::Bool(true)),
        (b"no", Header::Bool(false)),
        (b"i8", Header::Byte(-1)),
        (b"i16", Header::Short(-2)),
        (b"i32", Header::Integer(256)),
        (b"i64", Header::Long(-3)),
        (b"bytes", Header::Bytes(b"ab")),
        (b":text", Header::Text("\u{20ac}".as_bytes())),
        (b"time", Header::Timestamp(1_700_000_000_000)),
        (b"uuid", Header::Uuid([7; 16])),
    ];
    assert_eq!(found, expected);
    assert_eq!(message.header(":text"), Some("\u{20ac}"));
    assert_eq!((message.header("bytes"), message.header("none")), (None, None));
    assert_eq!(message.payload(), b"{}");
}

#[test]
fn every_fault_is_told() {
    let good = raw(b"", b"payload");
    let mut bytes = good.clone();
    bytes[3] ^= 1;
    assert!(matches!(decode(&bytes[..12]), Err(Error::PreludeCrc { .. })), "before any waiting");
    assert_eq!(decode(&bytes[..11]), Ok(None));
    let mut bytes = good.clone();
    bytes[13] ^= 0x20;
    assert!(matches!(decode(&bytes), Err(Error::MessageCrc { .. })));
    for (headers, error) in [
        (&b"\x02a"[..], Error::HeaderCut { at: 1 }),
        (b"\x01a", Error::HeaderCut { at: 2 }),
        (b"\x01a\x07\0\x02x", Error::HeaderCut { at: 5 }),
        (b"\x01a\x09x", Error::HeaderCut { at: 3 }),
        (b"\x01a\x00\x01b\x0a", Error::HeaderType { at: 3, kind: 10 }),
        (b"\x01\xff\x00", Error::HeaderText { at: 0 }),
        (b"\x01a\x07\0\x01\xff", Error::HeaderText { at: 0 }),
    ] {
        assert_eq!(decode(&raw(headers, b"")), Err(error), "{}", headers.escape_ascii());
    }
}

/// The first twelve bytes of a message of these lengths.
fn prelude(length: u32, headers: u32) -> Vec<u8> {
    let mut out = length.to_be_bytes().to_vec();
    out.extend(headers.to_be_bytes());
    out.extend(crc32fast::hash(&out).to_be_bytes());
    out
}

#[test]
fn lengths_are_bounded_before_waiting() {
    let mut small = Decoder::new(100);
    assert_eq!(small.decode(&prelude(100, 0)), Ok(None));
    let mut small = Decoder::new(100);
    let error = Error::TooLong { length: 101, max: 100 };
    assert_eq!(small.decode(&prelude(101, 0)), Err(error));
    let error = Error::TooLong { length: MAX_MESSAGE + 1, max: MAX_MESSAGE };
    assert_eq!(Decoder::new(usize::MAX).decode(&prelude((1 << 24) + 1, 0)), Err(error));
    let error = Error::HeadersTooLong { length: MAX_HEADERS + 1 };
    assert_eq!(decode(&prelude(1 << 24, (1 << 17) + 1)), Err(error));
    for (length, headers) in [(0, 0), (15, 0), (20, 5), (16, 1)] {
        let error = Error::TooShort { length: length as usize, headers: headers as usize };
        assert_eq!(decode(&prelude(length, headers)), Err(error));
    }
    assert!(Error::TooLong { length: 5, max: 4 }.to_string().contains("5 bytes"));
}

#[test]
fn what_a_header_cannot_say_is_left_out() {
    let (long, longer) = ("x".repeat(256), "y".repeat(65_536));
    let mut out = Vec::new();
    write(&mut out, &[(&long, "a"), ("b", &longer), ("c", "d")], b"p");
    let message = decode(&out).unwrap().unwrap();
    assert_eq!(message.headers().collect::<Vec<_>>(), [(&b"c"[..], Header::Text(b"d"))]);
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let header = ("[ -~]{0,6}", "\\PC{0,6}");
    let message = (vec(header, 0..3), vec(any::<u8>(), 0..24)).prop_map(|(headers, payload)| {
        let headers: Vec<_> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let mut out = Vec::new();
        write(&mut out, &headers, &payload);
        out
    });
    let piece = prop_oneof![8 => message, 1 => vec(any::<u8>(), 0..20)];
    vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn every_cut_gives_the_same_messages(stream in stream(), max in 16..120_usize) {
        for limit in [max, MAX_MESSAGE] {
            let whole = drive(limit, &[&stream]);
            for cut in 0..=stream.len() {
                let (head, tail) = stream.split_at(cut);
                prop_assert_eq!(&drive(limit, &[head, tail]), &whole, "cut at {}", cut);
            }
        }
    }

    #[test]
    fn the_fuzz_body_holds(data in vec(any::<u8>(), 0..64), stream in stream()) {
        fuzz_eventstream(&data);
        fuzz_eventstream(&[&[data.first().copied().unwrap_or(200), 9], stream.as_slice()].concat());
    }
}
