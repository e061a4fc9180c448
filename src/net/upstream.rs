//! One exchange on a connection to an upstream: a request out, a judged answer back.

use std::fmt;
use std::io;

use crate::codec::http1::ChunkDecoder;
use crate::codec::http1::ChunkError;
use crate::codec::http1::Limits;
use crate::codec::http1::ResponseBody;
use crate::codec::http1::ResponseError;
use crate::codec::http1::ResponseHead;
use crate::codec::http1::ResponseParser;
use crate::net::buffers::Buffers;
use crate::net::buffers::EVENT;
use crate::net::buffers::SMALL;
use crate::net::stream::Stream;
use crate::runtime::beat::Beat;

/// Limits of an upstream's response head: generous, as an upstream is no attacker, but finite.
const HEAD: Limits = Limits { max_head: 64 * 1024, max_headers: 128, max_target: 0 };

/// Bytes of chunk extensions, and of trailers, that are skipped at most.
const CHUNK_EXTRAS: usize = 8 * 1024;

/// Interim answers (1xx) skipped at most before the one that counts.
const MAX_INTERIM: usize = 8;

/// Room for the next read while a body comes in pieces larger than the buffer.
const READ: usize = 12 * 1024;

/// Room set aside at once on a declared length alone.
const TRUST: usize = 1024 * 1024;

/// Why an answer is not one.
#[derive(Debug)]
pub enum AnswerError {
    /// The connection ended or broke. `silent` where nothing had come: a reused connection that
    /// the upstream had closed meanwhile looks like this.
    Closed {
        /// No byte of an answer came.
        silent: bool,
        /// What the system says, where it was no plain end.
        error: Option<io::Error>,
    },
    /// The head breaks the protocol.
    Head(ResponseError),
    /// The body's framing breaks the protocol.
    Chunk(ChunkError),
    /// More interim answers than anybody needs.
    TooManyInterim,
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed { error: Some(error), .. } => {
                write!(f, "the connection broke before the answer was complete: {error}")
            }
            Self::Closed { silent: true, .. } => f.write_str("the connection closed unanswered"),
            Self::Closed { .. } => {
                f.write_str("the connection closed before the answer was complete")
            }
            Self::Head(error) => write!(f, "the response head is invalid: {error}"),
            Self::Chunk(error) => write!(f, "the response body is invalid: {error}"),
            Self::TooManyInterim => f.write_str("too many 1xx responses"),
        }
    }
}

/// How much of a body is still to come.
#[derive(Debug)]
enum Framing {
    Length(u64),
    Chunked(Box<ChunkDecoder>),
    Close,
    Complete,
}

/// An answer on its way in. The payload read and not yet taken stands in [`Answer::buf`].
pub struct Answer {
    stream: Stream,
    buffers: Buffers,
    /// Payload, without any framing.
    pub buf: Vec<u8>,
    framing: Framing,
    self_delimiting: bool,
    reusable: bool,
    /// Whether the last read filled all the room there was.
    filled: bool,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("framing", &self.framing).finish_non_exhaustive()
    }
}

/// Reads the head of the answer on `stream` into `head`, and what came with it; `inspect` sees the
/// head with the bytes it refers to.
///
/// # Errors
/// [`AnswerError`]. The connection is gone then.
pub async fn read_head<T>(
    stream: Stream,
    buffers: &Buffers,
    inspect: impl FnOnce(&ResponseHead, &[u8]) -> T,
) -> Result<Box<(T, Answer)>, AnswerError> {
    let (mut parser, mut head) = (ResponseParser::new(), buffers.take_head());
    let mut buf = buffers.take(SMALL);
    let mut silent = true;
    let mut interim = 0;
    loop {
        while !parser.parse(&buf, &HEAD, false, &mut head).map_err(AnswerError::Head)? {
            if buf.len() == buf.capacity() {
                buf.reserve(buf.len());
            }
            let result;
            (result, buf) = stream.recv(buf).await;
            match result {
                Ok(0) => return Err(AnswerError::Closed { silent, error: None }),
                Ok(_) => silent = false,
                Err(error) => return Err(AnswerError::Closed { silent, error: Some(error) }),
            }
        }
        if head.status >= 200 {
            break;
        }
        interim += 1;
        if interim > MAX_INTERIM {
            return Err(AnswerError::TooManyInterim);
        }
        buf.drain(..head.len);
    }
    let inspected = inspect(&head, &buf);
    buf.drain(..head.len);
    let framing = match head.body {
        ResponseBody::None | ResponseBody::Length(0) => Framing::Complete,
        ResponseBody::Length(n) => Framing::Length(n),
        ResponseBody::Chunked => {
            Framing::Chunked(Box::new(ChunkDecoder::new(CHUNK_EXTRAS, CHUNK_EXTRAS)))
        }
        ResponseBody::Close => Framing::Close,
    };
    let mut answer = Answer {
        stream,
        buffers: buffers.clone(),
        buf,
        self_delimiting: head.body != ResponseBody::Close,
        framing,
        reusable: head.keep_alive,
        filled: false,
    };
    buffers.give_head(head);
    answer.decode(0).map_err(AnswerError::Chunk)?;
    // It goes up through several futures, and would be copied in each.
    Ok(Box::new((inspected, answer)))
}

impl Answer {
    /// Whether the body has been read to its end.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        matches!(self.framing, Framing::Complete)
    }

    /// Whether the framing itself tells the body's end: only then is an end known to be no cut.
    #[must_use]
    pub const fn is_self_delimiting(&self) -> bool {
        self.self_delimiting
    }

    /// How long the whole body is, where the head says so.
    #[must_use]
    pub const fn remaining(&self) -> Option<u64> {
        match self.framing {
            Framing::Length(n) => Some(n),
            Framing::Chunked(_) | Framing::Close | Framing::Complete => None,
        }
    }

    /// Reads once and appends the payload to [`Answer::buf`], which keeps what it had. A caller
    /// that drops this future must drop the answer too.
    ///
    /// # Errors
    /// [`AnswerError`]. The connection is gone then.
    pub async fn read_more(&mut self) -> Result<(), AnswerError> {
        let mut buf = std::mem::take(&mut self.buf);
        let before = buf.len();
        if buf.capacity() == 0 {
            buf = self.buffers.take(EVENT);
        } else if buf.len() == buf.capacity() {
            // As much as is announced, within reason, or else as much again as there is.
            let left = self.remaining().map_or(0, |left| usize::try_from(left).unwrap_or(TRUST));
            buf.reserve(READ.max(left.min(TRUST)).max(buf.len()));
        }
        let result;
        (result, self.buf) = self.stream.recv(buf).await;
        self.filled = self.buf.len() == self.buf.capacity();
        match result {
            Ok(0) if matches!(self.framing, Framing::Close) => {
                self.framing = Framing::Complete;
                Ok(())
            }
            Ok(0) => Err(AnswerError::Closed { silent: false, error: None }),
            Ok(_) => self.decode(before).map_err(AnswerError::Chunk),
            Err(error) => Err(AnswerError::Closed { silent: false, error: Some(error) }),
        }
    }

    /// Whether there is probably more to read at once: the last read filled the buffer.
    #[must_use]
    pub const fn has_more(&self) -> bool {
        self.filled
    }

    /// Gives the buffer back while nothing stands in it.
    pub fn rest(&mut self) {
        if self.buf.is_empty() && self.buf.capacity() > 0 {
            self.buffers.give(std::mem::take(&mut self.buf));
        }
    }

    /// Waits for the beat, so that the next read brings all that has come until then.
    pub async fn gather(&mut self, beat: &Beat) {
        self.rest();
        self.stream.gather(beat).await;
    }

    /// Waits until there is more to read, without a buffer where none is in use: streams are many
    /// and wait long. May be dropped and asked again.
    ///
    /// # Errors
    /// As the system tells them.
    pub async fn readable(&mut self) -> Result<(), AnswerError> {
        self.rest();
        let ready = self.stream.readable().await;
        ready.map_err(|error| AnswerError::Closed { silent: false, error: Some(error) })
    }

    /// Takes the framing out of what was read from `start` on.
    fn decode(&mut self, start: usize) -> Result<(), ChunkError> {
        let fresh = self.buf.len() - start;
        let (payload, consumed, done) = match &mut self.framing {
            Framing::Close => return Ok(()),
            Framing::Complete => (0, 0, true),
            Framing::Length(left) => {
                let payload = usize::try_from(*left).unwrap_or(usize::MAX).min(fresh);
                *left -= payload as u64;
                (payload, payload, *left == 0)
            }
            Framing::Chunked(decoder) => {
                let decoded = decoder.decode(self.buf.get_mut(start..).unwrap_or_default())?;
                (decoded.payload, decoded.consumed, decoded.done)
            }
        };
        if done {
            // Bytes behind an answer were asked for by nobody: such a connection is not used again.
            self.reusable &= consumed == fresh;
            self.framing = Framing::Complete;
        }
        self.buf.truncate(start + payload);
        Ok(())
    }

    /// Gives the connection up after this answer, whatever its head says.
    pub fn never_reuse(&mut self) {
        self.reusable = false;
    }

    /// Gives the connection back if it may carry another request.
    #[must_use]
    pub fn into_reusable(mut self) -> Option<Stream> {
        self.buffers.give(std::mem::take(&mut self.buf));
        (self.is_complete() && self.reusable).then_some(self.stream)
    }
}
