//! Whole answers on their way to the client, once they are known to be answers.

use crate::chat::Answer;
use crate::chat::Fold;
use crate::chat::Protocol;
use crate::chat::Text;
use crate::chat::Usage;
use crate::error::Error;
use crate::error::Kind;
use crate::exchange::Exchange;
use crate::exchange::call::Head;
use crate::exchange::forward::Prepared;
use crate::exchange::forward::Way;
use crate::exchange::reply::ContentType;
use crate::exchange::reply::Passed;
use crate::exchange::translate::Across;
use crate::net::buffers::SMALL;
use crate::observe::Meter;
use crate::observe::Outcome;
use crate::protocol::Garbage;
use crate::protocol::Seed;
use crate::protocol::anthropic;
use crate::protocol::any;
use crate::protocol::given::Given;
use crate::protocol::openai;
use crate::provider::Operation;

/// What the client gets for the upstream's `body`.
///
/// # Errors
/// [`Kind::UpstreamGarbage`] for what is no answer.
pub fn whole(
    x: &mut Exchange<'_>,
    prepared: &mut Prepared<'_>,
    head: Head,
    body: Vec<u8>,
    meter: &mut Meter,
) -> Result<(Vec<u8>, Passed), Error> {
    if head.status >= 400 {
        return Ok(refusal(x, prepared.way, head, body, meter));
    }
    let (body, usage, passed) = match prepared.way {
        Way::Same { protocol, .. } => {
            let usage = usage(protocol, x, &body).map_err(|error| not_valid(&error))?;
            (body, usage, head.passed)
        }
        Way::Across(across) => {
            let model = &meter.record.model;
            let (out, usage) = across_whole(x, across, prepared, model, &body)?;
            x.core.buffers.give(body);
            let content_type = match prepared.stream {
                true => ContentType::of(any::stream_type(across.client)),
                false => ContentType::Json,
            };
            (out, usage, Passed { content_type, ..head.passed })
        }
    };
    meter.record.usage_exact = usage.is_some();
    meter.record.usage = usage.unwrap_or_default();
    prepared.permit.settle(meter.record.usage);
    Ok((body, passed))
}

fn not_valid(what: &dyn std::fmt::Display) -> Error {
    Error::new(Kind::UpstreamGarbage, format!("the provider's answer is not valid: {what}"))
}

/// Checks an answer that goes on as it is, and reads its usage.
fn usage(protocol: Protocol, x: &Exchange<'_>, body: &[u8]) -> Result<Option<Usage>, Garbage> {
    match (protocol, crate::exchange::forward::operation(x.endpoint)) {
        (Protocol::Openai, _) => Ok(openai::response::read(body)?),
        (Protocol::Anthropic, Operation::Count) => {
            anthropic::count::read_answer(body).map(|_tokens| None)
        }
        (Protocol::Anthropic | Protocol::Gemini | Protocol::Bedrock | Protocol::Ollama, _) => {
            let mut fold = Fold::default();
            any::read_answer(protocol, body, Seed::default(), &mut fold)?;
            Ok(fold.answer().usage)
        }
    }
}

/// Writes an upstream's answer anew for a client of another protocol.
fn across_whole(
    x: &Exchange<'_>,
    across: Across,
    prepared: &mut Prepared<'_>,
    model: &str,
    body: &[u8],
) -> Result<(Vec<u8>, Option<Usage>), Error> {
    let mut out = x.core.buffers.take(SMALL.max(body.len()));
    if across.operation == Operation::Count {
        let tokens = across.read_count(body).map_err(|error| not_valid(&error))?;
        anthropic::count::write_answer(tokens, &mut out);
        return Ok((out, None));
    }
    let mut answer =
        read(across, prepared.given.as_mut(), body).map_err(|error| not_valid(&error))?;
    if let Some(failure) = &answer.failure {
        let message = format!("the provider failed: {}", failure.message.decode());
        return Err(Error::new(Kind::UpstreamGarbage, message));
    }
    if answer.start.model.is_empty() {
        answer.start.model = Text::plain(model);
    }
    x.core.signatures.remember(across.client, &answer, x.core.clock.now());
    if prepared.stream {
        // The upstream did not stream what it was asked to: the client still gets a stream.
        let given = prepared.given.as_mut();
        across.write_stream(body, given, &mut out).map_err(|error| not_valid(&error))?;
    } else {
        any::write_answer(across.client, &answer, across.seed, &mut out);
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

/// An upstream's refusal, in the client's words.
fn refusal(
    x: &Exchange<'_>,
    way: Way,
    head: Head,
    body: Vec<u8>,
    meter: &mut Meter,
) -> (Vec<u8>, Passed) {
    meter.record.outcome = Outcome::UpstreamFailed;
    let message = format!("the provider answered with status {}", head.status);
    meter.record.error = Some(Error::new(Kind::UpstreamRefused, message));
    let mut passed = head.passed;
    let client = x.endpoint.protocol();
    if let Way::Same { protocol, .. } = way
        && is_shaped(protocol, &body)
    {
        return (body, passed);
    }
    let failure = any::read_error(way.upstream(), head.status, head.error_type.as_deref(), &body);
    if let Way::Across(_) = way {
        meter.record.status = any::error_status(client, &failure);
    }
    let has = |name: &[u8]| passed.lines.windows(name.len()).any(|window| window == name);
    if let Some(wait) = failure.retry_after_ms
        && !has(b"retry-after: ")
    {
        let seconds = wait.div_ceil(1000);
        passed.lines.extend_from_slice(format!("retry-after: {seconds}\r\n").as_bytes());
    }
    let mut out = x.core.buffers.take(SMALL);
    any::write_error(client, &failure, &mut out);
    x.core.buffers.give(body);
    passed.content_type = ContentType::Json;
    (out, passed)
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
