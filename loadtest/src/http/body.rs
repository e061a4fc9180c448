//! Bodies, in whatever pieces they arrive.

use crate::http::Framing;
use crate::http::Malformed;

/// Reads one body. It keeps no bytes: what it understands goes to the caller at once.
#[derive(Debug)]
pub struct Body {
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Length(u64),
    UntilClose,
    Size { value: u64, digits: u8 },
    SizeEnd { value: u64 },
    Data(u64),
    DataCr,
    DataLf,
    Trailer { line: u32 },
    Done,
}

impl Body {
    /// A body of which nothing has arrived.
    pub const fn new(framing: Framing) -> Self {
        let stage = match framing {
            Framing::Length(0) => Stage::Done,
            Framing::Length(length) => Stage::Length(length),
            Framing::UntilClose => Stage::UntilClose,
            Framing::Chunked => Stage::Size { value: 0, digits: 0 },
        };
        Self { stage }
    }

    /// Whether the body has ended.
    pub const fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done)
    }

    /// Whether the peer's close would end this body rather than cut it.
    pub const fn ends_at_close(&self) -> bool {
        matches!(self.stage, Stage::UntilClose | Stage::Done)
    }

    /// Reads from `input` to the end of the body or of the input, hands content to `sink` and
    /// returns how much it used.
    pub fn read(&mut self, input: &[u8], mut sink: impl FnMut(&[u8])) -> Result<usize, Malformed> {
        let mut rest = input;
        while !rest.is_empty() && !self.is_done() {
            rest = match self.stage {
                Stage::Length(left) => {
                    let (left, after) = pass(left, rest, &mut sink);
                    self.stage = if left == 0 { Stage::Done } else { Stage::Length(left) };
                    after
                }
                Stage::Data(left) => {
                    let (left, after) = pass(left, rest, &mut sink);
                    self.stage = if left == 0 { Stage::DataCr } else { Stage::Data(left) };
                    after
                }
                Stage::UntilClose => {
                    sink(rest);
                    &[]
                }
                Stage::Size { .. }
                | Stage::SizeEnd { .. }
                | Stage::DataCr
                | Stage::DataLf
                | Stage::Trailer { .. }
                | Stage::Done => {
                    let (byte, after) = rest.split_first().ok_or(Malformed::Chunk)?;
                    self.stage = step(self.stage, *byte)?;
                    after
                }
            };
        }
        Ok(input.len() - rest.len())
    }
}

/// Hands at most `left` bytes over and returns what is then left of both.
fn pass<'a>(left: u64, rest: &'a [u8], sink: &mut impl FnMut(&[u8])) -> (u64, &'a [u8]) {
    let now = usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()));
    let (content, after) = rest.split_at_checked(now).unwrap_or((rest, &[]));
    sink(content);
    (left - content.len() as u64, after)
}

/// The stage after one byte of chunk framing.
fn step(stage: Stage, byte: u8) -> Result<Stage, Malformed> {
    match (stage, byte) {
        (Stage::Size { value, digits: 1..=15 }, b'\r') => Ok(Stage::SizeEnd { value }),
        (Stage::Size { value, digits: 0..=14 }, byte) => {
            let digit = char::from(byte).to_digit(16).ok_or(Malformed::Chunk)?;
            let Stage::Size { digits, .. } = stage else { return Err(Malformed::Chunk) };
            Ok(Stage::Size { value: value << 4 | u64::from(digit), digits: digits + 1 })
        }
        (Stage::SizeEnd { value: 0 }, b'\n') => Ok(Stage::Trailer { line: 0 }),
        (Stage::SizeEnd { value }, b'\n') => Ok(Stage::Data(value)),
        (Stage::DataCr, b'\r') => Ok(Stage::DataLf),
        (Stage::DataLf, b'\n') => Ok(Stage::Size { value: 0, digits: 0 }),
        (Stage::Trailer { line: 0 }, b'\n') => Ok(Stage::Done),
        (Stage::Trailer { .. }, b'\n') => Ok(Stage::Trailer { line: 0 }),
        (Stage::Trailer { line }, b'\r') => Ok(Stage::Trailer { line }),
        (Stage::Trailer { line }, _) => Ok(Stage::Trailer { line: line.saturating_add(1) }),
        (
            Stage::Size { .. }
            | Stage::SizeEnd { .. }
            | Stage::DataCr
            | Stage::DataLf
            | Stage::Length(_)
            | Stage::Data(_)
            | Stage::UntilClose
            | Stage::Done,
            _,
        ) => Err(Malformed::Chunk),
    }
}
