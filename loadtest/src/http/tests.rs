//! Tests of the message readers.

use super::body::Body;
use super::head::Response;
use super::response::Reader;
use super::*;

fn read_all(pieces: &[&[u8]]) -> Result<(Option<Response>, Vec<u8>, bool, usize), Malformed> {
    let mut reader = Reader::default();
    let mut content = Vec::new();
    let mut used = 0;
    for piece in pieces {
        if reader.is_done() {
            break;
        }
        used += reader.read(piece, |bytes| content.extend_from_slice(bytes))?;
    }
    Ok((reader.head(), content, reader.is_done(), used))
}

/// Reads `input` at every cut and byte by byte, and returns the one answer all agree on.
fn read_split(input: &[u8]) -> Result<(Option<Response>, Vec<u8>, bool, usize), Malformed> {
    let whole = read_all(&[input]);
    for cut in 0..=input.len() {
        let (head, tail) = input.split_at(cut);
        assert_eq!(read_all(&[head, tail]), whole, "cut at byte {cut}");
    }
    let bytes: Vec<&[u8]> = input.chunks(1).collect();
    assert_eq!(read_all(&bytes), whole, "byte by byte");
    whole
}

#[test]
fn a_response_ends_where_its_length_says() {
    let input = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1";
    let (head, content, done, used) = read_split(input).unwrap();
    assert_eq!(head.unwrap().framing, Framing::Length(5));
    assert!(head.unwrap().keep_alive);
    assert_eq!((content.as_slice(), done, used), (b"hello".as_slice(), true, input.len() - 8));
}

#[test]
fn chunks_are_joined_and_trailers_skipped() {
    let input = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n\
        5\r\nhello\r\n0B\r\n, wide\r\n\r\nx\r\n0\r\nsum: 1\r\n\r\nrest";
    let (head, content, done, used) = read_split(input).unwrap();
    assert!(!head.unwrap().keep_alive);
    assert_eq!(content, b"hello, wide\r\n\r\nx");
    assert!(done);
    assert_eq!(used, input.len() - 4);
}

#[test]
fn a_cut_response_is_not_done() {
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n";
    let mut reader = Reader::default();
    reader.read(chunked, |_| {}).unwrap();
    assert!(!reader.is_done());
    assert!(!reader.ends_at_close());
}

#[test]
fn a_response_without_a_length_lasts_until_the_close() {
    let mut reader = Reader::default();
    reader.read(b"HTTP/1.0 502 Bad Gateway\r\n\r\noops", |_| {}).unwrap();
    assert!(!reader.is_done());
    assert!(reader.ends_at_close());
    assert!(!reader.head().unwrap().keep_alive);
}

#[test]
fn interim_responses_are_passed_over() {
    let input = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
    let (head, content, done, used) = read_split(input).unwrap();
    assert_eq!(head.unwrap().status, 204);
    assert!(content.is_empty() && done);
    assert_eq!(used, input.len());
}

#[test]
fn faults_have_names() {
    let head = "HTTP/1.1 200 OK\r\n";
    let cases = [
        (format!("{head}content-length: five\r\n\r\n"), Malformed::Length),
        (format!("{head}content-length: 5\r\ncontent-length: 6\r\n\r\n"), Malformed::Length),
        (
            format!("{head}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n"),
            Malformed::Length,
        ),
        (format!("{head}transfer-encoding: gzip\r\n\r\n"), Malformed::Length),
        (format!("{head}transfer-encoding: chunked\r\n\r\n\r\n"), Malformed::Chunk),
        (format!("{head}transfer-encoding: chunked\r\n\r\nx\r\n"), Malformed::Chunk),
        (format!("{head}transfer-encoding: chunked\r\n\r\n1\r\nab\r\n"), Malformed::Chunk),
        (
            format!("{head}transfer-encoding: chunked\r\n\r\n1234567890abcdef0\r\n"),
            Malformed::Chunk,
        ),
        ("SSH-2.0-OpenSSH\r\n\r\n".to_owned(), Malformed::Head),
        (format!("{head}x: {}", "y".repeat(head::MAX_BYTES)), Malformed::HeadTooLong),
    ];
    for (input, fault) in cases {
        assert_eq!(read_all(&[input.as_bytes()]), Err(fault), "{}", &input[..input.len().min(90)]);
    }
}

#[test]
fn a_request_names_what_the_mock_needs() {
    let input = b"POST /v1/embeddings?x=1 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k\r\n\
        X-Mock: chunks=3\r\nContent-Length: 2\r\n\r\n{}";
    let (request, length) = head::request(input).unwrap().unwrap();
    assert_eq!((request.method, request.target), ("POST", "/v1/embeddings?x=1"));
    assert_eq!(request.framing, Framing::Length(2));
    assert_eq!(request.authorization, b"Bearer k");
    assert_eq!(request.mock, b"chunks=3");
    assert!(request.keep_alive && !request.expects_continue);
    assert_eq!(length, input.len() - 2);
    assert_eq!(head::request(&input[..length - 1]), Ok(None));
}

#[test]
fn a_body_of_no_bytes_is_done_at_once() {
    assert!(Body::new(Framing::Length(0)).is_done());
}
