//! Requests for an upstream that speaks another protocol than the client, or would not take what
//! the client holds of others' answers.

use crate::chat::Answer;
use crate::chat::Event;
use crate::chat::Facts;
use crate::chat::Losses;
use crate::chat::Protocol;
use crate::chat::Request as Chat;
use crate::chat::Sink;
use crate::chat::Start;
use crate::codec::http1::Known;
use crate::error::Error;
use crate::error::Kind;
use crate::exchange::Aim;
use crate::exchange::Exchange;
use crate::exchange::forward::Body;
use crate::exchange::forward::FORWARDED;
use crate::exchange::forward::Prepared;
use crate::exchange::forward::TRACING;
use crate::exchange::forward::Way;
use crate::exchange::forward::framing;
use crate::exchange::forward::headers;
use crate::exchange::forward::operation;
use crate::net::buffers::SMALL;
use crate::net::downstream::Request;
use crate::observe::Meter;
use crate::protocol::Garbage;
use crate::protocol::Seed;
use crate::protocol::Target;
use crate::protocol::anthropic;
use crate::protocol::any;
use crate::protocol::any::Writer;
use crate::protocol::bedrock;
use crate::protocol::gemini;
use crate::protocol::given::Given;
use crate::protocol::openai::chat as openai;
use crate::protocol::openai::request::Ask;
use crate::protocol::plain::Lent;
use crate::protocol::plain::Stretch;
use crate::provider;
use crate::provider::Operation;

/// From which protocol to which an answer is written.
#[derive(Clone, Copy, Debug)]
pub struct Across {
    /// What was asked.
    pub operation: Operation,
    /// The upstream's.
    pub upstream: Protocol,
    /// The client's.
    pub client: Protocol,
    /// What readers and writers need.
    pub seed: Seed,
    /// Whether an OpenAI client asked for the usage of its stream.
    pub usage: bool,
    /// Whether an OpenAI client knows calls in the older form only.
    pub functions: bool,
    /// Whether the answer comes as a call of ours ([`anthropic::request::FORMAT_TOOL`]).
    pub unwrap: bool,
}

/// Whether a request for an upstream of the client's protocol cannot go on as it is.
pub fn is_needed(x: &Exchange<'_>, aim: &Aim<'_>, ask: &Ask<'_>, meter: &Meter) -> bool {
    if x.endpoint.protocol() != Protocol::Anthropic {
        return false;
    }
    let model = meter.record.provider_model();
    let facts = x.core.snapshot.facts(aim.deployment.slot, Protocol::Anthropic, model);
    anthropic::request::holds_foreign(ask.body(), facts)
}

/// Writes the upstream's request.
///
/// # Errors
/// A 400 that names what cannot be carried faithfully; with `x-crabllm-strict: true`, at all.
pub fn prepare<'c>(
    x: &mut Exchange<'c>,
    aim: &Aim<'c>,
    ask: &Ask<'_>,
    request: &Request,
    meter: &Meter,
) -> Result<Box<Prepared<'c>>, Error> {
    let (core, server) = (x.core, aim.server);
    let model = meter.record.provider_model();
    let (client, upstream) = (x.endpoint.protocol(), server.service.protocol());
    let operation = operation(x.endpoint);
    let facts = core.snapshot.facts(aim.deployment.slot, upstream, model);
    let mut chat = match operation {
        Operation::Count => anthropic::count::read_valid_request(ask.body())?,
        Operation::Chat | Operation::Embed => any::read_valid(client, ask.body())?,
    };
    core.signatures.restore(client, &meter.record.key, &mut chat, core.clock.now());
    forget_forms(&mut chat);
    let lent = Lent::new(request.body());
    let target = Target { model, facts, dialect: server.service.dialect(), lent: Some(&lent) };
    let mut losses = Losses::default();
    let mut body = core.buffers.take(SMALL.max(request.body().len() + SMALL / 2));
    write(operation, upstream, &chat, &target, &mut body, &mut losses)?;
    let stretch = lent.finish(&mut body);
    check(request, &losses)?;
    x.reply.losses = losses;
    let call = provider::Call {
        model,
        stream: chat.stream,
        body: &body,
        version: request.known(Known::AnthropicVersion).filter(|_| client == upstream),
        now: core.unix_seconds(),
        ..provider::Call::of(operation)
    };
    let mut out = core.buffers.take(SMALL);
    server.service.head(&server.base, &call, &mut out)?;
    headers(&mut out, request, if client == upstream { &FORWARDED } else { &TRACING });
    framing(&mut out, chat.stream, body.len() + stretch.map_or(0, |stretch| stretch.len()));
    let body = match stretch {
        Some(stretch) => {
            let at = out.len() + stretch.at;
            out.extend_from_slice(&body);
            core.buffers.give(body);
            Body::Client(Stretch { at, ..stretch })
        }
        None => Body::Own(body),
    };
    let across = Across {
        operation,
        upstream,
        client,
        seed: Seed { now: core.unix_seconds(), random: core.random.next() },
        usage: !ask.hides_usage(),
        functions: chat.functions,
        unwrap: asks_by_tool(&chat, upstream, facts),
    };
    let (given, stream) = (Given::of(&chat, upstream), chat.stream);
    Ok(Box::new(Prepared {
        server,
        timeouts: aim.provider.timeouts,
        deployment: aim.deployment,
        out,
        body,
        way: way(across, given.as_ref()),
        given,
        stream,
    }))
}

/// What becomes of the answer: one that says all as the client would hear it goes on as it is.
fn way(across: Across, given: Option<&Given>) -> Way {
    if across.client == across.upstream && given.is_none() && !across.unwrap {
        return Way::Same { protocol: across.client, hide_usage: false, choices: 1 };
    }
    Way::Across(across)
}

fn write(
    operation: Operation,
    upstream: Protocol,
    chat: &Chat<'_>,
    target: &Target<'_>,
    out: &mut Vec<u8>,
    losses: &mut Losses,
) -> Result<(), Error> {
    match (operation, upstream) {
        (Operation::Count, Protocol::Gemini) => {
            gemini::count::write_request(chat, target, out, losses)
        }
        (Operation::Count, Protocol::Bedrock) => {
            bedrock::count::write_request(chat, target, out, losses)
        }
        (Operation::Count, Protocol::Anthropic) => {
            anthropic::count::write_request(chat, target, out, losses)
        }
        (Operation::Count | Operation::Chat | Operation::Embed, _) => {
            any::write_request(upstream, chat, target, out, losses)
        }
    }
}

/// Drops what only says how a client writes: every writer has a form of its own for it, so that
/// nothing is lost.
fn forget_forms(chat: &mut Chat<'_>) {
    chat.extra.retain(|extra| extra.name != "stream_options");
    for turn in &mut chat.turns {
        turn.extra.retain(|extra| extra.name != "role");
    }
}

/// A client that wants all or nothing is told what would be lost.
pub fn check(request: &Request, losses: &Losses) -> Result<(), Error> {
    let strict = match request.known(Known::XCrabllmStrict) {
        Some(value) => is_strict(value)?,
        None => false,
    };
    if losses.is_empty() || !strict {
        return Ok(());
    }
    let mut names = Vec::new();
    losses.write(&mut names);
    let names = String::from_utf8_lossy(&names).into_owned();
    let message = format!("this model's provider cannot be told: {names} (x-crabllm-strict)");
    Err(Error::new(Kind::BadRequest, message))
}

/// What `x-crabllm-strict` says. Who is not understood would think that nothing can be lost.
fn is_strict(value: &[u8]) -> Result<bool, Error> {
    match &*value.trim_ascii().to_ascii_lowercase() {
        b"true" | b"1" => Ok(true),
        b"false" | b"0" => Ok(false),
        _ => Err(Error::new(Kind::BadRequest, "`x-crabllm-strict` must be true or false")),
    }
}

/// Whether the writer asked for a form by a call, having no other way.
fn asks_by_tool(chat: &Chat<'_>, upstream: Protocol, facts: &Facts) -> bool {
    let by_schema = matches!(chat.format, Some(crate::chat::Format::Schema { .. }));
    by_schema && !facts.json_schema && matches!(upstream, Protocol::Anthropic | Protocol::Bedrock)
}

impl Across {
    /// Reads a whole answer.
    ///
    /// # Errors
    /// Where it is none.
    pub fn read<'a>(
        &self,
        body: &'a [u8],
        given: Option<&mut Given>,
        sink: &mut dyn Sink<'a>,
    ) -> Result<(), Garbage> {
        let mut unwrap = anthropic::Unwrap::default();
        let mut unwrapped;
        let sink: &mut dyn Sink<'a> = if self.unwrap {
            unwrapped = unwrap.before(sink);
            &mut unwrapped
        } else {
            sink
        };
        match given {
            Some(given) => {
                any::read_answer(self.upstream, body, self.seed, &mut given.before(sink))
            }
            None => any::read_answer(self.upstream, body, self.seed, sink),
        }
    }

    /// Reads a count of tokens.
    ///
    /// # Errors
    /// Where it is none.
    pub fn read_count(&self, body: &[u8]) -> Result<u64, Garbage> {
        match self.upstream {
            Protocol::Gemini => gemini::count::read_answer(body),
            Protocol::Bedrock => bedrock::count::read_answer(body),
            Protocol::Anthropic | Protocol::Openai | Protocol::Ollama => {
                anthropic::count::read_answer(body)
            }
        }
    }

    /// What writes the client's stream.
    #[must_use]
    pub fn writer(&self) -> Writer {
        if self.functions {
            return Writer::Openai(openai::stream::Writer::new(self.seed, self.usage).older());
        }
        Writer::new(self.client, self.seed, self.usage)
    }

    /// Writes a whole answer for the client.
    pub fn write(&self, answer: &Answer<'_>, out: &mut Vec<u8>) {
        if self.functions {
            return openai::response::write_older(answer, self.seed, out);
        }
        any::write_answer(self.client, answer, self.seed, out);
    }

    /// Writes a whole answer as a stream. `start` is told at its beginning.
    ///
    /// # Errors
    /// Where it is none.
    pub fn write_stream(
        &self,
        start: Start<'_>,
        body: &[u8],
        given: Option<&mut Given>,
        out: &mut Vec<u8>,
    ) -> Result<(), Garbage> {
        let mut writer = self.writer();
        let start = Event::Start(start);
        self.read(body, given, &mut Written { start, writer: &mut writer, out })
    }
}

struct Written<'w> {
    start: Event<'w>,
    writer: &'w mut Writer,
    out: &'w mut Vec<u8>,
}

impl<'a> Sink<'a> for Written<'_> {
    fn event(&mut self, event: Event<'a>) {
        let is_start = matches!(event, Event::Start(_));
        self.writer.write(if is_start { &self.start } else { &event }, self.out);
    }
}
