//! Same protocol on both sides: the client's bytes go to the upstream with as little changed as
//! possible, and a whole answer comes back as it is, once it is known to be one.

use crate::chat::Protocol;
use crate::codec::http1::Known;
use crate::error::Error;
use crate::error::Kind;
use crate::exchange::Aim;
use crate::exchange::Exchange;
use crate::exchange::attempt::Miss;
use crate::exchange::call::Call;
use crate::exchange::call::Head;
use crate::exchange::finish;
use crate::exchange::relay;
use crate::exchange::reply::ContentType;
use crate::exchange::translate::Across;
use crate::net::buffers::SMALL;
use crate::net::downstream::Request;
use crate::net::upstream::Answer;
use crate::observe::Meter;
use crate::protocol::any;
use crate::protocol::given::Given;
use crate::protocol::openai;
use crate::protocol::openai::request::Ask;
use crate::protocol::plain::Stretch;
use crate::provider;
use crate::provider::Operation;
use crate::provider::Server;
use crate::provider::Timeouts;
use crate::route::Deployment;

/// A body up to this size is copied behind its head; a larger one goes out from where it was read
/// to. Either way both go out in one write.
pub const COPY: usize = 8 * 1024;

/// Client headers that say something about the request itself and go on to the upstream. All
/// others stop here, the client's key above all.
pub const FORWARDED: [(Known, &[u8]); 5] = [
    (Known::OpenaiBeta, b"openai-beta: "),
    (Known::AnthropicBeta, b"anthropic-beta: "),
    (Known::IdempotencyKey, b"idempotency-key: "),
    (Known::Traceparent, b"traceparent: "),
    (Known::Tracestate, b"tracestate: "),
];

/// Those that go on to an upstream of another protocol.
pub const TRACING: [(Known, &[u8]); 2] =
    [(Known::Traceparent, b"traceparent: "), (Known::Tracestate, b"tracestate: ")];

/// A request as it goes upstream.
pub struct Prepared<'c> {
    /// Who is called.
    pub server: &'c Server,
    /// How long that may take.
    pub timeouts: Timeouts,
    /// Which deployment that is.
    pub deployment: &'c Deployment,
    /// The head, and what of the body is not in `body`.
    pub out: Vec<u8>,
    /// The rest of the body.
    pub body: Body,
    /// What becomes of the answer.
    pub way: Way,
    /// Tools that the upstream knows otherwise than the client.
    pub given: Option<Given>,
    /// Whether a stream was asked for.
    pub stream: bool,
}

/// Where the rest of a request's body is.
pub enum Body {
    /// In the client's request; it belongs at this place of `out`.
    Client(Stretch),
    /// Here, behind `out`.
    Own(Vec<u8>),
}

/// What becomes of an answer.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    /// It goes to a client of the same protocol.
    Same {
        /// Which.
        protocol: Protocol,
        /// Whether the usage in its stream is for us only.
        hide_usage: bool,
        /// How many answers were asked for.
        choices: u32,
    },
    /// It is written anew.
    Across(Across),
}

impl Way {
    /// The protocol that the upstream speaks.
    pub const fn upstream(&self) -> Protocol {
        match self {
            Self::Same { protocol, .. } => *protocol,
            Self::Across(across) => across.upstream,
        }
    }
}

/// Writes the upstream's request: the client's own, with what differs patched in.
pub fn prepare<'c>(
    x: &Exchange<'c>,
    aim: &Aim<'c>,
    ask: &Ask<'_>,
    request: &Request,
    meter: &Meter,
) -> Result<Box<Prepared<'c>>, Error> {
    let (body, server) = (request.body(), aim.server);
    let model = meter.record.provider_model();
    let asks = server.service.dialect().stream_usage;
    let patch = ask.patch(model, asks);
    let tail = if body.len() <= COPY { body.len() } else { patch.end() };
    let mut out = x.core.buffers.take(SMALL.max(tail + SMALL / 2));
    let stream = ask.stream;
    let call = provider::Call {
        model,
        stream,
        version: request.known(Known::AnthropicVersion),
        now: x.core.unix_seconds(),
        ..provider::Call::of(operation(x.endpoint))
    };
    server.service.head(&server.base, &call, &mut out)?;
    headers(&mut out, request, &FORWARDED);
    framing(&mut out, stream, patch.new_len(body.len()));
    patch.write(&mut out, body, tail);
    let rest = Stretch { at: out.len(), start: tail, end: body.len() };
    let (hide_usage, choices) = (asks && ask.hides_usage(), ask.choices);
    Ok(Box::new(Prepared {
        server,
        timeouts: aim.provider.timeouts,
        deployment: aim.deployment,
        out,
        body: Body::Client(rest),
        way: Way::Same { protocol: x.endpoint.protocol(), hide_usage, choices },
        given: None,
        stream,
    }))
}

/// What is asked of a provider at `endpoint`.
pub const fn operation(endpoint: openai::Endpoint) -> Operation {
    match endpoint {
        openai::Endpoint::Chat | openai::Endpoint::Messages => Operation::Chat,
        openai::Endpoint::Embeddings => Operation::Embed,
        openai::Endpoint::CountTokens => Operation::Count,
    }
}

/// Appends those of the client's headers that go on.
pub fn headers(out: &mut Vec<u8>, request: &Request, which: &[(Known, &[u8])]) {
    for (known, name) in which {
        if let Some(value) = request.known(*known) {
            out.extend_from_slice(name);
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// Appends the end of a head.
pub fn framing(out: &mut Vec<u8>, stream: bool, len: usize) {
    out.extend_from_slice(if stream {
        b"accept: text/event-stream\r\ncontent-length: "
    } else {
        b"accept: application/json\r\ncontent-length: "
    });
    out.extend_from_slice(itoa::Buffer::new().format(len).as_bytes());
    out.extend_from_slice(b"\r\n\r\n");
}

/// Sends the request, and its answer to the client.
pub async fn run(
    x: &mut Exchange<'_>,
    mut prepared: Box<Prepared<'_>>,
    request: &mut Request,
    meter: &mut Meter,
) -> Result<(), Miss> {
    let call = Call::begin(x, prepared.timeouts, meter);
    let answered = call.ask(x, &mut prepared, request, meter).await?;
    let head = &answered.0;
    meter.record.status = head.status;
    let streams = is_stream(prepared.way.upstream(), &head.passed.content_type);
    if prepared.stream && streams && head.status < 300 {
        return relay::run(x, &call, *prepared, *answered, request, meter).await;
    }
    whole(x, &call, prepared, answered, meter).await
}

/// Whether a body of this type is a stream of `protocol`.
fn is_stream(protocol: Protocol, content_type: &ContentType) -> bool {
    match protocol {
        Protocol::Openai | Protocol::Anthropic | Protocol::Gemini => {
            matches!(content_type, ContentType::EventStream(_))
        }
        Protocol::Bedrock | Protocol::Ollama => content_type.is(any::stream_type(protocol)),
    }
}

/// An answer that is read to its end before its first byte goes on.
async fn whole(
    x: &mut Exchange<'_>,
    call: &Call<'_>,
    mut prepared: Box<Prepared<'_>>,
    answered: Box<(Head, Answer)>,
    meter: &mut Meter,
) -> Result<(), Miss> {
    let core = x.core;
    let mut answered = answered;
    call.read(x, &mut answered.1).await?;
    let (head, mut answer) = *answered;
    let body = std::mem::take(&mut answer.buf);
    if let Some(stream) = answer.into_reusable() {
        core.pool.give(prepared.deployment.provider, stream, core.clock.now());
    }
    if x.reply.has_begun() {
        let message = "the provider did not stream its answer";
        return Err(Error::new(Kind::UpstreamGarbage, message).into());
    }
    let (body, passed) = finish::whole(x, &mut prepared, head, body, meter)?;
    Ok(finish::send(x, body, &passed, meter).await?)
}
