//! What must hold for any bytes: the frames are those of a plain reading of the standard, and they do
//! not depend on how the stream was cut.

use crate::codec::sse::Decoder;
use crate::codec::sse::Frame;
use crate::codec::sse::FrameTooLong;

/// All that a frame says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    raw: Vec<u8>,
    event: Option<Vec<u8>>,
    data: Option<Vec<u8>>,
    comment_only: bool,
}

/// The frames of a stream, and whether it came to its end.
pub(super) type Outcome = (Vec<Said>, Result<(), FrameTooLong>);

/// Holds the frames of `data` to the reference and the cuts to each other. The first byte is the
/// limit and the second one a cut.
///
/// # Panics
/// When something does not hold.
pub fn fuzz_sse(data: &[u8]) {
    let [limit, cut, stream @ ..] = data else {
        return;
    };
    let max_frame = if *limit < 128 { usize::from(*limit) } else { 1 << 20 };
    let whole = drive(max_frame, &[stream]);
    assert_eq!(whole, reference(max_frame, stream));
    let (head, tail) = stream.split_at_checked(usize::from(*cut)).unwrap_or((stream, &[]));
    assert_eq!(drive(max_frame, &[head, tail]), whole, "cut at {cut}");
    let bytes: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(drive(max_frame, &bytes), whole, "byte by byte");
    let pieces: Vec<&[u8]> = stream.chunks(usize::from(*cut).max(1)).collect();
    assert_eq!(drive(max_frame, &pieces), whole, "pieces of {cut}");
}

/// Decodes a stream that arrives in `pieces`, as a caller would.
pub(super) fn drive(max_frame: usize, pieces: &[&[u8]]) -> Outcome {
    let mut decoder = Decoder::new(max_frame);
    let mut buf = Vec::new();
    let mut frames = Vec::new();
    for piece in pieces {
        buf.extend_from_slice(piece);
        loop {
            let used = match decoder.decode(&buf) {
                Ok(Some(frame)) => note(&mut frames, &frame),
                Ok(None) => break,
                Err(e) => return (frames, Err(e)),
            };
            buf.drain(..used);
        }
    }
    while let Some(frame) = decoder.finish(&buf) {
        let used = note(&mut frames, &frame);
        buf.drain(..used);
    }
    (frames, Ok(()))
}

fn note(frames: &mut Vec<Said>, frame: &Frame<'_>) -> usize {
    assert_eq!(frame.len(), frame.raw().len());
    assert_ne!(frame.len(), 0);
    frames.push(Said {
        raw: frame.raw().to_vec(),
        event: frame.event().map(<[u8]>::to_vec),
        data: frame.data().map(std::borrow::Cow::into_owned),
        comment_only: frame.is_comment_only(),
    });
    frame.len()
}

/// The standard, line by line and without regard to speed.
fn reference(max_frame: usize, stream: &[u8]) -> Outcome {
    let mut frames = Vec::new();
    let bom = if stream.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
    let (mut start, mut at) = (0, bom);
    let mut lines: Vec<&[u8]> = Vec::new();
    while let Some((line, end)) = line_at(stream, at) {
        at = end;
        if !line.is_empty() {
            lines.push(line);
            continue;
        }
        if end - start > max_frame {
            return (frames, Err(FrameTooLong { max_frame }));
        }
        frames.push(said(stream.get(start..end).unwrap_or_default(), &lines));
        lines.clear();
        start = end;
    }
    let too_long = stream.len() - start > max_frame;
    (frames, if too_long { Err(FrameTooLong { max_frame }) } else { Ok(()) })
}

/// The line at `at` without its end, and where the next one starts.
fn line_at(stream: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let rest = stream.get(at..)?;
    let length = rest.iter().position(|b| *b == b'\n' || *b == b'\r')?;
    let (line, end) = rest.split_at_checked(length)?;
    let ending = if end.starts_with(b"\r\n") { 2 } else { 1 };
    Some((line, at + length + ending))
}

fn said(raw: &[u8], lines: &[&[u8]]) -> Said {
    let mut event = Vec::new();
    let mut data: Option<Vec<u8>> = None;
    for line in lines {
        let colon = line.iter().position(|b| *b == b':').unwrap_or(line.len());
        let (name, value) = line.split_at_checked(colon).unwrap_or_default();
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        if name == b"event" {
            event = value.to_vec();
        } else if name == b"data" {
            let joined = data.get_or_insert_default();
            joined.extend_from_slice(value);
            joined.push(b'\n');
        }
    }
    if let Some(joined) = &mut data {
        joined.pop();
    }
    let comment_only = lines.iter().all(|line| line.first() == Some(&b':'));
    Said { raw: raw.to_vec(), event: (!event.is_empty()).then_some(event), data, comment_only }
}
