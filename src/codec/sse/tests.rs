//! The rules of the standard, one example each.

use std::borrow::Cow;

use super::*;

/// The frames of a stream that came whole, as event and data.
fn events(stream: &[u8]) -> Vec<(Option<String>, Option<String>)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut decoder = Decoder::new(1 << 16);
    let mut rest = stream;
    let mut found = Vec::new();
    while let Some(frame) = decoder.finish(rest) {
        found.push((frame.event().map(text), frame.data().map(|data| text(&data))));
        rest = &rest[frame.len()..];
    }
    found
}

fn one(stream: &[u8]) -> (Option<String>, Option<String>) {
    let found = events(stream);
    assert_eq!(found.len(), 1, "{}", stream.escape_ascii());
    found.into_iter().next().expect("one")
}

fn data(s: &str) -> (Option<String>, Option<String>) {
    (None, Some(s.to_owned()))
}

#[test]
fn line_ends_may_be_any_and_mixed() {
    for stream in ["data: a\n\n", "data: a\r\n\r\n", "data: a\r\r", "data: a\r\n\n", "data: a\n\r"]
    {
        assert_eq!(one(stream.as_bytes()), data("a"), "{stream:?}");
    }
    assert_eq!(events(b"data: a\r\rdata: b\n\r\ndata: c\r\n\r"), [data("a"), data("b"), data("c")]);
}

#[test]
fn one_space_behind_the_colon_is_dropped() {
    assert_eq!(one(b"data:a\n\n"), data("a"));
    assert_eq!(one(b"data: a\n\n"), data("a"));
    assert_eq!(one(b"data:  a \n\n"), data(" a "));
    assert_eq!(one(b"data:\ta\n\n"), data("\ta"));
    assert_eq!(one(b"data::a\n\n"), data(":a"));
}

#[test]
fn several_data_lines_are_joined() {
    assert_eq!(one(b"data: a\nid: 1\ndata:\ndata\ndata: b\n\n"), data("a\n\n\nb"));
    assert_eq!(one(b"data\n\n"), data(""));
    assert_eq!(one(b"data:\n\n"), data(""));
}

#[test]
fn other_fields_are_not_data() {
    for stream in ["datax: a\n\n", "Data: a\n\n", " data: a\n\n", ":data: a\n\n", "data : a\n\n"] {
        assert_eq!(one(stream.as_bytes()), (None, None), "{stream:?}");
    }
}

#[test]
fn the_last_event_name_counts() {
    assert_eq!(one(b"event: a\nevent: b\ndata: x\n\n"), (Some("b".into()), Some("x".into())));
    assert_eq!(one(b"event: a\nevent:\ndata: x\n\n"), data("x"));
    assert_eq!(one(b"data: x\nevent\n\n"), data("x"));
}

#[test]
fn a_byte_order_mark_counts_at_the_start_only() {
    assert_eq!(
        events(b"\xEF\xBB\xBFdata: a\n\n\xEF\xBB\xBFdata: b\n\n"),
        [data("a"), (None, None)]
    );
    assert_eq!(one(b"\xEF\xBB\xBF\n"), (None, None));
    assert_eq!(events(b"\xEF\xBBdata: a\n\ndata: b\n\n"), [(None, None), data("b")]);
    assert_eq!(events(b"\xEF\n\n"), [(None, None)]);
}

#[test]
fn only_line_ends_end_lines() {
    let text = "a\u{2028}b\u{2029}c\u{85}d\u{b}e\u{c}f\u{0}";
    assert_eq!(one(format!("data: {text}\n\n").as_bytes()), data(text));
}

#[test]
fn comments_are_told_from_events() {
    let comment_only = |stream: &[u8]| Decoder::new(99).finish(stream).map(|f| f.is_comment_only());
    assert_eq!(comment_only(b": keep-alive\n\n"), Some(true));
    assert_eq!(comment_only(b":\n:\r\n\n"), Some(true));
    assert_eq!(comment_only(b"\n"), Some(true));
    assert_eq!(comment_only(b": x\ndata: y\n\n"), Some(false));
    assert_eq!(comment_only(b"id: 1\n\n"), Some(false));
}

#[test]
fn an_unfinished_frame_is_discarded() {
    assert_eq!(events(b"data: a\n\ndata: b\n"), [data("a")]);
    assert_eq!(events(b"data: a\r"), []);
    assert_eq!(events(b"data: a"), []);
    assert_eq!(events(b""), []);
}

#[test]
fn a_final_carriage_return_waits_for_what_follows() {
    let mut decoder = Decoder::new(99);
    assert_eq!(decoder.decode(b"data: a\r\r"), Ok(None));
    let frame = decoder.decode(b"data: a\r\r\n").expect("short").expect("complete");
    assert_eq!(frame.raw(), b"data: a\r\r\n");
    assert_eq!(decoder.decode(b"\r"), Ok(None));
    assert_eq!(decoder.decode(b"\rd").expect("short").map(|f| f.len()), Some(1));
    assert_eq!(decoder.decode(b"d\r\r"), Ok(None));
    assert_eq!(decoder.finish(b"d\r\r").map(|f| f.len()), Some(3));
}

#[test]
fn single_lines_are_borrowed_and_exact() {
    let stream = b"data: {\"a\":1}\n\ndata: [DONE]\n\n";
    let mut decoder = Decoder::new(99);
    let frame = decoder.decode(stream).expect("short").expect("complete");
    assert_eq!(frame.raw(), b"data: {\"a\":1}\n\n");
    assert!(matches!(frame.data(), Some(Cow::Borrowed(b"{\"a\":1}"))));
}

#[test]
fn the_limit_is_the_same_whole_and_in_pieces() {
    let stream = b"data: 123\n\ndata: 1234\n\n";
    let too_long = FrameTooLong { max_frame: 11 };
    assert_eq!(fuzz::drive(12, &[stream]).1, Ok(()));
    assert_eq!(fuzz::drive(11, &[stream]).1, Err(too_long));
    assert_eq!(fuzz::drive(11, &[stream]).0.len(), 1);
    let bytes: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(fuzz::drive(11, &bytes), fuzz::drive(11, &[stream]));
    assert_eq!(too_long.to_string(), "an event of more than 11 bytes");
    // The last CR belongs to a CRLF that would be one byte too long, or not.
    let mut decoder = Decoder::new(4);
    assert_eq!(decoder.decode(b"ab\r\r"), Ok(None));
    assert!(decoder.clone().decode(b"ab\r\r\n").is_err());
    assert!(decoder.decode(b"ab\r\rx").is_ok_and(|frame| frame.is_some()));
}

#[test]
fn no_byte_is_looked_at_twice() {
    let mut decoder = Decoder::new(1 << 20);
    let mut buf = b"data: ".to_vec();
    assert_eq!(decoder.decode(&buf), Ok(None));
    buf.extend_from_slice(&[b'x'; 1000]);
    assert_eq!(decoder.decode(&buf), Ok(None));
    assert_eq!(decoder.line.scanned, buf.len());
    // Were it looked at again, this would be a blank line.
    buf[..8].copy_from_slice(b"data: \n\n");
    assert_eq!(decoder.decode(&buf), Ok(None));
}
