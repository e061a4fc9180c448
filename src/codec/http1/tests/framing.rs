//! The fields of a request that say where its body ends and what becomes of the connection.

use crate::codec::http1::Body;
use crate::codec::http1::HeadError;
use crate::codec::http1::Known;
use crate::codec::http1::RequestError;
use crate::codec::http1::field::Field;
use crate::codec::http1::is_token;
use crate::codec::http1::tests::request::parse;
use crate::codec::http1::tests::request::refused;
use crate::codec::http1::tests::request::refused_fields;
use crate::codec::http1::tests::request::with_fields;

#[test]
fn lengths() {
    let body = |fields: &str| parse(&with_fields(fields)).unwrap().body;
    assert_eq!(body("a: b"), Body::None);
    assert_eq!(body("content-length: 0"), Body::Length(0));
    assert_eq!(body("content-length:\t007 "), Body::Length(7));
    assert_eq!(body("content-length: 18446744073709551615"), Body::Length(u64::MAX));
    let bad = [
        "",
        "+1",
        "-1",
        "1 2",
        "1,1",
        "1, 1",
        "0x1",
        "1.0",
        "1e1",
        "\u{e9}",
        "1\u{a0}",
        "\"1\"",
        "18446744073709551616",
        "99999999999999999999999",
    ];
    for value in bad {
        refused_fields(&format!("content-length: {value}"), HeadError::BadContentLength);
    }
    let twice = "content-length: 1\r\nContent-Length: 1";
    refused_fields(twice, HeadError::DuplicateContentLength);
}

#[test]
fn transfer_codings() {
    for value in ["chunked", "CHUNKED", "\tchunked ", "cHuNkEd"] {
        let input = with_fields(&format!("Transfer-Encoding:{value}"));
        assert_eq!(parse(&input).unwrap().body, Body::Chunked, "{value:?}");
    }
    let unknown =
        ["identity", "gzip", "xchunked", "gzip, chunked", "chunked, chunked", "chunked;a=b"];
    for value in unknown {
        let fields = format!("transfer-encoding: {value}");
        refused_fields(&fields, HeadError::UnsupportedTransferCoding);
    }
    for value in ["", "chunked,", ",chunked", "\"chunked\"", "chunked\u{a0}", "chun ked", ";a"] {
        refused_fields(&format!("transfer-encoding: {value}"), HeadError::BadTransferEncoding);
    }
    let twice = "transfer-encoding: chunked\r\ntransfer-encoding: chunked";
    refused_fields(twice, HeadError::DuplicateTransferEncoding);
    refused_fields(
        "transfer-encoding: identity\r\ntransfer-encoding: chunked",
        HeadError::DuplicateTransferEncoding,
    );
    let both = HeadError::LengthAndTransferEncoding;
    refused_fields("content-length: 1\r\ntransfer-encoding: chunked", both);
    refused_fields("transfer-encoding: identity\r\ncontent-length: 0", both);
    refused(
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        HeadError::TransferEncodingInHttp10,
    );
    for name in ["content_length", "Content.Length", "TRANSFER_ENCODING", "transfer~encoding"] {
        refused_fields(&format!("{name}: 1"), HeadError::FramingLookalike);
    }
    assert!(parse(&with_fields("contentxlengths: 1\r\nx-content-length: 1")).is_ok());
}

#[test]
fn connections() {
    let kept = |version: &str, value: &str| {
        let input = format!("GET / HTTP/{version}\r\nHost: a\r\n{value}\r\n\r\n");
        parse(input.as_bytes()).unwrap().keep_alive
    };
    assert!(kept("1.1", "a: b"));
    assert!(kept("1.1", "Connection: keep-alive, Upgrade,, TE"));
    assert!(!kept("1.1", "Connection: Close"));
    assert!(!kept("1.1", "Connection: x, close\r\nConnection: keep-alive"));
    assert!(!kept("1.0", "a: b"));
    assert!(kept("1.0", "Connection: Keep-Alive"));
    assert!(!kept("1.0", "Connection: keep-alive\r\nConnection: close"));
    for name in ["host", "Content-Length", "transfer-encoding", "authorization", "x-api-key"] {
        refused_fields(&format!("connection: close, {name}"), HeadError::ConnectionNominates);
    }
    for value in ["close x", "clo\u{e9}se", "\"close\"", "close;a"] {
        refused_fields(&format!("connection: {value}"), HeadError::BadConnection);
    }
}

#[test]
fn expectations() {
    let expects = |version: &str, fields: &str| {
        let input =
            format!("POST / HTTP/{version}\r\nHost: a\r\nExpect: 100-continue\r\n{fields}\r\n\r\n");
        parse(input.as_bytes()).unwrap().expect_continue
    };
    assert!(expects("1.1", "content-length: 1"));
    assert!(expects("1.1", "transfer-encoding: chunked"));
    assert!(!expects("1.1", "content-length: 0"));
    assert!(!expects("1.1", "a: b"));
    assert!(!expects("1.0", "content-length: 1"));
    for value in ["", "100", "100-continue, x", "200-ok"] {
        refused_fields(&format!("expect: {value}"), RequestError::UnknownExpectation);
    }
    let twice = "expect: 100-continue\r\nexpect: 100-continue";
    refused_fields(twice, RequestError::DuplicateField);
}

/// The comparison of names takes a short cut that only tokens allow.
#[test]
fn no_token_is_taken_for_another() {
    let fields = [
        ("content-length", Field::ContentLength),
        ("transfer-encoding", Field::TransferEncoding),
        ("host", Field::Host),
        ("x-api-key", Field::Known(Known::XApiKey)),
    ];
    for (name, field) in fields {
        assert_eq!(Field::of(name.as_bytes()), field);
        for at in 0..name.len() {
            for byte in (0..=255).filter(|&byte| is_token(byte)) {
                let mut other = name.as_bytes().to_vec();
                other[at] = byte;
                let same = other.eq_ignore_ascii_case(name.as_bytes());
                assert_eq!(Field::of(&other) == field, same, "{}", other.escape_ascii());
            }
        }
    }
}
