//! Request heads: what is accepted and how it is read, what is refused and why.

use crate::codec::http1::Body;
use crate::codec::http1::HeadError;
use crate::codec::http1::Known;
use crate::codec::http1::Limits;
use crate::codec::http1::Method;
use crate::codec::http1::RequestError;
use crate::codec::http1::RequestHead;
use crate::codec::http1::RequestParser;
use crate::codec::http1::Version;
use crate::codec::http1::fuzz;

const SAMPLE: &[u8] = b"POST /v1/chat/completions?beta=true&x HTTP/1.1\r\n\
    Host: Gateway.example:8080\r\n\
    AUTHORIZATION: \t Bearer sk-1 \t\r\n\
    content-type:application/json\r\n\
    Anthropic-Beta: a\r\n\
    anthropic-beta: b\r\n\
    X-Empty:\r\n\
    Content-Length: 12\r\n\
    Expect: 100-Continue\r\n\r\n";

pub(super) fn parse(input: &[u8]) -> Result<RequestHead, RequestError> {
    parse_within(input, &Limits::default()).map(|head| head.expect("a complete head"))
}

fn parse_within(input: &[u8], limits: &Limits) -> Result<Option<RequestHead>, RequestError> {
    let mut head = RequestHead::default();
    let complete = RequestParser::new().parse(input, limits, &mut head)?;
    Ok(complete.then_some(head))
}

/// A GET with these field lines behind its `host`.
pub(super) fn with_fields(fields: &str) -> Vec<u8> {
    format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n").into_bytes()
}

pub(super) fn refused(input: &[u8], fault: impl Into<RequestError>) {
    let shown = input.escape_ascii();
    assert_eq!(parse(input).map(|_| ()), Err(fault.into()), "{shown}");
}

pub(super) fn refused_fields(fields: &str, fault: impl Into<RequestError>) {
    refused(&with_fields(fields), fault);
}

#[test]
fn reads_every_part() {
    let head = parse(SAMPLE).unwrap();
    assert_eq!((head.method, head.version), (Method::Post, Version::Http11));
    assert_eq!(head.target.of(SAMPLE), b"/v1/chat/completions?beta=true&x");
    assert_eq!(head.path.of(SAMPLE), b"/v1/chat/completions");
    assert_eq!(head.query.map(|at| at.of(SAMPLE)), Some(b"beta=true&x".as_slice()));
    assert_eq!(head.body, Body::Length(12));
    assert!(head.keep_alive && head.expect_continue);
    assert_eq!(head.len, SAMPLE.len());
    assert_eq!(head.host(SAMPLE), Some(b"Gateway.example:8080".as_slice()));
    assert_eq!(head.known(SAMPLE, Known::Authorization), Some(b"Bearer sk-1".as_slice()));
    assert_eq!(head.known(SAMPLE, Known::ContentType), Some(b"application/json".as_slice()));
    assert_eq!(head.known(SAMPLE, Known::AnthropicBeta), Some(b"a".as_slice()));
    assert_eq!(head.known(SAMPLE, Known::XApiKey), None);
    let fields: Vec<_> = head.headers(SAMPLE).collect();
    assert_eq!(fields.len(), 8);
    assert_eq!(fields[4], (b"anthropic-beta".as_slice(), b"b".as_slice()));
    assert_eq!(fields[5], (b"X-Empty".as_slice(), b"".as_slice()));
}

#[test]
fn finds_every_known_field() {
    let all = [
        ("authorization", Known::Authorization),
        ("x-api-key", Known::XApiKey),
        ("api-key", Known::ApiKey),
        ("x-goog-api-key", Known::XGoogApiKey),
        ("x-request-id", Known::XRequestId),
        ("content-type", Known::ContentType),
        ("content-encoding", Known::ContentEncoding),
        ("x-crabllm-strict", Known::XCrabllmStrict),
        ("x-crabllm-cache", Known::XCrabllmCache),
        ("cache-control", Known::CacheControl),
        ("openai-beta", Known::OpenaiBeta),
        ("anthropic-version", Known::AnthropicVersion),
        ("anthropic-beta", Known::AnthropicBeta),
        ("idempotency-key", Known::IdempotencyKey),
        ("traceparent", Known::Traceparent),
        ("tracestate", Known::Tracestate),
        ("x-crabllm-failpoint", Known::XFailpoint),
    ];
    assert_eq!(all.len(), Known::COUNT);
    for (name, known) in all {
        for name in [name.to_owned(), name.to_uppercase()] {
            let input = with_fields(&format!("a: b\r\n{name}: the value"));
            let head = parse(&input).unwrap();
            assert_eq!(head.known(&input, known), Some(b"the value".as_slice()), "{name}");
            let found = all.iter().filter(|(_, other)| head.known(&input, *other).is_some());
            assert_eq!(found.count(), 1, "{name} is taken for another");
            let twice = with_fields(&format!("{name}: a\r\n{name}: b"));
            let expected = if known.is_list() { Ok(()) } else { Err(RequestError::DuplicateField) };
            assert_eq!(parse(&twice).map(|_| ()), expected, "{name}");
        }
    }
    let empty = with_fields("x-api-key:  ");
    assert_eq!(parse(&empty).unwrap().known(&empty, Known::XApiKey), Some(b"".as_slice()));
}

#[test]
fn any_cut_gives_the_same_head() {
    let whole = parse(SAMPLE);
    let mut head = RequestHead::default();
    for cut in 0..SAMPLE.len() {
        let mut parser = RequestParser::new();
        let limits = Limits::default();
        assert_eq!(parser.parse(&SAMPLE[..cut], &limits, &mut head), Ok(false), "cut at {cut}");
        assert_eq!(parser.parse(SAMPLE, &limits, &mut head), Ok(true), "cut at {cut}");
        assert_eq!(Ok(&head), whole.as_ref(), "cut at {cut}");
    }
}

#[test]
fn parser_and_head_serve_one_request_after_another() {
    let second = b"DELETE /x HTTP/1.1\r\nHost: b\r\n\r\n";
    let both = [SAMPLE, second].concat();
    let (mut parser, mut head) = (RequestParser::new(), RequestHead::default());
    assert_eq!(parser.parse(&both, &Limits::default(), &mut head), Ok(true));
    assert_eq!(head.len, SAMPLE.len());
    let rest = &both[head.len..];
    assert_eq!(parser.parse(rest, &Limits::default(), &mut head), Ok(true));
    assert_eq!(head, parse(second).unwrap(), "nothing of the first request is left");
}

#[test]
fn methods() {
    let names = [
        ("GET", Method::Get),
        ("HEAD", Method::Head),
        ("POST", Method::Post),
        ("PUT", Method::Put),
        ("PATCH", Method::Patch),
        ("DELETE", Method::Delete),
        ("OPTIONS", Method::Options),
        ("get", Method::Other),
        ("BREW", Method::Other),
        ("M-SEARCH", Method::Other),
    ];
    for (name, method) in names {
        let input = format!("{name} / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(parse(input.as_bytes()).unwrap().method, method, "{name}");
    }
    refused(b"GE\xe9T / HTTP/1.1\r\nHost: a\r\n\r\n", RequestError::BadMethod);
    refused(b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", RequestError::BadMethod);
    refused(b"GET:x / HTTP/1.1\r\nHost: a\r\n\r\n", RequestError::BadMethod);
    refused(b" GET / HTTP/1.1\r\nHost: a\r\n\r\n", RequestError::BadMethod);
}

#[test]
fn request_lines() {
    let bad = |line: &str, fault: RequestError| {
        refused(format!("{line}\r\nHost: a\r\n\r\n").as_bytes(), fault);
    };
    bad("GET", RequestError::BadRequestLine);
    bad("GET  / HTTP/1.1", RequestError::BadRequestLine);
    bad("GET /", RequestError::MissingVersion);
    bad("GET /  HTTP/1.1", RequestError::BadVersion);
    bad("GET / HTTP/1.1 ", RequestError::BadVersion);
    bad("GET /a b HTTP/1.1", RequestError::BadVersion);
    bad("GET / http/1.1", RequestError::BadVersion);
    bad("GET / HTTP/1.10", RequestError::BadVersion);
    bad("GET / HTTP/1,1", RequestError::BadVersion);
    bad("GET / ICE/1.0", RequestError::BadVersion);
    bad("GET / HTTP/1.2", RequestError::UnsupportedVersion);
    bad("GET / HTTP/0.9", RequestError::UnsupportedVersion);
    bad("PRI * HTTP/2.0", RequestError::UnsupportedVersion);
}

#[test]
fn targets() {
    let read = |line: &str, host: &str, path: &str, query: Option<&str>| {
        let input = format!("{line} HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes();
        let head = parse(&input).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(head.path.of(&input), path.as_bytes(), "{line}");
        assert_eq!(head.query.map(|at| at.of(&input)), query.map(str::as_bytes), "{line}");
    };
    read("GET /", "a", "/", None);
    read("GET /a?", "a", "/a", Some(""));
    read("GET //a/../b;c?d?e=/f[0]", "a", "//a/../b;c", Some("d?e=/f[0]"));
    read("OPTIONS *", "a", "*", None);
    read("GET http://A.b/c?d", "a.B", "/c", Some("d"));
    read("GET HTTPS://a:443", "a:443", "/", None);
    read("GET http://[::1]:80?q", "[::1]:80", "/", Some("q"));
    let bad = |line: &str, fault: RequestError| {
        refused(format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes(), fault);
    };
    bad("GET *", RequestError::BadTarget);
    bad("GET a", RequestError::BadTarget);
    bad("GET ?a", RequestError::BadTarget);
    bad("GET ftp://a/", RequestError::BadTarget);
    bad("GET http:/a", RequestError::BadTarget);
    bad("CONNECT a:443", RequestError::BadTarget);
    bad("GET http:///x", RequestError::BadAuthority);
    bad("GET http://u@a/", RequestError::BadAuthority);
    bad("GET http://a:b/", RequestError::BadAuthority);
    bad("GET http://b/", RequestError::AuthorityIsNotHost);
    bad("GET http://a:80/", RequestError::AuthorityIsNotHost);
    for byte in (0..=0xff).filter(|byte| !b"\n ".contains(byte)) {
        let allowed = (0x21..0x7f).contains(&byte) && !b"\"#<>\\^`{|}".contains(&byte);
        let input = [b"GET /", [byte].as_slice(), b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
        let expected = if allowed { Ok(()) } else { Err(RequestError::BadTargetByte) };
        assert_eq!(parse(&input).map(|_| ()), expected, "byte {byte:#x}");
    }
}

#[test]
fn hosts() {
    let hosts = [
        "a",
        "a.b-c_d~e",
        "a:",
        "a:0",
        "a:65535",
        "127.0.0.1:1",
        "[2001:db8::1]",
        "[::1]:9",
        "%41",
    ];
    for host in hosts {
        let input = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(parse(input.as_bytes()).map(|_| ()), Ok(()), "{host}");
    }
    let bad = [
        "", ":80", "a b", "a,b", "a:65536", "a:000080", "a:+1", "a:1:2", "u@a", "a/", "a?", "%4",
        "%zz", "[", "[]", "[::1", "[::1]x", "[v1.a]", "::1", "a\u{e9}",
    ];
    for host in bad {
        let input = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        refused(input.as_bytes(), RequestError::BadHost);
    }
    refused(b"GET / HTTP/1.1\r\n\r\n", RequestError::MissingHost);
    refused_fields("host: a", RequestError::DuplicateField);
    assert!(parse(b"GET / HTTP/1.0\r\n\r\n").is_ok());
    refused(b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", RequestError::DuplicateField);
}

#[test]
fn field_lines() {
    refused_fields(" a: b", HeadError::FoldedLine);
    refused_fields("a: b\r\n\tc", HeadError::FoldedLine);
    refused_fields("a: b\r\n c: d", HeadError::FoldedLine);
    refused_fields("abc", HeadError::MissingColon);
    refused_fields(": b", HeadError::EmptyName);
    refused_fields("a : b", HeadError::SpaceBeforeColon);
    refused_fields("a\t: b", HeadError::SpaceBeforeColon);
    refused_fields("a b: c", HeadError::BadName);
    refused_fields("a\u{e9}: c", HeadError::BadName);
    refused_fields("a\0: c", HeadError::BadName);
    refused_fields("a@: c", HeadError::BadName);
    refused_fields("a: b\0", HeadError::ControlInValue);
    refused_fields("a: \u{b}chunked", HeadError::ControlInValue);
    refused_fields("a: b\u{7f}c", HeadError::ControlInValue);
    refused_fields("a: b\rc", HeadError::BareCr);
    refused_fields("a: b\r", HeadError::BareCr);
    refused_fields("a\r: b", HeadError::BareCr);
    refused_fields("a: b\nc: d", HeadError::BareLf);
    refused(b"GET / HTTP/1.1\nHost: a\r\n\r\n", HeadError::BareLf);
    refused(b"GET / HTTP/1.1\r\nHost: a\n\n", HeadError::BareLf);
    refused(b"GET / HTTP/1.1\r\nHost: a\r\n\n", HeadError::BareLf);
    refused(b"GET / HTTP/1.1\r\nHost: a\r\n\r\r\n\r\n", HeadError::BareCr);
    refused(b"GET / HTTP/1.1\rHost: a\r\n\r\n", HeadError::BareCr);
    refused(b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", HeadError::LeadingBlankLine);
    refused(b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", HeadError::LeadingBlankLine);
    let obs_text = with_fields("a: \u{e9}");
    assert!(parse(&obs_text).is_ok());
}

#[test]
fn limits_hold_to_the_byte() {
    let input = with_fields("a: b");
    let exact = Limits { max_head: input.len(), max_headers: 2, max_target: 1 };
    assert!(parse_within(&input, &exact).unwrap().is_some());
    let fault = |limits: Limits| parse_within(&input, &limits).unwrap_err();
    let head = fault(Limits { max_head: input.len() - 1, ..exact });
    assert_eq!((head, head.status()), (HeadError::TooLarge.into(), 431));
    let count = fault(Limits { max_headers: 1, ..exact });
    assert_eq!((count, count.status()), (HeadError::TooManyHeaders.into(), 431));
    let target = fault(Limits { max_target: 0, ..exact });
    assert_eq!((target, target.status()), (RequestError::TargetTooLong, 414));

    let many = |count: usize| {
        let limits = Limits { max_headers: usize::MAX, ..Limits::default() };
        parse_within(&with_fields(&vec!["a: b"; count - 1].join("\r\n")), &limits)
    };
    assert!(many(128).is_ok(), "as many as the codec has room for");
    assert_eq!(many(129), Err(HeadError::TooManyHeaders.into()));
}

#[test]
fn faults_show_before_the_head_is_complete() {
    let early: [(&[u8], RequestError); 7] = [
        (b"\x16\x03\x01", RequestError::BadMethod),
        (b"\r", HeadError::LeadingBlankLine.into()),
        (b"GET /\r\n", RequestError::MissingVersion),
        (b"GET / HTTP/2.0\r\n", RequestError::UnsupportedVersion),
        (b"GET / HTTP/1.1\r\na: b\n", HeadError::BareLf.into()),
        (&[b'a'; 600], RequestError::TargetTooLong),
        (
            b"GET / HTTP/1.1\r\n1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n9:\r\n",
            HeadError::TooManyHeaders.into(),
        ),
    ];
    for (input, fault) in early {
        assert_eq!(fuzz::request(input, usize::MAX), Err(fault), "{}", input.escape_ascii());
        assert_eq!(fuzz::request(input, 1), Err(fault), "{}", input.escape_ascii());
    }
    let endless = [b"GET / HTTP/1.1\r\na: ".as_slice(), &[b'a'; 600]].concat();
    assert_eq!(fuzz::request(&endless, 7), Err(HeadError::TooLarge.into()));
}

#[test]
fn statuses_and_words() {
    let cases = [
        (RequestError::BadTarget, 400, "request target is neither a path nor a URL"),
        (
            HeadError::LengthAndTransferEncoding.into(),
            400,
            "both content-length and transfer-encoding",
        ),
        (HeadError::UnsupportedTransferCoding.into(), 501, "transfer coding other than chunked"),
        (RequestError::UnknownExpectation, 417, "expectation other than 100-continue"),
        (
            RequestError::UnsupportedVersion,
            505,
            "protocol version other than HTTP/1.1 and HTTP/1.0",
        ),
    ];
    for (error, status, words) in cases {
        assert_eq!((error.status(), error.to_string().as_str()), (status, words));
    }
}
