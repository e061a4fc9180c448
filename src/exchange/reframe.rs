//! A stream's bytes on their way to the client: whole events only, each looked at once.

use crate::codec::sse::Decoder;
use crate::error::Error;
use crate::error::Kind;
use crate::exchange::reply::Reply;
use crate::protocol::openai::stream::Tap;
use crate::protocol::openai::stream::Verdict;

/// Longest event: far above any chunk of text, tool arguments or inline media.
const MAX_EVENT: usize = 8 * 1024 * 1024;

/// What a stream has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// More is to come.
    Open,
    /// `[DONE]` has passed.
    Done,
    /// The upstream told of a failure, and the client has been told.
    Failed,
}

/// Takes events apart and puts them together again in as few pieces as possible.
#[derive(Debug)]
pub struct Reframer {
    frames: Decoder,
    /// What is known of the stream.
    pub tap: Tap,
    passed: u64,
}

impl Reframer {
    /// A stream that has not begun.
    #[must_use]
    pub fn new(tap: Tap) -> Self {
        Self { frames: Decoder::new(MAX_EVENT), tap, passed: 0 }
    }

    /// Appends to `out` what of `buf` goes to the client, and tells how much of it was used.
    /// Neighbouring events go as one piece.
    ///
    /// # Errors
    /// [`Kind::UpstreamGarbage`] for an event that is none; those before it are in `out`.
    pub fn push(
        &mut self,
        buf: &[u8],
        out: &mut Vec<u8>,
        reply: &Reply,
    ) -> Result<(usize, State), Error> {
        let (mut run, mut at) = (0, 0);
        let state = loop {
            let rest = buf.get(at..).unwrap_or_default();
            let step = match self.frames.decode(rest) {
                Ok(None) => break Ok(State::Open),
                Ok(Some(frame)) => {
                    let verdict =
                        frame.data().map_or(Ok(Verdict::Forward), |data| self.tap.event(&data));
                    verdict.map(|verdict| (verdict, frame.len())).map_err(|error| {
                        format!("the provider sent an event that is not valid: {error}")
                    })
                }
                Err(error) => Err(format!("the provider sent an event that is too long: {error}")),
            };
            let (verdict, len) = match step {
                Ok(step) => step,
                Err(message) => break Err(Error::new(Kind::UpstreamGarbage, message)),
            };
            if verdict == Verdict::Hide {
                self.pass(buf.get(run..at).unwrap_or_default(), out, reply);
                run = at + len;
            }
            at += len;
            match verdict {
                Verdict::Forward | Verdict::Hide => {}
                Verdict::Done => break Ok(State::Done),
                Verdict::Failure => break Ok(State::Failed),
            }
        };
        self.pass(buf.get(run..at).unwrap_or_default(), out, reply);
        state.map(|state| (at, state))
    }

    fn pass(&mut self, bytes: &[u8], out: &mut Vec<u8>, reply: &Reply) {
        self.passed += bytes.len() as u64;
        reply.piece(out, bytes);
    }

    /// Bytes of the body that went to the client so far.
    #[must_use]
    pub const fn passed(&self) -> u64 {
        self.passed
    }
}

#[cfg(test)]
mod tests {
    use super::{Reframer, State};
    use crate::chat::Protocol;
    use crate::error::Kind;
    use crate::exchange::reply::Reply;
    use crate::protocol::openai::stream::Tap;

    const EVENT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n";
    const USAGE: &str = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n";

    fn pass(hide: bool, text: &str) -> (String, Result<(usize, State), Kind>) {
        let (mut out, reply) = (Vec::new(), Reply::new(Protocol::Openai, true, false));
        let result = Reframer::new(Tap::new(hide, 1)).push(text.as_bytes(), &mut out, &reply);
        (String::from_utf8(out).unwrap(), result.map_err(|error| error.kind))
    }

    #[test]
    fn bytes_go_through_as_they_are() {
        let text = format!(": ping\n\n{EVENT}event: x\r\ndata:{{}}\r\n\r\n{USAGE}data: [DONE]\n\n");
        assert_eq!(pass(false, &text), (text.clone(), Ok((text.len(), State::Done))));
    }

    #[test]
    fn what_was_not_asked_for_is_hidden() {
        let text = format!("{EVENT}{USAGE}data: [DONE]\n\n");
        let expected = format!("{EVENT}data: [DONE]\n\n");
        assert_eq!(pass(true, &text), (expected, Ok((text.len(), State::Done))));
    }

    #[test]
    fn half_an_event_waits() {
        let text = format!("{EVENT}{}", &EVENT[..20]);
        assert_eq!(pass(true, &text), (EVENT.to_owned(), Ok((EVENT.len(), State::Open))));
    }

    #[test]
    fn neighbours_are_one_chunk() {
        let (mut out, reply) = (Vec::new(), Reply::new(Protocol::Openai, true, true));
        let text = EVENT.repeat(3);
        Reframer::new(Tap::new(true, 1)).push(text.as_bytes(), &mut out, &reply).unwrap();
        assert_eq!(out, format!("{:x}\r\n{text}\r\n", text.len()).into_bytes());
    }

    #[test]
    fn garbage_comes_after_what_was_good() {
        let (out, result) = pass(true, &format!("{EVENT}data: {{\"choices\n\n{EVENT}"));
        assert_eq!((out.as_str(), result), (EVENT, Err(Kind::UpstreamGarbage)));
    }

    #[test]
    fn nothing_follows_a_failure() {
        let failure = "data: {\"error\":{\"message\":\"x\"}}\n\n";
        let (out, result) = pass(true, &format!("{EVENT}{failure}{EVENT}"));
        assert_eq!(out, format!("{EVENT}{failure}"));
        assert_eq!(result, Ok((EVENT.len() + failure.len(), State::Failed)));
    }
}
