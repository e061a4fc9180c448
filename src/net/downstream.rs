//! One connection from a client: requests in, answers out.

use std::cell::Cell;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use crate::codec::http1::Body;
use crate::codec::http1::ChunkDecoder;
use crate::codec::http1::Known;
use crate::codec::http1::RequestError;
use crate::codec::http1::RequestHead;
use crate::codec::http1::RequestParser;
use crate::error::Error;
use crate::error::Kind;
use crate::net::buffers::Buffers;
use crate::net::buffers::SMALL;
use crate::net::stream::Stream;
use crate::runtime::Turns;
use crate::runtime::deadline::Deadline;

/// Bytes of chunk extensions, and of trailers, that a request may have.
const CHUNK_EXTRAS: usize = 4 * 1024;

/// A body must bring this much within each `body_timeout`.
const PROGRESS: usize = 4 * 1024;

/// Room set aside at once for a body on its declared length alone.
const TRUST: u64 = 1024 * 1024;

/// Room set aside at most before a request has said how large it is.
const ROOM: usize = 256 * 1024;

/// Bytes written between two looks at `write_timeout`.
const PIECE: usize = 64 * 1024;

/// How long, and how much, is read and thrown away after an answer that came before its request
/// was complete: closing at once would reset the connection and the answer with it.
const LINGER: (Duration, usize) = (Duration::from_secs(1), 256 * 1024);

/// What a client may take up.
#[derive(Clone, Copy, Debug)]
pub struct ClientLimits {
    /// Of a request's head.
    pub head: crate::codec::http1::Limits,
    /// Bytes of a request's body.
    pub max_body: usize,
    /// For a head to be complete.
    pub header_timeout: Duration,
    /// For a body to make progress.
    pub body_timeout: Duration,
    /// For the next request to begin.
    pub idle_timeout: Duration,
    /// For a client to take what is written.
    pub write_timeout: Duration,
}

/// Why no request came.
#[derive(Debug)]
pub enum NoRequest {
    /// The client left, or was idle for too long, between requests.
    Closed,
    /// It began a head and did not finish it in time.
    TimedOut,
    /// The head is not one.
    Invalid(RequestError),
}

/// The client is gone, or takes nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

impl From<Gone> for Error {
    fn from(_: Gone) -> Self {
        Self::new(Kind::ClientGone, "the client closed the connection")
    }
}

/// A request: its head, and its body once read.
#[derive(Debug)]
pub struct Request {
    /// The parsed head.
    pub head: Box<RequestHead>,
    buf: Vec<u8>,
    body: Range<usize>,
    complete: bool,
}

impl Request {
    /// The path, without the query.
    #[must_use]
    pub fn path(&self) -> &[u8] {
        self.head.path.of(&self.buf)
    }

    /// What follows the path's question mark; empty where nothing does.
    #[must_use]
    pub fn query(&self) -> &[u8] {
        self.head.query.map(|query| query.of(&self.buf)).unwrap_or_default()
    }

    /// A header that the codec knows.
    #[must_use]
    pub fn known(&self, field: Known) -> Option<&[u8]> {
        self.head.known(&self.buf, field)
    }

    /// The body, without any framing; empty before [`Downstream::read_body`].
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.buf.get(self.body.clone()).unwrap_or_default()
    }

    /// Whether nothing of the request is still to come.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.complete
    }

    /// Gives the buffer back while the answer is still on its way, unless the next request's
    /// start stands in it. The request has no path, headers or body after that.
    pub fn release(&mut self, buffers: &Buffers) {
        if self.complete && self.buf.len() == self.body.end {
            buffers.give(std::mem::take(&mut self.buf));
            self.body = 0..0;
        }
    }

    /// Whether all of it is here: it was not released, nor lent to a write that never ended.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.body.end > 0 && self.buf.len() >= self.body.end
    }

    /// Moves the buffer out to be written from, with the range of the body in it.
    pub fn lend(&mut self) -> (Vec<u8>, Range<usize>) {
        (std::mem::take(&mut self.buf), self.body.clone())
    }

    /// Takes the buffer back.
    pub fn take_back(&mut self, buf: Vec<u8>) {
        self.buf = buf;
    }
}

/// A client's connection.
#[derive(Debug)]
pub struct Downstream {
    stream: Stream,
    buffers: Buffers,
    limits: Rc<ClientLimits>,
    deadline: Deadline,
    /// The beginning of the next request, where the client did not wait for its answer.
    carry: Vec<u8>,
    /// Room for a request such as the last one.
    room: Cell<usize>,
    draining: Rc<Cell<bool>>,
}

impl Downstream {
    /// A connection that has said nothing yet.
    #[must_use]
    pub fn new(
        stream: Stream,
        buffers: Buffers,
        limits: Rc<ClientLimits>,
        deadline: Deadline,
        draining: Rc<Cell<bool>>,
    ) -> Self {
        let room = Cell::new(SMALL);
        Self { stream, buffers, limits, deadline, carry: Vec::new(), room, draining }
    }

    /// Waits for the next request's head. While nothing comes the connection holds no buffer.
    ///
    /// # Errors
    /// [`NoRequest`]; the connection is at its end then.
    pub async fn read_head(&mut self) -> Result<Request, NoRequest> {
        let mut buf = std::mem::take(&mut self.carry);
        if buf.is_empty() {
            self.wait_idle().await?;
            buf = self.buffers.take(self.room.get());
        }
        self.deadline.set_busy(true);
        self.deadline.clock().refresh();
        self.deadline.arm(self.limits.header_timeout);
        let (mut parser, mut head) = (RequestParser::new(), self.buffers.take_request_head());
        loop {
            match parser.parse(&buf, &self.limits.head, &mut head) {
                Ok(true) => break,
                Ok(false) => buf = self.read_on(buf).await?,
                Err(error) => return Err(NoRequest::Invalid(error)),
            }
        }
        let complete = matches!(head.body, Body::None | Body::Length(0));
        let body = head.len..head.len;
        Ok(Request { head, buf, body, complete })
    }

    async fn wait_idle(&self) -> Result<(), NoRequest> {
        self.deadline.set_busy(false);
        if self.draining.get() {
            return Err(NoRequest::Closed);
        }
        self.deadline.arm(self.limits.idle_timeout);
        match self.deadline.limit(self.stream.readable()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(NoRequest::Closed),
        }
    }

    async fn read_on(&self, mut buf: Vec<u8>) -> Result<Vec<u8>, NoRequest> {
        if buf.len() == buf.capacity() {
            buf.reserve(buf.len());
        }
        let begun = !buf.is_empty();
        match self.deadline.limit(self.stream.recv(buf)).await {
            Ok((Ok(0) | Err(_), _)) => Err(NoRequest::Closed),
            Ok((Ok(_), buf)) => Ok(buf),
            Err(_) if begun => Err(NoRequest::TimedOut),
            Err(_) => Err(NoRequest::Closed),
        }
    }

    /// Reads the body of `request` to its end.
    ///
    /// # Errors
    /// [`Kind::BodyTooLarge`], [`Kind::RequestTimeout`], [`Kind::ClientGone`], or
    /// [`Kind::BadRequest`] for chunks that are none. The connection cannot be used further.
    pub async fn read_body(&self, request: &mut Request) -> Result<(), Error> {
        if request.complete {
            return Ok(());
        }
        let max = self.limits.max_body;
        let length = match request.head.body {
            Body::None | Body::Chunked => None,
            Body::Length(n) if n > max as u64 => return Err(too_large(max)),
            Body::Length(n) => Some(n),
        };
        if request.head.expect_continue && request.buf.len() == request.head.len {
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()).await?;
        }
        self.deadline.arm(self.limits.body_timeout);
        match length {
            Some(n) => self.read_length(request, n).await?,
            None => self.read_chunked(request).await?,
        }
        request.complete = true;
        self.room.set(request.buf.len().clamp(SMALL, ROOM));
        Ok(())
    }

    async fn read_length(&self, request: &mut Request, n: u64) -> Result<(), Error> {
        let start = request.head.len;
        let end = start.saturating_add(usize::try_from(n).unwrap_or(usize::MAX));
        let (mut checked, mut turns) = (request.buf.len(), Turns::default());
        while request.buf.len() < end {
            turns.next().await;
            let missing = (end - request.buf.len()) as u64;
            if request.buf.capacity() == request.buf.len() || missing <= TRUST {
                // What is trusted at once, and then as much again as has come.
                let more = missing.min(TRUST.max(request.buf.len() as u64));
                let more = usize::try_from(more).unwrap_or_default();
                self.buffers.grow(&mut request.buf, more);
            }
            self.read_body_once(request, &mut checked).await?;
        }
        request.body = start..end;
        Ok(())
    }

    async fn read_chunked(&self, request: &mut Request) -> Result<(), Error> {
        let mut decoder = ChunkDecoder::new(CHUNK_EXTRAS, CHUNK_EXTRAS);
        let (start, mut end) = (request.head.len, request.head.len);
        let (mut checked, mut turns) = (end, Turns::default());
        loop {
            turns.next().await;
            let fresh = request.buf.get_mut(end..).unwrap_or_default();
            let decoded = decoder.decode(fresh).map_err(|error| {
                Error::new(
                    Kind::BadRequest,
                    format!("the chunked request body is invalid: {error}"),
                )
            })?;
            let next = end + decoded.consumed;
            end += decoded.payload;
            if end - start > self.limits.max_body {
                return Err(too_large(self.limits.max_body));
            }
            if decoded.done {
                // What follows is the next request.
                request.buf.drain(end..next);
                request.body = start..end;
                return Ok(());
            }
            request.buf.truncate(end);
            if request.buf.capacity() - end < SMALL / 2 {
                request.buf.reserve(SMALL.max(end));
            }
            checked = checked.min(end);
            self.read_body_once(request, &mut checked).await?;
        }
    }

    /// Reads once; the deadline moves on only with [`PROGRESS`].
    async fn read_body_once(
        &self,
        request: &mut Request,
        checked: &mut usize,
    ) -> Result<(), Error> {
        let buf = std::mem::take(&mut request.buf);
        let received = self.deadline.limit(self.stream.recv(buf)).await;
        let Ok((result, buf)) = received else {
            return Err(self.late("the request's body did not come in time (limits.body_timeout)"));
        };
        request.buf = buf;
        match result {
            Ok(0) | Err(_) => Err(Gone.into()),
            Ok(_) => {
                if request.buf.len() >= *checked + PROGRESS {
                    *checked = request.buf.len();
                    self.deadline.arm(self.limits.body_timeout);
                }
                Ok(())
            }
        }
    }

    fn late(&self, message: &'static str) -> Error {
        if self.deadline.is_killed() {
            Error::new(Kind::ShuttingDown, "the gateway is shutting down")
        } else {
            Error::new(Kind::RequestTimeout, message)
        }
    }

    /// Writes all of `out`, and keeps its buffer for others.
    ///
    /// # Errors
    /// [`Gone`] where the client is, or where it takes nothing for `write_timeout`.
    pub async fn send(&self, out: Vec<u8>) -> Result<(), Gone> {
        self.send_from(out, 0).await
    }

    async fn send_from(&self, mut out: Vec<u8>, mut sent: usize) -> Result<(), Gone> {
        while sent < out.len() {
            let end = out.len().min(sent + PIECE);
            self.deadline.arm(self.limits.write_timeout);
            let written = self.deadline.limit(self.stream.send(out, sent..end)).await;
            match written {
                Ok((Ok(()), buf)) => out = buf,
                Ok((Err(_), _)) | Err(_) => return Err(Gone),
            }
            sent = end;
        }
        self.buffers.give(out);
        Ok(())
    }

    /// Writes a head and its body, which may be large.
    ///
    /// # Errors
    /// As [`Downstream::send`].
    pub async fn send_both(&self, head: Vec<u8>, body: Vec<u8>) -> Result<(), Gone> {
        let (end, first) = (head.len(), body.len().min(PIECE));
        self.deadline.arm(self.limits.write_timeout);
        let sending = self.stream.send_both(head, end, body, 0..first);
        let written = self.deadline.limit(sending).await;
        let Ok((Ok(()), head, body)) = written else { return Err(Gone) };
        self.buffers.give(head);
        self.send_from(body, first).await
    }

    /// Waits until the client has closed or reset the connection.
    pub async fn hung_up(&self) {
        self.stream.hung_up().await;
    }

    /// Takes a request back when its answer is out; what came behind it is the next one's start.
    /// False where the rest of it never came, so that no other can follow.
    pub fn recycle(&mut self, mut request: Request) -> bool {
        if !request.complete {
            return false;
        }
        if request.buf.len() > request.body.end {
            request.buf.drain(..request.body.end);
            self.carry = std::mem::take(&mut request.buf);
        } else {
            self.buffers.give(std::mem::take(&mut request.buf));
        }
        self.buffers.give_request_head(request.head);
        true
    }

    /// Closes so that an answer sent before its request was complete still arrives.
    pub async fn linger(&self) {
        self.stream.shutdown().await;
        self.deadline.arm(LINGER.0);
        let mut read = 0;
        while read < LINGER.1 {
            let buf = self.buffers.take(SMALL);
            match self.deadline.limit(self.stream.recv(buf)).await {
                Ok((Ok(n), buf)) if n > 0 => {
                    read += n;
                    self.buffers.give(buf);
                }
                Ok(_) | Err(_) => return,
            }
        }
    }

    /// The connection's deadline cell.
    #[must_use]
    pub const fn deadline(&self) -> &Deadline {
        &self.deadline
    }

    /// Whether the gateway is on its way out, so that this answer is the connection's last.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.get()
    }
}

fn too_large(max: usize) -> Error {
    Error::new(
        Kind::BodyTooLarge,
        format!("the request's body is larger than {max} bytes (limits.max_body)"),
    )
}
