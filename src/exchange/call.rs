//! One call of an upstream: a connection from the pool or a new one, the request, and the answer's
//! head and body, each within its time.

use std::pin::Pin;
use std::pin::pin;
use std::time::Duration;

use crate::codec::http1::ResponseHead;
use crate::error::Error;
use crate::error::Kind;
use crate::exchange::Exchange;
use crate::exchange::core::Core;
use crate::exchange::failpoint;
use crate::exchange::forward::Body;
use crate::exchange::forward::Prepared;
use crate::exchange::reply::ContentType;
use crate::exchange::reply::Passed;
use crate::net::connect::ConnectError;
use crate::net::connect::Endpoint;
use crate::net::connect::connect;
use crate::net::downstream::Request;
use crate::net::stream::Stream;
use crate::net::upstream::Answer;
use crate::net::upstream::AnswerError;
use crate::net::upstream::read_head;
use crate::observe::Meter;
use crate::provider::Timeouts;
use crate::runtime::Turns;
use crate::runtime::clock::Micros;
use crate::runtime::deadline::Deadline;
use crate::runtime::deadline::Elapsed;

/// Upstream headers, besides all `x-ratelimit-` ones, that mean something to the client.
const PASSED: [&[u8]; 5] = [
    b"retry-after",
    b"retry-after-ms",
    b"openai-processing-ms",
    b"openai-version",
    b"x-should-retry",
];

/// How long a write that was broken off may take to end; it does so at once.
const BREAK_OFF: Duration = Duration::from_millis(100);

/// What an upstream's head says.
#[derive(Debug)]
pub struct Head {
    /// 200 and above.
    pub status: u16,
    /// What goes through to the client.
    pub passed: Passed,
    /// What AWS calls the error.
    pub error_type: Option<String>,
    /// Tokens of the input, where AWS tells them here alone: for vectors of some models.
    pub input_tokens: Option<u64>,
    coding: Option<String>,
}

/// One call of an upstream, with the time it may take.
pub struct Call<'a> {
    /// The shard.
    pub core: &'a Core,
    /// A cell of its own: the client's is in use at the same time.
    pub deadline: Deadline,
    /// How long each phase may take.
    pub timeouts: Timeouts,
    /// When all must be over.
    pub ends: Micros,
}

impl<'c> Call<'c> {
    /// A call of an upstream that may take so long.
    pub fn begin(x: &Exchange<'c>, timeouts: Timeouts, meter: &Meter) -> Self {
        let core = x.core;
        let deadline = core.deadlines.register();
        deadline.set_busy(true);
        Self { core, deadline, timeouts, ends: meter.started().after(timeouts.total) }
    }

    /// Sends a request and reads its answer's head, for as long as the client stays.
    pub async fn ask(
        &self,
        x: &mut Exchange<'_>,
        prepared: &mut Prepared<'_>,
        request: &mut Request,
        meter: &mut Meter,
    ) -> Result<Box<(Head, Answer)>, Error> {
        let core = self.core;
        meter.record.attempts += 1;
        let began = core.clock.now();
        failpoint::hit(request, "send");
        let answered = {
            let making = pin!(self.make(prepared, request));
            x.while_client_stays(making).await
        };
        x.reply.upstream_us += core.clock.refresh().since(began);
        let answered = answered??;
        if let Some(busy) = &mut x.busy {
            busy.answered(answered.0.status);
        }
        core.buffers.give(std::mem::take(&mut prepared.out));
        if let Body::Own(body) = &mut prepared.body {
            core.buffers.give(std::mem::take(body));
        }
        failpoint::hit(request, "read");
        check(&answered.0)?;
        Ok(answered)
    }

    /// Reads a whole answer's body, for as long as the client stays.
    pub async fn read(&self, x: &mut Exchange<'_>, answer: &mut Answer) -> Result<(), Error> {
        if answer.is_complete() {
            return Ok(());
        }
        let began = self.core.clock.now();
        let reading = pin!(self.read_all(answer));
        x.while_client_stays(reading).await??;
        x.reply.upstream_us += self.core.clock.refresh().since(began);
        Ok(())
    }

    /// Sends the request and reads the answer's head, on a connection from the pool or a new one.
    /// A connection from the pool that turns out to be dead before a byte of an answer came was
    /// closed by the upstream meanwhile; then the request goes out once more, on a new one.
    async fn make(
        &self,
        prepared: &mut Prepared<'_>,
        request: &mut Request,
    ) -> Result<Box<(Head, Answer)>, Error> {
        let core = self.core;
        if let Some(stream) = core.pool.take(prepared.deployment.provider, core.clock.now()) {
            match self.send(stream, prepared, request).await? {
                Ok(answered) => return Ok(answered),
                Err(AnswerError::Closed { silent: true, .. }) => {}
                Err(error) => return Err(broken(&error)),
            }
        }
        let endpoint = &prepared.server.base.endpoint;
        let stream = self.connect(endpoint).await?;
        self.send(stream, prepared, request).await?.map_err(|error| broken(&error))
    }

    async fn connect(&self, endpoint: &Endpoint) -> Result<Stream, Error> {
        let core = self.core;
        self.arm(self.timeouts.connect);
        // On the heap: most requests find a connection in the pool, and need no room for this.
        let connecting = Box::pin(connect(endpoint, &core.resolver, &core.buffers));
        match self.deadline.limit(connecting).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(ConnectError::Unreachable(what))) => {
                Err(Error::new(Kind::UpstreamConnect, what))
            }
            Ok(Err(ConnectError::Tls(what))) => Err(Error::new(Kind::UpstreamTls, what)),
            Err(_) => Err(self.late("no connection came about in time (connect_timeout)")),
        }
    }

    /// The inner error leaves the request as it was, so that it can be sent again.
    async fn send(
        &self,
        stream: Stream,
        prepared: &mut Prepared<'_>,
        request: &mut Request,
    ) -> Result<Result<Box<(Head, Answer)>, AnswerError>, Error> {
        let late =
            |_| self.late("the provider did not take the request in time (stream_idle_timeout)");
        let out = std::mem::take(&mut prepared.out);
        self.arm(self.timeouts.idle);
        let sent = match &mut prepared.body {
            Body::Client(rest) if !rest.is_empty() => {
                let (buf, body) = request.lend();
                let rest_in = body.start + rest.start..body.start + rest.end;
                let sending = stream.send_both(out, rest.at, buf, rest_in);
                let ((sent, out, buf), in_time) =
                    self.finish(&stream, pin!(sending)).await.ok_or_else(|| late(Elapsed))?;
                request.take_back(buf);
                prepared.out = out;
                if !in_time {
                    return Err(late(Elapsed));
                }
                sent
            }
            Body::Own(body) if !body.is_empty() => {
                let body_out = std::mem::take(body);
                let (end, all) = (out.len(), 0..body_out.len());
                let sending = stream.send_both(out, end, body_out, all);
                let (sent, out, back) = self.deadline.limit(sending).await.map_err(late)?;
                *body = back;
                prepared.out = out;
                sent
            }
            Body::Client(_) | Body::Own(_) => {
                let all = 0..out.len();
                let (sent, out) = self.deadline.limit(stream.send(out, all)).await.map_err(late)?;
                prepared.out = out;
                sent
            }
        };
        self.arm(self.timeouts.first_byte);
        // An upstream may answer, and close, before it has read all: its answer still counts.
        let head = self.deadline.limit(read_head(stream, &self.core.buffers, inspect)).await;
        let head = head
            .map_err(|_| self.late("the provider did not answer in time (first_byte_timeout)"))?;
        Ok(match (head, sent) {
            (Ok(answered), Ok(())) => Ok(answered),
            (Ok(mut answered), Err(_)) => {
                answered.1.never_reuse();
                Ok(answered)
            }
            (Err(error), _) => Err(error),
        })
    }

    /// Waits for a write to end, and tells whether it did so in time. One that did not is broken off, so
    /// that what was lent to it comes back and can be sent to another deployment. None where it does not.
    async fn finish<F: Future>(
        &self,
        stream: &Stream,
        mut sending: Pin<&mut F>,
    ) -> Option<(F::Output, bool)> {
        if let Ok(sent) = self.deadline.limit(sending.as_mut()).await {
            return Some((sent, true));
        }
        stream.break_off();
        self.deadline.arm_at(self.core.clock.refresh().after(BREAK_OFF));
        self.deadline.limit(sending).await.ok().map(|sent| (sent, false))
    }

    /// Reads a body to its end.
    async fn read_all(&self, answer: &mut Answer) -> Result<(), Error> {
        let max = self.core.snapshot.max_response;
        let mut turns = Turns::default();
        while !answer.is_complete() {
            turns.next().await;
            self.arm(self.timeouts.idle);
            let read = self.deadline.limit(answer.read_more()).await;
            let read = read.map_err(|_| {
                self.late("the provider stopped in the middle of its answer (stream_idle_timeout)")
            })?;
            read.map_err(|error| broken(&error))?;
            if answer.buf.len() > max {
                let message =
                    format!("the answer is larger than {max} bytes (limits.max_response)");
                return Err(Error::new(Kind::UpstreamGarbage, message));
            }
        }
        Ok(())
    }

    /// Sets the deadline of a phase, which never goes beyond the whole's.
    pub fn arm(&self, phase: Duration) {
        self.deadline.arm_at(self.core.clock.now().after(phase).min(self.ends));
    }

    /// What a passed deadline means.
    pub fn late(&self, message: &'static str) -> Error {
        if self.deadline.is_killed() {
            return Error::new(Kind::ShuttingDown, "the gateway is shutting down");
        }
        let message = if self.core.clock.now() >= self.ends {
            "the provider's answer was not complete in time (timeout)"
        } else {
            message
        };
        Error::new(Kind::UpstreamTimeout, message)
    }
}

/// What a broken answer means.
pub fn broken(error: &AnswerError) -> Error {
    let kind = match error {
        AnswerError::Closed { .. } => Kind::UpstreamClosed,
        AnswerError::Head(_) | AnswerError::Chunk(_) | AnswerError::TooManyInterim => {
            Kind::UpstreamGarbage
        }
    };
    Error::new(kind, format!("the provider failed: {error}"))
}

fn inspect(head: &ResponseHead, buf: &[u8]) -> Head {
    let mut out = Head {
        status: head.status,
        passed: Passed::default(),
        error_type: None,
        input_tokens: None,
        coding: None,
    };
    for (name, value) in head.headers(buf) {
        if name.eq_ignore_ascii_case(b"content-type") {
            out.passed.content_type = ContentType::of(value);
        } else if name.eq_ignore_ascii_case(b"content-encoding") {
            if !value.eq_ignore_ascii_case(b"identity") {
                out.coding = Some(String::from_utf8_lossy(value).into_owned());
            }
        } else if name.eq_ignore_ascii_case(b"x-amzn-errortype") {
            out.error_type = Some(String::from_utf8_lossy(value).into_owned());
        } else if name.eq_ignore_ascii_case(b"x-amzn-bedrock-input-token-count") {
            out.input_tokens = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
        } else if goes_through(name) {
            out.passed.line(name, value);
        }
    }
    out
}

fn goes_through(name: &[u8]) -> bool {
    let begins = |start: &[u8]| {
        name.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start))
    };
    begins(b"x-ratelimit-")
        || begins(b"anthropic-ratelimit-")
        || PASSED.iter().any(|passed| name.eq_ignore_ascii_case(passed))
}

/// What no answer may be.
fn check(head: &Head) -> Result<(), Error> {
    if let Some(coding) = &head.coding {
        let message =
            format!("the provider sent content-encoding `{coding}`, which nobody asked for");
        return Err(Error::new(Kind::UpstreamGarbage, message));
    }
    if (300..400).contains(&head.status) {
        let message = format!(
            "the provider answered with a redirect ({}), which is not followed; correct base_url",
            head.status
        );
        return Err(Error::new(Kind::UpstreamGarbage, message));
    }
    Ok(())
}
