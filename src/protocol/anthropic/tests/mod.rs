//! What the two directions say of each other, and what each says of bodies written here.

mod answers;
mod errors;
mod properties;
mod requests;
mod streams;
mod thinking;
mod tools;
mod writes;

use crate::chat::Answer;
use crate::chat::Facts;
use crate::chat::Fold;
use crate::chat::Losses;
use crate::chat::Request;
use crate::chat::Sink;
use crate::error::Error;
use crate::protocol::Seed;
use crate::protocol::Target;
use crate::protocol::anthropic::fuzz::drive;
use crate::protocol::anthropic::request;
use crate::protocol::anthropic::response;
use crate::protocol::anthropic::stream::Writer;

const SEED: Seed = Seed { now: 1_700_000_000, random: 11 };

/// What a request becomes, and what was lost on the way.
fn written(request: &Request<'_>, facts: &Facts) -> Result<(String, Vec<String>), Error> {
    let mut out = b"kept".to_vec();
    let mut losses = Losses::default();
    let target = Target::new("claude-x", facts);
    let result = request::write(request, &target, &mut out, &mut losses);
    let body = out.split_off(4);
    assert_eq!(out, b"kept");
    if let Err(error) = result {
        assert!(body.is_empty());
        return Err(error);
    }
    let names = losses.names().iter().map(|name| name.clone().into_owned()).collect();
    Ok((String::from_utf8(body).unwrap(), names))
}

/// The same, as a tree.
#[track_caller]
fn tree_of(request: &Request<'_>, facts: &Facts) -> (serde_json::Value, Vec<String>) {
    let (body, losses) = written(request, facts).unwrap();
    (tree(&body), losses)
}

fn tree(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}

/// A whole answer, put together.
#[track_caller]
fn folded(body: &str) -> Answer<'_> {
    let mut fold = Fold::default();
    response::read(body.as_bytes(), SEED, &mut fold).unwrap();
    fold.answer()
}

/// A stream, put together.
#[track_caller]
fn folded_stream(body: &str) -> Answer<'static> {
    let (events, result) = drive(&[body.as_bytes()]);
    assert_eq!(result, Ok(()), "{body}");
    let mut fold = Fold::default();
    events.0.into_iter().for_each(|event| fold.event(event));
    fold.answer()
}

/// The events as a stream.
fn streamed(events: &[crate::chat::Event<'_>]) -> String {
    let mut writer = Writer::new(SEED, false);
    let mut out = Vec::new();
    events.iter().for_each(|event| writer.write(event, &mut out));
    String::from_utf8(out).unwrap()
}
