//! Bodies of the fuzz targets, which the unit tests run on samples. Each holds the codec to its
//! promise: no input panics, and no cut of an input changes the answer.

use crate::codec::http1::ChunkDecoder;
use crate::codec::http1::ChunkError;
use crate::codec::http1::Limits;
use crate::codec::http1::RequestError;
use crate::codec::http1::RequestHead;
use crate::codec::http1::RequestParser;
use crate::codec::http1::ResponseError;
use crate::codec::http1::ResponseHead;
use crate::codec::http1::ResponseParser;
use crate::codec::http1::Span;

/// Small, so that inputs of a fuzzer's size reach every limit.
const LIMITS: Limits = Limits { max_head: 512, max_headers: 8, max_target: 96 };
const MAX_EXTENSIONS: usize = 64;
const MAX_TRAILERS: usize = 128;

/// A request head, whole and in pieces; the first byte says how to cut.
pub fn fuzz_request_head(data: &[u8]) {
    let Some((&seed, input)) = data.split_first() else { return };
    let whole = request(input, usize::MAX);
    assert_eq!(request(input, 1), whole, "byte by byte");
    assert_eq!(request(input, usize::from(seed).max(1)), whole, "in pieces of {seed}");
    if let Ok(Some(head)) = whole {
        assert!(head.len <= LIMITS.max_head.min(input.len()));
        assert!(head.headers(input).count() <= LIMITS.max_headers);
        assert!(!head.path.is_empty() && head.target.len() <= LIMITS.max_target);
        assert!(head.headers(input).all(|(name, value)| is_clean(name) && is_clean(value)));
    }
}

/// A response head, like [`fuzz_request_head`]; the lowest bit of the first byte says HEAD.
pub fn fuzz_response_head(data: &[u8]) {
    let Some((&seed, input)) = data.split_first() else { return };
    let was_head = seed & 1 == 1;
    let whole = response(input, usize::MAX, was_head);
    assert_eq!(response(input, 1, was_head), whole, "byte by byte");
    let step = usize::from(seed).max(1);
    assert_eq!(response(input, step, was_head), whole, "in pieces of {seed}");
    if let Ok(Some(head)) = whole {
        assert!(head.len <= LIMITS.max_head.min(input.len()));
        assert!((100..600).contains(&head.status) && head.status != 101);
        assert!(head.headers(input).all(|(name, value)| is_clean(name) && is_clean(value)));
    }
}

/// A chunked body, like [`fuzz_request_head`].
pub fn fuzz_chunked(data: &[u8]) {
    let Some((&seed, input)) = data.split_first() else { return };
    let whole = chunked(input, usize::MAX);
    assert_eq!(chunked(input, 1), whole, "byte by byte");
    assert_eq!(chunked(input, usize::from(seed).max(1)), whole, "in pieces of {seed}");
}

fn is_clean(bytes: &[u8]) -> bool {
    !bytes.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0))
}

/// Feeds `input` in steps; `None` if it ends before the head does.
pub(super) fn request(input: &[u8], step: usize) -> Result<Option<RequestHead>, RequestError> {
    let mut parser = RequestParser::new();
    let mut head = RequestHead::default();
    for end in ends(input.len(), step) {
        let seen = Span::at(0, end).of(input);
        if parser.parse(seen, &LIMITS, &mut head)? {
            return Ok(Some(head));
        }
    }
    Ok(None)
}

/// Feeds `input` in steps; `None` if it ends before the head does.
pub(super) fn response(
    input: &[u8],
    step: usize,
    was_head: bool,
) -> Result<Option<ResponseHead>, ResponseError> {
    let mut parser = ResponseParser::new();
    let mut head = ResponseHead::default();
    for end in ends(input.len(), step) {
        let seen = Span::at(0, end).of(input);
        if parser.parse(seen, &LIMITS, was_head, &mut head)? {
            return Ok(Some(head));
        }
    }
    Ok(None)
}

/// Feeds `input` in steps; the payload, and where the body ended if it did.
pub(super) fn chunked(input: &[u8], step: usize) -> Result<(Vec<u8>, Option<usize>), ChunkError> {
    let mut decoder = ChunkDecoder::new(MAX_EXTENSIONS, MAX_TRAILERS);
    let mut payload = Vec::new();
    let mut consumed = 0;
    for piece in input.chunks(step.min(input.len()).max(1)) {
        let mut piece = piece.to_vec();
        let decoded = decoder.decode(&mut piece)?;
        assert!(decoded.payload <= decoded.consumed && decoded.consumed <= piece.len());
        assert!(decoded.done || decoded.consumed == piece.len(), "bytes left over");
        piece.truncate(decoded.payload);
        payload.append(&mut piece);
        consumed += decoded.consumed;
        if decoded.done {
            return Ok((payload, Some(consumed)));
        }
    }
    Ok((payload, None))
}

/// The lengths at which a parser is called.
fn ends(len: usize, step: usize) -> impl Iterator<Item = usize> {
    let step = step.clamp(1, len.max(1));
    (1..=len.div_ceil(step)).map(move |turn| (turn * step).min(len))
}
