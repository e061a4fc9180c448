//! Tests of the protocol: each half by itself, and the halves against each other.

mod answers;
mod embeddings;
mod properties;
mod recorded;
mod refusals;
mod requests;
mod streams;

use crate::chat::Answer;
use crate::chat::Facts;
use crate::chat::Fold;
use crate::chat::Losses;
use crate::chat::Request;
use crate::error::Error;
use crate::protocol::Garbage;
use crate::protocol::Seed;
use crate::protocol::Target;
use crate::protocol::ollama::request;
use crate::protocol::ollama::response;

const SEED: Seed = Seed { now: 1_700_000_000, random: 7 };

/// The request as an upstream sees it, and what was lost.
fn written(request: &Request<'_>, facts: &Facts) -> Result<(String, Vec<String>), Error> {
    let mut out = Vec::new();
    let mut losses = Losses::default();
    request::write(request, &Target::new("up", facts), &mut out, &mut losses)?;
    let names = losses.names().iter().map(|name| name.clone().into_owned()).collect();
    Ok((String::from_utf8(out).unwrap(), names))
}

/// What becomes of a request of this format.
fn through(body: &str) -> String {
    let request = request::read(body.as_bytes()).unwrap();
    let (text, losses) = written(&request, &Facts::default()).unwrap();
    assert_eq!(losses, [""; 0], "{body}");
    text
}

/// A whole answer, read.
fn answer(body: &str) -> Result<Answer<'_>, Garbage> {
    let mut fold = Fold::default();
    response::read(body.as_bytes(), SEED, &mut fold)?;
    Ok(fold.answer())
}

/// A whole answer, written.
fn answer_text(answer: &Answer<'_>) -> String {
    let mut out = Vec::new();
    response::write(answer, SEED, &mut out);
    String::from_utf8(out).unwrap()
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}
