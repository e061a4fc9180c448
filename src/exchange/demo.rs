//! Answers of the built-in provider.

use std::pin::pin;
use std::time::Duration;

use crate::chat::Usage;
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
use crate::protocol::openai::Endpoint;
use crate::protocol::openai::request::Ask;
use crate::provider::demo::Demo;
use crate::provider::demo::Facts;
use crate::provider::demo::Script;

/// An answer, ready to be told.
pub struct Performance {
    script: Script,
    stream: bool,
    hide_usage: bool,
}

/// Writes the answer to `request`.
///
/// # Errors
/// A 400 for anything but chat.
pub fn script(
    x: &Exchange<'_>,
    demo: Demo,
    request: &Request,
    ask: &Ask<'_>,
    meter: &Meter,
) -> Result<Performance, Error> {
    if x.endpoint != Endpoint::Chat {
        let message = "the demo provider answers chat completions only";
        return Err(Error::field("model", message));
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
    let id = format!("chatcmpl-{}", meter.record.request_id);
    let script = demo.script(&facts, id, x.core.unix_seconds());
    let (stream, hide_usage) = (ask.stream, ask.hides_usage());
    Ok(Performance { script, stream, hide_usage })
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
    let mut body = Vec::new();
    show.script.whole(&mut body);
    settle(&show, meter, None);
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
    let passed = Passed { content_type: ContentType::of(b"text/event-stream"), lines: Vec::new() };
    x.reply.head(&mut out, core, meter, Framing::Stream, &passed);
    let deadline = core.deadlines.register();
    deadline.set_busy(true);
    let (client, reply) = (x.client, &x.reply);
    let telling = pin!(async {
        let events = show.script.events() - usize::from(show.hide_usage);
        for at in 0..events {
            let mut event = Vec::new();
            show.script.event(&mut event, at);
            meter.record.response_bytes += event.len() as u64;
            settle(&show, meter, Some(at));
            reply.piece(&mut out, &event);
            client.send(std::mem::take(&mut out)).await?;
            wait(&deadline, demo.pace()).await?;
        }
        reply.piece(&mut out, b"data: [DONE]\n\n");
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

/// Notes the tokens told: all, or those up to event `at`.
fn settle(show: &Performance, meter: &mut Meter, at: Option<usize>) {
    let all = show.script.tokens();
    let completion = at.map_or(all, |at| all.min(at as u64));
    let prompt = show.script.prompt_tokens();
    meter.settle(Usage { prompt, completion, ..Usage::default() }, true);
}
