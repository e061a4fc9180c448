//! Response heads: what is accepted and how it is read, what is refused and why.

use crate::codec::http1::HeadError;
use crate::codec::http1::Limits;
use crate::codec::http1::ResponseBody;
use crate::codec::http1::ResponseError;
use crate::codec::http1::ResponseHead;
use crate::codec::http1::ResponseParser;
use crate::codec::http1::Version;
use crate::codec::http1::fuzz;

const SAMPLE: &[u8] = b"HTTP/1.1 429 Too Many \xe9\r\n\
    Content-Type: application/json\r\n\
    Retry-After: 3\r\n\
    retry-after: 4\r\n\
    X-Empty: \r\n\
    Content-Length: 12\r\n\r\n";

fn parse_for(input: &[u8], was_head: bool) -> Result<ResponseHead, ResponseError> {
    let mut head = ResponseHead::default();
    let complete = ResponseParser::new().parse(input, &Limits::default(), was_head, &mut head)?;
    assert!(complete, "{}", input.escape_ascii());
    Ok(head)
}

/// A response with this status line and these field lines.
fn parse(line: &str, fields: &str) -> Result<ResponseHead, ResponseError> {
    parse_for(format!("{line}\r\n{fields}\r\n\r\n").as_bytes(), false)
}

fn body(line: &str, fields: &str) -> (ResponseBody, bool) {
    let head = parse(line, fields).unwrap();
    (head.body, head.keep_alive)
}

fn refused(line: &str, fields: &str, fault: impl Into<ResponseError>) {
    assert_eq!(parse(line, fields), Err(fault.into()), "{line} {fields}");
}

#[test]
fn reads_every_part() {
    let head = parse_for(SAMPLE, false).unwrap();
    assert_eq!((head.status, head.version), (429, Version::Http11));
    assert_eq!((head.body, head.keep_alive), (ResponseBody::Length(12), true));
    assert_eq!(head.len, SAMPLE.len());
    assert_eq!(head.header(SAMPLE, "content-type"), Some(b"application/json".as_slice()));
    assert_eq!(head.header(SAMPLE, "Retry-After"), Some(b"3".as_slice()));
    assert_eq!(head.header(SAMPLE, "x-empty"), Some(b"".as_slice()));
    assert_eq!(head.header(SAMPLE, "x-request-id"), None);
    assert_eq!(head.headers(SAMPLE).nth(2), Some((b"retry-after".as_slice(), b"4".as_slice())));
}

#[test]
fn any_cut_gives_the_same_head() {
    let whole = parse_for(SAMPLE, false);
    let mut head = ResponseHead::default();
    for cut in 0..SAMPLE.len() {
        let mut parser = ResponseParser::new();
        let limits = Limits::default();
        assert_eq!(parser.parse(&SAMPLE[..cut], &limits, false, &mut head), Ok(false));
        assert_eq!(parser.parse(SAMPLE, &limits, false, &mut head), Ok(true), "cut at {cut}");
        assert_eq!(Ok(&head), whole.as_ref(), "cut at {cut}");
    }
}

#[test]
fn interim_heads_are_heads() {
    let input = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n";
    let (mut parser, mut head) = (ResponseParser::new(), ResponseHead::default());
    assert_eq!(parser.parse(input, &Limits::default(), false, &mut head), Ok(true));
    assert_eq!((head.status, head.body, head.keep_alive), (100, ResponseBody::None, true));
    let rest = &input[head.len..];
    assert_eq!(parser.parse(rest, &Limits::default(), false, &mut head), Ok(true));
    assert_eq!((head.status, head.body), (200, ResponseBody::Length(1)));
    refused("HTTP/1.1 101 Switching Protocols", "a: b", ResponseError::SwitchingProtocols);
}

#[test]
fn status_lines() {
    for line in ["HTTP/1.1 200", "HTTP/1.1 200 ", "HTTP/1.1 200  OK", "HTTP/1.1 599 a\tb"] {
        assert!(parse(line, "a: b").is_ok(), "{line}");
    }
    let bad = [
        "HTTP/1.1",
        "HTTP/1.1 ",
        "HTTP/1.1 20",
        "HTTP/1.1 2000",
        "HTTP/1.1 2x0 OK",
        "HTTP/1.1  200 OK",
        "HTTP/1.1\t200 OK",
        "HTTP/1.1 200\tOK",
        "HTTP/11 200 OK",
        "http/1.1 200 OK",
        "HTP/1.1 200 OK",
        "HTTP/1.1 200 a\0b",
        "ICY 200 OK",
    ];
    for line in bad {
        refused(line, "a: b", ResponseError::BadStatusLine);
    }
    refused("HTTP/2.0 200 OK", "a: b", ResponseError::UnsupportedVersion);
    refused("HTTP/1.1 099 x", "a: b", ResponseError::BadStatus);
    refused("HTTP/1.1 600 x", "a: b", ResponseError::BadStatus);
    refused("HTTP/1.1 200 a\rb", "a: b", HeadError::BareCr);
    refused("\r\nHTTP/1.1 200 OK", "a: b", HeadError::LeadingBlankLine);
}

#[test]
fn bodies() {
    let ok = "HTTP/1.1 200 OK";
    assert_eq!(body(ok, "content-length: 3"), (ResponseBody::Length(3), true));
    assert_eq!(body(ok, "transfer-encoding: Chunked"), (ResponseBody::Chunked, true));
    assert_eq!(body(ok, "a: b"), (ResponseBody::Close, false));
    assert_eq!(
        body(ok, "connection: close\r\ncontent-length: 3"),
        (ResponseBody::Length(3), false)
    );
    let old = "HTTP/1.0 200 OK";
    assert_eq!(body(old, "content-length: 3"), (ResponseBody::Length(3), false));
    let kept = "connection: keep-alive\r\ncontent-length: 3";
    assert_eq!(body(old, kept), (ResponseBody::Length(3), true));
    assert_eq!(body(old, "connection: keep-alive"), (ResponseBody::Close, false));
    assert_eq!(body("HTTP/1.1 204 No Content", "a: b"), (ResponseBody::None, true));
    assert_eq!(body("HTTP/1.1 204 No Content", "content-length: 0"), (ResponseBody::None, true));
    assert_eq!(body("HTTP/1.1 304 x", "content-length: 9"), (ResponseBody::None, true));
    let to_head = parse_for(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", true).unwrap();
    assert_eq!((to_head.body, to_head.keep_alive), (ResponseBody::None, true));
}

#[test]
fn framing_with_two_readings_is_refused() {
    let ok = "HTTP/1.1 200 OK";
    let bare = ResponseError::FramedWithoutBody;
    refused("HTTP/1.1 204 No Content", "content-length: 1", bare);
    refused("HTTP/1.1 204 No Content", "transfer-encoding: chunked", bare);
    refused("HTTP/1.1 103 Early Hints", "content-length: 5", bare);
    let both = "content-length: 1\r\ntransfer-encoding: chunked";
    refused(ok, both, HeadError::LengthAndTransferEncoding);
    refused("HTTP/1.1 304 x", both, HeadError::LengthAndTransferEncoding);
    refused(ok, "content-length: 1\r\ncontent-length: 1", HeadError::DuplicateContentLength);
    refused(ok, "content-length: 1, 1", HeadError::BadContentLength);
    refused(ok, "transfer-encoding: gzip, chunked", HeadError::UnsupportedTransferCoding);
    refused(ok, "content_length: 1", HeadError::FramingLookalike);
    refused(ok, "a: b\r\n c", HeadError::FoldedLine);
    refused(ok, "a : b", HeadError::SpaceBeforeColon);
    refused(ok, "a: b\nc: d", HeadError::BareLf);
    refused(ok, "a: b\rc: d", HeadError::BareCr);
    refused(ok, "a: b\0", HeadError::ControlInValue);
    let old = "HTTP/1.0 200 OK";
    refused(old, "transfer-encoding: chunked", HeadError::TransferEncodingInHttp10);
    refused(ok, "connection: content-length", HeadError::ConnectionNominates);
}

#[test]
fn limits_hold() {
    let long = [b"HTTP/1.1 200 ".as_slice(), &[b'a'; 600]].concat();
    assert_eq!(fuzz::response(&long, 3, false), Err(HeadError::TooLarge.into()));
    let many = [b"HTTP/1.1 200 OK\r\n".as_slice(), b"a:\r\n".repeat(9).as_slice()].concat();
    assert_eq!(fuzz::response(&many, 3, false), Err(HeadError::TooManyHeaders.into()));
    assert_eq!(fuzz::response(b"SSH-2.0", 1, false), Err(ResponseError::BadStatusLine));
}
