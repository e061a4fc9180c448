//! What the halves of this protocol hold to, each by itself and against each other.

mod answers;
mod errors;
mod others;
mod properties;
mod read;
mod streams;
mod thinking;
mod write;

use crate::chat::Answer;
use crate::chat::Event;
use crate::chat::Facts;
use crate::chat::Fold;
use crate::chat::Losses;
use crate::chat::Request;
use crate::chat::Sink;
use crate::error::Error;
use crate::protocol::Target;
use crate::protocol::gemini::fuzz::SEED;
use crate::protocol::gemini::request;
use crate::protocol::gemini::response;

/// Writes a request: its body and the names of what was lost.
fn written(request: &Request<'_>, facts: &Facts) -> Result<(String, Vec<String>), Error> {
    let (mut out, mut losses) = (Vec::new(), Losses::default());
    let target = Target::new("m", facts);
    request::write(request, &target, &mut out, &mut losses)?;
    let losses = losses.names().iter().map(ToString::to_string).collect();
    Ok((String::from_utf8(out).unwrap(), losses))
}

fn folded<'a>(events: impl IntoIterator<Item = Event<'a>>) -> Answer<'a> {
    let mut fold = Fold::default();
    events.into_iter().for_each(|event| fold.event(event));
    fold.answer()
}

/// The events of a whole answer.
fn events(body: &str) -> Vec<Event<'_>> {
    let mut events: Vec<Event<'_>> = Vec::new();
    response::read(body.as_bytes(), SEED, &mut events).unwrap();
    events
}
