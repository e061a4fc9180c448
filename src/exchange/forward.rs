//! Same protocol on both sides: the client's bytes go to the upstream with as little changed as
//! possible, and a whole answer comes back as it is, once it is known to be one.

use std::pin::pin;
use std::time::Duration;

use crate::codec::http1::Known;
use crate::codec::http1::ResponseHead;
use crate::error::Error;
use crate::error::Kind;
use crate::exchange::Exchange;
use crate::exchange::Route;
use crate::exchange::core::Core;
use crate::exchange::failpoint;
use crate::exchange::relay;
use crate::exchange::reply::ContentType;
use crate::exchange::reply::Framing;
use crate::exchange::reply::Passed;
use crate::limit::Permit;
use crate::net::buffers::SMALL;
use crate::net::connect::ConnectError;
use crate::net::connect::Endpoint;
use crate::net::connect::connect;
use crate::net::downstream::Request;
use crate::net::stream::Stream;
use crate::net::upstream::Answer;
use crate::net::upstream::AnswerError;
use crate::net::upstream::read_head;
use crate::observe::Meter;
use crate::protocol::openai;
use crate::provider::Provider;
use crate::provider::Timeouts;
use crate::provider::Upstream;
use crate::runtime::Turns;
use crate::runtime::clock::Micros;
use crate::runtime::deadline::Deadline;

/// A body up to this size is copied behind its head; a larger one goes out from where it was read
/// to. Either way both go out in one write.
const COPY: usize = 8 * 1024;

/// Client headers that say something about the request itself and go on to the upstream. All
/// others stop here, the client's key above all.
const FORWARDED: [(Known, &[u8]); 4] = [
    (Known::OpenaiBeta, b"openai-beta: "),
    (Known::IdempotencyKey, b"idempotency-key: "),
    (Known::Traceparent, b"traceparent: "),
    (Known::Tracestate, b"tracestate: "),
];

/// Upstream headers, besides all `x-ratelimit-` ones, that mean something to the client.
const PASSED: [&[u8]; 5] = [
    b"retry-after",
    b"retry-after-ms",
    b"openai-processing-ms",
    b"openai-version",
    b"x-should-retry",
];

/// A request as it goes upstream.
pub struct Prepared<'c> {
    /// Who is called.
    pub provider: &'c Provider,
    provider_at: usize,
    /// The head, and the body up to `tail`.
    out: Vec<u8>,
    /// Where in the client's body the rest begins.
    tail: usize,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// Whether its usage is for us only.
    pub hide_usage: bool,
    /// How many answers were asked for.
    pub choices: u32,
    /// What the request holds.
    pub permit: Permit,
}

impl Prepared<'_> {
    /// Position of the provider.
    pub const fn provider_at(&self) -> usize {
        self.provider_at
    }
}

/// What an upstream's head says.
#[derive(Debug)]
pub struct Head {
    /// 200 and above.
    pub status: u16,
    /// What goes through to the client.
    pub passed: Passed,
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

/// Writes the upstream's request.
pub fn prepare<'c>(
    x: &Exchange<'c>,
    request: &Request,
    route: Route<'c, '_>,
    meter: &Meter,
) -> Prepared<'c> {
    let body = request.body();
    let record = &meter.record;
    let patch = route.ask.patch(record.upstream_model.as_ref().unwrap_or(&record.model));
    let tail = if body.len() <= COPY { body.len() } else { patch.end() };
    let mut out = x.core.buffers.take(SMALL.max(tail + SMALL / 2));
    if let Upstream::Openai { dialect, .. } = &route.provider.upstream {
        out.extend_from_slice(dialect.head(x.endpoint));
    }
    for (known, name) in FORWARDED {
        if let Some(value) = request.known(known) {
            out.extend_from_slice(name);
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        }
    }
    let stream = route.ask.stream;
    out.extend_from_slice(if stream {
        b"accept: text/event-stream\r\ncontent-length: "
    } else {
        b"accept: application/json\r\ncontent-length: "
    });
    out.extend_from_slice(itoa::Buffer::new().format(patch.new_len(body.len())).as_bytes());
    out.extend_from_slice(b"\r\n\r\n");
    patch.write(&mut out, body, tail);
    let (hide_usage, choices) = (route.ask.hides_usage(), route.ask.choices);
    let (provider, provider_at, permit) = (route.provider, route.provider_at, route.permit);
    Prepared { provider, provider_at, out, tail, stream, hide_usage, choices, permit }
}

/// Sends the request, and its answer to the client.
pub async fn run(
    x: &mut Exchange<'_>,
    mut prepared: Prepared<'_>,
    request: &mut Request,
    meter: &mut Meter,
) -> Result<(), Error> {
    let core = x.core;
    let deadline = core.deadlines.register();
    deadline.set_busy(true);
    let timeouts = prepared.provider.timeouts;
    let ends = meter.started().after(timeouts.total);
    let call = Call { core, deadline, timeouts, ends };
    meter.record.attempts = 1;
    let began = core.clock.now();
    failpoint::hit(request, "send");
    let answered = {
        let making = pin!(call.make(&mut prepared, request));
        x.while_client_stays(making).await
    };
    x.reply.upstream_us = core.clock.refresh().since(began);
    let (head, answer) = answered??;
    core.buffers.give(std::mem::take(&mut prepared.out));
    failpoint::hit(request, "read");
    check(&head)?;
    meter.record.status = head.status;
    let is_stream = matches!(head.passed.content_type, ContentType::EventStream(_));
    if prepared.stream && is_stream && head.status < 300 {
        return relay::run(x, &call, prepared, (head, answer), request, meter).await;
    }
    whole(x, &call, prepared, head, answer, meter).await
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

/// An answer that is read to its end before its first byte goes on.
async fn whole(
    x: &mut Exchange<'_>,
    call: &Call<'_>,
    mut prepared: Prepared<'_>,
    head: Head,
    mut answer: Answer,
    meter: &mut Meter,
) -> Result<(), Error> {
    let core = x.core;
    if !answer.is_complete() {
        let began = core.clock.now();
        let reading = pin!(call.read_all(&mut answer));
        x.while_client_stays(reading).await??;
        x.reply.upstream_us += core.clock.refresh().since(began);
    }
    let mut body = std::mem::take(&mut answer.buf);
    if let Some(stream) = answer.into_reusable() {
        core.pool.give(prepared.provider_at, stream, core.clock.now());
    }
    let mut passed = head.passed;
    if head.status >= 400 {
        if !openai::error::is_openai_shaped(&body) {
            let mut wrapped = core.buffers.take(SMALL);
            openai::error::wrap(&mut wrapped, head.status, &body);
            core.buffers.give(std::mem::replace(&mut body, wrapped));
            passed.content_type = ContentType::Json;
        }
        meter.record.outcome = crate::observe::Outcome::UpstreamFailed;
        let message = format!("the provider answered with status {}", head.status);
        meter.record.error = Some(Error::new(Kind::UpstreamRefused, message));
    } else {
        let usage = openai::response::read(&body).map_err(|error| {
            let message = format!("the provider's answer is not valid: {error}");
            Error::new(Kind::UpstreamGarbage, message)
        })?;
        meter.record.usage_exact = usage.is_some();
        meter.record.usage = usage.unwrap_or_default();
        prepared.permit.settle(meter.record.usage);
    }
    let len = body.len();
    let mut out = core.buffers.take(SMALL.max(if len <= COPY { len + 1024 } else { 0 }));
    x.reply.head(&mut out, core, meter, Framing::Length(len), &passed);
    meter.record.response_bytes = len as u64;
    if len > COPY {
        x.client.send_both(out, body).await?;
        return Ok(());
    }
    out.extend_from_slice(&body);
    core.buffers.give(std::mem::take(&mut body));
    x.client.send(out).await?;
    Ok(())
}

impl Call<'_> {
    /// Sends the request and reads the answer's head, on a connection from the pool or a new one.
    /// A connection from the pool that turns out to be dead before a byte of an answer came was
    /// closed by the upstream meanwhile; then the request goes out once more, on a new one.
    async fn make(
        &self,
        prepared: &mut Prepared<'_>,
        request: &mut Request,
    ) -> Result<(Head, Answer), Error> {
        let core = self.core;
        if let Some(stream) = core.pool.take(prepared.provider_at, core.clock.now()) {
            match self.send(stream, prepared, request).await? {
                Ok(answered) => return Ok(answered),
                Err(AnswerError::Closed { silent: true, .. }) => {}
                Err(error) => return Err(broken(&error)),
            }
        }
        let Upstream::Openai { endpoint, .. } = &prepared.provider.upstream else {
            return Err(Error::new(Kind::Internal, "a provider without a server was called"));
        };
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
    ) -> Result<Result<(Head, Answer), AnswerError>, Error> {
        let late = |_| self.late("the provider did not take the request in time");
        let out = std::mem::take(&mut prepared.out);
        self.arm(self.timeouts.idle);
        let sent = if prepared.tail < request.body().len() {
            let (buf, body) = request.lend();
            let rest = body.start + prepared.tail..body.end;
            let sending = stream.send_both(out, buf, rest);
            let (sent, out, buf) = self.deadline.limit(sending).await.map_err(late)?;
            prepared.out = out;
            request.take_back(buf);
            sent
        } else {
            let all = 0..out.len();
            let (sent, out) = self.deadline.limit(stream.send(out, all)).await.map_err(late)?;
            prepared.out = out;
            sent
        };
        self.arm(self.timeouts.first_byte);
        // An upstream may answer, and close, before it has read all: its answer still counts.
        let head = self.deadline.limit(read_head(stream, &self.core.buffers, inspect)).await;
        let head = head
            .map_err(|_| self.late("the provider did not answer in time (first_byte_timeout)"))?;
        Ok(match (head, sent) {
            (Ok((head, answer)), Ok(())) => Ok((head, answer)),
            (Ok((head, mut answer)), Err(_)) => {
                answer.never_reuse();
                Ok((head, answer))
            }
            (Err(error), _) => Err(error),
        })
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
    let mut out = Head { status: head.status, passed: Passed::default(), coding: None };
    for (name, value) in head.headers(buf) {
        if name.eq_ignore_ascii_case(b"content-type") {
            out.passed.content_type = ContentType::of(value);
        } else if name.eq_ignore_ascii_case(b"content-encoding") {
            if !value.eq_ignore_ascii_case(b"identity") {
                out.coding = Some(String::from_utf8_lossy(value).into_owned());
            }
        } else if goes_through(name) {
            out.passed.lines.extend(name.iter().map(u8::to_ascii_lowercase));
            out.passed.lines.extend_from_slice(b": ");
            out.passed.lines.extend_from_slice(value);
            out.passed.lines.extend_from_slice(b"\r\n");
        }
    }
    out
}

fn goes_through(name: &[u8]) -> bool {
    let is_limit = |start: &[u8]| start.eq_ignore_ascii_case(b"x-ratelimit-");
    name.get(..12).is_some_and(is_limit)
        || PASSED.iter().any(|passed| name.eq_ignore_ascii_case(passed))
}
