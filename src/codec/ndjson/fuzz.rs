//! What must hold for any bytes: the lines are those between line feeds, and they do not depend on
//! how the body was cut.

use crate::codec::ndjson::Decoder;
use crate::codec::ndjson::LineTooLong;

/// The lines of a body, and whether it came to its end.
pub(super) type Outcome = (Vec<Vec<u8>>, Result<(), LineTooLong>);

/// Holds the lines of `data` to a plain reading and the cuts to each other. The first byte is the
/// limit and the second one a cut.
///
/// # Panics
/// When something does not hold.
pub fn fuzz_ndjson(data: &[u8]) {
    let [limit, cut, body @ ..] = data else {
        return;
    };
    let max_line = if *limit < 128 { usize::from(*limit) } else { 1 << 20 };
    let whole = drive(max_line, &[body]);
    assert_eq!(whole, reference(max_line, body));
    let (head, tail) = body.split_at_checked(usize::from(*cut)).unwrap_or((body, &[]));
    assert_eq!(drive(max_line, &[head, tail]), whole, "cut at {cut}");
    let pieces: Vec<&[u8]> = body.chunks(usize::from(*cut).max(1)).collect();
    assert_eq!(drive(max_line, &pieces), whole, "pieces of {cut}");
}

/// Decodes a body that arrives in `pieces`, as a caller would.
pub(super) fn drive(max_line: usize, pieces: &[&[u8]]) -> Outcome {
    let mut decoder = Decoder::new(max_line);
    let mut buf = Vec::new();
    let mut lines = Vec::new();
    for piece in pieces {
        buf.extend_from_slice(piece);
        loop {
            let (used, found) = match decoder.decode(&buf) {
                Ok((used, line)) => (used, line.map(<[u8]>::to_vec)),
                Err(e) => return (lines, Err(e)),
            };
            buf.drain(..used);
            match found {
                Some(line) => lines.push(line),
                None => break,
            }
        }
    }
    lines.extend(Decoder::finish(&buf).map(<[u8]>::to_vec));
    (lines, Ok(()))
}

/// The same line by line and without regard to speed.
fn reference(max_line: usize, body: &[u8]) -> Outcome {
    let mut lines = Vec::new();
    for line in body.split(|byte| *byte == b'\n') {
        if line.len() > max_line {
            return (lines, Err(LineTooLong { max_line }));
        }
        if line.iter().any(|byte| !b" \t\r".contains(byte)) {
            lines.push(line.to_vec());
        }
    }
    (lines, Ok(()))
}
