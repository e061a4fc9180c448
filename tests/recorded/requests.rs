//! Recorded requests: read, and written again in their own protocol; forwarded byte for byte.

use crabllm::chat::Facts;
use crabllm::chat::Losses;
use crabllm::chat::Protocol;
use crabllm::chat::Request;
use crabllm::chat::ThinkingRule;
use crabllm::error::Error;
use crabllm::protocol::Target;
use crabllm::protocol::any;
use crabllm::protocol::openai::Endpoint;
use crabllm::protocol::openai::request::peek;
use serde_json::Value;

use crate::asked;
use crate::rows::Row;
use crate::table;

/// What the models of a protocol take.
fn facts(protocol: Protocol) -> Facts {
    match protocol {
        // Of others nobody knows whether they understand marks of OpenAI's; OpenAI does not take
        // thoughts back.
        Protocol::Openai => {
            let thinking = ThinkingRule::Effort;
            Facts { thinking, reasoning_back: true, ..Facts::default() }
        }
        Protocol::Anthropic => Facts { system_between: true, ..Facts::default() },
        Protocol::Gemini | Protocol::Bedrock | Protocol::Ollama => Facts::default(),
    }
}

/// Writes a request for a protocol.
fn written(
    protocol: Protocol,
    row: &Row,
    request: &Request<'_>,
) -> Result<(Vec<u8>, Losses), Error> {
    let facts = facts(protocol);
    let model = row.model.clone().unwrap_or_else(|| request.model.decode().into_owned());
    let target = Target::new(&model, &facts);
    let (mut out, mut losses) = (Vec::new(), Losses::default());
    any::write_request(protocol, request, &target, &mut out, &mut losses)?;
    Ok((out, losses))
}

/// Reads a request and writes it for the same protocol.
fn through(protocol: Protocol, row: &Row, body: &[u8]) -> Result<(Value, Losses), Error> {
    let request = any::read_request(protocol, body)?;
    let (out, losses) = written(protocol, row, &request)?;
    Ok((serde_json::from_slice(&out).expect("JSON"), losses))
}

/// All that is wrong with a row's request.
pub fn problems(protocol: Protocol, row: &Row) -> Vec<String> {
    let Some(request) = &row.request else { return Vec::new() };
    let body = request.to_string();
    let mut found = Vec::new();
    match protocol {
        Protocol::Openai => found.extend(forwarded(Endpoint::Chat, &body)),
        Protocol::Anthropic => found.extend(forwarded(Endpoint::Messages, &body)),
        // Their clients are not served.
        Protocol::Gemini | Protocol::Bedrock | Protocol::Ollama => {}
    }
    found.extend(match through(protocol, row, body.as_bytes()) {
        Err(error) if table::refused(protocol, &error.message) => None,
        Err(error) => Some(format!("request refused: {error} ({:?})", error.param)),
        Ok((written, losses)) => {
            let mut names = losses.names().iter();
            match names.find(|name| !table::told(protocol, name)) {
                Some(name) => Some(format!("request: its own protocol reports {name}")),
                None => table::compare(protocol, "request", request, &written),
            }
        }
    });
    for other in Protocol::ALL.into_iter().filter(|other| *other != protocol) {
        found.extend(crossed(protocol, other, row, body.as_bytes()));
    }
    found
}

/// A request for a provider of another protocol asks for the same, but for what is told.
fn crossed(protocol: Protocol, other: Protocol, row: &Row, body: &[u8]) -> Option<String> {
    let place = format!("{} to {}", protocol.as_str(), other.as_str());
    let request = any::read_request(protocol, body).ok()?;
    let (out, losses) = match written(other, row, &request) {
        Ok(written) => written,
        Err(error) if table::refused(other, &error.message) => return None,
        Err(error) => return Some(format!("{place}: request refused: {error}")),
    };
    let back = match any::read_request(other, &out) {
        Ok(back) => back,
        Err(error) if table::refused(other, &error.message) => return None,
        Err(error) => return Some(format!("{place}: its own request refused: {error}")),
    };
    let [mut before, mut after] = [&request, &back].map(asked::request);
    for name in losses.names() {
        asked::forget(&mut before, name);
        asked::forget(&mut after, name);
    }
    table::compare(other, "asked", &before, &after).map(|found| format!("{place}: {found}"))
}

/// An upstream of the same protocol and model is sent the same bytes; to a stream of OpenAI's that
/// does not ask for its usage, that wish is added, and nothing else.
fn forwarded(endpoint: Endpoint, body: &str) -> Option<String> {
    let ask = match peek(endpoint, body.as_bytes()) {
        Ok(ask) => ask,
        Err(error) => return Some(format!("request refused as it is forwarded: {error}")),
    };
    let mut out = Vec::new();
    ask.patch(&ask.model, true).write(&mut out, body.as_bytes(), body.len());
    let out = String::from_utf8(out).expect("UTF-8");
    let wish = r#""stream_options":{"include_usage":true},"#;
    let same = if ask.hides_usage() { out.replacen(wish, "", 1) } else { out };
    (same != body).then(|| "request: forwarded with other bytes".to_owned())
}
