//! What must hold for any bytes: no cut changes the messages, and what is written is read back.

use crate::codec::eventstream::Decoder;
use crate::codec::eventstream::Error;
use crate::codec::eventstream::Header;
use crate::codec::eventstream::Message;
use crate::codec::eventstream::write;

/// All that a message says: its headers, as they are shown, and its payload.
pub(super) type Said = (Vec<String>, Vec<u8>);

/// The messages of a stream, how many bytes they took, and what went wrong then.
pub(super) type Outcome = (Vec<Said>, usize, Result<(), Error>);

/// Holds the cuts of `data` to each other, as it is and as the payload of a message of ours. The
/// first byte is the limit and the second one a cut.
///
/// # Panics
/// When something does not hold.
pub fn fuzz_eventstream(data: &[u8]) {
    let [limit, cut, stream @ ..] = data else {
        return;
    };
    let max = if *limit < 128 { usize::from(*limit) } else { 1 << 20 };
    let cut = usize::from(*cut);
    let _ = check(max, cut, stream);

    let mut written = Vec::new();
    let name = String::from_utf8_lossy(stream.get(..8).unwrap_or(stream)).into_owned();
    write(&mut written, &[(":event-type", &name), (&name, "x")], stream);
    let (messages, used, result) = check(1 << 20, cut, &written);
    assert_eq!((used, result), (written.len(), Ok(())));
    let headers = vec![
        format!("{:?}", (b":event-type", Header::Text(name.as_bytes()))),
        format!("{:?}", (name.as_bytes(), Header::Text(b"x"))),
    ];
    assert_eq!(messages, [(headers, stream.to_vec())]);

    // No bit may change unnoticed.
    let at = cut % written.len();
    if let Some(byte) = written.get_mut(at) {
        *byte ^= limit | 1;
    }
    let (messages, ..) = check(1 << 20, cut, &written);
    assert!(messages.is_empty(), "a changed byte at {at}");
}

fn check(max: usize, cut: usize, stream: &[u8]) -> Outcome {
    let whole = drive(max, &[stream]);
    let (head, tail) = stream.split_at_checked(cut).unwrap_or((stream, &[]));
    assert_eq!(drive(max, &[head, tail]), whole, "cut at {cut}");
    let bytes: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(drive(max, &bytes), whole, "byte by byte");
    let pieces: Vec<&[u8]> = stream.chunks(cut.max(1)).collect();
    assert_eq!(drive(max, &pieces), whole, "pieces of {cut}");
    whole
}

/// Decodes a stream that arrives in `pieces`, as a caller would.
pub(super) fn drive(max: usize, pieces: &[&[u8]]) -> Outcome {
    let mut decoder = Decoder::new(max);
    let mut buf = Vec::new();
    let mut messages = Vec::new();
    let mut used = 0;
    for piece in pieces {
        buf.extend_from_slice(piece);
        loop {
            let taken = match decoder.decode(&buf) {
                Ok(Some(message)) => note(&mut messages, &message),
                Ok(None) => break,
                Err(e) => return (messages, used, Err(e)),
            };
            used += taken;
            buf.drain(..taken);
        }
    }
    (messages, used, Ok(()))
}

fn note(messages: &mut Vec<Said>, message: &Message<'_>) -> usize {
    assert!(message.len() >= 16);
    let headers = message.headers().map(|header| format!("{header:?}")).collect();
    messages.push((headers, message.payload().to_vec()));
    message.len()
}
