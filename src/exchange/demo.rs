//! Answers of the built-in provider.

use std::pin::pin;
use std::time::Duration;

use crate::chat::Fold;
use crate::chat::Protocol;
use crate::chat::Sink;
use crate::error::Error;
use crate::error::Kind;
use crate::exchange::Exchange;
use crate::exchange::reply::ContentType;
use crate::exchange::reply::Framing;
use crate::exchange::reply::Passed;
use crate::net::buffers::EVENT;
use crate::net::buffers::SMALL;
use crate::net::downstream::Request;
use crate::observe::Meter;
use crate::observe::Outcome;
use crate::protocol::Seed;
use crate::protocol::any;
use crate::protocol::any::Writer;
use crate::protocol::openai::Endpoint;
use crate::protocol::openai::request::Ask;
use crate::provider::demo::Demo;
use crate::provider::demo::Facts;
use crate::provider::demo::Script;

/// An answer, ready to be told.
pub struct Performance {
    script: Script,
    client: Protocol,
    seed: Seed,
    stream: bool,
    usage: bool,
}

/// Writes the answer to `request`.
///
/// # Errors
/// A 400 for embeddings.
pub fn script(
    x: &Exchange<'_>,
    demo: Demo,
    request: &Request,
    ask: &Ask<'_>,
    meter: &Meter,
) -> Result<Performance, Error> {
    let client = x.endpoint.protocol();
    if x.endpoint == Endpoint::Embeddings {
        return Err(Error::field("model", "the demo provider has no embeddings"));
    }
    let driver = x.core.driver.to_string();
    let facts = Facts {
        model: &meter.record.model,
        key: &meter.record.key,
        body: request.body(),
        shard: x.core.shard,
        driver: &driver,
        token_cap: ask.token_cap,
    };
    let prefix = if client == Protocol::Anthropic { "msg" } else { "chatcmpl" };
    let id = format!("{prefix}-{}", meter.record.request_id);
    let now = x.core.unix_seconds();
    let script = demo.script(&facts, id, now);
    let seed = Seed { now, random: x.core.random.next() };
    let (stream, usage) = (ask.stream, !ask.hides_usage());
    Ok(Performance { script, client, seed, stream, usage })
}

/// Tells the answer.
///
/// # Errors
/// Where the client leaves, or the gateway has to.
pub async fn run(
    x: &mut Exchange<'_>,
    demo: Demo,
    show: Performance,
    meter: &mut Meter,
) -> Result<(), Error> {
    let core = x.core;
    meter.record.attempts += 1;
    meter.record.status = 200;
    if show.stream {
        return stream(x, demo, show, meter).await;
    }
    let mut fold = Fold::default();
    show.script.events().for_each(|event| fold.event(event));
    let mut body = Vec::new();
    any::write_answer(show.client, &fold.answer(), show.seed, &mut body);
    meter.settle(show.script.usage(usize::MAX), true);
    let mut out = core.buffers.take(SMALL);
    x.reply.head(&mut out, core, meter, Framing::Length(body.len()), &Passed::default());
    out.extend_from_slice(&body);
    meter.record.response_bytes = body.len() as u64;
    x.client.send(out).await?;
    Ok(())
}

async fn stream(
    x: &mut Exchange<'_>,
    demo: Demo,
    show: Performance,
    meter: &mut Meter,
) -> Result<(), Error> {
    let core = x.core;
    let mut out = core.buffers.take(EVENT);
    let content_type = ContentType::of(any::stream_type(show.client));
    let passed = Passed { content_type, lines: Vec::new() };
    x.reply.head(&mut out, core, meter, Framing::Stream, &passed);
    let deadline = core.deadlines.register();
    deadline.set_busy(true);
    let (client, reply, script) = (x.client, &x.reply, &show.script);
    let mut writer = Writer::new(show.client, show.seed, show.usage);
    let telling = pin!(async {
        let mut event = Vec::new();
        writer.write(&script.start(), &mut event);
        for at in 0..=script.words() {
            if at < script.words() {
                writer.write(&script.word(at), &mut event);
            } else {
                script.end().iter().for_each(|end| writer.write(end, &mut event));
            }
            meter.record.response_bytes += event.len() as u64;
            meter.settle(script.usage(at + 1), true);
            reply.piece(&mut out, &event);
            event.clear();
            if at == script.words() {
                break;
            }
            client.send(std::mem::take(&mut out)).await?;
            wait(&deadline, demo.pace()).await?;
        }
        reply.end(&mut out);
        client.send(out).await?;
        meter.record.outcome = Outcome::Answered;
        Ok(())
    });
    x.watching(telling).await?
}

async fn wait(
    deadline: &crate::runtime::deadline::Deadline,
    pace: Option<Duration>,
) -> Result<(), Error> {
    if deadline.is_killed() {
        return Err(Error::new(Kind::ShuttingDown, "the gateway is shutting down"));
    }
    match pace {
        Some(pace) => crate::runtime::sleep(pace).await,
        None => crate::runtime::fair_yield().await,
    }
    Ok(())
}
