//! A stream from the upstream to the client, event by event, until its proper end.

use std::pin::pin;
use std::time::Duration;

use crate::error::Error;
use crate::error::Kind;
use crate::exchange::Exchange;
use crate::exchange::attempt::Last;
use crate::exchange::attempt::Miss;
use crate::exchange::call::Call;
use crate::exchange::call::Head;
use crate::exchange::call::broken;
use crate::exchange::failpoint;
use crate::exchange::forward::Prepared;
use crate::exchange::forward::Way;
use crate::exchange::pace::Pace;
use crate::exchange::pipe::Pipe;
use crate::exchange::reframe::State;
use crate::exchange::reply::ContentType;
use crate::exchange::reply::Framing;
use crate::exchange::reply::Reply;
use crate::net::buffers::EVENT;
use crate::net::downstream::Downstream;
use crate::net::downstream::Request;
use crate::net::upstream::Answer;
use crate::observe::Meter;
use crate::observe::Outcome;
use crate::protocol::Seed;
use crate::protocol::any;
use crate::route::Deployment;
use crate::runtime::Turns;

/// After so long without a word from the upstream the client is sent a comment, which clients
/// ignore, so that nothing between us takes the connection for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The comment.
const COMMENT: &[u8] = b": keep-alive\n\n";

/// Of a stream that has not said anything yet, no more than this is held back.
const HELD: usize = 64 * 1024;

struct Relay<'a> {
    client: &'a Downstream,
    reply: &'a Reply,
    call: &'a Call<'a>,
    deployment: &'a Deployment,
    pipe: Pipe,
    /// Bytes of the head that is held back with what comes before the first content: until then
    /// another attempt can take the place of this one.
    held: Option<usize>,
    /// Whether the client has the head.
    begun: bool,
    pace: Pace,
}

/// Passes the stream on. The client is watched all the while.
///
/// # Errors
/// A miss, which can be replaced as long as no content went to the client.
pub async fn run(
    x: &mut Exchange<'_>,
    call: &Call<'_>,
    prepared: Prepared<'_>,
    (head, mut answer): (Head, Answer),
    request: &mut Request,
    meter: &mut Meter,
) -> Result<(), Miss> {
    let core = x.core;
    failpoint::hit(request, "relay");
    let mut out = core.buffers.take(EVENT);
    let mut passed = head.passed;
    let pipe = match prepared.way {
        Way::Same { protocol, hide_usage, choices } => {
            Pipe::same(protocol, Seed::default(), hide_usage, choices)
        }
        Way::Across(across) => {
            passed.content_type = ContentType::of(any::stream_type(across.client));
            Pipe::across(across, prepared.given, &meter.record.model)
        }
    };
    let (begun, keep_alive) = (x.reply.has_begun(), x.reply.keep_alive);
    if !begun {
        x.reply.head(&mut out, core, meter, Framing::Stream, &passed);
    }
    let deployment = prepared.deployment;
    let (client, reply) = (x.client, &x.reply);
    let (held, pace) = (Some(out.len()), Pace::default());
    let mut relay = Relay { client, reply, call, deployment, pipe, held, begun, pace };
    let passing = {
        let passing = pin!(relay.pass(&mut answer, out, request, meter));
        x.watching(passing).await
    };
    let Relay { held, begun, .. } = relay;
    if let Err(mut miss) = passing.map_err(Miss::from).and_then(|passed| passed) {
        miss.replaceable &= held.is_some();
        if !begun {
            x.reply.unbegin(keep_alive);
        }
        // What was told already need not be told again.
        x.told = held.is_none() && matches!(miss.last, Last::Failure(_));
        if x.told {
            miss.last = Last::Error(upstream_said_so());
        }
        return Err(miss);
    }
    if let Some(stream) = answer.into_reusable() {
        core.pool.give(deployment.provider, stream, core.clock.now());
    }
    Ok(())
}

/// The client has been told by the upstream's own event.
fn upstream_said_so() -> Error {
    Error::new(Kind::UpstreamRefused, "the provider failed in the middle of its stream")
}

impl Relay<'_> {
    /// `out` holds the head, and goes out with the first content.
    async fn pass(
        &mut self,
        answer: &mut Answer,
        mut out: Vec<u8>,
        request: &mut Request,
        meter: &mut Meter,
    ) -> Result<(), Miss> {
        let mut turns = Turns::default();
        loop {
            let ended = self.step(answer, &mut out, meter);
            // A client may take its time; what has been read is not held twice meanwhile.
            answer.rest();
            if self.may_go(&ended, out.len()) {
                self.commit(request);
                // What came before a fault goes out before the fault is told.
                self.client.send(std::mem::take(&mut out)).await?;
            }
            if ended? {
                meter.record.outcome = Outcome::Answered;
                self.read_end(answer).await;
                return Ok(());
            }
            turns.next().await;
            self.wait(answer, &mut out).await?;
            if out.capacity() == 0 {
                out = self.call.core.buffers.take(EVENT);
            }
        }
    }

    /// Appends what has come to `out`; whether the answer is complete.
    fn step(
        &mut self,
        answer: &mut Answer,
        out: &mut Vec<u8>,
        meter: &mut Meter,
    ) -> Result<bool, Miss> {
        let ended = match self.take(answer, out, meter)? {
            State::Done => true,
            State::Open if answer.is_complete() => self.conclude(answer, out, meter)?,
            State::Open => false,
            State::Failed => return Err(self.failure()),
        };
        self.pipe.remember(&meter.record.key, self.call.core);
        if ended {
            self.reply.end(out);
        }
        Ok(ended)
    }

    /// Whether what was read goes to the client now: always, once something did.
    fn may_go(&self, ended: &Result<bool, Miss>, len: usize) -> bool {
        let says_something = || self.pipe.has_content() || len >= HELD;
        self.held.is_none() || matches!(ended, Ok(done) if *done || says_something())
    }

    /// From here on the client hears this answer and no other.
    fn commit(&mut self, request: &mut Request) {
        if self.held.take().is_some() {
            self.begun = true;
            let core = self.call.core;
            core.succeeded(self.deployment);
            request.release(&core.buffers);
        }
    }

    /// The failure that the upstream told.
    fn failure(&self) -> Miss {
        match self.pipe.failure() {
            Some(failure) => Miss::told(failure.clone()),
            None => upstream_said_so().into(),
        }
    }

    /// Moves the events that are complete from the answer to `out`, and notes what was seen.
    fn take(
        &mut self,
        answer: &mut Answer,
        out: &mut Vec<u8>,
        meter: &mut Meter,
    ) -> Result<State, Error> {
        // Room for all of it at once, with the framing of a few pieces.
        self.call.core.buffers.grow(out, answer.buf.len() + 64);
        let step = self.pipe.push(&answer.buf, out, self.reply);
        self.note(meter);
        let (used, state) = step?;
        answer.buf.drain(..used);
        Ok(state)
    }

    /// Notes what has passed so far.
    fn note(&mut self, meter: &mut Meter) {
        let told = self.pipe.usage();
        meter.record.response_bytes = self.pipe.passed();
        let mut usage = told.or(self.pipe.usage_at_start()).unwrap_or(meter.record.usage);
        if told.is_none() {
            usage.completion = self.pipe.content_events();
        }
        meter.settle(usage, told.is_some());
    }

    /// The upstream has said all it has to say, without its protocol's last word. That is an end
    /// only where no cut looks the same.
    fn conclude(
        &mut self,
        answer: &Answer,
        out: &mut Vec<u8>,
        meter: &mut Meter,
    ) -> Result<bool, Error> {
        let framed = answer.is_self_delimiting();
        let ended = self.pipe.conclude(&answer.buf, framed, out, self.reply);
        self.note(meter);
        ended.map(|()| true)
    }

    /// Reads once, for as long as the upstream may be silent. `held` is what the client has not
    /// heard of yet.
    async fn wait(&mut self, answer: &mut Answer, held: &mut Vec<u8>) -> Result<(), Error> {
        let (call, core) = (self.call, self.call.core);
        let heard = core.clock.now();
        let silent_until = heard.after(call.timeouts.idle);
        let more = answer.has_more();
        // The client has to wait for no event before the first.
        let said = self.held.is_none();
        let gather = self.pace.gathers(self.pipe.content_events()) && said && !more;
        let mut read = pin!(async {
            if gather {
                answer.gather(core.deadlines.beat()).await;
            } else if !more {
                answer.readable().await?;
            }
            answer.read_more().await
        });
        let mut comment_at = heard.after(KEEP_ALIVE);
        loop {
            call.deadline.arm_at(silent_until.min(call.ends).min(comment_at));
            if let Ok(read) = call.deadline.limit(read.as_mut()).await {
                self.pace.note(core.clock.refresh().since(heard), gather);
                return read.map_err(|error| broken(&error));
            }
            let now = core.clock.now();
            if call.deadline.is_killed() || now >= silent_until.min(call.ends) {
                return Err(call.late("the provider's stream fell silent (stream_idle_timeout)"));
            }
            let mut out = core.buffers.take(EVENT);
            if let Some(head) = &mut self.held {
                out.extend(held.drain(..std::mem::take(head)));
                self.begun = true;
            }
            self.reply.piece(&mut out, COMMENT);
            self.client.send(out).await?;
            comment_at = now.after(KEEP_ALIVE);
        }
    }

    /// The client has all; the end of the body's framing is worth a moment's wait, as without it
    /// the connection cannot be used again.
    async fn read_end(&self, answer: &mut Answer) {
        const MOMENT: Duration = Duration::from_millis(5);
        let call = self.call;
        call.arm(MOMENT);
        while !answer.is_complete() {
            if !matches!(call.deadline.limit(answer.read_more()).await, Ok(Ok(()))) {
                return;
            }
        }
    }
}
