//! Token counts for a provider that has no endpoint for them: an estimate, marked as one.

use crate::chat::estimate;
use crate::error::Error;
use crate::exchange::Exchange;
use crate::exchange::reply::Framing;
use crate::exchange::reply::Passed;
use crate::net::buffers::SMALL;
use crate::net::downstream::Request;
use crate::observe::Meter;
use crate::observe::Outcome;
use crate::protocol::anthropic::count;

/// Answers with an estimate.
pub async fn estimate(
    x: &mut Exchange<'_>,
    request: &Request,
    meter: &mut Meter,
) -> Result<(), Error> {
    let tokens = estimate::tokens(&count::read_request(request.body())?);
    let mut body = Vec::new();
    count::write_answer(tokens, &mut body);
    meter.record.status = 200;
    meter.record.outcome = Outcome::Answered;
    meter.record.response_bytes = body.len() as u64;
    let mut passed = Passed::default();
    passed.line(b"x-crabllm-estimate", b"true");
    let mut out = x.core.buffers.take(SMALL);
    x.reply.head(&mut out, x.core, meter, Framing::Length(body.len()), &passed);
    out.extend_from_slice(&body);
    x.client.send(out).await?;
    Ok(())
}
