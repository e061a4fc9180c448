//! Whole answers on their way to the client, once they are known to be answers.

use crate::chat::Answer;
use crate::chat::Class;
use crate::chat::Event;
use crate::chat::Failure;
use crate::chat::Fold;
use crate::chat::Protocol;
use crate::chat::Start;
use crate::chat::Text;
use crate::chat::Usage;
use crate::error::Error;
use crate::error::Kind;
use crate::exchange::Exchange;
use crate::exchange::attempt::Last;
use crate::exchange::attempt::Miss;
use crate::exchange::attempt::Refusal;
use crate::exchange::call::Head;
use crate::exchange::forward::COPY;
use crate::exchange::forward::Prepared;
use crate::exchange::forward::Way;
use crate::exchange::reply::ContentType;
use crate::exchange::reply::Framing;
use crate::exchange::reply::Passed;
use crate::exchange::translate::Across;
use crate::net::buffers::SMALL;
use crate::net::downstream::Gone;
use crate::observe::Meter;
use crate::observe::Outcome;
use crate::observe::Record;
use crate::protocol::Garbage;
use crate::protocol::Seed;
use crate::protocol::anthropic;
use crate::protocol::any;
use crate::protocol::any::Writer;
use crate::protocol::given::Given;
use crate::protocol::left_out;
use crate::protocol::openai;
use crate::provider::Operation;
use crate::route::Fault;
use crate::route::wait;

/// Sends the client a whole answer.
///
/// # Errors
/// Where it is gone.
pub async fn send(
    x: &mut Exchange<'_>,
    body: Vec<u8>,
    passed: &Passed,
    meter: &mut Meter,
) -> Result<(), Gone> {
    let (core, len) = (x.core, body.len());
    let mut out = core.buffers.take(SMALL.max(if len <= COPY { len + 1024 } else { 0 }));
    x.reply.head(&mut out, core, meter, Framing::Length(len), passed);
    meter.record.response_bytes = len as u64;
    if len > COPY {
        return x.client.send_both(out, body).await;
    }
    out.extend_from_slice(&body);
    core.buffers.give(body);
    x.client.send(out).await
}

/// What the client gets for the upstream's `body`.
///
/// # Errors
/// A miss where it is no answer.
pub fn whole(
    x: &mut Exchange<'_>,
    prepared: &mut Prepared<'_>,
    head: Head,
    body: Vec<u8>,
    meter: &mut Meter,
) -> Result<(Vec<u8>, Passed), Miss> {
    if head.status >= 400 {
        return Err(refused(x, prepared.way, head, body));
    }
    let (body, usage, passed) = match prepared.way {
        Way::Same { protocol, .. } => {
            let usage = usage(protocol, x, &body)?;
            (body, usage, head.passed)
        }
        Way::Across(across) => {
            let (out, usage) = across_whole(x, across, prepared, &meter.record, &body)?;
            x.core.buffers.give(body);
            let content_type = match prepared.stream {
                true => ContentType::of(any::stream_type(across.client)),
                false => ContentType::Json,
            };
            (out, usage, Passed { content_type, ..head.passed })
        }
    };
    meter.settle(usage.unwrap_or_default(), usage.is_some());
    Ok((body, passed))
}

fn not_valid(what: &dyn std::fmt::Display) -> Error {
    Error::new(Kind::UpstreamGarbage, format!("the provider's answer is not valid: {what}"))
}

/// Checks an answer that goes on as it is, and reads its usage.
fn usage(protocol: Protocol, x: &Exchange<'_>, body: &[u8]) -> Result<Option<Usage>, Miss> {
    let read = match (protocol, crate::exchange::forward::operation(x.endpoint)) {
        (Protocol::Openai, _) => match openai::response::read(body) {
            Ok(told) if told.failed => {
                return Err(Miss::told(any::read_error(protocol, 200, None, body)));
            }
            Ok(told) => Ok(told.usage),
            Err(error) => Err(error.into()),
        },
        (Protocol::Anthropic, Operation::Count) => {
            anthropic::count::read_answer(body).map(|_tokens| None)
        }
        (Protocol::Anthropic | Protocol::Gemini | Protocol::Bedrock | Protocol::Ollama, _) => {
            let mut fold = Fold::default();
            any::read_answer(protocol, body, Seed::default(), &mut fold)
                .map(|()| fold.answer().usage)
        }
    };
    Ok(read.map_err(|error| not_valid(&error))?)
}

/// Writes an upstream's answer anew for a client of another protocol.
fn across_whole(
    x: &mut Exchange<'_>,
    across: Across,
    prepared: &mut Prepared<'_>,
    record: &Record,
    body: &[u8],
) -> Result<(Vec<u8>, Option<Usage>), Miss> {
    let mut out = x.core.buffers.take(SMALL.max(body.len()));
    if across.operation == Operation::Count {
        let tokens = across.read_count(body).map_err(|error| not_valid(&error))?;
        anthropic::count::write_answer(tokens, &mut out);
        return Ok((out, None));
    }
    let mut answer =
        read(across, prepared.given.as_mut(), body).map_err(|error| not_valid(&error))?;
    if let Some(failure) = answer.failure.take() {
        return Err(Miss::told(failure.into_owned()));
    }
    if answer.start.model.is_empty() {
        answer.start.model = Text::plain(&record.model);
    }
    x.core.signatures.remember(across.client, &record.key, &answer, x.core.clock.now());
    if prepared.stream {
        // The upstream did not stream what it was asked to: the client still gets a stream, and is
        // told at once what is known only now.
        let start = Start { usage: answer.usage, ..answer.start };
        let given = prepared.given.as_mut();
        across.write_stream(start, body, given, &mut out).map_err(|error| not_valid(&error))?;
    } else {
        left_out::note_media(across.client, &answer, &mut x.reply.losses);
        if across.functions {
            left_out::note_calls(&answer, &mut x.reply.losses);
        }
        across.write(&answer, &mut out);
    }
    Ok((out, answer.usage))
}

fn read<'a>(
    across: Across,
    given: Option<&mut Given>,
    body: &'a [u8],
) -> Result<Answer<'a>, Garbage> {
    let mut fold = Fold::default();
    across.read(body, given, &mut fold)?;
    Ok(fold.answer())
}

/// An upstream's refusal, read for what may be done about it.
pub fn refused(x: &Exchange<'_>, way: Way, head: Head, body: Vec<u8>) -> Miss {
    let failure = any::read_error(way.upstream(), head.status, head.error_type.as_deref(), &body);
    let lines = &head.passed.lines;
    let wait_ms = wait::asked_for(lines, x.core.unix_seconds()).or(failure.retry_after_ms);
    let class = match (failure.class, way.upstream()) {
        // Its rates come with a time; the cap on spending, which does not pass, comes without.
        (Class::RateLimit, Protocol::Anthropic) if wait_ms.is_none() => Class::Quota,
        (class, _) => class,
    };
    let fault = Fault::Refused { class, wait_ms, final_word: wait::says_no_more(lines) };
    let refusal = Box::new(Refusal { head, body, way, failure });
    Miss { fault: Some(fault), replaceable: true, last: Last::Refusal(refusal) }
}

/// Tells the client of an upstream's refusal, in the client's words.
///
/// # Errors
/// Where it is gone, or can be told by an event only.
pub async fn refuse(
    x: &mut Exchange<'_>,
    refusal: Refusal,
    meter: &mut Meter,
) -> Result<(), Error> {
    let Refusal { head, body, way, failure } = refusal;
    if x.reply.has_begun() {
        return tell(x, &failure, meter).await;
    }
    note(head.status, meter);
    meter.record.status = head.status;
    let mut passed = head.passed;
    if let Way::Same { protocol, .. } = way
        && is_shaped(protocol, &body)
    {
        final_word(&mut passed, meter);
        return Ok(send(x, body, &passed, meter).await?);
    }
    x.core.buffers.give(body);
    if let Way::Across(_) = way {
        meter.record.status = any::error_status(x.endpoint.protocol(), &failure);
    }
    failed(x, &failure, passed, meter).await
}

/// Tells the client of a failure that an upstream told in its stream, or in the place of an
/// answer.
///
/// # Errors
/// Where it is gone, or was told by an event.
pub async fn tell(
    x: &mut Exchange<'_>,
    failure: &Failure<'static>,
    meter: &mut Meter,
) -> Result<(), Error> {
    let client = x.endpoint.protocol();
    let status = any::error_status(client, failure);
    if !x.reply.has_begun() {
        note(failure.status, meter);
        meter.record.status = status;
        return failed(x, failure, Passed::default(), meter).await;
    }
    let mut event = Vec::new();
    Writer::new(client, Seed::default(), false).write(&Event::Failure(failure.clone()), &mut event);
    let mut out = x.core.buffers.take(SMALL);
    x.reply.piece(&mut out, &event);
    x.client.send(out).await?;
    x.told = true;
    let message = format!("the provider failed: {}", failure.message.decode());
    Err(Error::new(Kind::UpstreamRefused, message))
}

/// Notes that the upstream refused.
fn note(status: u16, meter: &mut Meter) {
    meter.record.outcome = Outcome::UpstreamFailed;
    let message = format!("the provider answered with status {status}");
    meter.record.error = Some(Error::new(Kind::UpstreamRefused, message));
}

/// Sends a failure in the client's words.
async fn failed(
    x: &mut Exchange<'_>,
    failure: &Failure<'static>,
    mut passed: Passed,
    meter: &mut Meter,
) -> Result<(), Error> {
    if let Some(wait) = failure.retry_after_ms
        && !has(&passed, b"retry-after: ")
    {
        passed.line(b"retry-after", wait.div_ceil(1000).to_string().as_bytes());
    }
    final_word(&mut passed, meter);
    let mut out = x.core.buffers.take(SMALL);
    any::write_error(x.endpoint.protocol(), failure, &mut out);
    passed.content_type = ContentType::Json;
    Ok(send(x, out, &passed, meter).await?)
}

/// A client need not try again what was tried again here.
fn final_word(passed: &mut Passed, meter: &Meter) {
    if meter.record.attempts > 1 && !has(passed, b"x-should-retry: ") {
        passed.line(b"x-should-retry", b"false");
    }
}

fn has(passed: &Passed, name: &[u8]) -> bool {
    passed.lines.windows(name.len()).any(|window| window == name)
}

/// Whether a refusal is in the protocol's own shape already: then it goes through as it is.
fn is_shaped(protocol: Protocol, body: &[u8]) -> bool {
    match protocol {
        Protocol::Openai => openai::error::is_openai_shaped(body),
        Protocol::Anthropic | Protocol::Gemini | Protocol::Bedrock | Protocol::Ollama => {
            crate::codec::json::validate(body).is_ok()
        }
    }
}
