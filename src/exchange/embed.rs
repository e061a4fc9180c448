//! Embeddings of a provider that does not speak OpenAI's protocol: as many calls as its batches
//! ask for, one after another, and one answer.

use crate::chat::Losses;
use crate::chat::Protocol;
use crate::chat::Text;
use crate::chat::Usage;
use crate::chat::embed::Answer;
use crate::chat::embed::Request as Embed;
use crate::error::Error;
use crate::error::Kind;
use crate::exchange::Aim;
use crate::exchange::Exchange;
use crate::exchange::attempt::Miss;
use crate::exchange::call::Call;
use crate::exchange::finish;
use crate::exchange::forward::Body;
use crate::exchange::forward::Prepared;
use crate::exchange::forward::TRACING;
use crate::exchange::forward::Way;
use crate::exchange::forward::framing;
use crate::exchange::forward::headers;
use crate::exchange::reply::Passed;
use crate::exchange::translate;
use crate::exchange::translate::Across;
use crate::net::buffers::SMALL;
use crate::net::downstream::Request;
use crate::observe::Meter;
use crate::protocol::Garbage;
use crate::protocol::Seed;
use crate::protocol::Target;
use crate::protocol::bedrock;
use crate::protocol::gemini;
use crate::protocol::ollama;
use crate::protocol::openai::chat::embed;
use crate::provider;
use crate::provider::Operation;

/// Inputs of one `batchEmbedContents`, as Google documents it.
const GEMINI_BATCH: usize = 100;

/// Answers to an embeddings request.
pub async fn run(
    x: &mut Exchange<'_>,
    mut prepared: Box<Prepared<'_>>,
    request: &mut Request,
    meter: &mut Meter,
) -> Result<(), Miss> {
    let upstream = prepared.way.upstream();
    let model: Box<str> = meter.record.provider_model().into();
    let core = x.core;
    let facts = core.snapshot.facts(prepared.deployment.slot, upstream, &model);
    let target = Target::new(&model, facts);
    // The request lends its buffer out while it is under way.
    let text = request.body().to_vec();
    let asked = embed::read_request(&text)?;
    let call = Call::begin(x, prepared.timeouts, meter);
    let mut parts = Vec::new();
    for inputs in asked.inputs.chunks(batch(upstream, &model)) {
        let part = Embed { inputs: inputs.to_vec(), ..asked.clone() };
        write(x, &mut prepared, &part, &target, request)?;
        let (head, mut answer) = *call.ask(x, &mut prepared, request, meter).await?;
        meter.record.status = head.status;
        call.read(x, &mut answer).await?;
        let body = std::mem::take(&mut answer.buf);
        if let Some(stream) = answer.into_reusable() {
            x.core.pool.give(prepared.deployment.provider, stream, x.core.clock.now());
        }
        if head.status >= 400 {
            return Err(finish::refused(x, prepared.way, head, body));
        }
        parts.push((body, head.input_tokens));
    }
    let mut answer = join(upstream, &parts, asked.inputs.len())
        .map_err(|error| Error::new(Kind::UpstreamGarbage, error.to_string()))?;
    if answer.model.is_empty() {
        answer.model = Text::plain(&meter.record.model);
    }
    let usage = Usage { prompt: answer.tokens.unwrap_or(0), ..Usage::default() };
    meter.settle(usage, answer.tokens.is_some());
    let mut out = x.core.buffers.take(SMALL);
    embed::write_answer(&answer, asked.base64, &mut out);
    Ok(finish::send(x, out, &Passed::default(), meter).await?)
}

/// A request without its head and body.
pub fn prepare<'c>(x: &Exchange<'c>, aim: &Aim<'c>) -> Box<Prepared<'c>> {
    let server = aim.server;
    let across = Across {
        operation: Operation::Embed,
        upstream: server.service.protocol(),
        client: x.endpoint.protocol(),
        seed: Seed { now: x.core.unix_seconds(), random: x.core.random.next() },
        usage: false,
        functions: false,
        unwrap: false,
    };
    Box::new(Prepared {
        server,
        timeouts: aim.provider.timeouts,
        deployment: aim.deployment,
        out: Vec::new(),
        body: Body::Own(Vec::new()),
        way: Way::Across(across),
        given: None,
        stream: false,
    })
}

/// How many inputs one call takes.
fn batch(upstream: Protocol, model: &str) -> usize {
    match upstream {
        Protocol::Gemini => GEMINI_BATCH,
        Protocol::Bedrock => bedrock::embed::batch(model).max(1),
        Protocol::Openai | Protocol::Anthropic | Protocol::Ollama => usize::MAX,
    }
}

/// Writes the request for some of the inputs.
fn write(
    x: &mut Exchange<'_>,
    prepared: &mut Prepared<'_>,
    asked: &Embed<'_>,
    target: &Target<'_>,
    request: &Request,
) -> Result<(), Error> {
    let (mut body, mut losses) = (x.core.buffers.take(SMALL), Losses::default());
    match prepared.way.upstream() {
        Protocol::Gemini => gemini::embed::write_request(asked, target, &mut body, &mut losses)?,
        Protocol::Ollama => ollama::embed::write_request(asked, target, &mut body, &mut losses)?,
        Protocol::Bedrock => {
            bedrock::embed::write_request(&asked.inputs, asked, target, &mut body, &mut losses)?
        }
        Protocol::Openai | Protocol::Anthropic => {
            embed::write_request(asked, target, &mut body, &mut losses)?;
        }
    }
    translate::check(request, &losses)?;
    x.reply.losses = losses;
    let call = provider::Call {
        model: target.model,
        body: &body,
        now: x.core.unix_seconds(),
        ..provider::Call::of(Operation::Embed)
    };
    let mut out = x.core.buffers.take(SMALL);
    prepared.server.service.head(&prepared.server.base, &call, &mut out)?;
    headers(&mut out, request, &TRACING);
    framing(&mut out, false, body.len());
    prepared.out = out;
    prepared.body = Body::Own(body);
    Ok(())
}

/// One answer of many, each with the tokens that its head told.
fn join(
    upstream: Protocol,
    parts: &[(Vec<u8>, Option<u64>)],
    wanted: usize,
) -> Result<Answer<'_>, Garbage> {
    let mut all = Answer::default();
    for (body, told) in parts {
        let part = match upstream {
            Protocol::Gemini => gemini::embed::read_answer(body)?,
            Protocol::Ollama => ollama::embed::read_answer(body)?,
            Protocol::Bedrock => bedrock::embed::read_answer(body)?,
            Protocol::Openai | Protocol::Anthropic => embed::read_answer(body)?,
        };
        all.model = part.model;
        all.vectors.extend(part.vectors);
        all.tokens = match (all.tokens, part.tokens.or(*told)) {
            (Some(one), Some(other)) => Some(one + other),
            (one, other) => one.or(other),
        };
    }
    if all.vectors.len() == wanted {
        return Ok(all);
    }
    let got = all.vectors.len();
    Err(Garbage::new(format!("the provider sent {got} vectors for {wanted} inputs")))
}
